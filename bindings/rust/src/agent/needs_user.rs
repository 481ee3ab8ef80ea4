//! What does a program do that has no person at hand?

use mcp_oauth_core::{OpenUrl, Refusal};
use tokio::sync::mpsc;

use super::{AgentFuture, Opened, Redirect, UserAgent, listener};
use crate::http::Network;

/// Opens nothing: a flow that comes this far ends with [`Error::NeedsUser`](crate::Error::NeedsUser), which names the page.
#[derive(Clone, Copy, Debug, Default)]
pub struct NeedsUser;

impl UserAgent for NeedsUser {
    fn bind<'a>(&'a self, preferred: &'a str) -> AgentFuture<'a, Redirect> {
        Box::pin(async { reserve(preferred) })
    }

    fn open<'a>(&'a self, _: &'a OpenUrl, _: &'a Network) -> AgentFuture<'a, Opened> {
        Box::pin(async { Err(Refusal::NeedsUser) })
    }
}

/// A redirect URI at which nothing arrives. Its port, where we choose it, is kept from others all the same.
pub(super) fn reserve(preferred: &str) -> Result<Redirect, Refusal> {
    let (_, nothing) = mpsc::channel(1);
    match listener::Place::read(preferred) {
        Some(place) if place.port == 0 => {
            let (sockets, uri) = place.bind().map_err(|_| Refusal::Unable)?;
            Ok(Redirect::new(uri, nothing, sockets))
        }
        _ => Ok(Redirect::new(preferred, nothing, ())),
    }
}
