//! Environment variables in a request.

use std::collections::BTreeMap;

use ocore_store::instances::Environment;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    checks::Checks,
    problem::{Answer, Failure},
};

/// The longest value in bytes.
const LONGEST: usize = 32 * 1024;
/// The most variables.
const MOST: usize = 200;

/// Set by oCore or by the image; another value would break the instance.
const RESERVED: &[&str] = &["HOST", "PORT", "USER", "PASSWORD", "ODOO_RC", "HOME", "PATH"];

/// Checks the variables of a new instance.
pub(super) fn check<'a>(
    checks: &mut Checks,
    variables: impl IntoIterator<Item = (&'a String, Option<&'a SecretString>)>,
) {
    let mut count = 0;
    for (name, value) in variables {
        count += 1;
        let field = format!("envVars.{name}");
        checks.that(
            is_name(name),
            "envVars",
            "must have names of letters, digits and underscores, not beginning with a digit",
        );
        let reserved = RESERVED.contains(&name.as_str()) || name.starts_with("PG");
        checks.that(!reserved, &field, "is reserved");
        let fits = |value: &SecretString| {
            value.expose_secret().len() <= LONGEST && !value.expose_secret().contains('\0')
        };
        checks.that(
            value.is_none_or(fits),
            &field,
            "must have at most 32768 bytes, none of them 0",
        );
    }
    checks.that(count <= MOST, "envVars", "must be at most 200");
}

fn is_name(name: &str) -> bool {
    name.len() <= 200
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The variables that a change asks for: null keeps a value, a name that is left out is removed.
pub(super) fn changed(
    wanted: BTreeMap<String, Option<SecretString>>,
    before: &Environment,
) -> Answer<Environment> {
    let mut checks = Checks::default();
    check(
        &mut checks,
        wanted.iter().map(|(name, value)| (name, value.as_ref())),
    );
    for (name, value) in &wanted {
        let known = value.is_some() || before.contains_key(name);
        checks.that(
            known,
            &format!("envVars.{name}"),
            "is null, which keeps a value, and has none yet",
        );
    }
    checks.done()?;
    let kept = |(name, value): (String, Option<SecretString>)| {
        let value = value.or_else(|| before.get(&name).cloned());
        value
            .map(|value| (name, value))
            .ok_or_else(|| Failure::field("envVars", "must have values"))
    };
    wanted.into_iter().map(kept).collect()
}

/// Whether two environments are the same.
pub(super) fn same(a: &Environment, b: &Environment) -> bool {
    let values = |e: &Environment| -> Vec<(String, String)> {
        e.iter()
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect()
    };
    values(a) == values(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(name: &str, value: &str) -> String {
        let mut checks = Checks::default();
        check(&mut checks, [(&name.to_owned(), Some(&value.into()))]);
        checks
            .done()
            .err()
            .map(|failure| format!("{failure:?}"))
            .unwrap_or_default()
    }

    #[test]
    fn names_and_values_are_checked() {
        for good in ["A", "_a1", "SMTP_PASSWORD", "HOSTNAME", "odoo_pg"] {
            assert_eq!(faults(good, "x"), "", "{good}");
        }
        for bad in [
            "",
            "1A",
            "A-B",
            "A B",
            "É",
            "A=B",
            "HOST",
            "PASSWORD",
            "PATH",
            "PGHOST",
            "PG",
            &"x".repeat(201),
        ] {
            assert!(faults(bad, "canary").contains("envVars"), "{bad}");
            assert!(!faults(bad, "canary").contains("canary"));
        }
        assert!(faults("A", "a\0b").contains("envVars.A"));
        assert!(faults("A", &"x".repeat(LONGEST + 1)).contains("envVars.A"));
        assert_eq!(faults("A", &"x".repeat(LONGEST)), "");
    }

    #[test]
    fn null_keeps_and_absence_removes() {
        let before: Environment = [("KEPT".to_owned(), "1".into()), ("GONE".to_owned(), "2".into())].into();
        let wanted = [("KEPT".to_owned(), None), ("NEW".to_owned(), Some("3".into()))].into();
        let after = changed(wanted, &before).unwrap();
        let expected: Environment = [("KEPT".to_owned(), "1".into()), ("NEW".to_owned(), "3".into())].into();
        assert!(same(&after, &expected) && !same(&after, &before));
        let unknown = [("OTHER".to_owned(), None)].into();
        assert!(format!("{:?}", changed(unknown, &before)).contains("envVars.OTHER"));
    }
}
