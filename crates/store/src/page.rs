//! Lists come in pages: no list is unbounded.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use ocore_domain::sort::Sort;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

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

/// Which part of a list is wanted that comes in several orders, and in which of them. `I` tells rows with the same key
/// apart.
#[derive(Clone, Debug)]
pub struct Sorted<S, I = Uuid> {
    /// How many at most, 1 to 200.
    pub limit: i64,
    /// In which order.
    pub sort: S,
    /// The last row of the page before.
    pub after: Option<After<I>>,
}

/// A row's place in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After<I> {
    /// The key, as text; none where the row has none, which comes before every other.
    pub key: Option<String>,
    /// What tells it from others with the same key.
    pub id: I,
}

/// What a cursor says, as JSON in base64url. Whoever gets one is not to look into it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor<'a, I> {
    /// The order it is of.
    #[serde(borrow)]
    s: Cow<'a, str>,
    /// The key.
    k: Option<String>,
    /// The id.
    i: I,
}

/// Why a text is not a cursor of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotACursor {
    /// It is none of any list's.
    Foreign,
    /// It is of another order.
    OtherOrder,
}

/// How long a cursor can be, in bytes.
const CURSOR: usize = 2048;

impl<S: Sort, I> Sorted<S, I> {
    /// The first of a list, in its usual order.
    pub fn first(limit: i64) -> Self {
        Self {
            limit,
            sort: S::default(),
            after: None,
        }
    }
}

impl<S: Sort, I: Copy + Serialize + DeserializeOwned> Sorted<S, I> {
    /// The place that a cursor of an order tells.
    pub fn read_cursor(text: &str, sort: S) -> Result<After<I>, NotACursor> {
        let bytes = Some(text)
            .filter(|text| text.len() <= CURSOR)
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            .ok_or(NotACursor::Foreign)?;
        let cursor: Cursor<'_, I> = serde_json::from_slice(&bytes).map_err(|_| NotACursor::Foreign)?;
        if cursor.s != sort.word() {
            return Err(NotACursor::OtherOrder);
        }
        let is_moment = |text: &str| {
            text.parse::<DateTime<Utc>>()
                .is_ok_and(|at| (0..10_000).contains(&at.year()))
        };
        let fits = match &cursor.k {
            None => sort.is_by_time(),
            Some(key) if sort.is_by_time() => is_moment(key),
            Some(key) => !key.contains('\0'),
        };
        if !fits {
            return Err(NotACursor::Foreign);
        }
        Ok(After {
            key: cursor.k,
            id: cursor.i,
        })
    }

    /// The key of the row before, for a query.
    pub(crate) fn key(&self) -> Option<&str> {
        self.after.as_ref().and_then(|after| after.key.as_deref())
    }

    /// The id of the row before, for a query.
    pub(crate) fn id(&self) -> Option<I> {
        self.after.as_ref().map(|after| after.id)
    }

    /// A page from `limit + 1` rows read.
    pub(crate) fn page<T>(&self, rows: Vec<T>, place: impl Fn(&T) -> After<I>) -> Page<T> {
        Page::from_rows(rows, self.limit, |row| {
            let After { key, id } = place(row);
            let cursor = Cursor {
                s: self.sort.word().into(),
                k: key,
                i: id,
            };
            // Texts and numbers can always be written.
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
        })
    }
}

/// A moment as a key: to the microsecond, as PostgreSQL keeps it.
pub(crate) fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The longest page that [`in_order!`] reads by a query of its own. It stands in the query as `limit 201`.
pub(crate) const LONGEST: i64 = 200;

/// The rows of a page in one of several orders: a query of its own for each, so that an index can serve it.
///
/// `$select` makes a query of what comes after `from`. Its first three parameters are the key and id of the row before, and
/// how many rows are wanted; those of the list's own filter begin with `$4`.
///
/// PostgreSQL plans such a query anew each time: what it costs depends on which of the parameters are null and on how many
/// rows are wanted. Planning takes several times as long as reading the page, so with `first` the first page of a list
/// that is not filtered, which is what is asked for most, has queries without such parameters. The inner `limit` tells the
/// planner that few rows are wanted, whatever the outer one is going to be; so the plan that it keeps is as good as any.
/// The parameters of these begin with `$2`.
macro_rules! in_order {
    (@ask $select:ident $conn:ident $page:ident ($($argument:expr),* $(,)?) $sql:literal $(+ $more:literal)*) => {
        $select!($sql $(+ $more)*, $page.key(), $page.id(), $page.limit + 1 $(, $argument)*)
            .fetch_all($conn)
            .await?
    };
    (@first $select:ident $conn:ident $page:ident ($($argument:expr),* $(,)?) $sql:literal $(+ $more:literal)*) => {
        $select!(after "select * from (", $sql $(+ $more)* + " limit 201) page limit $1", $page.limit + 1 $(, $argument)*)
            .fetch_all($conn)
            .await?
    };
    ($select:ident, $conn:ident, $page:ident, first if $is_plain:ident $few:tt $whole:literal, $arguments:tt,
        $filter:literal, by $id:literal { $($up:pat, $down:pat => $key:literal from $from:literal),+ $(,)? }
    ) => {
        if $is_plain && $page.after.is_none() && $page.limit <= $crate::page::LONGEST {
            match $page.sort {
                $(
                    $up => $crate::page::in_order!(@first $select $conn $page $few
                        $whole + " order by " + $key + ", " + $id),
                    $down => $crate::page::in_order!(@first $select $conn $page $few
                        $whole + " order by " + $key + " desc, " + $id + " desc"),
                )+
            }
        } else {
            $crate::page::in_order!($select, $conn, $page, $arguments, $filter, by $id {
                $($up, $down => $key from $from),+
            })
        }
    };
    ($select:ident, $conn:ident, $page:ident, $arguments:tt, $filter:literal, by $id:literal {
        $($up:pat, $down:pat => $key:literal from $from:literal),+ $(,)?
    }) => {
        match $page.sort {
            $(
                $up => $crate::page::in_order!(@ask $select $conn $page $arguments
                    $filter + " and ($2::uuid is null or (" + $key + ", " + $id + ") > (" + $from + ", $2)) order by "
                        + $key + ", " + $id + " limit $3"),
                $down => $crate::page::in_order!(@ask $select $conn $page $arguments
                    $filter + " and ($2::uuid is null or (" + $key + ", " + $id + ") < (" + $from + ", $2)) order by "
                        + $key + " desc, " + $id + " desc limit $3"),
            )+
        }
    };
}
pub(crate) use in_order;

#[cfg(test)]
mod tests {
    use ocore_domain::sort::MemberSort;

    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_order_only() {
        let page = Sorted::<MemberSort> {
            limit: 1,
            sort: MemberSort::Name,
            after: None,
        };
        let place = After {
            key: Some("Zoë".to_owned()),
            id: Uuid::from_u128(7),
        };
        let cursor = page.page(vec![1, 2], |_| place.clone()).next_cursor.unwrap();
        let read = |text: &str, sort| Sorted::<MemberSort>::read_cursor(text, sort);
        assert_eq!(read(&cursor, MemberSort::Name), Ok(place));
        for other in [MemberSort::NameBack, MemberSort::JoinedAt] {
            assert_eq!(read(&cursor, other), Err(NotACursor::OtherOrder));
        }
        let made_up = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let id = "00000000-0000-0000-0000-000000000007";
        for (foreign, sort) in [
            ("zoe@example.com".to_owned(), MemberSort::Email),
            (String::new(), MemberSort::Email),
            (made_up("{}"), MemberSort::Email),
            (
                made_up(&format!(r#"{{"s":"name","k":null,"i":"{id}"}}"#)),
                MemberSort::Name,
            ),
            (
                made_up(&format!(r#"{{"s":"name","k":"\u0000","i":"{id}"}}"#)),
                MemberSort::Name,
            ),
            (made_up(r#"{"s":"name","k":"a","i":"7"}"#), MemberSort::Name),
            (
                made_up(&format!(r#"{{"s":"joinedAt","k":"soon","i":"{id}"}}"#)),
                MemberSort::JoinedAt,
            ),
            ("a".repeat(CURSOR + 1), MemberSort::Name),
        ] {
            assert_eq!(read(&foreign, sort), Err(NotACursor::Foreign), "{foreign}");
        }
        // Who never signed in comes before all who did.
        let never = made_up(&format!(r#"{{"s":"lastLoginAt","k":null,"i":"{id}"}}"#));
        assert!(read(&never, MemberSort::LastLoginAt).is_ok());
    }
}
