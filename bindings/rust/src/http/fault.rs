//! Why did a request get no answer?

use std::error::Error;
use std::io;

use mcp_oauth_core::Cause;

use super::resolve::Unresolved;

/// The cause of a failed exchange, found among the errors below it.
pub(super) fn cause_of(error: &reqwest::Error) -> Cause {
    if let Some(Unresolved(cause)) = find(error) {
        *cause
    } else if find::<rustls::Error>(error).is_some() {
        Cause::Tls
    } else if error.is_timeout() {
        Cause::Timeout
    } else if error.is_connect() {
        Cause::Connect
    } else {
        Cause::Interrupted
    }
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    if let Some(found) = error.downcast_ref::<E>() {
        return Some(found);
    }
    // `io::Error::source` passes over the error that it wraps.
    let wrapped = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .map(|wrapped| wrapped as &(dyn Error + 'static));
    find(wrapped.or_else(|| error.source())?)
}
