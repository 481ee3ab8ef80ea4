//! Which clients does an authorization server know?

use crate::behaviour::{PreRegistered, Registration};
use crate::bench::Bench;
use crate::breach::Rule;
use crate::jwk::{PublicKey, key_set};
use crate::refusal::Refusal;
use crate::state::scopes;
use serde_json::Value;

/// The method by which a client authenticates with a key of its own (RFC 7523 §2.2).
pub(crate) const PRIVATE_KEY_JWT: &str = "private_key_jwt";

/// A client as one authorization server knows it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    /// Seconds since the Unix epoch; 0 for never.
    pub(crate) secret_expires_at: i64,
    /// The registered authentication method; absent if none was stated.
    pub(crate) method: Option<String>,
    /// What its assertions are signed with.
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) redirect_uris: Vec<String>,
    /// The registered scopes; absent for all.
    pub(crate) scope: Option<Vec<String>>,
    /// The registered grant types; absent for all.
    pub(crate) grants: Option<Vec<String>>,
}

impl Client {
    /// Whether it is registered for a grant type.
    pub(crate) fn may(&self, grant: &str) -> bool {
        let grants = self.grants.as_ref();
        grants.is_none_or(|grants| grants.iter().any(|one| one == grant))
    }

    /// A client asks for no other grant than those that it is registered for (RFC 6749 §5.2).
    pub(crate) fn registered_for(&self, grant: &str) -> Result<(), Refusal> {
        if self.may(grant) {
            return Ok(());
        }
        let what = format!("the client is not registered for {grant}");
        let rule = Rule::Registration;
        Err(Refusal::breach(rule, "unauthorized_client", what))
    }

    /// Whether it cannot authenticate (RFC 6749 §2.1).
    pub(crate) fn is_public(&self) -> bool {
        self.secret.is_none() && self.method.as_deref() != Some(PRIVATE_KEY_JWT)
    }

    /// A client that is known beforehand.
    pub(crate) fn configured(client: &PreRegistered) -> Self {
        let keys = client.jwks.as_ref().map(key_set);
        Self {
            id: client.client_id.clone(),
            secret: client.client_secret.clone(),
            secret_expires_at: 0,
            method: client.token_endpoint_auth_method.clone(),
            keys: keys.and_then(Result::ok).unwrap_or_default(),
            redirect_uris: client.redirect_uris.clone(),
            scope: client.scope.as_deref().map(scopes),
            grants: client.grant_types.clone(),
        }
    }
}

impl Bench {
    /// A client that an authorization server knows: registered, configured or documented.
    pub(crate) fn client(&self, issuer: usize, id: &str) -> Option<Client> {
        if let Some(client) = self.state.clients.get(&(issuer, id.to_owned())) {
            return Some(client.clone());
        }
        let registration = &self.behaviour.registration;
        let mut configured = registration.clients.iter();
        match configured.find(|client| issuer == 0 && client.client_id == id) {
            Some(client) => Some(Client::configured(client)),
            None => documented(registration, id),
        }
    }
}

/// A client from its metadata document, if that document is a good one: its `client_id` is its URL
/// and no shared secret is involved.
fn documented(registration: &Registration, url: &str) -> Option<Client> {
    let document = registration.client_documents.get(url)?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let list = |name: &str| -> Option<Vec<String>> {
        let items = document.get(name)?.as_array()?.iter();
        items.map(|item| item.as_str().map(str::to_owned)).collect()
    };
    text("client_name")?;
    let method = text("token_endpoint_auth_method").unwrap_or("none");
    if text("client_id") != Some(url) || document.get("client_secret").is_some() {
        return None;
    }
    let keys = match method {
        "none" => Vec::new(),
        PRIVATE_KEY_JWT => published_keys(registration, |name| document.get(name)).ok()?,
        _ => return None,
    };
    let grants = list("grant_types").unwrap_or_else(|| vec!["authorization_code".into()]);
    Some(Client {
        id: url.to_owned(),
        secret: None,
        secret_expires_at: 0,
        method: Some(method.to_owned()),
        keys,
        redirect_uris: list("redirect_uris").unwrap_or_default(),
        scope: text("scope").map(scopes),
        grants: Some(grants),
    })
}

/// The keys that client metadata states: by value or by reference, never both (RFC 7591 §2).
pub(crate) fn published_keys<'a>(
    registration: &Registration,
    member: impl Fn(&str) -> Option<&'a Value>,
) -> Result<Vec<PublicKey>, String> {
    match (member("jwks"), member("jwks_uri").and_then(Value::as_str)) {
        (Some(jwks), None) => key_set(jwks),
        (None, Some(url)) => {
            let published = registration.key_sets.get(url);
            key_set(published.ok_or_else(|| format!("no keys are published at {url}"))?)
        }
        (Some(_), Some(_)) => Err("jwks and jwks_uri".into()),
        (None, None) => Err("neither jwks nor jwks_uri".into()),
    }
}
