//! What do the MCP methods and tools answer, in both lifecycles?

use crate::behaviour::{Endpoint, Verdict};
use crate::bench::Bench;
use crate::breach::Rule;
use crate::http::{Reply, Request};
use crate::pairs::Pairs;
use crate::resource_server::insufficient_scope;
use serde_json::{Value, json};

/// The first revision without a handshake.
const STATELESS: &str = "2026-07-28";
const HEADER_MISMATCH: i32 = -32020;
const UNSUPPORTED_VERSION: i32 = -32022;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_REQUEST: i32 = -32600;
const INVALID_PARAMS: i32 = -32602;

/// Who calls, as the token says.
pub(crate) struct Caller {
    pub(crate) client_id: String,
    pub(crate) scope: Vec<String>,
    pub(crate) subject: String,
    /// Its token is bound to a key.
    pub(crate) bound: bool,
}

/// A JSON-RPC error and the HTTP status that it comes with.
struct Failure {
    status: u16,
    code: i32,
    message: String,
}

fn failure<T>(status: u16, code: i32, message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure {
        status,
        code,
        message: message.into(),
    })
}

/// Answers an MCP request that may be served.
pub(crate) fn answer(
    bench: &mut Bench,
    request: &Request,
    message: &Pairs<Value>,
    caller: Option<&Caller>,
) -> Reply {
    let id = message.value("id").cloned();
    let checked = well_formed(request, message).and_then(|()| revision(bench, request, message));
    let stateless = match checked {
        Ok(stateless) => stateless,
        Err(Failure {
            status,
            code,
            message,
        }) => {
            // Asking for a revision that the server lacks is how revisions are negotiated.
            if code != UNSUPPORTED_VERSION {
                let rule = match status {
                    406 => Rule::Accept,
                    415 => Rule::ContentType,
                    _ => Rule::Message,
                };
                bench.hold(Endpoint::Mcp, rule, message.as_str());
            }
            return error(status, id, code, &message);
        }
    };
    let bound = caller.is_some_and(|caller| caller.bound);
    if let (Some(_), Verdict::Forbidden(scope)) = (caller, bench.behaviour.mcp.verdict.clone()) {
        return insufficient_scope(bench, &scope, bound);
    }
    let method = message.text("method").unwrap_or_default();
    let params = message.value("params").cloned().unwrap_or_default();
    if method == "tools/call" {
        let tool = params["name"].as_str().unwrap_or_default();
        let needed = bench.behaviour.mcp.tool_scopes.get(tool).cloned();
        if let Some(needed) = needed.filter(|n| !caller.is_some_and(|c| c.scope.contains(n))) {
            return insufficient_scope(bench, &needed, bound);
        }
    }
    bench.counts.mcp_requests += 1;
    let Some(id) = id else {
        return Reply::empty(202);
    };
    match result(bench, method, &params, caller) {
        Ok(mut result) => {
            if stateless {
                result["resultType"] = "complete".into();
                if method == "tools/list" {
                    result["ttlMs"] = 0.into();
                    result["cacheScope"] = "private".into();
                }
            }
            Reply::json(200, &json!({"jsonrpc": "2.0", "id": id, "result": result}))
        }
        Err(Failure {
            status,
            code,
            message,
        }) => error(status, Some(id), code, &message),
    }
}

fn error(status: u16, id: Option<Value>, code: i32, message: &str) -> Reply {
    let error = json!({"code": code, "message": message});
    Reply::json(status, &json!({"jsonrpc": "2.0", "id": id, "error": error}))
}

/// The transport's demands on every POST (MCP streamable HTTP, "Sending messages to the server").
fn well_formed(request: &Request, message: &Pairs<Value>) -> Result<(), Failure> {
    if request.content_type().as_deref() != Some("application/json") {
        return failure(415, INVALID_REQUEST, "the body is application/json");
    }
    let accept = request.header("accept").unwrap_or_default();
    if !["application/json", "text/event-stream"]
        .iter()
        .all(|kind| accept.contains(kind))
    {
        return failure(
            406,
            INVALID_REQUEST,
            "Accept names application/json and text/event-stream",
        );
    }
    if message.text("jsonrpc") != Some("2.0") || message.text("method").is_none() {
        return failure(400, INVALID_REQUEST, "the body is not one JSON-RPC request");
    }
    if let Some(name) = message.duplicate() {
        return failure(400, INVALID_REQUEST, format!("{name} twice"));
    }
    Ok(())
}

/// Whether a request is of the stateless lifecycle, after checking what its revision demands.
fn revision(bench: &Bench, request: &Request, message: &Pairs<Value>) -> Result<bool, Failure> {
    let header = request.header("mcp-protocol-version");
    let params = message.value("params").unwrap_or(&Value::Null);
    let meta = &params["_meta"];
    let stated = meta["io.modelcontextprotocol/protocolVersion"].as_str();
    let supported = &bench.behaviour.mcp.protocol_versions;
    let method = message.text("method").unwrap_or_default();
    if method == "initialize" {
        return Ok(false);
    }
    // A request that states no revision is of 2025-03-26 (MCP 2025-06-18, transports).
    let version = header.or(stated).unwrap_or("2025-03-26");
    if !supported.iter().any(|v| v == version) {
        let message = format!(
            "Unsupported protocol version, supported: {}",
            supported.join(", ")
        );
        return failure(400, UNSUPPORTED_VERSION, message);
    }
    if version < STATELESS {
        return Ok(false);
    }
    let is_notification = message.value("id").is_none();
    if header.is_none() || (stated.is_some() && stated != header) {
        return failure(
            400,
            HEADER_MISMATCH,
            "MCP-Protocol-Version and _meta differ",
        );
    }
    if !is_notification && stated.is_none() {
        return failure(400, INVALID_PARAMS, "_meta lacks protocolVersion");
    }
    let capabilities = &meta["io.modelcontextprotocol/clientCapabilities"];
    if !is_notification && !capabilities.is_object() {
        return failure(400, INVALID_PARAMS, "_meta lacks clientCapabilities");
    }
    if request.header("mcp-method") != Some(method) {
        return failure(400, HEADER_MISMATCH, "Mcp-Method is not the method");
    }
    if method == "tools/call" && request.header("mcp-name") != params["name"].as_str() {
        return failure(400, HEADER_MISMATCH, "Mcp-Name is not the tool");
    }
    Ok(true)
}

fn result(
    bench: &mut Bench,
    method: &str,
    params: &Value,
    caller: Option<&Caller>,
) -> Result<Value, Failure> {
    let server = json!({"name": "mcp-oauth-testbed", "version": env!("CARGO_PKG_VERSION")});
    let supported = &bench.behaviour.mcp.protocol_versions;
    match method {
        "initialize" => {
            let legacy = || supported.iter().filter(|v| v.as_str() < STATELESS);
            let asked = params["protocolVersion"].as_str();
            let Some(newest) = legacy().max() else {
                return failure(400, UNSUPPORTED_VERSION, "there is no handshake here");
            };
            let version = legacy()
                .find(|v| Some(v.as_str()) == asked)
                .unwrap_or(newest);
            Ok(json!({
                "protocolVersion": version,
                "capabilities": {"tools": {}},
                "serverInfo": server,
            }))
        }
        "server/discover" => Ok(json!({
            "supportedVersions": supported,
            "capabilities": {"tools": {}},
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {"io.modelcontextprotocol/serverInfo": server},
        })),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({"tools": tools()})),
        "tools/call" => call(bench, params, caller),
        _ => failure(404, METHOD_NOT_FOUND, "Method not found"),
    }
}

fn tools() -> Value {
    let none = json!({"type": "object", "properties": {}});
    let numbers = json!({
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    });
    let text = json!({
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    });
    json!([
        {"name": "whoami", "description": "Who the token speaks for", "inputSchema": none},
        {"name": "add", "description": "Adds two numbers", "inputSchema": numbers},
        {"name": "read_note", "description": "Reads the note", "inputSchema": none},
        {"name": "write_note", "description": "Replaces the note", "inputSchema": text},
    ])
}

fn call(bench: &mut Bench, params: &Value, caller: Option<&Caller>) -> Result<Value, Failure> {
    let arguments = &params["arguments"];
    let text = match params["name"].as_str() {
        Some("whoami") => {
            let subject = caller.map_or("user-1", |c| c.subject.as_str());
            let client = caller.map(|c| c.client_id.as_str());
            let scope = caller.map(|c| c.scope.as_slice());
            json!({"subject": subject, "client": client, "scopes": scope}).to_string()
        }
        Some("add") => match (arguments["a"].as_f64(), arguments["b"].as_f64()) {
            (Some(a), Some(b)) => (a + b).to_string(),
            _ => return failure(200, INVALID_PARAMS, "a and b are numbers"),
        },
        Some("read_note") => bench.state.note.clone(),
        Some("write_note") => match arguments["text"].as_str() {
            Some(text) => {
                text.clone_into(&mut bench.state.note);
                "written".to_owned()
            }
            None => return failure(200, INVALID_PARAMS, "text is a string"),
        },
        _ => return failure(200, INVALID_PARAMS, "Unknown tool"),
    };
    bench.counts.tool_calls += 1;
    Ok(json!({"content": [{"type": "text", "text": text}], "isError": false}))
}
