//! Servers of real parts on one machine: each a container of its own with systemd, sshd and a Docker Engine, and in
//! it the images of Odoo, PostgreSQL and Caddy. What oCore does to them by SSH is looked at, and spoiled, from
//! outside by [`exec`].
//!
//! Nothing but containers, volumes and the network whose names begin with `ocore-testbed` is touched.

mod bare;
mod cache;
pub mod command;
mod docker;
mod engine;
mod images;
mod packages;
mod server;
mod up;

pub use bare::{bare, unbare};
pub use cache::folder as cache;
pub use engine::engine;
pub use images::{Origin, images, images_from_registry_or_built};
pub use packages::{Need, install};
pub use server::{Server, cut, exec, heal, kill, server, start, wait_ready};
pub use up::{down, list, up};
