//! `ocore installation member`: who is in an organization, whosever it is.

use clap::Subcommand;
use ocore_domain::sort::MemberSort;
use serde_json::json;

use super::{find, orgs, users};
use crate::cli::{
    Session,
    confirm::confirm,
    failure::Failure,
    member,
    output::{table, text},
    resolve::{Page, list, list_all, rows, value},
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List members, by e-mail address unless told otherwise.
    List {
        /// The organization, by slug, name or id.
        organization: String,
        /// Only those whose name or e-mail address holds this.
        #[arg(long)]
        search: Option<String>,
        /// In which order; a hyphen turns it round.
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true, value_parser = one_of(MemberSort::ALL))]
        sort: Option<MemberSort>,
        #[command(flatten)]
        page: Page,
    },
    /// Put somebody in. They are not asked.
    Add {
        /// The organization, by slug, name or id.
        organization: String,
        /// The account, by e-mail address, name or id.
        #[arg(long)]
        user: String,
        /// The role, by name; not the owner's.
        #[arg(long)]
        role: String,
    },
    /// Take somebody out, who is not the owner. Their account stays.
    #[command(alias = "delete")]
    Remove {
        /// The organization, by slug, name or id.
        organization: String,
        /// The member, by e-mail address, name or id.
        member: String,
        /// Confirm by the member's e-mail address instead of being asked.
        #[arg(long, alias = "confirm", value_name = "EMAIL")]
        yes: Option<String>,
    },
}

pub(super) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::List {
            organization,
            search,
            sort,
            page,
        } => {
            let organization = find(session, &orgs::KIND, &organization).await?;
            let path = ["admin", "orgs", value(&organization, "id")?, "members"];
            let mut query = Vec::new();
            query.extend(search.map(|search| ("search", search)));
            query.extend(sort.map(|sort| ("sort", sort.to_string())));
            let answer = list(session, &path, &query, &page).await?;
            output.result(&answer, || table(member::COLUMNS, rows(&answer)))
        }
        Command::Add {
            organization,
            user,
            role,
        } => {
            let organization = find(session, &orgs::KIND, &organization).await?;
            let user = find(session, &users::KIND, &user).await?;
            let path = ["admin", "orgs", value(&organization, "id")?, "members"];
            let body = json!({"userId": value(&user, "id")?, "roleName": role});
            let answer = client.post(&path, &body).await?;
            output.result(&answer, || table(member::COLUMNS, std::slice::from_ref(&answer)))
        }
        Command::Remove {
            organization,
            member,
            yes,
        } => {
            let organization = find(session, &orgs::KIND, &organization).await?;
            let path = ["admin", "orgs", value(&organization, "id")?, "members"];
            let found = member::KIND.pick(list_all(session, &path, &[]).await?, &member)?;
            let email = value(&found, "email")?;
            let what = format!(
                "{} ({email}) will be taken out of `{}` at once.",
                text(&found, "name"),
                text(&organization, "name")
            );
            confirm(&what, &[email], yes)?;
            let path = [&path[..], &[value(&found, "userId")?]].concat();
            client.delete(&path, &[]).await?;
            output.result(&found, || format!("{email} is not a member any more.\n"))
        }
    }
}
