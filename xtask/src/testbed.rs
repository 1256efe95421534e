//! `cargo xtask testbed`: servers of real parts on this machine.

use anyhow::Result;
use clap::Subcommand;
use ocore_testbed as testbed;

/// What to do with the testbed.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Bring N servers up and whole (10.77.0.11 …)
    Up { n: u8 },
    /// Remove all servers and what they hold
    Down,
    /// Show each server, its address and state
    List,
    /// Cut server I off the network
    Cut { i: u8 },
    /// Connect server I again
    Heal { i: u8 },
    /// Take the power of server I away
    Kill { i: u8 },
    /// Boot server I and wait until it is ready
    Start { i: u8 },
    /// Take Docker away from server I
    Bare { i: u8 },
    /// Give Docker back to server I
    Unbare { i: u8 },
    /// Build the images, or take them from the cache
    Images,
}

/// Does it.
pub(crate) fn command(action: &Action) -> Result<()> {
    match *action {
        Action::Up { n } => {
            testbed::up(n)?;
            list()
        }
        Action::Down => testbed::down(),
        Action::List => list(),
        Action::Cut { i } => testbed::cut(i),
        Action::Heal { i } => testbed::heal(i),
        Action::Kill { i } => testbed::kill(i),
        Action::Start { i } => testbed::start(i).and_then(|()| testbed::wait_ready(i)),
        Action::Bare { i } => testbed::bare(i),
        Action::Unbare { i } => testbed::unbare(i),
        Action::Images => testbed::images(),
    }
}

fn list() -> Result<()> {
    for (server, state) in testbed::list()? {
        let key = server.key_path.display();
        println!("{}\t{state}\tssh -i {key} root@{}", server.name, server.address);
    }
    Ok(())
}
