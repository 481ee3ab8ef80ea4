//! Which clients does the authorization server take, and what does it tell them?

use super::Members;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Clients: registered dynamically (RFC 7591), beforehand, or by a client ID metadata document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    /// Dynamic client registration is offered.
    pub offered: bool,
    /// Clients known beforehand, at the first authorization server.
    pub clients: Vec<PreRegistered>,
    /// Client ID metadata documents by URL: nothing can be fetched, so they are given here. The
    /// metadata advertises support when there is one.
    pub client_documents: BTreeMap<String, Value>,
    /// JWK sets by URL, for the `jwks_uri` of a registration or a document: nothing can be fetched.
    pub key_sets: BTreeMap<String, Value>,
    /// Which grant types a request must list.
    pub grant_types: GrantTypes,
    /// Members that a request must not have, beyond those that no specification knows.
    pub refused_members: Vec<String>,
    /// A request without `client_name` is refused.
    pub name_required: bool,
    /// A `client_name` that contains this, without regard to case, is refused.
    pub refused_name_part: Option<String>,
    /// Only these values of `client_name` are taken; others get 403 with a plain text.
    pub allowed_names: Option<Vec<String>>,
    /// Only redirect URIs with these hosts are taken.
    pub allowed_redirect_hosts: Option<Vec<String>>,
    /// Only these scopes may be registered.
    pub allowed_scopes: Option<Vec<String>>,
    /// The scope of a client that registers none; absent for all scopes.
    pub scope_when_absent: Option<String>,
    /// A client may ask for no more than it registered (RFC 7591 §2).
    pub scope_limits: bool,
    /// An initial access token that requests must carry (RFC 7591 §3).
    pub initial_access_token: Option<String>,
    /// HTTP status of success, 201 by default.
    pub status: u16,
    /// When a client secret is issued.
    pub secret: Secret,
    /// Secrets contain characters that form encoding changes, such as `/` and `=`.
    pub reserved_characters_in_secret: bool,
    /// Seconds until a secret expires, counted from registration; 0 for never, negative for expired.
    pub secret_lifetime: i64,
    /// Changes of the answer. What is stored of the client is what the answer says.
    pub answer: Members,
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            offered: true,
            clients: Vec::new(),
            client_documents: BTreeMap::new(),
            key_sets: BTreeMap::new(),
            grant_types: GrantTypes::AuthorizationCode,
            refused_members: Vec::new(),
            name_required: false,
            refused_name_part: None,
            allowed_names: None,
            allowed_redirect_hosts: None,
            allowed_scopes: None,
            scope_when_absent: None,
            scope_limits: true,
            initial_access_token: None,
            status: 201,
            secret: Secret::ByMethod,
            reserved_characters_in_secret: false,
            secret_lifetime: 0,
            answer: Members::default(),
        }
    }
}

/// Which grant types a registration must list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantTypes {
    /// `authorization_code`, maybe with `refresh_token`.
    AuthorizationCode,
    /// Both, and nothing else.
    ExactlyCodeAndRefresh,
}

/// When a registration's answer carries a client secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// If the authentication method uses one.
    ByMethod,
    /// In any case; then the token endpoint wants it, whatever the method says.
    Always,
}

/// A client known beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreRegistered {
    /// The client identifier.
    pub client_id: String,
    /// Its secret, if it has one.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Its authentication method; absent for any that fits the secret.
    #[serde(default)]
    pub token_endpoint_auth_method: Option<String>,
    /// Its public keys, a JWK set, if it authenticates with `private_key_jwt`.
    #[serde(default)]
    pub jwks: Option<Value>,
    /// The grant types that it may use; absent for all.
    #[serde(default)]
    pub grant_types: Option<Vec<String>>,
    /// Its redirect URIs.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Its scope; absent for all scopes.
    #[serde(default)]
    pub scope: Option<String>,
}
