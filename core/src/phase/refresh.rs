//! How are tokens refreshed, and what if they are not?

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::client::{AuthKind, AuthMethods, Client, ClientOrigin};
use crate::error::{Advice, Code, Failure, Stage};
use crate::event::HttpResponse;
use crate::grant::{Change, Entry, Tokens};
use crate::input::HttpAnswer;
use crate::phase::http::{self, Trouble};
use crate::phase::store::{AfterSaving, Loading, SavingGrant};
use crate::phase::token::{self, Asked};
use crate::phase::{Attempt, Phase, Reason, start};
use crate::shared::Shared;
use crate::trace::{Answer, Decision};
use crate::wire::token_response::{OAuthError, TokenAnswer};

/// Refreshing the tokens in use.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refreshing {
    /// What goes on if the refresh is refused.
    attempt: Attempt,
    /// Retrying without `resource`.
    without_resource: bool,
    /// Retrying with another way to authenticate.
    auth: Option<AuthKind>,
}

impl Refreshing {
    /// Begins, unless the server or the network has asked for patience, and not before the store was read: another process
    /// may have tokens. Where nothing can be refreshed, a sign-in begins instead.
    pub(super) fn begin(attempt: Attempt, shared: &mut Shared) -> Phase {
        if shared.can_refresh()
            && let Some(failure) = shared.postponed()
        {
            return shared.fail(failure);
        }
        if !shared.just_read {
            return Phase::Loading(Box::new(Loading::before_refresh(attempt)));
        }
        if !shared.can_refresh() {
            let attempt = Attempt {
                reason: Reason::RefreshRejected,
                ..attempt
            };
            return start::sign_in(attempt, shared);
        }
        shared.note(Decision::Refreshing);
        Phase::Refreshing(Box::new(Self {
            attempt,
            without_resource: false,
            auth: None,
        }))
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

    /// Whether there still is something to refresh: a snapshot may be older than the configuration.
    pub(super) fn is_possible(&self, shared: &Shared) -> bool {
        self.subject(shared)
            .is_some_and(|(_, tokens, _)| tokens.refresh_token.is_some())
    }

    /// RFC 6749 §6: no scope, so that nothing is widened; `resource` as it was authorized.
    pub(super) fn task(&self, shared: &Shared) -> Task {
        let Some((_, tokens, client)) = self.subject(shared) else {
            // No machine gets here: a refresh begins, and resumes, only where there is something to refresh.
            return super::store::load(shared);
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
        http::token_request(
            &tokens.token_endpoint,
            Purpose::Refresh,
            shared,
            &client,
            parameters,
        )
    }

    pub(super) fn answered(self: Box<Self>, answer: HttpAnswer<'_>, shared: &mut Shared) -> Phase {
        let response = match answer {
            Ok(response) => response,
            Err(cause) => {
                if cause.may_have_acted() {
                    unknown_outcome(shared);
                }
                let failure = Failure::new(Code::RefreshUnavailable, Stage::Refresh);
                return self.postpone(
                    failure.about(cause.as_str()),
                    Answer::None(cause),
                    None,
                    shared,
                );
            }
        };
        let trouble = Trouble::of(response.status);
        if let Some(Trouble::Redirect) = trouble {
            unknown_outcome(shared);
            let failure = Failure::new(Code::UnexpectedRedirect, Stage::Refresh);
            return shared.fail(failure.with_status(response.status));
        }
        match TokenAnswer::parse(response.status, response.body) {
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
                    refresh_token: tokens.refresh_token.clone(),
                    issuer: issuer.clone(),
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
                unknown_outcome(shared);
                let failure = Failure::new(Code::BadTokenResponse, Stage::Refresh);
                shared.fail(failure.about(why).with_status(response.status))
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
                shared.note(Decision::AuthenticationRetried);
                self.auth = Some(auth.kind());
                return Phase::Refreshing(self);
            }
            if client.origin == ClientOrigin::Dynamic {
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
            return shared.fail(failure);
        }
        let code = error.code.as_str();
        if !self.without_resource
            && shared.config.deviations().retry_refresh_without_resource
            && matches!(code, "invalid_request" | "invalid_target")
        {
            shared.note(Decision::RefreshRetried);
            self.without_resource = true;
            return Phase::Refreshing(self);
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
        let (issuer, generation) = (entry.issuer.clone(), tokens.generation);
        Phase::Loading(Box::new(Loading::after_refusal(
            issuer,
            generation,
            drop,
            self.rejected(),
        )))
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
            shared,
        )
    }

    /// A passing fault: nothing is lost, and the tokens are used while they last.
    fn postpone(
        &self,
        failure: Failure,
        answer: Answer,
        wait: Option<u64>,
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
            return Phase::Authorized;
        }
        shared.fail(failure.advising(Advice::RetryAfter(retry_at.millis_since(now))))
    }
}

/// The refresh token may have been redeemed, and nobody has what came of it. Counted, since a rotated refresh token that
/// is sent again looks like theft (REF-11).
fn unknown_outcome(shared: &mut Shared) {
    let unknown = &mut shared.memory.unknown_refreshes;
    *unknown = unknown.saturating_add(1);
}
