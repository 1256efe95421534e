//! Options that take one of a few words, so that the shell can complete them and `--help` lists them.

use std::{error::Error, fmt::Display, str::FromStr};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use ocore_domain::access::Permission;

/// One of these words.
pub(crate) fn one_of<T>(all: &[T]) -> impl TypedValueParser<Value = T> + use<T>
where
    T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>> + Display + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.iter().map(ToString::to_string)).try_map(|text| text.parse::<T>())
}

/// A permission.
pub(crate) fn permission() -> impl TypedValueParser<Value = Permission> {
    one_of(&Permission::all().collect::<Vec<_>>())
}
