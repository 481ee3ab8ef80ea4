//! How does a test put a host in front of a server?

use std::error::Error as StdError;
use std::sync::{Arc, Mutex};

use mcp_oauth_core::{Code, Config, Decision, Secret, Settings};
use mcp_oauth_host::rmcp::{AuthorizedClient, authorization_error};
use mcp_oauth_host::store::MemoryStore;
use mcp_oauth_host::{Authorizer, Builder, Error, Headless};
use mcp_oauth_testbed::{Behaviour, Endpoint, Entry, Server, Testbed};
use rmcp::model::{CallToolRequestParams, ClientConfig, ProtocolVersion};
use rmcp::service::RunningService;
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};

/// Why a call did not come to anything.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// There is no authorization.
    Authorization(Error),
    /// Something else, in the words of the SDK.
    Other(String),
}

impl Trouble {
    /// The code of the failed authorization.
    pub(crate) fn code(&self) -> Option<Code> {
        match self {
            Self::Authorization(error) => Some(error.failure()?.code()),
            Self::Other(_) => None,
        }
    }
}

/// A host with a user agent that needs no person, whose decisions are written down.
pub(crate) struct Host {
    pub(crate) authorizer: Authorizer,
    pub(crate) plug: AuthorizedClient,
    url: String,
    decisions: Arc<Mutex<Vec<Decision>>>,
}

impl Host {
    pub(crate) fn new(bed: &Testbed) -> Self {
        Self::with(settings(bed), |builder| builder)
    }

    pub(crate) fn with(settings: Settings, change: impl FnOnce(Builder) -> Builder) -> Self {
        let url = settings.server_url.clone();
        let decisions = Arc::<Mutex<Vec<_>>>::default();
        let seen = Arc::clone(&decisions);
        let builder = Authorizer::builder(Config::new(settings).unwrap())
            .store(Arc::new(MemoryStore::new()))
            .user_agent(Arc::new(Headless::new()))
            .observer(move |entry| seen.lock().unwrap().push(entry.decision));
        let authorizer = change(builder).build().unwrap();
        Self {
            plug: AuthorizedClient::new(authorizer.clone()).unwrap(),
            authorizer,
            url,
            decisions,
        }
    }

    /// All decisions so far.
    pub(crate) fn decisions(&self) -> Vec<Decision> {
        self.decisions.lock().unwrap().clone()
    }

    pub(crate) fn decided(&self, name: &str) -> usize {
        let decisions = self.decisions.lock().unwrap();
        decisions.iter().filter(|one| one.name() == name).count()
    }

    /// What was relaxed on the way, in order and once each.
    pub(crate) fn deviations(&self) -> Vec<&'static str> {
        let mut named = Vec::new();
        for deviation in self.decisions().iter().filter_map(Decision::deviation) {
            if !named.contains(&deviation) {
                named.push(deviation);
            }
        }
        named
    }

    /// A session in the lifecycle of the newest revision.
    pub(crate) async fn connect(&self) -> Result<Session, Trouble> {
        self.connect_as(ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        })
        .await
    }

    pub(crate) async fn connect_as(
        &self,
        lifecycle: ClientLifecycleMode,
    ) -> Result<Session, Trouble> {
        let transport = self.plug.transport(self.url.clone());
        match ClientConfig::default()
            .serve_with_lifecycle(transport, lifecycle)
            .await
        {
            Ok(client) => Ok(Session(client)),
            Err(error) => Err(trouble(&error)),
        }
    }

    /// Connects and calls one tool.
    pub(crate) async fn call(&self, tool: &'static str) -> Result<String, Trouble> {
        self.connect().await?.call(tool).await
    }

    /// The token for the MCP endpoint.
    pub(crate) async fn token(&self) -> Result<Option<Secret>, Error> {
        let token = self.authorizer.token("POST", &self.url).await?;
        Ok(token.map(|token| token.header().clone()))
    }
}

/// A connected client of the official SDK.
pub(crate) struct Session(RunningService<RoleClient, ClientConfig>);

impl Session {
    /// Calls a tool of the testbed, with arguments that fit all of them.
    pub(crate) async fn call(&self, tool: &'static str) -> Result<String, Trouble> {
        let arguments = serde_json::json!({"text": "milk", "a": 1, "b": 2});
        let call = CallToolRequestParams::new(tool)
            .with_arguments(arguments.as_object().cloned().unwrap_or_default());
        match self.0.call_tool(call).await {
            Ok(result) => {
                let text = result.content.first().and_then(|content| content.as_text());
                Ok(text.unwrap().text.clone())
            }
            Err(error) => Err(trouble(&error)),
        }
    }
}

fn trouble(error: &(dyn StdError + 'static)) -> Trouble {
    match authorization_error(error) {
        Some(error) => Trouble::Authorization(error.clone()),
        None => Trouble::Other(error.to_string()),
    }
}

pub(crate) fn settings(bed: &Testbed) -> Settings {
    Settings {
        server_url: bed.mcp_url(),
        client_name: "Interop tests".into(),
        ..Settings::default()
    }
}

pub(crate) async fn start(behaviour: Behaviour) -> Testbed {
    Testbed::start(behaviour).await.unwrap()
}

/// The requests to one endpoint, in order.
pub(crate) fn requests(bed: &Testbed, endpoint: Endpoint) -> Vec<Entry> {
    let log = bed.log().into_iter();
    log.filter(|entry| entry.endpoint == endpoint).collect()
}

/// The requests to one listener, in order.
pub(crate) fn requests_to(bed: &Testbed, server: Server) -> Vec<Entry> {
    let log = bed.log().into_iter();
    log.filter(|entry| entry.server == server).collect()
}

pub(crate) fn code(error: &Error) -> Code {
    error.failure().unwrap().code()
}
