//! What if the host has tokens already? They are kept, refreshed and stepped up like those that were asked for here.

use crate::client::{AuthMethods, Client, ClientAuth, ProvidedClient};
use crate::config::Config;
use crate::error::Misuse;
use crate::grant::Change;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::settings::DpopUse;
use crate::time::Timestamp;
use crate::tokens::{TokenClient, Tokens};
use crate::uri::{HttpUrl, Issuer};
use crate::wire::resource_metadata::Resource;
use crate::wire::token_response::is_token;

/// Tokens that the host got by itself, with everything that they must not be parted from: the host vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvidedTokens {
    /// Who issued them.
    pub issuer: Box<str>,
    /// Where they are refreshed.
    pub token_endpoint: Box<str>,
    /// The client that they were issued to.
    pub client: ProvidedClient,
    /// The access token, of type Bearer.
    pub access_token: Secret,
    /// The refresh token, if there is one.
    pub refresh_token: Option<Secret>,
    /// When the access token expires, if that is known.
    pub expires_at: Option<Timestamp>,
    /// The scopes granted, separated by spaces.
    pub scope: Box<str>,
    /// The resource that they are for; `None`: the MCP server's own URL.
    pub resource: Option<Box<str>>,
}

/// Reads what a host has brought.
pub(crate) fn read(given: ProvidedTokens, config: &Config) -> Result<Change, Misuse> {
    let bad = |member| Misuse::Tokens { member };
    given.client.check(config.settings.client_key.is_some())?;
    let issuer = Issuer::parse(&given.issuer, config.reach).map_err(|_| bad("issuer"))?;
    let token_endpoint =
        HttpUrl::parse(&given.token_endpoint, config.reach).map_err(|_| bad("token_endpoint"))?;
    let resource = match &given.resource {
        Some(identifier) => Resource::accept(identifier, config).ok_or(bad("resource"))?,
        None => Resource::of_server(config),
    };
    let scopes = ScopeSet::parse(&given.scope).map_err(|_| bad("scope"))?;
    let is_usable = |token: &Secret| !token.expose().is_empty() && is_token(token.expose());
    // With `always`, a token that anybody can use is none.
    let refused = config.settings.dpop == DpopUse::Always;
    if refused || !is_usable(&given.access_token) {
        return Err(bad("access_token"));
    }
    if !given.refresh_token.as_ref().is_none_or(is_usable) {
        return Err(bad("refresh_token"));
    }
    let client = Client {
        id: given.client.client_id.into(),
        auth: ClientAuth::choose(
            given.client.client_secret,
            given.client.auth_method,
            AuthMethods::default(),
        ),
        ..Client::preregistered()
    };
    let tokens = Tokens {
        authorization: Secret::new(["Bearer ", given.access_token.expose()].concat()),
        refresh_token: given.refresh_token,
        generation: 0,
        issued_at: Timestamp::default(),
        expires_at: given.expires_at,
        requested: scopes.clone(),
        granted: scopes,
        resource,
        client: TokenClient::new(&client, &issuer, config),
        token_endpoint,
        revocation_endpoint: None,
        audience: None,
        bound_to: None,
        proved_with: None,
        claim: None,
        unanswered: 0,
    };
    Ok(Change::PutTokens(issuer, Box::new(tokens)))
}
