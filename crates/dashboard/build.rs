//! Sees to it that there is a folder to take files from, and compiles this crate anew when they were built anew.

use std::{fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/build");
    // A debug build reads files from where the folder was when it was compiled: one that comes later would not be found.
    // Where nothing can be written, there is no dashboard to be built later either.
    let _ = fs::create_dir_all(&built);
    // A debug build need not be compiled anew.
    let is_embedded = std::env::var_os("CARGO_FEATURE_EMBEDDED").is_some();
    if is_embedded || std::env::var("PROFILE").is_ok_and(|profile| profile != "debug") {
        println!("cargo::rerun-if-changed={}", built.display());
    }
}
