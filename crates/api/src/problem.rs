//! What went wrong, as an answer: RFC 9457 problem details.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use ocore_domain::{Code, OperationId, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The result of a handler.
pub(crate) type Answer<T> = Result<T, Failure>;

/// Where the codes are explained.
pub(crate) const DOCUMENTATION: &str = "https://docs.ocore.sh/problems/";

/// A problem on its way out. Its answer's body is written by [`render`], which knows the request's id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    problem: Problem,
    #[serde(with = "http_serde::status_code")]
    status: StatusCode,
    operation: Option<OperationId>,
    fields: Vec<Field>,
    retry_after: Option<Duration>,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Field {
    /// Its name, for example `envVars.PATH`.
    pub(crate) field: String,
    /// What it must be. It does not repeat what was sent: that may be a secret in the wrong place.
    pub(crate) detail: String,
}

impl Failure {
    /// A problem with the fields of a request.
    pub(crate) fn fields(fields: Vec<Field>) -> Self {
        let named: Vec<_> = fields
            .iter()
            .map(|f| format!("{} {}", f.field, f.detail))
            .collect();
        let problem = Problem::new(
            Code::InvalidRequest,
            named.join("; "),
            "Correct what is named and send the request again.",
        );
        Self {
            fields,
            ..problem.into()
        }
    }

    /// A problem with one field of a request.
    pub(crate) fn field(field: &str, detail: &str) -> Self {
        Self::fields(vec![Field {
            field: field.to_owned(),
            detail: detail.to_owned(),
        }])
    }

    /// There is no such thing.
    pub(crate) fn not_found(kind: &str, name: &str) -> Self {
        Problem::new(
            Code::NotFound,
            format!("There is no {kind} `{name}`"),
            format!("List the {kind}s to see which there are."),
        )
        .into()
    }

    /// The same problem with another status than its code's own.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same problem, with the operation that stands in the way.
    pub(crate) fn with_operation(self, operation: OperationId) -> Self {
        Self {
            operation: Some(operation),
            ..self
        }
    }

    /// The same problem, which is over after a while.
    pub(crate) fn with_retry_after(self, after: Duration) -> Self {
        Self {
            retry_after: Some(after),
            ..self
        }
    }

    /// Its code.
    pub(crate) const fn code(&self) -> Code {
        self.problem.code
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self {
            status: status(problem.code),
            problem,
            operation: None,
            fields: Vec::new(),
            retry_after: None,
        }
    }
}

impl From<ocore_store::Error> for Failure {
    fn from(error: ocore_store::Error) -> Self {
        Problem::from(error).into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The status of each code.
pub(crate) const fn status(code: Code) -> StatusCode {
    match code {
        Code::InvalidRequest
        | Code::ConfirmationMissing
        | Code::InvalidLink
        | Code::AuthorizationPending
        | Code::SshKeyInvalid
        | Code::SshKeyPassphrase => StatusCode::BAD_REQUEST,
        Code::Unauthenticated | Code::InvalidCredentials => StatusCode::UNAUTHORIZED,
        Code::Forbidden
        | Code::EmailUnverified
        | Code::CrossSite
        | Code::PasskeyRequired
        | Code::SignupClosed
        | Code::SsoRefused => StatusCode::FORBIDDEN,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::NameTaken
        | Code::StateConflict
        | Code::OperationInProgress
        | Code::InUse
        | Code::IdempotencyInProgress
        | Code::SshHostKeyChanged
        | Code::SudoRequired
        | Code::ServerUnsupported
        | Code::AgentUnsupported
        | Code::ServerNotActive
        | Code::InsufficientMemory
        | Code::PlacementRefused
        | Code::NoServerFits
        | Code::InsufficientDisk
        | Code::DockerMissing
        | Code::DockerPermissionDenied
        | Code::DockerTooOld
        | Code::ImageNotFound
        | Code::ForeignResource
        | Code::PortTaken
        | Code::PortsExhausted
        | Code::Cancelled => StatusCode::CONFLICT,
        Code::MailFailed
        | Code::SsoFailed
        | Code::SshUnreachable
        | Code::SshHostUnknown
        | Code::SshProtocol
        | Code::SshAuthFailed
        | Code::SshConnectionLost
        | Code::CommandFailed
        | Code::AgentUnreachable
        | Code::AgentSilent
        | Code::DockerUnavailable
        | Code::DockerFailed
        | Code::DatabaseFailed
        | Code::DatabaseUnavailable
        | Code::OdooFailedToStart => StatusCode::BAD_GATEWAY,
        Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Code::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Code::StepTimeout => StatusCode::GATEWAY_TIMEOUT,
        Code::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::SecretUnreadable | Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The code in words: `ssh.host_key_changed` becomes `SSH host key changed`.
pub(crate) fn title(code: Code) -> String {
    let words = code.as_str().replace(['.', '_'], " ");
    for acronym in ["ssh", "sso"] {
        if let Some(rest) = words.strip_prefix(acronym) {
            return format!("{}{rest}", acronym.to_ascii_uppercase());
        }
    }
    let (first, rest) = words.split_at(1);
    format!("{}{rest}", first.to_ascii_uppercase())
}

/// The body of every answer with a status of 400 or more.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemDetails {
    /// Where the problem is explained.
    #[serde(rename = "type")]
    kind: String,
    /// The problem in a few words, the same every time.
    title: String,
    /// The answer's status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// The machine-readable name.
    code: Code,
    /// What to do.
    mend: String,
    /// The request's id, as it stands in the log.
    request_id: String,
    /// The operation that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<OperationId>,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    fields: Vec<Field>,
}

/// Writes the problem of an answer into its body. An error that is not ours, such as axum's own for a path or a method
/// it does not know, becomes a problem too.
pub(crate) fn render(mut response: Response, request_id: &str) -> Response {
    let failure = match response.extensions_mut().remove::<Failure>() {
        Some(failure) => failure,
        None if is_foreign_error(&response) => foreign(response.status()),
        None => return response,
    };
    let details = ProblemDetails {
        kind: format!("{DOCUMENTATION}{}", failure.problem.code),
        title: title(failure.problem.code),
        status: failure.status.as_u16(),
        detail: failure.problem.detail,
        code: failure.problem.code,
        mend: failure.problem.mend,
        request_id: request_id.to_owned(),
        operation_id: failure.operation,
        fields: failure.fields,
    };
    *response.body_mut() = Body::from(serde_json::to_vec(&details).unwrap_or_default());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if let Some(after) = failure.retry_after {
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from(after.as_secs() + u64::from(after.subsec_nanos() > 0)),
        );
    }
    match failure.status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        _ => {}
    }
    response
}

fn is_foreign_error(response: &Response) -> bool {
    let json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    response.status().as_u16() >= 400 && !json
}

fn foreign(status: StatusCode) -> Failure {
    let (code, detail, mend) = match status {
        StatusCode::NOT_FOUND => (
            Code::NotFound,
            "There is no such route",
            "See /api/openapi.json for those there are.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            Code::InvalidRequest,
            "The route does not know this method",
            "Use one of those in the answer's header Allow.",
        ),
        status if status.is_client_error() => (
            Code::InvalidRequest,
            "The request cannot be read",
            "See /api/openapi.json for what it must be.",
        ),
        _ => return Failure::from(Problem::internal("the request was not answered")).with_status(status),
    };
    Failure::from(Problem::new(code, detail, mend)).with_status(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `docs/problems.md` names every code once, with its status and its title.
    #[test]
    fn every_code_is_documented() {
        let page = include_str!("../../../docs/problems.md");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        for &code in Code::ALL {
            assert!(status(code).as_u16() >= 400);
            let begin = format!("| `{code}` | {} | ", status(code).as_u16());
            assert_eq!(
                rows.iter().filter(|row| row.starts_with(&begin)).count(),
                1,
                "{begin}"
            );
        }
        assert_eq!(rows.len(), Code::ALL.len(), "a row is of no code");
    }

    #[test]
    fn titles_are_readable() {
        assert_eq!(title(Code::SshHostKeyChanged), "SSH host key changed");
        assert_eq!(title(Code::SsoFailed), "SSO failed");
        assert_eq!(title(Code::NotFound), "Resource not found");
    }
}
