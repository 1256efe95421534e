//! Answers that are files: written as they come, and named when they are whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{
    Session,
    client::{Query, chain},
    failure::Failure,
    output,
};

/// Writes an answer to a file, or to standard output when that is `-`. Returns the bytes of the file; none: it was
/// standard output.
pub(crate) async fn download(
    session: &Session,
    path: &[&str],
    query: &Query<'_>,
    to: &Path,
) -> Result<Option<usize>, Failure> {
    let mut response = session.client.open(path, query, None).await?;
    let mut sink = if to == Path::new("-") {
        None
    } else {
        Some(Sink::open(to)?)
    };
    let mut bytes = 0;
    while let Some(part) = response.chunk().await.map_err(|error| {
        Failure::Unreachable(format!(
            "The answer broke off, it is not whole: {}\n  → Try again.",
            chain(&error)
        ))
    })? {
        bytes += part.len();
        match &mut sink {
            Some(sink) => sink.write(&part)?,
            None => output::raw(&part)?,
        }
    }
    let Some(sink) = sink else { return Ok(None) };
    sink.finish()?;
    Ok(Some(bytes))
}

/// A file that gets its name when it is whole. Only its owner may read it: it may tell of persons.
struct Sink<'a> {
    file: File,
    part: PathBuf,
    to: &'a Path,
    is_whole: bool,
}

impl<'a> Sink<'a> {
    fn open(to: &'a Path) -> Result<Self, Failure> {
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)
            .map_err(|error| cannot("write", &part, &error))?;
        Ok(Self {
            file,
            part,
            to,
            is_whole: false,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(bytes)
            .map_err(|error| cannot("write", &self.part, &error))
    }

    fn finish(mut self) -> Result<(), Failure> {
        let done = self
            .file
            .sync_all()
            .and_then(|()| fs::rename(&self.part, self.to));
        done.map_err(|error| cannot("write", self.to, &error))?;
        self.is_whole = true;
        Ok(())
    }
}

impl Drop for Sink<'_> {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// A file that cannot be read or written.
pub(crate) fn cannot(what: &str, file: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot {what} {}: {error}", file.display()))
}
