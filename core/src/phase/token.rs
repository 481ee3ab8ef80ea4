//! How does a code become tokens?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::arc_str::ArcStr;
use crate::client::{AuthMethods, Client, ClientAuth, ClientOrigin};
use crate::error::{Code, Failure, Stage};
use crate::event::HttpResponse;
use crate::grant::Change;
use crate::input::HttpAnswer;
use crate::phase::http::{self, ClientRequest, Trouble};
use crate::phase::prove::{Needs, Proofs, Sender, is_proof_error};
use crate::phase::saving::{AfterSaving, SavingGrant};
use crate::phase::{Bind, Pending, Phase, SignIn};
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::shared::Shared;
use crate::tokens::{TokenClient, Tokens};
use crate::trace::Decision;
use crate::uri::{HttpUrl, Issuer};
use crate::wire::resource_metadata::Resource;
use crate::wire::token_response::{Binding, IssuedTokens, OAuthError, TokenAnswer};

/// Exchanging the code. It is sent once; again only after an answer, or the lack of a connection, that proves that it
/// was not redeemed (TOK-15).
///
/// A snapshot of this phase resumes as a failure, since nobody can tell whether the request went out.
#[derive(Serialize, Deserialize)]
pub(crate) struct Exchanging {
    pub(crate) pending: Box<Pending>,
    #[serde(serialize_with = "crate::secret::exposed")]
    code: Secret,
    /// The request was repeated after it had failed to go out.
    resent: bool,
    #[serde(default)]
    proofs: Proofs,
}

impl Exchanging {
    pub(super) fn begin(pending: Box<Pending>, code: Secret) -> Phase {
        Phase::Exchanging(Box::new(Self {
            pending,
            code,
            resent: false,
            proofs: Proofs::default(),
        }))
    }

    /// RFC 6749 §4.1.3, RFC 7636 §4.5, RFC 8707 §2.2.
    pub(super) fn task(&self, shared: &Shared) -> Task {
        let pending = &self.pending;
        let resource = ("resource", &*pending.sign_in.resource.identifier);
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", self.code.expose()),
            ("redirect_uri", pending.redirect_uri.as_str()),
            ("code_verifier", pending.verifier.expose()),
            resource,
        ];
        http::client_request(
            ClientRequest {
                url: &pending.sign_in.server.token_endpoint,
                purpose: Purpose::CodeExchange,
                client: &pending.client,
                parameters: sent(&parameters, shared),
                further: &shared.config.settings.token_parameters,
                proofs: &self.proofs,
            },
            shared,
        )
    }

    pub(super) fn answered(
        mut self: Box<Self>,
        answer: HttpAnswer<'_>,
        shared: &mut Shared,
    ) -> Phase {
        let failure = |code| Failure::new(code, Stage::TokenExchange);
        let response = match answer {
            Ok(response) => response,
            Err(cause) if cause.may_have_acted() => {
                return shared.fail(failure(Code::OutcomeUnknown).about(cause.as_str()));
            }
            Err(_) if !self.resent => {
                self.resent = true;
                return Phase::Exchanging(self);
            }
            Err(cause) => {
                return shared.fail(failure(Code::TokenUnavailable).about(cause.as_str()));
            }
        };
        let trouble = Trouble::of(response.status);
        if let Some(Trouble::Redirect) = trouble {
            return shared.fail(failure(Code::UnexpectedRedirect).with_status(response.status));
        }
        let binding = binding(self.pending.sign_in.bind.as_ref());
        match TokenAnswer::parse(response.status, response.body, binding) {
            TokenAnswer::Tokens(issued) => self.issued(issued, shared),
            TokenAnswer::Refused(error) => self.refused(error, response.status, shared),
            answer => shared.fail(unusable(answer, &response, failure, Code::TokenUnavailable)),
        }
    }

    fn issued(self, issued: IssuedTokens, shared: &mut Shared) -> Phase {
        let Pending {
            sign_in, client, ..
        } = *self.pending;
        keep(issued, *sign_in, &client, AfterSaving::SignedIn, shared)
    }

    fn refused(mut self: Box<Self>, error: OAuthError, status: u16, shared: &mut Shared) -> Phase {
        let passing = is_passing(&error, status);
        let client_refused = !passing && is_client_error(&error);
        if client_refused && is_authentication_error(&error) {
            let methods = self.pending.sign_in.server.auth_methods;
            if let Some(auth) = alternative(&self.pending.client, methods) {
                shared.note(Decision::AuthenticationRetried);
                Arc::make_mut(&mut self.pending.client).auth = auth;
                return Phase::Exchanging(self);
            }
        }
        let code = if passing {
            Code::TokenUnavailable
        } else if client_refused {
            Code::ClientRejected
        } else if is_proof_error(&error) {
            Code::ProofRejected
        } else {
            Code::CodeRejected
        };
        let proof_refused = code == Code::ProofRejected;
        let failure = Failure::new(code, Stage::TokenExchange)
            .with_status(status)
            .with_server_words(Some(error.code), error.text);
        let Pending {
            sign_in, client, ..
        } = *self.pending;
        if passing || proof_refused || client.origin != ClientOrigin::Dynamic {
            return shared.fail(failure);
        }
        if client_refused {
            return forgotten(sign_in, &client, failure, shared);
        }
        // Some servers refuse the code, as if it were at fault, when they have forgotten the client: the next sign-in
        // registers anew, unless tokens prove that the client is known.
        let issuer = sign_in.server.issuer.clone();
        let change = Change::DropUnprovenClient(issuer, client.id.clone());
        SavingGrant::begin(change, AfterSaving::Fail(failure), shared)
    }
}

impl Sender for Exchanging {
    fn needs(&self, _: &Shared) -> Option<Needs> {
        Some(self.pending.sign_in.needs(&self.pending.client))
    }

    fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    fn proofs_mut(&mut self) -> &mut Proofs {
        &mut self.proofs
    }
}

/// A dynamic registration that the server has forgotten is made anew, once.
fn forgotten(
    mut sign_in: Box<SignIn>,
    client: &Client,
    failure: Failure,
    shared: &mut Shared,
) -> Phase {
    let issuer = sign_in.server.issuer.clone();
    let id = client.id.clone();
    let change = if client.auth == ClientAuth::PrivateKeyJwt {
        // Perhaps the clocks differ, and not the client is refused but the assertion: its tokens prove that it is known.
        Change::DropUnprovenClient(issuer, id)
    } else {
        Change::DropClient(issuer, id)
    };
    if sign_in.occasion.reregistered {
        return SavingGrant::begin(change, AfterSaving::Fail(failure), shared);
    }
    shared.note(Decision::ClientForgotten);
    sign_in.occasion.reregistered = true;
    SavingGrant::begin(change, AfterSaving::Register(sign_in), shared)
}

/// What becomes of a request that the authorization server refused before there was a code.
pub(super) fn refused_before(
    sign_in: Box<SignIn>,
    client: &Client,
    error: OAuthError,
    response: &HttpResponse<'_>,
    shared: &mut Shared,
) -> Phase {
    let status = response.status;
    let passing = is_passing(&error, status);
    let client_refused = !passing && is_client_error(&error);
    let code = if passing {
        Code::AuthorizationUnavailable
    } else if client_refused {
        Code::ClientRejected
    } else {
        Code::AuthorizationRejected
    };
    let failure = Failure::new(code, Stage::Authorization)
        .with_status(status)
        .with_server_words(Some(error.code), error.text)
        .retry_after(http::retry_after(response));
    if client_refused && client.origin == ClientOrigin::Dynamic {
        return forgotten(sign_in, client, failure, shared);
    }
    shared.fail(failure)
}

/// What a status means before there is a code, where the body does not say; `None` for a success.
pub(super) const fn unavailable(status: u16) -> Option<Code> {
    match Trouble::of(status) {
        None => None,
        Some(Trouble::Throttled | Trouble::Unavailable) => Some(Code::AuthorizationUnavailable),
        Some(Trouble::Redirect | Trouble::Refused) => Some(Code::AuthorizationRejected),
    }
}

/// The other way to authenticate, where the server refused this one for itself.
pub(super) fn retried(
    error: &OAuthError,
    status: u16,
    client: &Client,
    sign_in: &SignIn,
) -> Option<ClientAuth> {
    let refused = !is_passing(error, status) && is_authentication_error(error);
    refused.then(|| alternative(client, sign_in.server.auth_methods))?
}

/// How far tokens must be bound to a key.
pub(super) fn binding(bind: Option<&Bind>) -> Binding {
    match bind {
        None => Binding::None,
        Some(bind) if bind.required => Binding::Required,
        Some(_) => Binding::Wanted,
    }
}

/// The failure for an answer that brings neither tokens nor an error; `unavailable` is the code of a passing fault.
pub(super) fn unusable(
    answer: TokenAnswer,
    response: &HttpResponse<'_>,
    failure: impl Fn(Code) -> Failure,
    unavailable: Code,
) -> Failure {
    let failure = match answer {
        TokenAnswer::Unusable(why) => failure(Code::BadTokenResponse).about(why),
        TokenAnswer::Downgrade => failure(Code::DpopDowngrade),
        TokenAnswer::NotOAuth | TokenAnswer::Tokens(_) | TokenAnswer::Refused(_) => {
            let code = match Trouble::of(response.status) {
                Some(Trouble::Throttled | Trouble::Unavailable) => unavailable,
                Some(Trouble::Redirect) => Code::UnexpectedRedirect,
                _ => Code::BadTokenResponse,
            };
            let words = crate::wire::client_metadata::Refusal::parse(response.body);
            failure(code).with_server_words(words.code, words.text)
        }
    };
    failure.with_status(response.status)
}

/// Tells what the settings leave out of the requests, and what they add (ROB-10).
pub(super) fn note_parameters(shared: &mut Shared) {
    if shared.config.deviations().omit_resource {
        shared.note(Decision::ResourceOmitted);
    }
    let settings = &shared.config.settings;
    if !settings.authorize_parameters.is_empty() || !settings.token_parameters.is_empty() {
        shared.note(Decision::ParametersAdded);
    }
}

/// All parameters, or all but the last (`resource`) where that is to be left out.
pub(super) fn sent<'p, 'a>(
    parameters: &'p [(&'a str, &'a str)],
    shared: &Shared,
) -> &'p [(&'a str, &'a str)] {
    match parameters.split_last() {
        Some((_, rest)) if shared.config.deviations().omit_resource => rest,
        _ => parameters,
    }
}

/// Whether the error is about the client and not about the grant (RFC 6749 §5.2).
pub(super) fn is_client_error(error: &OAuthError) -> bool {
    matches!(
        error.code.as_str(),
        "invalid_client" | "unauthorized_client" | "incorrect_client_credentials"
    )
}

/// Whether the error is about how the client presented itself. One that was recognised but is not allowed to do this
/// (`unauthorized_client`) gains nothing by presenting itself otherwise.
pub(super) fn is_authentication_error(error: &OAuthError) -> bool {
    is_client_error(error) && error.code.as_str() != "unauthorized_client"
}

/// Whether the error may be gone the next time, by its code or by the status that it came with.
pub(super) fn is_passing(error: &OAuthError, status: u16) -> bool {
    matches!(
        error.code.as_str(),
        "temporarily_unavailable" | "server_error" | "slow_down"
    ) || matches!(
        Trouble::of(status),
        Some(Trouble::Throttled | Trouble::Unavailable)
    )
}

/// Another way to present the client's secret: of the other ways there is none, so that one refusal leads to one retry.
pub(super) fn alternative(client: &Client, methods: AuthMethods) -> Option<ClientAuth> {
    client.auth.alternative(methods)
}

/// What tokens were asked for.
pub(super) struct Asked<'a> {
    pub(super) client: &'a Client,
    pub(super) scopes: ScopeSet,
    pub(super) resource: Resource,
    pub(super) token_endpoint: HttpUrl,
    pub(super) revocation_endpoint: Option<HttpUrl>,
    pub(super) issuer: Issuer,
    /// What the issuer calls itself, where that is something else.
    pub(super) audience: Option<ArcStr>,
    /// The thumbprint of the key that a proof was made with.
    pub(super) key: Option<ArcStr>,
    /// What is kept when no new one comes (RFC 6749 §6).
    pub(super) refresh_token: Option<Secret>,
}

/// Keeps tokens that were issued for a sign-in, or by a grant without a user.
pub(super) fn keep(
    issued: IssuedTokens,
    sign_in: SignIn,
    client: &Client,
    then: AfterSaving,
    shared: &mut Shared,
) -> Phase {
    let issuer = sign_in.server.issuer.clone();
    let tokens = tokens(issued, Asked::by(sign_in, client), shared);
    let change = Change::PutTokens(issuer, Box::new(tokens));
    SavingGrant::begin(change, then, shared)
}

impl<'a> Asked<'a> {
    fn by(sign_in: SignIn, client: &'a Client) -> Self {
        let SignIn {
            server,
            scopes,
            resource,
            bind,
            ..
        } = sign_in;
        Self {
            client,
            scopes,
            resource,
            token_endpoint: server.token_endpoint,
            revocation_endpoint: server.revocation_endpoint,
            audience: Some(server.published).filter(|name| **name != *server.issuer.as_str()),
            issuer: server.issuer,
            key: bind.map(|bind| bind.key),
            refresh_token: None,
        }
    }
}

/// Puts issued tokens together with all that they belong to.
pub(super) fn tokens(issued: IssuedTokens, asked: Asked<'_>, shared: &mut Shared) -> Tokens {
    shared.note(Decision::TokensIssued);
    if issued.odd_type {
        shared.note(Decision::OddTokenType);
    }
    if issued.bound {
        shared.note(Decision::TokenBound);
    } else if asked.key.is_some() {
        shared.note(Decision::TokenNotBound);
    }
    let refresh_token = match (issued.refresh_token, asked.refresh_token) {
        (Some(new), _) => Some(new),
        (None, Some(old)) => {
            shared.note(Decision::RefreshTokenKept);
            Some(old)
        }
        (None, None) => {
            shared.note(Decision::NoRefreshToken);
            None
        }
    };
    let granted = issued.scope.unwrap_or_else(|| asked.scopes.clone());
    if !asked.scopes.contains_all(&granted) {
        shared.note(Decision::ScopeChanged);
    } else if !granted.contains_all(&asked.scopes) {
        shared.note(Decision::ScopeNarrowed);
    }
    let now = shared.now();
    let (bound_to, proved_with) = if issued.bound {
        (asked.key, None)
    } else {
        (None, asked.key)
    };
    Tokens {
        authorization: issued.authorization,
        refresh_token,
        generation: 0,
        issued_at: now,
        expires_at: issued
            .expires_in
            .map(|seconds| now.after(seconds.saturating_mul(1000))),
        requested: asked.scopes,
        granted,
        resource: asked.resource,
        client: TokenClient::new(asked.client, &asked.issuer, &shared.config),
        token_endpoint: asked.token_endpoint,
        revocation_endpoint: asked.revocation_endpoint,
        audience: asked.audience,
        bound_to,
        proved_with,
        claim: None,
        unanswered: 0,
    }
}
