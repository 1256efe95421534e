//! Connects to a server, looks at it, and prepares it for instances.

use std::time::Duration;

use chrono::Utc;
use ocore_domain::{
    Code, OperationId, Problem,
    server::{DockerRoute, Privilege, ServerFacts, ServerStatus},
};
use ocore_fleet::{ExpectedKey, Host, Script};
use ocore_store::{
    PgConnection, checks, operations,
    servers::{self, Credentials, Server},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    agent_install, command,
    engine::{Ctx, Definition, Settle, secs, step},
    hands,
    parts::postgres,
};

/// What a person chose.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Params {
    /// The fingerprint of the host key that is to be trusted from now on. Without one, the key pinned before is
    /// demanded, or the first key shown is pinned.
    pub accept_fingerprint: Option<String>,
    /// Whether Docker is to be installed where it is missing.
    pub install_docker: bool,
}

pub(crate) static DEFINITION: Definition = Definition {
    kind: "server_validate",
    steps: &[
        step!(connect, "Connect and check the host key", secs(60)),
        step!(inspect, "Look at the machine", secs(60)),
        step!(check_docker, "Check Docker", secs(900)),
        step!(get_postgres, "Get PostgreSQL's image", secs(1800)),
        // It may be stopped to be made anew with other settings: once that has begun, it has to come up again.
        step!(
            prepare_postgres,
            "Start the server's PostgreSQL",
            secs(300),
            irreversible
        ),
        step!(offer_agent, "See whether it is to have the agent", secs(30)),
    ],
    settle: Settle::Server(ServerStatus::Active),
    secrets: Some(|ctx| Box::pin(server_secrets(ctx))),
};

/// The oldest Docker Engine that will do.
const DOCKER: (u32, u32) = (20, 10);

/// Enqueues the validation of a server.
pub async fn request(
    tx: &mut PgConnection,
    server: &Server,
    params: &Params,
) -> Result<OperationId, Problem> {
    command::lock_unless_busy(tx, server).await?;
    let now = servers::get(tx, server.id).await?.map(|server| server.status);
    if now.is_none_or(|status| status == ServerStatus::Removed) {
        return Err(Problem::new(
            Code::NotFound,
            format!("The server {} was removed", server.name),
            "Add it again.",
        ));
    }
    servers::set_status(tx, server.id, ServerStatus::Validating, None).await?;
    let params = serde_json::to_value(params).map_err(Problem::internal)?;
    Ok(operations::enqueue(tx, &command::on_server(&DEFINITION, server, params)).await?)
}

/// What opens the server, and its PostgreSQL.
async fn server_secrets(ctx: &Ctx) -> Result<(), Problem> {
    open_secrets(ctx, &ctx.server().await?).await.map(drop)
}

async fn open_secrets(ctx: &Ctx, server: &Server) -> Result<(Credentials, SecretString), Problem> {
    let (credentials, password) = {
        let mut conn = ctx.store().connection().await?;
        servers::secrets(&mut conn, ctx.store().sealer(), server).await?
    };
    [
        &credentials.private_key,
        &credentials.passphrase,
        &credentials.password,
    ]
    .into_iter()
    .flatten()
    .for_each(|secret| ctx.keep(secret));
    ctx.keep(&password);
    Ok((credentials, password))
}

async fn connect(ctx: &Ctx) -> Result<(), Problem> {
    let (server, params): (Server, Params) = (ctx.server().await?, ctx.params()?);
    ctx.hands().hosts().forget(server.id).await;
    let (credentials, _) = open_secrets(ctx, &server).await?;
    let mut access = hands::access(&server, credentials)?;
    access.privilege = Privilege::Root;
    if let Some(fingerprint) = params.accept_fingerprint {
        access.host_key = ExpectedKey::Fingerprint(fingerprint);
    }
    let (host, key) = ocore_fleet::connect(&access).await?;
    if let Some(key) = &key {
        let shown = key.fingerprint();
        servers::pin_host_key(
            &mut *ctx.store().connection().await?,
            server.id,
            Some(&key.to_string()),
        )
        .await?;
        ctx.info(format!("Connected; the host key is {shown}"));
        access.host_key = ExpectedKey::Pinned(key.clone());
    } else {
        ctx.info("This machine itself; no SSH is needed");
    }
    let privilege = privilege(&*host).await?;
    let host = if privilege == access.privilege {
        host
    } else {
        // One connection at a time: the first goes before the next, which knows how to become root.
        drop(host);
        access.privilege = privilege;
        ocore_fleet::connect(&access).await?.0
    };
    ctx.info(match privilege {
        Privilege::Root => "The user is root",
        Privilege::Sudo => "The user may use sudo without a password",
        Privilege::DockerOnly => "The user is not root and may not use sudo without a password",
    });
    ctx.hands().hosts().adopt(server.id, host).await;
    // What the looks showed before is past.
    let mut conn = ctx.store().connection().await?;
    checks::ssh_answered(&mut conn, server.id, server.organization_id).await?;
    Ok(())
}

async fn privilege(host: &dyn Host) -> Result<Privilege, Problem> {
    let script = "if [ \"$(id -u)\" = 0 ]; then echo root; elif sudo -n true 2>/dev/null; then echo sudo; else echo none; fi";
    let answer = host
        .run(Script::new(script))
        .await?
        .success("Asking who the user is")?;
    Ok(match answer.trim() {
        "root" => Privilege::Root,
        "sudo" => Privilege::Sudo,
        _ => Privilege::DockerOnly,
    })
}

async fn inspect(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let host = ctx.host().await?;
    let facts = look(&*host, privilege(&*host).await?).await?;
    ctx.info(format!(
        "{} {} on {}, Linux {}: {} cores, {} MiB of memory",
        facts.os_name,
        facts.os_version,
        facts.architecture,
        facts.kernel,
        facts.cpu_cores,
        facts.ram_total_bytes >> 20
    ));
    servers::set_facts(&mut *ctx.store().connection().await?, server.id, &facts).await?;
    // A process that took this over has connected as the row told it to, before this was known.
    if hands::privilege(&server) != facts.privilege {
        ctx.hands().hosts().forget(server.id).await;
    }
    Ok(())
}

/// Everything about the machine but its Docker.
async fn look(host: &dyn Host, privilege: Privilege) -> Result<ServerFacts, Problem> {
    let script = format!(
        ". /etc/os-release 2>/dev/null; echo \"os_name=$NAME\"; echo \"os_version=$VERSION_ID\"; \
         echo \"kernel=$(uname -r)\"; echo \"architecture=$(uname -m)\"; echo \"system=$(uname -s)\"; \
         echo \"cores=$(nproc)\"; echo \"memory=$(sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)\"; \
         echo \"boot=$({BOOT_ID})\""
    );
    let text = host
        .run(Script::new(script))
        .await?
        .success("Looking at the machine")?;
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or("")
            .trim()
            .to_owned()
    };
    let unsupported = |what: &str| {
        Problem::new(
            Code::ServerUnsupported,
            format!("The server cannot be used: {what}"),
            "Use a Linux server: Debian 12+, Ubuntu 22.04+, Rocky 9+ or Amazon Linux 2023.",
        )
    };
    if value("system") != "Linux" {
        return Err(unsupported("it is no Linux"));
    }
    let number = |name: &str| {
        value(name)
            .parse::<u64>()
            .map_err(|_| unsupported(&format!("its {name} cannot be read")))
    };
    Ok(ServerFacts {
        os_name: value("os_name"),
        os_version: value("os_version"),
        kernel: value("kernel"),
        architecture: value("architecture"),
        cpu_cores: u32::try_from(number("cores")?).unwrap_or(1),
        ram_total_bytes: number("memory")? * 1024,
        disk_total_bytes: 0,
        disk_available_bytes: 0,
        docker_version: String::new(),
        docker_route: DockerRoute::Socket,
        privilege,
        boot_id: value("boot"),
        observed_at: Utc::now(),
    })
}

/// Prints what names one boot of a machine: the kernel's word for it and when its first process began, for a
/// machine that shares its kernel with others.
pub(crate) const BOOT_ID: &str = "printf '%s.%s' \"$(cat /proc/sys/kernel/random/boot_id)\" \"$(sed 's/.*) //' /proc/1/stat | cut -d' ' -f20)\"";

async fn check_docker(ctx: &Ctx) -> Result<(), Problem> {
    let (server, params): (Server, Params) = (ctx.server().await?, ctx.params()?);
    let mut host = ctx.host().await?;
    let mut engine = host.engine().await;
    // One that is installed and does not run is started on the way.
    if engine
        .as_ref()
        .is_err_and(|problem| matches!(problem.code, Code::DockerMissing | Code::DockerUnavailable))
        && params.install_docker
    {
        install_docker(ctx, &*host).await?;
        host = ctx.host().await?;
        engine = host.engine().await;
    }
    let engine = engine.map_err(|problem| match problem.code {
        Code::DockerMissing if !params.install_docker => Problem::new(
            problem.code,
            problem.detail,
            "Install Docker Engine 20.10 or newer, or validate again and let oCore install it (installDocker).",
        ),
        _ => problem,
    })?;
    let version = engine.version().await?;
    if !new_enough(&version) {
        return Err(Problem::new(
            Code::DockerTooOld,
            format!("The server has Docker {version}"),
            format!(
                "Upgrade it to Docker {}.{} or newer, then validate again.",
                DOCKER.0, DOCKER.1
            ),
        ));
    }
    let root = engine.info().await?.root_dir;
    let (total, free) = disk(&*host, &root).await?;
    let mut facts = server
        .facts
        .ok_or_else(|| Problem::internal("the server was not looked at yet"))?
        .0;
    facts.docker_version = version;
    facts.docker_route = host.docker_route().unwrap_or(DockerRoute::Socket);
    facts.disk_total_bytes = total;
    facts.disk_available_bytes = free;
    facts.observed_at = Utc::now();
    ctx.info(format!(
        "Docker {} answers ({}); {} of {} MiB are free in {root}",
        facts.docker_version,
        match facts.docker_route {
            DockerRoute::Socket => "over its socket",
            DockerRoute::Streamlocal => "over the SSH connection, by a forwarded socket",
            DockerRoute::DialStdio => "over the SSH connection, by `docker system dial-stdio`",
        },
        free >> 20,
        total >> 20
    ));
    servers::set_facts(&mut *ctx.store().connection().await?, server.id, &facts).await?;
    Ok(())
}

fn new_enough(version: &str) -> bool {
    let mut parts = version
        .split(['.', '-', '+'])
        .map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= DOCKER
}

/// By the distribution's own package where there is one, which needs no foreign repository.
async fn install_docker(ctx: &Ctx, host: &dyn Host) -> Result<(), Problem> {
    if privilege(host).await? == Privilege::DockerOnly {
        return Err(Problem::new(
            Code::SudoRequired,
            "Docker is missing, and the user may not install it",
            "Connect as root or as a user with passwordless sudo, or install Docker by hand.",
        ));
    }
    ctx.info("Docker does not answer; installing and starting it");
    let script = "set -e
if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q && apt-get install -y -q docker.io
elif command -v dnf >/dev/null; then
  dnf install -y docker || dnf install -y docker-ce || dnf install -y moby-engine
else
  echo 'neither apt-get nor dnf is there' >&2; exit 1
fi
systemctl unmask docker.service docker.socket 2>/dev/null || true
systemctl enable --now docker";
    let script = Script::new(script)
        .as_root()
        .timeout(Duration::from_secs(840))
        .lines(ctx.sink());
    host.run(script).await?.success("Installing Docker")?;
    Ok(())
}

async fn get_postgres(ctx: &Ctx) -> Result<(), Problem> {
    ctx.engine()
        .await?
        .ensure_image(postgres::IMAGE, &ctx.sink())
        .await
}

async fn prepare_postgres(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    let (_, password) = open_secrets(ctx, &server).await?;
    postgres::ensure(ctx, &ctx.engine().await?, &server, password).await?;
    ctx.info(format!(
        "{} answers in the container {}",
        postgres::IMAGE,
        postgres::CONTAINER
    ));
    Ok(())
}

async fn offer_agent(ctx: &Ctx) -> Result<(), Problem> {
    let server = ctx.server().await?;
    if !ctx.hands().agents().is_offered(&server) {
        ctx.info("Agents are not installed by themselves here; the server is looked at over SSH");
        return Ok(());
    }
    let mut tx = ctx.store().begin().await?;
    if agent_install::follow(&mut tx, &server).await? {
        ctx.info("The agent's installation follows");
    }
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(())
}

/// Free bytes for an unprivileged user on the file system that holds a path.
pub(crate) async fn free_disk(host: &dyn Host, path: &str) -> Result<u64, Problem> {
    Ok(disk(host, path).await?.1)
}

/// Size and free bytes of the file system that holds a path, or the nearest parent the user may see.
async fn disk(host: &dyn Host, path: &str) -> Result<(u64, u64), Problem> {
    let quoted = path.replace('\'', "");
    let script = format!(
        "p='{quoted}'; while ! stat -f -c '%S %b %a' \"$p\" 2>/dev/null; do p=$(dirname \"$p\"); done"
    );
    let text = host
        .run(Script::new(script))
        .await?
        .success("Reading the free disk space")?;
    let numbers: Vec<u64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [block, total, free] => Ok((block * total, block * free)),
        _ => Err(Problem::internal("the free disk space cannot be read")),
    }
}

#[cfg(test)]
mod tests {
    use super::new_enough;

    #[test]
    fn versions_are_compared_by_number() {
        for (version, enough) in [
            ("20.10.24+dfsg1", true),
            ("28.2.2", true),
            ("20.9.1", false),
            ("19.03.15", false),
            ("", false),
        ] {
            assert_eq!(new_enough(version), enough, "{version}");
        }
    }
}
