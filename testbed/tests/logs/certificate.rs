//! A certificate and the authority that vouches for it.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

/// Where they are, for as long as this is kept.
pub(crate) struct Papers {
    _folder: TempDir,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) authority: PathBuf,
}

/// For an address, and for this machine's own.
pub(crate) fn made_for(address: &str) -> Papers {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let openssl = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    fs::write(at("names"), format!("subjectAltName=IP:{address},IP:127.0.0.1\n")).unwrap();
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout authority.key -out authority.pem",
    );
    openssl("req -newkey rsa:2048 -nodes -subj /CN=receiver -keyout receiver.key -out receiver.csr");
    openssl(
        "x509 -req -in receiver.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names -out receiver.pem",
    );
    Papers {
        certificate: at("receiver.pem"),
        key: at("receiver.key"),
        authority: at("authority.pem"),
        _folder: folder,
    }
}
