//! `ocore openapi`: the description of the API, as it is in `docs/openapi.json`.

/// The description as a JSON document.
pub(crate) fn document() -> anyhow::Result<String> {
    Ok(ocore_api::openapi().to_pretty_json()?)
}
