//! An address that stays while what answers there changes, as that of a managed PostgreSQL.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

use anyhow::Result;

/// A port of this machine that leads to another one, or to none.
#[derive(Debug)]
pub struct Switch {
    port: u16,
    target: Arc<AtomicU16>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Switch {
    /// One that leads to a port.
    pub fn to(target: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let switch = Self {
            port: listener.local_addr()?.port(),
            target: Arc::new(AtomicU16::new(target)),
            open: Arc::default(),
        };
        let (target, open) = (switch.target.clone(), switch.open.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let target = target.load(Ordering::SeqCst);
                // A port that leads nowhere takes the call and hangs up.
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                let _ = join(&client, &server, &open);
            }
        });
        Ok(switch)
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on it leads elsewhere; what is open stays as it is.
    pub fn lead(&self, target: u16) {
        self.target.store(target, Ordering::SeqCst);
    }

    /// Ends all that is open.
    pub fn cut(&self) {
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn join(client: &TcpStream, server: &TcpStream, open: &Mutex<Vec<TcpStream>>) -> io::Result<()> {
    for stream in [client, server] {
        stream.set_nodelay(true)?;
        open.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(stream.try_clone()?);
    }
    for (from, to) in [(client, server), (server, client)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}
