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

/// All rows of a list, for finding one among them.
pub(crate) async fn all(session: &Session, path: &[&str]) -> Result<Vec<Value>, Failure> {
    list_all(session, path, &[]).await
}

/// The same of those that a query lets through.
pub(crate) async fn list_all(
    session: &Session,
    path: &[&str],
    wanted: &Query<'_>,
) -> Result<Vec<Value>, Failure> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let mut query = wanted.to_vec();
        query.push(("limit", "200".to_owned()));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let mut answer = session.client.get(path, &query).await?;
        if let Value::Array(more) = answer["data"].take() {
            rows.extend(more);
        }
        cursor = answer["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(rows);
        }
    }
}

/// Things that the API knows by id only, and people by other names too.
pub(crate) struct Kind {
    /// What one is called.
    pub(crate) what: &'static str,
    /// Its list in the API, which is also how that is called.
    pub(crate) path: &'static str,
    /// Where its id stands.
    pub(crate) id: &'static str,
    /// Where its names stand.
    pub(crate) names: &'static [&'static str],
    /// The command that lists them.
    pub(crate) list: &'static str,
}

impl Kind {
    /// The one that is meant.
    pub(crate) async fn find(&self, session: &Session, given: &str) -> Result<Value, Failure> {
        self.pick(all(session, &[self.path]).await?, given)
    }

    /// The id of the one that is meant; an id is one already.
    pub(crate) async fn find_id(&self, session: &Session, given: &str) -> Result<String, Failure> {
        if is_id(given) {
            return Ok(given.to_owned());
        }
        let row = self.find(session, given).await?;
        Ok(value(&row, self.id)?.to_owned())
    }

    /// The one of these that is meant: by its id, by a name as it is, or in capitals and small letters that differ.
    pub(crate) fn pick(&self, mut rows: Vec<Value>, given: &str) -> Result<Value, Failure> {
        let names = |row: &Value| {
            let names = self.names.iter();
            names
                .filter_map(|&key| row[key].as_str().map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let small = given.to_lowercase();
        let is_meant: [&dyn Fn(&Value) -> bool; 3] = [
            &|row| row[self.id] == given,
            &|row| names(row).iter().any(|name| name == given),
            &|row| names(row).iter().any(|name| name.to_lowercase() == small),
        ];
        for is_meant in is_meant {
            let found: Vec<usize> = (0..rows.len()).filter(|&at| is_meant(&rows[at])).collect();
            match found[..] {
                [] => (),
                [at] => return Ok(rows.swap_remove(at)),
                _ => {
                    let candidates = found.iter().map(|&at| {
                        let row = &rows[at];
                        format!("\n  {}  {}", text(row, self.id), names(row).join("  "))
                    });
                    return Err(Failure::Usage(format!(
                        "`{given}` is more than one {}:{}\n  → Use an id.",
                        self.what,
                        candidates.collect::<String>()
                    )));
                }
            }
        }
        Err(Failure::Usage(format!(
            "there is no {} `{given}`\n  → `{}` tells those there are.",
            self.what, self.list
        )))
    }
}

/// The tag of a row, by which a change says which state it is meant for.
pub(crate) fn tag(row: &Value) -> Option<String> {
    row["revision"].as_i64().map(|revision| format!("\"{revision}\""))
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

pub(crate) fn is_id(text: &str) -> bool {
    text.parse::<ocore_domain::OperationId>().is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PEOPLE: Kind = Kind {
        what: "member",
        path: "members",
        id: "userId",
        names: &["email", "name"],
        list: "ocore member list",
    };

    fn people() -> Vec<Value> {
        vec![
            json!({"userId": "1", "email": "zoe@example.com", "name": "Zoë"}),
            json!({"userId": "2", "email": "dev@example.com", "name": "dev"}),
            json!({"userId": "3", "email": "other@example.com", "name": "Dev"}),
            json!({"userId": "4", "email": "twin@example.com", "name": "twin"}),
            json!({"userId": "5", "email": "other-twin@example.com", "name": "twin"}),
        ]
    }

    #[test]
    fn one_is_meant_by_id_or_name() {
        for (given, id) in [
            ("3", "3"),
            ("zoe@example.com", "1"),
            ("ZOE@example.com", "1"),
            ("ZOË", "1"),
            // As it is, before letters that differ.
            ("dev", "2"),
            ("Dev", "3"),
        ] {
            assert_eq!(PEOPLE.pick(people(), given).unwrap()["userId"], id, "{given}");
        }
    }

    #[test]
    fn who_may_be_meant_is_told() {
        for given in ["twin", "TWIN"] {
            let Err(Failure::Usage(text)) = PEOPLE.pick(people(), given) else {
                panic!("{given}")
            };
            assert!(
                text.contains("4  twin@example.com") && text.contains("5  other-twin@example.com"),
                "{text}"
            );
        }
        let Err(Failure::Usage(text)) = PEOPLE.pick(people(), "") else {
            panic!()
        };
        assert!(text.contains("ocore member list"), "{text}");
    }
}
