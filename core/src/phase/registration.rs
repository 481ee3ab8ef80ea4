//! How is a client registered, or given by the host?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::client::{AuthMethod, Client, ClientAuth, ProvidedClient};
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Stage};
use crate::event::{HttpResponse, Refusal as HostRefusal};
use crate::grant::Change;
use crate::input::HttpAnswer;
use crate::phase::client::{Ready, no_client_at_all, settle, stored_client, uses_document};
use crate::phase::http::{self, Trouble};
use crate::phase::saving::{AfterSaving, SavingGrant};
use crate::phase::{Phase, SignIn};
use crate::secret::Secret;
use crate::shared::Shared;
use crate::trace::Decision;
use crate::uri::RedirectUri;
use crate::wire::client_metadata::{self, Refusal, Wish};

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

/// The last resort: the host.
pub(super) fn ask(
    sign_in: Box<SignIn>,
    redirect_uri: Option<RedirectUri>,
    shared: &mut Shared,
) -> Phase {
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
    pub(super) fn begin(
        sign_in: Box<SignIn>,
        redirect_uri: Option<RedirectUri>,
        method: AuthMethod,
        shared: &mut Shared,
    ) -> Phase {
        shared.note(Decision::ClientRegistering);
        Phase::Registering(Box::new(Self {
            sign_in,
            redirect_uri,
            wish: Wish::new(method),
            adjusted: false,
        }))
    }

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
