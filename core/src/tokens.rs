//! What are tokens kept together with, and who may use them?

use serde::{Deserialize, Serialize};

use crate::arc_str::ArcStr;
use crate::client::{AuthKind, AuthMethods, Client, ClientAuth, ClientOrigin};
use crate::config::Config;
use crate::limits::CLAIM_MS;
use crate::scope::ScopeSet;
use crate::secret::{self, Secret};
use crate::time::Timestamp;
use crate::uri::{HttpUrl, Issuer};
use crate::wire::resource_metadata::Resource;

/// Tokens, with everything that they must not be parted from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tokens {
    /// The whole header value, `Bearer …`, so that using it costs nothing.
    #[serde(serialize_with = "secret::exposed")]
    pub(crate) authorization: Secret,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "secret::exposed_option"
    )]
    pub(crate) refresh_token: Option<Secret>,
    /// The generation of the record that brought these tokens.
    pub(crate) generation: u64,
    pub(crate) issued_at: Timestamp,
    /// Absolute, so that it survives a restart; `None` if the server did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    /// Asked for, in order: what a step-up adds to.
    pub(crate) requested: ScopeSet,
    pub(crate) granted: ScopeSet,
    pub(crate) resource: Resource,
    pub(crate) client: TokenClient,
    /// From validated metadata of this issuer, or configured.
    pub(crate) token_endpoint: HttpUrl,
    /// Where they are revoked, if the server offers that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revocation_endpoint: Option<HttpUrl>,
    /// What the issuer calls itself, where that is not what it was asked for by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<ArcStr>,
    /// The thumbprint of the key that they are bound to (RFC 9449 §6): of no use without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bound_to: Option<ArcStr>,
    /// That of the key that was proved when an access token came that is bound to none: the refresh token may be (RFC 9449 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proved_with: Option<ArcStr>,
    /// Who alone may send the refresh token, if somebody is about to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) claim: Option<Claim>,
    /// Refreshes in a row that may have been acted upon without an answer (REF-11).
    #[serde(default, skip_serializing_if = "is_none_at_all")]
    pub(crate) unanswered: u8,
}

/// One process's right to send a refresh token, for a while: two that send the same one look like theft (RFC 9700 §4.14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Drawn for each claim, so that a process knows its own.
    pub(crate) by: u32,
    /// When it runs out, should its process have died.
    pub(crate) until: Timestamp,
}

impl Claim {
    /// Whether it still holds. One that ends later than any claim can comes from a clock that is wrong, and would keep
    /// everybody waiting.
    pub(crate) fn is_live(self, now: Timestamp) -> bool {
        let left = self.until.millis_since(now);
        0 < left && left <= 2 * CLAIM_MS
    }
}

fn is_none_at_all(count: &u8) -> bool {
    *count == 0
}

/// The client that tokens were issued to, as it authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenClient {
    pub(crate) id: ArcStr,
    pub(crate) origin: ClientOrigin,
    auth: AuthKind,
    /// Where the configuration does not hold it. A copy, since the registration may be replaced while its tokens live.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "secret::exposed_option"
    )]
    secret: Option<Secret>,
}

/// The configured client of this issuer and id, if there is one: no client meets another's tokens (REG-12).
fn configured(id: &str, issuer: &Issuer, config: &Config) -> Option<Client> {
    let preregistered = config.client_for(issuer, AuthMethods::default());
    [preregistered, config.document_client()]
        .into_iter()
        .flatten()
        .find(|client| *client.id == *id)
}

impl TokenClient {
    pub(crate) fn new(client: &Client, issuer: &Issuer, config: &Config) -> Self {
        let secret = match &client.auth {
            ClientAuth::None | ClientAuth::PrivateKeyJwt => None,
            ClientAuth::Basic(secret)
            | ClientAuth::BasicUnencoded(secret)
            | ClientAuth::Post(secret) => Some(secret.clone()),
        };
        let known = config.names_client(&client.id, issuer);
        Self {
            id: client.id.clone(),
            origin: client.origin,
            auth: client.auth.kind(),
            secret: secret.filter(|_| !known),
        }
    }

    /// The client itself. `None`: it was configured, and is not any more.
    pub(crate) fn of(&self, issuer: &Issuer, config: &Config) -> Option<Client> {
        let stored = || Client {
            id: self.id.clone(),
            auth: match &self.secret {
                Some(secret) => ClientAuth::Basic(secret.clone()),
                None if self.auth == AuthKind::PrivateKeyJwt => ClientAuth::PrivateKeyJwt,
                None => ClientAuth::None,
            },
            origin: self.origin,
            ..Client::preregistered()
        };
        let client = configured(&self.id, issuer, config)
            .or_else(|| self.is_complete(config).then(stored))?;
        Some(Client {
            auth: client.auth.presented_as(self.auth),
            ..client
        })
    }

    /// Whether there is a client [of](Self::of) it, at no cost: requests ask.
    pub(crate) fn is_known(&self, issuer: &Issuer, config: &Config) -> bool {
        self.is_complete(config) || config.names_client(&self.id, issuer)
    }

    /// Whether the configuration has nothing to add but the key.
    fn is_complete(&self, config: &Config) -> bool {
        let enough = match self.auth {
            AuthKind::None => true,
            AuthKind::PrivateKeyJwt => config.settings.client_key.is_some(),
            AuthKind::Basic | AuthKind::BasicUnencoded | AuthKind::Post => self.secret.is_some(),
        };
        enough && (self.origin != ClientOrigin::Document || self.secret.is_some())
    }
}

impl Tokens {
    /// Whether the values could have come from here, whoever stored them.
    pub(crate) fn is_plausible(&self, config: &Config) -> bool {
        let header = self.authorization.expose();
        self.token_endpoint.may_be_reached(config.reach)
            && self.resource.covers.contains(&config.server)
            && self
                .revocation_endpoint
                .as_ref()
                .is_none_or(|url| url.may_be_reached(config.reach))
            && header.starts_with(match self.bound_to {
                Some(_) => "DPoP ",
                None => "Bearer ",
            })
            && header.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
    }

    /// The thumbprint of the key that a refresh is proved with.
    pub(crate) fn refresh_key(&self) -> Option<&ArcStr> {
        self.bound_to.as_ref().or(self.proved_with.as_ref())
    }

    /// Whether the access token can be used at `now`, with so much of its life left: at most half of it, so that a new
    /// token is not due at once.
    pub(crate) fn is_good(&self, now: Timestamp, skew_ms: u64) -> bool {
        self.expires_at
            .is_none_or(|at| now.after(self.within_life(at, skew_ms)) < at)
    }

    fn within_life(&self, expires_at: Timestamp, skew_ms: u64) -> u64 {
        skew_ms.min(expires_at.millis_since(self.issued_at) / 2)
    }

    /// Refreshes in a row that may have been acted upon without an answer, the one of a claim that ran out included.
    pub(crate) fn unknown_refreshes(&self, now: Timestamp) -> u8 {
        let lost = self.claim.is_some_and(|claim| !claim.is_live(now));
        self.unanswered.saturating_add(lost.into())
    }

    /// When the tokens should be renewed, if they can be.
    pub(crate) fn refresh_at(&self, skew_ms: u64) -> Option<Timestamp> {
        self.expires_at
            .map(|at| at.before(self.within_life(at, skew_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Preregistered, Settings};
    use crate::uri::Reach;

    // REG-12
    #[test]
    fn a_client_is_known_where_there_is_one_of_its_issuer() {
        let issuer = Issuer::parse("https://as.example.com", Reach::Public).unwrap();
        let other = Issuer::parse("https://other.example.com", Reach::Public).unwrap();
        let settings = Settings {
            server_url: "https://mcp.example.com/mcp".into(),
            preregistered: Some(Preregistered {
                issuer: issuer.as_str().into(),
                client_id: "configured".into(),
                client_secret: Some(Secret::new("s3cret")),
                auth_method: None,
                endpoints: None,
            }),
            ..Settings::default()
        };
        let config = Config::new(settings).unwrap();
        for (id, auth, secret, at_issuer, at_other) in [
            ("configured", AuthKind::Basic, None, true, false),
            ("configured", AuthKind::None, None, true, true),
            ("registered", AuthKind::Basic, None, false, false),
            ("registered", AuthKind::Post, Some("s3cret"), true, true),
            ("registered", AuthKind::None, None, true, true),
        ] {
            let client = TokenClient {
                id: id.into(),
                origin: ClientOrigin::Dynamic,
                auth,
                secret: secret.map(Secret::new),
            };
            for (issuer, known) in [(&issuer, at_issuer), (&other, at_other)] {
                assert_eq!(client.is_known(issuer, &config), known, "{id} {auth:?}");
                assert_eq!(client.of(issuer, &config).is_some(), known, "{id} {auth:?}");
            }
        }
    }
}
