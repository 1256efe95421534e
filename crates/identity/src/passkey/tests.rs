//! What needs no browser; the rest is in `tests/passkeys.rs`.

use std::{num::NonZeroU32, thread};

use serde_json::json;
use uuid::Uuid;

use super::*;

const ADA: Uuid = Uuid::from_u128(7);

fn party() -> RelyingParty {
    RelyingParty::new("http://localhost:32955").unwrap()
}

fn person<'a>(name: &'a str, display_name: &'a str) -> Person<'a> {
    Person {
        id: ADA,
        name,
        display_name,
    }
}

/// A passkey of Ada's as it was kept once.
fn kept() -> Value {
    json!({
        "version": 1,
        "user": ADA,
        "id": [
            35, 71, 171, 23, 99, 30, 190, 86, 182, 20, 121, 221, 75, 135, 211, 208, 56, 172, 110, 218, 224, 246, 128, 98,
            197, 233, 121, 112, 218, 20, 218, 91,
        ],
        "transports": ["internal"],
        "fixed": [
            0, 186, 102, 252, 110, 239, 188, 144, 136, 203, 56, 2, 43, 38, 88, 145, 205, 33, 134, 188, 94, 162, 135, 71,
            173, 83, 250, 180, 26, 46, 170, 141, 151, 0, 0,
        ],
        "changing": [1, 0, 1, 0, 0, 0, 1],
    })
}

/// Chromium 156's answer when that passkey was made.
fn registration() -> Value {
    json!({
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "id": "I0erF2Mevla2FHndS4fT0Disbtrg9oBixel5cNoU2ls",
        "rawId": "I0erF2Mevla2FHndS4fT0Disbtrg9oBixel5cNoU2ls",
        "response": {
            "attestationObject": "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YViBSZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2NFAAAAAQECAwQFBgcIAQIDBAUGBwgAICNHqxdjHr5WthR53UuH09A4rG7a4PaAYsXpeXDaFNpbpAEBAycgBiFYILpm_G7vvJCIyzgCKyZYkc0hhrxeoodHrVP6tBouqo2X",
            "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2NFAAAAAQECAwQFBgcIAQIDBAUGBwgAICNHqxdjHr5WthR53UuH09A4rG7a4PaAYsXpeXDaFNpbpAEBAycgBiFYILpm_G7vvJCIyzgCKyZYkc0hhrxeoodHrVP6tBouqo2X",
            "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiTzNuS3JGWUoxbmpsM2lFU0ZpZUhsQSIsIm9yaWdpbiI6Imh0dHA6Ly9sb2NhbGhvc3Q6MzI5NTUiLCJjcm9zc09yaWdpbiI6ZmFsc2V9",
            "publicKey": "MCowBQYDK2VwAyEAumb8bu-8kIjLOAIrJliRzSGGvF6ih0etU_q0Gi6qjZc",
            "publicKeyAlgorithm": -8,
            "transports": ["internal"],
        },
        "type": "public-key",
    })
}

/// Chromium 156's answer when that passkey was asked for a proof.
fn assertion() -> Value {
    json!({
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "id": "I0erF2Mevla2FHndS4fT0Disbtrg9oBixel5cNoU2ls",
        "rawId": "I0erF2Mevla2FHndS4fT0Disbtrg9oBixel5cNoU2ls",
        "response": {
            "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAg",
            "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiSE9MWHFrUXBmZjNDM2hPVXVkbEN3QSIsIm9yaWdpbiI6Imh0dHA6Ly9sb2NhbGhvc3Q6MzI5NTUiLCJjcm9zc09yaWdpbiI6ZmFsc2V9",
            "signature": "l6YUM_VJ5ePek4YexFv2QTznD0JXrv2RY6_z7G4KYt-lWWINPJte27if4mfcEDM5R7_J7rbU4BVrk6O7IyFfCw",
            "userHandle": "AAAAAAAAAAAAAAAAAAAABw",
        },
        "type": "public-key",
    })
}

fn passkey() -> Passkey {
    Passkey::from_bytes(kept().to_string().as_bytes()).unwrap()
}

#[test]
fn the_party_is_the_host_and_accepts_one_origin() {
    for (url, id, origin) in [
        (
            "https://ocore.example.com",
            "ocore.example.com",
            "https://ocore.example.com",
        ),
        (
            "https://OCORE.example.com:443/app/",
            "ocore.example.com",
            "https://ocore.example.com",
        ),
        (
            "https://ocore.example.com:8443",
            "ocore.example.com",
            "https://ocore.example.com:8443",
        ),
        ("http://localhost:3000/", "localhost", "http://localhost:3000"),
        (
            "https://bücher.example",
            "xn--bcher-kva.example",
            "https://xn--bcher-kva.example",
        ),
    ] {
        let party = RelyingParty::new(url).unwrap();
        assert_eq!((party.id(), party.origin()), (id, origin), "{url}");
    }
    for url in [
        "",
        "ocore.example.com",
        "http://ocore.example.com",
        "ftp://localhost",
        "https://192.0.2.7",
        "https://[2001:db8::7]:8443",
        "http://127.0.0.1:3000",
    ] {
        let problem = RelyingParty::new(url).unwrap_err();
        assert_eq!(problem.code, Code::StateConflict, "{url}");
    }
}

#[test]
fn the_options_ask_for_what_we_need() {
    let begun = party()
        .begin_registration(person("ada@example.com", "Ada"), &[passkey()])
        .unwrap();
    let options = begun.options;
    assert_eq!(options["rp"], json!({"id": "localhost", "name": "oCore"}));
    assert_eq!(
        options["user"],
        json!({"id": "AAAAAAAAAAAAAAAAAAAABw", "name": "ada@example.com", "displayName": "Ada"})
    );
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["timeout"], 300_000);
    assert_eq!(
        options["excludeCredentials"][0]["id"],
        "I0erF2Mevla2FHndS4fT0Disbtrg9oBixel5cNoU2ls"
    );
    assert_eq!(
        options["extensions"],
        json!({}),
        "no device is passed over for what it lacks"
    );

    let known = party().begin_authentication(ADA, &[passkey()]).unwrap().options;
    let any = party().begin_discoverable().unwrap().options;
    for options in [&known, &any] {
        assert_eq!(options["rpId"], "localhost");
        assert_eq!(options["userVerification"], "required");
        assert_eq!(options["timeout"], 300_000);
    }
    assert_eq!(known["allowCredentials"].as_array().unwrap().len(), 1);
    assert_ne!(known["challenge"], any["challenge"]);
}

#[test]
fn names_of_any_kind_will_do() {
    for (name, display_name, shown) in [
        ("Zoë.Müller@example.com", "Zoë Müller", "Zoë Müller"),
        ("has space@example.com", "王小明", "王小明"),
        ("", "", ""),
        ("a\u{0}b", "line\nbreak", ""),
    ] {
        let begun = party().begin_registration(person(name, display_name), &[]);
        let user = &begun.unwrap().options["user"];
        assert!(!user["name"].as_str().unwrap().is_empty(), "{name}");
        // The standard demands the member, even if it is empty.
        assert_eq!(user["displayName"], shown, "{display_name}");
    }
}

#[test]
fn who_has_no_passkey_is_not_asked_for_one() {
    assert!(party().begin_authentication(ADA, &[]).is_err());
    // One of another person's is not asked for either.
    let another = party().begin_authentication(Uuid::from_u128(8), &[passkey()]);
    assert_eq!(another.unwrap_err().code, Code::StateConflict);
}

#[test]
fn an_answer_that_comes_late_is_told_apart() {
    let short = NonZeroU32::MIN;
    let ada = person("ada@example.com", "Ada");
    let slow = party().begin_registration_for(ada, &[], short).unwrap();
    let asked = party().begin_discoverable_for(short).unwrap();
    thread::sleep(Duration::from_millis(20));
    assert_eq!(
        party().finish_registration(&slow.state, ADA, &registration()),
        Err(Refused::Expired)
    );
    let assertion = Assertion::read(&assertion()).unwrap();
    assert_eq!(
        party().finish_authentication(&asked.state, &assertion, &passkey()),
        Err(Refused::Expired)
    );
    // In time it is refused for what it is: an answer to another question.
    let begun = party().begin_registration(ada, &[]).unwrap();
    assert!(matches!(
        party().finish_registration(&begun.state, ADA, &registration()),
        Err(Refused::Unproven(why)) if why.contains("challenge")
    ));
}

#[test]
fn what_is_no_answer_is_unreadable() {
    let begun = party()
        .begin_registration(person("ada@example.com", "Ada"), &[])
        .unwrap();
    let mut cut_short = registration();
    cut_short["response"]["attestationObject"] = json!("o2NmbXRkbm9uZQ");
    for response in [json!(null), json!({}), json!("text"), assertion(), cut_short] {
        let made = party().finish_registration(&begun.state, ADA, &response);
        assert!(matches!(made, Err(Refused::Unreadable(_))), "{made:?}");
    }
    let mut stranger = assertion();
    stranger["response"]["userHandle"] = json!("AAAA");
    for response in [json!(null), json!({}), json!([1]), registration(), stranger] {
        let read = Assertion::read(&response);
        assert!(matches!(read, Err(Refused::Unreadable(_))), "{read:?}");
    }
    // Without the person's id an answer is good where the person is known, and only there.
    let mut nameless = assertion();
    nameless["response"]["userHandle"] = json!(null);
    let nameless = Assertion::read(&nameless).unwrap();
    assert_eq!(nameless.user(), None);
    let begun = party().begin_discoverable().unwrap();
    assert!(matches!(
        party().finish_authentication(&begun.state, &nameless, &passkey()),
        Err(Refused::Unreadable(_))
    ));
}

#[test]
fn a_state_ends_its_own_ceremony_only() {
    let ada = person("ada@example.com", "Ada");
    let registering = party().begin_registration(ada, &[]).unwrap();
    let known = party().begin_authentication(ADA, &[passkey()]).unwrap();
    let discoverable = party().begin_discoverable().unwrap();
    let refused = Err(state::spoiled());
    for state in [&known.state, &discoverable.state, &b"spoiled".to_vec(), &vec![]] {
        assert_eq!(party().finish_registration(state, ADA, &registration()), refused);
    }
    let assertion = Assertion::read(&assertion()).unwrap();
    for state in [&registering.state, &b"{}".to_vec(), &vec![]] {
        assert_eq!(
            party().finish_authentication(state, &assertion, &passkey()),
            refused
        );
    }
    // The bytes of one kind under the name of another.
    let renamed = String::from_utf8(discoverable.state).unwrap();
    let renamed = renamed.replace("discoverable", "registration");
    assert_eq!(
        party().finish_registration(renamed.as_bytes(), ADA, &registration()),
        refused
    );
}

#[test]
fn a_passkey_that_was_kept_is_read_as_it_was() {
    let passkey = passkey();
    assert_eq!(passkey.user(), ADA);
    assert_eq!(passkey.transports(), ["internal"]);
    assert_eq!(passkey.sign_count(), 1);
    assert!(!passkey.backup_eligible() && !passkey.backup_state());
    let bytes = passkey.to_bytes().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), kept());
    for (field, value) in [
        ("version", json!(2)),
        ("user", json!("ada")),
        ("id", json!([1])),
        ("transports", json!(["pigeon"])),
        ("fixed", json!([0, 1, 2])),
        ("changing", json!([9, 9, 9, 9, 9, 9, 9])),
    ] {
        let mut spoiled = kept();
        spoiled[field] = value;
        assert!(
            Passkey::from_bytes(spoiled.to_string().as_bytes()).is_err(),
            "{field}"
        );
    }
}

/// Everywhere in a value: something else, or nothing.
fn spoil(value: &Value, each: &mut impl FnMut(Value)) {
    let pointers = |value: &Value| {
        let mut found = vec![];
        let mut open = vec![(String::new(), value.clone())];
        while let Some((pointer, value)) = open.pop() {
            if let Some(object) = value.as_object() {
                open.extend(
                    object
                        .iter()
                        .map(|(key, value)| (format!("{pointer}/{key}"), value.clone())),
                );
            }
            found.push(pointer);
        }
        found
    };
    let others = [
        json!(null),
        json!(1),
        json!(""),
        json!("A"),
        json!("AA"),
        json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        json!([]),
        json!(["usb"]),
        json!({}),
        json!({"prf": {"enabled": true}}),
    ];
    for pointer in pointers(value) {
        for other in &others {
            let mut spoiled = value.clone();
            *spoiled.pointer_mut(&pointer).unwrap() = other.clone();
            each(spoiled);
        }
        if let Some((parent, key)) = pointer.rsplit_once('/') {
            let mut spoiled = value.clone();
            spoiled
                .pointer_mut(parent)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(key);
            each(spoiled);
        }
    }
}

/// Strangers may send anything: it is refused, and nothing panics.
#[test]
fn spoiled_answers_are_refused() {
    let begun = party()
        .begin_registration(person("ada@example.com", "Ada"), &[])
        .unwrap();
    let mut tried = 0;
    spoil(&registration(), &mut |response| {
        tried += 1;
        let made = party().finish_registration(&begun.state, ADA, &response);
        assert!(made.is_err(), "{response}");
    });
    let known = party().begin_authentication(ADA, &[passkey()]).unwrap();
    let discoverable = party().begin_discoverable().unwrap();
    spoil(&assertion(), &mut |response| {
        tried += 1;
        let Ok(assertion) = Assertion::read(&response) else {
            return;
        };
        assertion.credential_id();
        assertion.user();
        for state in [&known.state, &discoverable.state] {
            let proven = party().finish_authentication(state, &assertion, &passkey());
            assert!(proven.is_err(), "{response}");
        }
    });
    assert!(tried > 200, "{tried}");
    // The bytes inside, cut short and changed.
    for at in [
        "attestationObject",
        "clientDataJSON",
        "authenticatorData",
        "signature",
    ] {
        for answer in [registration(), assertion()] {
            let Some(good) = answer["response"][at].as_str() else {
                continue;
            };
            for length in 0..good.len() {
                let mut cut = answer.clone();
                cut["response"][at] = json!(good[..length]);
                let mut changed = answer.clone();
                let letter = if good[length..].starts_with('A') { "_" } else { "A" };
                changed["response"][at] =
                    json!(format!("{}{letter}{}", &good[..length], &good[length + 1..]));
                for response in [cut, changed] {
                    assert!(party().finish_registration(&begun.state, ADA, &response).is_err());
                    if let Ok(assertion) = Assertion::read(&response) {
                        let proven = party().finish_authentication(&known.state, &assertion, &passkey());
                        assert!(proven.is_err());
                    }
                }
            }
        }
    }
}
