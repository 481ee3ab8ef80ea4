//! How did a call go?

use mcp_oauth_core::{Misuse, RecordError};

use super::slice::Slice;

/// How a call went: the return value of every function that can fail.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It did what it says.
    Ok = 0,
    /// A pointer is NULL that must not be, a freed handle for instance.
    Null = 1,
    /// An argument is out of range, misaligned, or text that is not UTF-8.
    BadArgument = 2,
    /// Another thread is inside a call with this handle. Nothing happened: one call at a time.
    Busy = 3,
    /// A defect of this library; the handle can only be freed now.
    Panicked = 4,
    /// The settings cannot work; `mcp_oauth_config_error` says which and why.
    Config = 5,
    /// There are as many sign-ins as may wait at once.
    Full = 6,
    /// The operating system gives no randomness, without which a proof could be guessed.
    Entropy = 7,
    /// The answer names an action that was never given out.
    MisuseUnknownAction = 16,
    /// The answer is of the wrong kind for the action that it names.
    MisuseWrongAnswer = 17,
    /// The redirect URI is not https, loopback http or an allowed private-use scheme (RFC 8252 §7).
    MisuseRedirectUri = 18,
    /// The redirect URI is not listed in the client ID metadata document.
    MisuseRedirectNotInDocument = 19,
    /// The client identifier is empty or not printable ASCII.
    MisuseClientId = 20,
    /// The client has no secret, but its authentication method needs one.
    MisuseClientSecret = 21,
    /// A member of the tokens that were brought cannot be used; the call says which.
    MisuseTokens = 22,
    /// The signature has a length that the algorithm cannot give (RFC 7518 §3): for ES256 it is R and S, 32 bytes each.
    MisuseSignature = 23,
    /// The assertion is empty, too long or not printable ASCII.
    MisuseAssertion = 24,
    /// The bytes are no record of this library.
    RecordMalformed = 32,
    /// The record was written by a newer version of this library. Do not overwrite it.
    RecordTooNew = 33,
    /// The record is of another account or server, or was tampered with.
    RecordForeign = 34,
}

impl Status {
    const ALL: [Self; 20] = [
        Self::Ok,
        Self::Null,
        Self::BadArgument,
        Self::Busy,
        Self::Panicked,
        Self::Config,
        Self::Full,
        Self::Entropy,
        Self::MisuseUnknownAction,
        Self::MisuseWrongAnswer,
        Self::MisuseRedirectUri,
        Self::MisuseRedirectNotInDocument,
        Self::MisuseClientId,
        Self::MisuseClientSecret,
        Self::MisuseTokens,
        Self::MisuseSignature,
        Self::MisuseAssertion,
        Self::RecordMalformed,
        Self::RecordTooNew,
        Self::RecordForeign,
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Null => "a pointer is NULL that must not be",
            Self::BadArgument => "an argument is out of range, misaligned or not UTF-8",
            Self::Busy => "another thread is inside a call with this handle",
            Self::Panicked => "a defect of this library: free the handle",
            Self::Config => "the settings cannot work",
            Self::Full => "there are as many sign-ins as may wait at once",
            Self::Entropy => "the operating system gives no randomness",
            Self::MisuseUnknownAction => "the answer names an action that was never given out",
            Self::MisuseWrongAnswer => {
                "the answer is of the wrong kind for the action that it names"
            }
            Self::MisuseRedirectUri => {
                "the redirect URI is not https, loopback http or an allowed private-use scheme"
            }
            Self::MisuseRedirectNotInDocument => {
                "the redirect URI is not listed in the client ID metadata document"
            }
            Self::MisuseClientId => "the client identifier is empty or not printable ASCII",
            Self::MisuseClientSecret => {
                "the client has no secret, but its authentication method needs one"
            }
            Self::MisuseTokens => "a member of the tokens cannot be used",
            Self::MisuseSignature => "the signature has a length that the algorithm cannot give",
            Self::MisuseAssertion => "the assertion is empty, too long or not printable ASCII",
            Self::RecordMalformed => "not a record of this library",
            Self::RecordTooNew => "written by a newer version of this library",
            Self::RecordForeign => {
                "a record of another account or server, or one that was tampered with"
            }
        }
    }
}

impl From<Misuse> for Status {
    fn from(misuse: Misuse) -> Self {
        match misuse {
            Misuse::UnknownAction => Self::MisuseUnknownAction,
            Misuse::WrongAnswer => Self::MisuseWrongAnswer,
            Misuse::RedirectUri => Self::MisuseRedirectUri,
            Misuse::RedirectNotInDocument => Self::MisuseRedirectNotInDocument,
            Misuse::ClientId => Self::MisuseClientId,
            Misuse::ClientSecret => Self::MisuseClientSecret,
            Misuse::Signature => Self::MisuseSignature,
            Misuse::Assertion => Self::MisuseAssertion,
            Misuse::Tokens { .. } => Self::MisuseTokens,
        }
    }
}

impl From<RecordError> for Status {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Malformed => Self::RecordMalformed,
            RecordError::TooNew => Self::RecordTooNew,
            RecordError::Foreign => Self::RecordForeign,
        }
    }
}

/// A status in words, for logs. Static text: yours to read for as long as the library is loaded. Empty for a number that is
/// no status.
#[unsafe(no_mangle)]
pub extern "C" fn mcp_oauth_status_text(status: i32) -> Slice {
    let known = Status::ALL.iter().find(|known| **known as i32 == status);
    Slice::text(known.map_or("", |status| status.text()))
}
