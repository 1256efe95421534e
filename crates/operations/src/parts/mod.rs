//! The parts of an instance on its server, each made and taken away by steps that may be repeated; and the parts of an
//! operation that is made of others.

pub(crate) mod agent;
pub(crate) mod container;
pub(crate) mod database;
pub(crate) mod dump;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod life;
pub(crate) mod others;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod psql;
pub(crate) mod template;
pub(crate) mod transfer;

use ocore_domain::ServerId;
use ocore_fleet::{Labels, label};
use ocore_store::instances::Instance;

/// The network that a server's instances and PostgreSQL share.
pub(crate) const NETWORK: &str = "ocore";

/// What marks a thing as an instance's.
pub(crate) fn instance_labels(instance: &Instance) -> Labels {
    labels([
        (label::INSTANCE, instance.id.to_string()),
        (label::SERVER, instance.server_id.to_string()),
    ])
}

/// What marks a thing as shared by all instances of a server.
pub(crate) fn server_labels(server: ServerId) -> Labels {
    labels([(label::SERVER, server.to_string())])
}

fn labels<const N: usize>(pairs: [(&str, String); N]) -> Labels {
    let managed = (label::MANAGED.to_owned(), "true".to_owned());
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .chain([managed])
        .collect()
}
