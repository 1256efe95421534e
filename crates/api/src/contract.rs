//! What every route of a kind can answer, added to the description of each: so no route has to list it, and none can
//! forget it. `cargo xtask contract` holds the running API against the result.
//!
//! A route lists by hand what it answers beyond that, such as `(status = 502)` when it reaches out to a server while
//! the request waits.

use ocore_domain::operation::Event;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, HeaderBuilder, OpenApi, Ref, RefOr, Required,
        header::Header,
        path::{Operation, ParameterBuilder, ParameterIn},
        response::Response,
        schema::{ObjectBuilder, SchemaType, Type},
    },
};

use crate::{
    access::operations,
    events::{Changed, Hello},
    problem::ProblemDetails,
};

/// The media type of a problem.
const PROBLEM: &str = "application/problem+json";

/// Completes a description.
pub(crate) fn complete(described: &mut OpenApi) {
    let mut schemas = vec![(ProblemDetails::name().into_owned(), ProblemDetails::schema())];
    ProblemDetails::schemas(&mut schemas);
    // Streams bear these as text, where the description does not see them.
    schemas.push((Event::name().into_owned(), Event::schema()));
    Event::schemas(&mut schemas);
    for (name, schema) in [
        (Hello::name(), Hello::schema()),
        (Changed::name(), Changed::schema()),
    ] {
        schemas.push((name.into_owned(), schema));
    }
    Changed::schemas(&mut schemas);
    if let Some(components) = &mut described.components {
        components.schemas.extend(schemas);
    }
    for (path, item) in &mut described.paths.paths {
        for (method, operation) in operations(item) {
            let kind = Kind::of(path, method, operation);
            if kind.may_be_repeated {
                name_the_key(operation);
            }
            for status in kind.answers() {
                let responses = &mut operation.responses.responses;
                responses
                    .entry(status.to_string())
                    .or_insert_with(|| RefOr::T(Response::new("")));
            }
            operation.responses.responses.iter_mut().for_each(finish);
        }
    }
}

/// What a route is, as far as its answers follow from it.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent property")]
struct Kind {
    is_limited: bool,
    is_signed: bool,
    signs_in: bool,
    has_body: bool,
    is_conditional: bool,
    names_a_thing: bool,
    is_asked_something: bool,
    changes: bool,
    may_be_repeated: bool,
}

impl Kind {
    fn of(path: &str, method: &str, operation: &Operation) -> Self {
        let parameters = operation.parameters.as_deref().unwrap_or_default();
        // The whole description asks for a token; a route that does not says so.
        let is_signed = operation.security.is_none();
        Self {
            is_limited: path.starts_with("/api/"),
            is_signed,
            signs_in: path.starts_with("/api/auth/"),
            has_body: operation.request_body.is_some(),
            is_conditional: parameters
                .iter()
                .any(|parameter| matches!(parameter, RefOr::T(one) if one.name == "If-Match")),
            names_a_thing: path.contains('{'),
            is_asked_something: !parameters.is_empty(),
            changes: method != "GET",
            may_be_repeated: method == "POST" && is_signed,
        }
    }

    /// The statuses.
    fn answers(&self) -> Vec<u16> {
        let mut answers = vec![500, 503];
        let mut when = |is: bool, statuses: &[u16]| {
            if is {
                answers.extend(statuses);
            }
        };
        when(self.is_limited, &[429]);
        when(self.is_signed, &[401, 403]);
        // Who cannot prove who they are, may not, or would need a mail that cannot be sent.
        when(self.signs_in, &[401, 403, 502]);
        when(self.is_asked_something, &[400]);
        when(self.names_a_thing, &[400, 404]);
        when(self.has_body, &[400, 413, 415]);
        when(self.is_conditional, &[412]);
        when(self.changes && self.is_signed, &[409]);
        when(self.may_be_repeated, &[400, 413, 422]);
        answers
    }
}

/// A POST may bear a key by which its repeat is recognized.
fn name_the_key(operation: &mut Operation) {
    let schema = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[ -~]+$"));
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Made up by the sender for this request. A repeat with the same key within 24 hours is not done again: it \
             gets the same answer, with the header `Idempotent-Replayed: true`.",
        ))
        .schema(Some(schema))
        .build();
    operation
        .parameters
        .get_or_insert_with(Vec::new)
        .push(RefOr::T(key));
}

/// Describes an answer of a status that is a fault, where its route did not.
fn finish((status, answer): (&String, &mut RefOr<Response>)) {
    let RefOr::T(answer) = answer else { return };
    if answer.description.is_empty() {
        description(status).clone_into(&mut answer.description);
    }
    if status.starts_with(['4', '5']) {
        let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name(ProblemDetails::name()))));
        answer.content.insert(PROBLEM.to_owned(), RefOr::T(content));
    }
    let header = match status.as_str() {
        "401" => ("WWW-Authenticate", text("How to sign a request.")),
        "429" => ("Retry-After", seconds("After how many seconds to try again.")),
        _ => return,
    };
    answer.headers.insert(header.0.to_owned(), RefOr::T(header.1));
}

fn text(description: &str) -> Header {
    header(Type::String, description)
}

fn seconds(description: &str) -> Header {
    header(Type::Integer, description)
}

fn header(kind: Type, description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(SchemaType::Type(kind));
    HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some(description))
        .build()
}

fn description(status: &str) -> &'static str {
    match status {
        "200" => "Here it is",
        "201" => "It was made",
        "202" => "It was begun",
        "204" => "It was done",
        "400" => "The request does not say what it must, or says it wrongly",
        "401" => "The request is not signed, or not validly",
        "403" => "It is not allowed to who sent it",
        "404" => "There is no such thing, or not for you",
        "409" => "Something stands in the way",
        "412" => "Somebody else changed it meanwhile",
        "413" => "The body is too long",
        "415" => "The body is not declared as JSON",
        "422" => "The Idempotency-Key was sent with another request",
        "426" => "It does not ask for a WebSocket",
        "429" => "There were too many requests",
        "500" => "oCore itself failed",
        "502" => "A server failed, or cannot be reached",
        "503" => "oCore's database does not answer in time",
        "504" => "A server does not answer in time",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    fn described() -> Value {
        serde_json::to_value(crate::openapi()).unwrap()
    }

    fn statuses(described: &Value, path: &str, method: &str) -> Vec<String> {
        let responses = &described["paths"][path][method]["responses"];
        responses.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn answers_follow_from_what_a_route_is() {
        let described = described();
        let of = |path, method| statuses(&described, path, method).join(" ");
        assert_eq!(of("/health", "get"), "200 500 503");
        assert_eq!(of("/api/openapi.json", "get"), "200 429 500 503");
        assert_eq!(of("/api/servers", "get"), "200 400 401 403 429 500 503");
        assert_eq!(of("/api/servers/{id}", "get"), "200 400 401 403 404 429 500 503");
        assert_eq!(
            of("/api/servers/{id}", "delete"),
            "202 400 401 403 404 409 429 500 503"
        );
        assert_eq!(
            of("/api/servers", "post"),
            "202 400 401 403 409 413 415 422 429 500 503"
        );
        assert_eq!(
            of("/api/instances/{id}/logs", "get"),
            "200 400 401 403 404 409 429 500 502 503 504"
        );
    }

    /// A description that allows everything is no contract.
    #[test]
    fn every_answer_says_what_it_is() {
        for (path, item) in described()["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    let place = format!("{method} {path} {status}");
                    assert_ne!(status, "default", "{place}");
                    assert!(!answer["description"].as_str().unwrap().is_empty(), "{place}");
                    assert!(
                        answer["content"].is_object() || ["101", "204", "303"].contains(&status.as_str()),
                        "{place}"
                    );
                }
            }
        }
    }
}
