//! Evaluates all rules of all organizations: a few statements to read, one judgement each (`ocore_domain::alerts::judge`),
//! and a handful of statements to write, all in one transaction with the deliveries that follow.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use ocore_domain::{
    AlertRuleId, Problem,
    alerts::{Aggregate, Ending, Metric, NoticeKind, Reading, Standing, Step, SubjectKind, judge},
};
use ocore_store::{
    PgConnection,
    alerts::{
        events::{self, Cause, NewEvent},
        readings::{self, Row},
        rules::{self, Rule, Version},
        states::{self, State},
    },
    availability,
};
use tokio::time::sleep;
use uuid::Uuid;

use super::tell;
use crate::{Hands, reach};

/// How long nobody may have watched before what was is not known, in seconds.
const WATCHED: f64 = 90.0;

/// Servers whose samples are read at once. Requests have the processors to themselves in between: together a thousand servers'
/// are some tenths of a second, in which a small machine has none left for anybody else.
const AT_ONCE: usize = 32;
/// How long, and how long at most in all.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSES: Duration = Duration::from_millis(1500);

/// A rule and what it is about.
type Key = (Uuid, Uuid);

/// What is to be written.
#[derive(Default)]
struct Changes {
    put: Vec<(Uuid, Uuid, Standing, Option<Uuid>)>,
    forget: Vec<Key>,
    open: Vec<NewEvent>,
    end: Vec<(Uuid, Ending)>,
    suppress: Vec<(Uuid, Uuid)>,
    unsuppress: Vec<Uuid>,
    /// Alerts of which people are told late, as nothing explains them any longer.
    tell_begin: Vec<Uuid>,
    /// Alerts of whose end people are told.
    tell_end: Vec<Uuid>,
}

/// What was judged, by which rules, as of which newest sample: it need not be judged again.
#[derive(Debug, Default)]
pub(super) struct Judged {
    rules: Option<Version>,
    servers: HashMap<Uuid, DateTime<Utc>>,
}

impl Judged {
    /// What is newer than this.
    async fn news(&self, conn: &mut PgConnection) -> Result<(Self, Vec<Uuid>), Problem> {
        let now = Self {
            rules: Some(rules::version(conn).await?),
            servers: readings::newest(conn).await?.into_iter().collect(),
        };
        let is_new = |(server, at): &(&Uuid, &DateTime<Utc>)| {
            now.rules != self.rules || self.servers.get(*server) != Some(*at)
        };
        let news = now.servers.iter().filter(is_new).map(|(server, _)| *server);
        let news = news.collect();
        Ok((now, news))
    }
}

/// Looks at everything once: who can be reached, which rules are broken, what was up.
pub async fn evaluate(hands: &Hands) -> Result<(), Problem> {
    evaluate_news(hands, &mut Judged::default()).await
}

/// The same, and at samples only that were not judged.
pub(super) async fn evaluate_news(hands: &Hands, judged: &mut Judged) -> Result<(), Problem> {
    // What comes in while it is judged is new again the next time.
    let (newest, news) = judged.news(&mut *hands.store().connection().await?).await?;
    reach::settle(hands, &news).await?;
    let mut tx = hands.store().begin().await?;
    states::lock(&mut tx).await?;
    // After the lock: it may have been waited for.
    let now = Utc::now();
    rules::ensure_presets(&mut tx, None).await?;
    let (rows, states) = read(&mut tx, &news).await?;
    let mut ids: HashSet<Uuid> = rows.keys().map(|key| key.0).collect();
    ids.extend(states.keys().map(|key| key.0));
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rules: HashMap<AlertRuleId, Rule> = rules::of_ids(&mut tx, &ids)
        .await?
        .into_iter()
        .map(|rule| (rule.id, rule))
        .collect();
    let causes = events::causes(&mut tx).await?;
    let changes = changes(&rules, &rows, &states, &causes, now)?;
    write(hands, &mut tx, changes, now).await?;
    availability::note(&mut tx, WATCHED).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    *judged = newest;
    Ok(())
}

async fn read(
    conn: &mut PgConnection,
    news: &[Uuid],
) -> Result<(HashMap<Key, Row>, HashMap<Key, State>), Problem> {
    let mut rows = readings::of_states(conn).await?;
    let parts = news.len().div_ceil(AT_ONCE).max(1);
    let pause = PAUSE.min(PAUSES / u32::try_from(parts).unwrap_or(u32::MAX));
    for part in 0..parts {
        sleep(pause).await;
        let servers = news.chunks(AT_ONCE).nth(part).unwrap_or_default();
        // What stands somewhere is judged once, whatever is new.
        rows.extend(readings::of_samples(conn, servers, part == 0).await?);
    }
    sleep(pause).await;
    let rows = rows
        .into_iter()
        .map(|row| ((row.rule_id, row.subject_id), row))
        .collect();
    let states = states::all(conn)
        .await?
        .into_iter()
        .map(|state| ((state.rule_id, state.subject_id), state))
        .collect();
    Ok((rows, states))
}

fn changes(
    rules: &HashMap<AlertRuleId, Rule>,
    rows: &HashMap<Key, Row>,
    states: &HashMap<Key, State>,
    causes: &[Cause],
    now: DateTime<Utc>,
) -> Result<Changes, Problem> {
    let mut changes = Changes::default();
    let keys: HashSet<Key> = rows.keys().chain(states.keys()).copied().collect();
    // What explains others comes first, so that what follows from it in the same moment is explained already.
    let mut keys: Vec<(Key, &Rule)> = keys
        .into_iter()
        .filter_map(|key| Some((key, rules.get(&key.0.into())?)))
        .collect();
    keys.sort_by_key(|(key, rule)| (rank(&rule.metric), *key));
    let mut causes: Vec<Cause> = causes.to_vec();
    for (key, rule) in keys {
        let state = states.get(&key);
        let row = rows.get(&key);
        let terms = rule.terms()?;
        if let Some(state) = state {
            let ending = if !state.is_there {
                Some(Ending::Removed)
            } else if !state.in_force || state.is_stale {
                Some(Ending::RuleChanged)
            } else {
                None
            };
            if let Some(ending) = ending {
                changes.close(key, state, ending);
                continue;
            }
        }
        let reading = row.and_then(|row| {
            Some(Reading {
                value: row.value?,
                covered_seconds: row.covered_seconds,
            })
        });
        let server = row
            .map(|row| row.server_id)
            .or_else(|| state.and_then(|state| state.server_id));
        let cause = server.and_then(|server| explained(&causes, server, terms.metric));
        match judge(&terms, state.map(State::standing), reading, now) {
            Step::Quiet => {}
            Step::Forget => changes.forget.push(key),
            Step::Wait(standing) => changes.put.push((key.0, key.1, standing, None)),
            Step::Fire(standing) => {
                let (Some(row), Some(reading)) = (row, reading) else {
                    continue;
                };
                let id = Uuid::now_v7();
                changes.put.push((key.0, key.1, standing, Some(id)));
                changes.open.push(NewEvent {
                    id,
                    rule_id: key.0,
                    subject_id: key.1,
                    subject_name: row.subject_name.clone(),
                    server_id: row.server_id,
                    value: reading.value,
                    message: message(terms.metric, row, reading.value, rule.threshold),
                    suppressed_by: cause.map(|cause| cause.id),
                });
                if rank(&rule.metric) < 2 {
                    causes.push(Cause {
                        server_id: row.server_id,
                        id,
                        metric: rule.metric.clone(),
                        is_open: true,
                    });
                }
            }
            Step::Burn(standing) => {
                let Some(state) = state else { continue };
                changes.put.push((key.0, key.1, standing, None));
                if let (Some(event), true) = (state.event_id, state.is_open) {
                    match cause {
                        Some(cause) if cause.is_open && !state.is_suppressed => {
                            changes.suppress.push((event, cause.id));
                        }
                        None if state.is_suppressed => {
                            changes.unsuppress.push(event);
                            if !state.told {
                                changes.tell_begin.push(event);
                            }
                        }
                        _ => {}
                    }
                }
            }
            Step::Clear(ending) => {
                if let Some(state) = state {
                    changes.close(key, state, ending);
                }
            }
        }
    }
    Ok(changes)
}

impl Changes {
    fn close(&mut self, key: Key, state: &State, ending: Ending) {
        self.forget.push(key);
        if let (Some(event), true) = (state.event_id, state.is_open) {
            self.end.push((event, ending));
            if state.told {
                self.tell_end.push(event);
            }
        }
    }
}

/// Those that explain most come first.
fn rank(metric: &str) -> u8 {
    if metric == Metric::ServerUnreachable.as_str() {
        0
    } else if metric == Metric::DockerUnavailable.as_str() {
        1
    } else {
        2
    }
}

/// The alert of a server that explains one of this kind there: a server that is away explains everything on it, a Docker
/// that does not answer its instances.
fn explained(causes: &[Cause], server: Uuid, metric: Metric) -> Option<&Cause> {
    let mine = rank(metric.as_str());
    causes
        .iter()
        .filter(|cause| cause.server_id == server)
        .filter(|cause| match rank(&cause.metric) {
            0 => mine > 0,
            _ => mine > 1 && metric.subject() == SubjectKind::Instance,
        })
        .min_by_key(|cause| (rank(&cause.metric), !cause.is_open))
}

/// An alert in words.
fn message(metric: Metric, row: &Row, value: f64, threshold: f64) -> String {
    let (name, title) = (&row.subject_name, metric.title());
    match metric.aggregate() {
        Aggregate::State => match &row.detail {
            Some(detail) => format!("{name} {title}: {}", detail.chars().take(300).collect::<String>()),
            None => format!("{name} {title}"),
        },
        Aggregate::Average | Aggregate::Sum => {
            let unit = metric.unit();
            format!(
                "{name}: {title}: {}{unit} (limit {}{unit})",
                short(value),
                short(threshold)
            )
        }
    }
}

/// A number with one digit behind the point, if there is something to say there.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

async fn write(
    hands: &Hands,
    tx: &mut PgConnection,
    mut changes: Changes,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let mut told: Vec<(NoticeKind, Uuid)> = Vec::new();
    if !changes.end.is_empty() {
        events::end(tx, &changes.end, now).await?;
        told.extend(changes.tell_end.iter().map(|id| (NoticeKind::Resolved, *id)));
    }
    if !changes.forget.is_empty() {
        states::forget(tx, &changes.forget).await?;
    }
    if !changes.open.is_empty() {
        let opened = events::open(tx, &changes.open, now).await?;
        let quiet: HashSet<Uuid> = changes
            .open
            .iter()
            .filter(|event| event.suppressed_by.is_some())
            .map(|event| event.id)
            .collect();
        told.extend(
            opened
                .iter()
                .filter(|id| !quiet.contains(id))
                .map(|id| (NoticeKind::Opened, *id)),
        );
        // One that could not be opened, since one is open, is not stood for by the id that was made.
        let opened: HashSet<Uuid> = opened.into_iter().collect();
        for (.., event) in &mut changes.put {
            *event = event.filter(|id| opened.contains(id));
        }
    }
    if !changes.put.is_empty() {
        states::put(tx, &changes.put).await?;
    }
    if !changes.suppress.is_empty() {
        events::suppress(tx, &changes.suppress).await?;
    }
    if !changes.unsuppress.is_empty() {
        events::unsuppress(tx, &changes.unsuppress).await?;
        told.extend(changes.tell_begin.iter().map(|id| (NoticeKind::Opened, *id)));
    }
    // Of rules that were deleted: their states went with them.
    let orphans = events::end_orphans(tx, now).await?;
    told.extend(orphans.into_iter().map(|id| (NoticeKind::Resolved, id)));
    tell::tell(hands, tx, &told, now).await.map(drop)
}
