//! As which client does the sign-in go on?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::{AssertionPurpose, Purpose, Task};
use crate::client::{AuthMethod, Client, ClientAuth, ProvidedClient};
use crate::config::FLOW_PARAMETERS;
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Stage};
use crate::event::{HttpResponse, Refusal as HostRefusal};
use crate::grant::Change;
use crate::input::HttpAnswer;
use crate::phase::http::{self, Trouble};
use crate::phase::saving::{AfterSaving, SavingGrant};
use crate::phase::{FetchingAssertion, Granting, Phase, RequestingCode, SignIn, authorize, token};
use crate::secret::Secret;
use crate::settings::GrantType;
use crate::shared::Shared;
use crate::trace::Decision;
use crate::uri::{HttpUrl, RedirectUri};
use crate::wire::client_metadata::{self, Refusal, Wish};

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
    if let Some(key) = sign_in.occasion.step_up {
        shared.count_step_up(key);
    }
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
fn uses_document(sign_in: &SignIn, shared: &Shared) -> bool {
    let server = &sign_in.server;
    let config = &shared.config;
    server.supports_client_documents
        && config.settings.client_document.is_some()
        && config
            .client_for(&server.issuer, server.auth_methods)
            .is_none()
}

/// Settles the client, in the order of the specification (REG-01), or says how one is got.
fn settle(
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
        shared.note(Decision::ClientRegistering);
        return Err(Phase::Registering(Box::new(Registering {
            sign_in,
            redirect_uri,
            wish: Wish::new(method),
            adjusted: false,
        })));
    }
    Err(ask(sign_in, redirect_uri, shared))
}

/// Whether there is a key whose signatures the server may take.
fn may_sign(sign_in: &SignIn, shared: &Shared) -> bool {
    let key = shared.config.settings.client_key.as_ref();
    key.is_some_and(|key| sign_in.server.assertion_algorithms.allows(key.algorithm()))
}

/// Waiting for the redirect listener: its exact URI is what gets registered.
#[derive(Serialize, Deserialize)]
pub(crate) struct BindingRedirect {
    pub(crate) sign_in: Box<SignIn>,
}

impl BindingRedirect {
    /// Whether the client will be the one of the configured document, which fixes the redirect URIs.
    pub(crate) fn uses_document(&self, shared: &Shared) -> bool {
        uses_document(&self.sign_in, shared)
    }

    pub(super) fn task(&self, shared: &Shared) -> Task {
        // The one last registered, so that the registration can be used again; unless the configuration, or the client
        // that it names, wants another one.
        let server = &self.sign_in.server;
        let configured = shared.config.settings.redirect_uri.as_str();
        let fixed = self.uses_document(shared)
            || shared
                .config
                .client_for(&server.issuer, server.auth_methods)
                .is_some();
        let registered = stored_client(&self.sign_in, shared)
            .filter(|_| !fixed)
            .and_then(|client| client.redirect_uri.as_deref())
            .filter(|uri| RedirectUri::parse(uri, true).is_ok_and(|uri| uri.fulfils(configured)));
        Task::BindRedirect {
            preferred: registered.unwrap_or(configured).into(),
        }
    }

    /// The redirect URI is known.
    pub(super) fn bound(
        self,
        redirect_uri: RedirectUri,
        shared: &mut Shared,
        rng: &mut dyn Entropy,
    ) -> Phase {
        match settle(self.sign_in, Some(redirect_uri), shared) {
            Ok(ready) => ready.go(shared, rng),
            Err(phase) => phase,
        }
    }
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

fn no_client_at_all(sign_in: &SignIn) -> Failure {
    Failure::new(Code::ClientNeeded, Stage::Registration).about(sign_in.server.issuer.as_str())
}

fn may_register(sign_in: &SignIn, shared: &Shared) -> bool {
    shared.config.settings.dynamic_registration && sign_in.server.registration_endpoint.is_some()
}

/// The client stored for this very issuer (REG-07). A stored secret never goes to an endpoint that was guessed (ASM-21), and
/// a client that was registered with a key is none without one.
fn stored_client<'a>(sign_in: &SignIn, shared: &'a Shared) -> Option<&'a Arc<Client>> {
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

/// The last resort: the host.
fn ask(sign_in: Box<SignIn>, redirect_uri: Option<RedirectUri>, shared: &mut Shared) -> Phase {
    if !shared.config.settings.ask_for_client {
        let failure = no_client_at_all(&sign_in);
        return shared.fail(failure);
    }
    shared.note(Decision::ClientAsked);
    Phase::AskingClient(Box::new(AskingClient {
        sign_in,
        redirect_uri,
    }))
}

/// Registering a client.
#[derive(Serialize, Deserialize)]
pub(crate) struct Registering {
    pub(crate) sign_in: Box<SignIn>,
    pub(crate) redirect_uri: Option<RedirectUri>,
    wish: Wish,
    /// Whether the one adjusted retry was used.
    adjusted: bool,
}

impl Registering {
    pub(super) fn task(&self, shared: &Shared) -> Task {
        let settings = &shared.config.settings;
        let server = &self.sign_in.server;
        // Registering is only begun where there is an endpoint.
        let url = server
            .registration_endpoint
            .as_ref()
            .unwrap_or(&server.token_endpoint);
        http::post(
            url,
            Purpose::Registration,
            shared,
            "application/json",
            self.wish
                .body(settings, self.redirect_uri.as_ref(), &self.sign_in.scopes),
            [
                settings.initial_access_token.as_ref().map(|token| {
                    let value = Secret::new(["Bearer ", token.expose()].concat());
                    http::credential("authorization", value)
                }),
                None,
            ],
        )
    }

    pub(super) fn answered(self: Box<Self>, answer: HttpAnswer<'_>, shared: &mut Shared) -> Phase {
        let failure = |code| Failure::new(code, Stage::Registration);
        let response = match answer {
            Ok(response) => response,
            Err(cause) => {
                let why = failure(Code::RegistrationUnavailable).about(cause.as_str());
                return shared.fail(why);
            }
        };
        match Trouble::of(response.status) {
            None => self.registered(&response, shared),
            Some(Trouble::Redirect) => {
                shared.fail(failure(Code::UnexpectedRedirect).with_status(response.status))
            }
            Some(Trouble::Throttled | Trouble::Unavailable) => {
                let refusal = Refusal::parse_whole(response.body);
                shared.fail(
                    failure(Code::RegistrationUnavailable)
                        .with_status(response.status)
                        .with_server_words(refusal.code, refusal.text)
                        .retry_after(http::retry_after(&response)),
                )
            }
            Some(Trouble::Refused) => self.refused(&response, shared),
        }
    }

    fn registered(self, response: &HttpResponse<'_>, shared: &mut Shared) -> Phase {
        let failure = |code| Failure::new(code, Stage::Registration);
        let methods = self.sign_in.server.auth_methods;
        let uri = self.redirect_uri.as_ref();
        let client = match client_metadata::registered(response.body, uri, self.wish, methods) {
            Ok(client) => Client {
                // With none to name, the server gave the client some of its own choice; it has to be asked again for
                // others. Where it would not have them named, it decides at each sign-in.
                scopes: self.wish.with_scope.then(|| self.sign_in.scopes.clone()),
                ..client
            },
            Err(client_metadata::Fault::Malformed) => {
                let why = failure(Code::BadRegistration).with_status(response.status);
                return shared.fail(why);
            }
            Err(client_metadata::Fault::RedirectDropped) => {
                let why = failure(Code::RedirectNotRegistered);
                return shared.fail(why.about(uri.map_or("", RedirectUri::as_str)));
            }
            Err(client_metadata::Fault::Method(name)) => {
                return shared.fail(failure(Code::NoCommonAuthMethod).about(name.as_str()));
            }
        };
        shared.note(Decision::ClientRegistered);
        keep(self.sign_in, self.redirect_uri, client, shared)
    }

    /// A refusal is retried once, adjusted, where the answer says how (REG-15); an endpoint that is protected, or not
    /// there, leads to the host.
    fn refused(mut self: Box<Self>, response: &HttpResponse<'_>, shared: &mut Shared) -> Phase {
        let refusal = Refusal::parse_whole(response.body);
        let sign_in = &self.sign_in;
        let methods = sign_in.server.auth_methods;
        if !self.adjusted
            && let Some(wish) = self.wish.adjusted(&refusal, methods, &sign_in.scopes)
        {
            shared.note(Decision::RegistrationAdjusted);
            self.wish = wish;
            self.adjusted = true;
            return Phase::Registering(self);
        }
        let closed = matches!(response.status, 401 | 403 | 404 | 405 | 410);
        if closed && shared.config.settings.ask_for_client {
            return ask(self.sign_in, self.redirect_uri, shared);
        }
        shared.fail(
            Failure::new(Code::RegistrationRejected, Stage::Registration)
                .with_status(response.status)
                .with_server_words(refusal.code, refusal.text),
        )
    }
}

/// Stores a client before it is used.
fn keep(
    sign_in: Box<SignIn>,
    redirect_uri: Option<RedirectUri>,
    client: Client,
    shared: &Shared,
) -> Phase {
    let client = Arc::new(client);
    let change = Change::PutClient(sign_in.server.issuer.clone(), client.clone());
    let ready = Ready {
        sign_in,
        redirect_uri,
        client,
    };
    SavingGrant::begin(change, AfterSaving::Authorize(Box::new(ready)), shared)
}

/// Waiting for a client of the host.
#[derive(Serialize, Deserialize)]
pub(crate) struct AskingClient {
    pub(crate) sign_in: Box<SignIn>,
    pub(crate) redirect_uri: Option<RedirectUri>,
}

impl AskingClient {
    pub(super) fn task(&self) -> Task {
        Task::AskForClient {
            issuer: self.sign_in.server.issuer.clone(),
            redirect_uri: self
                .redirect_uri
                .as_ref()
                .map_or("", RedirectUri::as_str)
                .into(),
        }
    }

    pub(super) fn provided(self, given: ProvidedClient, shared: &Shared) -> Phase {
        let methods = self.sign_in.server.auth_methods;
        let client = Client {
            id: given.client_id.into(),
            auth: ClientAuth::choose(given.client_secret, given.auth_method, methods),
            redirect_uri: self.redirect_uri.as_ref().map(RedirectUri::text),
            ..Client::preregistered()
        };
        keep(self.sign_in, self.redirect_uri, client, shared)
    }
}

/// The failure for a host that has no client to give.
pub(super) fn no_client(reason: HostRefusal) -> Failure {
    let code = match reason {
        HostRefusal::NeedsUser => Code::NeedsUser,
        HostRefusal::Denied => Code::Cancelled,
        HostRefusal::Unable => Code::ClientNeeded,
    };
    Failure::new(code, Stage::Registration)
}
