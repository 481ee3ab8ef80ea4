//! How are tokens got without a user present? (RFC 6749 §4.4, RFC 7523 §2.1)

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::client::Client;
use crate::error::{Code, Failure, Stage};
use crate::input::HttpAnswer;
use crate::phase::http::{self, ClientRequest};
use crate::phase::prove::{Needs, Proofs, Sender, is_proof_error};
use crate::phase::saving::AfterSaving;
use crate::phase::token;
use crate::phase::{Phase, SignIn};
use crate::secret::Secret;
use crate::shared::Shared;
use crate::time::Timestamp;
use crate::trace::Decision;
use crate::wire::token_response::{OAuthError, TokenAnswer};

/// Asking the token endpoint for tokens, for the client itself or for whom an assertion speaks of.
///
/// A snapshot does not keep an assertion: with one, it resumes as a failure, and the next need begins anew.
#[derive(Serialize, Deserialize)]
pub(crate) struct Granting {
    pub(super) sign_in: Box<SignIn>,
    client: Arc<Client>,
    /// `None`: the client's own authentication is all that there is.
    #[serde(skip)]
    credential: Option<Credential>,
    proofs: Proofs,
}

/// What tokens are asked for with.
pub(super) struct Credential {
    pub(super) assertion: Secret,
    /// When it is worth nothing any more, if that is known.
    pub(super) expires_at: Option<Timestamp>,
}

impl Granting {
    pub(super) fn begin(
        sign_in: Box<SignIn>,
        client: Arc<Client>,
        credential: Option<Credential>,
        shared: &mut Shared,
    ) -> Phase {
        shared.note(match credential {
            Some(_) => Decision::AssertionPresented,
            None => Decision::ActingForItself,
        });
        Phase::Granting(Box::new(Self {
            sign_in,
            client,
            credential,
            proofs: Proofs::default(),
        }))
    }

    /// Whether it holds what no snapshot may.
    pub(crate) const fn is_fleeting(&self) -> bool {
        self.credential.is_some() || self.proofs.are_there()
    }

    pub(super) fn task(&self, shared: &Shared) -> Task {
        let mut parameters = match &self.credential {
            Some(credential) => vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", credential.assertion.expose()),
            ],
            None => vec![("grant_type", "client_credentials")],
        };
        parameters.extend(self.sign_in.wishes(shared));
        http::client_request(
            ClientRequest {
                url: &self.sign_in.server.token_endpoint,
                purpose: Purpose::Grant,
                client: &self.client,
                parameters: &parameters,
                further: &shared.config.settings.token_parameters,
                proofs: &self.proofs,
            },
            shared,
        )
    }

    /// The request is signed; an assertion may have lapsed while it was (EMA-12).
    pub(super) fn signed(self: Box<Self>, shared: &mut Shared) -> Phase {
        let lapsed =
            |credential: &Credential| credential.expires_at.is_some_and(|at| at <= shared.now());
        if self.credential.as_ref().is_some_and(lapsed) {
            let failure = Failure::new(Code::GrantUnavailable, Stage::Grant);
            return shared.fail(failure.about("the assertion has expired"));
        }
        Phase::Granting(self)
    }

    pub(super) fn answered(self: Box<Self>, answer: HttpAnswer<'_>, shared: &mut Shared) -> Phase {
        let failure = |code| Failure::new(code, Stage::Grant);
        let response = match http::arrived(answer, Stage::Grant, Code::GrantUnavailable) {
            Ok(response) => response,
            Err(failure) => return shared.fail(failure),
        };
        let binding = token::binding(self.sign_in.bind.as_ref());
        match TokenAnswer::parse(response.status, response.body, binding) {
            TokenAnswer::Tokens(mut issued) => {
                // RFC 6749 §4.4.3: the grant itself is what tokens are renewed with.
                issued.refresh_token = None;
                shared.count_step_up(self.sign_in.occasion.step_up);
                let then = AfterSaving::Refreshed;
                token::keep(issued, *self.sign_in, &self.client, then, shared)
            }
            TokenAnswer::Refused(error) => {
                let wait = http::retry_after(&response);
                self.refused(error, response.status, wait, shared)
            }
            answer => {
                let why = token::unusable(answer, &response, failure, Code::GrantUnavailable);
                shared.fail(why.retry_after(http::retry_after(&response)))
            }
        }
    }

    /// A refusal ends it: an assertion is not presented twice, and no other grant is tried (WIF-03, WIF-04, EMA-14).
    fn refused(
        mut self: Box<Self>,
        error: OAuthError,
        status: u16,
        wait: Option<u64>,
        shared: &mut Shared,
    ) -> Phase {
        let passing = token::is_passing(&error, status);
        if self.credential.is_none()
            && !passing
            && token::is_authentication_error(&error)
            && let Some(auth) = token::alternative(&self.client, self.sign_in.server.auth_methods)
        {
            shared.note(Decision::AuthenticationRetried);
            Arc::make_mut(&mut self.client).auth = auth;
            return Phase::Granting(self);
        }
        if !passing {
            shared.count_step_up(self.sign_in.occasion.step_up);
        }
        let code = if passing {
            Code::GrantUnavailable
        } else if is_proof_error(&error) {
            Code::ProofRejected
        } else if token::is_authentication_error(&error) {
            Code::ClientRejected
        } else if matches!(error.code.as_str(), "invalid_grant" | "invalid_target")
            && self.credential.is_some()
        {
            Code::AssertionRejected
        } else {
            Code::GrantRejected
        };
        let failure = Failure::new(code, Stage::Grant)
            .with_status(status)
            .with_server_words(Some(error.code), error.text)
            .retry_after(wait);
        shared.fail(failure)
    }
}

impl Sender for Granting {
    fn needs(&self, _: &Shared) -> Option<Needs> {
        Some(self.sign_in.needs(&self.client))
    }

    fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    fn proofs_mut(&mut self) -> &mut Proofs {
        &mut self.proofs
    }
}
