//! The file itself: a tar archive within age's encryption, so that without oCore, too, it is opened by
//! `age --decrypt | tar --extract`, and its dump is `cat dump/* | pg_restore`.
//!
//! The dump's size is not known before its end, so it goes in parts, of which one at a time is in memory.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{
    environment::Environment,
    manifest::{FORMAT, Manifest, Trailer},
    sealing::{Identities, Seal},
};

const MANIFEST: &str = "manifest.json";
const ENVIRONMENT: &str = "environment.json";
const FILES: &str = "files";
const DUMP: &str = "dump";
const TRAILER: &str = "trailer.json";

/// How much of the dump is in memory at once.
const PART: usize = 4 << 20;
/// What is no dump is small.
const SMALL: u64 = 16 << 20;

/// What comes before the dump.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) manifest: Manifest,
    pub(crate) environment: Environment,
    /// Files by their absolute paths.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// Counts and hashes what passes.
pub(crate) struct Measured<T> {
    inner: T,
    bytes: u64,
    digest: Sha256,
}

impl<T> Measured<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            bytes: 0,
            digest: Sha256::new(),
        }
    }

    /// What is underneath, how much has passed, and its hash.
    pub(crate) fn end(self) -> (T, u64, String) {
        (self.inner, self.bytes, hex::encode(self.digest.finalize()))
    }
}

impl<T: Write> Write for Measured<T> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(data)?;
        self.bytes += written as u64;
        self.digest.update(&data[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a whole archive, and answers what is underneath. `is_whole` is asked when the dump has come to its end: whether that
/// was its end.
pub(crate) fn write<W: Write>(
    head: &Head,
    mut dump: impl Read,
    is_whole: impl FnOnce() -> anyhow::Result<()>,
    seal: &Seal,
    output: W,
) -> anyhow::Result<(W, Trailer)> {
    let at = head.manifest.made_at;
    let mut tar = tar::Builder::new(seal.close(output)?);
    append(
        &mut tar,
        MANIFEST,
        at,
        &serde_json::to_vec_pretty(&head.manifest)?,
    )?;
    append(
        &mut tar,
        ENVIRONMENT,
        at,
        &serde_json::to_vec_pretty(&head.environment.exposed())?,
    )?;
    for (path, content) in &head.files {
        append(&mut tar, &format!("{FILES}{path}"), at, content)?;
    }
    let (mut number, mut bytes, mut digest) = (0_u32, 0_u64, Sha256::new());
    let mut part = Vec::with_capacity(PART);
    loop {
        part.clear();
        dump.by_ref()
            .take(PART as u64)
            .read_to_end(&mut part)
            .context("the dump cannot be read")?;
        if part.is_empty() {
            break;
        }
        digest.update(&part);
        bytes += part.len() as u64;
        append(&mut tar, &format!("{DUMP}/{number:08}"), at, &part)?;
        number += 1;
    }
    is_whole()?;
    let trailer = Trailer {
        dump_bytes: bytes,
        dump_sha256: hex::encode(digest.finalize()),
    };
    append(&mut tar, TRAILER, at, &serde_json::to_vec_pretty(&trailer)?)?;
    Ok((tar.into_inner()?.finish()?, trailer))
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    path: &str,
    at: DateTime<Utc>,
    content: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(at.timestamp()).unwrap_or(0));
    tar.append_data(&mut header, path, content)
}

/// What comes out of an archive, in this order.
pub(crate) enum Part<'a> {
    /// What comes before the dump.
    Head(&'a Head),
    /// Some of the dump.
    Dump(&'a [u8]),
    /// Everything has been read, and the dump is the one that was written.
    Whole(&'a Trailer),
}

/// Reads a whole archive. Nothing of it is to be believed before [`Part::Whole`] has come.
pub(crate) fn read(
    input: impl Read,
    identities: &Identities,
    mut take: impl FnMut(Part<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut tar = tar::Archive::new(identities.open(input)?);
    let mut entries = tar.entries()?;
    let mut next = || -> anyhow::Result<_> {
        let entry = entries.next().context("the backup ends too early")?;
        let entry = entry.context(BROKEN)?;
        let path = entry.path()?.to_string_lossy().into_owned();
        Ok((path, entry))
    };
    let (path, entry) = next()?;
    ensure!(
        path == MANIFEST,
        "the file is no backup of oCore: it begins with {path}"
    );
    let manifest: Manifest = small(entry)?;
    ensure!(
        manifest.format == FORMAT,
        "the backup is of the format {}, and this version of oCore reads {FORMAT}: use oCore {} or newer",
        manifest.format,
        manifest.ocore_version
    );
    let (path, entry) = next()?;
    ensure!(path == ENVIRONMENT, "the backup lacks its environment");
    let environment = Environment::of(small(entry)?);
    let mut head = Head {
        manifest,
        environment,
        files: BTreeMap::new(),
    };
    let (mut bytes, mut digest, mut begun) = (0_u64, Sha256::new(), false);
    let mut buffer = vec![0; 1 << 16];
    let trailer = loop {
        let (path, mut entry) = next()?;
        if let Some(path) = path
            .strip_prefix(FILES)
            .filter(|path| path.starts_with('/') && !begun)
        {
            let mut content = Vec::new();
            entry.take(SMALL).read_to_end(&mut content).context(BROKEN)?;
            head.files.insert(path.to_owned(), content);
            continue;
        }
        if !begun {
            begun = true;
            take(Part::Head(&head))?;
        }
        match path.split_once('/') {
            Some((DUMP, _)) => loop {
                let read = entry.read(&mut buffer).context(BROKEN)?;
                if read == 0 {
                    break;
                }
                digest.update(&buffer[..read]);
                bytes += read as u64;
                take(Part::Dump(&buffer[..read]))?;
            },
            None if path == TRAILER => break small::<Trailer>(entry)?,
            _ => bail!("the backup holds {path}, which this version of oCore does not know"),
        }
    };
    let found = Trailer {
        dump_bytes: bytes,
        dump_sha256: hex::encode(digest.finalize()),
    };
    ensure!(
        found == trailer,
        "the dump in the backup is not the one that was written: {} bytes with the checksum {}, and it was {} bytes with {}",
        found.dump_bytes,
        found.dump_sha256,
        trailer.dump_bytes,
        trailer.dump_sha256
    );
    // To the very end, which tells that nothing was cut off.
    io::copy(&mut tar.into_inner(), &mut io::sink()).context(BROKEN)?;
    take(Part::Whole(&trailer))
}

const BROKEN: &str = "the backup was changed or cut off";

fn small<T: DeserializeOwned>(entry: impl Read) -> anyhow::Result<T> {
    let mut content = Vec::new();
    entry.take(SMALL).read_to_end(&mut content).context(BROKEN)?;
    serde_json::from_slice(&content).context("the backup cannot be read by this version of oCore")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::sealing::{Recipient, generate};
    use secrecy::ExposeSecret;

    fn head() -> Head {
        Head {
            manifest: Manifest {
                format: FORMAT,
                made_at: Utc::now(),
                ocore_version: "0.1.0".to_owned(),
                schema_version: 1,
                server_version: 150_000,
                dump_version: 15,
                host: "here".to_owned(),
                installation_id: None,
                with_metrics: true,
                counts: BTreeMap::from([("servers".to_owned(), 2)]),
                key_fingerprint: "aa".to_owned(),
                token_fingerprint: "bb".to_owned(),
                roles: Vec::new(),
                own_postgres: true,
            },
            environment: Environment::of(BTreeMap::from([("JWT_SECRET".to_owned(), "canary".to_owned())])),
            files: BTreeMap::from([("/etc/ocore/ocore.env".to_owned(), b"A=1\n".to_vec())]),
        }
    }

    struct Pair(Seal, Identities);

    fn pair() -> Pair {
        let (secret, public) = generate();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, secret.expose_secret()).unwrap();
        let public: Recipient = public.parse().unwrap();
        Pair(
            Seal::Recipients(vec![public]),
            Identities::read(Some(&file), None).unwrap(),
        )
    }

    fn back(file: &[u8], identities: &Identities) -> anyhow::Result<(Vec<u8>, usize, bool)> {
        let (mut dump, mut files, mut whole) = (Vec::new(), 0, false);
        read(file, identities, |part| {
            match part {
                Part::Head(head) => files = head.files.len(),
                Part::Dump(data) => dump.extend_from_slice(data),
                Part::Whole(_) => whole = true,
            }
            Ok(())
        })?;
        Ok((dump, files, whole))
    }

    #[test]
    fn what_is_written_is_read_in_parts() {
        let Pair(seal, identities) = pair();
        let dump: Vec<u8> = (0..PART * 2 + 17)
            .map(|i| u8::try_from(i % 251).unwrap())
            .collect();
        let (file, trailer) = write(&head(), &dump[..], || Ok(()), &seal, Vec::new()).unwrap();
        assert_eq!(trailer.dump_bytes, dump.len() as u64);
        let (read, files, whole) = back(&file, &identities).unwrap();
        assert!(read == dump && files == 1 && whole);
        // One without a dump is one still; one that is cut off anywhere is none.
        let (file, _) = write(&head(), &[][..], || Ok(()), &seal, Vec::new()).unwrap();
        assert!(back(&file, &identities).unwrap().2);
        for length in [0, 10, 200, file.len() / 2, file.len() - 1] {
            assert!(back(&file[..length], &identities).is_err(), "{length}");
        }
    }

    #[test]
    fn a_dump_that_broke_off_makes_no_backup() {
        let Pair(seal, _) = pair();
        let written = write(
            &head(),
            &b"half"[..],
            || bail!("pg_dump failed"),
            &seal,
            Vec::new(),
        );
        assert!(written.unwrap_err().to_string().contains("pg_dump failed"));
    }
}
