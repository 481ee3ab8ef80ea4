//! What has the host decided beforehand?
//!
//! [`Settings`] is what a person or a program writes; [`Config`] is what came out of checking it, once.

mod check;

use std::sync::Arc;

use crate::arc_str::ArcStr;
use crate::client::{AuthMethod, AuthMethods, Client, ClientAuth, ClientOrigin, is_client_id};
use crate::error::ConfigError;
use crate::jose::PublicKey;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::settings::{Deviations, IdentityProvider, Preregistered, Settings};
use crate::uri::{HttpUrl, Issuer, Reach, RedirectKind, RedirectUri};
use crate::wire::authorization_details;

/// Checked configuration. Immutable; shared by any number of machines through an [`Arc`].
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) settings: Settings,
    pub(crate) server: HttpUrl,
    pub(crate) reach: Reach,
    pub(crate) scopes: Option<ScopeSet>,
    pub(crate) preregistered: Option<KnownClient>,
    pub(crate) identity_provider: Option<KnownProvider>,
    pub(crate) user_agent: Arc<str>,
    pub(crate) protocol_version: Arc<str>,
}

/// [`Preregistered`], checked.
#[derive(Clone, Debug)]
pub(crate) struct KnownClient {
    pub(crate) issuer: Issuer,
    pub(crate) client_id: ArcStr,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) auth_method: Option<AuthMethod>,
    pub(crate) endpoints: Option<KnownEndpoints>,
}

/// [`IdentityProvider`], checked.
#[derive(Clone, Debug)]
pub(crate) struct KnownProvider {
    pub(crate) issuer: Issuer,
    pub(crate) token_endpoint: HttpUrl,
    pub(crate) client: Arc<Client>,
}

/// [`GivenEndpoints`], checked.
#[derive(Clone, Debug)]
pub(crate) struct KnownEndpoints {
    pub(crate) authorization: HttpUrl,
    pub(crate) token: HttpUrl,
    pub(crate) resource: Option<HttpUrl>,
}

/// Parameters that the flow itself sets; nobody else may.
pub(crate) const FLOW_PARAMETERS: &[&str] = &[
    "actor_token",
    "actor_token_type",
    "assertion",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "device_code",
    "dpop_jkt",
    "grant_type",
    "redirect_uri",
    "refresh_token",
    "request",
    "request_uri",
    "requested_token_type",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "subject_token",
    "subject_token_type",
];

impl Config {
    /// Checks settings.
    ///
    /// # Errors
    /// [`ConfigError`] names the first member that cannot work.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let reach = match settings.reach {
            Some(reach) => reach,
            None => check::natural_reach(&settings.server_url),
        };
        let url = |field, raw: &str| {
            HttpUrl::parse(raw, reach).map_err(|_| ConfigError {
                field,
                problem: "not an https URL that may be reached",
            })
        };
        let server = url("server_url", &settings.server_url)?;
        if !server.contains(&server) {
            return Err(ConfigError {
                field: "server_url",
                problem: "has dot segments",
            });
        }
        // Port 0 is a wish, not a port: any other one stands for it in comparisons, which leave loopback ports aside.
        let redirect = check::redirect_uri(
            &settings.redirect_uri.replacen(":0/", ":1/", 1),
            "redirect_uri",
            settings.private_scheme_redirect,
        )?;
        let preregistered = settings
            .preregistered
            .as_ref()
            .map(|given| KnownClient::check(given, reach, settings.client_key.is_some()))
            .transpose()?;
        let identity_provider = settings
            .identity_provider
            .as_ref()
            .map(|given| KnownProvider::check(given, reach, settings.client_key.is_some()))
            .transpose()?;
        check::grant(&settings)?;
        check::keys(&settings, reach)?;
        if let Some(document) = &settings.client_document {
            check::document(document, reach, &redirect, settings.private_scheme_redirect)?;
        }
        for (field, parameters) in [
            ("authorize_parameters", &settings.authorize_parameters),
            ("token_parameters", &settings.token_parameters),
        ] {
            let reserved = |(name, _): &(String, String)| FLOW_PARAMETERS.contains(&name.as_str());
            if parameters.iter().any(reserved) {
                return Err(ConfigError {
                    field,
                    problem: "names a parameter that the flow itself sets",
                });
            }
            // RFC 9396 §2: the value has a form of its own.
            let details = parameters
                .iter()
                .filter(|(name, _)| name == "authorization_details");
            if !details
                .into_iter()
                .all(|(_, value)| authorization_details::is_well_formed(value))
            {
                return Err(ConfigError {
                    field,
                    problem: "authorization_details is not a JSON array of objects with a type",
                });
            }
        }
        let scopes = match &settings.scopes {
            None => None,
            Some(list) => Some(check::scopes(list)?),
        };
        if let Some(issuer) = &settings.authorization_server {
            Issuer::parse(issuer, reach).map_err(|_| ConfigError {
                field: "authorization_server",
                problem: "not an issuer identifier",
            })?;
        }
        if settings.client_name.trim().is_empty() {
            return Err(ConfigError {
                field: "client_name",
                problem: "empty: some servers refuse to register a client without a name",
            });
        }
        let header = |field, value: &str| {
            let visible = |byte: u8| matches!(byte, 0x20..=0x7e);
            if value.is_empty() || !value.bytes().all(visible) {
                return Err(ConfigError {
                    field,
                    problem: "not a header value",
                });
            }
            Ok(Arc::<str>::from(value))
        };
        for (field, token) in [
            ("initial_access_token", &settings.initial_access_token),
            ("software_statement", &settings.software_statement),
        ] {
            let Some(token) = token else { continue };
            if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
                let problem = "not a token";
                return Err(ConfigError { field, problem });
            }
            // REG-10: whichever server the resource names would get it.
            if settings.authorization_server.is_none() {
                let problem = "needs authorization_server: it is meant for one server alone";
                return Err(ConfigError { field, problem });
            }
        }
        Ok(Self {
            user_agent: header("user_agent", &settings.user_agent)?,
            protocol_version: header("protocol_version", &settings.protocol_version)?,
            server,
            reach,
            scopes,
            preregistered,
            identity_provider,
            settings,
        })
    }

    /// The MCP server's URL, exactly as configured.
    pub fn server_url(&self) -> &str {
        self.server.as_str()
    }

    /// Which addresses requests may reach: as configured, or what the server URL by itself vouches for.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    pub(crate) fn deviations(&self) -> &Deviations {
        &self.settings.deviations
    }

    /// The client registered beforehand with this issuer, if there is one.
    pub(crate) fn client_for(&self, issuer: &Issuer, supported: AuthMethods) -> Option<Client> {
        let known = self.registered_with(issuer)?;
        let secret = known.client_secret.clone();
        Some(Client {
            id: known.client_id.clone(),
            auth: ClientAuth::choose(secret, known.auth_method, supported),
            ..Client::preregistered()
        })
    }

    /// The client registered beforehand, for the issuer that it is registered with and no other (REG-12).
    fn registered_with(&self, issuer: &Issuer) -> Option<&KnownClient> {
        let known = self.preregistered.as_ref();
        known.filter(|known| known.issuer == *issuer)
    }

    /// The client that the configured document describes: public or with a key, since such a document shares no secret (REG-05).
    pub(crate) fn document_client(&self) -> Option<Client> {
        let document = self.settings.client_document.as_ref()?;
        Some(Client {
            id: document.url.as_str().into(),
            auth: ClientAuth::choose(None, document.auth_method, AuthMethods::default()),
            origin: ClientOrigin::Document,
            ..Client::preregistered()
        })
    }

    /// Whether a client of this id is configured for this issuer: registered beforehand with it, or described by the
    /// document.
    pub(crate) fn names_client(&self, id: &str, issuer: &Issuer) -> bool {
        let registered = self.registered_with(issuer);
        let document = self.settings.client_document.as_ref();
        registered.is_some_and(|known| *known.client_id == *id)
            || document.is_some_and(|document| document.url == id)
    }

    /// The key that tokens of this issuer are to be bound to.
    pub(crate) fn dpop_key(&self, issuer: &Issuer) -> Option<&PublicKey> {
        let keys = &self.settings.dpop_keys;
        let named = keys
            .iter()
            .find(|key| key.issuer.as_deref() == Some(issuer.as_str()));
        let any = || keys.iter().find(|key| key.issuer.is_none());
        named.or_else(any).map(|key| &key.key)
    }

    /// The key that tokens are bound to already, if it is still here.
    pub(crate) fn bound_key(&self, thumbprint: &str) -> Option<&PublicKey> {
        let keys = self.settings.dpop_keys.iter().map(|key| &key.key);
        keys.into_iter()
            .find(|key| **key.thumbprint() == *thumbprint)
    }

    /// Whether a redirect URI is of a kind that may be used: a stored one was allowed by earlier settings.
    pub(crate) fn allows_redirect(&self, redirect: &RedirectUri) -> bool {
        self.settings.private_scheme_redirect || redirect.kind() != RedirectKind::PrivateUse
    }

    /// Whether the client ID metadata document lists this redirect URI (REG-06).
    pub(crate) fn document_lists(&self, redirect: &RedirectUri) -> bool {
        self.settings
            .client_document
            .as_ref()
            .is_some_and(|document| {
                document
                    .redirect_uris
                    .iter()
                    .any(|listed| redirect.matches_registered(listed))
            })
    }
}

impl KnownClient {
    fn check(given: &Preregistered, reach: Reach, has_key: bool) -> Result<Self, ConfigError> {
        let issuer = Issuer::parse(&given.issuer, reach).map_err(|_| ConfigError {
            field: "preregistered.issuer",
            problem: "not an issuer identifier",
        })?;
        if !is_client_id(&given.client_id) {
            return Err(ConfigError {
                field: "preregistered.client_id",
                problem: "empty or not printable ASCII",
            });
        }
        let secret = given.client_secret.as_ref();
        let auth_method =
            check::auth_method(secret, given.auth_method, has_key).map_err(|problem| {
                let field = "preregistered.auth_method";
                ConfigError { field, problem }
            })?;
        let endpoint = |raw: &str| {
            HttpUrl::parse(raw, reach).map_err(|_| ConfigError {
                field: "preregistered.endpoints",
                problem: "not an https URL that may be reached",
            })
        };
        let endpoints = match &given.endpoints {
            None => None,
            Some(endpoints) => Some(KnownEndpoints {
                authorization: endpoint(&endpoints.authorization)?,
                token: endpoint(&endpoints.token)?,
                resource: endpoints.resource.as_deref().map(endpoint).transpose()?,
            }),
        };
        Ok(Self {
            issuer,
            client_id: given.client_id.as_str().into(),
            client_secret: given.client_secret.clone(),
            auth_method,
            endpoints,
        })
    }
}

impl KnownProvider {
    fn check(given: &IdentityProvider, reach: Reach, has_key: bool) -> Result<Self, ConfigError> {
        let wrong = |field, problem| ConfigError { field, problem };
        let issuer = Issuer::parse(&given.issuer, reach)
            .map_err(|_| wrong("identity_provider.issuer", "not an issuer identifier"))?;
        let token_endpoint = HttpUrl::parse(&given.token_endpoint, reach).map_err(|_| {
            let problem = "not an https URL that may be reached";
            wrong("identity_provider.token_endpoint", problem)
        })?;
        if !is_client_id(&given.client_id) {
            let problem = "empty or not printable ASCII";
            return Err(wrong("identity_provider.client_id", problem));
        }
        let secret = given.client_secret.clone();
        let method = check::auth_method(secret.as_ref(), given.auth_method, has_key)
            .map_err(|problem| wrong("identity_provider.auth_method", problem))?;
        Ok(Self {
            issuer,
            token_endpoint,
            client: Arc::new(Client {
                id: given.client_id.as_str().into(),
                auth: ClientAuth::choose(secret, method, AuthMethods::default()),
                ..Client::preregistered()
            }),
        })
    }
}
