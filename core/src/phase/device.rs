//! How does a user sign in on another device? (RFC 8628)

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, ShowCode, Task};
use crate::client::Client;
use crate::error::{Code, Failure, Stage};
use crate::input::HttpAnswer;
use crate::limits::{MAX_DEVICE_CODE_MS, MAX_POLL_BACK_OFF_MS};
use crate::machine::Ignored;
use crate::phase::http::{self, ClientRequest, Trouble};
use crate::phase::prove::{Needs, Proofs, Sender, is_proof_error};
use crate::phase::saving::AfterSaving;
use crate::phase::token;
use crate::phase::{Phase, SignIn, Step};
use crate::secret::{self, Secret};
use crate::shared::Shared;
use crate::time::Timestamp;
use crate::trace::Decision;
use crate::uri::HttpUrl;
use crate::wire::device_response::DeviceResponse;
use crate::wire::token_response::{OAuthError, TokenAnswer};

/// How much longer the pauses become each time that the server asks to slow down (RFC 8628 §3.5).
const SLOW_DOWN_MS: u64 = 5_000;

/// Asking for a code that the person enters on another device.
#[derive(Serialize, Deserialize)]
pub(crate) struct RequestingCode {
    pub(super) sign_in: Box<SignIn>,
    pub(super) client: Arc<Client>,
    proofs: Proofs,
}

impl RequestingCode {
    pub(super) fn begin(sign_in: Box<SignIn>, client: Arc<Client>, shared: &mut Shared) -> Phase {
        token::note_parameters(shared);
        Phase::RequestingCode(Box::new(Self {
            sign_in,
            client,
            proofs: Proofs::default(),
        }))
    }

    fn url(&self) -> &HttpUrl {
        // This phase is entered only where there is an endpoint.
        let server = &self.sign_in.server;
        server
            .device_endpoint
            .as_ref()
            .unwrap_or(&server.token_endpoint)
    }

    /// RFC 8628 §3.1, RFC 8707 §2.
    pub(super) fn task(&self, shared: &Shared) -> Task {
        let parameters: Vec<_> = self.sign_in.wishes(shared).collect();
        http::client_request(
            ClientRequest {
                url: self.url(),
                purpose: Purpose::DeviceAuthorization,
                client: &self.client,
                parameters: &parameters,
                further: &shared.config.settings.authorize_parameters,
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
        let stage = Stage::Authorization;
        let response = match http::arrived(answer, stage, Code::AuthorizationUnavailable) {
            Ok(response) => response,
            Err(failure) => return shared.fail(failure),
        };
        let status = response.status;
        if let Some(error) = TokenAnswer::error(response.body) {
            if let Some(auth) = token::retried(&error, status, &self.client, &self.sign_in) {
                shared.note(Decision::AuthenticationRetried);
                Arc::make_mut(&mut self.client).auth = auth;
                return Phase::RequestingCode(self);
            }
            return token::refused_before(self.sign_in, &self.client, error, &response, shared);
        }
        if let Some(code) = token::unavailable(status) {
            let failure = Failure::new(code, stage).with_status(status);
            return shared.fail(failure.retry_after(http::retry_after(&response)));
        }
        match DeviceResponse::parse(response.body, shared.config.reach) {
            Ok(device) => {
                shared.note(Decision::CodeShown);
                shared.count_step_up(self.sign_in.occasion.step_up);
                AwaitingDevice::begin(self.sign_in, self.client, device, shared)
            }
            Err(why) => {
                let failure = Failure::new(Code::BadDeviceResponse, stage).about(why);
                shared.fail(failure.with_status(status))
            }
        }
    }
}

impl Sender for RequestingCode {
    fn needs(&self, _: &Shared) -> Option<Needs> {
        let server = &self.sign_in.server;
        let needs = Needs::of(&self.client, &server.issuer, self.url(), None);
        Some(needs.known_as(Some(&server.published)))
    }

    fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    fn proofs_mut(&mut self) -> &mut Proofs {
        &mut self.proofs
    }
}

/// Waiting for the person to enter the code, until the next look.
#[derive(Serialize, Deserialize)]
pub(crate) struct AwaitingDevice {
    pub(super) sign_in: Box<SignIn>,
    pub(super) client: Arc<Client>,
    #[serde(serialize_with = "secret::exposed")]
    device_code: Secret,
    user_code: Box<str>,
    pub(super) verification_uri: HttpUrl,
    pub(super) verification_uri_complete: Option<HttpUrl>,
    expires_at: Timestamp,
    interval_ms: u64,
    until: Timestamp,
}

impl AwaitingDevice {
    fn begin(
        sign_in: Box<SignIn>,
        client: Arc<Client>,
        device: DeviceResponse,
        shared: &Shared,
    ) -> Phase {
        let now = shared.now();
        let life = device
            .expires_in
            .saturating_mul(1000)
            .min(MAX_DEVICE_CODE_MS);
        let waiting = Box::new(Self {
            sign_in,
            client,
            device_code: device.device_code,
            user_code: device.user_code,
            verification_uri: device.verification_uri,
            verification_uri_complete: device.verification_uri_complete,
            expires_at: now.after(life),
            interval_ms: device.interval.saturating_mul(1000),
            until: now,
        });
        waiting.pause(None, shared)
    }

    /// Waits for the interval, or as long as the server has asked for this time, though not beyond the end of the code.
    fn pause(mut self: Box<Self>, wait: Option<u64>, shared: &Shared) -> Phase {
        let pause = wait.unwrap_or(0).max(self.interval_ms);
        self.until = shared.now().after(pause).min(self.expires_at);
        Phase::AwaitingDevice(self)
    }

    pub(super) fn task(&self) -> Task {
        Task::ShowCode(ShowCode {
            user_code: self.user_code.clone(),
            verification_uri: self.verification_uri.clone(),
            verification_uri_complete: self.verification_uri_complete.clone(),
            issuer: self.sign_in.server.issuer.clone(),
            scopes: self.sign_in.scopes.clone(),
            expires_at: self.expires_at,
            until: self.until,
        })
    }

    pub(crate) const fn deadline(&self) -> Timestamp {
        self.until
    }

    pub(super) fn urls(&self) -> Vec<&HttpUrl> {
        let mut urls = self.sign_in.urls();
        urls.push(&self.verification_uri);
        urls.extend(&self.verification_uri_complete);
        urls
    }

    pub(super) fn tick(self: Box<Self>, shared: &mut Shared) -> Step {
        if shared.now() < self.until {
            return Step::Stay(Phase::AwaitingDevice(self), Ignored::NotDue);
        }
        if shared.now() >= self.expires_at {
            return Step::Go(expired(shared));
        }
        Step::Go(Phase::Polling(Box::new(Polling {
            waiting: self,
            proofs: Proofs::default(),
        })))
    }
}

fn expired(shared: &mut Shared) -> Phase {
    shared.fail(Failure::new(Code::Expired, Stage::Authorization))
}

/// Asking whether the person has finished (RFC 8628 §3.4).
#[derive(Serialize, Deserialize)]
pub(crate) struct Polling {
    pub(crate) waiting: Box<AwaitingDevice>,
    proofs: Proofs,
}

impl Polling {
    pub(super) fn task(&self, shared: &Shared) -> Task {
        let AwaitingDevice {
            sign_in,
            client,
            device_code,
            ..
        } = &*self.waiting;
        let resource = [("resource", &*sign_in.resource.identifier)];
        let parameters: Vec<_> = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device_code.expose()),
        ]
        .into_iter()
        .chain(token::sent(&resource, shared).iter().copied())
        .collect();
        http::client_request(
            ClientRequest {
                url: &sign_in.server.token_endpoint,
                purpose: Purpose::DevicePoll,
                client,
                parameters: &parameters,
                further: &shared.config.settings.token_parameters,
                proofs: &self.proofs,
            },
            shared,
        )
    }

    pub(super) fn answered(self: Box<Self>, answer: HttpAnswer<'_>, shared: &mut Shared) -> Phase {
        let failure = |code| Failure::new(code, Stage::TokenExchange);
        // RFC 8628 §3.5: a lost poll doubles the pause.
        let Ok(response) = answer else {
            return self.back_off(None, shared);
        };
        let binding = token::binding(self.waiting.sign_in.bind.as_ref());
        match TokenAnswer::parse(response.status, response.body, binding) {
            TokenAnswer::Tokens(issued) => {
                let AwaitingDevice {
                    sign_in, client, ..
                } = *self.waiting;
                token::keep(issued, *sign_in, &client, AfterSaving::SignedIn, shared)
            }
            TokenAnswer::Refused(error) => {
                let wait = http::retry_after(&response);
                self.refused(error, response.status, wait, shared)
            }
            TokenAnswer::NotOAuth
                if matches!(
                    Trouble::of(response.status),
                    Some(Trouble::Throttled | Trouble::Unavailable)
                ) =>
            {
                self.back_off(http::retry_after(&response), shared)
            }
            answer => shared.fail(token::unusable(
                answer,
                &response,
                failure,
                Code::TokenUnavailable,
            )),
        }
    }

    fn refused(
        mut self: Box<Self>,
        error: OAuthError,
        status: u16,
        wait: Option<u64>,
        shared: &mut Shared,
    ) -> Phase {
        let waiting = &mut self.waiting;
        let code = match error.code.as_str() {
            "authorization_pending" => return self.waiting.pause(wait, shared),
            "slow_down" => {
                shared.note(Decision::SlowedDown);
                waiting.interval_ms = waiting.interval_ms.saturating_add(SLOW_DOWN_MS);
                return self.waiting.pause(wait, shared);
            }
            "expired_token" => return expired(shared),
            "access_denied" => {
                shared.refuse_step_up(waiting.sign_in.occasion.step_up);
                Code::AccessDenied
            }
            _ if token::is_passing(&error, status) => return self.back_off(wait, shared),
            _ => {
                if let Some(auth) =
                    token::retried(&error, status, &waiting.client, &waiting.sign_in)
                {
                    shared.note(Decision::AuthenticationRetried);
                    Arc::make_mut(&mut waiting.client).auth = auth;
                    return Phase::Polling(self);
                }
                if is_proof_error(&error) {
                    Code::ProofRejected
                } else if token::is_client_error(&error) {
                    Code::ClientRejected
                } else {
                    Code::CodeRejected
                }
            }
        };
        let failure = Failure::new(code, Stage::TokenExchange).with_status(status);
        shared.fail(failure.with_server_words(Some(error.code), error.text))
    }

    /// A passing fault: looks again later, after twice the interval (RFC 8628 §3.5).
    fn back_off(mut self, wait: Option<u64>, shared: &mut Shared) -> Phase {
        shared.note(Decision::SlowedDown);
        let doubled = self.waiting.interval_ms.saturating_mul(2);
        let longer = doubled.min(MAX_POLL_BACK_OFF_MS);
        self.waiting.interval_ms = self.waiting.interval_ms.max(longer);
        self.waiting.pause(wait, shared)
    }
}

impl Sender for Polling {
    fn needs(&self, _: &Shared) -> Option<Needs> {
        Some(self.waiting.sign_in.needs(&self.waiting.client))
    }

    fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    fn proofs_mut(&mut self) -> &mut Proofs {
        &mut self.proofs
    }
}
