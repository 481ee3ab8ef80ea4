//! What does the suite want?

use std::env::{self, VarError};
use std::error::Error;

use mcp_oauth_core::{ClientDocument, Deviations, Preregistered, Secret, Settings};
use serde::Deserialize;

/// The client ID metadata document that the suite knows of. Nobody fetches it.
const CLIENT_DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";

/// A redirect URI that it could list: any port of a loopback address stands for all (RFC 8252 §7.3).
const DOCUMENT_REDIRECT: &str = "http://127.0.0.1/callback";

/// The scenarios about servers of revision 2025-03-26, which may publish no metadata at all.
const ABOUT_2025_03_26: &str = "auth/2025-03-26-";

/// One run of the suite.
pub(crate) struct Task {
    /// What the authorization starts from.
    pub(crate) settings: Settings,
    /// The revision of MCP to speak.
    pub(crate) revision: String,
}

/// What a scenario hands over beyond the server's URL, as far as it concerns a client that has a redirect URI.
#[derive(Deserialize)]
struct Context {
    client_id: Option<String>,
    client_secret: Option<Secret>,
    issuer: Option<String>,
}

impl Task {
    /// Reads the last argument, which is the MCP server's URL, and the suite's environment variables.
    pub(crate) fn given() -> Result<Self, Box<dyn Error>> {
        let server_url = env::args()
            .skip(1)
            .last()
            .ok_or("no server URL was given")?;
        let scenario = variable("MCP_CONFORMANCE_SCENARIO")?.unwrap_or_default();
        let context = variable("MCP_CONFORMANCE_CONTEXT")?;
        let defaults = Settings::default();
        let revision = variable("MCP_CONFORMANCE_PROTOCOL_VERSION")?
            .unwrap_or(defaults.protocol_version.clone());
        let settings = Settings {
            server_url,
            client_name: "Conformance client".into(),
            preregistered: match context {
                Some(context) => serde_json::from_str::<Context>(&context)?.client()?,
                None => None,
            },
            client_document: Some(ClientDocument {
                url: CLIENT_DOCUMENT.into(),
                redirect_uris: vec![DOCUMENT_REDIRECT.into()],
            }),
            deviations: Deviations {
                default_endpoints: scenario.starts_with(ABOUT_2025_03_26),
                ..Deviations::default()
            },
            protocol_version: revision.clone(),
            ..defaults
        };
        Ok(Self { settings, revision })
    }
}

impl Context {
    fn client(self) -> Result<Option<Preregistered>, &'static str> {
        match (self.client_id, self.issuer) {
            (None, _) => Ok(None),
            (Some(_), None) => {
                Err("a client was handed over without the issuer that it belongs to")
            }
            (Some(client_id), Some(issuer)) => Ok(Some(Preregistered {
                issuer,
                client_id,
                client_secret: self.client_secret,
                auth_method: None,
                endpoints: None,
            })),
        }
    }
}

fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
