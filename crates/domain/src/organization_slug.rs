//! What an organization is called in headers and addresses.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Code, Problem};

/// Lower-case letters, digits and inner hyphens, 3 to 50 characters; one in the whole installation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 3, max_length = 50, pattern = "^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$")]
pub struct OrganizationSlug(String);

impl OrganizationSlug {
    /// The longest.
    pub const MAX: usize = 50;

    /// What stands in addresses for something else.
    const RESERVED: &[&str] = &["api", "admin", "www", "health"];

    /// What one must be, in words that follow its name.
    pub const RULE: &str = "must have 3 to 50 lower-case letters, digits and inner hyphens, and be none of api, admin, \
                            www and health";

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A slug made from a free name and, from 2 on, a number: `Acme & Sons` becomes `acme-sons`, then `acme-sons-2`. None
    /// when there is none with this number.
    pub fn from_name(name: &str, number: u32) -> Option<Self> {
        let mut slug = String::new();
        for c in name.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let end = if number < 2 {
            String::new()
        } else {
            format!("-{number}")
        };
        slug.truncate(Self::MAX - end.len());
        let slug = match slug.trim_end_matches('-') {
            "" => "organization",
            some => some,
        };
        format!("{slug}{end}").parse().ok()
    }
}

impl FromStr for OrganizationSlug {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let fits = (3..=Self::MAX).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !Self::RESERVED.contains(&text);
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem::new(
            Code::InvalidRequest,
            format!("The slug {}", Self::RULE),
            "Choose another slug.",
        ))
    }
}

impl TryFrom<String> for OrganizationSlug {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        text.parse()
    }
}

impl From<OrganizationSlug> for String {
    fn from(slug: OrganizationSlug) -> Self {
        slug.0
    }
}

impl fmt::Display for OrganizationSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str, number: u32) -> Option<String> {
        OrganizationSlug::from_name(name, number).map(String::from)
    }

    #[test]
    fn names_become_slugs() {
        assert_eq!(made("Acme & Sons", 1).as_deref(), Some("acme-sons"));
        assert_eq!(made("Acme & Sons", 2).as_deref(), Some("acme-sons-2"));
        assert_eq!(made("Zürich", 1).as_deref(), Some("z-rich"));
        assert_eq!(made("日本", 1).as_deref(), Some("organization"));
        assert_eq!(made(&"x".repeat(90), 1).map(|s| s.len()), Some(50));
        assert_eq!(made(&"x".repeat(90), 12345).map(|s| s.len()), Some(50));
        // Reserved and too short ones need a number.
        for (name, slug) in [("API", "api-2"), ("x", "x-2")] {
            assert_eq!(made(name, 1), None);
            assert_eq!(made(name, 2).as_deref(), Some(slug));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "ab",
            "-ab",
            "ab-",
            "a_b",
            "Abc",
            "a b",
            "éé1",
            "health",
            &"x".repeat(51),
        ] {
            assert!(text.parse::<OrganizationSlug>().is_err(), "{text:?}");
        }
        for text in ["abc", "1-2", "default"] {
            assert!(text.parse::<OrganizationSlug>().is_ok(), "{text:?}");
        }
    }
}
