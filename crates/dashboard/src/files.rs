//! Where the files come from.

use std::borrow::Cow;

use axum::body::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// What it holds.
    pub bytes: Bytes,
    /// By what it is told from what it was and will be: its SHA-256.
    pub hash: [u8; 32],
}

/// Files by their paths, which begin with no slash.
pub trait Files: Send + Sync + 'static {
    /// The file at a path.
    fn get(&self, path: &str) -> Option<File>;
}

impl<F: Fn(&str) -> Option<File> + Send + Sync + 'static> Files for F {
    fn get(&self, path: &str) -> Option<File> {
        self(path)
    }
}

/// There may be none: the API is built and works without them.
#[derive(RustEmbed)]
#[folder = "../../web/build"]
#[allow_missing = true]
struct Built;

/// The files that were built.
pub fn built() -> impl Files {
    |path: &str| Built::get(path).map(File::from)
}

impl From<EmbeddedFile> for File {
    fn from(file: EmbeddedFile) -> Self {
        Self {
            hash: file.metadata.sha256_hash(),
            bytes: match file.data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            },
        }
    }
}
