//! `ocore member`: the people in an organization.

use clap::{Args, Subcommand};
use ocore_domain::sort::MemberSort;
use serde_json::{Value, json};

use super::{
    Session,
    confirm::confirm,
    failure::Failure,
    invitation,
    limits::{Limits, limits},
    output::{Column, ago, table, text},
    person::for_people,
    resolve::{Kind, Page, list, rows, tag, value},
    role,
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List members, by e-mail address unless told otherwise.
    List {
        /// Only those whose name or e-mail address holds this.
        #[arg(long)]
        search: Option<String>,
        /// In which order; a hyphen turns it round.
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true, value_parser = one_of(MemberSort::ALL))]
        sort: Option<MemberSort>,
        #[command(flatten)]
        page: Page,
    },
    /// Invite somebody by e-mail.
    Invite(Invite),
    /// Give a member another role, or other limits.
    Role(SetRole),
    /// Take a member out of the organization. Their account stays.
    #[command(alias = "delete")]
    Remove {
        /// E-mail address, name or id.
        member: String,
        /// Confirm by the member's e-mail address instead of being asked.
        #[arg(long, alias = "confirm", value_name = "EMAIL")]
        yes: Option<String>,
    },
    /// Leave the organization oneself. It takes a person's token.
    Leave {
        /// Confirm by the organization's name instead of being asked.
        #[arg(long, alias = "confirm", value_name = "NAME")]
        yes: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct Invite {
    /// Who is to come.
    #[arg(long)]
    email: String,
    /// The role to have then, by name or id.
    #[arg(long)]
    role: String,
    #[command(flatten)]
    limits: Limits,
}

#[derive(Args)]
pub(crate) struct SetRole {
    /// E-mail address, name or id.
    member: String,
    /// The role, by name or id; otherwise it stays.
    #[arg(long)]
    role: Option<String>,
    /// Take all limits away; limits that are given take the place of those there were.
    #[arg(long, conflicts_with_all = ["servers", "instances", "environments"], help_heading = "Limits")]
    unlimited: bool,
    #[command(flatten)]
    limits: Limits,
}

/// Members, as they are named.
pub(crate) const KIND: Kind = Kind {
    what: "member",
    path: "members",
    id: "userId",
    names: &["email", "name"],
    list: "ocore member list",
};

pub(crate) const COLUMNS: &[Column] = &[
    ("E-MAIL", |row| text(row, "email")),
    ("NAME", |row| text(row, "name")),
    ("ROLE", |row| text(&row["role"], "name")),
    ("OWNER", |row| text(row, "isOwner")),
    ("LIMITS", limits),
    ("SIGNED IN", |row| ago(row, "lastLoginAt")),
    ("ID", |row| text(row, "userId")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::List { search, sort, page } => {
            let mut query = Vec::new();
            query.extend(search.map(|search| ("search", search)));
            query.extend(sort.map(|sort| ("sort", sort.to_string())));
            let answer = list(session, &["members"], &query, &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Invite(invite) => {
            let role = role::KIND.find_id(session, &invite.role).await?;
            let mut body = json!({"email": invite.email, "roleId": role});
            if let Some(scope) = invite.limits.read(session).await? {
                body["scope"] = json!(scope);
            }
            let answer = client.post(&["members", "invite"], &body).await?;
            output.result(&answer, || invitation::sent(&answer))
        }
        Command::Role(set) => set.run(session).await,
        Command::Remove { member, yes } => {
            let member = KIND.find(session, &member).await?;
            let email = value(&member, "email")?;
            let what = format!(
                "{} ({email}) will be taken out of the organization at once. API keys they made stay: they are the \
                 organization's (`ocore api-key list`).",
                text(&member, "name")
            );
            confirm(&what, &[email], yes)?;
            client
                .delete(&["members", value(&member, "userId")?], &[])
                .await?;
            output.result(&member, || format!("{email} is not a member any more.\n"))
        }
        Command::Leave { yes } => {
            let organization = client.get(&["org"], &[]).await?;
            let (name, slug) = (value(&organization, "name")?, value(&organization, "slug")?);
            let what =
                format!("You will not be in `{name}` any more, until somebody there invites you again.");
            confirm(&what, &[name, slug], yes)?;
            for_people(session, client.post(&["members", "leave"], &json!({})).await)?;
            output.result(&organization, || format!("You have left `{name}`.\n"))
        }
    }
}

impl SetRole {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let scope = self.limits.read(session).await?;
        if self.role.is_none() && scope.is_none() && !self.unlimited {
            return Err(Failure::Usage(
                "what is to change is not said: use --role, limits, or --unlimited".to_owned(),
            ));
        }
        let member = KIND.find(session, &self.member).await?;
        let role = match &self.role {
            Some(role) => role::KIND.find_id(session, role).await?,
            None => value(&member["role"], "id")?.to_owned(),
        };
        let mut body = json!({ "roleId": role });
        if self.unlimited {
            body["scope"] = Value::Null;
        } else if let Some(scope) = scope {
            body["scope"] = json!(scope);
        }
        let path = ["members", value(&member, "userId")?, "role"];
        let answer = session.client.put_if(&path, &body, tag(&member).as_deref()).await;
        let answer = answer.map_err(|failure| failure.changed_meanwhile(KIND.list))?;
        session
            .output
            .result(&answer, || table(COLUMNS, std::slice::from_ref(&answer)))
    }
}
