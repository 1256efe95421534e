//! The versions of Odoo that oCore knows, and what differs between them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A major version of Odoo.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
pub enum Version {
    /// 17.0, of October 2023.
    #[serde(rename = "17.0", alias = "17")]
    V17,
    /// 18.0, of October 2024.
    #[serde(rename = "18.0", alias = "18")]
    V18,
    /// 19.0, of September 2025.
    #[default]
    #[serde(rename = "19.0", alias = "19")]
    V19,
    /// 20.0, of September 2026.
    #[serde(rename = "20.0", alias = "20")]
    V20,
}

impl Version {
    /// Every version, oldest first.
    pub const ALL: &'static [Self] = &[Self::V17, Self::V18, Self::V19, Self::V20];

    /// The version's first number.
    pub const fn major(self) -> u32 {
        match self {
            Self::V17 => 17,
            Self::V18 => 18,
            Self::V19 => 19,
            Self::V20 => 20,
        }
    }

    /// The version as Odoo writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V17 => "17.0",
            Self::V18 => "18.0",
            Self::V19 => "19.0",
            Self::V20 => "20.0",
        }
    }

    /// The official image.
    pub fn default_image(self) -> String {
        format!("odoo:{}", self.major())
    }

    /// The oldest PostgreSQL it runs on.
    pub const fn min_postgres(self) -> u32 {
        match self {
            Self::V17 | Self::V18 => 12,
            Self::V19 => 13,
            Self::V20 => 16,
        }
    }

    /// What keeps demonstration data out of a new database; from 19.0 on it stays out by itself.
    pub const fn demo_off_arguments(self) -> &'static [&'static str] {
        match self {
            Self::V17 | Self::V18 => &["--without-demo=all"],
            Self::V19 | Self::V20 => &[],
        }
    }

    /// Whether its health page can be asked to look at PostgreSQL too.
    pub const fn health_reports_database(self) -> bool {
        matches!(self, Self::V19 | Self::V20)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let major = text.strip_suffix(".0").unwrap_or(text);
        Self::ALL
            .iter()
            .copied()
            .find(|version| version.as_str().strip_suffix(".0") == Some(major))
            .ok_or_else(|| {
                let known: Vec<_> = Self::ALL.iter().map(|version| version.as_str()).collect();
                format!(
                    "`{text}` is none of the versions of Odoo known here: {}",
                    known.join(", ")
                )
            })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_understood() {
        for &version in Version::ALL {
            assert_eq!(version.to_string().parse(), Ok(version));
            assert_eq!(version.major().to_string().parse(), Ok(version));
            let json = serde_json::to_value(version).unwrap();
            assert_eq!(json, version.as_str());
            assert_eq!(serde_json::from_value::<Version>(json).unwrap(), version);
            assert_eq!(
                serde_json::from_value::<Version>(version.major().to_string().into()).unwrap(),
                version
            );
        }
        assert_eq!(Version::default().default_image(), "odoo:19");
    }

    #[test]
    fn other_versions_are_refused() {
        for text in ["", "16.0", "19.1", "19.0.0", "19.0 ", "saas-18.3", ".0"] {
            let error = text.parse::<Version>().unwrap_err();
            assert!(error.contains("17.0, 18.0, 19.0, 20.0"), "{error}");
        }
    }
}
