//! Servers of real parts on one machine: each a container of its own with systemd, sshd and a Docker Engine, and in
//! it the images of Odoo, PostgreSQL and Caddy. What oCore does to them by SSH is looked at, and spoiled, from
//! outside by [`exec`].
//!
//! Beside them, for tests of oCore's crates: an SMTP server ([`SmtpCatcher`]), an OpenID Connect provider
//! ([`OidcProvider`]) and a stand-in for GitHub ([`FakeGitHub`]), clusters of [`postgres`] of each version with PgBouncers in front; each a process that ends
//! with the test.
//!
//! Nothing but containers, volumes and the network whose names begin with `ocore-testbed` is touched.

mod bare;
pub mod browser;
mod cache;
pub mod chromium;
pub mod command;
mod docker;
mod engine;
mod fake_github;
mod images;
mod node;
mod oidc_provider;
mod packages;
pub mod postgres;
mod server;
mod smtp_catcher;
mod tools;
mod up;

pub use bare::{bare, unbare};
pub use cache::folder as cache;
pub use engine::engine;
pub use fake_github::FakeGitHub;
pub use images::{Origin, images, images_from_registry_or_built};
pub use oidc_provider::{Authentication, OidcClient, OidcProvider};
pub use packages::{Need, install};
pub use server::{Server, cut, exec, gateway, heal, kill, lose, server, start, wait_ready};
pub use smtp_catcher::{Mail, MailSecurity, SmtpCatcher};
pub use tools::{node, tools};
pub use up::{down, list, up};
