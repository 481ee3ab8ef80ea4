//! What of the next action may be shown?

use std::fmt;

use super::Next;

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http {
                id,
                method,
                url,
                reach,
                purpose,
                ..
            } => f
                .debug_struct("Http")
                .field("id", id)
                .field("method", method)
                .field("url", url)
                .field("reach", reach)
                .field("purpose", purpose)
                .finish_non_exhaustive(),
            Self::BindRedirect { id, preferred } => f
                .debug_struct("BindRedirect")
                .field("id", id)
                .field("preferred", preferred)
                .finish(),
            Self::OpenUrl {
                id,
                redirect_uri,
                issuer,
                scopes,
                new_scopes,
                ..
            } => f
                .debug_struct("OpenUrl")
                .field("id", id)
                .field("redirect_uri", redirect_uri)
                .field("issuer", issuer)
                .field("scopes", scopes)
                .field("new_scopes", new_scopes)
                .finish_non_exhaustive(),
            Self::Load { id, key } => f
                .debug_struct("Load")
                .field("id", id)
                .field("key", key)
                .finish(),
            Self::Save {
                id,
                key,
                expected,
                generation,
                expires_at_ms,
                ..
            } => f
                .debug_struct("Save")
                .field("id", id)
                .field("key", key)
                .field("expected", expected)
                .field("generation", generation)
                .field("expires_at_ms", expires_at_ms)
                .finish_non_exhaustive(),
            Self::Delete { id, key, expected } => f
                .debug_struct("Delete")
                .field("id", id)
                .field("key", key)
                .field("expected", expected)
                .finish(),
            Self::AskForClient {
                id,
                issuer,
                redirect_uri,
            } => f
                .debug_struct("AskForClient")
                .field("id", id)
                .field("issuer", issuer)
                .field("redirect_uri", redirect_uri)
                .finish(),
            Self::Sign {
                id,
                purpose,
                algorithm,
                thumbprint,
                issuer,
                ..
            } => f
                .debug_struct("Sign")
                .field("id", id)
                .field("purpose", purpose)
                .field("algorithm", algorithm)
                .field("thumbprint", thumbprint)
                .field("issuer", issuer)
                .finish_non_exhaustive(),
            Self::FetchAssertion {
                id,
                purpose,
                issuer,
                audience,
                renew,
            } => f
                .debug_struct("FetchAssertion")
                .field("id", id)
                .field("purpose", purpose)
                .field("issuer", issuer)
                .field("audience", audience)
                .field("renew", renew)
                .finish(),
            Self::ShowCode {
                id,
                verification_uri,
                issuer,
                scopes,
                expires_at_ms,
                until_ms,
                ..
            } => f
                .debug_struct("ShowCode")
                .field("id", id)
                .field("verification_uri", verification_uri)
                .field("issuer", issuer)
                .field("scopes", scopes)
                .field("expires_at_ms", expires_at_ms)
                .field("until_ms", until_ms)
                .finish_non_exhaustive(),
            Self::Wait { id, until_ms } => f
                .debug_struct("Wait")
                .field("id", id)
                .field("until_ms", until_ms)
                .finish(),
            Self::Idle => f.write_str("Idle"),
            Self::Authorized => f.write_str("Authorized"),
            Self::SignedOut => f.write_str("SignedOut"),
            Self::Failed { failure } => f.debug_tuple("Failed").field(failure).finish(),
        }
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
