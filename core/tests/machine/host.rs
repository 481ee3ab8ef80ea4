//! A host in memory: canned servers, a store, a clock, and a random source that counts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use mcp_oauth_core::*;

pub(crate) const SERVER: &str = "https://mcp.example/mcp";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:49152/callback";

pub(crate) const RESOURCE_METADATA: &str = r#"{"resource":"https://mcp.example/mcp",
    "authorization_servers":["https://as.example"],"scopes_supported":["notes:read"]}"#;
pub(crate) const SERVER_METADATA: &str = r#"{"issuer":"https://as.example",
    "authorization_endpoint":"https://as.example/authorize","token_endpoint":"https://as.example/token",
    "registration_endpoint":"https://as.example/register","code_challenge_methods_supported":["S256"],
    "token_endpoint_auth_methods_supported":["none"],"authorization_response_iss_parameter_supported":true}"#;
/// A server that offers every grant, and all that goes with them.
pub(crate) const EVERYTHING: &str = r#"{"issuer":"https://as.example",
    "authorization_endpoint":"https://as.example/authorize","token_endpoint":"https://as.example/token",
    "registration_endpoint":"https://as.example/register","code_challenge_methods_supported":["S256"],
    "token_endpoint_auth_methods_supported":["none","client_secret_basic","private_key_jwt"],
    "authorization_response_iss_parameter_supported":true,
    "device_authorization_endpoint":"https://as.example/device",
    "pushed_authorization_request_endpoint":"https://as.example/push",
    "revocation_endpoint":"https://as.example/revoke","dpop_signing_alg_values_supported":["EdDSA"],
    "authorization_grant_profiles_supported":["urn:ietf:params:oauth:grant-profile:id-jag"]}"#;
pub(crate) const KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// An unsigned stand-in for an ID token of `https://idp.example` for the client `employee`.
pub(crate) const ID_TOKEN: &str = concat!(
    "e30.",
    "eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIiwiYXVkIjoiZW1wbG95ZWUiLCJleHAiOjEuMGUxMX0",
    ".MARK-assertion"
);
pub(crate) const REGISTRATION: &str = r#"{"client_id":"client-1"}"#;

/// The records of a store that several machines may share.
pub(crate) type Records = Rc<RefCell<HashMap<String, (u64, Vec<u8>)>>>;

/// The answer of the token endpoint to a request body: status and body.
pub(crate) type TokenEndpoint = Rc<RefCell<dyn FnMut(&str) -> (u16, String)>>;

/// What came of an action, before the machine learns of it.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// A server answered, with status and body.
    Served(u16, String),
    /// What the store holds.
    Loaded(Option<Vec<u8>>),
    /// Whether the store has written.
    Written(bool),
    /// The store says that it failed.
    Failed,
    /// Nothing but what the host itself does.
    None,
}

/// Counts up from a start, so that no two draws are the same.
pub(crate) struct Counting(pub(crate) u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_mul(5).wrapping_add(3);
        }
        Ok(())
    }
}

pub(crate) struct Host {
    pub(crate) config: Arc<Config>,
    pub(crate) machine: Machine,
    pub(crate) rng: Counting,
    pub(crate) now: Timestamp,
    pub(crate) records: Records,
    pub(crate) tokens: TokenEndpoint,
    pub(crate) metadata: &'static str,
    pub(crate) registration: &'static str,
    /// What every debug print of an action was.
    pub(crate) seen: Vec<String>,
}

pub(crate) fn settings() -> Settings {
    Settings {
        server_url: SERVER.into(),
        ..Settings::default()
    }
}

/// Settings for a grant beyond the browser.
pub(crate) fn settings_for(grant: GrantType) -> Settings {
    let key = PublicKey::from_jwk(KEY).expect("a key");
    Settings {
        grant,
        preregistered: Some(Preregistered {
            issuer: "https://as.example".into(),
            client_id: "known".into(),
            client_secret: None,
            auth_method: Some(AuthMethod::PrivateKeyJwt),
            endpoints: None,
        }),
        client_key: Some(key.clone()),
        dpop: DpopUse::Always,
        dpop_keys: vec![DpopKey { issuer: None, key }],
        identity_provider: Some(IdentityProvider {
            issuer: "https://idp.example".into(),
            token_endpoint: "https://idp.example/token".into(),
            client_id: "employee".into(),
            client_secret: Some(Secret::new("MARK-idp")),
            auth_method: None,
        }),
        pushed_authorization: true,
        ..settings()
    }
}

/// Issues `at-1`, `rt-1`, then `at-2`, `rt-2`, and so on.
pub(crate) fn issuing_tokens() -> TokenEndpoint {
    let mut count = 0;
    Rc::new(RefCell::new(move |_: &str| {
        count += 1;
        let body = format!(
            r#"{{"access_token":"at-{count}","token_type":"Bearer","expires_in":3600,"refresh_token":"rt-{count}"}}"#
        );
        (200, body)
    }))
}

impl Host {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::sharing(settings, Records::default(), issuing_tokens(), 7)
    }

    pub(crate) fn sharing(
        settings: Settings,
        records: Records,
        tokens: TokenEndpoint,
        seed: u8,
    ) -> Self {
        let config = Arc::new(Config::new(settings).expect("the settings are right"));
        Self {
            machine: Machine::new(config.clone(), ""),
            config,
            rng: Counting(seed),
            now: Timestamp::from_seconds(1_800_000_000),
            records,
            tokens,
            metadata: SERVER_METADATA,
            registration: REGISTRATION,
            seen: Vec::new(),
        }
    }

    pub(crate) fn give(&mut self, event: Event<'_>) -> Result<Outcome, Misuse> {
        let mut context = Context {
            now: self.now,
            rng: &mut self.rng,
        };
        self.machine.handle(event, &mut context)
    }

    pub(crate) fn action(&self) -> Option<Action> {
        match self.machine.next() {
            Next::Do(action) => Some(action.clone()),
            Next::Rest(_) => None,
        }
    }

    pub(crate) fn id(&self) -> ActionId {
        self.action()
            .map_or(ActionId::from_number(0), |action| action.id)
    }

    /// The record that the machine wants written, if that is what it wants.
    pub(crate) fn writes(&self) -> Option<String> {
        match self.action()?.task {
            Task::Store(StoreOp::Save { record, .. }) => {
                Some(String::from_utf8_lossy(record.expose()).into_owned())
            }
            _ => None,
        }
    }

    pub(crate) fn challenge(&mut self, generation: Option<u64>) -> Result<Outcome, Misuse> {
        self.give(Event::Challenge(Challenge {
            status: 401,
            www_authenticate: &[b"Bearer"],
            generation,
        }))
    }

    /// The state of the URL opened last.
    pub(crate) fn callback(&self) -> String {
        match self.action().map(|action| action.task) {
            Some(Task::OpenUrl(open)) => {
                format!(
                    "code=the-code&state={}&iss=https%3A%2F%2Fas.example",
                    open.state.expose()
                )
            }
            other => panic!("no URL is open: {other:?}"),
        }
    }

    /// Carries out the outstanding action as an honest host with honest servers would.
    pub(crate) fn step(&mut self) {
        let effect = self.carry_out();
        self.answer(effect);
    }

    /// The first half of a step: what happens in the world.
    pub(crate) fn carry_out(&mut self) -> Effect {
        let action = self.action().expect("there is something to do");
        self.seen.push(format!("{action:?}"));
        match &action.task {
            Task::Http(request) => {
                let (status, body) = self.serve(request);
                Effect::Served(status, body)
            }
            Task::Store(op) => self.store(op),
            _ => Effect::None,
        }
    }

    /// The second half of a step: the machine learns of it.
    pub(crate) fn answer(&mut self, effect: Effect) {
        let action = self.action().expect("there is something to do");
        let id = action.id;
        let outcome = match (&action.task, effect) {
            (_, Effect::Served(status, body)) => {
                let response = HttpResponse {
                    status,
                    headers: &[],
                    body: body.as_bytes(),
                };
                self.give(Event::Reply { id, response })
            }
            (_, Effect::Loaded(record)) => {
                let result = StoreResult::Loaded(record.as_deref());
                self.give(Event::Stored { id, result })
            }
            (_, Effect::Written(done)) => {
                let result = if done {
                    StoreResult::Done
                } else {
                    StoreResult::Conflict
                };
                self.give(Event::Stored { id, result })
            }
            (_, Effect::Failed) => self.give(Event::Stored {
                id,
                result: StoreResult::Failed,
            }),
            (Task::BindRedirect { .. }, _) => self.give(Event::RedirectBound { id, uri: REDIRECT }),
            (Task::OpenUrl(_), _) => {
                let query = self.callback();
                self.give(Event::Callback(CallbackText::Query(&query)))
            }
            (Task::Wait { until }, _) => {
                self.now = self.now.max(*until);
                self.give(Event::Tick)
            }
            (Task::Sign(_), _) => self.give(Event::Signed {
                id,
                signature: b"MARK-signature, which is as long as one of Ed25519 or P-256 must",
            }),
            (Task::FetchAssertion(request), _) => {
                let kind = match request.purpose {
                    AssertionPurpose::Workload => AssertionKind::Jwt,
                    AssertionPurpose::Identity => AssertionKind::IdToken,
                };
                let token = Secret::new(ID_TOKEN);
                let assertion = ProvidedAssertion { token, kind };
                self.give(Event::AssertionProvided { id, assertion })
            }
            (Task::ShowCode(code), _) => {
                self.now = self.now.max(code.until);
                self.give(Event::Tick)
            }
            (task, _) => {
                assert!(matches!(task, Task::AskForClient { .. }), "{task:?}");
                self.give(Event::ClientProvided {
                    id,
                    client: ProvidedClient {
                        client_id: "asked-for".into(),
                        client_secret: None,
                        auth_method: None,
                    },
                })
            }
        };
        assert_eq!(outcome, Ok(Outcome::Advanced), "{action:?}");
    }

    fn serve(&mut self, request: &HttpRequest) -> (u16, String) {
        let body = request.body.as_ref().map_or("", Secret::expose).to_owned();
        match request.purpose {
            Purpose::ResourceMetadata => (200, RESOURCE_METADATA.into()),
            Purpose::ServerMetadata => (200, self.metadata.into()),
            Purpose::Registration => (201, self.registration.into()),
            Purpose::DeviceAuthorization => (
                200,
                r#"{"device_code":"MARK-device","user_code":"WDJB-MJHT","expires_in":600,
                    "verification_uri":"https://as.example/enter"}"#
                    .into(),
            ),
            Purpose::PushedAuthorization => (201, r#"{"request_uri":"urn:example:1"}"#.into()),
            Purpose::TokenExchange => (
                200,
                r#"{"access_token":"MARK-id-jag","token_type":"N_A",
                    "issued_token_type":"urn:ietf:params:oauth:token-type:id-jag"}"#
                    .into(),
            ),
            Purpose::Revocation => (200, String::new()),
            Purpose::CodeExchange | Purpose::Refresh | Purpose::Grant | Purpose::DevicePoll => {
                let (status, body) = (self.tokens.borrow_mut())(&body);
                let proved = request.headers.iter().any(|header| header.name == "dpop");
                let kind = if proved { "DPoP" } else { "Bearer" };
                (status, body.replace("Bearer", kind))
            }
        }
    }

    /// A store that keeps its contract.
    fn store(&mut self, op: &StoreOp) -> Effect {
        let mut records = self.records.borrow_mut();
        let name = op.key().as_str().to_owned();
        let held = records.get(&name).map(|(generation, _)| *generation);
        match op {
            StoreOp::Load { .. } => {
                Effect::Loaded(records.get(&name).map(|(_, bytes)| bytes.clone()))
            }
            StoreOp::Save {
                expected,
                generation,
                record,
                ..
            } => {
                let fits = held == *expected;
                if fits {
                    assert_eq!(
                        mcp_oauth_core::store::generation_of(record.expose()),
                        Ok(*generation)
                    );
                    records.insert(name, (*generation, record.expose().to_vec()));
                }
                Effect::Written(fits)
            }
            StoreOp::Delete { expected, .. } => {
                let fits = held == Some(*expected);
                if fits {
                    records.remove(&name);
                }
                Effect::Written(fits)
            }
        }
    }

    /// Goes on until the machine is in this phase.
    pub(crate) fn until(&mut self, phase: PhaseKind) {
        for _ in 0..32 {
            if self.machine.phase() == phase {
                return;
            }
            self.step();
        }
        panic!("{phase:?} was not reached, but {:?}", self.machine.phase());
    }

    /// Goes on until the machine rests.
    pub(crate) fn run(&mut self) {
        for _ in 0..40 {
            if self.action().is_none() {
                return;
            }
            self.step();
        }
        panic!("the machine does not come to rest");
    }

    /// A host whose machine has signed in.
    pub(crate) fn signed_in() -> Self {
        let mut host = Self::new(settings());
        host.run();
        host.give(Event::Connect).expect("no misuse");
        host.run();
        assert_eq!(host.machine.phase(), PhaseKind::Authorized);
        host
    }

    /// A host that uses all that there is, and whose server offers it.
    pub(crate) fn with_everything(grant: GrantType) -> Self {
        let mut host = Self::new(settings_for(grant));
        host.metadata = EVERYTHING;
        host.run();
        host
    }

    /// A host whose machine is in this phase, by the shortest way.
    pub(crate) fn in_phase(phase: PhaseKind) -> Self {
        use PhaseKind as P;
        match phase {
            P::Loading => Self::new(settings()),
            P::Idle => {
                let mut host = Self::new(settings());
                host.run();
                host
            }
            P::Authorized => Self::signed_in(),
            P::Refreshing => {
                let mut host = Self::signed_in();
                host.now = host.now.after(3_600_000);
                host.give(Event::Refresh).expect("no misuse");
                host.until(phase);
                host
            }
            P::AwaitingRefresh => {
                let mut other = Self::in_phase(P::Refreshing);
                let mut host =
                    Self::sharing(settings(), other.records.clone(), other.tokens.clone(), 11);
                host.now = other.now;
                host.run();
                host.give(Event::Refresh).expect("no misuse");
                host.until(phase);
                other.step();
                host
            }
            P::SigningOut | P::SignedOut => {
                let mut host = Self::signed_in();
                let forget_client = false;
                host.give(Event::SignOut { forget_client })
                    .expect("no misuse");
                host.until(phase);
                host
            }
            P::Signing
            | P::Granting
            | P::FetchingAssertion
            | P::ExchangingIdentity
            | P::RequestingCode
            | P::AwaitingDevice
            | P::Polling
            | P::PushingRequest => {
                let mut host = Self::with_everything(match phase {
                    P::Signing | P::Granting => GrantType::ClientCredentials,
                    P::FetchingAssertion => GrantType::WorkloadIdentity,
                    P::ExchangingIdentity => GrantType::EnterpriseManaged,
                    P::PushingRequest => GrantType::AuthorizationCode,
                    _ => GrantType::DeviceCode,
                });
                host.give(Event::Connect).expect("no misuse");
                host.until(phase);
                host
            }
            P::Revoking => {
                let mut host = Self::with_everything(GrantType::AuthorizationCode);
                host.give(Event::Connect).expect("no misuse");
                host.run();
                let forget_client = false;
                host.give(Event::SignOut { forget_client })
                    .expect("no misuse");
                host.until(phase);
                host
            }
            P::Failed => {
                let mut host = Self::in_phase(P::AwaitingCallback);
                host.give(Event::Cancel).expect("no misuse");
                host.until(phase);
                host
            }
            P::AskingClient => {
                let mut host = Self::new(Settings {
                    dynamic_registration: false,
                    ask_for_client: true,
                    ..settings()
                });
                host.run();
                host.give(Event::Connect).expect("no misuse");
                host.until(phase);
                host
            }
            _ => {
                let mut host = Self::new(settings());
                host.run();
                host.give(Event::Connect).expect("no misuse");
                host.until(phase);
                host
            }
        }
    }

    /// The failure that the machine rests with.
    pub(crate) fn failure(&self) -> Failure {
        match self.machine.next() {
            Next::Rest(Verdict::Failed(failure)) => failure.clone(),
            other => panic!("has not failed: {other:?}"),
        }
    }
}
