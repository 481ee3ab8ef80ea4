//! How is the authorization request handed over beforehand? (RFC 9126)

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::client::ClientAuth;
use crate::error::{Code, Failure, Stage};
use crate::input::HttpAnswer;
use crate::phase::http::{self, ClientRequest};
use crate::phase::prove::{Needs, Proofs, Sender};
use crate::phase::token;
use crate::phase::{Pending, Phase};
use crate::shared::Shared;
use crate::trace::Decision;
use crate::uri::HttpUrl;
use crate::wire::push_response;
use crate::wire::token_response::TokenAnswer;

/// Handing over the authorization request.
#[derive(Serialize, Deserialize)]
pub(crate) struct PushingRequest {
    pub(crate) pending: Box<Pending>,
    pub(super) url: HttpUrl,
    proofs: Proofs,
}

impl PushingRequest {
    /// Hands the request over where that is to be done.
    pub(super) fn or_save(pending: Box<Pending>, shared: &mut Shared) -> Phase {
        let wanted = shared.config.settings.pushed_authorization;
        match pending.sign_in.server.pushed_to(wanted).cloned() {
            None => {
                shared.count_step_up(pending.sign_in.occasion.step_up);
                Phase::SavingFlow(pending)
            }
            Some(url) => Phase::PushingRequest(Box::new(Self {
                pending,
                url,
                proofs: Proofs::default(),
            })),
        }
    }

    pub(super) fn task(&self, shared: &Shared) -> Task {
        let pending = &self.pending;
        let client = &pending.client;
        pending.with_parameters(shared, |parameters| {
            // The client's authentication brings its identifier along, except in Basic.
            let basic = matches!(
                client.auth,
                ClientAuth::Basic(_) | ClientAuth::BasicUnencoded(_)
            );
            let parameters: Vec<_> = parameters
                .iter()
                .copied()
                .filter(|(name, _)| basic || *name != "client_id")
                .collect();
            http::client_request(
                ClientRequest {
                    url: &self.url,
                    purpose: Purpose::PushedAuthorization,
                    client,
                    parameters: &parameters,
                    further: &[],
                    proofs: &self.proofs,
                },
                shared,
            )
        })
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
            let pending = &mut self.pending;
            if let Some(auth) = token::retried(&error, status, &pending.client, &pending.sign_in) {
                shared.note(Decision::AuthenticationRetried);
                Arc::make_mut(&mut pending.client).auth = auth;
                return Phase::PushingRequest(self);
            }
            let Pending {
                sign_in, client, ..
            } = *self.pending;
            return token::refused_before(sign_in, &client, error, &response, shared);
        }
        let code = match token::unavailable(status) {
            Some(code) => code,
            None => match push_response::request_uri(response.body) {
                Some(request_uri) => {
                    shared.note(Decision::RequestPushed);
                    shared.count_step_up(self.pending.sign_in.occasion.step_up);
                    self.pending.request_uri = Some(request_uri);
                    return Phase::SavingFlow(self.pending);
                }
                None => Code::BadPushResponse,
            },
        };
        let failure = Failure::new(code, stage).with_status(status);
        shared.fail(failure.retry_after(http::retry_after(&response)))
    }
}

impl Sender for PushingRequest {
    fn needs(&self, _: &Shared) -> Option<Needs> {
        let pending = &self.pending;
        let server = &pending.sign_in.server;
        let needs = Needs::of(&pending.client, &server.issuer, &self.url, None);
        Some(needs.known_as(Some(&server.published)))
    }

    fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    fn proofs_mut(&mut self) -> &mut Proofs {
        &mut self.proofs
    }
}
