//! Enums whose values are words: in the database, in answers, and on the command line.

/// Defines such an enum: its words, all its values, and the way from a word to a value and back.
///
/// A word is matched as a token tree and not as a literal: what describes the API does not see through the group in
/// which a literal is passed on, and would tell the values' names instead of their words.
macro_rules! words {
    ($(#[$of_type:meta])+ pub enum $name:ident {
        $($(#[$of_value:meta])+ $value:ident = $word:tt),+ $(,)?
    }) => {
        // First, so that the type's own attributes may speak to them.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text"))]
        $(#[$of_type])+
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

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use crate::operation::OperationState;

    #[test]
    fn a_word_is_the_same_everywhere() {
        let words: Vec<&str> = OperationState::ALL.iter().map(|state| state.as_str()).collect();
        let words = serde_json::json!(words);
        assert_eq!(words[4], "rolled_back");
        assert_eq!(serde_json::to_value(OperationState::ALL).unwrap(), words);
        let described = serde_json::to_value(OperationState::schema()).unwrap();
        assert_eq!(described["enum"], words);
        for &state in OperationState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("rolledback".parse::<OperationState>().is_err());
    }
}
