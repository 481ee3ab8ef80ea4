//! What do the servers say about themselves, and where?

use super::{Members, strings};
use serde::{Deserialize, Serialize};

/// The answer to an MCP request without a usable token (RFC 6750 §3, RFC 9728 §5.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Challenge {
    /// HTTP status, 401 by default.
    pub status: u16,
    /// Which requests need a token at all.
    pub guards: Guards,
    /// The `resource_metadata` parameter, `{prm}` by default.
    pub resource_metadata: Option<String>,
    /// The `scope` parameter.
    pub scope: Option<String>,
    /// Replaces the generated challenge: one `WWW-Authenticate` field per item, none when empty.
    pub fields: Option<Vec<String>>,
}

impl Default for Challenge {
    fn default() -> Self {
        Self {
            status: 401,
            guards: Guards::Everything,
            resource_metadata: Some("{prm}".into()),
            scope: Some("notes:read".into()),
            fields: None,
        }
    }
}

/// Which MCP requests need a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guards {
    /// All of them.
    #[default]
    Everything,
    /// Only `tools/call`; the rest is open.
    ToolCalls,
}

/// Protected resource metadata (RFC 9728).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceMetadata {
    /// Paths at which the document is served; none for a server of revision 2025-03-26.
    pub served_at: Vec<String>,
    /// What the other well-known paths of protected resource metadata answer.
    pub elsewhere: Miss,
    /// The `resource` member, which is also the audience that tokens need.
    pub resource: String,
    /// The `authorization_servers` member.
    pub authorization_servers: Vec<String>,
    /// The `scopes_supported` member.
    pub scopes_supported: Option<Vec<String>>,
    /// Further changes of the document.
    pub members: Members,
    /// `Content-Type` fields, one per item.
    pub content_types: Vec<String>,
    /// The document starts with a UTF-8 byte order mark.
    pub byte_order_mark: bool,
}

impl Default for ResourceMetadata {
    fn default() -> Self {
        Self {
            served_at: strings(&["/.well-known/oauth-protected-resource/mcp"]),
            elsewhere: Miss::default(),
            resource: "{mcp}".into(),
            authorization_servers: strings(&["{issuer}"]),
            scopes_supported: Some(strings(&["notes:read", "notes:write"])),
            members: Members::default(),
            content_types: strings(&["application/json"]),
            byte_order_mark: false,
        }
    }
}

/// What a well-known path answers where nothing is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    /// This status, with a short text. 401 comes with a challenge.
    Status(u16),
    /// 200 with an HTML page, as single-page applications do.
    HtmlPage,
    /// 302 to an HTML page.
    RedirectToPage,
    /// 200 with `{}`.
    EmptyObject,
}

impl Default for Miss {
    fn default() -> Self {
        Self::Status(404)
    }
}

/// Where authorization server metadata can be served, for an issuer with the path `/p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WellKnown {
    /// `/.well-known/oauth-authorization-server/p` (RFC 8414 §3.1).
    Oauth,
    /// `/.well-known/openid-configuration/p` (RFC 8414 §5).
    OpenidInserted,
    /// `/p/.well-known/openid-configuration` (OpenID Connect Discovery §4). The same as
    /// `OpenidInserted` when the issuer has no path.
    OpenidAppended,
    /// `/.well-known/oauth-authorization-server`, although the issuer has a path: the wrong place.
    OauthRoot,
}

/// Authorization server metadata, and where the server lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerMetadata {
    /// Path of the issuer identifiers: empty, `/` or `/p`.
    pub issuer_path: String,
    /// The first authorization server lives at the MCP server's origin (revision 2025-03-26).
    pub at_mcp_origin: bool,
    /// The endpoints live at the other authorization server's origin.
    pub endpoints_elsewhere: bool,
    /// A query that the authorization and token endpoints have of their own, such as `tenant=1`.
    pub endpoint_query: Option<String>,
    /// Where the document is served.
    pub served_at: Vec<WellKnown>,
    /// What other well-known paths of authorization server metadata answer.
    pub elsewhere: Miss,
    /// The `issuer` member, `{issuer}` by default.
    pub issuer: String,
    /// The `scopes_supported` member.
    pub scopes_supported: Option<Vec<String>>,
    /// The `code_challenge_methods_supported` member.
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// The `authorization_response_iss_parameter_supported` member; left out when false.
    pub iss_advertised: bool,
    /// Further changes of the document.
    pub members: Members,
    /// `Content-Type` fields, one per item.
    pub content_types: Vec<String>,
    /// The document starts with a UTF-8 byte order mark.
    pub byte_order_mark: bool,
}

impl Default for ServerMetadata {
    fn default() -> Self {
        Self {
            issuer_path: String::new(),
            at_mcp_origin: false,
            endpoints_elsewhere: false,
            endpoint_query: None,
            served_at: vec![WellKnown::Oauth, WellKnown::OpenidAppended],
            elsewhere: Miss::default(),
            issuer: "{issuer}".into(),
            scopes_supported: Some(strings(&["notes:read", "notes:write", "offline_access"])),
            code_challenge_methods_supported: Some(strings(&["S256"])),
            iss_advertised: true,
            members: Members::default(),
            content_types: strings(&["application/json"]),
            byte_order_mark: false,
        }
    }
}
