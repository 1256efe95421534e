//! Passwords: their rules, and Argon2id to keep them.
//!
//! One hash takes 19 MiB and a core for tens of milliseconds. So that a flood of logins neither stops the runtime nor eats
//! the memory, hashing is done on threads of its own, as many at once as there are cores; the others wait.

use std::{
    num::NonZero,
    sync::{Arc, LazyLock},
    thread::available_parallelism,
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use ocore_domain::{Code, Problem};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// The fewest characters of a password.
pub const SHORTEST: usize = 8;
/// The most characters of a password.
pub const LONGEST: usize = 256;

/// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT: usize = 16;
const OUTPUT: usize = 32;

/// Compared with where there is nothing to compare with, so that it takes the same time. No password is known for it.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdC4uLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, NonZero::get);
    Arc::new(Semaphore::new(cores))
});

/// Whether the password may be chosen.
pub fn check(password: &SecretString) -> Result<(), Problem> {
    let password = password.expose_secret();
    let length = password.chars().count();
    let wrong = if length < SHORTEST {
        format!("is shorter than {SHORTEST} characters")
    } else if length > LONGEST {
        format!("is longer than {LONGEST} characters")
    } else if !password.chars().any(char::is_alphabetic) {
        "has no letter".to_owned()
    } else if !password.chars().any(char::is_numeric) {
        "has no digit".to_owned()
    } else {
        return Ok(());
    };
    Err(Problem::new(
        Code::InvalidRequest,
        format!("The password {wrong}"),
        format!("Choose one of {SHORTEST} to {LONGEST} characters with at least one letter and one digit."),
    ))
}

/// What is kept of a password that follows the rules: a PHC string with a salt of its own.
pub async fn hash(password: SecretString) -> Result<String, Problem> {
    check(&password)?;
    in_turn(move || {
        let salt: [u8; SALT] = rand::random();
        hasher()?
            .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(|error| Problem::internal(format!("a password could not be hashed: {error}")))
    })
    .await?
}

/// Whether this is the password that was kept. Without one (no such account, no password set) it is not, and finding
/// that out takes the same time.
pub async fn verify(password: SecretString, kept: Option<String>) -> bool {
    let verified = in_turn(move || {
        let known = kept.as_deref().and_then(|kept| PasswordHash::new(kept).ok());
        if kept.is_some() && known.is_none() {
            tracing::error!("the hash of a password is no PHC string; nobody can log in with it");
        }
        let is_known = known.is_some();
        let Some(hash) = known.or_else(|| PasswordHash::new(NOBODY).ok()) else {
            return false;
        };
        let Ok(hasher) = hasher() else { return false };
        // The parameters are those of the hash, be they of today or of long ago.
        let right = hasher.verify_password(password.expose_secret().as_bytes(), &hash);
        is_known && right.is_ok()
    });
    verified.await.unwrap_or(false)
}

/// Whether the hash was made with other parameters than those of today: then it is made anew at the next login.
pub fn needs_rehash(kept: &str) -> bool {
    let Ok(hash) = PasswordHash::new(kept) else {
        return true;
    };
    let is_current = hash.algorithm == Algorithm::Argon2id.ident()
        && hash.version == Some(Version::V0x13.into())
        && hash.salt.as_ref().is_some_and(|salt| salt.len() >= SALT)
        && Params::try_from(&hash).is_ok_and(|params| {
            params.m_cost() == MEMORY_KIB
                && params.t_cost() == PASSES
                && params.p_cost() == LANES
                && params.output_len() == Some(OUTPUT)
        });
    !is_current
}

fn hasher() -> Result<Argon2<'static>, Problem> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT)).map_err(Problem::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Does heavy work on a thread of its own when its turn has come. The turn lasts until the work is done, even if the
/// caller is gone by then.
async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let turn = TURNS
        .clone()
        .acquire_owned()
        .await
        .map_err(|_| Problem::internal("no password can be hashed any more"))?;
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    })
    .await
    .map_err(|_| Problem::internal("the hashing of a password ended early"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const GOOD: &str = "correct horse 4 battery";

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn the_rules_are_told_without_the_password() {
        let long = "a1".repeat(129);
        for (password, wrong) in [
            ("canary1", "shorter"),
            ("ünïcöd1", "shorter"),
            (long.as_str(), "longer"),
            ("1234567890", "no letter"),
            ("canarycanary", "no digit"),
        ] {
            let problem = check(&secret(password)).unwrap_err();
            assert_eq!(problem.code, Code::InvalidRequest);
            assert!(problem.detail.contains(wrong), "{problem}");
            assert!(!format!("{problem:?} {problem}").contains(password));
        }
        for password in ["canary12", "пароль12", &"a1".repeat(128), "  a      1"] {
            assert_eq!(check(&secret(password)), Ok(()));
        }
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let kept = hash(secret(GOOD)).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        let salt = kept.split('$').nth(4).unwrap();
        assert_eq!(salt.len(), 22, "16 bytes in base 64");
        assert!(!needs_rehash(&kept));
        assert!(verify(secret(GOOD), Some(kept.clone())).await);
        assert!(!verify(secret("correct horse 4 batterx"), Some(kept.clone())).await);
        assert_ne!(hash(secret(GOOD)).await.unwrap(), kept, "each has its own salt");
        assert!(hash(secret("short1")).await.is_err());
    }

    #[tokio::test]
    async fn a_hash_with_parameters_of_another_time_is_good_and_due() {
        // Made with Debian's `argon2 somesaltsomesalt -id -t 1 -m 12 -p 1 -e`.
        let old = "$argon2id$v=19$m=4096,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$vp+NObjWn1dwF3PfrGmnYUcqbwu1zoaEB3A9VJHzIVw";
        assert!(verify(secret(GOOD), Some(old.to_owned())).await);
        assert!(!verify(secret("correct horse 5 battery"), Some(old.to_owned())).await);
        assert!(needs_rehash(old));
        for kept in [
            "",
            "plain",
            "$argon2i$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdC4uLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=19456,t=3,p=1$bm9ib2R5J3Mgc2FsdC4uLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(needs_rehash(kept), "{kept}");
        }
    }

    #[tokio::test]
    async fn nobody_takes_as_long_as_somebody() {
        assert!(
            !needs_rehash(NOBODY),
            "it has the parameters of today, so it costs the same"
        );
        let kept = hash(secret(GOOD)).await.unwrap();
        // The quickest of some, for the machine may be busy with other things; more, until that is what they take.
        let [mut somebody, mut nobody, mut spoiled] = [Duration::MAX; 3];
        for round in 1..=60 {
            let begin = Instant::now();
            assert!(!verify(secret("wrong password 1"), Some(kept.clone())).await);
            somebody = somebody.min(begin.elapsed());
            let begin = Instant::now();
            assert!(!verify(secret(GOOD), None).await);
            nobody = nobody.min(begin.elapsed());
            let begin = Instant::now();
            assert!(!verify(secret(GOOD), Some("spoiled".to_owned())).await);
            spoiled = spoiled.min(begin.elapsed());
            let alike = [nobody, spoiled].iter().all(|other| {
                let ratio = other.as_secs_f64() / somebody.as_secs_f64();
                (0.7..1.4).contains(&ratio)
            });
            if round >= 5 && alike {
                return;
            }
        }
        panic!("somebody takes {somebody:?}, nobody {nobody:?}, a spoiled hash {spoiled:?}");
    }

    /// On a runtime of one thread nothing else would run if the hashing were done there.
    #[tokio::test]
    async fn a_flood_does_not_stop_the_runtime() {
        let flood: Vec<_> = (0..24)
            .map(|_| tokio::spawn(verify(secret(GOOD), None)))
            .collect();
        let mut ticks = 0;
        let mut fewest_free = usize::MAX;
        while flood.iter().any(|login| !login.is_finished()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
            fewest_free = fewest_free.min(TURNS.available_permits());
            ticks += 1;
        }
        assert_eq!(fewest_free, 0, "every turn was taken, and the rest waited");
        assert!(ticks > 10, "the runtime stood still: {ticks} ticks");
    }

    #[tokio::test]
    async fn who_gives_up_gives_the_turn_back() {
        for _ in 0..8 {
            let login = tokio::spawn(verify(secret(GOOD), None));
            tokio::time::sleep(Duration::from_millis(1)).await;
            login.abort();
        }
        let after = tokio::time::timeout(Duration::from_secs(30), hash(secret(GOOD)));
        assert!(after.await.unwrap().is_ok());
    }
}
