//! `ocore backup verify`: a backup read to its end.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::Context;
use serde_json::{Value, json};

use super::{
    archive::{Part, read},
    sealing::Identities,
};

/// A backup, from its beginning.
pub(crate) fn open(file: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let opened = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(Box::new(opened))
}

/// Reads it, and answers what it says of itself.
pub(crate) fn verify(file: &Path, identities: &Identities) -> anyhow::Result<Value> {
    let mut manifest = Value::Null;
    let mut named = Value::Null;
    let mut trailer = Value::Null;
    read(open(file)?, identities, |part| {
        match part {
            Part::Head(head) => {
                manifest = serde_json::to_value(&head.manifest)?;
                let variables: Vec<&str> = head.environment.exposed().into_keys().collect();
                let files: Vec<&String> = head.files.keys().collect();
                named = json!({"variables": variables, "files": files});
            }
            Part::Dump(_) => {}
            Part::Whole(whole) => trailer = serde_json::to_value(whole)?,
        }
        Ok(())
    })?;
    Ok(json!({
        "manifest": manifest, "variables": named["variables"], "files": named["files"], "dump": trailer,
    }))
}

/// The same for people. Of the variables only the names.
pub(crate) fn told(seen: &Value) -> String {
    let (manifest, names) = (&seen["manifest"], |list: &Value| {
        let words: Vec<&str> = list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(", ")
        }
    });
    let rows: i64 = manifest["counts"]
        .as_object()
        .into_iter()
        .flat_map(|all| all.values())
        .filter_map(Value::as_i64)
        .sum();
    format!(
        "It is whole: made {} on {} by oCore {}, schema {}, {rows} rows, a dump of {} bytes.\nvariables: {}\nfiles: {}",
        manifest["madeAt"].as_str().unwrap_or_default(),
        manifest["host"].as_str().unwrap_or_default(),
        manifest["ocoreVersion"].as_str().unwrap_or_default(),
        manifest["schemaVersion"],
        seen["dump"]["dumpBytes"],
        names(&seen["variables"]),
        names(&seen["files"]),
    )
}
