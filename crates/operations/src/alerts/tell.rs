//! Who is told of an alert, by which ways, and when: rows that are written with the alert itself.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use ocore_domain::{
    AlertEventId, ChannelId, DeliveryId, OrganizationId, Problem,
    access::Scope,
    alerts::{ChannelKind, Notice, NoticeKind, Severity, SubjectKind},
    instance::EnvironmentType,
};
use ocore_notify::webpush::Vapid;
use ocore_store::{
    PgConnection, Store,
    alerts::events::{self, Event},
    channels::{self, Channel},
    deliveries::{self, NewDelivery},
    instances,
    people_told::{self, NewNotification, Person},
};
use uuid::Uuid;

use crate::Hands;

/// What was put on its way.
#[derive(Clone, Debug)]
pub struct Told {
    /// The deliveries.
    pub deliveries: Vec<DeliveryId>,
}

/// Tells everybody of alerts that began or ended.
pub async fn tell(
    hands: &Hands,
    conn: &mut PgConnection,
    of: &[(NoticeKind, Uuid)],
    now: DateTime<Utc>,
) -> Result<Told, Problem> {
    if of.is_empty() {
        return Ok(Told {
            deliveries: Vec::new(),
        });
    }
    let ids: Vec<Uuid> = of.iter().map(|(_, id)| *id).collect();
    let events: HashMap<AlertEventId, Event> = events::of_ids(conn, &ids)
        .await?
        .into_iter()
        .map(|event| (event.id, event))
        .collect();
    let mut organizations: Vec<Uuid> = events.values().map(|e| e.organization_id.uuid()).collect();
    organizations.sort_unstable();
    organizations.dedup();
    let channels = channels::of_organizations(conn, &organizations).await?;
    let people = people_told::people(conn, &organizations).await?;
    let environments = environments(conn, &events, &people).await?;
    let mut new = Vec::new();
    let mut notifications = Vec::new();
    for (kind, id) in of {
        let Some(event) = events.get(&AlertEventId::from(*id)) else {
            continue;
        };
        let notice = event.notice(*kind);
        let environment = environments.get(&event.subject_id).copied();
        let concerned: Vec<&Person> = people
            .iter()
            .filter(|person| person.organization == event.organization_id && person.enabled)
            .filter(|person| sees(&person.scope, event, environment))
            .collect();
        for channel in channels.iter().filter(|channel| {
            channel.organization_id == event.organization_id && event.severity >= channel.min_severity
        }) {
            new.extend(by_channel(channel, &notice, &concerned, now));
        }
        notifications.extend(concerned.iter().map(|person| NewNotification {
            user: person.user,
            organization: event.organization_id,
            severity: event.severity,
            title: notice.title(),
            body: notice.body(),
            url: Some(hands.notifier().link(&notice)),
        }));
    }
    people_told::notify(conn, &notifications).await?;
    let deliveries = deliveries::insert(conn, &new).await?;
    Ok(Told { deliveries })
}

/// What each instance is for, where somebody is kept to what is for something.
async fn environments(
    conn: &mut PgConnection,
    events: &HashMap<AlertEventId, Event>,
    people: &[Person],
) -> Result<HashMap<Uuid, EnvironmentType>, Problem> {
    if people.iter().all(|person| person.scope.environments.is_none()) {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = events
        .values()
        .filter(|event| event.subject_kind == SubjectKind::Instance)
        .map(|event| event.subject_id)
        .collect();
    Ok(instances::environments(conn, &ids).await?.into_iter().collect())
}

/// Whether somebody who is kept to a part may be told of this.
fn sees(scope: &Scope, event: &Event, environment: Option<EnvironmentType>) -> bool {
    let server = scope
        .servers
        .as_ref()
        .is_none_or(|servers| servers.contains(&event.server_id.into()));
    match event.subject_kind {
        SubjectKind::Server => server && scope.instances.is_none(),
        SubjectKind::Instance => {
            server
                && scope
                    .instances
                    .as_ref()
                    .is_none_or(|instances| instances.contains(&event.subject_id.into()))
                && scope
                    .environments
                    .as_ref()
                    .is_none_or(|fit| environment.is_some_and(|environment| fit.contains(&environment)))
        }
    }
}

/// The addresses of an e-mail channel.
fn addresses(channel: &Channel) -> Vec<String> {
    let to = channel.config.get("to").and_then(|to| to.as_array());
    to.into_iter()
        .flatten()
        .filter_map(|address| address.as_str().map(str::to_owned))
        .collect()
}

fn by_channel(
    channel: &Channel,
    notice: &Notice,
    people: &[&Person],
    now: DateTime<Utc>,
) -> Vec<NewDelivery> {
    let delivery = |target: String, held_until| NewDelivery {
        organization: channel.organization_id,
        channel: channel.id,
        target,
        notice: notice.clone(),
        held_until,
        replay_of: None,
    };
    match channel.kind {
        ChannelKind::Email => addresses(channel)
            .into_iter()
            .map(|address| {
                // An address that is a member's is told when the member wants to be.
                let owner = people
                    .iter()
                    .find(|person| person.email.eq_ignore_ascii_case(&address));
                let held = owner.and_then(|person| person.quiet_until(notice.severity, now));
                delivery(address, held)
            })
            .collect(),
        ChannelKind::WebPush => people
            .iter()
            .flat_map(|person| {
                let held = person.quiet_until(notice.severity, now);
                person
                    .subscriptions
                    .iter()
                    .map(move |subscription| (subscription.to_string(), held))
            })
            .map(|(target, held)| delivery(target, held))
            .collect(),
        ChannelKind::Webhook | ChannelKind::Slack | ChannelKind::Telegram => {
            vec![delivery(String::new(), None)]
        }
    }
}

/// Puts a test on its way, and tells by which channel to whom: by all channels of an organization that are used, or by one whether it is or not. Quiet hours
/// do not hold it: whoever tests wants to see it.
pub async fn test_deliveries(
    conn: &mut PgConnection,
    organization: OrganizationId,
    by: &str,
    only: Option<&Channel>,
) -> Result<Vec<(DeliveryId, ChannelId, String)>, Problem> {
    let all;
    let channels = if let Some(channel) = only {
        std::slice::from_ref(channel)
    } else {
        all = channels::of_organizations(conn, &[organization.uuid()]).await?;
        &all
    };
    let people = people_told::people(conn, &[organization.uuid()]).await?;
    let people: Vec<&Person> = people.iter().collect();
    let notice = Notice {
        kind: NoticeKind::Test,
        event_id: None,
        rule: "Test".to_owned(),
        metric: "test".to_owned(),
        severity: Severity::Info,
        subject_kind: SubjectKind::Server,
        subject_id: Uuid::nil(),
        subject_name: "oCore".to_owned(),
        message: format!("{by} tries whether alerts of oCore arrive here"),
        value: None,
        threshold: None,
        culprits: Vec::new(),
        opened_at: Utc::now(),
        resolved_at: None,
    };
    let new: Vec<NewDelivery> = channels
        .iter()
        .flat_map(|channel| by_channel(channel, &notice, &people, Utc::now()))
        .map(|delivery| NewDelivery {
            held_until: None,
            ..delivery
        })
        .collect();
    let ids = deliveries::insert(conn, &new).await?;
    let sent = ids
        .into_iter()
        .zip(new)
        .map(|(id, delivery)| (id, delivery.channel, delivery.target));
    Ok(sent.collect())
}

/// The installation's key for Web Push; made when it is first asked for.
pub async fn vapid(store: &Store) -> Result<Arc<Vapid>, Problem> {
    let mut conn = store.connection().await?;
    if let Some(kept) = people_told::vapid_key(&mut conn, store.sealer()).await? {
        return Vapid::new(&kept).map(Arc::new);
    }
    let made = Vapid::generate()?;
    let public = Vapid::new(&made)?.public().to_owned();
    people_told::keep_vapid_key(&mut conn, store.sealer(), &public, &made).await?;
    // Another process may have been quicker.
    let kept = people_told::vapid_key(&mut conn, store.sealer()).await?;
    Vapid::new(&kept.unwrap_or(made)).map(Arc::new)
}
