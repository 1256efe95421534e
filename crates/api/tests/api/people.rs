//! People before the API: with a browser or without, and with a mailbox.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{body::Body, http::Request};
use ocore_api::{Installation, Proxies, Settings, Signup};
use ocore_mail::{Config, Smtp, Values};
use ocore_testbed::{Mail, SmtpCatcher};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Client, Reply, settings};

pub(crate) const PASSWORD: &str = "correct horse 4 battery";

/// An installation behind one proxy, with a mail server that keeps what it is sent.
pub(crate) struct People {
    pub(crate) client: Client,
    pub(crate) pool: PgPool,
    mails: Option<SmtpCatcher>,
}

/// One request to be.
#[derive(Default)]
pub(crate) struct Ask<'a> {
    pub(crate) body: Option<Value>,
    pub(crate) token: Option<&'a str>,
    pub(crate) headers: Vec<(&'a str, String)>,
}

impl People {
    /// Where anybody may sign up.
    pub(crate) async fn open(pool: PgPool) -> Self {
        Self::new(pool, Signup::Open, true).await
    }

    /// Where nobody needs a mail.
    pub(crate) async fn without_mail(pool: PgPool) -> Self {
        Self::new(pool, Signup::Open, false).await
    }

    pub(crate) async fn new(pool: PgPool, signup: Signup, with_mail: bool) -> Self {
        let mut installation = Installation::new(Settings {
            signup,
            proxies: Proxies(1),
            ..settings()
        })
        .unwrap();
        let mails = with_mail.then(|| SmtpCatcher::start().unwrap());
        if let Some(mails) = &mails {
            let values = Values {
                host: Some("127.0.0.1".to_owned()),
                port: Some(mails.port().to_string()),
                from: Some("oCore <ocore@example.com>".to_owned()),
                ..Values::default()
            };
            let smtp = Smtp::new(Config::new(values).unwrap()).unwrap();
            installation = installation.with_mailer(Arc::new(smtp));
        }
        Self::of(pool, installation, mails).await
    }

    pub(crate) async fn of(pool: PgPool, installation: Installation, mails: Option<SmtpCatcher>) -> Self {
        Self {
            client: Client::with(pool.clone(), installation).await,
            pool,
            mails,
        }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, ask: Ask<'_>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = ask.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let body = match ask.body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.client.raw(request.body(body).unwrap()).await
    }

    /// A request of nobody.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        let ask = Ask {
            body: Some(body),
            ..Ask::default()
        };
        self.ask("POST", path, ask).await
    }

    /// A request of somebody.
    pub(crate) async fn by(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Reply {
        let ask = Ask {
            body,
            token: Some(token),
            ..Ask::default()
        };
        self.ask(method, path, ask).await
    }

    /// A verified account of this name, made straight in the database, with its own organization.
    pub(crate) async fn person(&self, name: &str) -> String {
        let email = format!("{name}@example.com");
        let hash = ocore_identity::password::hash(PASSWORD.into()).await.unwrap();
        let mut conn = self.client.store.connection().await.unwrap();
        let new = ocore_store::users::NewUser {
            email: email.clone(),
            name: name.to_owned(),
            password_hash: Some(hash),
            is_verified: true,
            is_server_admin: false,
        };
        let id = ocore_store::users::insert(&mut conn, &new).await.unwrap();
        let place = format!("{name}'s place");
        ocore_store::organizations::create(&mut conn, &place, None, id)
            .await
            .unwrap();
        email
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Reply {
        let body = json!({"email": email, "password": password});
        self.post("/api/auth/login", body).await
    }

    /// Access and refresh token of a login.
    pub(crate) async fn tokens(&self, email: &str) -> (String, String) {
        tokens(&self.log_in(email, PASSWORD).await.ok(200))
    }

    /// The newest mail to an address with this in its subject, waited for.
    pub(crate) async fn mail(&self, to: &str, subject: &str) -> Mail {
        let begin = Instant::now();
        loop {
            let mails = self.mails(to);
            if let Some(mail) = mails
                .into_iter()
                .rev()
                .find(|mail| mail.subject.contains(subject))
            {
                return mail;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(20),
                "no mail `{subject}` to {to}"
            );
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// How many mails came to an address, waited for until they are as many.
    pub(crate) async fn wait_for_mails(&self, to: &str, count: usize) -> Vec<Mail> {
        let begin = Instant::now();
        loop {
            let mails = self.mails(to);
            if mails.len() >= count {
                return mails;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{} mails", mails.len());
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    fn mails(&self, to: &str) -> Vec<Mail> {
        let mails = self.mails.as_ref().unwrap().mails().unwrap();
        mails.into_iter().filter(|mail| mail.to == to).collect()
    }

    /// How often something was recorded, in whatever chain.
    pub(crate) async fn recorded(&self, action: &str) -> i64 {
        sqlx::query_scalar("select count(*) from audit_log where action = $1")
            .bind(action)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    pub(crate) async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.unwrap();
    }
}

pub(crate) fn tokens(answer: &Value) -> (String, String) {
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("accessToken"), text("refreshToken"))
}

/// The token in a mail's link.
pub(crate) fn token_in(mail: &Mail) -> String {
    let (_, token) = mail.link().unwrap().split_once("token=").unwrap();
    token.to_owned()
}

/// The cookies that an answer sets, as a browser would send them back.
pub(crate) fn cookies(reply: &Reply) -> BTreeMap<String, String> {
    let set = reply.headers.get_all("set-cookie").iter();
    set.map(|cookie| {
        let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
        let (name, value) = cookie.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    })
    .collect()
}

pub(crate) fn cookie_header(cookies: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("; ")
}
