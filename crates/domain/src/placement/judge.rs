//! Whether a server can take an instance, and how well it suits.

use super::{
    Amounts, CPU_OVERCOMMIT, Policy, Reason, ReasonCode, Server, Verdict, Wish, kilometres, round_trip_ms,
};
use crate::instance::EnvironmentType;

/// How much each part of a score weighs. What is not known or not asked for weighs nothing.
const ROOM: f64 = 60.0;
const DISTANCE: f64 = 30.0;
const CURRENT_USE: f64 = 20.0;
/// The round trip in milliseconds at which nearness is worth nothing any more.
const FAR_MS: f64 = 300.0;

/// Who names the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Placement looks for one.
    Ours,
    /// Somebody named it: they may set aside what is a preference ([`ReasonCode::yields_to_choice`]).
    Theirs,
}

/// Looks at one server.
pub fn judge(wish: &Wish, policy: Policy, choice: Choice, server: &Server) -> Verdict {
    let mut reasons = refusals(wish, server);
    if choice == Choice::Theirs {
        reasons.retain(|reason| !reason.code.yields_to_choice());
    }
    if reasons.is_empty() {
        suits(wish, policy, server)
    } else {
        Verdict::Refused { reasons }
    }
}

/// All that stands in the way.
fn refusals(wish: &Wish, server: &Server) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(why) = &server.unavailable {
        reasons.push(Reason::new(ReasonCode::NotActive, why, []));
    }
    if server.cordoned {
        let text = "It is cordoned: it takes no new instance";
        reasons.push(Reason::new(ReasonCode::Cordoned, text, []));
    }
    if server.unavailable.is_none() {
        room(wish, server, &mut reasons);
    }
    for taint in &server.taints {
        if !wish.tolerations.iter().any(|toleration| toleration.bears(taint)) {
            let text = format!("It has the taint `{taint}`, which is not tolerated");
            reasons.push(Reason::new(ReasonCode::Taint, text, []));
        }
    }
    for (key, value) in &wish.labels {
        if server.labels.get(key) != Some(value) {
            let text = format!("It lacks the label `{key}={value}`");
            reasons.push(Reason::new(ReasonCode::Label, text, []));
        }
    }
    beside(wish, server, &mut reasons);
    reasons
}

/// What it has left has to hold what is asked for.
fn room(wish: &Wish, server: &Server, reasons: &mut Vec<Reason>) {
    let free = server.free();
    let wanted = wish.need.amounts(server.cores, free.memory_bytes);
    if wanted.memory_bytes > free.memory_bytes {
        reasons.push(Reason::new(
            ReasonCode::Memory,
            format!(
                "{} MiB of memory are asked for, and {} MiB are neither promised nor reserved",
                wanted.memory_bytes >> 20,
                free.memory_bytes >> 20
            ),
            [
                ("wantedMemoryBytes", float(wanted.memory_bytes)),
                ("freeMemoryBytes", float(free.memory_bytes)),
            ],
        ));
    }
    if wanted.cpu_millis > u64::from(server.cores) * 1000 {
        reasons.push(Reason::new(
            ReasonCode::Cores,
            format!(
                "{} cores are asked for, and it has {}",
                cores(wanted.cpu_millis),
                server.cores
            ),
            [
                ("wantedCores", float(wanted.cpu_millis) / 1000.0),
                ("cores", f64::from(server.cores)),
            ],
        ));
    } else if wanted.cpu_millis > free.cpu_millis {
        reasons.push(Reason::new(
            ReasonCode::Cpu,
            format!(
                "{} cores are asked for; of its {} cores, promised {CPU_OVERCOMMIT} times, {} are left",
                cores(wanted.cpu_millis),
                server.cores,
                cores(free.cpu_millis)
            ),
            [
                ("wantedCores", float(wanted.cpu_millis) / 1000.0),
                ("freeCores", float(free.cpu_millis) / 1000.0),
            ],
        ));
    }
    let really = server.current.disk_free_bytes.unwrap_or(u64::MAX);
    let disk = free.disk_bytes.min(really);
    if wanted.disk_bytes > disk {
        reasons.push(Reason::new(
            ReasonCode::Disk,
            format!(
                "{} MiB of disk are asked for, and {} MiB are {}",
                wanted.disk_bytes >> 20,
                disk >> 20,
                if disk == really {
                    "free"
                } else {
                    "neither promised nor reserved"
                }
            ),
            [
                ("wantedDiskBytes", float(wanted.disk_bytes)),
                ("freeDiskBytes", float(disk)),
            ],
        ));
    }
}

/// Beside whom it may stand.
fn beside(wish: &Wish, server: &Server, reasons: &mut Vec<Reason>) {
    if server.dedicated_to.is_some() && server.dedicated_to != wish.group {
        // To whom is not everybody's to know.
        let text = "It is dedicated to another placement group";
        reasons.push(Reason::new(ReasonCode::Dedicated, text, []));
    }
    let production = wish.need.environment == EnvironmentType::Production;
    if server.separate_production {
        let is_production = |of: EnvironmentType| of == EnvironmentType::Production;
        let others = server.residents.iter();
        let others = others
            .filter(|resident| is_production(resident.environment) != production)
            .count();
        if others > 0 {
            let text = if production {
                "Production is kept apart on it, and it bears instances that are not production"
            } else {
                "Production is kept apart on it, and it bears production"
            };
            reasons.push(Reason::new(
                ReasonCode::ProductionApart,
                text,
                [("instances", float(others as u64))],
            ));
        }
    }
    let same = |group: &Option<String>| group.is_some() && *group == wish.group;
    let of_group = server.residents.iter().filter(|resident| same(&resident.group));
    let in_the_way = of_group
        .filter(|resident| wish.anti_affinity || resident.anti_affinity)
        .count();
    if in_the_way > 0 {
        reasons.push(Reason::new(
            ReasonCode::AntiAffinity,
            format!(
                "It bears another instance of the placement group `{}`, and they are to be kept apart",
                wish.group.as_deref().unwrap_or_default()
            ),
            [("instances", float(in_the_way as u64))],
        ));
    }
}

/// The score of a server that can take it: the parts that are known, by their weights.
fn suits(wish: &Wish, policy: Policy, server: &Server) -> Verdict {
    let parts = [
        Some(by_room(wish, policy, server)),
        by_distance(wish, server),
        by_current_use(server),
    ];
    let (mut sum, mut weights, mut reasons) = (0.0, 0.0, Vec::new());
    for (weight, worth, reason) in parts.into_iter().flatten() {
        sum += weight * worth.clamp(0.0, 1.0);
        weights += weight;
        reasons.push(reason);
    }
    let score = if weights > 0.0 { 100.0 * sum / weights } else { 0.0 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and 100"
    )]
    let score = score.round() as u8;
    Verdict::Suits { score, reasons }
}

/// Weight, worth from 0 to 1, and why.
type Part = (f64, f64, Reason);

fn by_room(wish: &Wish, policy: Policy, server: &Server) -> Part {
    let free = server.free();
    let wanted = wish.need.amounts(server.cores, free.memory_bytes);
    let after: Amounts = server.promised().plus(wanted);
    let share = |part: u64, of: u64| if of == 0 { 1.0 } else { float(part) / float(of) };
    let (cpu, memory, disk) = (
        share(after.cpu_millis, server.capacity.cpu_millis),
        share(after.memory_bytes, server.capacity.memory_bytes),
        share(after.disk_bytes, server.capacity.disk_bytes),
    );
    // What is scarcest decides.
    let fullest = cpu.max(memory).max(disk);
    let worth = match policy {
        Policy::Spread => 1.0 - fullest,
        Policy::Pack => fullest,
    };
    let text = format!(
        "With it, {:.0} % of the memory, {:.0} % of the CPU and {:.0} % of the disk that can be promised are promised{}",
        memory * 100.0,
        cpu * 100.0,
        disk * 100.0,
        match policy {
            Policy::Spread => "; the emptier, the better",
            Policy::Pack => "; the fuller, the better",
        }
    );
    let figures = [
        ("memoryPromisedPercent", percent(memory)),
        ("cpuPromisedPercent", percent(cpu)),
        ("diskPromisedPercent", percent(disk)),
        ("memoryFreeBytes", float(free.memory_bytes)),
        ("instances", float(server.residents.len() as u64)),
    ];
    (ROOM, worth, Reason::new(ReasonCode::Room, text, figures))
}

fn by_distance(wish: &Wish, server: &Server) -> Option<Part> {
    if let (Some(wanted), Some(region)) = (&wish.region, &server.region)
        && wanted.eq_ignore_ascii_case(region)
    {
        let text = format!("It is in the region {region}, as wished");
        return Some((DISTANCE, 1.0, Reason::new(ReasonCode::Distance, text, [])));
    }
    let unknown = |text: &str| Some((DISTANCE, 0.0, Reason::new(ReasonCode::DistanceUnknown, text, [])));
    match (wish.country, server.country) {
        (Some(_), None) => unknown("Its country is not said, so that its distance is not known"),
        (Some(users), Some(here)) if users == here => {
            let text = format!("It is in {here}, where the users are");
            // A region that was wished for as well, and is another, counts a little.
            let worth = if wish.region.is_some() { 0.8 } else { 1.0 };
            Some((
                DISTANCE,
                worth,
                Reason::new(ReasonCode::Distance, text, [("kilometres", 0.0)]),
            ))
        }
        (Some(users), Some(here)) => match kilometres(users, here) {
            None => unknown("The distance between its country and that of the users is not known"),
            Some(km) => {
                let ms = round_trip_ms(km);
                let text = format!(
                    "It is in {here}, about {km:.0} km from {users}: by the map, not measured, a round trip of some {ms:.0} ms"
                );
                let figures = [("kilometres", km.round()), ("estimatedRoundTripMs", ms.round())];
                Some((
                    DISTANCE,
                    0.8 * (1.0 - ms / FAR_MS),
                    Reason::new(ReasonCode::Distance, text, figures),
                ))
            }
        },
        (None, _) if wish.region.is_some() => {
            unknown("It is in another region than wished, or in none that is said")
        }
        (None, _) => None,
    }
}

fn by_current_use(server: &Server) -> Option<Part> {
    let (cpu, memory) = (server.current.cpu, server.current.memory);
    let fullest = cpu.into_iter().chain(memory).reduce(f64::max)?;
    let said: Vec<String> = [("CPU", cpu), ("memory", memory)]
        .into_iter()
        .filter_map(|(what, share)| share.map(|share| format!("{:.0} % of its {what}", share * 100.0)))
        .collect();
    let text = format!("It uses {} just now", said.join(" and "));
    let figures = [("cpuPercent", cpu), ("memoryPercent", memory)];
    let figures = figures
        .into_iter()
        .filter_map(|(name, share)| share.map(|share| (name, percent(share))));
    Some((
        CURRENT_USE,
        1.0 - fullest,
        Reason::new(ReasonCode::CurrentUse, text, figures),
    ))
}

fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0
}

fn cores(millis: u64) -> String {
    format!("{}", float(millis) / 1000.0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "figures for people: 53 bits are plenty"
)]
const fn float(number: u64) -> f64 {
    number as f64
}
