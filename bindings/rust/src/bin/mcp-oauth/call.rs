//! How is a tool of a server called?

use std::collections::HashMap;

use mcp_oauth_core::{HttpUrl, Reach};
use mcp_oauth_host::Authorizer;
use mcp_oauth_host::rmcp::{AuthorizedClient, authorization_error};
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientConfig, ClientJsonRpcMessage, ClientRequest,
    ContentBlock, NumberOrString, PingRequest, ProtocolVersion,
};
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClient as _;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _, RoleClient};
use serde_json::{Map, Value, json};

use crate::arguments::Call;
use crate::exit::Fault;
use crate::open;
use crate::report::Report;
use crate::words;

pub(crate) async fn run(call: Call, report: &Report) -> Result<(), Fault> {
    let arguments: Map<String, Value> = serde_json::from_str(&call.arguments)
        .map_err(|_| Fault::usage("the arguments of the tool are not a JSON object"))?;
    let (authorizer, _) = open::authorizer(&call.server, report).await?;
    let answer = one_call(&authorizer, &call.server.url, &call.tool, arguments);
    let result = open::unless_interrupted(&authorizer, answer).await?;
    let failed = result.is_error.unwrap_or(false);
    report.result(
        &text(&result),
        || json!({ "ok": !failed, "result": result }),
    );
    match failed {
        true => Err(Fault::reported("the tool says that it has failed")),
        false => Ok(()),
    }
}

/// Connects, calls the tool and leaves.
pub(crate) async fn one_call(
    authorizer: &Authorizer,
    url: &str,
    tool: &str,
    arguments: Map<String, Value>,
) -> Result<CallToolResult, Fault> {
    // No proxy is on the way to this machine itself, whatever the environment says.
    let here = HttpUrl::parse(url, Reach::Loopback).is_ok_and(|url| url.is_loopback());
    let http = AuthorizedClient::with_http(authorizer.clone(), |http| match here {
        true => http.no_proxy(),
        false => http,
    })
    .map_err(|error| Fault::other(error.to_string()))?;
    let fault = |error: &(dyn std::error::Error + 'static)| {
        // A session that ended for want of authorization only says that it has ended.
        match authorization_error(error)
            .cloned()
            .or_else(|| http.last_failure())
        {
            Some(error) => error.into(),
            None => Fault::other(words::printable(&error.to_string())),
        }
    };
    knock(&http, url).await?;
    let mut client = connect(&http, url).await.map_err(|error| fault(&error))?;
    let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    let result = client.call_tool(call).await.map_err(|error| fault(&error));
    // Whatever the server says to that, the answer has been had.
    let _ = client.close().await;
    result
}

/// In the lifecycle of the newest revision that both sides speak.
async fn connect(
    http: &AuthorizedClient,
    url: &str,
) -> Result<RunningService<RoleClient, ClientConfig>, ClientInitializeError> {
    let serve =
        |lifecycle| ClientConfig::default().serve_with_lifecycle(http.transport(url), lifecycle);
    let newest = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::LATEST],
        legacy_version: None,
    };
    match serve(newest).await {
        // It knows how revisions are negotiated, but none without a handshake.
        Err(ClientInitializeError::NoCompatibleProtocolVersion { .. }) => {
            serve(ClientLifecycleMode::Initialize).await
        }
        connected => connected,
    }
}

/// Gets a sign-in done, if one is needed, before the handshake, which does not wait as long as a person takes.
async fn knock(http: &AuthorizedClient, url: &str) -> Result<(), Fault> {
    let ping = ClientRequest::PingRequest(PingRequest::default());
    let ping = ClientJsonRpcMessage::request(ping, NumberOrString::Number(0));
    let answer = http
        .post_message(url.into(), ping, None, None, HashMap::new())
        .await;
    match answer
        .as_ref()
        .err()
        .and_then(|error| authorization_error(error))
    {
        Some(error) => Err(error.clone().into()),
        // A server need not answer a ping outside of a session.
        None => Ok(()),
    }
}

/// What the tool says, as far as it says it in text.
pub(crate) fn text(result: &CallToolResult) -> String {
    let shown = |content: &ContentBlock| match content.as_text() {
        Some(text) => words::printable(&text.text),
        None => "(content that is not text: see --json)".into(),
    };
    let lines: Vec<_> = result.content.iter().map(shown).collect();
    lines.join("\n")
}
