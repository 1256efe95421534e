//! A real browser: Debian's Chromium without a window, driven by the `DevTools` protocol over a pipe, with an authenticator
//! made of software. No driver of somebody else's is needed: a command is a line of JSON.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

use std::{
    fmt,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take: the first start on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an authenticator is like.
#[derive(Clone, Copy, Debug)]
pub struct Authenticator {
    /// `internal` for what is built in, `usb` for what is plugged in.
    pub transport: &'static str,
    /// Whether the person is the right one.
    pub verifies: bool,
    /// Whether its keys may be copied, and were.
    pub backed_up: bool,
}

/// A browser with one tab.
pub struct Browser {
    process: Child,
    commands: ChildStdin,
    answers: Receiver<Value>,
    tab: Option<String>,
    last: u64,
    _profile: TempDir,
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Browser")
    }
}

impl Browser {
    /// Starts one.
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The protocol is spoken on descriptors 3 and 4; the shell puts our pipes there.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#, "sh"])
            .args(["chromium", "--headless", "--remote-debugging-pipe"])
            // Tests run as root too, and in containers with a small /dev/shm.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"])
            .args(["--no-first-run", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = process.stdin.take().unwrap();
        let answers = listen(process.stdout.take().unwrap());
        let mut browser = Self {
            process,
            commands,
            answers,
            tab: None,
            last: 0,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attached = browser.call(
            "Target.attachToTarget",
            &json!({"targetId": target["targetId"], "flatten": true}),
        );
        browser.tab = Some(attached["sessionId"].as_str().unwrap().to_owned());
        browser.call("Page.enable", &json!({}));
        browser.call("WebAuthn.enable", &json!({}));
        browser
    }

    /// Plugs an authenticator in and answers its id.
    pub fn plug_in(&mut self, authenticator: Authenticator) -> String {
        let answer = self.call(
            "WebAuthn.addVirtualAuthenticator",
            &json!({"options": {
                "protocol": "ctap2",
                "ctap2Version": "ctap2_1",
                "transport": authenticator.transport,
                "hasResidentKey": true,
                "hasUserVerification": true,
                "isUserVerified": authenticator.verifies,
                "automaticPresenceSimulation": true,
                "defaultBackupEligibility": authenticator.backed_up,
                "defaultBackupState": authenticator.backed_up,
            }}),
        );
        answer["authenticatorId"].as_str().unwrap().to_owned()
    }

    /// Pulls an authenticator out, with everything on it.
    pub fn pull_out(&mut self, authenticator: &str) {
        self.call(
            "WebAuthn.removeVirtualAuthenticator",
            &json!({"authenticatorId": authenticator}),
        );
    }

    /// What is on an authenticator.
    pub fn credentials(&mut self, authenticator: &str) -> Vec<Value> {
        let answer = self.call(
            "WebAuthn.getCredentials",
            &json!({"authenticatorId": authenticator}),
        );
        answer["credentials"].as_array().unwrap().clone()
    }

    /// Takes a credential of one authenticator and puts it on another, as a thief of keys would.
    pub fn copy(&mut self, credential: &Value, to: &str) {
        self.call(
            "WebAuthn.addCredential",
            &json!({"authenticatorId": to, "credential": credential}),
        );
    }

    /// Goes to a page.
    pub fn visit(&mut self, url: &str) {
        let answer = self.call("Page.navigate", &json!({"url": url}));
        assert!(answer["errorText"].is_null(), "{answer}");
        let begin = Instant::now();
        // A new page's script world comes a moment later.
        loop {
            let here = self.evaluate("document.readyState == 'complete' && location.origin");
            if here.as_ref().is_ok_and(|here| here == url) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "{url} does not load: {here:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes a passkey, as the dashboard does.
    pub fn create(&mut self, options: &Value) -> Result<Value, String> {
        self.evaluate(&format!(
            "navigator.credentials.create({{publicKey: PublicKeyCredential.parseCreationOptionsFromJSON({options})}})
                .then(credential => credential.toJSON())"
        ))
    }

    /// Proves oneself by a passkey, as the dashboard does.
    pub fn get(&mut self, options: &Value) -> Result<Value, String> {
        self.evaluate(&format!(
            "navigator.credentials.get({{publicKey: PublicKeyCredential.parseRequestOptionsFromJSON({options})}})
                .then(credential => credential.toJSON())"
        ))
    }

    /// What an expression comes to, or the error that was thrown.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let mut answer = self.call(
            "Runtime.evaluate",
            &json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}),
        );
        if answer["exceptionDetails"].is_null() {
            return Ok(answer["result"]["value"].take());
        }
        Err(answer["exceptionDetails"]["exception"]["description"].to_string())
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut command = json!({"id": self.last, "method": method, "params": params});
        if let Some(tab) = &self.tab {
            command["sessionId"] = tab.clone().into();
        }
        self.commands
            .write_all(format!("{command}\0").as_bytes())
            .expect("this test needs: apt-get install chromium");
        loop {
            let mut answer = self
                .answers
                .recv_timeout(PATIENCE)
                .expect("the browser does not answer (this test needs: apt-get install chromium)");
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self
            .commands
            .write_all(b"{\"id\": 0, \"method\": \"Browser.close\"}\0");
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(10) {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The browser's messages, each ended by a zero byte.
fn listen(pipe: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for message in BufReader::new(pipe).split(0) {
            let Ok(message) = message else { return };
            let Ok(message) = serde_json::from_slice(&message) else {
                return;
            };
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}
