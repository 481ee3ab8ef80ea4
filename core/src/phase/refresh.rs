//! How are tokens refreshed, and what if they are not?

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::client::{AuthKind, AuthMethods, Client, ClientAuth, ClientOrigin};
use crate::error::{Advice, Code, Failure, Stage};
use crate::event::{Cause, HttpResponse};
use crate::grant::{Change, Entry};
use crate::input::HttpAnswer;
use crate::limits::REQUEST_TIMEOUT_MS;
use crate::phase::http::{self, ClientRequest, Trouble};
use crate::phase::prove::{Needs, Proofs, Sender, is_proof_error};
use crate::phase::saving::{AfterSaving, SavingGrant};
use crate::phase::store::{self, Loading, Refused};
use crate::phase::token::{self, Asked};
use crate::phase::{Attempt, Phase, Reason};
use crate::shared::Shared;
use crate::tokens::Tokens;
use crate::trace::{Answer, Decision};
use crate::wire::token_response::{Binding, OAuthError, TokenAnswer};

/// Refreshing the tokens in use.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refreshing {
    /// What goes on if the refresh is refused.
    attempt: Attempt,
    /// Retrying without `resource`.
    without_resource: bool,
    /// Retrying with another way to authenticate.
    auth: Option<AuthKind>,
    #[serde(default)]
    proofs: Proofs,
}

impl Refreshing {
    /// Begins, once the refresh is claimed.
    pub(super) fn begin(attempt: Attempt, shared: &mut Shared) -> Phase {
        let refreshing = Box::new(Self {
            attempt,
            without_resource: false,
            auth: None,
            proofs: Proofs::default(),
        });
        refreshing.send(Decision::Refreshing, shared)
    }

    /// Sends, unless the claim may run out before there is an answer: then it is given back.
    fn send(self: Box<Self>, decision: Decision, shared: &mut Shared) -> Phase {
        if self.is_in_time(shared) {
            shared.note(decision);
            return Phase::Refreshing(self);
        }
        self.too_late(shared)
    }

    fn is_in_time(&self, shared: &Shared) -> bool {
        let end = shared.now().after(REQUEST_TIMEOUT_MS);
        let claim = shared.tokens().and_then(|tokens| tokens.claim);
        claim.is_some_and(|claim| end <= claim.until)
    }

    fn too_late(&self, shared: &mut Shared) -> Phase {
        let failure = Failure::new(Code::RefreshUnavailable, Stage::Refresh);
        self.postpone(failure, Answer::None(Cause::Timeout), None, false, shared)
    }

    /// The request is signed; the claim may run out meanwhile.
    pub(super) fn signed(self: Box<Self>, shared: &mut Shared) -> Phase {
        if self.is_in_time(shared) {
            return Phase::Refreshing(self);
        }
        self.too_late(shared)
    }

    /// The request was not signed, and so not sent: nothing is lost, and the tokens are used while they last.
    pub(super) fn unsigned(self, failure: Failure, shared: &mut Shared) -> Phase {
        let good = shared
            .tokens()
            .is_some_and(|tokens| tokens.is_good(shared.now(), 0));
        if failure.code() == Code::SigningFailed
            && good
            && self.attempt.reason != Reason::TokenRefused
        {
            shared.note(Decision::NotSigned);
            shared.memory.retry_at = Some(http::retry_at(shared.now(), None));
            shared.memory.retry_code = None;
            return release(false, AfterSaving::Rest, shared);
        }
        fail(failure, false, shared)
    }

    /// How a snapshot is resumed: by reading the grant, since another process may have refreshed by then (REF-06).
    pub(crate) fn interrupted(self) -> Phase {
        Phase::Loading(Box::new(Loading::before_refresh(self.attempt)))
    }

    /// What is refreshed, and as whom.
    fn subject<'a>(&self, shared: &'a Shared) -> Option<(&'a Entry, &'a Tokens, Client)> {
        let entry = shared.grant.as_ref()?.current()?;
        let tokens = entry.tokens.as_ref()?;
        let mut client = tokens.client.of(&entry.issuer, &shared.config)?;
        if let Some(kind) = self.auth {
            client.auth = client.auth.presented_as(kind);
        }
        Some((entry, tokens, client))
    }

    /// RFC 6749 §6: no scope, so that nothing is widened; `resource` as it was authorized.
    pub(super) fn task(&self, shared: &Shared) -> Task {
        let Some((_, tokens, client)) = self.subject(shared) else {
            // No machine gets here: a refresh is claimed only where there is something to refresh.
            return store::load(shared);
        };
        let refresh_token = tokens
            .refresh_token
            .as_ref()
            .map_or("", |token| token.expose());
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("resource", &*tokens.resource.identifier),
        ];
        let parameters = match parameters.split_last() {
            Some((_, rest)) if self.without_resource => rest,
            _ => token::sent(&parameters, shared),
        };
        http::client_request(
            ClientRequest {
                url: &tokens.token_endpoint,
                purpose: Purpose::Refresh,
                client: &client,
                parameters,
                further: &shared.config.settings.token_parameters,
                proofs: &self.proofs,
            },
            shared,
        )
    }

    pub(super) fn answered(self: Box<Self>, answer: HttpAnswer<'_>, shared: &mut Shared) -> Phase {
        let response = match answer {
            Ok(response) => response,
            Err(cause) => {
                let failure = Failure::new(Code::RefreshUnavailable, Stage::Refresh);
                return self.postpone(
                    failure.about(cause.as_str()),
                    Answer::None(cause),
                    None,
                    cause.may_have_acted(),
                    shared,
                );
            }
        };
        let trouble = Trouble::of(response.status);
        if let Some(Trouble::Redirect) = trouble {
            let failure = Failure::new(Code::UnexpectedRedirect, Stage::Refresh);
            return fail(failure.with_status(response.status), true, shared);
        }
        // What is bound stays bound (RFC 9449 §5).
        let binding = match shared.tokens() {
            Some(tokens) if tokens.bound_to.is_some() => Binding::Required,
            Some(tokens) if tokens.proved_with.is_some() => Binding::Wanted,
            _ => Binding::None,
        };
        match TokenAnswer::parse(response.status, response.body, binding) {
            TokenAnswer::Tokens(issued) => {
                let Some((entry, tokens, client)) = self.subject(shared) else {
                    return shared.fail(crate::shared::store_failed());
                };
                let issuer = entry.issuer.clone();
                let asked = Asked {
                    client: &client,
                    // Scopes stay what they were (RFC 6749 §6).
                    scopes: tokens.requested.clone(),
                    resource: tokens.resource.clone(),
                    token_endpoint: tokens.token_endpoint.clone(),
                    revocation_endpoint: tokens.revocation_endpoint.clone(),
                    refresh_token: tokens.refresh_token.clone(),
                    issuer: issuer.clone(),
                    audience: tokens.audience.clone(),
                    key: tokens.refresh_key().cloned(),
                };
                let earlier = tokens.granted.clone();
                // So does what was granted, unless the server says otherwise.
                let unchanged = issued.scope.is_none();
                let mut renewed = token::tokens(issued, asked, shared);
                if unchanged {
                    renewed.granted = earlier;
                }
                let change = Change::PutTokens(issuer, Box::new(renewed));
                SavingGrant::begin(change, AfterSaving::Refreshed, shared)
            }
            TokenAnswer::Refused(error) => self.refused(error, &response, shared),
            TokenAnswer::Unusable(why) => {
                let failure = Failure::new(Code::BadTokenResponse, Stage::Refresh);
                fail(
                    failure.about(why).with_status(response.status),
                    true,
                    shared,
                )
            }
            TokenAnswer::Downgrade => {
                let failure = Failure::new(Code::DpopDowngrade, Stage::Refresh);
                fail(failure.with_status(response.status), true, shared)
            }
            TokenAnswer::NotOAuth => match trouble {
                Some(Trouble::Throttled) => {
                    self.postponed(Code::RefreshThrottled, &response, shared)
                }
                Some(Trouble::Refused) if matches!(response.status, 404 | 405 | 410) => {
                    // The endpoint has moved: a sign-in finds the new one, and the refresh token is kept till then.
                    self.refused_for_good(false, shared)
                }
                _ => self.postponed(Code::RefreshUnavailable, &response, shared),
            },
        }
    }

    fn refused(
        mut self: Box<Self>,
        error: OAuthError,
        response: &HttpResponse<'_>,
        shared: &mut Shared,
    ) -> Phase {
        if let Some(Trouble::Throttled) = Trouble::of(response.status) {
            return self.postponed(Code::RefreshThrottled, response, shared);
        }
        if token::is_passing(&error, response.status) {
            return self.postponed(Code::RefreshUnavailable, response, shared);
        }
        let Some((entry, _, client)) = self.subject(shared) else {
            return shared.fail(crate::shared::store_failed());
        };
        let issuer = entry.issuer.clone();
        if token::is_client_error(&error) {
            if token::is_authentication_error(&error)
                && let Some(auth) = token::alternative(&client, AuthMethods::default())
            {
                self.auth = Some(auth.kind());
                return self.send(Decision::AuthenticationRetried, shared);
            }
            let dynamic = client.origin == ClientOrigin::Dynamic;
            if dynamic && client.auth == ClientAuth::PrivateKeyJwt {
                // Perhaps the clocks differ, and not the client is refused but the assertion: nothing is thrown away.
                return self.refused_for_good(false, shared);
            }
            if dynamic {
                shared.note(Decision::ClientForgotten);
                let change = Change::DropClient(issuer, client.id);
                let attempt = Attempt {
                    reregistered: true,
                    ..self.rejected()
                };
                return SavingGrant::begin(change, AfterSaving::SignIn(Box::new(attempt)), shared);
            }
            let failure = Failure::new(Code::ClientRejected, Stage::Refresh)
                .with_status(response.status)
                .with_server_words(Some(error.code), error.text);
            return fail(failure, false, shared);
        }
        if is_proof_error(&error) {
            // Counted like an answer that was lost: if that goes on, a sign-in with another proof may help.
            let failure = Failure::new(Code::ProofRejected, Stage::Refresh)
                .with_status(response.status)
                .with_server_words(Some(error.code), error.text);
            return fail(failure, true, shared);
        }
        let code = error.code.as_str();
        if !self.without_resource
            && shared.config.deviations().retry_refresh_without_resource
            && matches!(code, "invalid_request" | "invalid_target")
        {
            self.without_resource = true;
            return self.send(Decision::RefreshRetried, shared);
        }
        let worthless = code == "invalid_grant";
        self.refused_for_good(worthless, shared)
    }

    /// A refused refresh leads to a new authorization; but first, whether another process has newer tokens (REF-06).
    fn refused_for_good(self, drop: bool, shared: &mut Shared) -> Phase {
        shared.note(Decision::RefreshRejected);
        let Some((entry, tokens, _)) = self.subject(shared) else {
            return shared.fail(crate::shared::store_failed());
        };
        let refused = Refused {
            issuer: entry.issuer.clone(),
            generation: tokens.generation,
            drop,
            claim: tokens.claim.map(|claim| claim.by),
            attempt: Box::new(self.rejected()),
        };
        Phase::Loading(Box::new(Loading::after_refusal(refused)))
    }

    fn rejected(&self) -> Attempt {
        Attempt {
            reason: Reason::RefreshRejected,
            ..self.attempt.clone()
        }
    }

    /// A passing fault that the server told of.
    fn postponed(&self, code: Code, response: &HttpResponse<'_>, shared: &mut Shared) -> Phase {
        let wait = http::retry_after(response);
        let answer = Answer::Status(response.status);
        self.postpone(
            Failure::new(code, Stage::Refresh).with_status(response.status),
            answer,
            wait,
            false,
            shared,
        )
    }

    /// A passing fault: nothing is lost, and the tokens are used while they last. The claim is given back; `acted` tells
    /// whether the refresh token may have been redeemed all the same.
    fn postpone(
        &self,
        failure: Failure,
        answer: Answer,
        wait: Option<u64>,
        acted: bool,
        shared: &mut Shared,
    ) -> Phase {
        shared.note(Decision::RefreshPostponed(answer));
        let now = shared.now();
        let retry_at = http::retry_at(now, wait);
        shared.memory.retry_at = Some(retry_at);
        shared.memory.retry_code = Some(failure.code());
        // What did not happen may be tried again.
        shared.memory.recovery.refreshed = false;
        let refused = self.attempt.reason == Reason::TokenRefused;
        if !refused && shared.tokens().is_some_and(|tokens| tokens.is_good(now, 0)) {
            return release(acted, AfterSaving::Rest, shared);
        }
        let failure = failure.advising(Advice::RetryAfter(retry_at.millis_since(now)));
        fail(failure, acted, shared)
    }
}

impl Sender for Refreshing {
    fn needs(&self, shared: &Shared) -> Option<Needs> {
        let (entry, tokens, client) = self.subject(shared)?;
        let key = tokens.refresh_key();
        let url = &tokens.token_endpoint;
        let needs = Needs::of(&client, &entry.issuer, url, key);
        Some(needs.known_as(tokens.audience.as_ref()))
    }

    fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    fn proofs_mut(&mut self) -> &mut Proofs {
        &mut self.proofs
    }
}

/// Ends the flow with a failure.
fn fail(failure: Failure, acted: bool, shared: &mut Shared) -> Phase {
    release(acted, AfterSaving::Fail(failure), shared)
}

/// Gives the claim back. The refresh token may have been redeemed without anybody having what came of it: that is counted,
/// since a rotated refresh token that is sent again looks like theft (REF-11).
fn release(acted: bool, then: AfterSaving, shared: &mut Shared) -> Phase {
    let claim = shared.current_tokens().and_then(|(entry, tokens)| {
        let claim = tokens.claim?;
        Some((entry.issuer.clone(), claim.by))
    });
    match (claim, then) {
        (Some((issuer, by)), then) => {
            SavingGrant::begin(Change::Release(issuer, by, acted), then, shared)
        }
        (None, AfterSaving::Fail(failure)) => shared.fail(failure),
        (None, _) => Phase::Authorized,
    }
}
