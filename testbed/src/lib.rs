//! Servers of real parts on one machine: each a container of its own with systemd, sshd and a Docker Engine, and in
//! it the images of Odoo, PostgreSQL and Caddy. What oCore does to them by SSH is looked at, and spoiled, from
//! outside by [`exec`].
//!
//! Beside them, for tests of oCore's crates: an SMTP server ([`SmtpCatcher`]), an OpenID Connect provider
//! ([`OidcProvider`]), a stand-in for GitHub ([`FakeGitHub`]) and a receiver of logs ([`CloudWatch`]), each a process that ends with
//! the test; clusters of [`postgres`] of each version with PgBouncers in front; and the program that ships logs ([`fluent_bit()`]).
//!
//! Nothing but containers, volumes and the network whose names begin with `ocore-testbed` is touched.

mod bare;
pub mod browser;
mod cache;
pub mod chromium;
mod cloudwatch;
pub mod command;
mod compose;
mod docker;
mod engine;
mod fake_github;
mod fluent_bit;
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
pub use cloudwatch::{CloudWatch, LogEvent};
pub use compose::compose;
pub use engine::engine;
pub use fake_github::FakeGitHub;
pub use fluent_bit::fluent_bit;
pub use images::{Origin, bases, images, images_from_registry_or_built};
pub use oidc_provider::{Authentication, OidcClient, OidcProvider};
pub use packages::{Need, PROXY, install};
pub use server::{Server, cut, exec, gateway, heal, kill, lose, server, start, wait_ready};
pub use smtp_catcher::{Mail, MailSecurity, SmtpCatcher};
pub use tools::{graphile_worker, node, tools};
pub use up::{down, list, up};
