//! Why did an authorized request fail, and where in `rmcp`'s errors is that said?

use std::error::Error as StdError;

use rmcp::ServiceError;
use rmcp::service::ClientInitializeError;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use crate::Error;

/// Why [`AuthorizedClient`](super::AuthorizedClient) could not get an answer. Safe to print.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server wants an authorization that could not be had: the error says why, and what to do.
    #[error(transparent)]
    Authorization(Error),
    /// There is no HTTP client: its certificates or options are of no use.
    #[error("HTTP could not be set up: {}", root(.0.as_ref()))]
    Setup(Box<dyn StdError + Send + Sync>),
    /// The server could not be reached, or its answer broke off.
    #[error("the MCP server could not be reached: {}", root(.0))]
    Http(reqwest::Error),
    /// This part of the request cannot be put into HTTP.
    #[error("the {0} cannot be put into an HTTP request")]
    Unsendable(&'static str),
    /// The server redirects in a way that is not followed. Carries the origin that it redirects to, if that can be told.
    #[error(
        "the MCP server redirects to {}, which is not followed: only 307 and 308 within one origin are, and not for ever",
        .0.as_deref().unwrap_or("nowhere")
    )]
    Redirected(Option<String>),
    /// The server refuses the request however often it is repeated with the authorization that it asked for.
    #[error("the MCP server keeps refusing the request")]
    StillRefused,
}

/// What lies at the bottom of an error. Said with the error itself, since `rmcp` drops the sources of what it wraps.
fn root<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    error.source().map_or(error, root)
}

impl From<reqwest::Error> for RequestError {
    fn from(error: reqwest::Error) -> Self {
        // Whatever the caller put into the URL's query does not belong in a log.
        Self::Http(error.without_url())
    }
}

impl From<RequestError> for StreamableHttpError<RequestError> {
    fn from(error: RequestError) -> Self {
        Self::Client(error)
    }
}

/// The [`Error`] of the [`Authorizer`](crate::Authorizer) behind an error of `rmcp`, if that is what it is about: for
/// [`ServiceError`], [`ClientInitializeError`] and whatever they wrap.
pub fn authorization_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    let mut current = Some(error);
    while let Some(error) = current {
        // These two do not give away what they wrap as their source.
        if let Some(ServiceError::TransportSend(inner)) = error.downcast_ref() {
            return authorization_error(inner);
        }
        match error.downcast_ref() {
            Some(ClientInitializeError::TransportError { error, .. }) => {
                return authorization_error(error);
            }
            Some(ClientInitializeError::LegacyFallbackFailed { fallback, .. }) => {
                return authorization_error(fallback.as_ref());
            }
            _ => {}
        }
        if let Some(StreamableHttpError::<RequestError>::Client(inner)) = error.downcast_ref() {
            return authorization_error(inner);
        }
        if let Some(RequestError::Authorization(found)) = error.downcast_ref() {
            return Some(found);
        }
        current = error.source();
    }
    None
}
