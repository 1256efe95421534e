//! What a member or a key is kept to.

use clap::Args;
use ocore_domain::{access::Scope, instance::EnvironmentType};
use serde_json::Value;

use super::{
    Session,
    failure::Failure,
    resolve::{find, is_id, value},
    values::one_of,
};

/// Each list that is given narrows further.
#[derive(Args)]
pub(crate) struct Limits {
    /// Keep to this server and the instances on it, by name or id; may be repeated.
    #[arg(long = "server", value_name = "SERVER", help_heading = "Limits")]
    servers: Vec<String>,
    /// Keep to this instance, by name, slug or id; may be repeated.
    #[arg(long = "instance", value_name = "INSTANCE", help_heading = "Limits")]
    instances: Vec<String>,
    /// Keep to instances for this purpose; may be repeated, or several with commas.
    #[arg(long = "environment", value_name = "ENVIRONMENT", help_heading = "Limits", value_delimiter = ',',
        value_parser = one_of(EnvironmentType::ALL))]
    environments: Vec<EnvironmentType>,
}

impl Limits {
    /// The limits, if there are any.
    pub(crate) async fn read(self, session: &Session) -> Result<Option<Scope>, Failure> {
        let mut scope = Scope::default();
        for server in &self.servers {
            let id = id(session, "servers", server).await?;
            scope.servers.get_or_insert_default().insert(parse(&id)?);
        }
        for instance in &self.instances {
            let id = id(session, "instances", instance).await?;
            scope.instances.get_or_insert_default().insert(parse(&id)?);
        }
        scope.environments = (!self.environments.is_empty()).then_some(self.environments);
        Ok((!scope.is_whole()).then_some(scope))
    }
}

async fn id(session: &Session, resource: &str, given: &str) -> Result<String, Failure> {
    if is_id(given) {
        return Ok(given.to_owned());
    }
    Ok(value(&find(session, resource, given).await?, "id")?.to_owned())
}

fn parse<T: std::str::FromStr>(id: &str) -> Result<T, Failure> {
    id.parse()
        .map_err(|_| Failure::Failed(format!("the API's answer has an id that is none: `{id}`")))
}

/// The limits of a row in a few words; nothing where there are none.
pub(crate) fn limits(row: &Value) -> String {
    let list = |key: &str| row["scope"][key].as_array();
    let counted = |key: &str| {
        list(key).map(|list| match list.len() {
            1 => format!("1 {}", key.trim_end_matches('s')),
            count => format!("{count} {key}"),
        })
    };
    let environments = list("environments").map(|list| {
        let words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
        words.join("+")
    });
    [counted("servers"), counted("instances"), environments]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_are_told_in_a_few_words() {
        let scope =
            json!({"servers": ["a", "b"], "instances": ["c"], "environments": ["staging", "development"]});
        assert_eq!(
            limits(&json!({ "scope": scope })),
            "2 servers, 1 instance, staging+development"
        );
        assert_eq!(limits(&json!({"scope": null})), "");
        assert_eq!(limits(&json!({"scope": {"servers": []}})), "0 servers");
    }
}
