//! How does the user get to the authorization server and back?

mod browser;
mod headless;
mod listener;
mod needs_user;
mod shared;

use std::any::Any;
use std::pin::Pin;

use mcp_oauth_core::{CallbackText, OpenUrl, Refusal, Secret, ShowCode};
use tokio::sync::mpsc;

use crate::http::Network;

pub use browser::SystemBrowser;
pub use headless::Headless;
pub use needs_user::NeedsUser;
pub use shared::SharedListener;

/// What a [`UserAgent`], a [`Signer`](crate::Signer) or an [`AssertionSource`](crate::AssertionSource) does, in time; or why it
/// will not.
pub type AgentFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// Brings the user to the authorization server and their answer back (RFC 8252).
pub trait UserAgent: Send + Sync {
    /// Makes ready to receive the redirect, at `preferred` or, where its port is 0, at a free port.
    ///
    /// # Errors
    /// The refusal that the flow then ends with.
    fn bind<'a>(&'a self, preferred: &'a str) -> AgentFuture<'a, Redirect>;

    /// Shows the page to the user, or follows it without one. Must not wait for the user: the callback arrives at the
    /// [`Redirect`], or is handed over at once.
    ///
    /// # Errors
    /// The refusal that the flow then ends with.
    fn open<'a>(&'a self, request: &'a OpenUrl, network: &'a Network) -> AgentFuture<'a, Opened>;

    /// Shows the person a code and where to enter it, on any device (RFC 8628 §3.3): once for each code. Must not wait for the
    /// person: the machine asks the server whether they have finished. It belongs on the person's screen, not into a log.
    ///
    /// # Errors
    /// The refusal that the flow then ends with; by default, that a person is needed.
    fn show_code<'a>(&'a self, code: &'a ShowCode) -> AgentFuture<'a, ()> {
        let _ = code;
        Box::pin(async { Err(Refusal::NeedsUser) })
    }
}

/// What came of opening the page.
#[derive(Debug)]
pub enum Opened {
    /// The user sees it: the callback will arrive at the redirect URI.
    Shown,
    /// The server asked for nobody and sent us back at once.
    CameBack(Callback),
}

/// A callback, not yet checked by anyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callback {
    /// The whole URL.
    Url(Secret),
    /// What came after the `?`, at a listener that has checked what is before it.
    Query(Secret),
}

/// A redirect URI at which callbacks can arrive for as long as this is kept.
pub struct Redirect {
    uri: Box<str>,
    callbacks: mpsc::Receiver<Callback>,
    _listening: Box<dyn Any + Send>,
}

impl Callback {
    pub(crate) fn text(&self) -> CallbackText<'_> {
        match self {
            Self::Url(url) => CallbackText::Url(url.expose()),
            Self::Query(query) => CallbackText::Query(query.expose()),
        }
    }
}

impl Redirect {
    /// The redirect URI, exactly as it is listened on; the channel that callbacks arrive by; and whatever must be dropped
    /// for the listening to end.
    pub fn new(
        uri: impl Into<Box<str>>,
        callbacks: mpsc::Receiver<Callback>,
        listening: impl Any + Send,
    ) -> Self {
        Self {
            uri: uri.into(),
            callbacks,
            _listening: Box::new(listening),
        }
    }

    /// The redirect URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The next callback; `None` when none can arrive any more.
    pub(crate) async fn next(&mut self) -> Option<Callback> {
        self.callbacks.recv().await
    }
}
