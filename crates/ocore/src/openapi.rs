//! `ocore openapi`: the description of the API, as it is in `docs/openapi.json`.

/// The description as a JSON document.
pub(crate) fn document() -> anyhow::Result<String> {
    Ok(ocore_api::openapi().to_pretty_json()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After a change on purpose: `cargo run -p ocore -- openapi > docs/openapi.json`.
    #[test]
    fn the_document_in_the_repository_is_up_to_date() {
        let kept = include_str!("../../../docs/openapi.json");
        assert!(
            kept.trim_end() == document().unwrap(),
            "run: cargo run -p ocore -- openapi > docs/openapi.json"
        );
    }
}
