//! Making a passkey.

use std::num::NonZeroU32;

use ocore_domain::Problem;
use serde_json::Value;
use uuid::Uuid;
use webauthn_rp::{
    PublicKeyCredentialCreationOptions, Registration, RegistrationServerState,
    bin::{Decode, Encode},
    request::register::{
        CredProtect, Nickname, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, Username,
    },
    response::register::{error::RegCeremonyErr, ser_relaxed::RegistrationRelaxed},
};

use super::{
    Begun, LIFETIME, Passkey, Refused, RelyingParty,
    credential::handle,
    state::{State, spoiled},
};

/// Shown by the browser as what asks for the passkey.
const NAME: &str = "oCore";

/// Who makes a passkey.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// The user's id.
    pub id: Uuid,
    /// What tells this account from the person's others, such as the e-mail address.
    pub name: &'a str,
    /// The person's name.
    pub display_name: &'a str,
}

impl RelyingParty {
    /// Asks the browser for a new passkey on a device that has none of those there are.
    pub fn begin_registration(&self, person: Person<'_>, existing: &[Passkey]) -> Result<Begun, Problem> {
        self.begin_registration_for(person, existing, milliseconds())
    }

    pub(super) fn begin_registration_for(
        &self,
        person: Person<'_>,
        existing: &[Passkey],
        timeout: NonZeroU32,
    ) -> Result<Begun, Problem> {
        let id = handle(person.id);
        let plain_id = person.id.to_string();
        let entity = PublicKeyCredentialUserEntity {
            // The library takes no names that RFC 8265 and 8266 do not: then the id, or no name at all, must do.
            name: Username::try_from(person.name)
                .or_else(|_| Username::try_from(plain_id.as_str()))
                .map_err(Problem::internal)?,
            id: &id,
            display_name: Nickname::try_from(person.display_name).ok(),
        };
        let exclude = existing
            .iter()
            .map(Passkey::descriptor)
            .collect::<Result<_, _>>()?;
        let mut options = PublicKeyCredentialCreationOptions::passkey(&self.id, entity, exclude);
        options.timeout = timeout;
        // The library would have the browser pass over devices that do not know this extension, and many do not. We refuse
        // whoever is not verified in any case.
        options.extensions.cred_protect = CredProtect::None;
        let (server, client) = options.start_ceremony().map_err(Problem::internal)?;
        let mut options = serde_json::to_value(&client).map_err(Problem::internal)?;
        options["rp"]["name"] = NAME.into();
        let state = State::Registration {
            state: server.encode().map_err(Problem::internal)?,
        };
        Ok(Begun {
            options,
            state: state.to_bytes()?,
        })
    }

    /// The new passkey, if the answer is one to what was asked. The caller refuses an id that is known already.
    pub fn finish_registration(
        &self,
        state: &[u8],
        person: Uuid,
        response: &Value,
    ) -> Result<Passkey, Refused> {
        let State::Registration { state } = State::from_bytes(state)? else {
            return Err(spoiled());
        };
        let state = RegistrationServerState::<16>::decode(&state).map_err(|_| spoiled())?;
        let registration = read(response)?;
        let options = RegistrationVerificationOptions::<&str, &str> {
            allowed_origins: &[&self.origin],
            // What is said without having been asked for is passed over, as the standard has it.
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let credential = state
            .verify(&self.id, &registration, &options)
            .map_err(|error| match error {
                RegCeremonyErr::Timeout => Refused::Expired,
                other => Refused::Unproven(other.to_string()),
            })?;
        if *credential.user_id() != handle(person) {
            return Err(Refused::Unproven(
                "the ceremony was begun by another person".to_owned(),
            ));
        }
        Passkey::registered(person, &credential).map_err(|error| Refused::Unreadable(error.to_string()))
    }
}

fn read(response: &Value) -> Result<Registration, Refused> {
    // By way of text: the library reads borrowed strings.
    serde_json::from_str::<RegistrationRelaxed>(&response.to_string())
        .map(|registration| registration.0)
        .map_err(|error| Refused::Unreadable(error.to_string()))
}

/// [`LIFETIME`] as the library counts it.
pub(super) fn milliseconds() -> NonZeroU32 {
    u32::try_from(LIFETIME.as_millis())
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MIN)
}
