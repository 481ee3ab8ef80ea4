//! With what does a request prove who sends it? Signatures are the host's: they are asked for before the request is sent,
//! and anew each time that it is.

use serde::{Deserialize, Serialize};

use crate::action::Task;
use crate::arc_str::ArcStr;
use crate::client::{Client, ClientAuth};
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Stage};
use crate::event::HttpResponse;
use crate::jose::{AssertionClaims, ProofClaims, SignRequest, SigningPurpose, draw_id};
use crate::limits::{ASSERTION_LIFE_MS, MAX_NONCE_TRIES};
use crate::phase::{Phase, Refreshing, Revoking};
use crate::secret::Secret;
use crate::shared::Shared;
use crate::time::Timestamp;
use crate::trace::Decision;
use crate::uri::{HttpUrl, Issuer};
use crate::wire::nonce;
use crate::wire::token_response::{OAuthError, TokenAnswer};

/// What was signed for one request, to be sent once: no snapshot keeps it.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Proofs {
    /// Who the client is (RFC 7523 §2.2).
    #[serde(skip)]
    pub(super) assertion: Option<Secret>,
    /// That the client holds a key (RFC 9449 §4).
    #[serde(skip)]
    pub(super) possession: Option<Secret>,
    /// Until when what was signed may be sent.
    #[serde(skip)]
    until: Option<Timestamp>,
    /// How often the server has demanded another nonce.
    nonces: u8,
    /// Whether a signature has come too late once.
    #[serde(default)]
    late: bool,
}

impl Proofs {
    /// Whether anything was signed that may have been sent.
    pub(super) const fn are_there(&self) -> bool {
        self.assertion.is_some() || self.possession.is_some()
    }
}

/// What the signatures for a request must name.
pub(crate) struct Needs {
    /// The client that signs an assertion, if it authenticates so.
    pub(super) signer: Option<ArcStr>,
    /// The server that the request goes to.
    pub(super) issuer: Issuer,
    /// What that server calls itself: who is meant by an assertion (draft-ietf-oauth-rfc7523bis §4).
    pub(super) audience: ArcStr,
    pub(super) url: HttpUrl,
    /// The thumbprint of the key that the tokens are or will be bound to.
    pub(super) key: Option<ArcStr>,
}

impl Needs {
    pub(super) fn of(
        client: &Client,
        issuer: &Issuer,
        url: &HttpUrl,
        key: Option<&ArcStr>,
    ) -> Self {
        Self {
            signer: (client.auth == ClientAuth::PrivateKeyJwt).then(|| client.id.clone()),
            audience: issuer.url().text(),
            issuer: issuer.clone(),
            url: url.clone(),
            key: key.cloned(),
        }
    }

    /// Where the server calls itself otherwise than it was asked for.
    pub(super) fn known_as(self, audience: Option<&ArcStr>) -> Self {
        match audience {
            Some(audience) => Self {
                audience: audience.clone(),
                ..self
            },
            None => self,
        }
    }
}

/// A phase that sends a request in the client's name.
pub(crate) trait Sender {
    /// What its request must be proved with; `None` if there is nothing to send.
    fn needs(&self, shared: &Shared) -> Option<Needs>;
    fn proofs(&self) -> &Proofs;
    fn proofs_mut(&mut self) -> &mut Proofs;
}

impl Phase {
    /// This phase, or the one that asks the host for a signature that its request lacks.
    pub(super) fn prove(self, shared: &mut Shared, rng: &mut dyn Entropy) -> Self {
        let config = shared.config.clone();
        let Some(needs) = self.sender().and_then(|sender| sender.needs(shared)) else {
            return self;
        };
        let proofs = self.sender().map(Sender::proofs);
        let lacks = |proof: fn(&Proofs) -> &Option<Secret>| {
            proofs.is_some_and(|proofs| proof(proofs).is_none())
        };
        let signer = needs.signer.filter(|_| lacks(|proofs| &proofs.assertion));
        let key = needs.key.filter(|_| lacks(|proofs| &proofs.possession));
        if signer.is_none() && key.is_none() {
            return self;
        }
        // A source that repeats itself would have every proof refused as a replay (LOG-05).
        let last = shared.memory.last_id.as_deref();
        let Some(id) = draw_id(rng).ok().filter(|id| last != Some(id)) else {
            return self.unsigned(|stage| Failure::new(Code::EntropyFault, stage), shared);
        };
        shared.memory.last_id = Some(id.as_str().into());
        let now = shared.wall;
        let until = self.sender().and_then(|sender| sender.proofs().until);
        let until = until.unwrap_or(now.after(ASSERTION_LIFE_MS));
        let request = if let Some(client_id) = signer {
            config.settings.client_key.as_ref().map(|key| {
                let assertion = AssertionClaims {
                    typ: &config.settings.assertion_typ,
                    client_id: &client_id,
                    issuer: &needs.issuer,
                    audience: &needs.audience,
                    now,
                    id: &id,
                };
                assertion.request(key)
            })
        } else {
            let key = key.and_then(|thumbprint| config.bound_key(&thumbprint));
            key.map(|key| {
                let proof = ProofClaims {
                    method: "POST",
                    url: needs.url.as_str(),
                    token: None,
                    nonce: shared.memory.nonces.of_server(&needs.issuer),
                    issuer: &needs.issuer,
                    now,
                    id: &id,
                };
                proof.request(key)
            })
        };
        match request {
            Some(request) => Self::Signing(Box::new(Signing {
                then: self,
                request,
                until,
            })),
            // The key was configured when this began.
            None => self.unsigned(signing_failed, shared),
        }
    }

    /// Takes what an answer means for the proofs: they are spent, and a nonce in it is for the next one. Whether the request
    /// is to be sent again, since it was refused for its nonce alone and a new one has come (RFC 9449 §8).
    pub(super) fn spend_proofs(
        &mut self,
        response: Option<&HttpResponse<'_>>,
        shared: &mut Shared,
    ) -> bool {
        let Some(needs) = self.sender().and_then(|sender| sender.needs(shared)) else {
            return false;
        };
        let Some(sender) = self.sender_mut() else {
            return false;
        };
        let proofs = sender.proofs_mut();
        let proved = proofs.possession.take().is_some();
        proofs.assertion = None;
        proofs.until = None;
        let Some(response) = response else {
            return false;
        };
        let news = response.header(nonce::HEADER).is_some_and(|value| {
            shared
                .memory
                .nonces
                .take_server(&needs.issuer, value.as_bytes())
        });
        let asked = || {
            matches!(response.status, 400 | 401)
                && TokenAnswer::error(response.body)
                    .is_some_and(|error| error.code.as_str() == "use_dpop_nonce")
        };
        if !proved || !news || proofs.nonces >= MAX_NONCE_TRIES || !asked() {
            return false;
        }
        proofs.nonces = proofs.nonces.saturating_add(1);
        shared.note(Decision::NonceTaken);
        true
    }

    /// The end of a phase whose request was not signed.
    fn unsigned(self, failure: fn(Stage) -> Failure, shared: &mut Shared) -> Self {
        let failure = failure(self.stage());
        match self {
            Self::Refreshing(phase) => phase.unsigned(failure, shared),
            Self::Revoking(_) => {
                shared.note(Decision::NotSigned);
                Revoking::end()
            }
            _ => shared.fail(failure),
        }
    }
}

fn signing_failed(stage: Stage) -> Failure {
    Failure::new(Code::SigningFailed, stage)
}

fn cancelled(stage: Stage) -> Failure {
    Failure::new(Code::Cancelled, stage)
}

/// Whether a refusal is about the proof and not about what it goes with.
pub(super) fn is_proof_error(error: &OAuthError) -> bool {
    matches!(error.code.as_str(), "use_dpop_nonce" | "invalid_dpop_proof")
}

/// Waiting for a signature of the host.
#[derive(Serialize, Deserialize)]
pub(crate) struct Signing {
    /// What sends the request.
    pub(super) then: Phase,
    pub(super) request: SignRequest,
    /// When what is to be signed is too old to be sent.
    until: Timestamp,
}

impl Signing {
    pub(super) fn task(&self) -> Task {
        Task::Sign(self.request.clone())
    }

    /// Whether a signature can be the one that was asked for.
    pub(crate) fn fits(&self, signature: &[u8]) -> bool {
        self.request.compact(signature).is_ok()
    }

    pub(super) fn signed(self, signature: &[u8], shared: &mut Shared) -> Phase {
        let Self {
            mut then,
            request,
            until,
        } = self;
        let (Ok(signed), Some(sender)) = (request.compact(signature), then.sender_mut()) else {
            return then.unsigned(signing_failed, shared);
        };
        let proofs = sender.proofs_mut();
        if shared.wall >= until {
            // Too old to be sent, all of it: signed once more, at most.
            if std::mem::replace(&mut proofs.late, true) {
                return then.unsigned(signing_failed, shared);
            }
            proofs.assertion = None;
            proofs.possession = None;
            proofs.until = None;
            return then;
        }
        proofs.until = Some(until);
        match request.purpose {
            SigningPurpose::ClientAssertion => proofs.assertion = Some(signed),
            SigningPurpose::DpopProof => proofs.possession = Some(signed),
        }
        // Signing takes a person's time, perhaps.
        match then {
            Phase::Refreshing(phase) => phase.signed(shared),
            Phase::Granting(phase) => phase.signed(shared),
            then => then,
        }
    }

    pub(super) fn declined(self, shared: &mut Shared) -> Phase {
        self.then.unsigned(signing_failed, shared)
    }

    pub(super) fn cancelled(self, shared: &mut Shared) -> Phase {
        shared.note(Decision::Cancelled);
        let sign_in = self.then.sign_in();
        let step_up = sign_in.and_then(|sign_in| sign_in.occasion.step_up);
        shared.refuse_step_up(step_up);
        self.then.unsigned(cancelled, shared)
    }

    /// How a snapshot is resumed: as what the request itself would be.
    pub(crate) fn interrupted(self) -> Phase {
        match self.then {
            Phase::Refreshing(phase) => Refreshing::interrupted(*phase),
            then => Phase::Signing(Box::new(Self { then, ..self })),
        }
    }
}

/// The latest nonces, of either side by itself: one server's is of no use with another (RFC 9449 §8.2, §9).
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Nonces {
    #[serde(default)]
    server: Option<(Issuer, ArcStr)>,
    #[serde(default)]
    resource: Option<ArcStr>,
}

impl Nonces {
    fn of_server(&self, issuer: &Issuer) -> Option<&str> {
        let (of, nonce) = self.server.as_ref()?;
        (of == issuer).then_some(nonce)
    }

    /// Takes a nonce of an authorization server, if it is one; tells whether it is news.
    fn take_server(&mut self, issuer: &Issuer, value: &[u8]) -> bool {
        let Some(nonce) = nonce::parse(value) else {
            return false;
        };
        let news = self.of_server(issuer) != Some(nonce);
        if news {
            self.server = Some((issuer.clone(), nonce.into()));
        }
        news
    }

    pub(crate) fn of_resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// Takes a nonce of the MCP server, if it is one.
    pub(crate) fn take_resource(&mut self, value: &[u8]) {
        if let Some(nonce) = nonce::parse(value)
            && self.of_resource() != Some(nonce)
        {
            self.resource = Some(nonce.into());
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.server.is_none() && self.resource.is_none()
    }
}
