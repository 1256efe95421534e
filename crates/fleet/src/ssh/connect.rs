//! Connecting: who is there, and whether it lets us in.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ocore_domain::{Code, Problem};
use russh::{
    MethodKind, MethodSet,
    client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse},
    keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKey, decode_secret_key},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::{Access, Credential, ExpectedKey, HostKey};

/// How long the server may take to answer the call, and again to let us in.
const LIMIT: Duration = Duration::from_secs(10);

/// Sees the server's key before anything is said to it.
pub(crate) struct Watch {
    expected: ExpectedKey,
    shown: Arc<Mutex<Option<PublicKey>>>,
}

impl client::Handler for Watch {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        // A host certificate is no use to somebody who pins keys.
        let russh::keys::PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Ok(false);
        };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        Ok(self.expected.is(&HostKey(key.clone())))
    }
}

pub(super) async fn connect(access: &Access) -> Result<(Handle<Watch>, HostKey), Problem> {
    let credential = Opened::new(&access.credential)?;
    let stream = dial(access).await?;
    let shown = Arc::new(Mutex::new(None));
    let watch = Watch {
        expected: access.host_key.clone(),
        shown: shown.clone(),
    };
    let connected = timeout(
        LIMIT,
        client::connect_stream(Arc::new(config(access)), stream, watch),
    )
    .await;
    let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let place = format!("{}:{}", access.host, access.port);
    let mut connection = match connected {
        Ok(Ok(connection)) => connection,
        Ok(Err(_))
            if shown.is_none()
                && let Some(said) = said_instead(access).await =>
        {
            return Err(protocol(&place, &format!("it says `{said}`")));
        }
        Ok(Err(error)) => return Err(no_connection(access, shown, &place, &error.to_string())),
        Err(_) => return Err(no_connection(access, None, &place, "no answer in time")),
    };
    let key = shown
        .map(HostKey)
        .ok_or_else(|| Problem::internal("the server showed no key"))?;
    let let_in = timeout(LIMIT, credential.present(&mut connection, &access.user)).await;
    match let_in {
        Ok(Ok(Ok(()))) => Ok((connection, key)),
        Ok(Ok(Err(ways))) => {
            let ways: Vec<&str> = ways.iter().map(Into::into).collect();
            Err(Problem::new(
                Code::SshAuthFailed,
                format!(
                    "{place} does not let {} in with this {}; it accepts: {}",
                    access.user,
                    credential.name(),
                    if ways.is_empty() {
                        "nothing more".to_owned()
                    } else {
                        ways.join(", ")
                    }
                ),
                "Check user, key or password; a key's public half belongs into ~/.ssh/authorized_keys of that user.",
            ))
        }
        Ok(Err(error)) => Err(protocol(&place, &error.to_string())),
        Err(_) => Err(protocol(&place, "it did not answer the log-in in time")),
    }
}

fn config(access: &Access) -> client::Config {
    let mut config = client::Config {
        nodelay: true,
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 3,
        window_size: 8 << 20,
        ..client::Config::default()
    };
    // Ask for the kind of key that is pinned: a server has several, and would show its favourite.
    if let ExpectedKey::Pinned(key) = &access.host_key {
        let algorithm = key.0.algorithm();
        let mut order = config.preferred.key.to_vec();
        order.sort_by_key(|offered| !same_kind(offered, &algorithm));
        config.preferred.key = order.into();
    } else {
        // The first key is pinned: prefer the kind that operators compare most.
        let mut order = config.preferred.key.to_vec();
        order.sort_by_key(|offered| *offered != russh::keys::Algorithm::Ed25519);
        config.preferred.key = order.into();
    }
    config
}

fn same_kind(a: &russh::keys::Algorithm, b: &russh::keys::Algorithm) -> bool {
    a == b || (a.clone().is_rsa() && b.clone().is_rsa())
}

async fn dial(access: &Access) -> Result<TcpStream, Problem> {
    let place = format!("{}:{}", access.host, access.port);
    let unknown = |why: String| {
        Problem::new(
            Code::SshHostUnknown,
            format!("The host {} is not known: {why}", access.host),
            "Check the name for typing mistakes, or give the address.",
        )
    };
    let looked_up = timeout(LIMIT, lookup_host((access.host.as_str(), access.port))).await;
    let addresses = match looked_up.map_err(|_| "no answer".to_owned()) {
        Ok(Ok(addresses)) => addresses,
        // Once it was known, so it is the way to who knows names that is cut.
        Ok(Err(_)) | Err(_) if matches!(access.host_key, ExpectedKey::Pinned(_)) => {
            return Err(unreachable(&place, "its name cannot be looked up now"));
        }
        Ok(Err(error)) => return Err(unknown(error.to_string())),
        Err(why) => return Err(unknown(why)),
    };
    let mut last = "it has no address".to_owned();
    for address in addresses {
        match timeout(LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = format!("no answer within {} s", LIMIT.as_secs()),
        }
    }
    Err(unreachable(&place, &last))
}

fn unreachable(place: &str, why: &str) -> Problem {
    Problem::new(
        Code::SshUnreachable,
        format!("{place} cannot be reached: {why}"),
        "Check that the server runs, that sshd listens on that port, and that no firewall is between.",
    )
}

/// What somebody says who is no SSH server; asked only after a connection has failed.
async fn said_instead(access: &Access) -> Option<String> {
    let mut stream = dial(access).await.ok()?;
    let mut said = vec![0; 80];
    let asked = async {
        stream.write_all(b"SSH-2.0-oCore\r\n").await.ok()?;
        stream.read(&mut said).await.ok()
    };
    let length = timeout(Duration::from_secs(2), asked).await.ok()??;
    let said = String::from_utf8_lossy(&said[..length]);
    let first: String = said.lines().next()?.chars().filter(|c| !c.is_control()).collect();
    // sshd says so itself when it has too many connections.
    let sshd = ["SSH-", "Exceeded MaxStartups", "Not allowed at this time"];
    (!sshd.iter().any(|word| first.starts_with(word))).then_some(first)
}

fn no_connection(access: &Access, shown: Option<PublicKey>, place: &str, why: &str) -> Problem {
    let Some(shown) = shown.map(HostKey).filter(|shown| !access.host_key.is(shown)) else {
        return protocol(place, why);
    };
    let expected = match &access.host_key {
        ExpectedKey::Pinned(key) => format!("{} is pinned", key.fingerprint()),
        ExpectedKey::Fingerprint(fingerprint) => format!("{fingerprint} is expected"),
        ExpectedKey::Any => return protocol(place, why),
    };
    Problem::new(
        Code::SshHostKeyChanged,
        format!(
            "{place} shows the host key {}, and {expected}",
            shown.fingerprint()
        ),
        "If the server was reinstalled, compare the fingerprint there (ssh-keygen -lf) and validate again naming it. \
         If not, somebody may be in between: do not go on.",
    )
}

fn protocol(place: &str, why: &str) -> Problem {
    // A connection that breaks while it is being made is a server that is going or coming.
    if [
        "Disconnect",
        "HUP",
        "reset",
        "Broken pipe",
        "EOF",
        "timed out",
        "in time",
    ]
    .iter()
    .any(|word| why.contains(word))
    {
        return Problem::new(
            Code::SshUnreachable,
            format!("{place} broke off while the connection was being made: {why}"),
            "Check that sshd there is well and does not limit connections (MaxStartups), then retry.",
        );
    }
    Problem::new(
        Code::SshProtocol,
        format!("{place} answers, but not as an SSH server oCore can speak with: {why}"),
        "Check host and port; an sshd older than OpenSSH 7 has no algorithm in common.",
    )
}

/// A credential made ready, so that a key that cannot be read is told before anybody is called.
enum Opened {
    Key(Arc<PrivateKey>),
    Password(SecretString),
}

impl Opened {
    fn new(credential: &Credential) -> Result<Self, Problem> {
        match credential {
            Credential::Local => Err(Problem::internal("this machine needs no SSH")),
            Credential::Password(password) => Ok(Self::Password(password.clone())),
            Credential::Key {
                private_key,
                passphrase,
            } => open_key(private_key, passphrase.as_ref()).map(|key| Self::Key(Arc::new(key))),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Password(_) => "password",
        }
    }

    /// Presents it; answers by which ways the server would let somebody in, if not by this.
    async fn present(
        &self,
        connection: &mut Handle<Watch>,
        user: &str,
    ) -> Result<Result<(), MethodSet>, russh::Error> {
        let answer = match self {
            Self::Key(key) => {
                // The server is asked for this only where it matters: some do not answer, and that costs a second.
                let hash = if key.algorithm().is_rsa() {
                    connection.best_supported_rsa_hash().await?.flatten()
                } else {
                    None
                };
                let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
                connection.authenticate_publickey(user, key).await?
            }
            Self::Password(password) => {
                connection
                    .authenticate_password(user, password.expose_secret())
                    .await?
            }
        };
        match (answer, self) {
            (AuthResult::Success, _) => Ok(Ok(())),
            (
                AuthResult::Failure {
                    remaining_methods, ..
                },
                Self::Password(password),
            ) if remaining_methods.contains(&MethodKind::KeyboardInteractive) => {
                let let_in = answer_prompts(connection, user, password).await?;
                Ok(if let_in { Ok(()) } else { Err(remaining_methods) })
            }
            (
                AuthResult::Failure {
                    remaining_methods, ..
                },
                _,
            ) => Ok(Err(remaining_methods)),
        }
    }
}

/// Some servers ask for the password as a question instead.
async fn answer_prompts(
    connection: &mut Handle<Watch>,
    user: &str,
    password: &SecretString,
) -> Result<bool, russh::Error> {
    let mut asked = connection
        .authenticate_keyboard_interactive_start(user, None::<String>)
        .await?;
    for _ in 0..4 {
        asked = match asked {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                let answer = |prompt: &client::Prompt| {
                    if prompt.echo {
                        String::new()
                    } else {
                        password.expose_secret().to_owned()
                    }
                };
                let answers = prompts.iter().map(answer).collect();
                connection
                    .authenticate_keyboard_interactive_respond(answers)
                    .await?
            }
        };
    }
    Ok(false)
}

fn open_key(key: &SecretString, passphrase: Option<&SecretString>) -> Result<PrivateKey, Problem> {
    // What was pasted may have spaces at the ends of its lines, which its readers do not forgive.
    let text: Vec<&str> = key.expose_secret().lines().map(str::trim).collect();
    let text = SecretString::from(text.join("\n"));
    let text = text.expose_secret();
    let passphrase = passphrase
        .map(ExposeSecret::expose_secret)
        .filter(|passphrase| !passphrase.is_empty());
    // PKCS#8 has no error for it, only the word.
    let encrypted = text.contains("ENCRYPTED")
        || matches!(
            decode_secret_key(text, None),
            Err(russh::keys::Error::KeyIsEncrypted)
        );
    // A passphrase for a key that needs none is no fault.
    let passphrase = passphrase.filter(|_| encrypted);
    decode_secret_key(text, passphrase).map_err(|_| match (encrypted, passphrase) {
        (true, None) => Problem::new(
            Code::SshKeyPassphrase,
            "The private key is encrypted, and no passphrase was given",
            "Give the key's passphrase.",
        ),
        (true, Some(_)) => Problem::new(
            Code::SshKeyPassphrase,
            "The passphrase does not open the private key",
            "Check the passphrase for typing mistakes.",
        ),
        (false, _) => Problem::new(
            Code::SshKeyInvalid,
            "The private key cannot be read",
            "Give the whole file, from -----BEGIN to END-----, as OpenSSH, PEM or PKCS#8; not the public half.",
        ),
    })
}
