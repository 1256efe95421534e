//! Placement over random fleets: whatever comes, nothing is promised twice and no rule is broken.

use std::collections::BTreeMap;

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{InstanceId, ServerId, instance::EnvironmentType};

const GIB: u64 = 1 << 30;

fn server(name: &str) -> Server {
    Server {
        id: ServerId::new(),
        name: name.to_owned(),
        unavailable: None,
        cordoned: false,
        cores: 4,
        capacity: Amounts {
            cpu_millis: 16_000,
            memory_bytes: 13 * GIB,
            disk_bytes: 90 * GIB,
        },
        residents: Vec::new(),
        current: Use::default(),
        country: None,
        region: None,
        labels: BTreeMap::new(),
        taints: Vec::new(),
        dedicated_to: None,
        separate_production: false,
    }
}

fn wish(environment: EnvironmentType) -> Wish {
    Wish::of(Need {
        environment,
        workers: Some(2),
        memory_bytes: Some(2 * GIB),
        cpu_limit_millis: Some(1000),
        disk_bytes: DISK,
    })
}

/// The instance that a wish becomes.
fn resident(wish: &Wish, amounts: Amounts) -> Resident {
    Resident {
        id: InstanceId::new(),
        environment: wish.need.environment,
        group: wish.group.clone(),
        anti_affinity: wish.anti_affinity,
        amounts,
    }
}

fn codes(verdict: &Verdict) -> Vec<ReasonCode> {
    match verdict {
        Verdict::Suits { .. } => Vec::new(),
        Verdict::Refused { reasons } => reasons.iter().map(|reason| reason.code).collect(),
    }
}

fn first(wish: &Wish, policy: Policy, servers: &[Server]) -> String {
    rank(wish, policy, servers)[0].name.clone()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn what_is_refused_is_refused_for_its_reason() {
    use EnvironmentType::{Development, Production};
    let plain = wish(Production);
    let ours = Wish {
        group: Some("acme".to_owned()),
        ..plain.clone()
    };
    let apart = Wish {
        anti_affinity: true,
        ..ours.clone()
    };
    let bears = |environment, group: Option<&str>, anti_affinity| Server {
        separate_production: true,
        residents: vec![Resident {
            id: InstanceId::new(),
            environment,
            group: group.map(str::to_owned),
            anti_affinity,
            amounts: Amounts::default(),
        }],
        ..server("one")
    };
    let tainted = Server {
        taints: vec![Taint {
            key: "gpu".to_owned(),
            value: None,
        }],
        ..server("one")
    };
    let dedicated = Server {
        dedicated_to: Some("acme".to_owned()),
        ..server("one")
    };
    let tolerant = Wish {
        tolerations: vec![Toleration {
            key: "gpu".to_owned(),
            value: None,
        }],
        ..plain.clone()
    };
    let labelled = Wish {
        labels: BTreeMap::from([("disk".to_owned(), "nvme".to_owned())]),
        ..plain.clone()
    };
    let cordoned = Server {
        cordoned: true,
        ..server("one")
    };
    let away = Server {
        unavailable: Some("It is unreachable".to_owned()),
        ..server("one")
    };
    let large = |change: fn(&mut Need)| {
        let mut wish = plain.clone();
        change(&mut wish.need);
        wish
    };
    for (wish, server, expected) in [
        (&plain, server("one"), vec![]),
        (&plain, cordoned, vec![ReasonCode::Cordoned]),
        (&plain, away, vec![ReasonCode::NotActive]),
        (&plain, tainted.clone(), vec![ReasonCode::Taint]),
        (&tolerant, tainted, vec![]),
        (&labelled, server("one"), vec![ReasonCode::Label]),
        (&plain, dedicated.clone(), vec![ReasonCode::Dedicated]),
        (&ours, dedicated, vec![]),
        (
            &plain,
            bears(Development, None, false),
            vec![ReasonCode::ProductionApart],
        ),
        (&plain, bears(Production, None, false), vec![]),
        (
            &wish(Development),
            bears(Production, None, false),
            vec![ReasonCode::ProductionApart],
        ),
        (&ours, bears(Production, Some("acme"), false), vec![]),
        (
            &ours,
            bears(Production, Some("acme"), true),
            vec![ReasonCode::AntiAffinity],
        ),
        (
            &apart,
            bears(Production, Some("acme"), false),
            vec![ReasonCode::AntiAffinity],
        ),
        (&apart, bears(Production, Some("other"), true), vec![]),
        (
            &large(|need| need.memory_bytes = Some(14 * GIB)),
            server("one"),
            vec![ReasonCode::Memory],
        ),
        (
            &large(|need| need.cpu_limit_millis = Some(4001)),
            server("one"),
            vec![ReasonCode::Cores],
        ),
        (
            &large(|need| need.disk_bytes = 91 * GIB),
            server("one"),
            vec![ReasonCode::Disk],
        ),
    ] {
        let verdict = judge(wish, Policy::Spread, Choice::Ours, &server);
        assert_eq!(codes(&verdict), expected, "{wish:?} on {server:?}");
    }
}

#[test]
fn who_names_a_server_sets_preferences_aside_and_nothing_else() {
    let mut all = Server {
        cordoned: true,
        dedicated_to: Some("other".to_owned()),
        taints: vec![Taint {
            key: "gpu".to_owned(),
            value: None,
        }],
        ..server("one")
    };
    let wish = Wish {
        labels: BTreeMap::from([("disk".to_owned(), "nvme".to_owned())]),
        ..wish(EnvironmentType::Production)
    };
    let theirs = |server: &Server| codes(&judge(&wish, Policy::Spread, Choice::Theirs, server));
    assert_eq!(theirs(&all), [ReasonCode::Cordoned, ReasonCode::Dedicated]);
    all.cordoned = false;
    all.dedicated_to = None;
    assert_eq!(theirs(&all), []);
}

#[test]
fn spread_takes_the_emptiest_and_pack_the_fullest() {
    let wish = wish(EnvironmentType::Development);
    let (empty, mut half) = (server("empty"), server("half"));
    half.residents.push(resident(
        &wish,
        Amounts {
            memory_bytes: 6 * GIB,
            ..Amounts::default()
        },
    ));
    let servers = [empty, half];
    assert_eq!(first(&wish, Policy::Spread, &servers), "empty");
    assert_eq!(first(&wish, Policy::Pack, &servers), "half");
}

#[test]
fn the_nearer_one_is_taken_and_a_region_that_is_named_first() {
    let at = |name: &str, country: &str, region: Option<&str>| Server {
        country: country.parse().ok(),
        region: region.map(str::to_owned),
        ..server(name)
    };
    let servers = [
        at("far", "AU", None),
        at("near", "NL", None),
        at("named", "US", Some("east")),
    ];
    let from = |country: &str, region: Option<&str>| Wish {
        country: country.parse().ok(),
        region: region.map(str::to_owned),
        ..wish(EnvironmentType::Production)
    };
    assert_eq!(first(&from("DE", None), Policy::Spread, &servers), "near");
    assert_eq!(first(&from("NZ", None), Policy::Spread, &servers), "far");
    assert_eq!(
        first(&from("DE", Some("East")), Policy::Spread, &servers),
        "named"
    );
}

#[test]
fn what_is_busy_now_comes_later() {
    let busy = Server {
        current: Use {
            cpu: Some(0.9),
            memory: Some(0.5),
            disk_free_bytes: None,
        },
        ..server("a")
    };
    let idle = Server {
        current: Use {
            cpu: Some(0.1),
            ..Use::default()
        },
        ..server("b")
    };
    let wish = wish(EnvironmentType::Production);
    assert_eq!(first(&wish, Policy::Spread, &[busy.clone(), idle]), "b");
    let full = Server {
        current: Use {
            disk_free_bytes: Some(GIB),
            ..Use::default()
        },
        ..busy
    };
    assert_eq!(
        codes(&judge(&wish, Policy::Spread, Choice::Ours, &full)),
        [ReasonCode::Disk]
    );
}

fn a_word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["red", "blue", "green"]).prop_map(str::to_owned)
}

fn an_environment() -> impl Strategy<Value = EnvironmentType> {
    prop::sample::select(EnvironmentType::ALL.to_vec())
}

fn a_server() -> impl Strategy<Value = Server> {
    let size = (1_u32..33, 1_u64..257, 10_u64..1000);
    let marks = (
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.4),
        option::weighted(0.3, a_word()),
        vec((a_word(), option::of(a_word())), 0..2),
        prop::collection::btree_map(a_word(), a_word(), 0..3),
    );
    let place = (
        option::of(prop::sample::select(vec!["DE", "US", "ZZ"])),
        option::of(0.0_f64..1.0),
    );
    (size, marks, place).prop_map(|((cores, memory, disk), marks, (country, cpu))| {
        let (cordoned, away, separate_production, dedicated_to, taints, labels) = marks;
        Server {
            unavailable: away.then(|| "It is unreachable".to_owned()),
            cordoned,
            cores,
            capacity: Amounts {
                cpu_millis: u64::from(cores) * 1000 * CPU_OVERCOMMIT,
                memory_bytes: memory * GIB - memory_reserve(memory * GIB),
                disk_bytes: disk * GIB,
            },
            current: Use {
                cpu,
                ..Use::default()
            },
            country: country.and_then(|country| country.parse().ok()),
            labels,
            taints: taints
                .into_iter()
                .map(|(key, value)| Taint { key, value })
                .collect(),
            dedicated_to,
            separate_production,
            ..server("s")
        }
    })
}

fn a_wish() -> impl Strategy<Value = Wish> {
    let need = (
        an_environment(),
        option::of(0_u32..20),
        option::of(1_u64..40),
        option::of(100_u32..20_000),
        1_u64..100,
    );
    let marks = (
        option::weighted(0.7, a_word()),
        prop::bool::weighted(0.3),
        prop::collection::btree_map(a_word(), a_word(), 0..1),
        vec((a_word(), option::of(a_word())), 0..3),
        option::of(prop::sample::select(vec!["DE", "US", "NZ"])),
    );
    (need, marks).prop_map(
        |((environment, workers, memory, cpu_limit_millis, disk), marks)| {
            let (group, anti_affinity, labels, tolerations, country) = marks;
            Wish {
                group,
                anti_affinity,
                labels,
                tolerations: tolerations
                    .into_iter()
                    .map(|(key, value)| Toleration { key, value })
                    .collect(),
                country: country.and_then(|country| country.parse().ok()),
                ..Wish::of(Need {
                    environment,
                    workers,
                    memory_bytes: memory.map(|gib| gib * GIB / 2),
                    cpu_limit_millis,
                    disk_bytes: disk * GIB,
                })
            }
        },
    )
}

/// Checks a server with what was placed on it, rule by rule and without placement's own arithmetic.
fn check(server: &Server, placed: &[(Wish, Amounts)]) {
    let sum = |of: fn(&Amounts) -> u64| {
        placed
            .iter()
            .map(|(_, amounts)| u128::from(of(amounts)))
            .sum::<u128>()
    };
    assert!(
        sum(|a| a.memory_bytes) <= u128::from(server.capacity.memory_bytes),
        "memory"
    );
    assert!(
        sum(|a| a.disk_bytes) <= u128::from(server.capacity.disk_bytes),
        "disk"
    );
    assert!(
        sum(|a| a.cpu_millis) <= u128::from(server.cores) * 1000 * u128::from(CPU_OVERCOMMIT),
        "CPU"
    );
    assert!(
        placed.is_empty() || !server.cordoned,
        "placed on a cordoned server"
    );
    assert!(
        placed.is_empty() || server.unavailable.is_none(),
        "placed on one that is away"
    );
    for (i, (wish, amounts)) in placed.iter().enumerate() {
        assert!(
            amounts.cpu_millis <= u64::from(server.cores) * 1000,
            "more cores than it has"
        );
        assert!(
            server.dedicated_to.is_none() || server.dedicated_to == wish.group,
            "on one dedicated to others"
        );
        for taint in &server.taints {
            let borne = wish
                .tolerations
                .iter()
                .any(|t| t.key == taint.key && (t.value.is_none() || t.value == taint.value));
            assert!(borne, "a taint is not borne");
        }
        for (key, value) in &wish.labels {
            assert_eq!(server.labels.get(key), Some(value), "a label is missing");
        }
        for (other, _) in placed.iter().skip(i + 1) {
            let production = |wish: &Wish| wish.need.environment == EnvironmentType::Production;
            assert!(
                !server.separate_production || production(wish) == production(other),
                "production beside something else"
            );
            let same = wish.group.is_some() && wish.group == other.group;
            assert!(
                !(same && (wish.anti_affinity || other.anti_affinity)),
                "not kept apart"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Wishes come again and again until every server refuses every one of them.
    #[test]
    fn nothing_is_promised_twice(
        mut servers in vec(a_server(), 1..7),
        wishes in vec(a_wish(), 1..8),
        pack in any::<bool>(),
    ) {
        let policy = if pack { Policy::Pack } else { Policy::Spread };
        let mut placed: Vec<Vec<(Wish, Amounts)>> = vec![Vec::new(); servers.len()];
        let mut went_on = true;
        // A server of 256 GiB and a wish for half of one: nothing goes on for ever.
        let mut count = 0;
        while went_on {
            went_on = false;
            for wish in &wishes {
                let ranked = rank(wish, policy, &servers);
                prop_assert_eq!(ranked.len(), servers.len());
                prop_assert!(ranked.windows(2).all(|pair| pair[0].score() >= pair[1].score()));
                prop_assert!(ranked.iter().all(|one| one.score().is_none_or(|score| score <= 100)));
                let best = &ranked[0];
                if best.score().is_none() {
                    let told = |one: &Placed| matches!(&one.verdict, Verdict::Refused { reasons } if !reasons.is_empty());
                    prop_assert!(ranked.iter().all(told), "refused without a reason");
                    continue;
                }
                let at = servers.iter().position(|server| server.id == best.server).unwrap();
                servers[at].residents.push(resident(wish, best.amounts));
                placed[at].push((wish.clone(), best.amounts));
                went_on = true;
                count += 1;
                prop_assert!(count < 20_000);
            }
        }
        for (server, placed) in servers.iter().zip(&placed) {
            check(server, placed);
        }
    }

    /// Nor does who names a server overcommit its memory or disk, or break into what is kept apart.
    #[test]
    fn nor_by_who_names_the_server(mut server in a_server(), wishes in vec(a_wish(), 1..60)) {
        for wish in &wishes {
            let amounts = wish.need.amounts(server.cores, server.free().memory_bytes);
            if matches!(judge(wish, Policy::Spread, Choice::Theirs, &server), Verdict::Suits { .. }) {
                server.residents.push(resident(wish, amounts));
            }
        }
        let promised = server.promised();
        prop_assert!(promised.memory_bytes <= server.capacity.memory_bytes);
        prop_assert!(promised.disk_bytes <= server.capacity.disk_bytes);
        prop_assert!(server.residents.is_empty() || !server.cordoned);
        prop_assert!(server.residents.iter().all(|one| server.dedicated_to.is_none() || server.dedicated_to == one.group));
    }
}
