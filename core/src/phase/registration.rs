//! As which client does the sign-in go on?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::client::{AuthMethod, Client, ClientAuth, ClientOrigin, ProvidedClient};
use crate::config::FLOW_PARAMETERS;
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Stage};
use crate::event::{HttpResponse, Refusal as HostRefusal};
use crate::grant::Change;
use crate::input::HttpAnswer;
use crate::phase::http::{self, Trouble};
use crate::phase::saving::{AfterSaving, SavingGrant};
use crate::phase::{Phase, SignIn, authorize};
use crate::secret::Secret;
use crate::shared::Shared;
use crate::trace::Decision;
use crate::uri::{HttpUrl, RedirectUri};
use crate::wire::client_metadata::{self, Refusal, Wish};

/// A sign-in with its client and redirect URI: nothing is missing but the user.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) sign_in: Box<SignIn>,
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) client: Arc<Client>,
}

/// Waiting for the redirect listener: its exact URI is what gets registered.
#[derive(Serialize, Deserialize)]
pub(crate) struct BindingRedirect {
    pub(crate) sign_in: Box<SignIn>,
}

impl BindingRedirect {
    /// Begins, after everything that can be known to be in vain is ruled out: no listener and no browser for nothing.
    pub(super) fn begin(sign_in: Box<SignIn>, shared: &mut Shared) -> Phase {
        match check(&sign_in, shared) {
            Ok(()) => Phase::BindingRedirect(Self { sign_in }),
            Err(failure) => shared.fail(failure),
        }
    }

    /// Whether the client will be the one of the configured document, which fixes the redirect URIs.
    pub(crate) fn uses_document(&self, shared: &Shared) -> bool {
        let server = &self.sign_in.server;
        server.supports_client_documents
            && shared.config.settings.client_document.is_some()
            && shared
                .config
                .client_for(&server.issuer, server.auth_methods)
                .is_none()
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

    /// The redirect URI is known: settles the client, in the order of the specification (REG-01).
    pub(super) fn bound(
        self,
        redirect_uri: RedirectUri,
        shared: &mut Shared,
        rng: &mut dyn Entropy,
    ) -> Phase {
        let uses_document = self.uses_document(shared);
        let sign_in = self.sign_in;
        let server = &sign_in.server;
        let config = shared.config.clone();
        let client = if let Some(client) = config.client_for(&server.issuer, server.auth_methods) {
            shared.note(Decision::ClientPreregistered);
            Some(Arc::new(client))
        } else if uses_document {
            shared.note(Decision::ClientFromDocument);
            config.document_client().map(Arc::new)
        } else {
            reusable(&sign_in, &redirect_uri, shared)
        };
        if let Some(client) = client {
            let ready = Ready {
                sign_in,
                redirect_uri,
                client,
            };
            return authorize::begin(ready, shared, rng);
        }
        if may_register(&sign_in, shared)
            && let Some(method) = sign_in.server.auth_methods.to_register()
        {
            shared.note(Decision::ClientRegistering);
            return Phase::Registering(Box::new(Registering {
                sign_in,
                redirect_uri,
                wish: Wish::new(method),
                adjusted: false,
            }));
        }
        ask(sign_in, redirect_uri, shared)
    }
}

/// Rules out what cannot work (ASM-15, ASM-17, MIX-02, REG-01).
fn check(sign_in: &SignIn, shared: &Shared) -> Result<(), Failure> {
    let config = &shared.config;
    let server = &sign_in.server;
    if config.settings.require_issuer_identification && !server.sends_iss {
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
    if set_by_us(
        &server.authorization_endpoint,
        &config.settings.authorize_parameters,
    ) || set_by_us(&server.token_endpoint, &config.settings.token_parameters)
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
        let public = client.auth == ClientAuth::None;
        let listed = |method| !methods.listed || methods.contains(method);
        // A method that the host names is its own responsibility: servers do not list all that they accept.
        let possible = named.is_some()
            || if public {
                listed(AuthMethod::None)
            } else {
                listed(AuthMethod::ClientSecretBasic) || listed(AuthMethod::ClientSecretPost)
            };
        return if possible {
            Ok(())
        } else {
            Err(no_common_method())
        };
    }
    let has_client = (server.supports_client_documents
        && config.settings.client_document.is_some())
        || stored_client(sign_in, shared).is_some()
        || config.settings.ask_for_client;
    match methods.to_register() {
        _ if has_client => Ok(()),
        Some(_) if may_register(sign_in, shared) => Ok(()),
        None if may_register(sign_in, shared) => Err(no_common_method()),
        _ => Err(no_client_at_all(sign_in)),
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

/// The client stored for this very issuer (REG-07). A stored secret never goes to an endpoint that was guessed (ASM-21).
fn stored_client<'a>(sign_in: &SignIn, shared: &'a Shared) -> Option<&'a Arc<Client>> {
    let grant = shared.grant.as_ref()?;
    let client = grant.of(&sign_in.server.issuer)?.client.as_ref()?;
    (!sign_in.server.relaxed.guessed || client.auth == ClientAuth::None).then_some(client)
}

/// The stored client, if its secret is alive and its redirect URI is the one in use (REG-19, REG-22).
fn reusable(
    sign_in: &SignIn,
    redirect_uri: &RedirectUri,
    shared: &mut Shared,
) -> Option<Arc<Client>> {
    let client = stored_client(sign_in, shared)?.clone();
    let decision = if client.is_expired(shared.now()) {
        Decision::ClientExpired
    } else if client.redirect_uri.as_deref() != Some(redirect_uri.as_str()) {
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
fn ask(sign_in: Box<SignIn>, redirect_uri: RedirectUri, shared: &mut Shared) -> Phase {
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
    pub(super) redirect_uri: RedirectUri,
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
                .body(settings, &self.redirect_uri, &self.sign_in.scopes),
            settings
                .initial_access_token
                .as_ref()
                .map(|token| Secret::new(["Bearer ", token.expose()].concat())),
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
        let uri = &self.redirect_uri;
        let client = match client_metadata::registered(response.body, uri, methods) {
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
                return shared.fail(failure(Code::RedirectNotRegistered).about(uri.as_str()));
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
fn keep(sign_in: Box<SignIn>, redirect_uri: RedirectUri, client: Client, shared: &Shared) -> Phase {
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
    pub(super) redirect_uri: RedirectUri,
}

impl AskingClient {
    pub(super) fn task(&self) -> Task {
        Task::AskForClient {
            issuer: self.sign_in.server.issuer.clone(),
            redirect_uri: self.redirect_uri.as_str().into(),
        }
    }

    pub(super) fn provided(self, given: ProvidedClient, shared: &Shared) -> Phase {
        let methods = self.sign_in.server.auth_methods;
        let client = Client {
            id: given.client_id.into(),
            auth: ClientAuth::choose(given.client_secret, given.auth_method, methods),
            origin: ClientOrigin::Preregistered,
            redirect_uri: Some(self.redirect_uri.text()),
            scopes: None,
            secret_expires_at: None,
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
