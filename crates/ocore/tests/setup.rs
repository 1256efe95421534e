//! `ocore setup`: what it writes, what it keeps, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

fn setup(dir: &Path, arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ocore"))
        .arg("setup")
        .arg(dir)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const USUAL: [&str; 4] = ["--app-url", "https://ocore.example.com/", "--tls", "internal"];

#[test]
fn secrets_are_made_once_and_kept_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ocore");
    let done = setup(&dir, &USUAL, "");
    assert!(done.status.success(), "{done:?}");
    let said = text(&done.stdout);
    assert!(
        said.contains("wrote .env") && said.contains("docker compose up -d --wait"),
        "{said}"
    );
    let env = fs::read_to_string(dir.join(".env")).unwrap();
    assert!(env.contains("\nAPP_URL=https://ocore.example.com\n"), "{env}");
    assert!(env.contains("\nCADDY_TLS=internal\n"), "{env}");
    let mode = fs::metadata(dir.join(".env")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for line in env.lines().filter(|line| line.len() > 64) {
        let (_, secret) = line.split_once('=').unwrap_or_default();
        assert!(secret.is_empty() || !said.contains(secret), "a secret is shown");
    }

    // An operator's own changes, and a newer version's file beside them.
    fs::write(dir.join("caddy/Caddyfile"), "mine").unwrap();
    let again = setup(&dir, &["--app-url", "https://other.example.com"], "");
    assert!(again.status.success(), "{again:?}");
    assert_eq!(fs::read_to_string(dir.join(".env")).unwrap(), env);
    assert_eq!(fs::read_to_string(dir.join("caddy/Caddyfile")).unwrap(), "mine");
    assert!(dir.join("caddy/Caddyfile.new").is_file());
    let said = text(&again.stdout);
    assert!(
        said.contains("kept  .env") && said.contains("compare it with caddy/Caddyfile.new"),
        "{said}"
    );
    assert!(!said.contains("does not set"), "{said}");
}

#[test]
fn an_environment_of_others_is_judged_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join(".env");
    fs::write(&env, "JWT_SECRET=a\n").unwrap();
    fs::set_permissions(&env, fs::Permissions::from_mode(0o644)).unwrap();
    let done = setup(folder.path(), &[], "");
    assert!(done.status.success(), "{done:?}");
    let said = text(&done.stdout);
    for name in ["APP_URL", "SSH_ENCRYPTION_KEY", "POSTGRES_PASSWORD"] {
        assert!(said.contains(&format!("does not set {name}")), "{said}");
    }
    assert!(said.contains("chmod 600"), "{said}");
    assert_eq!(fs::read_to_string(&env).unwrap(), "JWT_SECRET=a\n");
}

#[test]
fn a_database_elsewhere_is_told_by_standard_input_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://ocore:canary%2F1@db.example.com/ocore?sslmode=verify-full";
    let more = ["--external-database", "--database-url-stdin", "--pgbouncer"];
    let done = setup(folder.path(), &[&USUAL[..], &more].concat(), &format!("{url}\n"));
    assert!(done.status.success(), "{done:?}");
    assert!(!text(&done.stdout).contains("canary") && !text(&done.stderr).contains("canary"));
    let env = fs::read_to_string(folder.path().join(".env")).unwrap();
    assert!(env.contains(&format!("\nDATABASE_URL='{url}'\n")), "{env}");
    assert!(env.contains("\nPGBOUNCER_PASSWORD=canary/1\n"), "{env}");
}

#[test]
fn what_is_not_known_is_asked_for_and_nothing_is_written() {
    for (arguments, says) in [
        (&[][..], "--app-url is needed"),
        (&["--app-url", "https://a.example"], "--tls is needed"),
        (
            &["--app-url", "http://a.example", "--tls", "internal"],
            "begin with it",
        ),
        (
            &["--app-url", "https://a.example/b", "--without-caddy"],
            "without a path",
        ),
        (
            &[
                "--app-url",
                "https://a.example",
                "--without-caddy",
                "--external-database",
            ],
            "DATABASE_URL",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let done = setup(folder.path(), arguments, "");
        assert!(!done.status.success());
        assert!(text(&done.stderr).contains(says), "{done:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
