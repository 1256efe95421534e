//! Resident memory of `ocore serve`.

use std::{path::Path, thread, time::Duration};

use anyhow::Result;

use crate::{
    ocore::{Ocore, check_docker},
    report::{Figures, Target},
};

const INSTANCES: u32 = 20;
/// Two looks at everything, and more.
const OBSERVED: Duration = Duration::from_secs(40);

pub fn run(binary: &Path) -> Result<Figures> {
    check_docker()?;
    let mut figures = Figures::default();
    let ocore = Ocore::start(binary, "info")?;
    thread::sleep(Duration::from_secs(20));
    let most = Some(Target::AtMost(60.0));
    figures.add("resident, idle", ocore.resident()?, "MB", most);

    let measured = (|| -> Result<()> {
        ocore.run(&["server", "add", "this", "--local"])?;
        for number in 0..INSTANCES {
            let name = name(number);
            ocore.run(&["instance", "create", &name, "--workers", "0", "--memory", "512M"])?;
        }
        thread::sleep(OBSERVED);
        figures.add(
            "resident, 20 instances running and observed",
            ocore.resident()?,
            "MB",
            None,
        );
        Ok(())
    })();
    for number in 0..INSTANCES {
        let name = name(number);
        // It may never have come to be.
        let _ = ocore.run(&["instance", "delete", &name, "--yes", &name, "--no-dump"]);
    }
    let removed = ocore.run(&["server", "remove", "this", "--yes", "this"]);
    measured?;
    removed?;
    Ok(figures)
}

fn name(number: u32) -> String {
    format!("Bench {number}")
}
