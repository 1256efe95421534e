//! What a process does of all that there is to do: any number may share one database, and not all need do everything.

use std::{fmt, str::FromStr};

/// Which parts of the work a process does. All, unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// It answers requests, and serves the dashboard. Without it, it tells how it does, and nothing else.
    pub api: bool,
    /// It takes up operations, and brings messages to people.
    pub worker: bool,
    /// It may lead.
    pub leader: bool,
}

impl Default for Roles {
    fn default() -> Self {
        Self {
            api: true,
            worker: true,
            leader: true,
        }
    }
}

impl Roles {
    /// What each is called, and whether it is one of these.
    const fn each(self) -> [(&'static str, bool); 3] {
        [
            ("api", self.api),
            ("worker", self.worker),
            ("leader", self.leader),
        ]
    }

    /// What they are called.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.each()
            .into_iter()
            .filter_map(|(name, is)| is.then_some(name))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(","))
    }
}

/// Names with commas between them, each once, and at least one.
impl FromStr for Roles {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut roles = Self {
            api: false,
            worker: false,
            leader: false,
        };
        for name in text.split(',') {
            let role = match name.trim() {
                "api" => &mut roles.api,
                "worker" => &mut roles.worker,
                "leader" => &mut roles.leader,
                _ => return Err(()),
            };
            if std::mem::replace(role, true) {
                return Err(());
            }
        }
        Ok(roles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_named_once_each() {
        assert_eq!("leader, worker,api".parse(), Ok(Roles::default()));
        let api: Roles = "api".parse().unwrap();
        assert!(api.api && !api.worker && !api.leader);
        assert_eq!(Roles::default().to_string(), "api,worker,leader");
        for wrong in ["", "api,", "api,api", "API", "web"] {
            assert_eq!(wrong.parse::<Roles>(), Err(()), "{wrong}");
        }
    }
}
