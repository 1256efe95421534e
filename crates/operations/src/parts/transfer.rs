//! An instance's files and database from one server to another, through this process: as streams, of which nothing is kept
//! whole here, and compared by checksums at both ends.

use std::time::Duration;

use ocore_domain::{Code, Problem};
use ocore_fleet::{ContainerSpec, Engine, Exec, Mount};
use ocore_odoo::command::DATA_DIR;
use ocore_store::instances::{Instance, Secrets};

use super::{
    database, instance_labels,
    postgres::{CONTAINER, DUMPS},
};
use crate::engine::Ctx;

/// How long one transfer may take.
const LIMIT: Duration = Duration::from_secs(7000);
/// Holds the second, by the source's clock, before which everything is copied and compared already.
const MARK: &str = "/ocore-copied-before";

/// One end of a transfer: a server's Engine, and the instance as it is there.
#[derive(Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) instance: &'a Instance,
}

impl End<'_> {
    /// A container that does nothing but hold the volume, for commands in it.
    async fn hold_volume(self) -> Result<(), Problem> {
        let names = self.instance.names();
        let idle = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done";
        let spec = ContainerSpec {
            name: names.mover.clone(),
            image: self.instance.settings.image.clone(),
            entrypoint: Some(["/bin/sh", "-c", idle].map(str::to_owned).to_vec()),
            user: Some("0".to_owned()),
            labels: instance_labels(self.instance),
            volumes: vec![Mount {
                volume: names.volume,
                target: DATA_DIR.to_owned(),
                read_only: false,
            }],
            init: true,
            ..ContainerSpec::default()
        };
        self.engine.create_container(&spec).await?;
        self.engine.start(&names.mover).await
    }

    /// Takes that container away.
    pub(crate) async fn let_go_of_volume(self) -> Result<(), Problem> {
        let mover = self.instance.names().mover;
        self.engine
            .remove_container(&mover, &instance_labels(self.instance))
            .await
    }

    /// Runs a script beside the volume, with arguments.
    async fn beside_volume(self, what: &str, script: &str, arguments: &[&str]) -> Result<String, Problem> {
        self.exec(&self.instance.names().mover, what, script, arguments)
            .await
    }

    /// Runs a script in the server's PostgreSQL.
    async fn in_postgres(self, what: &str, script: &str, arguments: &[&str]) -> Result<String, Problem> {
        self.exec(CONTAINER, what, script, arguments).await
    }

    async fn exec(
        self,
        container: &str,
        what: &str,
        script: &str,
        arguments: &[&str],
    ) -> Result<String, Problem> {
        let words = ["sh", "-c", script, "sh"]
            .into_iter()
            .chain(arguments.iter().copied());
        let exec = Exec {
            argv: words.map(str::to_owned).collect(),
            stdin: None,
            user: None,
            timeout: LIMIT,
            lines: None,
        };
        self.engine.exec(container, exec).await?.success(what)
    }

    fn dump(self) -> String {
        format!("{DUMPS}/{}-{}.move", self.instance.slug, self.instance.id)
    }

    /// Deletes the dump that was made for the move; that there is none is fine.
    pub(crate) async fn delete_dump(self) -> Result<(), Problem> {
        let script = r#"rm -f "$1" "$1.part""#;
        self.in_postgres("Deleting a dump", script, &[&self.dump()])
            .await
            .map(drop)
    }
}

/// Copies the files while the instance may still write them, and compares those that were at rest. What changes meanwhile
/// is for [`copy_rest`]. The volume at the target is begun anew.
pub(crate) async fn copy_ahead(
    ctx: &Ctx,
    from: End<'_>,
    to: End<'_>,
    free_bytes: u64,
) -> Result<(), Problem> {
    from.hold_volume().await?;
    let told = from
        .beside_volume(
            "Looking at the files",
            r#"date +%s; du -sb "$1" | cut -f1"#,
            &[DATA_DIR],
        )
        .await?;
    let mut numbers = told.lines().map(|line| line.trim().parse::<u64>());
    let (Some(Ok(now)), Some(Ok(size))) = (numbers.next(), numbers.next()) else {
        return Err(Problem::internal(format!(
            "the size of the files was told as `{told}`"
        )));
    };
    if size > free_bytes {
        return Err(Problem::new(
            Code::InsufficientDisk,
            format!(
                "The files are {} MiB, and {} MiB are free there",
                size >> 20,
                free_bytes >> 20
            ),
            "Make room there, or choose another server.",
        ));
    }
    // A little before now, so that what is written in this very second is looked at again.
    let before = now.saturating_sub(2).to_string();
    to.engine
        .ensure_volume(&to.instance.names().volume, &instance_labels(to.instance))
        .await?;
    to.hold_volume().await?;
    let clear = r#"rm -f "$2"; find "$1" -mindepth 1 -delete"#;
    to.beside_volume("Clearing the volume", clear, &[DATA_DIR, MARK])
        .await?;
    // What vanishes or grows while it is read is copied again when nothing writes any more.
    let pack =
        r#"cd "$1" && tar --create --numeric-owner --ignore-failed-read . 2>/tmp/ocore-tar || [ $? -le 2 ]"#;
    let length = flow(from, pack, &[DATA_DIR], to, DATA_DIR).await?;
    let sums = r#"cd "$1" && find . -type f ! -newerct "@$2" -print0 | xargs -0r sha256sum 2>/dev/null >/tmp/ocore-sums; true"#;
    from.beside_volume("Adding up the files", sums, &[DATA_DIR, &before])
        .await?;
    flow(from, "tar --create --directory=/tmp ocore-sums", &[], to, "/tmp").await?;
    let check = r#"cd "$1" && { [ ! -s /tmp/ocore-sums ] || sha256sum --check --quiet --strict /tmp/ocore-sums; } && echo "$2" >"$3""#;
    match to
        .beside_volume("Comparing the files", check, &[DATA_DIR, &before, MARK])
        .await
    {
        Ok(_) => ctx.info(format!(
            "Copied {} MiB of files ahead; those at rest are the same at both ends",
            length >> 20
        )),
        Err(problem) if problem.code == Code::CommandFailed => {
            ctx.info("The files changed while they were copied; they are copied once more when nothing writes them");
        }
        Err(problem) => return Err(problem),
    }
    Ok(())
}

/// Copies what changed since [`copy_ahead`], takes away what is gone since, and compares: every file by its size, and
/// what was copied now by its contents. Nothing may write at the source any more.
pub(crate) async fn copy_rest(ctx: &Ctx, from: End<'_>, to: End<'_>) -> Result<(), Problem> {
    from.hold_volume().await?;
    to.hold_volume().await?;
    let mark = r#"cat "$1" 2>/dev/null || echo 0"#;
    let before = to.beside_volume("Looking at the files", mark, &[MARK]).await?;
    let before = before.trim();
    let list = r#"set -e; export LC_ALL=C; cd "$1"
{ printf '.\0'; find . -mindepth 1 -newerct "@$2" -print0; } >/tmp/ocore-changed
find . -type f -printf '%s %P\0' | sort -z >/tmp/ocore-list
find . -type f -newerct "@$2" -print0 | xargs -0r sha256sum >/tmp/ocore-sums
tr -cd '\0' </tmp/ocore-list | wc -c; tr -cd '\0' </tmp/ocore-changed | wc -c"#;
    let counts = from
        .beside_volume("Listing the files", list, &[DATA_DIR, before])
        .await?;
    let pack =
        r#"cd "$1" && tar --create --numeric-owner --no-recursion --null --files-from=/tmp/ocore-changed"#;
    let length = flow(from, pack, &[DATA_DIR], to, DATA_DIR).await?;
    flow(
        from,
        "tar --create --directory=/tmp ocore-list ocore-sums",
        &[],
        to,
        "/tmp",
    )
    .await?;
    let check = r#"set -e; export LC_ALL=C; cd "$1"
here() { find . -type f -printf '%s %P\0' | sort -z >/tmp/ocore-here; }
here; comm -z -13 /tmp/ocore-list /tmp/ocore-here | sed -z 's/^[0-9]* //' | xargs -0r rm -f --
here
if ! cmp -s /tmp/ocore-list /tmp/ocore-here; then
  echo "not the same at both ends:" >&2; comm -z -3 /tmp/ocore-list /tmp/ocore-here | tr '\0' '\n' | head -n 5 >&2; exit 1
fi
[ ! -s /tmp/ocore-sums ] || sha256sum --check --quiet --strict /tmp/ocore-sums"#;
    to.beside_volume("Comparing the files", check, &[DATA_DIR])
        .await?;
    let mut counts = counts.lines().map(str::trim);
    let (all, changed) = (counts.next().unwrap_or("?"), counts.next().unwrap_or("?"));
    ctx.info(format!(
        "{all} files are the same at both ends; {changed} paths ({} KiB) were copied since nothing writes them",
        length >> 10
    ));
    Ok(())
}

/// Lets a tar archive flow from a script beside the one volume into a directory beside the other.
async fn flow(
    from: End<'_>,
    script: &str,
    arguments: &[&str],
    to: End<'_>,
    directory: &str,
) -> Result<u64, Problem> {
    let argv: Vec<&str> = ["sh", "-c", script, "sh"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    let archive = from
        .engine
        .archive_by(&from.instance.names().mover, &argv)
        .await?;
    to.engine
        .unpack(&to.instance.names().mover, directory, archive, LIMIT)
        .await
}

/// Dumps the database at the source, carries the dump over, and restores it there with owners, rights and identity as they
/// are. A whole one that is there already is left alone. Nothing may write at the source any more.
pub(crate) async fn copy_database(
    ctx: &Ctx,
    from: End<'_>,
    to: End<'_>,
    secrets: &Secrets,
    jobs: u32,
) -> Result<(), Problem> {
    if database::is_ready(to.engine, to.instance).await? {
        ctx.info("The database is there already");
        return Ok(());
    }
    let (name, dump) = (from.instance.names().database, from.dump());
    let save = r#"set -e; umask 077; pg_dump -U postgres --format=custom --file="$1.part" "$2"; mv "$1.part" "$1"
sha256sum <"$1" | cut -c1-64; wc -c <"$1""#;
    let told = from
        .in_postgres("Dumping the database", save, &[&dump, &name])
        .await?;
    let (sum, size) = told.split_once('\n').unwrap_or((&told, "0"));
    let archive = from.engine.archive_of(CONTAINER, &dump).await?;
    to.engine.unpack(CONTAINER, DUMPS, archive, LIMIT).await?;
    let arrived = to
        .in_postgres("Comparing the dump", r#"sha256sum <"$1" | cut -c1-64"#, &[&dump])
        .await?;
    if arrived.trim() != sum.trim() {
        return Err(Problem::new(
            Code::DatabaseFailed,
            "The dump of the database did not arrive as it was sent",
            "Retry; if it happens again, look at the memory and the disk of both servers.",
        ));
    }
    database::create_empty(to.engine, to.instance, secrets).await?;
    let restore = r#"pg_restore -U postgres --dbname="$2" --exit-on-error --jobs="$3" "$1""#;
    let jobs = jobs.clamp(1, 4).to_string();
    to.in_postgres("Restoring the database", restore, &[&dump, &name, &jobs])
        .await?;
    database::finish(to.engine, to.instance).await?;
    from.delete_dump().await?;
    to.delete_dump().await?;
    ctx.info(format!(
        "Copied the database {name}: a dump of {} KiB, restored",
        size.trim().parse::<u64>().unwrap_or(0) >> 10
    ));
    Ok(())
}
