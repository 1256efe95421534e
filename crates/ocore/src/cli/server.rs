//! `ocore server`: the machines on which instances run.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ocore_domain::{server::ServerStatus, sort::ServerSort};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Session, Wait,
    changed::changed,
    confirm::confirm,
    failure::Failure,
    metrics,
    output::{Column, ago, bytes, fields, table, text},
    placement::{Mark, mark, pair},
    resolve::{Page, find, list, rows, value},
    secret, server_agent,
    values::one_of,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Take a server: connect, look at it, prepare it.
    Add(Add),
    /// List servers, by name unless told otherwise.
    List {
        /// Only those whose name or host holds this.
        #[arg(long)]
        search: Option<String>,
        /// Only those with this status.
        #[arg(long, value_parser = one_of(ServerStatus::ALL))]
        status: Option<ServerStatus>,
        /// In which order; a hyphen turns it round.
        #[arg(long, value_name = "ORDER", allow_hyphen_values = true, value_parser = one_of(ServerSort::ALL))]
        sort: Option<ServerSort>,
        #[command(flatten)]
        page: Page,
    },
    /// Show a server.
    Show {
        /// Name or id.
        server: String,
    },
    /// What was measured of a server.
    Metrics {
        /// Name or id.
        server: String,
        #[command(flatten)]
        period: metrics::Period,
    },
    /// Look at a server again and prepare it; also after its key, password or host key changed.
    Validate {
        /// Name or id.
        server: String,
        #[command(flatten)]
        secrets: Secrets,
        #[command(flatten)]
        checks: Checks,
        #[command(flatten)]
        wait: Wait,
    },
    /// Change what is said of a server: its name, and what placement goes by.
    Update(Box<Update>),
    /// Let a server take no new instance; those on it go on.
    Cordon {
        /// Name or id.
        server: String,
    },
    /// Let a server take instances again.
    Uncordon {
        /// Name or id.
        server: String,
    },
    /// Cordon a server and move its instances to others, one after another.
    Drain {
        /// Name or id.
        server: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Install, show and remove the agent of a server.
    #[command(subcommand)]
    Agent(server_agent::Command),
    /// Take a server out of oCore. It must have no instances.
    #[command(alias = "delete")]
    Remove {
        /// Name or id.
        server: String,
        /// Confirm by the server's name instead of being asked.
        #[arg(long, alias = "confirm", value_name = "NAME")]
        yes: Option<String>,
        /// Forget it even though it cannot be reached; what oCore made on it stays there.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        wait: Wait,
    },
}

/// What is to change; what is not given stays.
#[derive(Args)]
pub(crate) struct Update {
    /// Name or id.
    server: String,
    /// A new name.
    #[arg(long)]
    name: Option<String>,
    /// A word about it.
    #[arg(long)]
    description: Option<String>,
    /// Where it is, by two letters such as DE; empty: not said.
    #[arg(long, value_name = "COUNTRY")]
    country: Option<String>,
    /// In which region, in words of your own; empty: not said.
    #[arg(long)]
    region: Option<String>,
    /// Give it a label.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// Take a label away.
    #[arg(long, value_name = "KEY")]
    unlabel: Vec<String>,
    /// Give it a taint: only instances that tolerate it are placed there.
    #[arg(long = "taint", value_name = "KEY[=VALUE]", value_parser = mark)]
    taints: Vec<Mark>,
    /// Take the taints of this key away.
    #[arg(long, value_name = "KEY")]
    untaint: Vec<String>,
    /// Keep it for the instances of a placement group; empty: for all.
    #[arg(long, value_name = "GROUP")]
    dedicated_to: Option<String>,
    /// Whether production on it stands beside nothing else.
    #[arg(long, value_name = "YES", value_parser = clap::value_parser!(bool))]
    separate_production: Option<bool>,
}

#[derive(Args)]
pub(crate) struct Add {
    /// The server's name in oCore; without one, its host.
    #[arg(value_name = "NAME", conflicts_with = "name")]
    positional_name: Option<String>,
    /// The same as an option.
    #[arg(long)]
    name: Option<String>,
    /// A word about it.
    #[arg(long)]
    description: Option<String>,
    /// Its host name or address.
    #[arg(long, required_unless_present = "local")]
    host: Option<String>,
    /// Its SSH port [default: 22].
    #[arg(long)]
    port: Option<u16>,
    /// The user to log in as [default: root]; another one needs sudo without a password, or the group docker.
    #[arg(long)]
    user: Option<String>,
    /// Take the machine that `ocore serve` runs on, without SSH.
    #[arg(long, conflicts_with_all = ["host", "port", "user", "secrets", "fingerprint"])]
    local: bool,
    /// How many SSH sessions to use at once [default: 8].
    #[arg(long)]
    max_ssh_sessions: Option<u32>,
    #[command(flatten)]
    secrets: Secrets,
    #[command(flatten)]
    checks: Checks,
    #[command(flatten)]
    wait: Wait,
}

/// How to log in.
#[derive(Args)]
#[group(id = "secrets", multiple = true)]
pub(crate) struct Secrets {
    /// The file with the private key; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The file with the key's passphrase.
    #[arg(long, value_name = "FILE", requires = "key_file")]
    passphrase_file: Option<PathBuf>,
    /// The name of the environment variable with the key's passphrase.
    #[arg(
        long,
        value_name = "VARIABLE",
        requires = "key_file",
        conflicts_with = "passphrase_file"
    )]
    passphrase_env: Option<String>,
    /// Read the password from standard input; a key is better.
    #[arg(long, conflicts_with = "key_file")]
    password_stdin: bool,
}

/// What to insist on.
#[derive(Args, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checks {
    /// The host key's fingerprint (SHA256:…); another key is refused. Without it the key known so far is demanded, and
    /// where none is known yet, the first key seen is taken.
    #[arg(long)]
    #[serde(rename = "hostKeyFingerprint", skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// Install Docker where it is missing.
    #[arg(long)]
    install_docker: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "named as in the API")]
struct Credentials {
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose")]
    ssh_private_key: Option<SecretString>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose")]
    ssh_key_passphrase: Option<SecretString>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose")]
    ssh_password: Option<SecretString>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewServer {
    name: String,
    auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_ssh_sessions: Option<u32>,
    #[serde(flatten)]
    credentials: Credentials,
    #[serde(flatten)]
    checks: Checks,
}

#[derive(Serialize)]
struct Validation {
    #[serde(flatten)]
    credentials: Credentials,
    #[serde(flatten)]
    checks: Checks,
}

const COLUMNS: &[Column] = &[
    ("NAME", |row| text(row, "name")),
    ("HOST", |row| {
        if row["authMethod"] == "local" {
            "this machine".to_owned()
        } else {
            text(row, "host")
        }
    }),
    ("STATUS", |row| {
        if row["cordonedAt"].is_null() {
            text(row, "status")
        } else {
            format!("{}, cordoned", text(row, "status"))
        }
    }),
    ("INSTANCES", |row| text(row, "instanceCount")),
    ("CORES", |row| text(row, "cpuCores")),
    ("MEMORY", |row| bytes(row, "ramTotalBytes")),
    ("DISK FREE", |row| bytes(row, "diskAvailableBytes")),
    ("DOCKER", |row| text(row, "dockerVersion")),
    ("SEEN", |row| ago(row, "lastSeenAt")),
];

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let (client, output) = (&session.client, &session.output);
    match command {
        Command::Add(add) => {
            let (server, wait) = add.read()?;
            let answer = client.post(&["servers"], &server).await?;
            changed(session, answer, &wait, |answer| ready(&answer["server"])).await
        }
        Command::List {
            search,
            status,
            sort,
            page,
        } => {
            let mut query = Vec::new();
            query.extend(search.map(|search| ("search", search)));
            query.extend(status.map(|status| ("status", status.to_string())));
            query.extend(sort.map(|sort| ("sort", sort.to_string())));
            let answer = list(session, &["servers"], &query, &page).await?;
            output.result(&answer, || table(COLUMNS, rows(&answer)))
        }
        Command::Show { server } => {
            let answer = find(session, "servers", &server).await?;
            output.result(&answer, || show(&answer))
        }
        Command::Metrics { server, period } => metrics::of_server(session, &server, &period).await,
        Command::Validate {
            server,
            secrets,
            checks,
            wait,
        } => {
            let server = find(session, "servers", &server).await?;
            let content = Validation {
                credentials: secrets.read()?,
                checks,
            };
            let answer = client
                .post(&["servers", value(&server, "id")?, "validate"], &content)
                .await?;
            changed(session, answer, &wait, |answer| ready(&answer["server"])).await
        }
        Command::Update(update) => update.run(session).await,
        Command::Cordon { server } => cordon(session, &server, "cordon", "takes no new instance").await,
        Command::Uncordon { server } => cordon(session, &server, "uncordon", "takes instances again").await,
        Command::Drain { server, wait } => {
            let server = find(session, "servers", &server).await?;
            let path = ["servers", value(&server, "id")?, "drain"];
            let answer = client.post(&path, &json!({})).await?;
            changed(session, answer, &wait, |answer| {
                let moved = answer["operation"]["result"]["moved"]
                    .as_array()
                    .map_or(0, Vec::len);
                format!(
                    "Server `{}` is empty and stays cordoned; {moved} instances were moved.\n",
                    text(&server, "name")
                )
            })
            .await
        }
        Command::Agent(command) => server_agent::run(session, command).await,
        Command::Remove {
            server,
            yes,
            force,
            wait,
        } => {
            let server = find(session, "servers", &server).await?;
            let name = value(&server, "name")?;
            let what = format!(
                "Server `{name}` will be removed, and with it the PostgreSQL that oCore runs there with all its data, \
                 all templates and ALL FINAL DUMPS of deleted instances that are kept on it (`ocore dump list`).{}",
                if force {
                    " If it cannot be reached they stay there, and oCore forgets them, WITH ALL INSTANCES on it."
                } else {
                    ""
                }
            );
            let confirmed = confirm(&what, &[name], yes)?;
            let query = [("confirm", confirmed), ("force", force.to_string())];
            let answer = client.delete(&["servers", value(&server, "id")?], &query).await?;
            changed(session, answer, &wait, |_| {
                format!("Server `{name}` is removed.\n")
            })
            .await
        }
    }
}

async fn cordon(session: &Session, server: &str, verb: &str, done: &str) -> Result<(), Failure> {
    let server = find(session, "servers", server).await?;
    let path = ["servers", value(&server, "id")?, verb];
    let answer = session.client.post(&path, &json!({})).await?;
    session.output.result(&answer, || {
        format!("Server `{}` {done}.\n", text(&answer, "name"))
    })
}

impl Update {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let server = find(session, "servers", &self.server).await?;
        let path = ["servers", value(&server, "id")?];
        // Labels and taints are sent as a whole, so what was read has to be what is changed.
        let read = session.client.get_tagged(&path, &[]).await?;
        let mut content = serde_json::Map::new();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                content.insert(key.to_owned(), value);
            }
        };
        let said =
            |text: Option<String>| text.map(|text| if text.is_empty() { Value::Null } else { text.into() });
        set("name", self.name.map(Value::from));
        set("description", self.description.map(Value::from));
        set("country", said(self.country));
        set("region", said(self.region));
        set("dedicatedTo", said(self.dedicated_to));
        set("separateProduction", self.separate_production.map(Value::from));
        if !self.labels.is_empty() || !self.unlabel.is_empty() {
            let mut labels = read.body["labels"].as_object().cloned().unwrap_or_default();
            labels.retain(|key, _| !self.unlabel.contains(key));
            labels.extend(self.labels.into_iter().map(|(key, value)| (key, value.into())));
            set("labels", Some(labels.into()));
        }
        if !self.taints.is_empty() || !self.untaint.is_empty() {
            let mut taints = read.body["taints"].as_array().cloned().unwrap_or_default();
            taints.retain(|taint| !self.untaint.iter().any(|key| taint["key"] == *key));
            for taint in self.taints {
                let taint = json!(taint);
                if !taints.contains(&taint) {
                    taints.push(taint);
                }
            }
            set("taints", Some(taints.into()));
        }
        let answer = session
            .client
            .patch_if(&path, &content, read.tag.as_deref())
            .await?;
        session.output.result(&answer, || {
            format!("Server `{}` is changed.\n", text(&answer, "name"))
        })
    }
}

/// What there is to say of a server that was validated. Its host key is shown so that it can be compared.
fn ready(server: &Value) -> String {
    let ready = format!("Server `{}` is ready.\n", text(server, "name"));
    match server["hostKeyFingerprint"].as_str() {
        Some(fingerprint) => format!("{ready}Host key {fingerprint}\n"),
        None => ready,
    }
}

impl Add {
    fn read(self) -> Result<(NewServer, Wait), Failure> {
        let secrets = &self.secrets;
        let auth_method = match (self.local, &secrets.key_file, secrets.password_stdin) {
            (true, ..) => "local",
            (_, Some(_), _) => "key",
            (_, _, true) => "password",
            _ => {
                return Err(Failure::Usage(
                    "how to log in is not said: use --key-file FILE or --password-stdin (or --local for this machine)"
                        .to_owned(),
                ));
            }
        };
        let name = self.name.or(self.positional_name).or_else(|| self.host.clone());
        let server = NewServer {
            name: name.unwrap_or_else(|| "local".to_owned()),
            auth_method,
            description: self.description,
            host: self.host,
            port: self.port,
            ssh_user: self.user,
            max_ssh_sessions: self.max_ssh_sessions,
            credentials: self.secrets.read()?,
            checks: self.checks,
        };
        Ok((server, self.wait))
    }
}

impl Secrets {
    fn read(self) -> Result<Credentials, Failure> {
        let passphrase = match (&self.passphrase_file, &self.passphrase_env) {
            (Some(file), _) => Some(secret::line_from_file(file)?),
            (None, Some(variable)) => Some(secret::from_variable(variable)?),
            (None, None) => None,
        };
        Ok(Credentials {
            ssh_private_key: self.key_file.as_deref().map(secret::from_file).transpose()?,
            ssh_key_passphrase: passphrase,
            ssh_password: self
                .password_stdin
                .then(|| secret::line_from_stdin("SSH password"))
                .transpose()?,
        })
    }
}

fn labels(server: &Value) -> String {
    let labels = server["labels"].as_object().into_iter().flatten();
    let labels: Vec<String> = labels
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    labels.join(", ")
}

fn taints(server: &Value) -> String {
    let taints = server["taints"].as_array().into_iter().flatten();
    let taints: Vec<String> = taints
        .map(|taint| match taint["value"].as_str() {
            Some(value) => format!("{}={value}", text(taint, "key")),
            None => text(taint, "key"),
        })
        .collect();
    taints.join(", ")
}

fn show(server: &Value) -> String {
    let value = |key| text(server, key);
    fields(&[
        ("Name", value("name")),
        ("Id", value("id")),
        ("Description", value("description")),
        ("Status", value("status")),
        ("Message", value("statusMessage")),
        ("Host", value("host")),
        ("Port", value("port")),
        ("User", value("sshUser")),
        ("Login by", value("authMethod")),
        ("Host key", value("hostKeyFingerprint")),
        ("System", format!("{} {}", value("osName"), value("osVersion"))),
        ("Kernel", value("kernel")),
        ("Architecture", value("architecture")),
        ("Cores", value("cpuCores")),
        ("Memory", bytes(server, "ramTotalBytes")),
        ("Disk", bytes(server, "diskTotalBytes")),
        ("Disk free", bytes(server, "diskAvailableBytes")),
        ("Docker", value("dockerVersion")),
        ("Docker by", value("dockerRoute")),
        ("Root by", value("privilege")),
        ("Instances", value("instanceCount")),
        ("Country", value("country")),
        ("Region", value("region")),
        ("Labels", labels(server)),
        ("Taints", taints(server)),
        ("Dedicated to", value("dedicatedTo")),
        (
            "Production apart",
            if server["separateProduction"] == true {
                value("separateProduction")
            } else {
                String::new()
            },
        ),
        ("Cordoned", ago(server, "cordonedAt")),
        ("Seen", ago(server, "lastSeenAt")),
        ("Looked at", ago(server, "observedAt")),
        ("Booted", value("lastBootAt")),
    ])
}
