//! `GET /api/problems`: the codes that answers bear, and what each means. Anybody may ask.

use axum::Json;
use ocore_domain::Code;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{Allowed, Anyone, Routes, guarded},
    page::List,
    problem,
};

pub(crate) fn routes() -> Routes {
    Routes::default().with(guarded!(list))
}

/// The page for people, from which the meanings are read: each is written down once.
const PAGE: &str = include_str!("../../../docs/problems.md");

/// A code.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemCode {
    /// The `type` of answers with it.
    #[serde(rename = "type")]
    kind: String,
    pub(crate) code: Code,
    /// The status of answers with it, unless the problem is one of the request's form (404, 405, 413, 415).
    #[schema(minimum = 400, maximum = 599)]
    pub(crate) status: u16,
    pub(crate) title: String,
    /// What it means.
    pub(crate) meaning: String,
    /// What to do.
    pub(crate) mend: String,
}

/// What can go wrong
#[utoipa::path(
    get, path = "/api/problems", operation_id = "listProblems", tag = "health", security(()),
    responses((status = 200, body = List<ProblemCode>))
)]
async fn list(_: Allowed<Anyone>) -> Json<List<ProblemCode>> {
    Json(List::whole(all()))
}

/// Every code, in the order of the documentation.
pub(crate) fn all() -> Vec<ProblemCode> {
    Code::ALL.iter().copied().map(described).collect()
}

fn described(code: Code) -> ProblemCode {
    let begin = format!("| `{code}` | ");
    let row = PAGE.lines().find_map(|line| line.strip_prefix(&begin));
    let mut cells = row.into_iter().flat_map(|row| row.split(" | ")).skip(1);
    let mut cell = || {
        let text = cells.next().unwrap_or_default();
        text.trim_end_matches('|').trim().to_owned()
    };
    ProblemCode {
        kind: format!("{}{code}", problem::DOCUMENTATION),
        code,
        status: problem::status(code).as_u16(),
        title: problem::title(code),
        meaning: cell(),
        mend: cell(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_meaning_and_its_mend() {
        for problem in all() {
            for text in [&problem.meaning, &problem.mend] {
                assert!(
                    text.ends_with('.') && !text.contains('|'),
                    "{}: {text}",
                    problem.code
                );
            }
        }
        let taken = described(Code::NameTaken);
        assert_eq!(taken.meaning, "Another resource has this name already.");
        assert_eq!(taken.mend, "Choose another name, or another `slug`.");
        assert_eq!(taken.kind, "https://docs.ocore.sh/problems/name.taken");
    }
}
