//! Lists: a page at a time.

use std::str::FromStr;

use ocore_domain::sort::Sort;
use ocore_store::{NotACursor, Page, PageRequest, Sorted};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use crate::{checks::Checks, problem::Answer};

/// Which part is wanted of a list that is asked nothing else. One that is has a structure of its own, since what it does not
/// know it has to refuse.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// How many at most, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
}

impl Part {
    /// The same, checked. `C` is what a cursor of this list must be.
    pub(crate) fn of<C: FromStr>(self) -> Answer<PageRequest> {
        wanted::<C>(self.limit, self.cursor)
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List<T> {
    /// The entries.
    data: Vec<T>,
    /// What to send as `cursor` to get the next page.
    next_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

impl<T> List<T> {
    /// A list that is short by nature, whole.
    pub(crate) const fn whole(data: Vec<T>) -> Self {
        Self {
            data,
            next_cursor: None,
            has_more: false,
        }
    }
}

impl<T> From<Page<T>> for List<T> {
    fn from(page: Page<T>) -> Self {
        Self {
            data: page.data,
            next_cursor: page.next_cursor,
            has_more: page.has_more,
        }
    }
}

/// Checks which page is wanted. `C` is what a cursor of this list must be.
pub(crate) fn wanted<C: FromStr>(limit: Option<i64>, cursor: Option<String>) -> Answer<PageRequest> {
    let mut checks = Checks::default();
    let limit = check_limit(&mut checks, limit);
    let is_ours = cursor
        .as_ref()
        .is_none_or(|cursor| cursor.len() <= 512 && cursor.parse::<C>().is_ok());
    checks.that(is_ours, "cursor", "must be a `nextCursor` of this list");
    checks.done()?;
    Ok(PageRequest { limit, cursor })
}

/// The same of a list that comes in several orders. A cursor is good for the order of the list that gave it only.
pub(crate) fn sorted<S, I>(limit: Option<i64>, cursor: Option<&str>, sort: Option<S>) -> Answer<Sorted<S, I>>
where
    S: Sort,
    I: Copy + Serialize + DeserializeOwned,
{
    let sort = sort.unwrap_or_default();
    let mut checks = Checks::default();
    let limit = check_limit(&mut checks, limit);
    let after = cursor.and_then(|cursor| {
        let place = Sorted::<S, I>::read_cursor(cursor, sort).map_err(|why| match why {
            NotACursor::Foreign => "must be a `nextCursor` of this list".to_owned(),
            NotACursor::OtherOrder => format!(
                "is of the list in another order: this one is sorted by `{sort}`; begin without a cursor, or send the `sort` \
                 it is of"
            ),
        });
        checks.value("cursor", place)
    });
    checks.done()?;
    Ok(Sorted { limit, sort, after })
}

fn check_limit(checks: &mut Checks, limit: Option<i64>) -> i64 {
    let limit = limit.unwrap_or(50);
    checks.that((1..=200).contains(&limit), "limit", "must be from 1 to 200");
    limit
}
