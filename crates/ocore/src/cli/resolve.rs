//! From what a person types to what the API knows: names or ids are good everywhere.

use serde_json::Value;

use super::{Session, client::Query, failure::Failure, output::text};

/// A page of a list, as long as asked for.
#[derive(clap::Args)]
pub(crate) struct Page {
    /// The greatest number of rows.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Begin after an earlier list's `nextCursor`.
    #[arg(long)]
    cursor: Option<String>,
}

/// A list, put together from as many of the API's pages as it takes.
pub(crate) async fn list(
    session: &Session,
    path: &[&str],
    query: &Query<'_>,
    page: &Page,
) -> Result<Value, Failure> {
    let (mut rows, mut cursor) = (Vec::new(), page.cursor.clone());
    loop {
        let left = page.limit as usize - rows.len();
        let mut query = query.to_vec();
        query.push(("limit", left.min(200).to_string()));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let mut answer = session.client.get(path, &query).await?;
        if let Value::Array(more) = answer["data"].take() {
            rows.extend(more);
        }
        cursor = answer["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() || rows.len() >= page.limit as usize {
            if let Some(cursor) = cursor.filter(|_| !session.output.is_json()) {
                eprintln!("There are more: use --limit, or --cursor {cursor}");
            }
            answer["data"] = rows.into();
            return Ok(answer);
        }
    }
}

/// The rows of a list.
pub(crate) fn rows(list: &Value) -> &[Value] {
    list["data"].as_array().map_or(&[], Vec::as_slice)
}

/// The one server or instance (`resource` in the plural) of an id, slug or name.
pub(crate) async fn find(session: &Session, resource: &str, given: &str) -> Result<Value, Failure> {
    // As parts of a path these would name something else.
    if matches!(given, "" | "." | "..") {
        return Err(Failure::Usage(format!("`{given}` is no name")));
    }
    session.client.get(&[resource, given], &[]).await
}

/// A text of what the API answered.
pub(crate) fn value<'a>(row: &'a Value, key: &str) -> Result<&'a str, Failure> {
    row[key]
        .as_str()
        .ok_or_else(|| Failure::Failed(format!("the API's answer has no `{key}`")))
}

/// The id of an operation: its own, or that of the newest one on an instance or server.
pub(crate) async fn operation_id(session: &Session, given: &str) -> Result<String, Failure> {
    if is_id(given) {
        return Ok(given.to_owned());
    }
    let subject = subject_id(session, given).await?;
    let query = [("subjectId", subject), ("limit", "1".to_owned())];
    let list = session.client.get(&["operations"], &query).await?;
    match rows(&list).first() {
        Some(newest) => Ok(value(newest, "id")?.to_owned()),
        None => Err(Failure::Usage(format!("there is no operation on `{given}`"))),
    }
}

/// The id of an instance or server.
pub(crate) async fn subject_id(session: &Session, given: &str) -> Result<String, Failure> {
    if is_id(given) {
        return Ok(given.to_owned());
    }
    let instance = if_any(find(session, "instances", given).await)?;
    match (instance, find(session, "servers", given).await) {
        (Some(instance), Ok(server)) => Err(Failure::Usage(format!(
            "`{given}` is an instance and a server: the instance `{}` ({}) and the server `{}` ({})\n  \
             → Use an id; `ocore operation list --of ID` tells those of their operations.",
            text(&instance, "name"),
            value(&instance, "id")?,
            text(&server, "name"),
            value(&server, "id")?,
        ))),
        (Some(instance), Err(failure)) if failure.is_not_found() => Ok(value(&instance, "id")?.to_owned()),
        (_, server) => Ok(value(&server?, "id")?.to_owned()),
    }
}

/// Nothing, where there is no such thing.
fn if_any(found: Result<Value, Failure>) -> Result<Option<Value>, Failure> {
    match found {
        Err(failure) if failure.is_not_found() => Ok(None),
        found => found.map(Some),
    }
}

fn is_id(text: &str) -> bool {
    text.parse::<ocore_domain::OperationId>().is_ok()
}
