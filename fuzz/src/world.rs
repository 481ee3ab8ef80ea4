//! What would honest servers, an honest host and its store answer?

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth_core::wire::form::encode_component;
use mcp_oauth_core::{
    Action, AssertionKind, AssertionPurpose, Cause, HttpRequest, ProvidedAssertion, ProvidedClient,
    Purpose, Refusal, Secret, StoreOp, Task,
};
use serde_json::{Value, json};

/// An answer that owns what it says.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Reply {
        status: u16,
        headers: Vec<(&'static str, Vec<u8>)>,
        body: Vec<u8>,
    },
    Unreachable(Cause),
    Bound(String),
    Callback(String),
    CallbackUrl(String),
    Client(ProvidedClient),
    Signed(Vec<u8>),
    Assertion(ProvidedAssertion),
    Declined(Refusal),
    Loaded(Option<Vec<u8>>),
    Done,
    Conflict,
    Failed,
    /// The time that was to be waited for has come.
    Tick,
}

impl Answer {
    pub(crate) fn json(status: u16, document: &Value) -> Self {
        Self::raw(status, document.to_string().into_bytes())
    }

    pub(crate) fn raw(status: u16, body: Vec<u8>) -> Self {
        Self::Reply {
            status,
            headers: Vec::new(),
            body,
        }
    }
}

/// Stems of the secrets of one run: they depend on the whole input, so that no input can hold one.
#[derive(Clone)]
pub(crate) struct Marks {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) secret: String,
    pub(crate) code: String,
    pub(crate) assertion: String,
    pub(crate) device: String,
    pub(crate) signature: String,
}

impl Marks {
    pub(crate) fn new(seed: u64) -> Self {
        let mark = |kind: &str| format!("{kind}{seed:016x}");
        Self {
            access: mark("Ac"),
            refresh: mark("Rc"),
            secret: mark("Cs"),
            code: mark("Co"),
            assertion: mark("As"),
            device: mark("Dc"),
            signature: mark("Sg"),
        }
    }

    /// Puts marked secrets where a JSON document asks for them: for the `@` at the start of a secret member.
    pub(crate) fn fill(&self, body: &[u8]) -> Vec<u8> {
        fill(
            body,
            &[
                (b"\"access_token\":\"@", &self.access),
                (b"\"refresh_token\":\"@", &self.refresh),
                (b"\"client_secret\":\"@", &self.secret),
            ],
        )
    }

    /// The same for a form.
    pub(crate) fn fill_form(&self, form: &[u8]) -> Vec<u8> {
        fill(
            form,
            &[
                (b"&access_token=@", &self.access),
                (b"&refresh_token=@", &self.refresh),
            ],
        )
    }

    /// A code, and a token where none should be, in a callback.
    pub(crate) fn fill_callback(&self, query: &[u8]) -> Vec<u8> {
        fill(
            query,
            &[(b"&code=@", &self.code), (b"&access_token=@", &self.access)],
        )
    }
}

fn fill(text: &[u8], places: &[(&[u8], &str)]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        match places.iter().find(|(place, _)| rest.starts_with(place)) {
            Some((place, mark)) => {
                filled.extend_from_slice(&place[..place.len() - 1]);
                filled.extend_from_slice(mark.as_bytes());
                rest = &rest[place.len()..];
            }
            None => {
                filled.push(*first);
                rest = tail;
            }
        }
    }
    filled
}

/// A store that keeps its contract, and the servers behind it.
pub(crate) struct World {
    pub(crate) marks: Marks,
    pub(crate) records: BTreeMap<String, (u64, Vec<u8>)>,
    /// Numbers each secret issued.
    issued: u32,
}

impl World {
    pub(crate) fn new(marks: Marks) -> Self {
        Self {
            marks,
            records: BTreeMap::new(),
            issued: 0,
        }
    }

    fn number(&mut self) -> u32 {
        self.issued += 1;
        self.issued
    }

    /// A code that was not issued before.
    pub(crate) fn code(&mut self) -> String {
        let number = self.number();
        format!("{}n{number}", self.marks.code)
    }

    /// A signature whose text begins with its mark.
    fn signature(&mut self) -> Vec<u8> {
        let number = self.number();
        let mut text = format!("{}n{number}", self.marks.signature);
        // 64 bytes.
        text.extend(std::iter::repeat_n('A', 86 - text.len()));
        URL_SAFE_NO_PAD.decode(text).expect("base64url")
    }

    /// A token that somebody else has signed, in the signature of which is its mark.
    fn assertion(&mut self, claims: &Value) -> String {
        let number = self.number();
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("e30.{claims}.{}n{number}", self.marks.assertion)
    }

    /// The honest answer to an action. `taste` chooses among honest servers.
    pub(crate) fn answer(&mut self, action: &Action, server_url: &str, taste: u8) -> Answer {
        match &action.task {
            Task::Http(request) => self.serve(request, server_url, taste),
            Task::BindRedirect { preferred } => {
                Answer::Bound(preferred.replacen(":0/", ":49152/", 1))
            }
            Task::OpenUrl(open) => {
                let code = self.code();
                let state = open.state.expose();
                let issuer = encode_component(open.issuer.as_str());
                Answer::Callback(format!("code={code}&state={state}&iss={issuer}"))
            }
            Task::AskForClient { .. } => {
                let number = self.number();
                let secret = format!("{}n{number}", self.marks.secret);
                Answer::Client(ProvidedClient {
                    client_id: "given".into(),
                    client_secret: Some(Secret::new(secret)),
                    auth_method: None,
                })
            }
            Task::Sign(_) => Answer::Signed(self.signature()),
            Task::FetchAssertion(request) => {
                let claims = json!({
                    "iss": request.issuer.as_str(),
                    "aud": request.audience,
                    "exp": 1.0e11,
                });
                Answer::Assertion(ProvidedAssertion {
                    token: Secret::new(self.assertion(&claims)),
                    kind: match request.purpose {
                        AssertionPurpose::Workload => AssertionKind::Jwt,
                        AssertionPurpose::Identity => AssertionKind::IdToken,
                    },
                })
            }
            Task::ShowCode(_) => Answer::Tick,
            Task::Store(op) => self.store(op),
            Task::Wait { .. } => Answer::Tick,
        }
    }

    /// Carries out a store operation as the contract says.
    pub(crate) fn store(&mut self, op: &StoreOp) -> Answer {
        let name = op.key().as_str().to_owned();
        let held = self.records.get(&name).map(|(generation, _)| *generation);
        match op {
            StoreOp::Load { .. } => {
                Answer::Loaded(self.records.get(&name).map(|(_, record)| record.clone()))
            }
            StoreOp::Save {
                expected,
                generation,
                record,
                ..
            } if *expected == held => {
                let record = record.expose().to_vec();
                self.records.insert(name, (*generation, record));
                Answer::Done
            }
            StoreOp::Delete { expected, .. } if Some(*expected) == held => {
                self.records.remove(&name);
                Answer::Done
            }
            StoreOp::Save { .. } | StoreOp::Delete { .. } => Answer::Conflict,
        }
    }

    fn serve(&mut self, request: &HttpRequest, server_url: &str, taste: u8) -> Answer {
        let loopback = server_url.starts_with("http://");
        match request.purpose {
            Purpose::ResourceMetadata => {
                let issuer = if loopback {
                    "http://127.0.0.1:9000"
                } else {
                    super::profile::ISSUER
                };
                Answer::json(
                    200,
                    &json!({
                        "resource": server_url,
                        "authorization_servers": [issuer, "https://second.example/tenant"],
                        "scopes_supported": ["notes:read", "notes:write"],
                    }),
                )
            }
            Purpose::ServerMetadata => {
                let issuer = issuer_of(request.url.as_str());
                let methods: &[&str] = match taste & 3 {
                    0 => &["client_secret_basic", "private_key_jwt"],
                    1 => &["none", "private_key_jwt"],
                    2 => &["client_secret_post", "private_key_jwt"],
                    _ => &[],
                };
                Answer::json(
                    200,
                    &json!({
                        "issuer": issuer,
                        "authorization_endpoint": format!("{issuer}/authorize"),
                        "token_endpoint": format!("{issuer}/token"),
                        "registration_endpoint": format!("{issuer}/register"),
                        "code_challenge_methods_supported": ["S256"],
                        "scopes_supported": ["notes:read", "offline_access"],
                        "token_endpoint_auth_methods_supported": methods,
                        "client_id_metadata_document_supported": taste & 4 == 0,
                        "authorization_response_iss_parameter_supported": true,
                        "device_authorization_endpoint": format!("{issuer}/device"),
                        "pushed_authorization_request_endpoint": format!("{issuer}/push"),
                        "revocation_endpoint": format!("{issuer}/revoke"),
                        "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
                        "authorization_grant_profiles_supported":
                            ["urn:ietf:params:oauth:grant-profile:id-jag"],
                    }),
                )
            }
            Purpose::Registration => {
                let number = self.number();
                Answer::json(
                    201,
                    &json!({
                        "client_id": format!("client-{number}"),
                        "client_secret": format!("{}n{number}", self.marks.secret),
                    }),
                )
            }
            Purpose::TokenExchange => {
                let token = self.assertion(&json!({}));
                Answer::json(
                    200,
                    &json!({
                        "access_token": token,
                        "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
                        "token_type": "N_A",
                        "expires_in": 300,
                    }),
                )
            }
            Purpose::DeviceAuthorization => {
                let number = self.number();
                Answer::json(
                    200,
                    &json!({
                        "device_code": format!("{}n{number}", self.marks.device),
                        "user_code": "WDJB-MJHT",
                        "verification_uri": "https://as.example/enter",
                        "expires_in": 600,
                    }),
                )
            }
            Purpose::PushedAuthorization => {
                let number = self.number();
                Answer::json(
                    201,
                    &json!({ "request_uri": format!("urn:example:{number}"), "expires_in": 60 }),
                )
            }
            Purpose::Revocation => Answer::raw(200, Vec::new()),
            Purpose::CodeExchange | Purpose::Refresh | Purpose::Grant | Purpose::DevicePoll => {
                let number = self.number();
                let proved = request.headers.iter().any(|header| header.name == "dpop");
                Answer::json(
                    200,
                    &json!({
                        "access_token": format!("{}n{number}", self.marks.access),
                        "refresh_token": format!("{}n{number}", self.marks.refresh),
                        "token_type": if proved { "DPoP" } else { "Bearer" },
                        "expires_in": 3600,
                    }),
                )
            }
        }
    }
}

/// The issuer whose metadata a well-known URL names (RFC 8414 §3.1, OpenID Connect Discovery §4).
fn issuer_of(url: &str) -> String {
    let suffixes = [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ];
    suffixes
        .iter()
        .fold(url.to_owned(), |url, suffix| url.replacen(suffix, "", 1))
}
