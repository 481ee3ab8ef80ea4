//! What does an authorization server say about itself? (RFC 8414, OpenID Connect Discovery)

use serde::{Deserialize, Serialize};

use crate::arc_str::ArcStr;
use crate::client::AuthMethods;
use crate::config::{Config, KnownClient, KnownEndpoints};
use crate::jose::Algorithms;
use crate::settings::GrantType;
use crate::uri::{HttpUrl, Issuer, Reach, UrlFault};
use crate::wire::json::{self, FromTexts, Loose, Text, Texts};

/// The registered well-known suffix of RFC 8414 §3.
pub(crate) const WELL_KNOWN_OAUTH: &str = "oauth-authorization-server";

/// The suffix of OpenID Connect Discovery §4.
pub(crate) const WELL_KNOWN_OPENID: &str = "openid-configuration";

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    issuer: Option<Text<'a>>,
    #[serde(borrow, default)]
    authorization_endpoint: Option<Text<'a>>,
    #[serde(borrow, default)]
    token_endpoint: Option<Text<'a>>,
    #[serde(borrow, default)]
    registration_endpoint: Option<Text<'a>>,
    #[serde(borrow, default)]
    device_authorization_endpoint: Option<Loose<'a>>,
    #[serde(borrow, default)]
    pushed_authorization_request_endpoint: Option<Loose<'a>>,
    #[serde(borrow, default)]
    revocation_endpoint: Option<Loose<'a>>,
    #[serde(default)]
    response_types_supported: Option<Texts<Names>>,
    #[serde(default)]
    grant_types_supported: Option<Texts<Names>>,
    #[serde(default)]
    scopes_supported: Option<Texts<Names>>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Texts<AuthMethods>>,
    #[serde(borrow, default)]
    token_endpoint_auth_signing_alg_values_supported: Option<Loose<'a>>,
    #[serde(borrow, default)]
    dpop_signing_alg_values_supported: Option<Loose<'a>>,
    #[serde(borrow, default)]
    authorization_grant_profiles_supported: Option<Loose<'a>>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Texts<Names>>,
    #[serde(default)]
    client_id_metadata_document_supported: Option<bool>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: Option<bool>,
    #[serde(borrow, default)]
    require_pushed_authorization_requests: Option<Loose<'a>>,
}

/// What matters in a list: whether there is anything in it, and which of the names that are looked for.
#[derive(Clone, Copy, Default)]
struct Names {
    any: bool,
    code: bool,
    authorization_code: bool,
    client_credentials: bool,
    jwt_bearer: bool,
    id_jag: bool,
    s256: bool,
    offline_access: bool,
}

impl FromTexts for Names {
    fn take(&mut self, name: &str) {
        self.any = true;
        match name {
            "code" => self.code = true,
            "authorization_code" => self.authorization_code = true,
            "client_credentials" => self.client_credentials = true,
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => self.jwt_bearer = true,
            "urn:ietf:params:oauth:grant-profile:id-jag" => self.id_jag = true,
            "S256" => self.s256 = true,
            "offline_access" => self.offline_access = true,
            _ => {}
        }
    }
}

impl Document<'_> {
    /// A catch-all page may be `{}`; with endpoints in it, it is a document that lacks what RFC 8414 §2 requires.
    fn without_issuer(&self) -> Fault {
        let endpoints = [&self.authorization_endpoint, &self.token_endpoint];
        if endpoints.into_iter().any(Option::is_some) {
            Fault::Missing("issuer")
        } else {
            Fault::NotADocument
        }
    }
}

/// Metadata that was found to belong to the issuer it was asked for: the only source of endpoints, besides the host's
/// own configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerMetadata {
    /// The identifier that the document was found by: the name under which credentials are kept.
    pub(crate) issuer: Issuer,
    /// The identifier that the document publishes: what `iss` is compared with (RFC 9207 §2.4). Differs from
    /// [`issuer`](Self::issuer) only by a named deviation or a root slash.
    pub(crate) published: ArcStr,
    /// Always there for the code flow, which alone needs it.
    #[serde(default)]
    pub(crate) authorization_endpoint: Option<HttpUrl>,
    pub(crate) token_endpoint: HttpUrl,
    pub(crate) registration_endpoint: Option<HttpUrl>,
    /// Always there for the device flow, which alone needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device_endpoint: Option<HttpUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pushed_endpoint: Option<HttpUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revocation_endpoint: Option<HttpUrl>,
    pub(crate) auth_methods: AuthMethods,
    /// What client assertions may be signed with.
    #[serde(default)]
    pub(crate) assertion_algorithms: Algorithms,
    /// What proofs of possession may be signed with; where nothing is listed, there are none.
    #[serde(default)]
    pub(crate) proof_algorithms: Algorithms,
    /// Whether authorization requests must be handed over beforehand (RFC 9126 §5).
    #[serde(default)]
    pub(crate) demands_pushed: bool,
    pub(crate) lists_offline_access: bool,
    pub(crate) supports_client_documents: bool,
    pub(crate) sends_iss: bool,
    /// Deviations that had to be used to accept the document.
    pub(crate) relaxed: Relaxed,
}

/// How a document fell short of the letter and was accepted by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Relaxed {
    pub(crate) root_slash: bool,
    pub(crate) pinned_issuer: bool,
    pub(crate) assumed_s256: bool,
    #[serde(default)]
    pub(crate) assumed_id_jag: bool,
    pub(crate) foreign_endpoint: bool,
    /// There is no document: the endpoints are those of 2025-03-26.
    pub(crate) guessed: bool,
}

/// Why a document cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not a document of this kind: the next place may have one.
    NotADocument,
    /// It names an issuer, but has members of the wrong type.
    Malformed,
    /// `issuer` is another one (RFC 8414 §3.3).
    IssuerMismatch { published: Box<str> },
    /// A member is missing that has to be there.
    Missing(&'static str),
    /// An endpoint is a URL that must not be used.
    BadEndpoint(&'static str, UrlFault),
    /// An endpoint is on another origin, and the configuration forbids that.
    ForeignEndpoint(&'static str),
    /// S256 is not listed.
    NoS256,
    /// `code` or `authorization_code` is not among what is offered.
    NoCodeFlow,
    /// The configured grant is not offered, or not what it needs.
    NoGrant(&'static str),
}

impl ServerMetadata {
    /// Where authorization requests are handed over beforehand: where the server demands that, or offers it and the host
    /// wants it (RFC 9126 §5).
    pub(crate) fn pushed_to(&self, wanted: bool) -> Option<&HttpUrl> {
        let endpoint = self.pushed_endpoint.as_ref();
        endpoint.filter(|_| wanted || self.demands_pushed)
    }

    /// Reads a document found at a well-known place of `issuer`.
    pub(crate) fn parse(body: &[u8], issuer: &Issuer, config: &Config) -> Result<Self, Fault> {
        let document: Document<'_> = json::object(body).ok_or_else(|| unreadable(body))?;
        let mut relaxed = Relaxed::default();
        let published =
            json::present(document.issuer.as_ref()).ok_or_else(|| document.without_issuer())?;
        check_issuer(published, issuer, config, &mut relaxed)?;

        let endpoint = |name, raw: Option<&str>| {
            raw.map(|raw| {
                HttpUrl::parse(raw, config.reach).map_err(|why| Fault::BadEndpoint(name, why))
            })
            .transpose()
        };
        let grant = config.settings.grant;
        let authorization_endpoint = endpoint(
            "authorization_endpoint",
            json::present(document.authorization_endpoint.as_ref()),
        )?;
        // RFC 8414 §2: not where no grant needs it.
        if grant == GrantType::AuthorizationCode && authorization_endpoint.is_none() {
            return Err(Fault::Missing("authorization_endpoint"));
        }
        let token_endpoint = endpoint(
            "token_endpoint",
            json::present(document.token_endpoint.as_ref()),
        )?
        .ok_or(Fault::Missing("token_endpoint"))?;
        let registration_endpoint = endpoint(
            "registration_endpoint",
            json::present(document.registration_endpoint.as_ref()),
        )?;
        // What this grant can do without keeps nobody from it.
        let same_origin = config.deviations().same_origin_endpoints;
        let spare = |found: Result<Option<HttpUrl>, Fault>, needed: bool| match found {
            Err(_) if !needed => Ok(None),
            Ok(Some(url)) if !needed && same_origin && !url.same_origin(issuer.url()) => Ok(None),
            found => found,
        };
        let demands_pushed = grant == GrantType::AuthorizationCode
            && json::says_yes(document.require_pushed_authorization_requests.as_ref());
        let device_endpoint = spare(
            endpoint(
                "device_authorization_endpoint",
                document
                    .device_authorization_endpoint
                    .as_ref()
                    .and_then(Loose::text),
            ),
            grant == GrantType::DeviceCode,
        )?;
        let pushed_endpoint = spare(
            endpoint(
                "pushed_authorization_request_endpoint",
                document
                    .pushed_authorization_request_endpoint
                    .as_ref()
                    .and_then(Loose::text),
            ),
            demands_pushed,
        )?;
        let revocation_endpoint = spare(
            endpoint(
                "revocation_endpoint",
                document.revocation_endpoint.as_ref().and_then(Loose::text),
            ),
            false,
        )?;
        for (name, url) in [
            ("authorization_endpoint", authorization_endpoint.as_ref()),
            ("token_endpoint", Some(&token_endpoint)),
            ("registration_endpoint", registration_endpoint.as_ref()),
            ("device_authorization_endpoint", device_endpoint.as_ref()),
            (
                "pushed_authorization_request_endpoint",
                pushed_endpoint.as_ref(),
            ),
            ("revocation_endpoint", revocation_endpoint.as_ref()),
        ] {
            if url.is_some_and(|url| !url.same_origin(issuer.url())) {
                if same_origin {
                    return Err(Fault::ForeignEndpoint(name));
                }
                relaxed.foreign_endpoint = true;
            }
        }

        let grant_types = json::taken(document.grant_types_supported);
        let offers = |listed: bool| !grant_types.any || listed;
        match grant {
            GrantType::AuthorizationCode => {
                let response_types = json::taken(document.response_types_supported);
                if (response_types.any && !response_types.code)
                    || !offers(grant_types.authorization_code)
                {
                    return Err(Fault::NoCodeFlow);
                }
                if demands_pushed && pushed_endpoint.is_none() {
                    return Err(Fault::Missing("pushed_authorization_request_endpoint"));
                }
                let methods = json::taken(document.code_challenge_methods_supported);
                if !methods.s256 {
                    // Only silence can be assumed away: a list without S256 is a refusal (RFC 7636 §4.2).
                    if methods.any || !config.deviations().assume_s256 {
                        return Err(Fault::NoS256);
                    }
                    relaxed.assumed_s256 = true;
                }
            }
            // RFC 8628 §4: the endpoint says it.
            GrantType::DeviceCode if device_endpoint.is_none() => {
                return Err(Fault::NoGrant("device_authorization_endpoint"));
            }
            GrantType::DeviceCode => {}
            GrantType::ClientCredentials if !offers(grant_types.client_credentials) => {
                return Err(Fault::NoGrant("client_credentials"));
            }
            GrantType::ClientCredentials => {}
            GrantType::WorkloadIdentity | GrantType::EnterpriseManaged => {
                if !offers(grant_types.jwt_bearer) {
                    return Err(Fault::NoGrant("jwt-bearer"));
                }
                let profiles: Names =
                    json::listed(document.authorization_grant_profiles_supported.as_ref());
                if grant == GrantType::EnterpriseManaged && !profiles.id_jag {
                    if !config.deviations().assume_id_jag {
                        return Err(Fault::NoGrant("id-jag"));
                    }
                    relaxed.assumed_id_jag = true;
                }
            }
        }

        Ok(Self {
            issuer: issuer.clone(),
            published: if relaxed.root_slash || relaxed.pinned_issuer {
                published.into()
            } else {
                issuer.url().text()
            },
            authorization_endpoint,
            token_endpoint,
            registration_endpoint,
            device_endpoint,
            pushed_endpoint,
            revocation_endpoint,
            auth_methods: json::taken(document.token_endpoint_auth_methods_supported),
            assertion_algorithms: json::listed(
                document
                    .token_endpoint_auth_signing_alg_values_supported
                    .as_ref(),
            ),
            proof_algorithms: json::listed(document.dpop_signing_alg_values_supported.as_ref()),
            demands_pushed,
            lists_offline_access: json::taken(document.scopes_supported).offline_access,
            supports_client_documents: document.client_id_metadata_document_supported == Some(true),
            sends_iss: document.authorization_response_iss_parameter_supported == Some(true),
            relaxed,
        })
    }

    /// What the host vouches for: no discovery happens, and S256 is sent on its word.
    pub(crate) fn configured(client: &KnownClient, endpoints: &KnownEndpoints) -> Self {
        Self::bare(
            client.issuer.clone(),
            endpoints.authorization.clone(),
            endpoints.token.clone(),
        )
    }

    /// A server of which no more is known than where the code flow goes.
    fn bare(issuer: Issuer, authorization_endpoint: HttpUrl, token_endpoint: HttpUrl) -> Self {
        Self {
            published: issuer.url().text(),
            issuer,
            authorization_endpoint: Some(authorization_endpoint),
            token_endpoint,
            registration_endpoint: None,
            device_endpoint: None,
            pushed_endpoint: None,
            revocation_endpoint: None,
            auth_methods: AuthMethods::default(),
            assertion_algorithms: Algorithms::default(),
            proof_algorithms: Algorithms::default(),
            demands_pushed: false,
            lists_offline_access: false,
            supports_client_documents: false,
            sends_iss: false,
            relaxed: Relaxed::default(),
        }
    }

    /// The endpoints that 2025-03-26 names for a server that publishes nothing; only by the deviation of that name.
    pub(crate) fn default_endpoints(issuer: &Issuer, reach: Reach) -> Option<Self> {
        let origin = issuer.url().origin();
        let at = |path: &str| HttpUrl::parse(&format!("{origin}{path}"), reach).ok();
        Some(Self {
            registration_endpoint: at("/register"),
            auth_methods: AuthMethods::from_names(["none"]),
            relaxed: Relaxed {
                assumed_s256: true,
                guessed: true,
                ..Relaxed::default()
            },
            ..Self::bare(issuer.clone(), at("/authorize")?, at("/token")?)
        })
    }
}

/// RFC 8414 §3.3: identical, as strings. Two exceptions, both visible: the root slash, and a pair pinned by name.
fn check_issuer(
    published: &str,
    issuer: &Issuer,
    config: &Config,
    relaxed: &mut Relaxed,
) -> Result<(), Fault> {
    if published == issuer.as_str() {
        return Ok(());
    }
    if issuer.same_but_root_slash(published) {
        relaxed.root_slash = true;
        return Ok(());
    }
    if let Some((asked, alias)) = &config.deviations().pinned_issuer
        && asked == issuer.as_str()
        && alias == published
    {
        relaxed.pinned_issuer = true;
        return Ok(());
    }
    Err(Fault::IssuerMismatch {
        published: published.into(),
    })
}

/// What is wrong with a body that does not read as a document: whether it names an issuer all the same.
fn unreadable(body: &[u8]) -> Fault {
    #[derive(Deserialize)]
    struct Identity<'a> {
        #[serde(borrow, default)]
        issuer: Option<Loose<'a>>,
    }
    let identity: Option<Identity<'_>> = json::object(body);
    let names_one = identity.is_some_and(|document| {
        document
            .issuer
            .is_some_and(|issuer| issuer.text().is_some())
    });
    if names_one {
        Fault::Malformed
    } else {
        Fault::NotADocument
    }
}
