//! Lists come in pages: no list is unbounded.

use serde::Serialize;

/// Which part of a list is wanted.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// How many at most, 1 to 200.
    pub limit: i64,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            limit: 50,
            cursor: None,
        }
    }
}

/// One part of a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// What to ask for to go on.
    pub next_cursor: Option<String>,
    /// Whether there is more.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// A page from `limit + 1` entries read: the extra one only tells that there is more.
    pub fn from_rows(mut data: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let has_more = data.len() > limit;
        data.truncate(limit);
        let next_cursor = if has_more { data.last().map(cursor) } else { None };
        Self {
            data,
            next_cursor,
            has_more,
        }
    }

    /// The same page with other entries: what became of these, which the caller took out.
    pub fn holding<U>(self, data: Vec<U>) -> Page<U> {
        Page {
            data,
            next_cursor: self.next_cursor,
            has_more: self.has_more,
        }
    }

    /// The same page of something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            data: self.data.into_iter().map(f).collect(),
            next_cursor: self.next_cursor,
            has_more: self.has_more,
        }
    }
}
