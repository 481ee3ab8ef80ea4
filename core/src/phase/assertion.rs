//! How does somebody else's word become an assertion for the authorization server? (SEP-1933, SEP-990)

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::action::{AssertionPurpose, AssertionRequest, Purpose, Task};
use crate::client::Client;
use crate::config::KnownProvider;
use crate::error::{Code, Failure, Stage};
use crate::event::{AssertionKind, ProvidedAssertion, Refusal};
use crate::input::HttpAnswer;
use crate::jose::Claims;
use crate::phase::granting::{Credential, Granting};
use crate::phase::http::{self, ClientRequest, Trouble};
use crate::phase::prove::{Needs, Proofs, Sender};
use crate::phase::token;
use crate::phase::{Phase, SignIn};
use crate::shared::Shared;
use crate::trace::Decision;
use crate::wire::exchange_response::{ExchangeAnswer, ID_JAG, IdJag};

/// Waiting for an assertion of the host: fresh each time, and kept by nobody.
#[derive(Serialize, Deserialize)]
pub(crate) struct FetchingAssertion {
    pub(super) sign_in: Box<SignIn>,
    client: Arc<Client>,
    purpose: AssertionPurpose,
    /// What was wrong with the last one, where a newer one may help: it is told if the host has none.
    refused: Option<Failure>,
}

impl FetchingAssertion {
    pub(super) fn begin(
        sign_in: Box<SignIn>,
        client: Arc<Client>,
        purpose: AssertionPurpose,
    ) -> Phase {
        Phase::FetchingAssertion(Box::new(Self {
            sign_in,
            client,
            purpose,
            refused: None,
        }))
    }

    pub(super) fn task(&self, shared: &Shared) -> Task {
        let settings = &shared.config.settings;
        let server = &self.sign_in.server;
        let (issuer, audience) = match &shared.config.identity_provider {
            Some(provider) if self.purpose == AssertionPurpose::Identity => {
                (provider.issuer.clone(), &*provider.client.id)
            }
            _ => {
                let audience = settings.workload_audience.as_deref();
                let endpoint = server.token_endpoint.as_str();
                (server.issuer.clone(), audience.unwrap_or(endpoint))
            }
        };
        Task::FetchAssertion(AssertionRequest {
            purpose: self.purpose,
            issuer,
            audience: audience.into(),
            renew: self.refused.is_some(),
        })
    }

    pub(super) fn provided(self, given: ProvidedAssertion, shared: &mut Shared) -> Phase {
        let config = shared.config.clone();
        let provider = config
            .identity_provider
            .as_ref()
            .filter(|_| self.purpose == AssertionPurpose::Identity);
        if let Err(what) = check(&given, provider, shared) {
            let failure = Failure::new(Code::BadAssertion, Stage::Grant).about(what);
            if what == EXPIRED && self.refused.is_none() {
                shared.note(Decision::AssertionExpired);
                return Phase::FetchingAssertion(Box::new(Self {
                    refused: Some(failure),
                    ..self
                }));
            }
            return shared.fail(failure);
        }
        match provider {
            None => {
                let claims = Claims::of(given.token.expose());
                let credential = Credential {
                    expires_at: claims.and_then(|claims| claims.expires_at),
                    assertion: given.token,
                };
                Granting::begin(self.sign_in, self.client, Some(credential), shared)
            }
            Some(provider) => {
                shared.note(Decision::IdentityPresented);
                Phase::ExchangingIdentity(Box::new(ExchangingIdentity {
                    sign_in: self.sign_in,
                    client: self.client,
                    as_client: provider.client.clone(),
                    subject: Some(given),
                    renewed: self.refused.is_some(),
                    proofs: Proofs::default(),
                }))
            }
        }
    }

    pub(super) fn declined(self, reason: Refusal, shared: &mut Shared) -> Phase {
        let failure = |code| Failure::new(code, Stage::Grant);
        shared.fail(match reason {
            Refusal::NeedsUser => failure(Code::NeedsUser),
            Refusal::Denied => failure(Code::Cancelled),
            Refusal::Unable => self.refused.unwrap_or(failure(Code::AssertionNeeded)),
        })
    }
}

/// What may be mended by another assertion of the same host.
const EXPIRED: &str = "it has expired";

/// What is wrong with an assertion that can be told without the issuer's key: better said here than sent.
fn check(
    given: &ProvidedAssertion,
    provider: Option<&KnownProvider>,
    shared: &Shared,
) -> Result<(), &'static str> {
    match (given.kind, provider) {
        (AssertionKind::Jwt, None) | (AssertionKind::IdToken, Some(_)) => {}
        // The provider alone can tell what is in these.
        (AssertionKind::RefreshToken | AssertionKind::Saml2, Some(_)) => return Ok(()),
        _ => return Err("it is of a kind that was not asked for"),
    }
    let claims = Claims::of(given.token.expose()).ok_or("it is no signed JWT")?;
    if claims.expires_at.is_some_and(|at| at <= shared.now()) {
        return Err(EXPIRED);
    }
    let Some(provider) = provider else {
        return Ok(());
    };
    // EMA-10, EMA-16: a token that somebody else has issued, or for somebody else, is not shown to the provider.
    if claims.issuer.as_deref() != Some(provider.issuer.as_str()) {
        return Err("it was issued by somebody else");
    }
    if !claims
        .audiences
        .iter()
        .any(|name| **name == *provider.client.id)
    {
        return Err("it was issued for another client");
    }
    if claims.expires_at.is_none() {
        return Err("it does not say when it expires");
    }
    Ok(())
}

/// Exchanging the user's identity for an assertion that the resource's authorization server takes (RFC 8693 §2.1).
///
/// A snapshot does not keep the identity: it resumes as a failure, and the next need begins anew.
#[derive(Serialize, Deserialize)]
pub(crate) struct ExchangingIdentity {
    pub(super) sign_in: Box<SignIn>,
    client: Arc<Client>,
    /// As whom we speak to the provider.
    as_client: Arc<Client>,
    #[serde(skip)]
    subject: Option<ProvidedAssertion>,
    /// Whether the host was asked for a newer identity already.
    renewed: bool,
    proofs: Proofs,
}

impl ExchangingIdentity {
    pub(super) fn task(&self, shared: &Shared) -> Task {
        let server = &self.sign_in.server;
        let (token, kind) = match &self.subject {
            Some(subject) => (subject.token.expose(), subject_type(subject.kind)),
            None => ("", subject_type(AssertionKind::IdToken)),
        };
        let parameters: Vec<_> = [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("requested_token_type", ID_JAG),
            ("audience", &*server.published),
            ("subject_token", token),
            ("subject_token_type", kind),
        ]
        .into_iter()
        .chain(self.sign_in.wishes(shared))
        .collect();
        // The provider is configured wherever this phase is entered.
        let url = shared
            .config
            .identity_provider
            .as_ref()
            .map_or(&server.token_endpoint, |provider| &provider.token_endpoint);
        http::client_request(
            ClientRequest {
                url,
                purpose: Purpose::TokenExchange,
                client: &self.as_client,
                parameters: &parameters,
                further: &[],
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
        let failure = |code| Failure::new(code, Stage::IdentityExchange);
        let response = match http::arrived(answer, Stage::IdentityExchange, Code::GrantUnavailable)
        {
            Ok(response) => response,
            Err(failure) => return shared.fail(failure),
        };
        let status = response.status;
        let trouble = Trouble::of(status);
        match ExchangeAnswer::parse(status, response.body) {
            ExchangeAnswer::Issued(id_jag) => self.issued(id_jag, shared),
            ExchangeAnswer::Refused(error) => {
                if token::is_passing(&error, status) {
                    let why = failure(Code::GrantUnavailable).with_status(status);
                    return shared.fail(why.retry_after(http::retry_after(&response)));
                }
                if token::is_authentication_error(&error) {
                    if let Some(auth) = token::alternative(&self.as_client, Default::default()) {
                        shared.note(Decision::AuthenticationRetried);
                        Arc::make_mut(&mut self.as_client).auth = auth;
                        return Phase::ExchangingIdentity(self);
                    }
                    let words = failure(Code::ClientRejected).with_status(status);
                    return shared.fail(words.with_server_words(Some(error.code), error.text));
                }
                let dated = matches!(error.code.as_str(), "invalid_grant" | "invalid_request");
                let why = failure(Code::IdentityRejected).with_status(status);
                let why = why.with_server_words(Some(error.code), error.text);
                if !self.renewed && dated {
                    // Perhaps it has expired: the host may have a newer one (RFC 8693 §2.2.2).
                    shared.note(Decision::IdentityRefused);
                    return Phase::FetchingAssertion(Box::new(FetchingAssertion {
                        sign_in: self.sign_in,
                        client: self.client,
                        purpose: AssertionPurpose::Identity,
                        refused: Some(why),
                    }));
                }
                shared.fail(why)
            }
            ExchangeAnswer::Unusable(why) => {
                shared.fail(failure(Code::BadExchange).about(why).with_status(status))
            }
            ExchangeAnswer::NotOAuth => {
                let code = match trouble {
                    Some(Trouble::Throttled | Trouble::Unavailable) => Code::GrantUnavailable,
                    _ => Code::BadExchange,
                };
                let why = failure(code).with_status(status);
                shared.fail(why.retry_after(http::retry_after(&response)))
            }
        }
    }

    /// The assertion goes to the server that it was asked for, at once, and nowhere else (EMA-06, EMA-12).
    fn issued(self, id_jag: IdJag, shared: &mut Shared) -> Phase {
        let mut sign_in = self.sign_in;
        if let Some(given) = id_jag.scope {
            // Whatever the provider has left out, the server is not asked for (EMA-13); nor for what nobody wanted.
            let left_out = sign_in.scopes.without(&given);
            if sign_in.scopes.is_empty() {
                sign_in.scopes = given;
            } else if !left_out.is_empty() {
                shared.note(Decision::ScopeNarrowed);
                sign_in.scopes = sign_in.scopes.without(&left_out);
            }
        }
        let now = shared.now();
        let credential = Credential {
            assertion: id_jag.token,
            expires_at: id_jag
                .expires_in
                .map(|seconds| now.after(seconds.saturating_mul(1000))),
        };
        Granting::begin(sign_in, self.client, Some(credential), shared)
    }
}

const fn subject_type(kind: AssertionKind) -> &'static str {
    match kind {
        AssertionKind::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        AssertionKind::IdToken => "urn:ietf:params:oauth:token-type:id_token",
        AssertionKind::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
        AssertionKind::Saml2 => "urn:ietf:params:oauth:token-type:saml2",
    }
}

impl Sender for ExchangingIdentity {
    fn needs(&self, shared: &Shared) -> Option<Needs> {
        let provider = shared.config.identity_provider.as_ref()?;
        let url = &provider.token_endpoint;
        Some(Needs::of(&self.as_client, &provider.issuer, url, None))
    }

    fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    fn proofs_mut(&mut self) -> &mut Proofs {
        &mut self.proofs
    }
}
