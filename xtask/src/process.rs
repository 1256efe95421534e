//! Running programs to their end, so that what was started is also stopped when the operator presses Ctrl-C.

use std::{
    process::{Child, Command, ExitStatus},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use ocore_testbed::command::name;

use crate::workspace;

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on SIGINT and SIGTERM are noted instead of ending this process at once: callers see
/// [`interrupted`] or a failing child, return, and so drop (and stop) what they had started.
pub(crate) fn catch_signals() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(flag)).context("could not watch for Ctrl-C")?;
    }
    Ok(())
}

/// Whether SIGINT or SIGTERM has arrived.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Waits until SIGINT or SIGTERM arrives, or `over` says there is nothing left to wait for. A signal that was waited
/// for interrupts nothing further: what has to be done at the end can be done.
pub(crate) fn wait_for_signal(mut over: impl FnMut() -> bool) {
    while !interrupted() && !over() {
        sleep(Duration::from_millis(100));
    }
    if let Some(flag) = INTERRUPTED.get() {
        flag.store(false, Ordering::Relaxed);
    }
}

/// Cargo, the one that runs us, in the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace::root()).args(arguments);
    command
}

/// Runs a program that must succeed; it shares our terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if interrupted() {
        bail!("interrupted");
    }
    if !status.success() {
        bail!("`{}` failed: {status}", name(command));
    }
    Ok(())
}

/// Runs a program to its end; it shares our terminal, and is asked to end when we are.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    let mut child = command
        .spawn()
        .with_context(|| format!("could not start `{}`", name(command)))?;
    let mut asked = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupted() && !asked {
            ask_to_end(&child, Signal::SIGTERM);
            asked = true;
        }
        sleep(Duration::from_millis(20));
    }
}

/// Sends a signal to a child of ours that has not been waited for, so its pid cannot be another's.
pub(crate) fn ask_to_end(child: &Child, signal: Signal) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may have ended by itself meanwhile, which is as good.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}
