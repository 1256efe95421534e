//! `ocore-agent`: samples the machine and its containers every 10 seconds, and brings what it saw to oCore.

mod cgroup;
mod config;
mod containers;
mod docker;
mod fault;
mod files;
mod host;
mod odoo;
mod output;
mod plane;
mod postgres;
mod push;
mod ring;
mod run;
mod sampler;
mod stream;
mod tls;

use std::{env, path::PathBuf, process::ExitCode};

use fault::Fault;

const HELP: &str = "\
ocore-agent: tells oCore what a server and its containers do

  ocore-agent run [--config FILE]       sample and push; systemd starts this, and passes the token
  ocore-agent check [--config FILE] --token-file FILE
                                        see whether oCore is reached and takes the token
  ocore-agent sample [--docker SOCKET] [--seconds N]
                                        print one sample as JSON, in the short names of the wire
  ocore-agent --version
";

enum Command {
    Run { config: String },
    Check { config: String, token: PathBuf },
    Sample { docker: Option<String>, seconds: u64 },
    Say(String),
}

fn main() -> ExitCode {
    let command = match command(env::args().skip(1)) {
        Ok(command) => command,
        Err(fault) => {
            eprintln!("{fault}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match execute(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("<3>{fault}");
            ExitCode::FAILURE
        }
    }
}

fn command(mut words: impl Iterator<Item = String>) -> Result<Command, Fault> {
    let verb = words.next().unwrap_or_default();
    let (mut config, mut token, mut docker, mut seconds) = (config::PATH.to_owned(), None, None, 1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| Fault(format!("{word} needs a value")));
        match word.as_str() {
            "--config" => config = value()?,
            "--token-file" => token = Some(PathBuf::from(value()?)),
            "--docker" => docker = Some(value()?),
            "--seconds" => {
                let text = value()?;
                seconds = text
                    .parse()
                    .map_err(|_| Fault(format!("{text} is no number of seconds")))?;
            }
            _ => return Err(Fault(format!("{word} is not known"))),
        }
    }
    match verb.as_str() {
        "run" => Ok(Command::Run { config }),
        "check" => Ok(Command::Check {
            config,
            token: token.ok_or_else(|| Fault("--token-file is needed".to_owned()))?,
        }),
        "sample" => Ok(Command::Sample { docker, seconds }),
        "--version" | "-V" | "version" => Ok(Command::Say(format!("ocore-agent {}", plane::VERSION))),
        "--help" | "-h" | "help" => Ok(Command::Say(HELP.to_owned())),
        "" => Err(Fault("what is to be done?".to_owned())),
        other => Err(Fault(format!("{other} is not known"))),
    }
}

/// One thread for everything: it does little, and another one's stack would be memory.
fn execute(command: Command) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault(format!("it cannot start: {error}")))?;
    match command {
        Command::Run { config } => runtime.block_on(run::run(&config)),
        Command::Check { config, token } => {
            runtime.block_on(run::check(&config, &token))?;
            println!("oCore is reached and takes the token");
            Ok(())
        }
        Command::Sample { docker, seconds } => {
            let sample = runtime.block_on(run::one(docker, seconds))?;
            println!("{sample}");
            Ok(())
        }
        Command::Say(text) => {
            println!("{text}");
            Ok(())
        }
    }
}
