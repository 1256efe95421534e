//! Who is told of an act that has a page open, and of what.

use ocore_domain::{OrganizationId, Topic, Topics};
use ocore_store::audit::Entry;
use uuid::Uuid;

/// The organizations whose things an act changed and the people whose own it changed, each with what it was. It follows
/// from what is recorded: the act's name, `server.created`, and the kind of thing it was done to.
pub(super) fn told(organizations: &[Option<OrganizationId>], entry: &Entry) -> Vec<(Uuid, Topics)> {
    let theirs = of_organization(entry) | Topic::AuditLogs;
    let own = of_person(entry);
    let mut people: Vec<Uuid> = [entry.user_id.as_deref(), subject(entry)]
        .into_iter()
        .flatten()
        .filter_map(|id| id.parse().ok())
        .collect();
    people.dedup();
    let organizations = organizations
        .iter()
        .flatten()
        .map(|organization| (organization.uuid(), theirs));
    let people = people.into_iter().map(|person| (person, own));
    organizations
        .chain(people)
        .filter(|(_, topics)| !topics.is_empty())
        .collect()
}

/// Before the dot stands what an act is about.
fn about(entry: &Entry) -> &str {
    entry
        .action
        .split_once('.')
        .map_or(entry.action.as_str(), |(about, _)| about)
}

fn of_organization(entry: &Entry) -> Topics {
    let about = about(entry);
    let kind = entry.resource_type.as_deref().unwrap_or_default();
    let mut topics = Topics::of_kind(about) | Topics::of_kind(kind);
    // What is asked for of these begins an operation, or keeps some waiting.
    if ["server", "instance", "queue"].contains(&about) {
        topics |= Topic::Operations;
    }
    // Members are shown with their names and addresses.
    let is_shown = ["auth.profile_updated", "auth.email_changed"].contains(&entry.action.as_str());
    if about == "admin" || is_shown {
        topics |= Topic::Members;
    }
    topics
}

/// What changed for the person who did it, or to whom it was done.
fn of_person(entry: &Entry) -> Topics {
    match about(entry) {
        "notification" | "push" => Topic::Notifications.into(),
        // In which organizations somebody is, is theirs too.
        "auth" | "admin" | "member" | "org" => Topic::Account.into(),
        _ => Topics::NONE,
    }
}

/// The person to whom it was done.
fn subject(entry: &Entry) -> Option<&str> {
    let is_person = ["user", "member"].contains(&entry.resource_type.as_deref()?);
    entry.resource_id.as_deref().filter(|_| is_person)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(action: &str, kind: &str, id: Uuid, by: Uuid) -> Entry {
        Entry {
            action: action.to_owned(),
            resource_type: Some(kind.to_owned()),
            resource_id: Some(id.to_string()),
            user_id: Some(by.to_string()),
            ..Entry::default()
        }
    }

    #[test]
    fn an_act_is_told_to_whom_it_concerns() {
        let organization = OrganizationId::new();
        let (ada, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let told = |action: &str, kind: &str| told(&[Some(organization)], &entry(action, kind, bob, ada));
        let whole = organization.uuid();
        let servers = Topic::Servers | Topic::Operations | Topic::AuditLogs;
        assert_eq!(told("server.created", "server"), [(whole, servers)]);
        let members = Topic::Members | Topic::AuditLogs;
        let account = Topics::from(Topic::Account);
        assert_eq!(
            told("member.removed", "member"),
            [(whole, members), (ada, account), (bob, account)]
        );
        let invited = Topic::Members | Topic::Invitations | Topic::AuditLogs;
        assert_eq!(told("member.invited", "invitation")[0], (whole, invited));
        // A login concerns the record, and nobody's lists.
        assert_eq!(told("auth.login", "user")[0], (whole, Topic::AuditLogs.into()));
    }

    #[test]
    fn what_is_in_no_organization_is_told_to_the_person_only() {
        let ada = Uuid::from_u128(1);
        let told = told(&[None], &entry("notification.marked", "user", ada, ada));
        assert_eq!(told, [(ada, Topic::Notifications.into())]);
    }

    /// Every act there is, as the documentation lists them, is told as more than a line in the record, or is known not to be.
    #[test]
    fn every_act_has_a_topic() {
        let documented = include_str!("../../../../docs/operators/audit.md");
        let actions: Vec<&str> = documented
            .lines()
            .filter(|line| line.starts_with('|'))
            .flat_map(|line| line.split('`').skip(1).step_by(2))
            .filter(|word| word.contains('.'))
            .collect();
        assert!(actions.len() > 60, "{actions:?}");
        for action in actions {
            let entry = entry(action, "", Uuid::nil(), Uuid::nil());
            let is_told = !(of_organization(&entry) | of_person(&entry)).is_empty();
            assert!(is_told || action.starts_with("audit_logs."), "{action}");
        }
    }
}
