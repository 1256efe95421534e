//! The dashboard: the files that `cargo xtask web` builds, within the binary, and how they are served.
//!
//! It is one page, `index.html`, whose scripts show all others: what has no file and could be the address of a page is
//! answered with it. A release build holds the files; a debug build reads them from `web/build` when it is asked.

mod encoding;
mod files;
mod headers;
mod serve;

pub use files::{File, Files, built};
pub use serve::{Settings, router};
