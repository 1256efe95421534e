//! What operations work with: the rows, what is heard of them, and the servers.

use std::sync::Arc;

use ocore_domain::{
    Code, Problem, ServerId,
    server::{AuthMethod, Privilege},
};
use ocore_fleet::{Access, Credential, ExpectedKey, Host, HostKey, Hosts};
use ocore_notify::Notifier;
use ocore_store::{
    Store,
    notifications::Notifications,
    servers::{self, Credentials, Server},
};
use tokio_util::sync::CancellationToken;

use crate::{AgentLinks, AgentSource, Pulse, Roles, lead::Lead};

/// The rows, what is heard of them, and the servers. Cheap to clone.
#[derive(Clone)]
pub struct Hands {
    store: Store,
    notifications: Notifications,
    hosts: Arc<Hosts>,
    agents: Arc<AgentSource>,
    agent_links: AgentLinks,
    pulse: Arc<Pulse>,
    hard_stop: CancellationToken,
    leaving: CancellationToken,
    lead: Arc<Lead>,
    roles: Roles,
    notifier: Notifier,
}

impl std::fmt::Debug for Hands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hands")
    }
}

impl Hands {
    /// Hands without a connection yet: each is made when it is first needed.
    pub fn new(store: Store, notifications: Notifications) -> Self {
        Self {
            store,
            notifications,
            hosts: Arc::new(Hosts::new()),
            agents: Arc::default(),
            agent_links: AgentLinks::default(),
            pulse: Arc::default(),
            hard_stop: CancellationToken::new(),
            leaving: CancellationToken::new(),
            lead: Arc::default(),
            roles: Roles::default(),
            notifier: Notifier::default(),
        }
    }

    /// The same with somebody who tells people of alerts.
    #[must_use]
    pub fn with_notifier(self, notifier: Notifier) -> Self {
        Self { notifier, ..self }
    }

    /// The same with a part of the work only.
    #[must_use]
    pub fn with_roles(self, roles: Roles) -> Self {
        Self { roles, ..self }
    }

    /// What this process does.
    pub const fn roles(&self) -> Roles {
        self.roles
    }

    /// Tells people of alerts.
    pub const fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// The same with what this installation gives its agents.
    #[must_use]
    pub fn with_agents(self, agents: AgentSource) -> Self {
        Self {
            agents: Arc::new(agents),
            ..self
        }
    }

    /// What this installation gives its agents.
    pub(crate) fn agents(&self) -> &AgentSource {
        &self.agents
    }

    /// The agents that are connected to this process.
    pub const fn agent_links(&self) -> &AgentLinks {
        &self.agent_links
    }

    /// The rows.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// What is heard of the rows.
    pub const fn notifications(&self) -> &Notifications {
        &self.notifications
    }

    /// How many connections to servers are open.
    pub fn connections(&self) -> usize {
        self.hosts.connections()
    }

    /// How this process does.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Whether this process leads.
    pub fn leads(&self) -> bool {
        self.lead.is_held()
    }

    /// How long it does, unless it renews.
    pub(crate) fn lead(&self) -> &Lead {
        &self.lead
    }

    /// This process is about to end: who sends it requests is told to send them elsewhere.
    pub fn leave(&self) {
        self.leaving.cancel();
    }

    /// Whether it is about to end.
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_cancelled()
    }

    /// Waits until it is.
    pub async fn left(&self) {
        self.leaving.cancelled().await;
    }

    /// Ends what still runs when the grace of a shutdown is over.
    pub(crate) const fn hard_stop(&self) -> &CancellationToken {
        &self.hard_stop
    }

    /// A server's shell, Docker Engine and ports, over the one connection this process has to it.
    pub async fn host(&self, id: ServerId) -> Result<Arc<dyn Host>, Problem> {
        let access = async {
            let mut conn = self.store.connection().await?;
            let server = servers::get(&mut conn, id).await?.ok_or_else(|| {
                Problem::new(
                    Code::NotFound,
                    format!("The server {id} is gone"),
                    "Choose another server.",
                )
            })?;
            let (credentials, _) = servers::secrets(&mut conn, self.store.sealer(), &server).await?;
            if server.host_key.is_none() && server.auth_method != AuthMethod::Local {
                return Err(Problem::new(
                    Code::ServerNotActive,
                    format!("The host key of {} is not known yet", server.name),
                    "Validate the server first.",
                ));
            }
            access(&server, credentials)
        };
        let host = self.hosts.get(id, access).await;
        self.pulse.tried(id, &host);
        host
    }
}

/// How the user of a server becomes root, as far as its row tells.
pub(crate) fn privilege(server: &Server) -> Privilege {
    server
        .facts
        .as_ref()
        .map_or(Privilege::Root, |facts| facts.privilege)
}

/// What it takes to connect to a server, from its row.
pub(crate) fn access(server: &Server, credentials: Credentials) -> Result<Access, Problem> {
    let lost = |what: &str| {
        Problem::new(
            Code::SshAuthFailed,
            format!("The {what} of {} is not stored", server.name),
            "Validate the server again and give it.",
        )
    };
    let credential = match server.auth_method {
        AuthMethod::Local => Credential::Local,
        AuthMethod::Key => Credential::Key {
            private_key: credentials.private_key.ok_or_else(|| lost("private key"))?,
            passphrase: credentials.passphrase,
        },
        AuthMethod::Password => Credential::Password(credentials.password.ok_or_else(|| lost("password"))?),
    };
    let host_key = match server.host_key.as_deref().map(str::parse::<HostKey>) {
        None => ExpectedKey::Any,
        Some(key) => ExpectedKey::Pinned(key.map_err(Problem::internal)?),
    };
    Ok(Access {
        host: server.host.clone(),
        port: u16::try_from(server.port).unwrap_or(22),
        user: server.ssh_user.clone(),
        credential,
        host_key,
        privilege: privilege(server),
        docker_socket: server.docker_socket.clone(),
        max_sessions: usize::try_from(server.max_ssh_sessions).unwrap_or(8).max(1),
    })
}
