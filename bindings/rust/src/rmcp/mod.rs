//! How does a client of the official Rust MCP SDK get its requests authorized?
//!
//! [`AuthorizedClient`] is the HTTP half of `rmcp`'s streamable HTTP transport. It puts the current token on each request;
//! when the server answers 401 or 403, it has the [`Authorizer`] sort that out (refresh, sign-in, more scopes) and
//! repeats the request. Nothing else about an `rmcp` client changes:
//!
//! ```no_run
//! use std::sync::Arc;
//! use mcp_oauth_core::{Config, Settings};
//! use mcp_oauth_host::rmcp::AuthorizedClient;
//! use mcp_oauth_host::{Authorizer, SystemBrowser, store};
//! use rmcp::ServiceExt;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = "https://mcp.example.com/mcp";
//! let config = Config::new(Settings {
//!     server_url: server.into(),
//!     client_name: "Notes".into(),
//!     ..Settings::default()
//! })?;
//! let authorizer = Authorizer::builder(config)
//!     .store(store::default_store().await?)
//!     .user_agent(Arc::new(SystemBrowser::new()))
//!     .build()?;
//! let http = AuthorizedClient::new(authorizer)?;
//! let client = ().serve(http.transport(server)).await?;
//! for tool in client.list_all_tools().await? {
//!     println!("{}", tool.name);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A sign-in takes as long as a person needs. `rmcp`'s `ClientLifecycleMode::Auto` waits ten seconds for its first answer,
//! so call [`Authorizer::sign_in`] before starting a client in that mode.
//!
//! Errors of the `Authorizer` arrive as [`RequestError::Authorization`]; [`authorization_error`] finds it in what `rmcp`
//! returns, and [`AuthorizedClient::last_failure`] knows it where `rmcp` only says that the transport has closed.

mod answer;
mod error;
mod events;
mod exchange;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::BoxStream;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, SseError, StreamableHttpClient, StreamableHttpClientTransport,
    StreamableHttpClientTransportConfig, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::Sse;

use crate::{Authorizer, Error};
use exchange::{OnRefusal, Outgoing};

pub use error::{RequestError, authorization_error};

type Result<T> = std::result::Result<T, StreamableHttpError<RequestError>>;

/// The most bytes of one server-sent event, where `rmcp` names no limit of its own.
const MAX_EVENT_BYTES: usize = 16 << 20;

/// An HTTP client for [`StreamableHttpClientTransport`] whose requests an [`Authorizer`] authorizes.
///
/// - The token travels in the `Authorization` header only, and only to URLs of the resource that it was issued for (MCP
///   authorization, Access Token Usage).
/// - A redirect is followed if it is a 307 or 308 to the same origin; the token goes along only if it is for the new URL
///   too.
/// - A request that was answered 401 or 403 is repeated when the `Authorizer` says so; the server has not acted on it.
///   Closing a session is the exception: nobody is asked to sign in just to leave.
/// - No lock is held while a request is under way: requests run side by side, and of those that are challenged together
///   one signs in and the others wait for it.
///
/// Clones share everything.
#[derive(Clone)]
pub struct AuthorizedClient {
    authorizer: Authorizer,
    http: reqwest::Client,
    last_failure: Arc<Mutex<Option<Error>>>,
}

impl AuthorizedClient {
    /// A client that reaches the server as the system says: through its proxies, trusting its certificates.
    ///
    /// # Errors
    /// [`RequestError::Setup`] if the system's certificates cannot be read.
    pub fn new(authorizer: Authorizer) -> std::result::Result<Self, RequestError> {
        Self::with_http(authorizer, |http| http)
    }

    /// A client with the caller's choice of proxies and time limits, or of certificates (as a `rustls` configuration, by
    /// `tls_backend_preconfigured`). Redirects stay this client's business: a policy for them has no effect.
    ///
    /// # Errors
    /// [`RequestError::Setup`] if HTTP cannot be set up that way.
    pub fn with_http(
        authorizer: Authorizer,
        configure: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> std::result::Result<Self, RequestError> {
        let trust =
            crate::http::platform_trust().map_err(|error| RequestError::Setup(error.into()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(trust)
            .user_agent(concat!("mcp-oauth-host/", env!("CARGO_PKG_VERSION")))
            .referer(false);
        let http = configure(http)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| RequestError::Setup(error.into()))?;
        Ok(Self {
            authorizer,
            http,
            last_failure: Arc::default(),
        })
    }

    /// A transport to the MCP server at this URL, for `rmcp`'s `serve`. For other transport settings, hand a clone of
    /// this client to [`StreamableHttpClientTransport::with_client`] instead.
    pub fn transport(&self, url: impl Into<Arc<str>>) -> StreamableHttpClientTransport<Self> {
        StreamableHttpClientTransport::with_client(
            self.clone(),
            StreamableHttpClientTransportConfig::with_uri(url),
        )
    }

    /// Why the latest request that failed for want of authorization did; `None` if none has. For the cases in which
    /// `rmcp` loses the error: a refused `notifications/initialized` or event stream ends the transport, and later calls
    /// learn no more than that.
    pub fn last_failure(&self) -> Option<Error> {
        self.last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn remember(&self, failure: &Error) {
        *self
            .last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
    }
}

impl StreamableHttpClient for AuthorizedClient {
    type Error = RequestError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse> {
        self.post_message_with_max_sse_event_size(
            uri,
            message,
            session_id,
            auth_header,
            custom_headers,
            MAX_EVENT_BYTES,
        )
        .await
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        max_sse_event_size: usize,
    ) -> Result<StreamableHttpPostResponse> {
        let mut request = Outgoing::new(Method::POST, auth_header, custom_headers)?;
        request.header(ACCEPT, "application/json, text/event-stream")?;
        request.header(CONTENT_TYPE, "application/json")?;
        request.session(session_id.as_deref())?;
        request.body(serde_json::to_vec(&message)?);
        let response = self.send(&uri, &request, OnRefusal::Recover).await?;
        answer::to_post(response, &message, session_id.is_some(), max_sse_event_size).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<()> {
        let mut request = Outgoing::new(Method::DELETE, auth_header, custom_headers)?;
        request.session(Some(&session_id))?;
        answer::to_delete(self.send(&uri, &request, OnRefusal::HandBack).await?).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, std::result::Result<Sse, SseError>>> {
        self.get_stream_with_max_sse_event_size(
            uri,
            session_id,
            last_event_id,
            auth_header,
            custom_headers,
            MAX_EVENT_BYTES,
        )
        .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        max_sse_event_size: usize,
    ) -> Result<BoxStream<'static, std::result::Result<Sse, SseError>>> {
        let mut request = Outgoing::new(Method::GET, auth_header, custom_headers)?;
        request.header(ACCEPT, "text/event-stream")?;
        request.session(session_id.as_deref())?;
        if let Some(id) = last_event_id {
            request.header(HeaderName::from_static("last-event-id"), &id)?;
        }
        match self.send(&uri, &request, OnRefusal::Recover).await {
            Ok(response) => answer::to_get(response, max_sse_event_size).await,
            // `rmcp` opens a stream again after any other error, and would ask the person to sign in each time.
            Err(RequestError::Authorization(failure)) => Err(StreamableHttpError::AuthRequired(
                AuthRequiredError::new(failure.to_string()),
            )),
            Err(other) => Err(other.into()),
        }
    }
}
