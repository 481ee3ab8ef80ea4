//! How does the authorization server grant, and in which form does it answer?

use super::{Members, strings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The authorization endpoint (RFC 6749 §4.1.1, RFC 7636, RFC 8707, RFC 9207).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Authorization {
    /// Who consents.
    pub consent: Consent,
    /// Each request ends with this error redirect.
    pub error: Option<RedirectError>,
    /// The `iss` parameter of the response; absent to leave it out.
    pub iss: Option<String>,
    /// Error responses carry `iss`, too.
    pub iss_on_errors: bool,
    /// The `resource` parameter.
    pub resource: ResourceRule,
    /// A request without `scope` is refused.
    pub scope_required: bool,
    /// Scopes that are refused with `invalid_scope`.
    pub refused_scopes: Vec<String>,
    /// What is granted when no scope is asked for.
    pub default_scope: String,
    /// The types of `authorization_details` that are granted (RFC 9396); the metadata lists them. None when empty.
    pub details_types: Vec<String>,
    /// Vendor parameters that requests may carry.
    pub extra_parameters: Vec<String>,
    /// Parameters that are refused, though a specification knows them.
    pub refused_parameters: Vec<String>,
    /// How redirect URIs on loopback are compared.
    pub loopback_port: LoopbackPort,
    /// Seconds until an authorization code expires.
    pub code_lifetime: u64,
}

impl Default for Authorization {
    fn default() -> Self {
        Self {
            consent: Consent::Auto,
            error: None,
            iss: Some("{published}".into()),
            iss_on_errors: true,
            resource: ResourceRule::Required,
            scope_required: false,
            refused_scopes: Vec::new(),
            default_scope: String::new(),
            details_types: Vec::new(),
            extra_parameters: Vec::new(),
            refused_parameters: Vec::new(),
            loopback_port: LoopbackPort::Exact,
            code_lifetime: 60,
        }
    }
}

/// Who consents to an authorization request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// The server itself, at once.
    #[default]
    Auto,
    /// A person, on a page with two buttons.
    Page,
}

/// An error response of the authorization endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedirectError {
    /// The `error` parameter.
    pub error: String,
    /// The `error_description` parameter.
    #[serde(default)]
    pub error_description: Option<String>,
}

/// What a server does with the `resource` parameter (RFC 8707).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceRule {
    /// It must be there and be the right one.
    #[default]
    Required,
    /// It is not looked at, and the token has no audience because of it.
    Ignored,
    /// A request that has it is refused.
    Rejected,
}

/// How redirect URIs on loopback are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopbackPort {
    /// Like all others, character by character.
    #[default]
    Exact,
    /// With any port (RFC 8252 §7.3).
    Any,
}

/// The token endpoint (RFC 6749 §3.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// Client authentication methods that work; the metadata lists them.
    pub auth_methods: Vec<String>,
    /// The signature algorithms of client assertions that work; the metadata lists them.
    pub assertion_algorithms: Vec<String>,
    /// The only `typ` of client assertions that is taken; absent for each that a specification names, or none.
    pub assertion_typ: Option<String>,
    /// `client_secret_basic` is read without form decoding, against RFC 6749 §2.3.1.
    pub raw_basic: bool,
    /// The error for a client that is not known.
    pub unknown_client_error: String,
    /// Each request is refused with this error code.
    pub refused: Option<String>,
    /// The form of error answers.
    pub errors: ErrorForm,
    /// The `resource` parameter of the code exchange.
    pub resource: ResourceRule,
    /// Seconds until access tokens expire.
    pub lifetime: u64,
    /// HTTP status of success.
    pub status: u16,
    /// The form of good answers.
    pub form: TokenForm,
    /// The form of their `scope` member.
    pub scope_form: ScopeForm,
    /// Changes of good answers.
    pub answer: Members,
}

impl Default for Token {
    fn default() -> Self {
        Self {
            auth_methods: strings(&[
                "none",
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
            ]),
            assertion_algorithms: strings(&["ES256", "PS256", "RS256", "EdDSA"]),
            assertion_typ: None,
            raw_basic: false,
            unknown_client_error: "invalid_client".into(),
            refused: None,
            errors: ErrorForm::Oauth,
            resource: ResourceRule::Required,
            lifetime: 3600,
            status: 200,
            form: TokenForm::Json,
            scope_form: ScopeForm::Spaces,
            answer: Members::default(),
        }
    }
}

/// The form of an error answer of the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorForm {
    /// As in RFC 6749 §5.2.
    #[default]
    Oauth,
    /// The same body with status 200.
    StatusOk,
    /// `{"ok": false, "error": …}` with status 200.
    OkFalse,
    /// `{"message": …}` with this status.
    Message(u16),
    /// A line of text with this status.
    Text(u16),
}

/// The form of a good answer of the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenForm {
    /// JSON, as in RFC 6749 §5.1.
    #[default]
    Json,
    /// Form-encoded.
    Form,
    /// Form-encoded unless `Accept` names `application/json`.
    FormUnlessJsonAccepted,
    /// JSON with everything inside an `authed_user` member.
    Nested,
}

/// The form of a `scope` member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeForm {
    /// Separated by spaces (RFC 6749 §3.3).
    #[default]
    Spaces,
    /// Separated by commas.
    Commas,
    /// A JSON array.
    Array,
    /// Left out.
    Absent,
}

/// Tokens for clients themselves (RFC 6749 §4.4). Their requests keep the rules of [`Token`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientCredentials {
    /// The grant is offered to clients that authenticate.
    pub offered: bool,
    /// A refresh token comes along, against RFC 6749 §4.4.3.
    pub refresh_token: bool,
}

/// Refresh tokens (RFC 6749 §6, RFC 9700 §4.14).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refresh {
    /// When a refresh token is issued, to clients registered for that grant.
    pub issued: Issued,
    /// What becomes of it when it is used.
    pub rotation: Rotation,
    /// Seconds in which a rotated one is taken again as long as nobody has used its successor, for clients that never got the
    /// answer; 0 for never.
    pub grace: u64,
    /// The `resource` parameter of the refresh request.
    pub resource: ResourceRule,
}

/// When a refresh token is issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Issued {
    /// With each grant.
    #[default]
    Always,
    /// If `offline_access` was granted.
    WithOfflineAccess,
    /// If the authorization request had these parameters.
    WithParameters(BTreeMap<String, String>),
    /// Never.
    Never,
}

/// What becomes of a refresh token when it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// A new one replaces it; using the old one again revokes the whole family.
    #[default]
    Rotate,
    /// It stays valid and the answer does not repeat it.
    Keep,
}
