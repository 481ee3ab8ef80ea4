//! What does the flow cost at the very least? The same bytes parsed, hashed, encoded and written, and nothing decided.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth_core::{HttpRequest, Machine, Next, Slot, StoreOp, Task};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use crate::documents::*;
use crate::ours::{Host, Step};

#[derive(Deserialize)]
struct ResourceMetadata<'a> {
    resource: &'a str,
    authorization_servers: Vec<&'a str>,
    #[serde(rename = "scopes_supported")]
    _scopes_supported: Vec<&'a str>,
}

#[derive(Deserialize)]
struct ServerMetadata<'a> {
    #[serde(rename = "issuer")]
    _issuer: &'a str,
    authorization_endpoint: &'a str,
    token_endpoint: &'a str,
    registration_endpoint: &'a str,
    #[serde(rename = "scopes_supported")]
    _scopes_supported: Vec<&'a str>,
    #[serde(rename = "code_challenge_methods_supported")]
    _code_challenge_methods_supported: Vec<&'a str>,
    #[serde(rename = "token_endpoint_auth_methods_supported")]
    _token_endpoint_auth_methods_supported: Vec<&'a str>,
    #[serde(rename = "authorization_response_iss_parameter_supported")]
    _authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct Registration<'a> {
    #[serde(rename = "client_id")]
    _client_id: &'a str,
    #[serde(rename = "redirect_uris")]
    _redirect_uris: Vec<&'a str>,
    #[serde(rename = "token_endpoint_auth_method")]
    _token_endpoint_auth_method: &'a str,
}

#[derive(Deserialize)]
struct Tokens<'a> {
    #[serde(rename = "access_token")]
    _access_token: &'a str,
    #[serde(rename = "token_type")]
    _token_type: &'a str,
    #[serde(rename = "expires_in")]
    _expires_in: u64,
    #[serde(rename = "refresh_token")]
    _refresh_token: &'a str,
    #[serde(rename = "scope")]
    _scope: &'a str,
}

#[derive(Deserialize)]
struct GrantRecord<'a> {
    #[serde(borrow)]
    body: Grant<'a>,
}

#[derive(Deserialize)]
struct Grant<'a> {
    #[serde(borrow)]
    entries: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    issuer: &'a str,
    #[serde(borrow)]
    tokens: StoredTokens<'a>,
}

#[derive(Deserialize)]
struct StoredTokens<'a> {
    #[serde(rename = "authorization")]
    _authorization: &'a str,
    #[serde(rename = "refresh_token")]
    _refresh_token: &'a str,
    #[serde(rename = "expires_at")]
    _expires_at: u64,
    token_endpoint: &'a str,
}

/// The least that a host has to hold while a user is away.
#[derive(Serialize, Deserialize)]
pub(crate) struct Waiting {
    server_url: String,
    account: String,
    resource: String,
    scopes: String,
    issuer: String,
    token_endpoint: String,
    client_id: String,
    redirect_uri: String,
    state: String,
    verifier: String,
    expires_at: u64,
    authorization_url: String,
}

/// Everything that the core wrote in one flow, to be written again.
pub(crate) struct Written {
    registration: Value,
    /// The grant after the registration, after the exchange and after the refresh.
    grants: Vec<Value>,
    /// The one after the exchange, as it is read again before the refresh.
    grant: String,
    flow: Value,
    authorization_endpoint: String,
    authorization: Vec<(String, String)>,
    /// The bodies of the exchange and of the refresh.
    token_requests: Vec<Vec<(String, String)>>,
    callback: String,
}

impl Written {
    /// Looks over the core's shoulder.
    pub(crate) fn in_one_flow(host: &mut Host) -> Self {
        let mut written = Self {
            registration: Value::Null,
            grants: Vec::new(),
            grant: String::new(),
            flow: Value::Null,
            authorization_endpoint: String::new(),
            authorization: Vec::new(),
            token_requests: Vec::new(),
            callback: String::new(),
        };
        host.watched(|machine| written.note(machine));
        written.grant = written
            .grants
            .get(1)
            .map(Value::to_string)
            .unwrap_or_default();
        assert_eq!(
            (written.grants.len(), written.token_requests.len()),
            (3, 2),
            "the flow has changed"
        );
        written
    }

    fn note(&mut self, machine: &Machine) {
        let Next::Do(action) = machine.next() else {
            return;
        };
        match &action.task {
            Task::Store(StoreOp::Save { key, record, .. }) => {
                let record = json(record.expose());
                match key.slot() {
                    Slot::Grant => self.grants.push(record),
                    Slot::Flow => self.flow = record,
                }
            }
            Task::OpenUrl(open) => {
                let (endpoint, query) = open.url.expose().split_once('?').expect("a query");
                self.authorization_endpoint = endpoint.into();
                self.authorization = pairs(query);
                self.callback = format!("{CALLBACK}{}", open.state.expose());
            }
            Task::Http(HttpRequest {
                body: Some(body), ..
            }) => match body.expose().starts_with('{') {
                true => self.registration = json(body.expose().as_bytes()),
                false => self.token_requests.push(pairs(body.expose())),
            },
            _ => {}
        }
    }

    /// The whole flow.
    pub(crate) fn flow(&self) {
        black_box(key(SERVER));
        read(Step::Challenged, self);
        read(Step::ResourceMetadata, self);
        url(black_box(SERVER_METADATA_URL));
        read(Step::ServerMetadata, self);
        url(REDIRECT_URI);
        black_box(serde_json::to_vec(&self.registration).ok());
        read(Step::Registered, self);
        black_box(serde_json::to_vec(self.grants.first().expect("three")).ok());
        let mut random = [0_u8; 56];
        getrandom::fill(&mut random).expect("the operating system's source");
        let (verifier, state) = random.split_at(32);
        let (verifier, state) = (encode(verifier), encode(state));
        black_box(key(&state));
        black_box(serde_json::to_vec(&self.flow).ok());
        black_box(key(&verifier));
        black_box(self.authorization_url());
        read(Step::CalledBack, self);
        read(Step::GrantLoaded, self);
        for (request, grant) in self.token_requests.iter().zip(self.grants.iter().skip(1)) {
            black_box(form(String::with_capacity(512), request));
            read(Step::Refreshed, self);
            black_box(serde_json::to_vec(grant).ok());
        }
    }

    fn authorization_url(&self) -> String {
        let mut start = String::with_capacity(512);
        start.push_str(&self.authorization_endpoint);
        start.push('?');
        form(start, &self.authorization)
    }

    /// What is held while the user is away.
    pub(crate) fn waiting(&self) -> Waiting {
        let body = |pointer: &str| {
            let value = self.flow.pointer(pointer).and_then(Value::as_str);
            value.expect("the flow record has it").to_owned()
        };
        let asked = |name: &str| {
            let pair = self.authorization.iter().find(|(asked, _)| asked == name);
            pair.expect("the authorization request has it").1.clone()
        };
        Waiting {
            server_url: SERVER.into(),
            account: String::new(),
            resource: asked("resource"),
            scopes: asked("scope"),
            issuer: body("/body/phase/AwaitingCallback/sign_in/server/issuer"),
            token_endpoint: body("/body/phase/AwaitingCallback/sign_in/server/token_endpoint"),
            client_id: asked("client_id"),
            redirect_uri: asked("redirect_uri"),
            state: asked("state"),
            verifier: body("/body/phase/AwaitingCallback/verifier"),
            expires_at: 1_800_000_600_000,
            authorization_url: self.authorization_url(),
        }
    }
}

/// The document of this step, parsed, and the URLs in it.
pub(crate) fn read(step: Step, written: &Written) {
    match step {
        Step::Challenged => url(RESOURCE_METADATA_URL),
        Step::ResourceMetadata => {
            let document: ResourceMetadata<'_> = document(RESOURCE_METADATA);
            url(document.resource);
            document.authorization_servers.iter().copied().for_each(url);
        }
        Step::ServerMetadata => {
            let document: ServerMetadata<'_> = document(SERVER_METADATA);
            url(document.authorization_endpoint);
            url(document.token_endpoint);
            url(document.registration_endpoint);
        }
        Step::Registered => drop(black_box(document::<Registration<'_>>(REGISTRATION))),
        Step::Exchanged | Step::Refreshed => drop(black_box(document::<Tokens<'_>>(TOKENS))),
        Step::GrantLoaded => {
            let record: GrantRecord<'_> = document(&written.grant);
            for entry in record.body.entries {
                url(entry.issuer);
                url(entry.tokens.token_endpoint);
            }
        }
        Step::CalledBack => {
            for pair in form_urlencoded::parse(black_box(&written.callback).as_bytes()) {
                black_box(pair);
            }
        }
        _ => unreachable!("nothing is read in this step"),
    }
}

/// Records of this kind, written and read.
pub(crate) fn write(waiting: &Waiting) -> Vec<u8> {
    serde_json::to_vec(waiting).expect("strings")
}

/// See [`write`].
pub(crate) fn read_record(record: &[u8]) -> Waiting {
    serde_json::from_slice(record).expect("its own record")
}

fn document<'a, T: Deserialize<'a>>(text: &'a str) -> T {
    serde_json::from_str(black_box(text)).expect("the document has these members")
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("the core writes JSON")
}

fn url(text: &str) {
    drop(black_box(Url::parse(black_box(text))));
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key(text: &str) -> String {
    encode(&Sha256::digest(text.as_bytes()))
}

fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn form(start: String, pairs: &[(String, String)]) -> String {
    let at = start.len();
    form_urlencoded::Serializer::for_suffix(start, at)
        .extend_pairs(pairs)
        .finish()
}
