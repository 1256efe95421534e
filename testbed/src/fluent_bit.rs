//! Fluent Bit, the program that ships logs. No registry has it built, but npm has a package with its source, from which it is built
//! once (`tools/fluent-bit`) and kept.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{
    command::{installed, read},
    packages::{Need, install},
    tools::{NODE, install_tool, is_whole, modules, source},
};

const TOOL: &str = "fluent-bit";

/// What building it needs.
const BUILD: [Need; 7] = [
    Need {
        what: "a C compiler",
        package: "gcc",
        present: || installed("gcc"),
    },
    Need {
        what: "a C++ compiler",
        package: "g++",
        present: || installed("g++"),
    },
    Need {
        what: "CMake and make",
        package: "cmake",
        present: || installed("cmake") && installed("make"),
    },
    Need {
        what: "makers of parsers",
        package: "flex",
        present: || installed("flex"),
    },
    Need {
        what: "makers of parsers",
        package: "bison",
        present: || installed("bison"),
    },
    Need {
        what: "the library of the journal",
        package: "libsystemd-dev",
        present: || header("systemd/sd-journal.h"),
    },
    Need {
        what: "a library of regular expressions",
        package: "libonig-dev",
        present: || header("oniguruma.h"),
    },
];

/// What building it and running it needs.
const TLS: [Need; 1] = [Need {
    what: "the library of TLS",
    package: "libssl-dev",
    present: || header("openssl/ssl.h"),
}];

fn header(name: &str) -> bool {
    PathBuf::from("/usr/include").join(name).is_file()
}

/// The program, which is built if it is not there; that takes some minutes.
pub fn fluent_bit() -> Result<PathBuf> {
    let folder = modules(TOOL);
    let program = folder.join("fluent-bit");
    // Written last: how the program was built.
    let (built, recipe) = (folder.join("built"), recipe()?);
    if is_whole(TOOL)? && program.is_file() && fs::read_to_string(&built).is_ok_and(|text| text == recipe) {
        return Ok(program);
    }
    install(&NODE)?;
    install(&BUILD)?;
    install(&TLS)?;
    install_tool(TOOL)?;
    eprintln!(
        "building Fluent Bit in {}: this takes some minutes",
        folder.display()
    );
    let build = folder.join("build");
    read(
        Command::new(source(TOOL).join("build.sh"))
            .arg(folder.join("node_modules/fluent-bit/src/fluent-bit"))
            .arg(&build)
            .arg(&program),
    )?;
    fs::remove_dir_all(&build).with_context(|| format!("could not remove {}", build.display()))?;
    fs::write(&built, recipe)?;
    Ok(program)
}

/// How it is built, in full.
fn recipe() -> Result<String> {
    let files = ["build.sh", "onigmo.cmake"].map(|file| fs::read_to_string(source(TOOL).join(file)));
    let mut all = String::new();
    for file in files {
        all.push_str(&file?);
    }
    Ok(all)
}
