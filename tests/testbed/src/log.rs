//! Which requests came, told without secrets?

use crate::behaviour::Endpoint;
use crate::http::Request;
use crate::pairs::Pairs;
use crate::place::Server;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One request and the status of its answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The listener that got it.
    pub server: Server,
    /// What it was for.
    pub endpoint: Endpoint,
    /// HTTP method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Names of query parameters, as often as sent.
    pub query: Vec<String>,
    /// Names of form parameters or members of a JSON object, as often as sent.
    pub body: Vec<String>,
    /// Values of those that are no secrets.
    pub values: BTreeMap<String, String>,
    /// A DPoP proof came along.
    pub proof: bool,
    /// Scheme of the `Authorization` header, if there was one.
    pub authorization: Option<String>,
    /// HTTP status of the answer; absent when the connection was dropped.
    pub status: Option<u16>,
}

/// Names whose values can be shown to anybody.
const SAFE: [&str; 22] = [
    "application_type",
    "audience",
    "client_assertion_type",
    "client_id",
    "client_name",
    "code_challenge_method",
    "dpop_jkt",
    "grant_type",
    "grant_types",
    "iss",
    "method",
    "prompt",
    "redirect_uri",
    "redirect_uris",
    "resource",
    "requested_token_type",
    "response_type",
    "response_types",
    "scope",
    "subject_token_type",
    "token_endpoint_auth_method",
    "token_type_hint",
];

impl Entry {
    pub(crate) fn new(endpoint: Endpoint, request: &Request, status: Option<u16>) -> Self {
        let query = Pairs::form(request.query.as_bytes());
        let (form, json) = match request.content_type().as_deref() {
            Some("application/json") => (None, Pairs::json(&request.body).ok()),
            Some("application/x-www-form-urlencoded") => (Some(Pairs::form(&request.body)), None),
            _ => (None, None),
        };
        let (form, json) = (form.unwrap_or_default(), json.unwrap_or_default());
        let mut values = BTreeMap::new();
        for (name, value) in query.0.iter().chain(&form.0) {
            if SAFE.contains(&name.as_str()) {
                values.insert(name.clone(), value.clone());
            }
        }
        for (name, value) in &json.0 {
            if SAFE.contains(&name.as_str()) {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                values.insert(name.clone(), text);
            }
        }
        if let Some(tool) = json
            .value("params")
            .and_then(|p| p.get("name"))
            .and_then(Value::as_str)
        {
            values.insert("tool".into(), tool.into());
        }
        if let Some(version) = request.header("mcp-protocol-version") {
            values.insert("mcp-protocol-version".into(), version.into());
        }
        let scheme = |value: &str| value.split(' ').next().unwrap_or_default().to_owned();
        Self {
            server: request.server,
            endpoint,
            method: request.method.clone(),
            path: request.path.clone(),
            query: query.names().map(str::to_owned).collect(),
            body: form
                .names()
                .chain(json.names())
                .map(str::to_owned)
                .collect(),
            values,
            proof: request.header("dpop").is_some(),
            authorization: request.header("authorization").map(scheme),
            status,
        }
    }
}

/// How often things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Clients registered.
    pub registrations: u32,
    /// Authorization requests that were good enough to reach consent.
    pub authorizations: u32,
    /// Codes exchanged for tokens.
    pub code_exchanges: u32,
    /// Tokens given to clients for themselves.
    pub client_credentials: u32,
    /// Tokens given to workloads.
    pub workload_grants: u32,
    /// Assertions that the identity provider issued.
    pub token_exchanges: u32,
    /// Tokens given for those.
    pub enterprise_grants: u32,
    /// Devices that were told a code.
    pub device_authorizations: u32,
    /// Times that devices asked whether there is consent.
    pub device_polls: u32,
    /// Tokens given to devices.
    pub device_grants: u32,
    /// Authorization requests that were pushed.
    pub pushed_requests: u32,
    /// Refreshes that gave a token.
    pub refreshes: u32,
    /// Those of them with a rotated refresh token, within its period of grace.
    pub grace_refreshes: u32,
    /// Refreshes while the newest access token was still good.
    pub early_refreshes: u32,
    /// Rotated refresh tokens that came again, and too late.
    pub reuse_detections: u32,
    /// Tokens revoked by the client.
    pub revocations: u32,
    /// Requests that were refused for want of a DPoP nonce.
    pub nonce_challenges: u32,
    /// 401 answers of the MCP endpoint.
    pub challenges: u32,
    /// 403 `insufficient_scope` answers of the MCP endpoint.
    pub scope_challenges: u32,
    /// MCP requests served.
    pub mcp_requests: u32,
    /// Tools called with success.
    pub tool_calls: u32,
}
