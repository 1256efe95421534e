//! Asking before something is taken away.

use std::io::{self, IsTerminal};

use dialoguer::Input;

use super::failure::Failure;

/// The name that confirms: given as an argument, or typed on a terminal after `what` was told.
pub(crate) fn confirm(what: &str, names: &[&str], given: Option<String>) -> Result<String, Failure> {
    let typed = match given {
        Some(name) => name,
        None if io::stdin().is_terminal() && io::stderr().is_terminal() => {
            eprintln!("{what}");
            let asked = Input::new()
                .with_prompt(format!("Type `{}` to go on", names[0]))
                .interact_text();
            asked.map_err(|error| Failure::Failed(error.to_string()))?
        }
        None => {
            return Err(Failure::Usage(format!(
                "{what}\n  Confirm it with --yes {}",
                names[0]
            )));
        }
    };
    if names.contains(&typed.as_str()) {
        return Ok(typed);
    }
    Err(Failure::Usage(format!(
        "`{typed}` is not `{}`: nothing was done",
        names[0]
    )))
}
