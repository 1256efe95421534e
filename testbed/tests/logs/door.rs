//! A door before a receiver, that can be shut.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle, sleep},
    time::Duration,
};

/// While it is open, what comes to an address is passed on.
pub(crate) struct Door {
    at: &'static str,
    to: SocketAddr,
    open: Arc<AtomicBool>,
    inside: Arc<Mutex<Vec<TcpStream>>>,
    porter: Option<JoinHandle<()>>,
}

impl Door {
    pub(crate) fn open(at: &'static str, to: SocketAddr) -> Self {
        let mut door = Self {
            at,
            to,
            open: Arc::default(),
            inside: Arc::default(),
            porter: None,
        };
        door.reopen();
        door
    }

    pub(crate) fn reopen(&mut self) {
        let listener = TcpListener::bind(self.at).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.open.store(true, Ordering::SeqCst);
        let (open, inside, to) = (Arc::clone(&self.open), Arc::clone(&self.inside), self.to);
        self.porter = Some(thread::spawn(move || {
            while open.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((caller, _)) => pass(caller, to, &inside),
                    Err(_) => sleep(Duration::from_millis(10)),
                }
            }
        }));
    }

    /// Nobody comes in any more, and who was inside is cut off.
    pub(crate) fn shut(&mut self) {
        self.open.store(false, Ordering::SeqCst);
        if let Some(porter) = self.porter.take() {
            porter.join().unwrap();
        }
        for stream in self.inside.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.open.store(false, Ordering::SeqCst);
    }
}

fn pass(caller: TcpStream, to: SocketAddr, inside: &Mutex<Vec<TcpStream>>) {
    let Ok(receiver) = TcpStream::connect(to) else {
        return;
    };
    caller.set_nonblocking(false).unwrap();
    let both = [&caller, &receiver].map(|stream| stream.try_clone().unwrap());
    inside.lock().unwrap().extend(both);
    let pairs = [
        (caller.try_clone().unwrap(), receiver.try_clone().unwrap()),
        (receiver, caller),
    ];
    for (mut from, mut into) in pairs {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut into);
            let _ = into.shutdown(Shutdown::Both);
        });
    }
}
