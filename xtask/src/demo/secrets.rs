//! The demonstration's secrets: made once, kept for their owner only.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// What is kept.
pub(crate) struct Secrets {
    /// Signs sessions.
    pub(crate) jwt: String,
    /// Seals what the database holds of servers' secrets.
    pub(crate) encryption_key: String,
    /// Of Odoo's administrator.
    pub(crate) admin_password: String,
    /// Where that password is.
    pub(crate) admin_password_file: PathBuf,
}

impl Secrets {
    /// Those in a folder; what is not there yet is made.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        let admin_password_file = folder.join("demo-admin-password");
        Ok(Self {
            jwt: kept(&folder.join("demo-jwt-secret"), 40)?,
            encryption_key: kept(&folder.join("demo-ssh-encryption-key"), 40)?,
            admin_password: kept(&admin_password_file, 16)?,
            admin_password_file,
        })
    }
}

fn kept(file: &Path, length: usize) -> Result<String> {
    if let Ok(secret) = fs::read_to_string(file) {
        return Ok(secret.trim().to_owned());
    }
    let letters = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = rand::random_iter::<u8>()
        .take(length)
        .map(|byte| char::from(letters[usize::from(byte % 32)]));
    // oCore's own accounts ask for a letter and a digit.
    let secret: String = random.chain(['a', '2']).collect();
    let mut new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("could not make {}", file.display()))?;
    writeln!(new, "{secret}")?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn are_made_once_and_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let first = Secrets::in_folder(folder.path()).unwrap();
        let second = Secrets::in_folder(folder.path()).unwrap();
        assert_eq!(first.jwt, second.jwt);
        assert_ne!(first.jwt, first.encryption_key);
        assert!(first.jwt.len() >= 32 && first.encryption_key.len() >= 32);
        let mode = fs::metadata(&first.admin_password_file)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
