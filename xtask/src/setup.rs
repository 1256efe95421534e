//! `cargo xtask setup`: what the other commands need, checked and, where that is possible, installed.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use ocore_testbed::{
    Need,
    command::{installed, output},
    install,
};

use crate::{
    postgres,
    process::{cargo, run},
    workspace,
};

/// What `cargo xtask demo` needs beside a Docker Engine.
const DEMO: [Need; 1] = [Need {
    what: "PostgreSQL's server programs",
    package: "postgresql",
    present: || postgres::programs().is_ok(),
}];

/// What `cargo xtask test` needs beyond that.
const TESTS: [Need; 8] = [
    Need {
        what: "PostgreSQL's client",
        package: "postgresql-client",
        present: || installed("psql"),
    },
    Need {
        what: "SSH's server",
        package: "openssh-server",
        present: || installed("sshd") || Path::new("/usr/sbin/sshd").exists(),
    },
    Need {
        what: "SSH's client",
        package: "openssh-client",
        present: || installed("ssh"),
    },
    Need {
        what: "a program that runs in an empty container",
        package: "busybox-static",
        present: || Path::new("/bin/busybox").exists(),
    },
    Need {
        what: "curl",
        package: "curl",
        present: || installed("curl"),
    },
    Need {
        what: "a browser",
        package: "chromium",
        present: || installed("chromium"),
    },
    Need {
        what: "one-time codes of somebody else's making",
        package: "oathtool",
        present: || installed("oathtool"),
    },
    Need {
        what: "Python's virtual environments",
        package: "python3-venv",
        present: || {
            output(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok_and(|o| o.success())
        },
    },
];

/// Programs of cargo's, by the name of the program and of the crate.
const CARGO: [&str; 2] = ["cargo-nextest", "cargo-deny"];

/// Everything.
pub(crate) fn command() -> Result<()> {
    for_demo()?;
    for_tests()?;
    println!("Everything is here: `cargo xtask demo` and `cargo xtask test` can run.");
    Ok(())
}

/// What the demonstration needs; its Docker Engine answers afterwards.
pub(crate) fn for_demo() -> Result<()> {
    install(&DEMO)?;
    ocore_testbed::engine()
}

/// What the tests need, the testbed apart.
pub(crate) fn for_tests() -> Result<()> {
    install(&[DEMO.as_slice(), &TESTS].concat())?;
    ocore_testbed::tools()?;
    ocore_testbed::postgres::install_pgbouncer()?;
    for tool in CARGO {
        let home = std::env::home_dir().unwrap_or_default();
        let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), Into::into);
        if !installed(tool) && !cargo_home.join("bin").join(tool).is_file() {
            eprintln!("installing {tool} (it is compiled, which takes some minutes, once)");
            // Without optimizations: they take longer to compile than they would ever save here.
            run(&mut cargo(&["install", "--quiet", "--locked", "--debug", tool]))?;
        }
    }
    schemathesis().map(drop)
}

/// The program that `cargo xtask contract` asks the API with, in the versions of `xtask/contract/requirements.txt`.
pub(crate) fn schemathesis() -> Result<PathBuf> {
    let wanted = workspace::root().join("xtask/contract/requirements.txt");
    let home = std::env::home_dir().context("there is no home folder to install schemathesis in")?;
    let folder = home.join(".cache/ocore-tools/schemathesis");
    let program = folder.join("bin/schemathesis");
    // Written last: with it, everything is there.
    let there = folder.join("ocore-requirements.txt");
    let versions = std::fs::read_to_string(&wanted)?;
    if program.is_file() && std::fs::read_to_string(&there).is_ok_and(|there| there == versions) {
        return Ok(program);
    }
    eprintln!("installing schemathesis into {}", folder.display());
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    run(Command::new(folder.join("bin/pip"))
        .args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--requirement",
        ])
        .arg(&wanted))?;
    std::fs::write(&there, versions)?;
    Ok(program)
}
