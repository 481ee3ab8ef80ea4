//! How is one tool called, in the lifecycle of a given revision of MCP?

use std::error::Error;

use mcp_oauth_host::rmcp::AuthorizedClient;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion,
    ServerCapabilities, ServerPeerInfo,
};
use rmcp::service::{RunningService, serve_directly};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{RoleClient, ServiceExt};

/// Lists the tools of a server and calls the first one, without arguments. Returns its result as JSON.
pub(crate) async fn first_tool(
    transport: StreamableHttpClientTransport<AuthorizedClient>,
    revision: String,
) -> Result<String, Box<dyn Error>> {
    let mut client = connected(transport, serde_json::from_value(revision.into())?).await?;
    let tools = client.list_all_tools().await?;
    let name = tools
        .into_iter()
        .next()
        .ok_or("the server lists no tool")?
        .name;
    let call = CallToolRequestParams::new(name).with_arguments(Default::default());
    let result = client.call_tool(call).await?;
    client.close().await?;
    Ok(serde_json::to_string(&result)?)
}

async fn connected(
    transport: StreamableHttpClientTransport<AuthorizedClient>,
    revision: ProtocolVersion,
) -> Result<RunningService<RoleClient, ClientConfig>, Box<dyn Error>> {
    let implementation = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let client = ClientConfig::new(ClientCapabilities::default(), implementation)
        .with_protocol_version(revision.clone());
    if revision.has_initialize() {
        return Ok(client.serve(transport).await?);
    }
    // Without a handshake each request says which revision it speaks (MCP 2026-07-28, lifecycle); asking the server what
    // it supports is left to clients that have a choice.
    let server = ServerPeerInfo::new(revision, ServerCapabilities::default());
    Ok(serve_directly(client, transport, Some(server)))
}
