//! Enums whose values are words: in the database, in answers, and on the command line.

/// Defines such an enum: its words, all its values, and the way from a word to a value and back.
macro_rules! words {
    ($(#[$of_type:meta])+ pub enum $name:ident {
        $($(#[$of_value:meta])+ $value:ident = $word:literal),+ $(,)?
    }) => {
        $(#[$of_type])+
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text"))]
        pub enum $name {
            $($(#[$of_value])+ #[serde(rename = $word)] #[cfg_attr(feature = "sqlx", sqlx(rename = $word))] $value),+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The word as it stands in the database and in answers.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$value),)+
                    _ => Err(format!("`{text}` is none of: {}", [$($word),+].join(", "))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;
