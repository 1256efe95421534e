//! Passkeys with a real browser: what it makes of our options, and what we make of its answers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use ocore_identity::passkey::{Assertion, Begun, Passkey, Person, Refused, RelyingParty};
use ocore_testbed::chromium::{Authenticator, Browser};
use serde_json::{Value, json};
use uuid::Uuid;

const BUILT_IN: Authenticator = Authenticator {
    transport: "internal",
    verifies: true,
    backed_up: true,
};
const PLUGGED_IN: Authenticator = Authenticator {
    transport: "usb",
    verifies: true,
    backed_up: false,
};

/// A page's origin that a browser takes for safe: `http://localhost` with a port of its own and an empty page.
fn origin() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { continue };
            // One thread each: browsers open connections they use later.
            thread::spawn(move || {
                let mut request = [0; 4096];
                if connection.read(&mut request).is_ok_and(|length| length > 0) {
                    let _ = connection.write_all(
                        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                    );
                }
            });
        }
    });
    format!("http://localhost:{port}")
}

/// A browser at our page, and us. Each half of a ceremony is done by a party of its own, as by two processes.
struct World {
    browser: Browser,
    origin: String,
    ada: Uuid,
}

impl World {
    fn new() -> Self {
        let origin = origin();
        let mut browser = Browser::start();
        browser.visit(&origin);
        Self {
            browser,
            origin,
            ada: Uuid::now_v7(),
        }
    }

    fn party(&self) -> RelyingParty {
        RelyingParty::new(&format!("{}/some/path", self.origin)).unwrap()
    }

    fn begin_registration(&self, existing: &[Passkey]) -> Begun {
        let ada = Person {
            id: self.ada,
            name: "ada@example.com",
            display_name: "Ada Lovelace",
        };
        self.party().begin_registration(ada, existing).unwrap()
    }

    fn register(&mut self) -> Passkey {
        let begun = self.begin_registration(&[]);
        let response = self.browser.create(&begun.options).unwrap();
        let passkey = self
            .party()
            .finish_registration(&begun.state, self.ada, &response);
        let bytes = passkey.unwrap().to_bytes().unwrap();
        Passkey::from_bytes(&bytes).unwrap()
    }

    fn begin_known(&self, passkey: &Passkey) -> Begun {
        let passkeys = std::slice::from_ref(passkey);
        self.party().begin_authentication(self.ada, passkeys).unwrap()
    }

    fn finish(&self, begun: &Begun, response: &Value, passkey: &Passkey) -> Result<Passkey, Refused> {
        let assertion = Assertion::read(response)?;
        self.party()
            .finish_authentication(&begun.state, &assertion, passkey)
    }
}

fn unproven(result: Result<Passkey, Refused>) -> String {
    match result {
        Err(Refused::Unproven(why)) => why,
        other => panic!("not refused as unproven: {other:?}"),
    }
}

#[test]
fn a_passkey_is_made_and_used() {
    let mut world = World::new();
    let device = world.browser.plug_in(BUILT_IN);
    let passkey = world.register();
    assert_eq!(passkey.user(), world.ada);
    assert_eq!(passkey.transports(), ["internal"]);
    assert!(passkey.backup_eligible() && passkey.backup_state());
    let kept = &world.browser.credentials(&device)[0];
    assert_eq!(kept["rpId"], "localhost");
    assert_eq!(kept["userName"], "ada@example.com");
    assert_eq!(kept["userDisplayName"], "Ada Lovelace");
    assert_eq!(kept["isResidentCredential"], true);

    // By name.
    let begun = world.begin_known(&passkey);
    let response = world.browser.get(&begun.options).unwrap();
    let assertion = Assertion::read(&response).unwrap();
    assert_eq!(assertion.credential_id(), passkey.id());
    let used = world.finish(&begun, &response, &passkey).unwrap();
    assert!(used.sign_count() > passkey.sign_count(), "{used:?}");

    // Without a name.
    let begun = world.party().begin_discoverable().unwrap();
    assert!(
        begun.options["allowCredentials"]
            .as_array()
            .is_none_or(Vec::is_empty)
    );
    let response = world.browser.get(&begun.options).unwrap();
    let assertion = Assertion::read(&response).unwrap();
    assert_eq!(assertion.user(), Some(world.ada));
    assert_eq!(assertion.credential_id(), passkey.id());
    let used_again = world.finish(&begun, &response, &used).unwrap();
    assert!(used_again.sign_count() > used.sign_count());
}

#[test]
fn a_key_that_is_plugged_in_is_told_from_one_built_in() {
    let mut world = World::new();
    world.browser.plug_in(PLUGGED_IN);
    let passkey = world.register();
    assert_eq!(passkey.transports(), ["usb"]);
    assert!(!passkey.backup_eligible() && !passkey.backup_state());

    // A second one on the same key is refused by the browser.
    let begun = world.begin_registration(std::slice::from_ref(&passkey));
    let refused = world.browser.create(&begun.options).unwrap_err();
    assert!(refused.contains("InvalidStateError"), "{refused}");
}

#[test]
fn an_answer_is_good_for_its_own_question_only() {
    let mut world = World::new();
    world.browser.plug_in(BUILT_IN);

    let begun = world.begin_registration(&[]);
    let registration = world.browser.create(&begun.options).unwrap();
    let other = world.begin_registration(&[]);
    let replayed = world
        .party()
        .finish_registration(&other.state, world.ada, &registration);
    assert!(unproven(replayed).contains("challenge"));
    let by_another = world
        .party()
        .finish_registration(&begun.state, Uuid::now_v7(), &registration);
    assert!(unproven(by_another).contains("another person"));
    let passkey = world
        .party()
        .finish_registration(&begun.state, world.ada, &registration)
        .unwrap();

    let begun = world.party().begin_discoverable().unwrap();
    let response = world.browser.get(&begun.options).unwrap();
    let used = world.finish(&begun, &response, &passkey).unwrap();
    // The same answer to another question, and the same question once more.
    let another = world.party().begin_discoverable().unwrap();
    assert!(unproven(world.finish(&another, &response, &used)).contains("challenge"));
    assert!(unproven(world.finish(&world.begin_known(&used), &response, &used)).contains("challenge"));
    assert!(unproven(world.finish(&begun, &response, &used)).contains("counter"));

    // A state of another kind of ceremony, and bytes that are none.
    let registration = world.begin_registration(&[]);
    unproven(world.finish(&registration, &response, &used));
    let spoiled = Begun {
        state: b"spoiled".to_vec(),
        ..begun
    };
    unproven(world.finish(&spoiled, &response, &used));
}

#[test]
fn an_answer_from_another_origin_proves_nothing() {
    let mut world = World::new();
    world.browser.plug_in(BUILT_IN);
    let passkey = world.register();

    // Another port of the same host: the browser allows the same relying party's id there.
    let elsewhere = origin();
    world.browser.visit(&elsewhere);
    let begun = world.begin_known(&passkey);
    let response = world.browser.get(&begun.options).unwrap();
    assert!(unproven(world.finish(&begun, &response, &passkey)).contains("origin"));
    let begun = world.begin_registration(&[]);
    let response = world.browser.create(&begun.options).unwrap();
    let made = world
        .party()
        .finish_registration(&begun.state, world.ada, &response);
    assert!(unproven(made).contains("origin"));

    // Another host: the browser itself refuses.
    let begun = RelyingParty::new("https://ocore.example.com")
        .unwrap()
        .begin_discoverable()
        .unwrap();
    let refused = world.browser.get(&begun.options).unwrap_err();
    assert!(refused.contains("SecurityError"), "{refused}");
}

#[test]
fn an_answer_of_another_person_or_key_proves_nothing() {
    let mut world = World::new();
    world.browser.plug_in(BUILT_IN);
    let ada = world.register();
    let bob = Uuid::now_v7();
    let begun = world
        .party()
        .begin_registration(
            Person {
                id: bob,
                name: "bob@example.com",
                display_name: "Bob",
            },
            &[],
        )
        .unwrap();
    let response = world.browser.create(&begun.options).unwrap();
    let bobs = world
        .party()
        .finish_registration(&begun.state, bob, &response)
        .unwrap();

    // Bob's answer to a question to Ada.
    let to_bob = world
        .party()
        .begin_authentication(bob, std::slice::from_ref(&bobs));
    let to_bob = to_bob.unwrap();
    let response = world.browser.get(&to_bob.options).unwrap();
    let to_ada = world.begin_known(&ada);
    assert!(unproven(world.finish(&to_ada, &response, &bobs)).contains("another person"));
    unproven(world.finish(&to_ada, &response, &ada));
    unproven(world.finish(&to_bob, &response, &ada));
    // Changed on the way.
    for (part, value) in [
        ("signature", response["response"]["authenticatorData"].clone()),
        ("userHandle", json!("AAAAAAAAAAAAAAAAAAAAAA")),
    ] {
        let mut changed = response.clone();
        changed["response"][part] = value;
        unproven(world.finish(&to_bob, &changed, &bobs));
    }
    assert!(world.finish(&to_bob, &response, &bobs).is_ok());
}

#[test]
fn a_person_who_is_not_verified_gets_nowhere() {
    let mut world = World::new();
    let device = world.browser.plug_in(PLUGGED_IN);
    let passkey = world.register();
    let credential = world.browser.credentials(&device)[0].clone();
    world.browser.pull_out(&device);

    // The same key where nobody enters the right PIN.
    let stolen = world.browser.plug_in(Authenticator {
        verifies: false,
        ..PLUGGED_IN
    });
    world.browser.copy(&credential, &stolen);
    let begun = world.begin_known(&passkey);
    assert_eq!(begun.options["userVerification"], "required");
    let mut options = begun.options.clone();
    assert!(
        world
            .browser
            .get(&options)
            .unwrap_err()
            .contains("NotAllowedError")
    );
    // A browser that was told not to ask gets an answer, and we do not take it.
    options["userVerification"] = json!("discouraged");
    let response = world.browser.get(&options).unwrap();
    assert!(unproven(world.finish(&begun, &response, &passkey)).contains("verified"));
}

#[test]
fn a_copied_key_is_noticed_by_its_counter() {
    let mut world = World::new();
    let device = world.browser.plug_in(PLUGGED_IN);
    let passkey = world.register();
    let copied = world.browser.credentials(&device)[0].clone();
    let mut passkey = passkey;
    for _ in 0..3 {
        let begun = world.begin_known(&passkey);
        let response = world.browser.get(&begun.options).unwrap();
        passkey = world.finish(&begun, &response, &passkey).unwrap();
    }
    world.browser.pull_out(&device);
    let copy = world.browser.plug_in(PLUGGED_IN);
    world.browser.copy(&copied, &copy);
    let begun = world.begin_known(&passkey);
    let response = world.browser.get(&begun.options).unwrap();
    assert!(unproven(world.finish(&begun, &response, &passkey)).contains("counter"));
}

#[test]
fn keys_of_every_usual_kind_are_read() {
    const KINDS: [(&str, i32); 3] = [("Ed25519", -8), ("P-256", -7), ("RSA", -257)];
    let mut world = World::new();
    for (name, algorithm) in KINDS {
        let device = world.browser.plug_in(BUILT_IN);
        let begun = world.begin_registration(&[]);
        let mut options = begun.options.clone();
        let offered = options["pubKeyCredParams"].as_array_mut().unwrap();
        offered.retain(|kind| kind["alg"] == algorithm);
        assert_eq!(offered.len(), 1, "{name} is offered");
        let response = world.browser.create(&options).unwrap();
        assert_eq!(response["response"]["publicKeyAlgorithm"], algorithm);
        let made = world
            .party()
            .finish_registration(&begun.state, world.ada, &response)
            .unwrap();
        let passkey = Passkey::from_bytes(&made.to_bytes().unwrap()).unwrap();
        let begun = world.begin_known(&passkey);
        let response = world.browser.get(&begun.options).unwrap();
        assert!(world.finish(&begun, &response, &passkey).is_ok(), "{name}");
        world.browser.pull_out(&device);
    }
}
