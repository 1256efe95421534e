//! `ocore instance`: one Odoo each.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ocore_domain::{
    instance::{Edition, EnvironmentType, InstanceStatus},
    sort::InstanceSort,
};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Session, Wait,
    changed::changed,
    confirm::confirm,
    environment::{Sources, Variables},
    failure::Failure,
    metrics,
    output::{self, Column, ago, bytes, fields, table, text},
    placement,
    resolve::{Page, find, list, rows, value},
    secret, size,
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an instance: database, files, container.
    Create(Box<Create>),
    /// Show which servers could take an instance, best first, and why.
    Place(Box<placement::Place>),
    /// Move an instance to another server; it is away from its stop here until it serves there.
    Move {
        /// Name, slug or id.
        instance: String,
        /// The server, by name or id; without it, the best other one.
        #[arg(long, value_name = "SERVER")]
        to: Option<String>,
        #[command(flatten)]
        preferences: placement::Preferences,
        #[command(flatten)]
        wait: Wait,
    },
    /// List instances, by name unless told otherwise.
    List {
        /// Only those whose name holds this.
        #[arg(long)]
        search: Option<String>,
        /// Only those on this server, by name or id.
        #[arg(long)]
        server: Option<String>,
        /// Only those with this status.
        #[arg(long, value_parser = one_of(InstanceStatus::ALL))]
        status: Option<InstanceStatus>,
        /// In which order; a hyphen turns it round.
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true, value_parser = one_of(InstanceSort::ALL))]
        sort: Option<InstanceSort>,
        #[command(flatten)]
        page: Page,
    },
    /// Show an instance.
    Show {
        /// Name, slug or id.
        instance: String,
    },
    /// Start an instance.
    Start(Control),
    /// Stop an instance; its database and files are kept.
    Stop(Control),
    /// Stop and start an instance.
    Restart(Control),
    /// Change an instance's settings.
    Update(Box<Update>),
    /// What was measured of an instance.
    Metrics {
        /// Name, slug or id.
        instance: String,
        #[command(flatten)]
        period: metrics::Period,
    },
    /// Print what an instance's container logs.
    Logs {
        /// Name, slug or id.
        instance: String,
        /// Go on until Ctrl-C.
        #[arg(short, long)]
        follow: bool,
        /// How many of the last lines to begin with.
        #[arg(long, default_value_t = 200)]
        tail: u32,
    },
    /// Delete an instance with its database and files; a final dump is kept for 7 days.
    #[command(alias = "remove")]
    Delete {
        /// Name, slug or id.
        instance: String,
        /// Confirm by the instance's name instead of being asked.
        #[arg(long, alias = "confirm", value_name = "NAME")]
        yes: Option<String>,
        /// Keep no final dump.
        #[arg(long)]
        no_dump: bool,
        #[command(flatten)]
        wait: Wait,
    },
}

#[derive(Args)]
pub(crate) struct Control {
    /// Name, slug or id.
    instance: String,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Args)]
pub(crate) struct Create {
    /// The instance's name.
    #[arg(
        value_name = "NAME",
        required_unless_present = "name",
        conflicts_with = "name"
    )]
    positional_name: Option<String>,
    /// The same as an option.
    #[arg(long)]
    name: Option<String>,
    /// The server, by name or id; without it, the best one is picked and told.
    #[arg(long)]
    server: Option<String>,
    /// The password of the administrator `admin`, from standard input; without it one is made and shown once.
    #[arg(long)]
    admin_password_stdin: bool,
    /// The same from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "admin_password_stdin")]
    admin_password_file: Option<PathBuf>,
    #[command(flatten)]
    belonging: placement::Belonging,
    #[command(flatten)]
    preferences: placement::Preferences,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    environment: Sources,
    #[command(flatten)]
    wait: Wait,
}

/// What is chosen once.
#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    /// Its short name for containers and databases; without one it is made from the name.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    /// The version of Odoo [default: 19.0].
    #[arg(long, value_name = "VERSION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    odoo_version: Option<String>,
    /// Which Odoo [default: community].
    #[arg(long = "edition", value_parser = one_of(Edition::ALL))]
    #[serde(skip_serializing_if = "Option::is_none")]
    odoo_edition: Option<Edition>,
    /// What it is for [default: development].
    #[arg(long = "environment", value_parser = one_of(EnvironmentType::ALL))]
    #[serde(skip_serializing_if = "Option::is_none")]
    environment_type: Option<EnvironmentType>,
    /// The port on the server for HTTP; without one a free port is chosen.
    #[arg(long = "http-port", value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    http_port_host: Option<u16>,
    /// The port on the server for websockets; without one a free port is chosen.
    #[arg(long = "longpolling-port", value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    longpolling_port_host: Option<u16>,
}

/// What can be changed later too.
#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    /// The image to run, for example odoo:19.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    /// HTTP workers; 0 is Odoo's threaded mode.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<u32>,
    /// Threads for scheduled actions.
    #[arg(long = "cron-threads")]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_cron_threads: Option<u32>,
    /// The container's memory limit, for example 4G.
    #[arg(long = "memory", value_name = "SIZE", value_parser = size::parse)]
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_limit_bytes: Option<u64>,
    /// The container's CPU limit in cores, for example 1.5; `auto` follows the workers.
    #[arg(long = "cpus", value_name = "CORES", value_parser = cpus)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_limit_millis: Option<Cpus>,
    /// The memory after which a worker is recycled once its request is done.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_memory_soft: Option<u64>,
    /// The memory after which a worker is ended at once.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_memory_hard: Option<u64>,
    /// Seconds of CPU time a request may take.
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_time_cpu: Option<u32>,
    /// Seconds a request may take.
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_time_real: Option<u32>,
    /// One of Odoo's log levels, for example info or debug.
    #[arg(long, value_name = "LEVEL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_level: Option<String>,
}

#[derive(Args)]
pub(crate) struct Update {
    /// Name, slug or id.
    instance: String,
    /// A new name; the slug stays.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    environment: Sources,
    /// Take an environment variable away.
    #[arg(long, value_name = "KEY")]
    unset_env: Vec<String>,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewInstance {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_id: Option<String>,
    placement: placement::Wanted,
    #[serde(flatten)]
    belonging: placement::Belonging,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose")]
    admin_password: Option<SecretString>,
    env_vars: Variables,
    #[serde(flatten)]
    identity: Identity,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changes {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env_vars: Option<Variables>,
    #[serde(flatten)]
    settings: Settings,
}

const COLUMNS: &[Column] = &[
    ("NAME", |row| text(row, "name")),
    ("SLUG", |row| text(row, "slug")),
    ("SERVER", |row| text(row, "serverName")),
    ("ODOO", |row| text(row, "odooVersion")),
    ("STATUS", |row| text(row, "status")),
    ("HEALTH", |row| text(row, "health")),
    ("URL", |row| text(row, "url")),
    ("LOOKED AT", |row| ago(row, "observedAt")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, out) = (&session.client, &session.output);
    match command {
        Command::Create(create) => create.run(session).await,
        Command::Place(place) => place.run(session).await,
        Command::Move {
            instance,
            to,
            preferences,
            wait,
        } => {
            let instance = find(session, "instances", &instance).await?;
            let mut content = json!({"placement": preferences.wanted()});
            if let Some(to) = to {
                content["serverId"] = to.into();
            }
            let answer = client
                .post(&["instances", value(&instance, "id")?, "move"], &content)
                .await?;
            placement::say_picked(session, &answer)?;
            changed(session, answer, &wait, |answer| {
                let (now, result) = (&answer["instance"], &answer["operation"]["result"]);
                let away = match result["downtimeMs"].as_u64() {
                    Some(ms) => format!(" It was away for {}.{} s.", ms / 1000, ms % 1000 / 100),
                    None => String::new(),
                };
                format!(
                    "Instance `{}` is on `{}` now.{away}\n",
                    text(now, "name"),
                    text(now, "serverName")
                )
            })
            .await
        }
        Command::List {
            search,
            server,
            status,
            sort,
            page,
        } => {
            let mut query = Vec::new();
            query.extend(search.map(|search| ("search", search)));
            query.extend(status.map(|status| ("status", status.to_string())));
            query.extend(sort.map(|sort| ("sort", sort.to_string())));
            if let Some(server) = server {
                query.push((
                    "serverId",
                    value(&find(session, "servers", &server).await?, "id")?.to_owned(),
                ));
            }
            let answer = list(session, &["instances"], &query, &page).await?;
            out.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Show { instance } => {
            let answer = find(session, "instances", &instance).await?;
            out.result(&answer, || show(&answer))
        }
        Command::Start(it) => control(session, it, "start", "runs").await,
        Command::Stop(it) => control(session, it, "stop", "is stopped").await,
        Command::Restart(it) => control(session, it, "restart", "runs again").await,
        Command::Update(update) => update.run(session).await,
        Command::Metrics { instance, period } => metrics::of_instance(session, &instance, &period).await,
        Command::Logs {
            instance,
            follow,
            tail,
        } => logs(session, &instance, follow, tail).await,
        Command::Delete {
            instance,
            yes,
            no_dump,
            wait,
        } => {
            let instance = find(session, "instances", &instance).await?;
            let (name, slug) = (value(&instance, "name")?, value(&instance, "slug")?);
            let kept = if no_dump {
                "no dump is kept"
            } else {
                "a final dump is kept for 7 days"
            };
            let what = format!(
                "Instance `{name}` on `{}` will be deleted with its database and files; {kept}.",
                text(&instance, "serverName")
            );
            let query = [
                ("confirm", confirm(&what, &[name, slug], yes)?),
                ("keepDump", (!no_dump).to_string()),
            ];
            let answer = client
                .delete(&["instances", value(&instance, "id")?], &query)
                .await?;
            changed(session, answer, &wait, |_| {
                format!("Instance `{name}` is deleted; {kept}.\n")
            })
            .await
        }
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let admin_password = if self.admin_password_stdin {
            Some(secret::line_from_stdin("Password of `admin`")?)
        } else {
            self.admin_password_file
                .as_deref()
                .map(secret::line_from_file)
                .transpose()?
        };
        let instance = NewInstance {
            server_id: self.server,
            placement: self.preferences.wanted(),
            belonging: self.belonging,
            // One of them is there: clap sees to it.
            name: self.positional_name.or(self.name).unwrap_or_default(),
            admin_password,
            env_vars: self.environment.read()?,
            identity: self.identity,
            settings: self.settings,
        };
        let answer = session.client.post(&["instances"], &instance).await?;
        placement::say_picked(session, &answer)?;
        if let Some(password) = answer["adminPassword"].as_str() {
            // At once: it is told once, and whoever waits may leave before the end.
            let login = text(&answer, "adminLogin");
            session
                .output
                .say(&format!("Login {login}, password {password} (shown only now)"))?;
        }
        changed(session, answer, &self.wait, |answer| {
            let instance = &answer["instance"];
            format!(
                "Instance `{}` runs {}.\n",
                text(instance, "name"),
                whereabouts(instance)
            )
        })
        .await
    }
}

impl Update {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let instance = find(session, "instances", &self.instance).await?;
        let mut given = self.environment.read()?;
        // The API takes the whole set: what is not named there is taken away, and null keeps a value.
        let env_vars = if given.0.is_empty() && self.unset_env.is_empty() {
            None
        } else {
            let kept = instance["envVars"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| key);
            for key in kept.filter(|key| !self.unset_env.contains(key)) {
                given.0.entry(key.clone()).or_insert(None);
            }
            Some(given)
        };
        let changes = Changes {
            name: self.name,
            env_vars,
            settings: self.settings,
        };
        let answer = session
            .client
            .put(&["instances", value(&instance, "id")?], &changes)
            .await?;
        let (before, name) = (text(&instance, "name"), text(&answer["instance"], "name"));
        if answer["operation"].is_null() && name != before {
            // A name is only oCore's: no operation carries it to the server.
            return session.output.result(&answer, || {
                format!("Instance `{before}` is named `{name}` now.\n")
            });
        }
        changed(session, answer, &self.wait, |_| {
            format!("Instance `{name}` is changed.\n")
        })
        .await
    }
}

/// Where an instance is reached, as far as the API tells: by its URL, or by its port on a server elsewhere.
fn whereabouts(instance: &Value) -> String {
    match (instance["url"].as_str(), instance["httpPortHost"].as_u64()) {
        (Some(url), _) => format!("at {url}"),
        (None, Some(port)) => format!("on 127.0.0.1:{port} of `{}`", text(instance, "serverName")),
        (None, None) => format!("on `{}`", text(instance, "serverName")),
    }
}

async fn control(session: &Session, it: Control, action: &str, done: &str) -> Result<(), Failure> {
    let instance = find(session, "instances", &it.instance).await?;
    let path = ["instances", value(&instance, "id")?, "control"];
    let answer = session.client.post(&path, &json!({ "action": action })).await?;
    changed(session, answer, &it.wait, |_| {
        format!("Instance `{}` {done}.\n", text(&instance, "name"))
    })
    .await
}

async fn logs(session: &Session, instance: &str, follow: bool, tail: u32) -> Result<(), Failure> {
    if follow && session.output.is_json() {
        return Err(Failure::Usage(
            "--json prints one document, and --follow has no end: use one of them".to_owned(),
        ));
    }
    let instance = find(session, "instances", instance).await?;
    let path = ["instances", value(&instance, "id")?, "logs"];
    let query = [("follow", follow.to_string()), ("tail", tail.to_string())];
    let mut response = session.client.open(&path, &query, None).await?;
    let mut whole = Vec::new();
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| Failure::Unreachable(format!("the log broke off: {error}")))?
    {
        if session.output.is_json() {
            whole.extend_from_slice(&piece);
        } else {
            output::raw(&piece)?;
        }
    }
    let lines: Vec<_> = String::from_utf8_lossy(&whole)
        .lines()
        .map(str::to_owned)
        .collect();
    session.output.result(&json!({ "lines": lines }), String::new)
}

/// A CPU limit as it is sent: null lets it follow the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Cpus {
    Auto,
    Millis(u32),
}

fn cpus(text: &str) -> Result<Cpus, String> {
    if text == "auto" {
        return Ok(Cpus::Auto);
    }
    let wrong = || "use a number of cores such as 2 or 1.5, or auto".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 3 {
        return Err(wrong());
    }
    let millis = format!("{whole}{part:0<3}").parse();
    millis.map(Cpus::Millis).map_err(|_| wrong())
}

fn show(instance: &Value) -> String {
    let value = |key| text(instance, key);
    let variables = instance["envVars"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str());
    fields(&[
        ("Name", value("name")),
        ("Slug", value("slug")),
        ("Id", value("id")),
        ("Server", value("serverName")),
        ("Status", value("status")),
        ("Message", value("statusMessage")),
        ("Health", value("health")),
        ("Because", value("healthDetail")),
        ("Looked at", ago(instance, "observedAt")),
        ("Restarts", value("restartCount")),
        ("URL", value("url")),
        ("Login", value("adminLogin")),
        (
            "Odoo",
            format!("{} {}", value("odooVersion"), value("odooEdition")),
        ),
        ("For", value("environmentType")),
        ("Image", value("image")),
        ("Workers", value("workers")),
        ("Cron threads", value("maxCronThreads")),
        ("Memory", bytes(instance, "memoryLimitBytes")),
        ("CPU millis", value("cpuLimitMillis")),
        ("Soft limit", bytes(instance, "limitMemorySoft")),
        ("Hard limit", bytes(instance, "limitMemoryHard")),
        ("CPU time", value("limitTimeCpu")),
        ("Real time", value("limitTimeReal")),
        ("Log level", value("logLevel")),
        ("Variables", variables.collect::<Vec<_>>().join(", ")),
        ("Container", value("containerName")),
        ("Database", value("databaseName")),
        ("HTTP port", value("httpPortHost")),
        ("Websocket", value("longpollingPortHost")),
        ("Made", ago(instance, "createdAt")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_become_thousandths() {
        for (text, expected) in [("2", 2000), ("1.5", 1500), ("0.25", 250), ("0.125", 125)] {
            assert_eq!(cpus(text), Ok(Cpus::Millis(expected)));
        }
        assert_eq!(cpus("auto"), Ok(Cpus::Auto));
        for text in ["", ".5", "1.", "1.2345", "-1", "1,5", "99999999"] {
            cpus(text).unwrap_err();
        }
    }
}
