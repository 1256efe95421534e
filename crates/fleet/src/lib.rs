//! Hands on servers: one SSH connection each, the Docker Engine's API over it, commands, loopback ports.
//!
//! [`Host`] has two real implementations: this machine, and a server over SSH. [`Hosts`] keeps one connection for
//! each server, and everything goes over it.

mod access;
mod engine;
mod host;
mod host_key;
mod hosts;
mod lines;
mod local;
mod ssh;
mod stream;
mod supervise;

pub use access::{Access, Credential, ExpectedKey};
pub use engine::{
    Archive, Container, ContainerSpec, ContainerState, Engine, EngineInfo, Exec, Labels, Mount, PortBinding,
    Restart, UploadFile, Usage, label,
};
pub use host::{Finished, Host, LineSink, Script};
pub use host_key::HostKey;
pub use hosts::{Hosts, connect};
pub use stream::{BoxedStream, Stream};
