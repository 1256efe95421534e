//! How backups are encrypted: by age, to public keys or with a passphrase.

use std::{
    fmt, fs,
    io::{Read, Write},
    iter,
    path::Path,
    str::FromStr,
};

use age::{Decryptor, Encryptor, Identity, scrypt, stream, x25519};
use anyhow::{Context, bail, ensure};
use secrecy::{ExposeSecret, SecretString};

use crate::config::Backup;

/// A shorter passphrase can be guessed by whoever has the file.
const SHORTEST: usize = 16;
/// The variable with a passphrase.
const VARIABLE: &str = "OCORE_BACKUP_PASSPHRASE";

/// A public key.
#[derive(Clone)]
pub(crate) struct Recipient(x25519::Recipient);

impl FromStr for Recipient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("AGE-SECRET-KEY-") {
            // Not repeated: it was to be kept elsewhere.
            return Err("that is a secret key; the public one begins with `age1`".to_owned());
        }
        let parsed = text.parse().map(Self);
        parsed.map_err(|why| format!("it is no public key such as `ocore backup key` makes ({why})"))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A passphrase that is long enough.
#[derive(Clone, Debug)]
pub(crate) struct Passphrase(SecretString);

impl FromStr for Passphrase {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let length = text.chars().count();
        if length < SHORTEST {
            return Err(format!("it has {length} characters, and {SHORTEST} are needed"));
        }
        Ok(Self(text.into()))
    }
}

/// The first line of a file.
fn passphrase(path: &Path) -> anyhow::Result<Passphrase> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let line = text.lines().next().unwrap_or_default();
    line.parse()
        .map_err(|why: String| anyhow::anyhow!("{} holds no passphrase: {why}", path.display()))
}

/// A secret key and its public one.
pub(crate) fn generate() -> (SecretString, String) {
    let identity = x25519::Identity::generate();
    let public = identity.to_public().to_string();
    (identity.to_string().expose_secret().to_owned().into(), public)
}

/// What a backup is closed with.
#[derive(Clone, Debug)]
pub(crate) enum Seal {
    /// Whoever has one of the secret keys opens it; this machine need not.
    Recipients(Vec<Recipient>),
    /// Whoever knows it opens it.
    Passphrase(Passphrase),
}

impl Seal {
    /// What was asked for, else what is configured.
    pub(crate) fn of(
        config: &Backup,
        recipients: Vec<Recipient>,
        file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        if !recipients.is_empty() {
            return Ok(Self::Recipients(recipients));
        }
        if let Some(file) = file {
            return Ok(Self::Passphrase(passphrase(file)?));
        }
        Self::configured(config).context(
            "a backup is encrypted, and nothing says how: set OCORE_BACKUP_RECIPIENTS to a public key (`ocore backup key` \
             makes a pair), or OCORE_BACKUP_PASSPHRASE to a passphrase, or give --recipient or --passphrase-file",
        )
    }

    /// What is configured.
    pub(crate) fn configured(config: &Backup) -> Option<Self> {
        if !config.recipients.is_empty() {
            return Some(Self::Recipients(config.recipients.clone()));
        }
        config.passphrase.clone().map(Self::Passphrase)
    }

    /// The public keys; of a passphrase nothing is told.
    pub(crate) fn told(&self) -> Vec<String> {
        match self {
            Self::Recipients(recipients) => recipients.iter().map(ToString::to_string).collect(),
            Self::Passphrase(_) => Vec::new(),
        }
    }

    /// Encrypts what is written to it. It has to be finished.
    pub(crate) fn close<W: Write>(&self, output: W) -> anyhow::Result<stream::StreamWriter<W>> {
        let encryptor = match self {
            Self::Recipients(recipients) => {
                Encryptor::with_recipients(recipients.iter().map(|recipient| &recipient.0 as _))
                    .context("the backup cannot be encrypted to these keys")?
            }
            Self::Passphrase(passphrase) => Encryptor::with_user_passphrase(passphrase.0.clone()),
        };
        Ok(encryptor.wrap_output(output)?)
    }
}

/// What opens backups.
pub(crate) enum Identities {
    Keys(Vec<x25519::Identity>),
    Passphrase(Box<scrypt::Identity>),
}

impl Identities {
    /// From a file with secret keys, from one with a passphrase, or from the environment.
    pub(crate) fn read(keys: Option<&Path>, phrase: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(path) = keys {
            let text =
                fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
            return Self::of_keys(&text).with_context(|| {
                format!(
                    "{} holds no secret key such as `ocore backup key` makes",
                    path.display()
                )
            });
        }
        let passphrase = match phrase {
            Some(path) => passphrase(path)?,
            None => match std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()) {
                Some(text) => text
                    .parse()
                    .map_err(|why: String| anyhow::anyhow!("{VARIABLE}: {why}"))?,
                None => bail!(
                    "nothing says what opens the backup: give --identity FILE with the secret key, or --passphrase-file FILE"
                ),
            },
        };
        Ok(Self::Passphrase(Box::new(scrypt::Identity::new(passphrase.0))))
    }

    /// One in each line; what begins with `#` says something of them.
    fn of_keys(text: &str) -> anyhow::Result<Self> {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        // Nothing of a line is repeated.
        let keys: Result<Vec<x25519::Identity>, _> = lines.map(str::parse).collect();
        let keys = keys.map_err(|why: &str| anyhow::anyhow!("a line is none: {why}"))?;
        ensure!(!keys.is_empty(), "there is none in it");
        Ok(Self::Keys(keys))
    }

    /// Decrypts what is read from it. What was changed or cut off is an error when it is come to.
    pub(crate) fn open<R: Read>(&self, input: R) -> anyhow::Result<stream::StreamReader<R>> {
        let decryptor = Decryptor::new(input)
            .context("it is no backup of oCore, or it was cut off at its very beginning")?;
        let opened = match (self, decryptor.is_scrypt()) {
            (Self::Keys(_), true) => bail!("the backup is opened by a passphrase: give --passphrase-file"),
            (Self::Passphrase(_), false) => bail!("the backup is opened by a secret key: give --identity"),
            (Self::Keys(keys), false) => decryptor.decrypt(keys.iter().map(|key| key as &dyn Identity)),
            (Self::Passphrase(identity), true) => decryptor.decrypt(iter::once(&**identity as &dyn Identity)),
        };
        opened.map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => {
                anyhow::anyhow!("the backup is not for this key: another opens it")
            }
            age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
                anyhow::anyhow!("this does not open the backup: the passphrase or key is another")
            }
            other => anyhow::anyhow!("the backup cannot be opened: {other}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(seal: &Seal) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = seal.close(&mut file).unwrap();
        writer.write_all(b"canary").unwrap();
        writer.finish().unwrap();
        assert!(!file.windows(6).any(|part| part == b"canary"));
        file
    }

    fn open(identities: &Identities, file: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut text = Vec::new();
        identities.open(file)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn each_of_the_keys_opens_and_no_other() {
        let pairs = [generate(), generate(), generate()];
        let public = |i: usize| pairs[i].1.parse::<Recipient>().unwrap();
        let file = closed(&Seal::Recipients(vec![public(0), public(1)]));
        let with = |i: usize| Identities::of_keys(pairs[i].0.expose_secret()).unwrap();
        assert_eq!(open(&with(0), &file).unwrap(), b"canary");
        assert_eq!(open(&with(1), &file).unwrap(), b"canary");
        let refused = open(&with(2), &file).unwrap_err().to_string();
        assert!(refused.contains("not for this key"), "{refused}");
        // A byte that was changed, and an end that is missing.
        let mut changed = file.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(open(&with(0), &changed).is_err() && open(&with(0), &file[..file.len() - 1]).is_err());
    }

    #[test]
    fn a_passphrase_opens_and_is_long_enough() {
        let of = |text: &str| text.parse::<Passphrase>();
        assert!(of("too short").unwrap_err().contains("9 characters"));
        let file = closed(&Seal::Passphrase(of("correct horse battery").unwrap()));
        let with = |text: &str| Identities::Passphrase(Box::new(scrypt::Identity::new(of(text).unwrap().0)));
        assert_eq!(open(&with("correct horse battery"), &file).unwrap(), b"canary");
        let refused = open(&with("correct horse batterx"), &file)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("another"), "{refused}");
    }

    #[test]
    fn a_secret_key_is_not_taken_for_a_public_one_and_not_repeated() {
        let (secret, _) = generate();
        let refused = secret.expose_secret().parse::<Recipient>().unwrap_err();
        assert!(refused.contains("secret key") && !refused.contains(secret.expose_secret()));
    }
}
