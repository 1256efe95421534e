//! `ocore inventory`: servers and the distribution of instances, as a document to keep.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Session, download::download, failure::Failure};

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Markdown,
    Json,
}

#[derive(Args)]
pub(crate) struct Inventory {
    /// For people or for programs.
    #[arg(long, value_enum, default_value = "markdown")]
    format: Format,
    /// The file; `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

pub(crate) async fn run(session: &Session, wanted: &Inventory) -> Result<(), Failure> {
    let format = match wanted.format {
        // A program that reads wants an object on standard output.
        Format::Markdown if session.output.is_json() && wanted.output.as_os_str() == "-" => "json",
        Format::Markdown => "markdown",
        Format::Json => "json",
    };
    let query = [("format", format.to_owned())];
    let Some(bytes) = download(session, &["inventory"], &query, &wanted.output).await? else {
        return Ok(());
    };
    let document = json!({"file": wanted.output, "format": format, "bytes": bytes});
    session.output.result(&document, || {
        format!("The inventory is in {}.\n", wanted.output.display())
    })
}
