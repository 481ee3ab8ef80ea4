//! As which client does the sign-in go on?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::AssertionPurpose;
use crate::client::{AuthMethod, Client, ClientAuth};
use crate::config::FLOW_PARAMETERS;
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Stage};
use crate::phase::registration::{BindingRedirect, Registering, ask};
use crate::phase::{FetchingAssertion, Granting, Phase, RequestingCode, SignIn, authorize, token};
use crate::settings::GrantType;
use crate::shared::Shared;
use crate::trace::Decision;
use crate::uri::{HttpUrl, RedirectUri};

/// A sign-in with its client: nothing is missing but the user.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) sign_in: Box<SignIn>,
    /// `None`: the user comes back on another device (RFC 8628).
    pub(crate) redirect_uri: Option<RedirectUri>,
    pub(crate) client: Arc<Client>,
}

impl Ready {
    /// Sends the user away.
    pub(super) fn go(self, shared: &mut Shared, rng: &mut dyn Entropy) -> Phase {
        let Self {
            sign_in,
            redirect_uri,
            client,
        } = self;
        match redirect_uri {
            Some(uri) => authorize::begin(sign_in, uri, client, shared, rng),
            None => RequestingCode::begin(sign_in, client, shared),
        }
    }
}

/// Goes on as the client that there is, can be had, or is not needed; after everything that can be known to be in vain is
/// ruled out: no listener and no browser for nothing.
pub(super) fn begin(sign_in: Box<SignIn>, shared: &mut Shared) -> Phase {
    if let Err(failure) = check(&sign_in, shared) {
        return shared.fail(failure);
    }
    match shared.config.settings.grant {
        GrantType::AuthorizationCode => Phase::BindingRedirect(BindingRedirect { sign_in }),
        GrantType::DeviceCode => match settle(sign_in, None, shared) {
            Ok(ready) => RequestingCode::begin(ready.sign_in, ready.client, shared),
            Err(phase) => phase,
        },
        GrantType::ClientCredentials
        | GrantType::WorkloadIdentity
        | GrantType::EnterpriseManaged => without_user(sign_in, shared),
    }
}

/// A grant that needs no user, as a client that is known beforehand (CCR-11) or, where the assertion says enough, as none
/// (WIF-09).
fn without_user(sign_in: Box<SignIn>, shared: &mut Shared) -> Phase {
    let config = shared.config.clone();
    let client = match known_client(&sign_in, shared) {
        Some(client) => client,
        None => Client::preregistered(),
    };
    token::note_parameters(shared);
    let client = Arc::new(client);
    match config.settings.grant {
        GrantType::WorkloadIdentity => {
            FetchingAssertion::begin(sign_in, client, AssertionPurpose::Workload)
        }
        GrantType::EnterpriseManaged => {
            FetchingAssertion::begin(sign_in, client, AssertionPurpose::Identity)
        }
        _ => Granting::begin(sign_in, client, None, shared),
    }
}

/// The client that the configuration names for this server: registered beforehand, or described by the document.
fn known_client(sign_in: &SignIn, shared: &mut Shared) -> Option<Client> {
    let config = shared.config.clone();
    let server = &sign_in.server;
    if let Some(client) = config.client_for(&server.issuer, server.auth_methods) {
        shared.note(Decision::ClientPreregistered);
        return Some(client);
    }
    let document = uses_document(sign_in, shared).then(|| config.document_client())?;
    shared.note(Decision::ClientFromDocument);
    document
}

/// Whether the client is the one of the configured document, which fixes the redirect URIs.
pub(super) fn uses_document(sign_in: &SignIn, shared: &Shared) -> bool {
    let server = &sign_in.server;
    let config = &shared.config;
    server.supports_client_documents
        && config.settings.client_document.is_some()
        && config
            .client_for(&server.issuer, server.auth_methods)
            .is_none()
}

/// Settles the client, in the order of the specification (REG-01), or says how one is got.
pub(super) fn settle(
    sign_in: Box<SignIn>,
    redirect_uri: Option<RedirectUri>,
    shared: &mut Shared,
) -> Result<Ready, Phase> {
    let client = match known_client(&sign_in, shared) {
        Some(client) => Some(Arc::new(client)),
        None => reusable(&sign_in, redirect_uri.as_ref(), shared),
    };
    if let Some(client) = client {
        return Ok(Ready {
            sign_in,
            redirect_uri,
            client,
        });
    }
    let has_key = may_sign(&sign_in, shared);
    if may_register(&sign_in, shared)
        && let Some(method) = sign_in.server.auth_methods.to_register(has_key)
    {
        return Err(Registering::begin(sign_in, redirect_uri, method, shared));
    }
    Err(ask(sign_in, redirect_uri, shared))
}

/// Whether there is a key whose signatures the server may take.
fn may_sign(sign_in: &SignIn, shared: &Shared) -> bool {
    let key = shared.config.settings.client_key.as_ref();
    key.is_some_and(|key| sign_in.server.assertion_algorithms.allows(key.algorithm()))
}

/// Rules out what cannot work (ASM-15, ASM-17, MIX-02, REG-01).
fn check(sign_in: &SignIn, shared: &Shared) -> Result<(), Failure> {
    let config = &shared.config;
    let server = &sign_in.server;
    let in_browser = config.settings.grant == GrantType::AuthorizationCode;
    if in_browser && config.settings.require_issuer_identification && !server.sends_iss {
        return Err(Failure::new(Code::NoMixUpDefence, Stage::ServerDiscovery));
    }
    let set_by_us = |url: &HttpUrl, further: &[(String, String)]| {
        url.query_pairs().any(|pair| match pair {
            Ok((name, _)) => {
                FLOW_PARAMETERS.contains(&&*name) || further.iter().any(|(ours, _)| *ours == *name)
            }
            Err(_) => true,
        })
    };
    let settings = &config.settings;
    // Where authorization requests go, in each of their forms.
    let pages = match settings.grant {
        GrantType::AuthorizationCode => [
            server.authorization_endpoint.as_ref(),
            server.pushed_to(settings.pushed_authorization),
        ],
        GrantType::DeviceCode => [server.device_endpoint.as_ref(), None],
        _ => [None, None],
    };
    if pages
        .into_iter()
        .flatten()
        .any(|url| set_by_us(url, &settings.authorize_parameters))
        || set_by_us(&server.token_endpoint, &settings.token_parameters)
    {
        return Err(Failure::new(
            Code::EndpointParameterConflict,
            Stage::ServerDiscovery,
        ));
    }
    let methods = server.auth_methods;
    if let Some(client) = config.client_for(&server.issuer, methods) {
        let named = config
            .preregistered
            .as_ref()
            .and_then(|known| known.auth_method);
        let listed = |method| !methods.listed || methods.contains(method);
        let possible = match &client.auth {
            ClientAuth::PrivateKeyJwt => return check_key(sign_in, shared),
            // A method that the host names is its own responsibility: servers do not list all that they accept.
            _ if named.is_some() => true,
            ClientAuth::None => listed(AuthMethod::None),
            ClientAuth::Basic(_) | ClientAuth::BasicUnencoded(_) | ClientAuth::Post(_) => {
                listed(AuthMethod::ClientSecretBasic) || listed(AuthMethod::ClientSecretPost)
            }
        };
        return if possible {
            Ok(())
        } else {
            Err(no_common_method())
        };
    }
    if uses_document(sign_in, shared) {
        return match config.document_client() {
            Some(client) if client.auth == ClientAuth::PrivateKeyJwt => check_key(sign_in, shared),
            _ => Ok(()),
        };
    }
    match config.settings.grant {
        GrantType::AuthorizationCode | GrantType::DeviceCode => {}
        GrantType::WorkloadIdentity => return Ok(()),
        GrantType::ClientCredentials | GrantType::EnterpriseManaged => {
            return Err(no_client_at_all(sign_in));
        }
    }
    let has_client = stored_client(sign_in, shared).is_some() || config.settings.ask_for_client;
    match methods.to_register(may_sign(sign_in, shared)) {
        _ if has_client => Ok(()),
        Some(_) if may_register(sign_in, shared) => Ok(()),
        None if may_register(sign_in, shared) => Err(no_common_method()),
        _ => Err(no_client_at_all(sign_in)),
    }
}

/// Whether the server takes assertions of the configured key (CCR-06).
fn check_key(sign_in: &SignIn, shared: &Shared) -> Result<(), Failure> {
    let methods = sign_in.server.auth_methods;
    if methods.listed && !methods.contains(AuthMethod::PrivateKeyJwt) {
        return Err(no_common_method());
    }
    if may_sign(sign_in, shared) {
        Ok(())
    } else {
        Err(Failure::new(Code::NoCommonAlgorithm, Stage::Registration))
    }
}

fn no_common_method() -> Failure {
    Failure::new(Code::NoCommonAuthMethod, Stage::Registration)
}

pub(super) fn no_client_at_all(sign_in: &SignIn) -> Failure {
    Failure::new(Code::ClientNeeded, Stage::Registration).about(sign_in.server.issuer.as_str())
}

fn may_register(sign_in: &SignIn, shared: &Shared) -> bool {
    shared.config.settings.dynamic_registration && sign_in.server.registration_endpoint.is_some()
}

/// The client stored for this very issuer (REG-07). A stored secret never goes to an endpoint that was guessed (ASM-21), and
/// a client that was registered with a key is none without one.
pub(super) fn stored_client<'a>(sign_in: &SignIn, shared: &'a Shared) -> Option<&'a Arc<Client>> {
    let grant = shared.grant.as_ref()?;
    let client = grant.of(&sign_in.server.issuer)?.client.as_ref()?;
    let usable = match client.auth {
        ClientAuth::None => true,
        ClientAuth::PrivateKeyJwt if shared.config.settings.client_key.is_none() => false,
        _ => !sign_in.server.relaxed.guessed,
    };
    usable.then_some(client)
}

/// The stored client, if its secret is alive and its redirect URI is the one in use (REG-19, REG-22).
fn reusable(
    sign_in: &SignIn,
    redirect_uri: Option<&RedirectUri>,
    shared: &mut Shared,
) -> Option<Arc<Client>> {
    let client = stored_client(sign_in, shared)?.clone();
    let decision = if client.is_expired(shared.now()) {
        Decision::ClientExpired
    } else if client.redirect_uri.as_deref() != redirect_uri.map(RedirectUri::as_str) {
        Decision::ClientMoved
    } else if !client.may_ask_for(&sign_in.scopes) {
        Decision::ClientOutgrown
    } else {
        Decision::ClientReused
    };
    shared.note(decision);
    (decision == Decision::ClientReused).then_some(client)
}
