//! After a command that started an operation: wait for it, and tell how it ended.

use ocore_domain::operation::OperationState;
use serde_json::Value;

use super::{
    Session, Wait,
    failure::Failure,
    follow::follow,
    operation::{self, Operation},
    progress::Lines,
};

/// What a change can be on: its name in an answer, and its list in the API.
const SUBJECTS: [(&str, &str); 2] = [("server", "servers"), ("instance", "instances")];

/// Takes the answer to a change, waits for its operation unless told not to, and prints the answer with the operation
/// as it ended and its subject as it is then. `show` says what came of it.
pub(crate) async fn changed(
    session: &Session,
    mut answer: Value,
    wait: &Wait,
    show: impl FnOnce(&Value) -> String,
) -> Result<(), Failure> {
    let Some(id) = answer["operation"]["id"].as_str().map(str::to_owned) else {
        return session
            .output
            .result(&answer, || "Nothing had to be changed.\n".to_owned());
    };
    if wait.no_wait {
        return session.output.result(&answer, || {
            format!("Queued as operation {id}.\n  Watch: ocore operation follow {id}\n")
        });
    }
    match follow(session, &id, Lines::Latest).await {
        Ok(end) => {
            answer["operation"] = end;
            look_again(session, &mut answer).await;
        }
        Err(failure) => {
            // What was accepted may hold what is told only once, such as a password.
            session.output.document_unless_printed(&answer)?;
            return Err(failure);
        }
    }
    let ended = ended_as(&answer["operation"], OperationState::Done);
    session.output.result(&answer, || {
        if ended.is_ok() {
            show(&answer)
        } else {
            String::new()
        }
    })?;
    ended
}

/// Puts the subject as it is now in the place of the one that was answered when the operation was queued.
async fn look_again(session: &Session, answer: &mut Value) {
    for (name, list) in SUBJECTS {
        let Some(id) = answer[name]["id"].as_str() else {
            continue;
        };
        match session.client.get(&[list, id], &[]).await {
            Ok(now) => answer[name] = now,
            // It was removed, or its creation taken back: what it was is all there is to show.
            Err(failure) if failure.is_not_found() => (),
            // The change itself is done, or not, whatever comes of this.
            Err(_) => eprintln!("warning: the {name} could not be read again; it is shown as it was before"),
        }
    }
}

/// Whether an operation ended in the state wanted, or why not.
pub(crate) fn ended_as(operation: &Value, wanted: OperationState) -> Result<(), Failure> {
    let operation: Operation = operation::read(operation)?;
    if operation.state == wanted {
        return Ok(());
    }
    let mut lines = vec![format!(
        "Operation {} ended {}",
        operation.id,
        operation.state.as_str().replace('_', " ")
    )];
    if let Some(error) = &operation.error {
        lines.extend([
            format!("{} ({})", error.detail, error.code),
            format!("→ {}", error.mend),
        ]);
    }
    if wanted == OperationState::Done {
        lines.push(format!("Try again: ocore operation retry {}", operation.id));
    }
    Err(Failure::Ended(lines.join("\n  ")))
}
