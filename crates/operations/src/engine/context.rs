//! What a step is given.

use std::sync::Arc;

use ocore_domain::{Code, InstanceId, OperationId, OrganizationId, Problem, ServerId, operation::Level};
use ocore_fleet::{Engine, Host, LineSink};
use ocore_store::{
    PgConnection, Store,
    instances::{self, Instance, Secrets},
    operations::{self, Claimed},
    servers::{self, Server},
};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::Output;
use crate::Hands;

/// What a step is given: the claim, hands for the world, and a voice.
#[derive(Debug)]
pub(crate) struct Ctx {
    hands: Hands,
    claim: Claimed,
    output: Output,
    step: &'static str,
}

impl Ctx {
    pub(crate) const fn new(hands: Hands, claim: Claimed, output: Output, step: &'static str) -> Self {
        Self {
            hands,
            claim,
            output,
            step,
        }
    }

    /// The operation.
    pub(crate) const fn operation(&self) -> OperationId {
        self.claim.id
    }

    /// Which claim of it this is, from 1.
    #[cfg(test)]
    pub(crate) const fn attempt(&self) -> i32 {
        self.claim.attempt
    }

    /// Whose it is.
    pub(crate) const fn organization(&self) -> OrganizationId {
        self.claim.organization_id
    }

    /// The rows.
    pub(crate) const fn store(&self) -> &Store {
        self.hands.store()
    }

    /// Servers and instances.
    pub(crate) const fn hands(&self) -> &Hands {
        &self.hands
    }

    /// The operation's parameters.
    pub(crate) fn params<P: DeserializeOwned>(&self) -> Result<P, Problem> {
        serde_json::from_value(self.claim.params.clone()).map_err(|error| {
            Problem::internal(format!(
                "the parameters of {} cannot be read: {error}",
                self.claim.kind
            ))
        })
    }

    /// Notes what the operation found out.
    pub(crate) async fn set_result(&self, result: &serde_json::Value) -> Result<(), Problem> {
        let mut conn = self.store().connection().await?;
        operations::set_result(&mut conn, &self.claim, result).await?;
        Ok(())
    }

    /// Goes on only while this worker still holds the operation, which it does until the transaction ends.
    pub(crate) async fn hold(&self, tx: &mut PgConnection) -> Result<(), Problem> {
        if operations::hold(tx, &self.claim).await? {
            Ok(())
        } else {
            Err(Problem::internal("the operation was given to another worker"))
        }
    }

    /// The server it is about, or on which its instance is, as its row stands now.
    pub(crate) async fn server(&self) -> Result<Server, Problem> {
        let id = self
            .claim
            .server_id
            .ok_or_else(|| Problem::internal("the operation names no server"))?;
        let mut conn = self.store().connection().await?;
        servers::get(&mut conn, id)
            .await?
            .ok_or_else(|| missing("server", id))
    }

    /// The instance it is about, as its row stands now.
    pub(crate) async fn instance(&self) -> Result<Instance, Problem> {
        let id = self
            .claim
            .subject_id
            .ok_or_else(|| Problem::internal("the operation names no instance"))?;
        let mut conn = self.store().connection().await?;
        instances::get(&mut conn, InstanceId::from(id))
            .await?
            .ok_or_else(|| missing("instance", id))
    }

    /// The instance's secrets; from now on none of them passes into the output.
    pub(crate) async fn secrets(&self, instance: &Instance) -> Result<Secrets, Problem> {
        let mut conn = self.store().connection().await?;
        let secrets = instances::secrets(&mut conn, self.store().sealer(), instance).await?;
        self.keep(&secrets.database_password);
        self.keep(&secrets.master_password);
        secrets.admin_password.iter().for_each(|secret| self.keep(secret));
        secrets.environment.values().for_each(|secret| self.keep(secret));
        Ok(secrets)
    }

    /// The server's shell, Docker Engine and ports, over the connection shared by all.
    pub(crate) async fn host(&self) -> Result<Arc<dyn Host>, Problem> {
        let id: ServerId = self
            .claim
            .server_id
            .ok_or_else(|| Problem::internal("the operation names no server"))?;
        self.hands.host(id).await
    }

    /// The server's Docker Engine.
    pub(crate) async fn engine(&self) -> Result<Engine, Problem> {
        self.host().await?.engine().await
    }

    /// From now on this secret does not pass into the output.
    pub(crate) fn keep(&self, secret: &SecretString) {
        self.output.redactor().keep(secret);
    }

    /// Says what is done or was seen.
    pub(crate) fn info(&self, text: impl AsRef<str>) {
        self.output.say(Level::Info, Some(self.step), text.as_ref());
    }

    /// Says what an operator should know.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        self.output.say(Level::Warn, Some(self.step), text.as_ref());
    }

    /// Where commands and containers put their lines.
    pub(crate) fn sink(&self) -> LineSink {
        let (output, step) = (self.output.clone(), self.step);
        Arc::new(move |line: &str| output.say(Level::Output, Some(step), line))
    }

    /// A problem without the secrets this operation has touched.
    pub(crate) fn clean(&self, problem: &Problem) -> Problem {
        let redactor = self.output.redactor();
        Problem::new(
            problem.code,
            redactor.clean(&problem.detail),
            redactor.clean(&problem.mend),
        )
    }
}

fn missing(what: &str, id: impl std::fmt::Display) -> Problem {
    Problem::new(
        Code::NotFound,
        format!("The {what} {id} is gone"),
        "Nothing is left to be done for it.",
    )
}
