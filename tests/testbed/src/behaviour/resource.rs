//! How does the MCP endpoint behave behind the token check?

use super::strings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The MCP endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mcp {
    /// Its path.
    pub path: String,
    /// A query that the URL given to clients has, such as `project=1`; requests work without it.
    pub query: Option<String>,
    /// Revisions that it speaks.
    pub protocol_versions: Vec<String>,
    /// The scope that a tool needs, by name of the tool.
    pub tool_scopes: BTreeMap<String, String>,
    /// What becomes of requests with a good token.
    pub verdict: Verdict,
    /// A token whose audience is unknown is taken, too.
    pub any_audience: bool,
}

impl Default for Mcp {
    fn default() -> Self {
        Self {
            path: "/mcp".into(),
            query: None,
            protocol_versions: strings(&["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]),
            tool_scopes: BTreeMap::from([
                ("read_note".into(), "notes:read".into()),
                ("write_note".into(), "notes:write".into()),
            ]),
            verdict: Verdict::Serve,
            any_audience: false,
        }
    }
}

/// What becomes of an MCP request with a good token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is served.
    #[default]
    Serve,
    /// 401 `invalid_token`, always.
    Unauthorized,
    /// 403 `insufficient_scope` with this scope, always.
    Forbidden(String),
}
