//! A server's agent: its files and its unit, and the role by which it asks PostgreSQL.

use ocore_domain::{Code, Problem, ServerId};
use ocore_fleet::{Engine, Host, Script};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tokio::time::{Duration, sleep};

use super::psql::{self, identifier, literal};
use crate::agent_source::AgentFile;

/// The program.
const BINARY: &str = "/usr/local/bin/ocore-agent";
/// Configuration and secrets.
const FOLDER: &str = "/etc/ocore-agent";
/// The unit.
const UNIT: &str = "/etc/systemd/system/ocore-agent.service";
/// Where the configuration names the authorities to be trusted.
const CA_LINE: &str = "ca = \"/etc/ocore-agent/ca.pem\"\n";
/// What was there before, while it is being changed.
const BEFORE: &str = "/etc/ocore-agent.before";
const UNIT_TEXT: &str = include_str!("ocore-agent.service");
/// systemd passes secrets since this version.
const SYSTEMD: u32 = 247;
/// As whom the agent asks PostgreSQL.
const ROLE: &str = "ocore_agent";
/// The container that the agent asks.
const POSTGRES: &str = super::postgres::CONTAINER;

/// What an agent needs to know of its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// As the kernel names it.
    pub(crate) architecture: String,
    /// The group that may use Docker's socket, if there is one beside root.
    pub(crate) docker_group: Option<String>,
}

/// Looks whether a server can have the agent.
pub(crate) async fn look(host: &dyn Host, socket: &str) -> Result<Seen, Problem> {
    let script = format!(
        "echo \"architecture=$(uname -m)\"
         if [ -d /run/systemd/system ]; then echo \"systemd=$(systemctl --version | sed -n '1s/^systemd \\([0-9]*\\).*/\\1/p')\"; fi
         echo \"group=$(stat -L -c %G '{}' 2>/dev/null)\"",
        socket.replace('\'', "")
    );
    let text = root(host, Script::new(script), "Looking at the server").await?;
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let systemd: u32 = value("systemd").parse().unwrap_or(0);
    if systemd < SYSTEMD {
        let what = match systemd {
            0 => "it does not run systemd".to_owned(),
            old => format!("it runs systemd {old}"),
        };
        return Err(Problem::new(
            Code::AgentUnsupported,
            format!("The server cannot have the agent: {what}"),
            format!(
                "The agent needs systemd {SYSTEMD} or newer. Without an agent the server is looked at over SSH."
            ),
        ));
    }
    let group = value("group");
    Ok(Seen {
        architecture: value("architecture"),
        docker_group: (!["", "root", "UNKNOWN"].contains(&group.as_str())).then_some(group),
    })
}

/// Keeps what is there, to be put back by [`put_back`].
pub(crate) async fn keep_before(host: &dyn Host) -> Result<(), Problem> {
    let script = format!(
        "set -e; umask 077; rm -rf {BEFORE}.part
         if [ -e {UNIT} ] && [ ! -e {BEFORE} ]; then
           mkdir {BEFORE}.part; cp -a {BINARY} {BEFORE}.part/binary; cp -a {UNIT} {BEFORE}.part/unit
           cp -a {FOLDER} {BEFORE}.part/folder; mv {BEFORE}.part {BEFORE}
         fi"
    );
    root(host, Script::new(script), "Keeping the agent that is there")
        .await
        .map(drop)
}

/// What was kept is not needed any more.
pub(crate) async fn drop_before(host: &dyn Host) -> Result<(), Problem> {
    let script = Script::new(format!("rm -rf {BEFORE} {BEFORE}.part"));
    root(host, script, "Removing what was kept").await.map(drop)
}

/// Puts the agent back that was there before; if there was none, none is there afterwards.
pub(crate) async fn put_back(host: &dyn Host) -> Result<(), Problem> {
    let script = format!(
        "set -e
         if [ -e {BEFORE} ]; then
           rm -rf {FOLDER}; cp -a {BEFORE}/folder {FOLDER}; cp -a {BEFORE}/unit {UNIT}
           cp -a {BEFORE}/binary {BINARY}.part; mv -f {BINARY}.part {BINARY}
           systemctl daemon-reload; systemctl enable -q ocore-agent; systemctl restart ocore-agent
           rm -rf {BEFORE}
         else {}
         fi",
        removal()
    );
    root(
        host,
        Script::new(script).timeout(Duration::from_secs(60)),
        "Putting the agent back",
    )
    .await
    .map(drop)
}

/// Takes the agent off the server, with its configuration and its secrets.
pub(crate) async fn remove(host: &dyn Host) -> Result<(), Problem> {
    let script = Script::new(format!("set -e; {}", removal())).timeout(Duration::from_secs(60));
    root(host, script, "Removing the agent").await.map(drop)
}

fn removal() -> String {
    // A unit that is not there is none to be stopped; one that fails to stop is.
    format!(
        "if [ -e {UNIT} ]; then systemctl disable -q --now ocore-agent; fi
         rm -rf {UNIT} {UNIT}.d {BINARY} {BINARY}.part {FOLDER} {BEFORE} {BEFORE}.part
         if [ -d /run/systemd/system ]; then systemctl daemon-reload; systemctl reset-failed ocore-agent 2>/dev/null || true; fi"
    )
}

/// Puts the program there, unless this very one is there; answers whether it was.
pub(crate) async fn put_binary(host: &dyn Host, file: &AgentFile) -> Result<bool, Problem> {
    let sum = Script::new(format!("sha256sum {BINARY} 2>/dev/null | cut -d' ' -f1"));
    if root(host, sum, "Looking for the agent").await?.trim() == file.checksum() {
        return Ok(false);
    }
    put(host, BINARY, 0o755, SecretSlice::from(file.bytes().to_vec())).await?;
    let label =
        format!("if command -v restorecon >/dev/null; then restorecon {BINARY}; fi; {BINARY} --version");
    root(host, Script::new(label), "Trying the agent").await?;
    Ok(true)
}

/// Puts configuration, token and unit there.
pub(crate) async fn configure(
    host: &dyn Host,
    server: ServerId,
    way: &Way<'_>,
    seen: &Seen,
    token: &SecretString,
) -> Result<(), Problem> {
    let make = Script::new(format!("mkdir -p {FOLDER}; chmod 755 {FOLDER}"));
    root(host, make, "Making the agent's folder").await?;
    if let Some(ca) = way.ca {
        put_text(host, &format!("{FOLDER}/ca.pem"), 0o644, ca).await?;
    }
    put_text(
        host,
        &format!("{FOLDER}/config.toml"),
        0o644,
        &configuration(server, way, seen),
    )
    .await?;
    put_token(host, token).await?;
    put_text(host, UNIT, 0o644, &unit(seen)).await
}

/// The way to oCore.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'a> {
    pub(crate) url: &'a str,
    /// Certificates of authorities to be trusted beside the system's.
    pub(crate) ca: Option<&'a str>,
    pub(crate) docker_socket: &'a str,
}

/// Puts a token there, readable by root only.
pub(crate) async fn put_token(host: &dyn Host, token: &SecretString) -> Result<(), Problem> {
    put_secret(host, "token", token).await
}

async fn put_secret(host: &dyn Host, name: &str, secret: &SecretString) -> Result<(), Problem> {
    let bytes = SecretSlice::from(secret.expose_secret().as_bytes().to_vec());
    put(host, &format!("{FOLDER}/{name}"), 0o600, bytes).await
}

async fn put_text(host: &dyn Host, path: &str, mode: u32, text: &str) -> Result<(), Problem> {
    put(host, path, mode, SecretSlice::from(text.as_bytes().to_vec())).await
}

/// A whole file or none: written beside and renamed.
async fn put(host: &dyn Host, path: &str, mode: u32, bytes: SecretSlice<u8>) -> Result<(), Problem> {
    let script = format!(
        "set -e; umask 077; cat >{path}.part; [ $(stat -c %s {path}.part) = {} ]; chmod {mode:o} {path}.part; mv -f {path}.part {path}",
        bytes.expose_secret().len()
    );
    let script = Script::new(script).stdin(bytes).timeout(Duration::from_secs(300));
    root(host, script, &format!("Writing {path}")).await.map(drop)
}

fn configuration(server: ServerId, way: &Way<'_>, seen: &Seen) -> String {
    let text = |text: &str| format!("\"{}\"", text.replace(['\\', '"'], ""));
    let mut lines = format!(
        "# Written by oCore; changes are lost with the next upgrade of the agent.\nurl = {}\nserver = \"{server}\"\n",
        text(way.url)
    );
    if way.ca.is_some() {
        lines.push_str(CA_LINE);
    }
    if seen.docker_group.is_some() {
        let docker = text(way.docker_socket);
        lines = format!("{lines}docker = {docker}\npostgres = \"{POSTGRES}\"\n");
    }
    lines
}

fn unit(seen: &Seen) -> String {
    let docker = match &seen.docker_group {
        Some(group) => format!(
            "# To see which containers run. Who may use Docker's socket could do anything on this machine: see docs/decisions/0020.\n\
             SupplementaryGroups={group}\n"
        ),
        None => String::new(),
    };
    UNIT_TEXT.replace("#DOCKER\n", &docker)
}

/// Sees whether the server reaches oCore and its token is taken.
pub(crate) async fn check_way(host: &dyn Host, url: &str) -> Result<(), Problem> {
    let check = Script::new(format!("{BINARY} check --token-file {FOLDER}/token")).as_root();
    let ended = host.run(check).await?;
    if ended.status == 0 {
        return Ok(());
    }
    let why = ended.stderr.lines().next().unwrap_or_default();
    Err(Problem::new(
        Code::AgentUnreachable,
        format!(
            "The server does not reach oCore at {url}: {}",
            why.trim_start_matches("<3>")
        ),
        "Let the server reach that address, or set OCORE_AGENT_URL to one that it reaches; a certificate of an authority \
         of your own goes into OCORE_AGENT_CA. Until then the server is looked at over SSH.",
    ))
}

/// Starts it with what it was given.
pub(crate) async fn restart(host: &dyn Host) -> Result<(), Problem> {
    let script =
        "set -e; systemctl daemon-reload; systemctl enable -q ocore-agent; systemctl restart ocore-agent";
    let script = Script::new(script).timeout(Duration::from_secs(60));
    root(host, script, "Starting the agent").await.map(drop)
}

/// What it said last, for whoever has to find out why it is silent.
pub(crate) async fn last_words(host: &dyn Host) -> String {
    let script = Script::new("journalctl -u ocore-agent -n 5 --no-pager -o cat 2>&1 | tail -c 600").as_root();
    let said = host.run(script).await;
    said.map(|said| said.stdout.trim().replace('\n', " · "))
        .unwrap_or_default()
}

async fn root(host: &dyn Host, script: Script, what: &str) -> Result<String, Problem> {
    host.run(script.as_root()).await?.success(what)
}

/// Makes the role by which the agent reads PostgreSQL's statistics, and lets it see how late scheduled actions are. Its
/// password is the server's own: it lies beside the token, and oCore does not keep it.
pub(crate) async fn make_role(host: &dyn Host, engine: &Engine) -> Result<(), Problem> {
    let password = password(host).await?;
    let role = identifier(ROLE);
    // Of 256 random bits, so nothing is gained by hashing them thousands of times, and the agent would pay for it.
    let sql = format!(
        "set scram_iterations = 1;
         begin;
         do $$ begin if not exists (select from pg_roles where rolname = {}) then create role {role}; end if; end $$;
         alter role {role} login nosuperuser nocreatedb nocreaterole connection limit 4 password {};
         grant pg_monitor to {role};
         comment on role {role} is 'sh.ocore.agent';
         commit;",
        literal(ROLE),
        literal(password.expose_secret())
    );
    let make = Script::new(format!("mkdir -p {FOLDER}; chmod 755 {FOLDER}"));
    root(host, make, "Making the agent's folder").await?;
    psql::run(engine, "postgres", &sql.into()).await?;
    put_secret(host, "postgres", &password).await?;
    for database in databases(engine).await? {
        psql::query(engine, &database, &watching()).await?;
    }
    Ok(())
}

/// The password that is there, or a new one: an agent that is upgraded keeps its own.
async fn password(host: &dyn Host) -> Result<SecretString, Problem> {
    let script = Script::new(format!("cat {FOLDER}/postgres 2>/dev/null || true"));
    let kept = root(host, script, "Looking for the agent's password").await?;
    Ok(match kept.trim() {
        "" => SecretString::from(hex(&rand::random::<[u8; 32]>())),
        kept => kept.into(),
    })
}

/// Takes back what [`make_role`] did. Of an agent that was there before the role stays as it is.
pub(crate) async fn take_role_back(host: &dyn Host, engine: &Engine) -> Result<(), Problem> {
    let script = Script::new(format!("if [ -e {BEFORE} ]; then echo yes; fi"));
    if root(host, script, "Looking for what was kept").await?.trim() == "yes" {
        return Ok(());
    }
    drop_role(engine).await
}

/// It does without PostgreSQL's figures.
pub(crate) async fn without_role(host: &dyn Host) -> Result<(), Problem> {
    let script = Script::new(format!(
        "umask 077; mkdir -p {FOLDER}; chmod 755 {FOLDER}; : >{FOLDER}/postgres"
    ));
    root(host, script, "Making the agent's folder").await.map(drop)
}

/// What lets the server's agent, if there is one, see how late the scheduled actions of an instance are, and nothing
/// else. To be run in the instance's database.
pub(crate) fn watching() -> String {
    format!(
        "do $$ begin
             if exists (select from pg_roles where rolname = {}) then
                 execute format('grant connect on database %I to {1}', current_database());
                 if to_regclass('public.ir_cron') is not null then
                     grant select (active, nextcall) on public.ir_cron to {1};
                 end if;
             end if;
         end $$;",
        literal(ROLE),
        identifier(ROLE)
    )
}

/// Drops the role; that it is gone is fine.
pub(crate) async fn drop_role(engine: &Engine) -> Result<(), Problem> {
    let exists = format!("select 1 from pg_roles where rolname = {}", literal(ROLE));
    if psql::query(engine, "postgres", &exists).await?.is_empty() {
        return Ok(());
    }
    let role = identifier(ROLE);
    for database in databases(engine)
        .await?
        .into_iter()
        .chain(["postgres".to_owned()])
    {
        psql::query(engine, &database, &format!("drop owned by {role}")).await?;
    }
    psql::query(engine, "postgres", &format!("drop role if exists {role}"))
        .await
        .map(drop)
}

/// The databases of instances.
async fn databases(engine: &Engine) -> Result<Vec<String>, Problem> {
    let sql = "select datname from pg_database
               where shobj_description(oid, 'pg_database') like 'sh.ocore.instance=%' order by datname";
    let names = psql::query(engine, "postgres", sql).await?;
    Ok(names.lines().map(str::to_owned).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asks again until it is so or the time is over; answers whether it is.
pub(crate) async fn until<F: Future<Output = Result<bool, Problem>>>(
    seconds: u64,
    mut is_so: impl FnMut() -> F,
) -> Result<bool, Problem> {
    for _ in 0..seconds {
        if is_so().await? {
            return Ok(true);
        }
        sleep(Duration::from_secs(1)).await;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(group: Option<&str>) -> Seen {
        Seen {
            architecture: "x86_64".to_owned(),
            docker_group: group.map(str::to_owned),
        }
    }

    #[test]
    fn the_unit_bears_dockers_group_only_where_there_is_one() {
        assert!(unit(&seen(Some("docker"))).contains("\nSupplementaryGroups=docker\n"));
        let without = unit(&seen(None));
        assert!(!without.contains("SupplementaryGroups") && !without.contains("#DOCKER"));
    }

    #[test]
    fn nothing_secret_is_in_the_configuration() {
        let way = Way {
            url: "https://ocore.example.com",
            ca: Some("PEM"),
            docker_socket: "/var/run/docker.sock",
        };
        let text = configuration(ServerId::new(), &way, &seen(Some("docker")));
        assert!(text.contains("url = \"https://ocore.example.com\"\n"), "{text}");
        assert!(
            text.contains("ca = \"/etc/ocore-agent/ca.pem\"\n") && !text.contains("PEM"),
            "{text}"
        );
        assert!(text.contains("docker = \"/var/run/docker.sock\"\n"), "{text}");
        assert!(!configuration(ServerId::new(), &way, &seen(None)).contains("docker"));
    }
}
