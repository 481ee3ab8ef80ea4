//! What came of an action?

use mcp_oauth_core::{
    ActionId, Cause, Event, HttpResponse, ProvidedAssertion, ProvidedClient, Refusal, SecretBytes,
    StoreResult,
};

use crate::agent::Callback;
use crate::http::NetworkReply;
use crate::store::{StoreError, Written};

/// Owns what the machine's event borrows.
pub(super) enum Answer {
    Reply(NetworkReply),
    Unreachable(Cause),
    Bound(Box<str>),
    /// Arrived at the redirect URI: others may follow.
    Callback(Callback),
    /// Handed over by the user agent: the only one.
    CameBack(Callback),
    Client(ProvidedClient),
    Signature(Vec<u8>),
    Assertion(ProvidedAssertion),
    Declined(Refusal),
    Loaded(Option<SecretBytes>),
    Written(Written),
    StoreFailed(StoreError),
}

impl Answer {
    /// Calls `tell` with the event that answers the action `id`.
    pub(super) fn tell<T>(&self, id: ActionId, tell: impl FnOnce(Event<'_>) -> T) -> T {
        let stored = |result| Event::Stored { id, result };
        let headers: Vec<_>;
        tell(match self {
            Self::Reply(reply) => {
                headers = reply
                    .headers
                    .iter()
                    .map(|(name, value)| (&**name, &**value))
                    .collect();
                let response = HttpResponse {
                    status: reply.status,
                    headers: &headers,
                    body: &reply.body,
                };
                Event::Reply { id, response }
            }
            Self::Unreachable(cause) => Event::Unreachable { id, cause: *cause },
            Self::Bound(uri) => Event::RedirectBound { id, uri },
            Self::Callback(callback) | Self::CameBack(callback) => Event::Callback(callback.text()),
            Self::Client(client) => Event::ClientProvided {
                id,
                client: client.clone(),
            },
            Self::Signature(signature) => Event::Signed { id, signature },
            Self::Assertion(assertion) => Event::AssertionProvided {
                id,
                assertion: assertion.clone(),
            },
            Self::Declined(reason) => Event::Declined {
                id,
                reason: *reason,
            },
            Self::Loaded(record) => stored(StoreResult::Loaded(
                record.as_ref().map(SecretBytes::expose),
            )),
            Self::Written(Written::Done) => stored(StoreResult::Done),
            Self::Written(Written::Conflict) => stored(StoreResult::Conflict),
            Self::StoreFailed(_) => stored(StoreResult::Failed),
        })
    }
}
