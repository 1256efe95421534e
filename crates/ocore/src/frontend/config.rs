//! The configuration of `ocore frontend`: a few of the variables of `ocore serve`, and where the API is.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::config::{Faults, LogFormat, Reader, environment};

/// Everything `ocore frontend` can be told.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where it listens.
    pub(super) listen: SocketAddr,
    /// Where this process reaches the API.
    pub(super) api_url: String,
    /// Whether people reach oCore by https.
    pub(super) is_https: bool,
    /// What is logged.
    pub(super) log: String,
    /// How it is written.
    pub(super) log_format: LogFormat,
}

impl Config {
    /// The configuration in this process's environment.
    pub(crate) fn from_environment() -> Result<Self, Faults> {
        Self::from_variables(environment())
    }

    fn from_variables(variables: BTreeMap<String, String>) -> Result<Self, Faults> {
        let mut read = Reader::new(variables);
        let development = read.text("ENVIRONMENT").is_some_and(|text| text == "development");
        let (log, log_format) = read.log(development);
        // Read both, so that a fault in either is told.
        let (own, public) = (read.origin("OCORE_API_URL"), read.origin("NEXT_PUBLIC_API_URL"));
        let api_url = own.or(public).unwrap_or_else(|| {
            read.fault(
                "OCORE_API_URL",
                "is not set",
                "Set it to where this process reaches `ocore serve`, for example http://backend:8080.",
            );
            String::new()
        });
        let config = Self {
            listen: read.listen(3000),
            api_url,
            is_https: read
                .origin("APP_URL")
                .is_some_and(|url| url.starts_with("https:")),
            log,
            log_format,
        };
        read.end(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Config::from_variables(variables).map_err(|faults| faults.to_string())
    }

    #[test]
    fn the_api_is_found_by_either_name_and_ours_comes_first() {
        let config = of(&[
            ("OCORE_API_URL", "http://backend:8080/"),
            ("NEXT_PUBLIC_API_URL", "https://ocore.example.com"),
            ("APP_URL", "https://ocore.example.com"),
        ])
        .unwrap();
        assert_eq!(config.api_url, "http://backend:8080");
        assert!(config.is_https);
        assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
        let config = of(&[("NEXT_PUBLIC_API_URL", "https://ocore.example.com")]).unwrap();
        assert_eq!(config.api_url, "https://ocore.example.com");
        assert!(!config.is_https);
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_at_once() {
        let faults = of(&[("OCORE_LISTEN", "everywhere")]).unwrap_err();
        assert!(
            faults.contains("2 faults") && faults.contains("OCORE_API_URL is not set"),
            "{faults}"
        );
        let faults = of(&[("OCORE_API_URL", "http://backend:8080/api")]).unwrap_err();
        assert!(faults.contains("OCORE_API_URL is not the address"), "{faults}");
    }
}
