//! A passkey as it is kept.

use ocore_domain::Problem;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use webauthn_rp::{
    AuthenticatedCredential, RegisteredCredential,
    bin::{Decode, Encode},
    request::{PublicKeyCredentialDescriptor, register::UserHandle16},
    response::{
        AuthTransports, Backup, CredentialId,
        register::{CompressedPubKey, DynamicState, StaticState},
    },
};

use super::Refused;

/// The public key as the library reads it from bytes.
type Key = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

/// A person's passkey: a public key and what is known of the device that holds the private one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey(Kept);

/// What is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u8,
    user: Uuid,
    id: Vec<u8>,
    transports: Vec<String>,
    /// What never changes, as the library writes it: the key.
    fixed: Vec<u8>,
    /// What each use may change, as the library writes it: counter and backup.
    changing: [u8; 7],
}

const VERSION: u8 = 1;

impl Passkey {
    /// Whose it is.
    pub const fn user(&self) -> Uuid {
        self.0.user
    }

    /// Its own name, by which it is found.
    pub fn id(&self) -> &[u8] {
        &self.0.id
    }

    /// How the device can be reached: `internal`, `usb`, `hybrid` and so on. Hints for the browser.
    pub fn transports(&self) -> &[String] {
        &self.0.transports
    }

    /// Whether it may be copied to other devices of the person.
    pub fn backup_eligible(&self) -> bool {
        self.state()
            .is_some_and(|state| !matches!(state.backup, Backup::NotEligible))
    }

    /// Whether it was copied.
    pub fn backup_state(&self) -> bool {
        self.state()
            .is_some_and(|state| matches!(state.backup, Backup::Exists))
    }

    /// How often the device has signed, or zero if it does not count.
    pub fn sign_count(&self) -> u32 {
        self.state().map_or(0, |state| state.sign_count)
    }

    /// Everything, to be kept beside the fields that are asked for.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(&self.0).map_err(Problem::internal)
    }

    /// From the bytes that were kept.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Problem> {
        let unreadable = || Problem::internal("a passkey that was kept cannot be read");
        let passkey = Self(serde_json::from_slice(bytes).map_err(|_| unreadable())?);
        let is_whole = passkey.0.version == VERSION
            && passkey.descriptor().is_ok()
            && passkey.with_library(&handle(passkey.user())).is_ok();
        if is_whole { Ok(passkey) } else { Err(unreadable()) }
    }

    pub(super) fn registered(
        user: Uuid,
        credential: &RegisteredCredential<'_, 16>,
    ) -> Result<Self, serde_json::Error> {
        let (id, transports, _, fixed, changing, _) = credential.as_parts();
        let (Ok(fixed), Ok(changing)) = (fixed.encode(), changing.encode());
        Ok(Self(Kept {
            version: VERSION,
            user,
            id: id.as_ref().to_vec(),
            transports: serde_json::to_value(transports).and_then(serde_json::from_value)?,
            fixed,
            changing,
        }))
    }

    pub(super) fn descriptor(&self) -> Result<PublicKeyCredentialDescriptor<Vec<u8>>, Problem> {
        let transports = serde_json::to_value(&self.0.transports)
            .and_then(serde_json::from_value::<AuthTransports>)
            .map_err(Problem::internal)?;
        Ok(PublicKeyCredentialDescriptor {
            id: CredentialId::<Vec<u8>>::decode(self.0.id.clone()).map_err(Problem::internal)?,
            transports,
        })
    }

    /// The same in the library's terms.
    pub(super) fn with_library<'a>(
        &'a self,
        user: &'a UserHandle16,
    ) -> Result<AuthenticatedCredential<'a, 'a, 16, Key>, Refused> {
        let unreadable = |error: String| Refused::Unproven(format!("the passkey cannot be read: {error}"));
        AuthenticatedCredential::new(
            CredentialId::<&[u8]>::decode(&self.0.id).map_err(|error| unreadable(error.to_string()))?,
            user,
            StaticState::<Key>::decode(&self.0.fixed).map_err(|error| unreadable(error.to_string()))?,
            DynamicState::decode(self.0.changing).map_err(|error| unreadable(error.to_string()))?,
        )
        .map_err(|error| unreadable(error.to_string()))
    }

    /// The same after a use.
    pub(super) fn used(&self, state: DynamicState) -> Self {
        let Ok(changing) = state.encode();
        Self(Kept {
            changing,
            ..self.0.clone()
        })
    }

    fn state(&self) -> Option<DynamicState> {
        DynamicState::decode(self.0.changing).ok()
    }
}

/// A person's id as authenticators keep it: the UUID's bytes, which say nothing of the person.
pub(super) fn handle(user: Uuid) -> UserHandle16 {
    let Ok(handle) = UserHandle16::decode(user.into_bytes());
    handle
}
