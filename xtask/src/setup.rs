//! `cargo xtask setup`: what the other commands need, checked and, where that is possible, installed.

use std::path::Path;

use anyhow::Result;
use ocore_testbed::{Need, command::installed, install};

use crate::{
    postgres,
    process::{cargo, run},
};

/// What `cargo xtask demo` needs beside a Docker Engine.
const DEMO: [Need; 1] = [Need {
    what: "PostgreSQL's server programs",
    package: "postgresql",
    present: || postgres::programs().is_ok(),
}];

/// What `cargo xtask test` needs beyond that.
const TESTS: [Need; 7] = [
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
    for tool in CARGO {
        let home = std::env::home_dir().unwrap_or_default();
        let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), Into::into);
        if !installed(tool) && !cargo_home.join("bin").join(tool).is_file() {
            eprintln!("installing {tool} (it is compiled, which takes some minutes, once)");
            // Without optimizations: they take longer to compile than they would ever save here.
            run(&mut cargo(&["install", "--quiet", "--locked", "--debug", tool]))?;
        }
    }
    Ok(())
}
