//! Deleting asks for the name.

use ocore_domain::{Code, Problem};

use crate::problem::Answer;

/// Goes on only when one of the names of the thing to be deleted was repeated.
pub(crate) fn by_name(given: Option<&str>, names: &[&str]) -> Answer<()> {
    if given.is_some_and(|given| names.contains(&given)) {
        return Ok(());
    }
    let name = names.first().copied().unwrap_or_default();
    Err(Problem::new(
        Code::ConfirmationMissing,
        format!("Deleting `{name}` was not confirmed by its name"),
        "Repeat the request with ?confirm= and the name, if it is really to be deleted.",
    )
    .into())
}
