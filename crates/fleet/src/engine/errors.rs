//! What the Engine's refusals mean.

use bollard::errors::Error;
use ocore_domain::{Code, Problem};

use super::Engine;

impl Engine {
    /// What an error means that came while something was done with `what`.
    pub(super) fn problem(&self, error: Error, what: &str) -> Problem {
        // What the way to the socket says of itself is more exact than anything told of it.
        if let Some(problem) = told(&error) {
            return problem;
        }
        match error {
            Error::DockerResponseServerError { status_code, message } => {
                refused(status_code, message.trim(), what)
            }
            other if (self.alive)() => unavailable(&format!("{what}: {}", with_sources(&other))),
            other => Problem::new(
                Code::SshConnectionLost,
                format!(
                    "The connection to the server broke while {what} was at work: {}",
                    with_sources(&other)
                ),
                "oCore connects again by itself; check the network and the server if it lasts.",
            ),
        }
    }
}

/// The problem that an error was made of, wherever it is hidden.
fn told(error: &Error) -> Option<Problem> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(match error {
        Error::IOError { err } => err,
        Error::HyperResponseError { err } => err,
        Error::HyperLegacyError { err } => err,
        other => other,
    });
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<Problem>());
        if let Some(problem) = inner.or_else(|| error.downcast_ref::<Problem>()) {
            return Some(problem.clone());
        }
        cause = error.source();
    }
    None
}

fn refused(status: u16, message: &str, what: &str) -> Problem {
    let port_taken = [
        "port is already allocated",
        "address already in use",
        "bind host port",
    ];
    if port_taken.iter().any(|words| message.contains(words)) {
        let port = port_in(message).map_or_else(String::new, |port| format!(" {port}"));
        return Problem::new(
            Code::PortTaken,
            format!("The port{port} of {what} is used by something else on the server"),
            "Free the port (ss -ltnp shows who has it), then retry; or delete the instance and create it with another.",
        );
    }
    Problem::new(
        Code::DockerFailed,
        format!("Docker refused {what} ({status}): {message}"),
        "Mend what Docker complains of, then retry.",
    )
}

/// The port in a message such as `Bind for 127.0.0.1:20000 failed: port is already allocated`.
fn port_in(message: &str) -> Option<u16> {
    let words = message.split(|c: char| c.is_whitespace() || c == ',');
    words
        .filter_map(|word| word.trim_end_matches(':').rsplit_once(':')?.1.parse().ok())
        .find(|port| *port > 0)
}

/// hyper hides the reason in the sources.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

pub(crate) fn missing(socket: &str) -> Problem {
    Problem::new(
        Code::DockerMissing,
        format!("Docker is not installed: there is no socket {socket}"),
        "Install Docker Engine 20.10 or newer and start it.",
    )
}

pub(crate) fn permission_denied(socket: &str) -> Problem {
    Problem::new(
        Code::DockerPermissionDenied,
        format!("The user may not use Docker's socket {socket}"),
        "Add the user to the group docker (usermod -aG docker USER), allow passwordless sudo, or connect as root.",
    )
}

pub(crate) fn unavailable(why: &str) -> Problem {
    Problem::new(
        Code::DockerUnavailable,
        format!("The Docker Engine does not answer: {why}"),
        "Start it on the server (systemctl start docker) and look at its log (journalctl -u docker).",
    )
}

pub(super) fn foreign(kind: &str, name: &str) -> Problem {
    Problem::new(
        Code::ForeignResource,
        format!(
            "There is a {kind} {name} on the server that is not oCore's, or belongs to another part of it"
        ),
        "Rename or remove it by hand if nobody needs it; oCore does not touch what is not its own.",
    )
}

/// Whether the Engine says that there is no such thing.
pub(super) fn is_absent(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        for message in [
            "driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:20000 failed: port is already allocated",
            "Error starting userland proxy: listen tcp4 127.0.0.1:20000: bind: address already in use",
        ] {
            let problem = refused(500, message, "ocore-acme");
            assert_eq!(problem.code, Code::PortTaken);
            assert!(problem.detail.contains("20000"), "{}", problem.detail);
        }
    }
}
