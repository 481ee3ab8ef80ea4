//! What does the suite want?

use std::env::{self, VarError};
use std::error::Error;

use mcp_oauth_core::{AuthMethod, ClientDocument, Deviations, Preregistered, Secret, Settings};
use mcp_oauth_host::signer::PrivateKey;
use serde::Deserialize;

use crate::extension;

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
    /// The key to sign with.
    pub(crate) key: Option<PrivateKey>,
    /// What says who the user or the workload is.
    pub(crate) assertion: Option<extension::Given>,
    /// The revision of MCP to speak.
    pub(crate) revision: String,
}

/// What a scenario hands over beyond the server's URL.
#[derive(Default, Deserialize)]
pub(crate) struct Context {
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) issuer: Option<String>,
    pub(crate) private_key_pem: Option<Secret>,
    pub(crate) valid_jwt: Option<Secret>,
    pub(crate) idp_issuer: Option<String>,
    pub(crate) idp_token_endpoint: Option<String>,
    pub(crate) idp_client_id: Option<String>,
    pub(crate) idp_id_token: Option<Secret>,
}

impl Task {
    /// Reads the last argument, which is the MCP server's URL, and the suite's environment variables.
    pub(crate) async fn given() -> Result<Self, Box<dyn Error>> {
        let server_url = env::args()
            .skip(1)
            .last()
            .ok_or("no server URL was given")?;
        let scenario = variable("MCP_CONFORMANCE_SCENARIO")?.unwrap_or_default();
        let context = match variable("MCP_CONFORMANCE_CONTEXT")? {
            Some(context) => serde_json::from_str(&context)?,
            None => Context::default(),
        };
        let defaults = Settings::default();
        let revision = variable("MCP_CONFORMANCE_PROTOCOL_VERSION")?
            .unwrap_or(defaults.protocol_version.clone());
        let settings = Settings {
            server_url,
            client_name: "Conformance client".into(),
            client_document: Some(ClientDocument {
                url: CLIENT_DOCUMENT.into(),
                redirect_uris: vec![DOCUMENT_REDIRECT.into()],
                auth_method: None,
            }),
            deviations: Deviations {
                default_endpoints: scenario.starts_with(ABOUT_2025_03_26),
                ..Deviations::default()
            },
            protocol_version: revision.clone(),
            ..defaults
        };
        let mut task = Self {
            settings,
            key: None,
            assertion: None,
            revision,
        };
        extension::prepare(&scenario, &context, &mut task)?;
        if let Some(client_id) = context.client_id {
            let issuer = match context.issuer {
                Some(issuer) => issuer,
                // The suite has but one server that it could be meant for.
                None => extension::named_issuer(&task.settings.server_url).await?,
            };
            task.settings.preregistered = Some(Preregistered {
                issuer,
                client_id,
                client_secret: context.client_secret,
                auth_method: task
                    .settings
                    .client_key
                    .is_some()
                    .then_some(AuthMethod::PrivateKeyJwt),
                endpoints: None,
            });
        }
        Ok(task)
    }
}

fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
