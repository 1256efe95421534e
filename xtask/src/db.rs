//! `cargo xtask db`: a private PostgreSQL to try things in.

use anyhow::Result;

use crate::{postgres::Postgres, process::wait_for_signal, sql};

/// Starts one in the foreground, migrated, and prints its address.
pub(crate) fn command() -> Result<()> {
    let postgres = Postgres::start()?;
    postgres.create_migrated("ocore", &sql::migrations())?;
    println!("DATABASE_URL='{}'", postgres.url("ocore"));
    eprintln!("Ctrl-C stops it and removes everything in it.");
    wait_for_signal(|| false);
    Ok(())
}
