//! Names that other systems accept: containers, databases, host names.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Code, Problem};

/// Lower-case letters, digits and inner hyphens, 2 to 40 characters, a letter first.
///
/// The bound keeps every name derived from it (`ocore-<slug>-…`, `odoo_<slug>`) under PostgreSQL's and DNS's
/// limit of 63.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z][a-z0-9-]{0,38}[a-z0-9]$")]
pub struct Slug(String);

impl Slug {
    /// The longest slug.
    pub const MAX: usize = 40;

    /// What would be named like a part of oCore itself on the server: its PostgreSQL.
    const RESERVED: &str = "postgres";

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A slug made from a free name, as far as one can be: `Acme & Sons` becomes `acme-sons`.
    pub fn from_name(name: &str) -> Result<Self, Problem> {
        let mut slug = String::new();
        for c in name.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(Self::MAX);
        slug.trim_end_matches('-').parse()
    }
}

impl FromStr for Slug {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (2..=Self::MAX).contains(&text.len())
            && text.chars().all(inner)
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-');
        if text == Self::RESERVED {
            return Err(Problem::new(
                Code::InvalidRequest,
                format!("`{text}` cannot be a slug: oCore's own PostgreSQL is named so on each server"),
                "Choose another name.",
            ));
        }
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem::new(
            Code::InvalidRequest,
            format!("`{text}` cannot be a slug"),
            "Use 2 to 40 lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen.",
        ))
    }
}

impl TryFrom<String> for Slug {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        text.parse()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        for (name, slug) in [
            ("Acme & Sons", "acme-sons"),
            ("  prod  19 ", "prod-19"),
            ("A1", "a1"),
        ] {
            assert_eq!(Slug::from_name(name).unwrap().as_str(), slug);
        }
        assert_eq!(
            Slug::from_name(&"x".repeat(90)).unwrap().as_str().len(),
            Slug::MAX
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "a",
            "1a",
            "-a",
            "a-",
            "a_b",
            "A",
            "a b",
            "é1",
            "a;drop",
            "postgres",
            &"x".repeat(41),
        ] {
            assert_eq!(
                text.parse::<Slug>().unwrap_err().code,
                Code::InvalidRequest,
                "{text:?}"
            );
        }
    }
}
