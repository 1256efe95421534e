//! Login by GitHub, which speaks OAuth 2.0 and not OpenID Connect: who came is asked of its API.

use std::fmt;

use async_trait::async_trait;
use http::{Request, StatusCode, header};
use oauth2::basic::{BasicClient, BasicTokenResponse};
use ocore_domain::Problem;
use openidconnect::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    Scope, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Begun, Callback, Identity, Login,
    http::Http,
    kept::Kept,
    problems::{At, refused},
    provider::GITHUB,
};

/// Its name.
const AT: At<'static> = At("GitHub");

pub(crate) struct GitHub {
    client_id: ClientId,
    client_secret: SecretString,
    authorize: AuthUrl,
    token: TokenUrl,
    api: String,
    http: Http,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub")
            .field("authorize", &self.authorize)
            .finish_non_exhaustive()
    }
}

/// `GET /user`.
#[derive(Deserialize)]
struct User {
    /// Never given to another, as a login may be.
    id: u64,
    login: String,
    name: Option<String>,
}

/// One of `GET /user/emails`.
#[derive(Deserialize)]
struct Email {
    #[serde(rename = "email")]
    address: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub(crate) fn new(
        client_id: String,
        client_secret: SecretString,
        base_url: &str,
        api_url: &str,
        http: Http,
    ) -> Result<Self, Problem> {
        let oauth = format!("{}/login/oauth", base_url.trim_end_matches('/'));
        Ok(Self {
            client_id: ClientId::new(client_id),
            client_secret,
            authorize: AuthUrl::new(format!("{oauth}/authorize")).map_err(Problem::internal)?,
            token: TokenUrl::new(format!("{oauth}/access_token")).map_err(Problem::internal)?,
            api: api_url.trim_end_matches('/').to_owned(),
            http,
        })
    }

    fn client(
        &self,
        redirect_uri: RedirectUrl,
    ) -> BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet> {
        BasicClient::new(self.client_id.clone())
            .set_client_secret(ClientSecret::new(self.client_secret.expose_secret().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(self.authorize.clone())
            .set_token_uri(self.token.clone())
            .set_redirect_uri(redirect_uri)
    }

    async fn exchange(
        &self,
        redirect_uri: RedirectUrl,
        code: AuthorizationCode,
        verifier: PkceCodeVerifier,
    ) -> Result<BasicTokenResponse, Problem> {
        self.client(redirect_uri)
            .exchange_code(code)
            .set_pkce_verifier(verifier)
            .request_async(&self.http)
            .await
            .map_err(|error| match &error {
                RequestTokenError::ServerResponse(said) => AT.no_token(&error, said.error().as_ref()),
                _ => AT.no_token(&error, ""),
            })
    }

    /// Asks the API, as the person whose token it is.
    async fn ask<T: DeserializeOwned>(&self, path: &str, token: &AccessToken) -> Result<T, Problem> {
        let request = Request::get(format!("{}{path}", self.api))
            .header(header::ACCEPT, "application/vnd.github+json")
            .header(header::AUTHORIZATION, format!("Bearer {}", token.secret()))
            .header("X-GitHub-Api-Version", "2022-11-28")
            .body(Vec::new())
            .map_err(|_| Problem::internal("a request to GitHub could not be put together"))?;
        let answer = self
            .http
            .ask(request)
            .await
            .map_err(|fault| AT.unreachable(&fault))?;
        if answer.status() != StatusCode::OK {
            let status = answer.status();
            return Err(AT.failed(&format!(
                "answers with the status {status} when it is asked who has logged in"
            )));
        }
        serde_json::from_slice(answer.body()).map_err(|_| AT.failed("does not tell who has logged in"))
    }
}

#[async_trait]
impl Login for GitHub {
    fn id(&self) -> &str {
        GITHUB
    }

    fn name(&self) -> &str {
        AT.0
    }

    async fn begin(&self, redirect_uri: &str) -> Result<Begun, Problem> {
        let redirect_uri = RedirectUrl::new(redirect_uri.to_owned()).map_err(Problem::internal)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state) = self
            .client(redirect_uri.clone())
            .authorize_url(CsrfToken::new_random)
            .add_scopes(["read:user", "user:email"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        let kept = Kept::new(GITHUB, redirect_uri, state, None, verifier);
        Ok(Begun {
            url: url.into(),
            state: kept.write()?,
        })
    }

    async fn finish(&self, state: &[u8], callback: &Callback) -> Result<Identity, Problem> {
        let (kept, code) = Kept::read(state, GITHUB, AT, callback)?;
        let token = self.exchange(kept.redirect_uri, code, kept.verifier).await?;
        let user: User = self.ask("/user", token.access_token()).await?;
        // Not the address in the profile, which is what its owner likes to show.
        let emails: Vec<Email> = self
            .ask("/user/emails?per_page=100", token.access_token())
            .await?;
        let primary = emails.into_iter().find(|email| email.primary);
        let primary = primary.ok_or_else(|| refused("GitHub tells no e-mail address"))?;
        Ok(Identity {
            subject: user.id.to_string(),
            email: primary.address,
            email_verified: primary.verified,
            name: user.name.filter(|name| !name.is_empty()).unwrap_or(user.login),
        })
    }
}
