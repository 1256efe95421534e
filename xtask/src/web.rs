//! `cargo xtask web`: builds the dashboard into `web/build`, from where the binary takes it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use ocore_testbed::Server;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{binary, process::run, workspace};

/// The oldest Node.js that builds it.
const NODE: (u32, u32) = (22, 17);
/// What is not its source: what others make of it, and what is made for it.
const NOT_SOURCE: [&str; 6] = [
    "node_modules",
    "bench",
    "build",
    ".svelte-kit",
    "test-results",
    "src/lib/api/schema.d.ts",
];
/// In `node_modules`, written when all of it is there: the lock file it was made from.
const WHOLE: &str = ".installed-lock.json";
/// In `node_modules`, so that it goes when that is made anew: what the build was made from.
const BUILT: &str = ".cache/ocore-built";

/// The dashboard's folder, and how its programs are called.
struct Web {
    folder: PathBuf,
    /// Where Node.js is, if the machine's own is too old.
    node: Option<PathBuf>,
}

/// Builds it, unless it is built already; with `check` also runs what has to hold for it.
pub(crate) fn command(check: bool) -> Result<()> {
    let web = Web::open()?;
    web.install()?;
    web.build()?;
    if check {
        for what in ["lint", "check", "test"] {
            run(&mut web.npm(&["run", "--silent", what]))?;
        }
    }
    Ok(())
}

/// Runs the tests in the browser, with this `ocore` and these servers. With `pictures` only those that look at every page, which
/// leave pictures in that folder.
pub(crate) fn browser_tests(binary: &Path, servers: &[Server], pictures: Option<&Path>) -> Result<()> {
    let web = Web::open()?;
    let servers: Vec<_> = servers
        .iter()
        .map(|server| json!({"name": server.name, "address": server.address, "keyPath": server.key_path}))
        .collect();
    let mut tests = web.npm(&["run", "--silent", "test:browser"]);
    tests
        .env("OCORE_BIN", binary)
        .env("OCORE_E2E_SERVERS", Value::from(servers).to_string());
    if let Some(folder) = pictures {
        tests
            .args(["--", "5-pages"])
            .env("OCORE_SCREENSHOTS", std::path::absolute(folder)?);
    }
    run(&mut tests)
}

/// Takes a picture of every page, in both themes, wide and narrow.
pub(crate) fn screenshots(folder: &Path) -> Result<()> {
    command(false)?;
    ocore_testbed::up(2)?;
    browser_tests(
        &binary::build()?,
        &[1, 2].map(ocore_testbed::server),
        Some(folder),
    )
}

/// The program that drives a browser for the benchmark, and what it runs, with what that needs installed.
pub(crate) fn bench() -> Result<(PathBuf, PathBuf)> {
    command(false)?;
    let web = Web::open()?;
    let folder = web.folder.join("bench");
    run(web
        .npm(&["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
        .current_dir(&folder))?;
    Ok((node()?, folder.join("run.mjs")))
}

/// A Node.js that is as new as the dashboard's programs need.
pub(crate) fn node() -> Result<PathBuf> {
    let folder = ocore_testbed::node(NODE)?;
    Ok(folder.map_or_else(|| "node".into(), |folder| folder.join("node")))
}

/// Where those write what they have run.
pub(crate) fn junit() -> PathBuf {
    workspace::root().join("web/test-results/junit.xml")
}

impl Web {
    fn open() -> Result<Self> {
        let folder = workspace::root().join("web");
        if !folder.join("package.json").is_file() {
            bail!("{} is not there", folder.join("package.json").display());
        }
        let node = ocore_testbed::node(NODE)?;
        Ok(Self { folder, node })
    }

    fn npm(&self, arguments: &[&str]) -> Command {
        let mut npm = Command::new("npm");
        npm.args(arguments).current_dir(&self.folder);
        if let Some(node) = &self.node {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(node.clone()).chain(std::env::split_paths(&path));
            if let Ok(path) = std::env::join_paths(folders) {
                npm.env("PATH", path);
            }
        }
        npm
    }

    /// Installs what the lock file names, unless that is there.
    fn install(&self) -> Result<()> {
        let lock = self.folder.join("package-lock.json");
        let wanted = fs::read(&lock).with_context(|| format!("could not read {}", lock.display()))?;
        let whole = self.folder.join("node_modules").join(WHOLE);
        if fs::read(&whole).is_ok_and(|there| there == wanted) {
            return Ok(());
        }
        eprintln!("installing what the dashboard is built with: npm ci");
        // It takes an earlier `node_modules` away first, and the mark in it.
        run(&mut self.npm(&[
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--legacy-peer-deps",
            "--loglevel=error",
        ]))?;
        fs::write(whole, wanted)?;
        Ok(())
    }

    fn build(&self) -> Result<()> {
        let source = self.source()?;
        let mark = self.folder.join("node_modules").join(BUILT);
        let index = self.folder.join("build/index.html");
        if index.is_file() && fs::read_to_string(&mark).is_ok_and(|built| built == source) {
            println!("web/build is up to date");
            return Ok(());
        }
        // Should it fail, nothing says that what is there is of this source.
        match fs::remove_file(&mark) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        run(&mut self.npm(&["run", "--silent", "build"]))?;
        if !index.is_file() {
            bail!("it was built, and {} is not there", index.display());
        }
        if let Some(folder) = mark.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(mark, source)?;
        println!("web/build is renewed");
        Ok(())
    }

    /// What it is made from, as one text: the hash of every file.
    fn source(&self) -> Result<String> {
        let mut files = Vec::new();
        files_below(&self.folder, Path::new(""), &mut files)?;
        files.sort();
        let mut hash = Sha256::new();
        for file in &files {
            add(
                &mut hash,
                &file.to_string_lossy(),
                &fs::read(self.folder.join(file))?,
            );
        }
        // Its types are made of the API's description.
        let description = workspace::root().join("docs/openapi.json");
        add(&mut hash, "openapi.json", &fs::read(description)?);
        Ok(hex::encode(hash.finalize()))
    }
}

/// Lengths, so that what ends one text cannot begin the next.
fn add(hash: &mut Sha256, name: &str, content: &[u8]) {
    hash.update(format!("{}:{name}:{}:", name.len(), content.len()));
    hash.update(content);
}

fn files_below(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if NOT_SOURCE.iter().any(|not| path == Path::new(not)) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            files_below(root, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_no_source() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "package.json",
            "src/app.html",
            "src/lib/api/client.ts",
            "src/lib/api/schema.d.ts",
            "src/build/kept.ts",
            "build/index.html",
            "node_modules/a/index.js",
            ".svelte-kit/tsconfig.json",
        ] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let mut files = Vec::new();
        files_below(folder.path(), Path::new(""), &mut files).unwrap();
        files.sort();
        let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        assert_eq!(
            files,
            [
                "package.json",
                "src/app.html",
                "src/build/kept.ts",
                "src/lib/api/client.ts"
            ]
        );
    }

    #[test]
    fn a_hash_tells_names_from_contents() {
        let of = |name: &str, content: &str| {
            let mut hash = Sha256::new();
            add(&mut hash, name, content.as_bytes());
            hash.finalize()
        };
        assert_eq!(of("a", "b"), of("a", "b"));
        assert_ne!(of("a", "b"), of("ab", ""));
        assert_ne!(of("a", "b"), of("a", "c"));
    }
}
