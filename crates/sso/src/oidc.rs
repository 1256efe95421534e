//! Login by OpenID Connect: authorization code with PKCE, and an ID token that is believed only when all of it is right.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use ocore_domain::{Problem, Slug};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    DiscoveryError, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, SubjectIdentifier,
    TokenResponse, UserInfoError,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims,
        CoreJwsSigningAlgorithm as Algorithm, CoreProviderMetadata, CoreUserInfoClaims,
    },
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Begun, Callback, Identity, Login,
    http::{Fault, Http},
    kept::Kept,
    problems::{At, refused},
};

/// How long is believed what a provider said of itself and its keys.
const BELIEVED: Duration = Duration::from_secs(60 * 60);
/// How soon it may be asked again because a token has an unknown key.
const ASKED_AGAIN: Duration = Duration::from_secs(5);

/// How ID tokens may be signed: by keys that the provider alone has. Not by our own secret, and not at all not.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

pub(crate) struct Oidc {
    id: Slug,
    name: String,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: SecretString,
    http: Http,
    said: Mutex<Option<Said>>,
}

/// What the provider said of itself.
#[derive(Clone)]
struct Said {
    metadata: Arc<CoreProviderMetadata>,
    when: Instant,
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oidc")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl Oidc {
    pub(crate) fn new(
        id: Slug,
        name: String,
        issuer: String,
        client_id: String,
        client_secret: SecretString,
        http: Http,
    ) -> Result<Self, Problem> {
        Ok(Self {
            id,
            name,
            issuer: IssuerUrl::new(issuer).map_err(Problem::internal)?,
            client_id: ClientId::new(client_id),
            client_secret,
            http,
            said: Mutex::new(None),
        })
    }

    fn at(&self) -> At<'_> {
        At(&self.name)
    }

    /// What the provider says of itself: as it said before, unless that is older than `age`.
    async fn metadata(&self, age: Duration) -> Result<Arc<CoreProviderMetadata>, Problem> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(said) = said.filter(|said| said.when.elapsed() < age) {
            return Ok(said.metadata);
        }
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http)
            .await
            .map_err(|error| self.undiscovered(&error))?;
        let supported = metadata.id_token_signing_alg_values_supported();
        let signing = ALGORITHMS
            .into_iter()
            .filter(|one| supported.contains(one))
            .collect();
        let metadata = Arc::new(metadata.set_id_token_signing_alg_values_supported(signing));
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(Said {
            metadata: Arc::clone(&metadata),
            when: Instant::now(),
        });
        Ok(metadata)
    }

    fn undiscovered(&self, error: &DiscoveryError<Fault>) -> Problem {
        match error {
            DiscoveryError::Request(fault) => self.at().unreachable(fault),
            DiscoveryError::Response(status, ..) => self.at().failed(&format!(
                "answers with the status {status} when it is asked what it is"
            )),
            DiscoveryError::Validation(_) => self
                .at()
                .failed("says that its address is another than the configured one"),
            _ => self
                .at()
                .failed("does not say what it is in a way that can be read"),
        }
    }

    fn client(&self, metadata: &CoreProviderMetadata, redirect_uri: RedirectUrl) -> Client {
        let secret = ClientSecret::new(self.client_secret.expose_secret().to_owned());
        let by_form_only = metadata
            .token_endpoint_auth_methods_supported()
            .is_some_and(|ways| {
                ways.contains(&CoreClientAuthMethod::ClientSecretPost)
                    && !ways.contains(&CoreClientAuthMethod::ClientSecretBasic)
            });
        let client =
            CoreClient::from_provider_metadata(metadata.clone(), self.client_id.clone(), Some(secret))
                .set_redirect_uri(redirect_uri);
        if by_form_only {
            client.set_auth_type(AuthType::RequestBody)
        } else {
            client
        }
    }

    /// What an ID token says, if it may be believed. A key that is not known may be new: the provider is asked again.
    async fn claims(
        &self,
        client: &Client,
        redirect_uri: &RedirectUrl,
        token: &Tokens<'_>,
        nonce: &Nonce,
    ) -> Result<CoreIdTokenClaims, Problem> {
        let mut claims = token.claims(client, nonce);
        if claims == Err(UNKNOWN_KEY) {
            let metadata = self.metadata(ASKED_AGAIN).await?;
            claims = token.claims(&self.client(&metadata, redirect_uri.clone()), nonce);
        }
        claims.map_err(|why| {
            self.at()
                .failed(&format!("sent an ID token that cannot be believed: {why}"))
        })
    }

    /// What the provider tells beyond the ID token.
    async fn user_info(
        &self,
        client: &Client,
        access: AccessToken,
        subject: SubjectIdentifier,
    ) -> Result<Option<CoreUserInfoClaims>, Problem> {
        let Ok(request) = client.user_info(access, Some(subject)) else {
            return Ok(None);
        };
        request
            .request_async(&self.http)
            .await
            .map(Some)
            .map_err(|error| match &error {
                UserInfoError::Request(fault) => self.at().unreachable(fault),
                _ => self.at().failed("does not tell who has logged in"),
            })
    }
}

/// Why a token whose key is not known is not believed.
const UNKNOWN_KEY: &str = "it is signed with a key that the provider does not name";

/// What came for a code.
struct Tokens<'a> {
    id: &'a CoreIdToken,
    access: &'a AccessToken,
}

impl Tokens<'_> {
    /// What the ID token says, or why it is not believed. Not the token's own words: they may be anything.
    fn claims(&self, client: &Client, nonce: &Nonce) -> Result<CoreIdTokenClaims, &'static str> {
        use ClaimsVerificationError as Wrong;
        let verifier = client.id_token_verifier();
        let claims = self.id.claims(&verifier, nonce).map_err(|error| match error {
            Wrong::SignatureVerification(SignatureVerificationError::NoMatchingKey) => UNKNOWN_KEY,
            Wrong::SignatureVerification(_) => "its signature is not right",
            Wrong::Expired(_) => "it has expired, or the clock of one of the two is wrong",
            Wrong::InvalidAudience(_) => "it is for somebody else",
            Wrong::InvalidIssuer(_) => "it is from somebody else",
            Wrong::InvalidNonce(_) => "it is of another login",
            _ => "it is not as it must be",
        })?;
        if let Some(told) = claims.access_token_hash() {
            let counted = self
                .id
                .signing_alg()
                .ok()
                .zip(self.id.signing_key(&verifier).ok());
            let counted =
                counted.and_then(|(alg, key)| AccessTokenHash::from_token(self.access, alg, key).ok());
            if counted.as_ref() != Some(told) {
                return Err("it is of another access token");
            }
        }
        Ok(claims.clone())
    }
}

#[async_trait]
impl Login for Oidc {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn name(&self) -> &str {
        &self.name
    }

    async fn begin(&self, redirect_uri: &str) -> Result<Begun, Problem> {
        let redirect_uri = RedirectUrl::new(redirect_uri.to_owned()).map_err(Problem::internal)?;
        let metadata = self.metadata(BELIEVED).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self
            .client(&metadata, redirect_uri.clone())
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(["email", "profile"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        let kept = Kept::new(self.id(), redirect_uri, state, Some(nonce), verifier);
        Ok(Begun {
            url: url.into(),
            state: kept.write()?,
        })
    }

    async fn finish(&self, state: &[u8], callback: &Callback) -> Result<Identity, Problem> {
        let (kept, code) = Kept::read(state, self.id(), self.at(), callback)?;
        if callback
            .iss
            .as_ref()
            .is_some_and(|iss| iss != self.issuer.as_str())
        {
            return Err(refused("The browser came back from another provider"));
        }
        let nonce = kept
            .nonce
            .ok_or_else(|| Problem::internal("the state of a login has no nonce"))?;
        let metadata = self.metadata(BELIEVED).await?;
        let client = self.client(&metadata, kept.redirect_uri.clone());
        let answer = client
            .exchange_code(code)
            .map_err(|_| self.at().failed("does not say where tokens are"))?
            .set_pkce_verifier(kept.verifier)
            .request_async(&self.http)
            .await
            .map_err(|error| match &error {
                RequestTokenError::ServerResponse(said) => self.at().no_token(&error, said.error().as_ref()),
                _ => self.at().no_token(&error, ""),
            })?;
        let tokens = Tokens {
            id: answer
                .id_token()
                .ok_or_else(|| self.at().failed("sent no ID token"))?,
            access: answer.access_token(),
        };
        let claims = self.claims(&client, &kept.redirect_uri, &tokens, &nonce).await?;
        let mut found = Found::from_token(&claims);
        if found.email.is_none() || found.name.is_none() {
            let subject = claims.subject().clone();
            let told = self.user_info(&client, tokens.access.clone(), subject).await?;
            found = found.or(told.as_ref());
        }
        let email = found
            .email
            .ok_or_else(|| refused(&format!("{} tells no e-mail address", self.name)))?;
        Ok(Identity {
            subject: claims.subject().to_string(),
            name: found.name.unwrap_or_else(|| email.clone()),
            email,
            email_verified: found.email_verified,
        })
    }
}

/// What is told of a person, by token or by the userinfo endpoint.
struct Found {
    email: Option<String>,
    email_verified: bool,
    name: Option<String>,
}

impl Found {
    fn from_token(claims: &CoreIdTokenClaims) -> Self {
        let name = claims.name().and_then(|name| name.get(None));
        Self {
            email: claims.email().map(|email| email.to_string()),
            email_verified: claims.email_verified().unwrap_or(false),
            name: name
                .map(|name| name.to_string())
                .or_else(|| claims.preferred_username().map(|name| name.to_string())),
        }
    }

    /// The same, with what it lacks from there. Whether an address is verified is said by whoever told the address.
    fn or(self, told: Option<&CoreUserInfoClaims>) -> Self {
        let Some(told) = told else { return self };
        let (email, email_verified) = match self.email {
            Some(email) => (Some(email), self.email_verified),
            None => (
                told.email().map(|email| email.to_string()),
                told.email_verified().unwrap_or(false),
            ),
        };
        let name = told.name().and_then(|name| name.get(None));
        Self {
            email,
            email_verified,
            name: self
                .name
                .or_else(|| name.map(|name| name.to_string()))
                .or_else(|| told.preferred_username().map(|name| name.to_string())),
        }
    }
}
