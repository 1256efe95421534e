//! Proving oneself by a passkey.

use std::num::NonZeroU32;

use ocore_domain::{Code, Problem};
use uuid::Uuid;
use webauthn_rp::{
    DiscoverableAuthenticationServerState, DiscoverableCredentialRequestOptions,
    NonDiscoverableAuthenticationServerState, NonDiscoverableCredentialRequestOptions,
    bin::{Decode, Encode},
    request::{
        Credentials, UserVerificationRequirement,
        auth::{AllowedCredential, AllowedCredentials, AuthenticationVerificationOptions},
    },
    response::auth::error::AuthCeremonyErr,
};

use super::{
    Assertion, Begun, Passkey, Refused, RelyingParty,
    credential::handle,
    registration::milliseconds,
    state::{State, spoiled},
};

impl RelyingParty {
    /// Asks for a proof by one of a person's passkeys. To whom the person is not known yet, [`Self::begin_discoverable`]
    /// tells less.
    pub fn begin_authentication(&self, user: Uuid, passkeys: &[Passkey]) -> Result<Begun, Problem> {
        let mut allowed = AllowedCredentials::with_capacity(passkeys.len());
        for passkey in passkeys.iter().filter(|passkey| passkey.user() == user) {
            allowed.push(AllowedCredential::from(passkey.descriptor()?));
        }
        let mut request =
            NonDiscoverableCredentialRequestOptions::second_factor(&self.id, allowed).map_err(|_| {
                Problem::new(
                    Code::StateConflict,
                    "This account has no passkey",
                    "Prove yourself in another way, or add a passkey first.",
                )
            })?;
        let options = request.options();
        options.user_verification = UserVerificationRequirement::Required;
        options.timeout = milliseconds();
        let (server, client) = request.start_ceremony().map_err(Problem::internal)?;
        let state = State::Known {
            user,
            state: server.encode().map_err(Problem::internal)?,
        };
        Ok(Begun {
            options: serde_json::to_value(&client).map_err(Problem::internal)?,
            state: state.to_bytes()?,
        })
    }

    /// Asks for a proof by any passkey of this installation: the person chooses, and is known by the answer.
    pub fn begin_discoverable(&self) -> Result<Begun, Problem> {
        self.begin_discoverable_for(milliseconds())
    }

    pub(super) fn begin_discoverable_for(&self, timeout: NonZeroU32) -> Result<Begun, Problem> {
        let mut request = DiscoverableCredentialRequestOptions::passkey(&self.id);
        request.0.timeout = timeout;
        let (server, client) = request.start_ceremony().map_err(Problem::internal)?;
        let state = State::Discoverable {
            state: server.encode().map_err(Problem::internal)?,
        };
        Ok(Begun {
            options: serde_json::to_value(&client).map_err(Problem::internal)?,
            state: state.to_bytes()?,
        })
    }

    /// Whether the holder of this passkey answered what was asked. The passkey that was kept under the assertion's
    /// credential id is answered as it is now: keep it instead.
    pub fn finish_authentication(
        &self,
        state: &[u8],
        assertion: &Assertion,
        passkey: &Passkey,
    ) -> Result<Passkey, Refused> {
        let user = handle(passkey.user());
        let mut credential = passkey.with_library(&user)?;
        let options = AuthenticationVerificationOptions::<&str, &str> {
            allowed_origins: &[&self.origin],
            // What is said without having been asked for is passed over, as the standard has it.
            error_on_unsolicited_extensions: false,
            ..AuthenticationVerificationOptions::default()
        };
        let verified = match State::from_bytes(state)? {
            State::Registration { .. } => return Err(spoiled()),
            State::Known { user, .. } if user != passkey.user() => {
                return Err(Refused::Unproven("the passkey is another person's".to_owned()));
            }
            State::Known { state, .. } => NonDiscoverableAuthenticationServerState::decode(&state)
                .map_err(|_| spoiled())?
                .verify(&self.id, &assertion.known, &mut credential, &options),
            State::Discoverable { state } => {
                let Some(assertion) = &assertion.discoverable else {
                    return Err(Refused::Unreadable(
                        "it does not say who the person is".to_owned(),
                    ));
                };
                DiscoverableAuthenticationServerState::decode(&state)
                    .map_err(|_| spoiled())?
                    .verify(&self.id, assertion, &mut credential, &options)
            }
        };
        verified.map_err(|error| match error {
            AuthCeremonyErr::Timeout => Refused::Expired,
            other => Refused::Unproven(other.to_string()),
        })?;
        Ok(passkey.used(credential.dynamic_state()))
    }
}
