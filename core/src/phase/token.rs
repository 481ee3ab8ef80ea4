//! How does a code become tokens?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::client::{AuthMethods, Client, ClientAuth, ClientOrigin};
use crate::error::{Code, Failure, Stage};
use crate::grant::{Change, TokenClient, Tokens};
use crate::input::HttpAnswer;
use crate::phase::http::{self, Trouble};
use crate::phase::saving::{AfterSaving, SavingGrant};
use crate::phase::{Pending, Phase};
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::shared::Shared;
use crate::trace::Decision;
use crate::uri::{HttpUrl, Issuer};
use crate::wire::resource_metadata::Resource;
use crate::wire::token_response::{IssuedTokens, OAuthError, TokenAnswer};

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
}

impl Exchanging {
    pub(super) fn begin(pending: Box<Pending>, code: Secret) -> Phase {
        Phase::Exchanging(Box::new(Self {
            pending,
            code,
            resent: false,
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
        http::token_request(
            &pending.sign_in.server.token_endpoint,
            Purpose::CodeExchange,
            shared,
            &pending.client,
            sent(&parameters, shared),
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
        match TokenAnswer::parse(response.status, response.body) {
            TokenAnswer::Tokens(issued) => self.issued(issued, shared),
            TokenAnswer::Refused(error) => self.refused(error, response.status, shared),
            TokenAnswer::Unusable(why) => {
                let why = failure(Code::BadTokenResponse).about(why);
                shared.fail(why.with_status(response.status))
            }
            TokenAnswer::NotOAuth => {
                let code = match trouble {
                    Some(Trouble::Throttled | Trouble::Unavailable) => Code::TokenUnavailable,
                    _ => Code::BadTokenResponse,
                };
                let words = crate::wire::client_metadata::Refusal::parse(response.body);
                shared.fail(
                    failure(code)
                        .with_status(response.status)
                        .with_server_words(words.code, words.text),
                )
            }
        }
    }

    fn issued(self, issued: IssuedTokens, shared: &mut Shared) -> Phase {
        let Pending {
            sign_in, client, ..
        } = *self.pending;
        let server = sign_in.server;
        let tokens = tokens(
            issued,
            Asked {
                client: &client,
                scopes: sign_in.scopes,
                resource: sign_in.resource,
                token_endpoint: server.token_endpoint,
                refresh_token: None,
                issuer: server.issuer.clone(),
            },
            shared,
        );
        let change = Change::PutTokens(server.issuer, Box::new(tokens));
        SavingGrant::begin(change, AfterSaving::SignedIn, shared)
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
        } else {
            Code::CodeRejected
        };
        let failure = Failure::new(code, Stage::TokenExchange)
            .with_status(status)
            .with_server_words(Some(error.code), error.text);
        let Pending {
            mut sign_in,
            client,
            ..
        } = *self.pending;
        let ours_to_replace = client.origin == ClientOrigin::Dynamic;
        if !ours_to_replace || passing {
            return shared.fail(failure);
        }
        let issuer = sign_in.server.issuer.clone();
        // A registration that the server has forgotten is made anew, once. Some servers refuse the code then, as if it
        // were at fault: the next sign-in registers anew, unless tokens prove that the client is known.
        let (change, then) = if !client_refused {
            let change = Change::DropUnprovenClient(issuer, client.id.clone());
            (change, AfterSaving::Fail(failure))
        } else if sign_in.occasion.reregistered {
            let change = Change::DropClient(issuer, client.id.clone());
            (change, AfterSaving::Fail(failure))
        } else {
            shared.note(Decision::ClientForgotten);
            sign_in.occasion.reregistered = true;
            let change = Change::DropClient(issuer, client.id.clone());
            (change, AfterSaving::Register(sign_in))
        };
        SavingGrant::begin(change, then, shared)
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
    pub(super) issuer: Issuer,
    /// What is kept when no new one comes (RFC 6749 §6).
    pub(super) refresh_token: Option<Secret>,
}

/// Puts issued tokens together with all that they belong to.
pub(super) fn tokens(issued: IssuedTokens, asked: Asked<'_>, shared: &mut Shared) -> Tokens {
    shared.note(Decision::TokensIssued);
    if issued.odd_type {
        shared.note(Decision::OddTokenType);
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
        claim: None,
        unanswered: 0,
    }
}
