//! `ocore setup`: what `docker compose` needs to run oCore, in a folder. Nothing that is there already is overwritten.

mod ask;
mod database;
mod env;
mod files;
mod limits;

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

use files::Written;

/// The name of the file with the secrets.
const ENV: &str = ".env";
/// What the files of an installation are called that `COMPOSE_FILE` names.
const PROD: &str = "docker-compose.prod.yml";
const EXTERNAL: &str = "docker-compose.external-db.yml";
const PGBOUNCER: &str = "docker-compose.pgbouncer.yml";

/// What is to be set up.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Options {
    /// The folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The address people enter in their browsers, such as <https://ocore.example.com>; asked for when it is not given.
    #[arg(long)]
    app_url: Option<String>,
    /// Where certificates come from: an e-mail address (Let's Encrypt), `internal` (an authority of Caddy's own), or
    /// `CERTIFICATE,KEY`: the names of two files in `tls/`.
    #[arg(long, conflicts_with = "without_caddy")]
    tls: Option<String>,
    /// Without Caddy: a proxy of your own brings TLS and asks 127.0.0.1:3000.
    #[arg(long)]
    without_caddy: bool,
    /// With a `PostgreSQL` elsewhere. Its address, which holds a password, is taken from `DATABASE_URL` in the environment,
    /// else asked for.
    #[arg(long)]
    external_database: bool,
    /// Take that address from the first line of standard input.
    #[arg(long, requires = "external_database")]
    database_url_stdin: bool,
    /// With `PgBouncer` before the database.
    #[arg(long)]
    pgbouncer: bool,
}

/// Sets it up, and says what was written, what was kept and what comes next.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let dir = &options.dir;
    let env = dir.join(ENV);
    let has_env = env.symlink_metadata().is_ok();
    // Asked for before anything is written.
    let wanted = if has_env {
        None
    } else {
        Some(ask::wanted(options)?)
    };
    let mut said = String::new();
    for (name, content) in files::ALL {
        match files::write(dir, name, content)? {
            Written::New => said.extend(["wrote ", name, "\n"]),
            Written::Same => said.extend(["kept  ", name, "\n"]),
            Written::Differs(new) => {
                let how = ", which differs from this version's: compare it with ";
                said.extend(["kept  ", name, how, &new, "\n"]);
            }
        }
    }
    files::folder(&dir.join("certs"), 0o755)?;
    files::folder(&dir.join("tls"), 0o700)?;
    if let Some(wanted) = &wanted {
        let text = env::text(wanted, limits::of(limits::Machine::here()?))?;
        files::write_private(&env, &text)?;
        said += "wrote .env, with new secrets; only its owner can read it\n";
    } else {
        said += "kept  .env: its secrets and settings are as they were, and no option changes them\n";
        said += &judge(&env)?;
    }
    said += &next(dir, wanted.is_some());
    let mut out = io::stdout().lock();
    out.write_all(said.as_bytes())?;
    Ok(out.flush()?)
}

/// What is to be said of an environment that was there.
fn judge(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let mut said = String::new();
    for name in env::missing(&text) {
        said.extend(["      it does not set ", name, ", which is needed\n"]);
    }
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        said.extend(["      others can read it: chmod 600 ", &quoted(path), "\n"]);
    }
    Ok(said)
}

fn next(dir: &Path, is_new: bool) -> String {
    let mut said = String::new();
    if is_new {
        said += "\nKeep a copy of SSH_ENCRYPTION_KEY from .env elsewhere: without it a backup of the database is worth little.\n";
    }
    said += "\nNext:\n";
    if dir != Path::new(".") {
        said.extend(["  cd ", &quoted(dir), "\n"]);
    }
    said += "  docker compose up -d --wait\n";
    if is_new {
        said +=
            "\nThen open APP_URL in a browser: the first person to sign up administers the installation.\n";
    }
    said
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-+@%".contains(c));
    if is_plain && !text.is_empty() {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
