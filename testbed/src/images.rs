//! The images: built from Debian's packages, or pulled, and kept in the cache as `NAME-TAG.tar.zst`.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{Seek, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use tempfile::{NamedTempFile, TempDir};

use crate::{
    cache::{self, Lock},
    command, docker,
    engine::{engine, tail},
    packages::{BUILD, install},
};

/// The label of an image we built: what it was built by, so that a changed script builds it anew.
const RECIPE: &str = "sh.ocore.testbed.recipe";

/// One image the testbed needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image {
    /// Its name, as a server's Docker knows it.
    pub(crate) tag: &'static str,
    /// The script in `images/` that builds it.
    script: &'static str,
    /// Whether a registry has it too: then one without our label is as good.
    published: bool,
}

/// What each server holds.
pub(crate) const INSIDE: [Image; 3] = [
    Image {
        tag: "postgres:17",
        script: "postgres.sh",
        published: true,
    },
    Image {
        tag: "caddy:2",
        script: "caddy.sh",
        published: true,
    },
    Image {
        tag: "odoo:19",
        script: "odoo.sh",
        published: true,
    },
];

/// The server itself.
pub(crate) const SERVER: Image = Image {
    tag: "ocore-testbed-server",
    script: "server.sh",
    published: false,
};

/// What images of oCore stand on where no image of Debian can be pulled: with what PostgreSQL's clients need, and with
/// `PgBouncer`.
const BASES: [Image; 2] = [
    Image {
        tag: "ocore-testbed-base",
        script: "base.sh",
        published: false,
    },
    Image {
        tag: "ocore-testbed-base-pgbouncer",
        script: "base-pgbouncer.sh",
        published: false,
    },
];

/// Where an image came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was on this machine already.
    Present,
    /// It was in the cache.
    Cache,
    /// A registry gave it.
    Registry,
    /// It was built from Debian's packages.
    Built,
}

/// Makes sure that this machine's Docker and the cache have all images of the testbed.
pub fn images() -> Result<()> {
    let lock = cache::lock()?;
    ensure(&lock)
}

/// Makes sure that this machine's Docker and the cache have what images of oCore are made on; answers the one for backend and
/// frontend, and the one for `PgBouncer`.
pub fn bases() -> Result<[&'static str; 2]> {
    let lock = cache::lock()?;
    engine()?;
    for image in BASES {
        image.ensure(&lock)?;
        image.save(&lock)?;
    }
    Ok(BASES.map(|image| image.tag))
}

/// Makes sure that this machine's Docker has `odoo:19` and `postgres:17`: pulled, or built where no registry can be
/// reached. Answers how each came.
pub fn images_from_registry_or_built() -> Result<Vec<(&'static str, Origin)>> {
    let lock = cache::lock()?;
    engine()?;
    let wanted = INSIDE.iter().filter(|image| image.tag != "caddy:2");
    wanted
        .map(|image| {
            if !image.is_loaded() {
                eprintln!("pulling {}", image.tag);
                let pulled = Command::new("timeout")
                    .args(["600", "docker", "pull", "-q", image.tag])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status();
                if pulled.is_ok_and(|status| status.success()) {
                    return Ok((image.tag, Origin::Registry));
                }
            }
            Ok((image.tag, image.ensure(&lock)?))
        })
        .collect()
}

pub(crate) fn ensure(lock: &Lock) -> Result<()> {
    engine()?;
    for image in INSIDE.iter().chain([&SERVER]) {
        image.ensure(lock)?;
        image.save(lock)?;
    }
    Ok(())
}

impl Image {
    /// Its identity in this machine's Docker.
    pub(crate) fn id(&self) -> Result<String> {
        docker::read(&["image", "inspect", "--format", "{{.Id}}", self.tag])
    }

    /// The file that keeps it.
    pub(crate) fn file(&self) -> PathBuf {
        cache::folder().join(format!("{}.tar.zst", self.tag.replace([':', '/'], "-")))
    }

    fn ensure(&self, lock: &Lock) -> Result<Origin> {
        if self.is_loaded() {
            return Ok(Origin::Present);
        }
        if self.file().is_file() {
            load(&self.file(), &mut docker::docker(&["load", "-q"]))?;
            if self.is_loaded() {
                return Ok(Origin::Cache);
            }
        }
        self.build(lock)?;
        Ok(Origin::Built)
    }

    /// Whether this machine's Docker has it, and not one that an older script built.
    fn is_loaded(&self) -> bool {
        let label = format!("{{{{index .Config.Labels {RECIPE:?}}}}}");
        match docker::look(&["image", "inspect", "--format", &label, self.tag]).as_deref() {
            None => false,
            Some("" | "<no value>") => self.published,
            Some(recipe) => self.recipe().is_ok_and(|ours| ours == recipe),
        }
    }

    fn recipe(&self) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        for script in ["common.sh", self.script] {
            fs::read_to_string(scripts().join(script))?.hash(&mut hasher);
        }
        Ok(format!("{:016x}", hasher.finish()))
    }

    fn build(&self, _lock: &Lock) -> Result<()> {
        if command::read(Command::new("id").arg("-u"))? != "0" {
            bail!(
                "{} has to be built from Debian's packages, which needs root: run the same as root once",
                self.tag
            );
        }
        install(&BUILD)?;
        let log = cache::folder().join(self.script).with_extension("log");
        eprintln!(
            "testbed: building {} from Debian's packages (log: {})",
            self.tag,
            log.display()
        );
        let began = Instant::now();
        // In the cache, not in /tmp: a tree has device files, and /tmp may be mounted without, or be small.
        let tree = TempDir::with_prefix_in("tree-", cache::folder())?;
        fs::set_permissions(tree.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let built = Command::new("bash")
            .arg(scripts().join(self.script))
            .arg(tree.path())
            .stdin(Stdio::null())
            .stderr(File::create(&log)?)
            .output()
            .context("could not start bash")?;
        if !built.status.success() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!(
                "building {} failed; the end of {}:\n{}",
                self.tag,
                log.display(),
                tail(&said)
            );
        }
        self.import(tree.path(), &String::from_utf8_lossy(&built.stdout))?;
        self.save_anew()?;
        eprintln!("testbed: {} is built ({} s)", self.tag, began.elapsed().as_secs());
        Ok(())
    }

    /// A tree as an image, with the instructions its script gave. `docker import` by itself does not know all of
    /// them (STOPSIGNAL), so they are a Dockerfile over the bare tree.
    fn import(&self, tree: &Path, instructions: &str) -> Result<()> {
        const BARE: &str = "ocore-testbed-tree";
        let mut tar = Command::new("tar");
        pipe(
            tar.arg("-C").arg(tree).args(["-c", "."]),
            &mut docker::docker(&["import", "-", BARE]),
        )?;
        let mut dockerfile = tempfile::tempfile()?;
        writeln!(
            dockerfile,
            "FROM {BARE}\nLABEL {RECIPE}={}\n{instructions}",
            self.recipe()?
        )?;
        dockerfile.rewind()?;
        // Without BuildKit, which is a package of its own in some distributions.
        let built = docker::docker(&["build", "-q", "-t", self.tag, "-"])
            .env("DOCKER_BUILDKIT", "0")
            .stdin(dockerfile)
            .output()?;
        docker::read(&["rmi", BARE])?;
        if !built.status.success() {
            bail!(
                "docker build of {} failed: {}",
                self.tag,
                String::from_utf8_lossy(&built.stderr).trim_end()
            );
        }
        Ok(())
    }

    fn save(&self, _lock: &Lock) -> Result<()> {
        if self.file().is_file() {
            Ok(())
        } else {
            self.save_anew()
        }
    }

    /// Keeps it in the cache; what is half written never bears its name.
    fn save_anew(&self) -> Result<()> {
        install(&BUILD)?;
        let part = NamedTempFile::with_prefix_in("part-", cache::folder())?;
        pipe(
            &mut docker::docker(&["save", self.tag]),
            Command::new("zstd")
                .args(["-q", "-3", "-T0", "-f", "-o"])
                .arg(part.path()),
        )?;
        part.persist(self.file())?;
        Ok(())
    }
}

/// Gives a kept image to a `docker load`.
pub(crate) fn load(file: &Path, into: &mut Command) -> Result<()> {
    pipe(Command::new("zstd").args(["-q", "-d", "-c"]).arg(file), into)
}

/// `from | into`, both of which must succeed.
fn pipe(from: &mut Command, into: &mut Command) -> Result<()> {
    let names = format!("{} | {}", command::name(from), command::name(into));
    let mut first = from
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| names.clone())?;
    let between = first.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let second = into
        .stdin(between)
        .stdout(Stdio::null())
        .output()
        .with_context(|| names.clone())?;
    // `into` still holds our end of the pipe: a reader that ended early must leave the writer without one.
    into.stdin(Stdio::null());
    let first = first.wait()?;
    if !first.success() || !second.status.success() {
        bail!(
            "`{names}` failed: {}",
            String::from_utf8_lossy(&second.stderr).trim_end()
        );
    }
    Ok(())
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("images")
}
