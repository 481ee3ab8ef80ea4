//! What went wrong, whose fault is it, and what should be done?

mod code;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::uri::UrlFault;
use crate::wire::text::ServerText;

pub(crate) use code::DEFAULT_RETRY_MS;
pub use code::{Advice, Code, Fault, Stage};

/// A call that the host should not have made. Changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// The answer names an action that was never given out.
    #[error("the answer names an action that was never given out")]
    UnknownAction,
    /// The answer is of the wrong kind for the action that it names.
    #[error("the answer is of the wrong kind for the action that it names")]
    WrongAnswer,
    /// The redirect URI is none that a client may use: https, or http on a loopback host, or a private-use scheme if
    /// the configuration allows it (RFC 8252 §7).
    #[error("the redirect URI is not https, loopback http or an allowed private-use scheme")]
    RedirectUri,
    /// The redirect URI is not among those of the configured client ID metadata document.
    #[error("the redirect URI is not listed in the client ID metadata document")]
    RedirectNotInDocument,
    /// The client identifier is empty or holds characters outside visible ASCII.
    #[error("the client identifier is empty or not printable ASCII")]
    ClientId,
    /// The client has no secret, but its authentication method needs one.
    #[error("the client has no secret, but its authentication method needs one")]
    ClientSecret,
    /// The signature has a length that the algorithm cannot give (RFC 7518 §3): for ES256 it is R and S, 32 bytes each.
    #[error("the signature has a length that the algorithm cannot give")]
    Signature,
    /// The assertion is empty, too long, or holds characters outside visible ASCII.
    #[error("the assertion is empty, too long or not printable ASCII")]
    Assertion,
    /// A member of the tokens that the host brings cannot be used: an issuer, endpoint or resource that the URL policy refuses or
    /// that does not cover the server, a token that no header can carry, too many scopes.
    #[error("the {member} of the tokens cannot be used")]
    Tokens {
        /// Which member of [`ProvidedTokens`](crate::ProvidedTokens).
        member: &'static str,
    },
}

/// A configuration that cannot work, found before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct ConfigError {
    /// The member of [`Settings`](crate::Settings) at fault.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Bytes that are no record of this library, or none that it can use. Never a reason to overwrite them silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not a record: not JSON, another format, a member missing or of the wrong type.
    #[error("not a record of this library")]
    Malformed,
    /// Written by a newer version of this library.
    #[error("written by a newer version of this library")]
    TooNew,
    /// A record of another account or server, or with values that could not have been written here.
    #[error("a record of another account or server, or one that was tampered with")]
    Foreign,
}

/// Why a flow ended without a token: safe to print, log and send.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Failure(Box<Details>);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Details {
    code: Code,
    stage: Stage,
    advice: Advice,
    status: Option<u16>,
    server_code: Option<ServerText>,
    server_text: Option<ServerText>,
    subject: Option<ServerText>,
    expected: Option<ServerText>,
    received: Option<ServerText>,
    reason: Option<ServerText>,
}

impl Failure {
    pub(crate) fn new(code: Code, stage: Stage) -> Self {
        Self(Box::new(Details {
            code,
            stage,
            advice: code.advice(),
            status: None,
            server_code: None,
            server_text: None,
            subject: None,
            expected: None,
            received: None,
            reason: None,
        }))
    }

    /// What a host tells that can show the page of a sign-in to nobody, and leaves the sign-in pending.
    pub fn needs_user() -> Self {
        Self::new(Code::NeedsUser, Stage::Authorization)
    }

    pub(crate) fn advising(mut self, advice: Advice) -> Self {
        self.0.advice = advice;
        self
    }

    /// Sets how long to wait, where the advice is to wait.
    pub(crate) fn retry_after(mut self, millis: Option<u64>) -> Self {
        if let (Advice::RetryAfter(_), Some(millis)) = (self.0.advice, millis) {
            self.0.advice = Advice::RetryAfter(millis);
        }
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_server_words(
        mut self,
        code: Option<ServerText>,
        text: Option<ServerText>,
    ) -> Self {
        self.0.server_code = code;
        self.0.server_text = text;
        self
    }

    pub(crate) fn comparing(mut self, expected: &str, received: &str) -> Self {
        self.0.expected = Some(ServerText::new(expected));
        self.0.received = Some(ServerText::new(received));
        self
    }

    /// Names what it is about: an issuer, a member, a cause.
    pub(crate) fn about(mut self, subject: &str) -> Self {
        self.0.subject = Some(ServerText::new(subject));
        self
    }

    /// Says why the value that [`about`](Self::about) names cannot be used.
    pub(crate) fn because(mut self, reason: UrlFault) -> Self {
        self.0.reason = Some(ServerText::new(&reason.to_string()));
        self
    }

    /// The stable name of what happened.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Where in the flow it happened.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// What to do about it.
    pub fn advice(&self) -> Advice {
        self.0.advice
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.0.code.fault()
    }

    /// The clause that it rests on.
    pub fn clause(&self) -> &'static str {
        self.0.code.clause()
    }

    /// The HTTP status that the server answered with, if that matters.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The server's own error code, made safe to show.
    pub fn server_code(&self) -> Option<&ServerText> {
        self.0.server_code.as_ref()
    }

    /// The server's own words, made safe to show: untrusted, never to be acted on.
    pub fn server_text(&self) -> Option<&ServerText> {
        self.0.server_text.as_ref()
    }

    /// What it is about: an issuer, a member of a document, a cause.
    pub fn subject(&self) -> Option<&ServerText> {
        self.0.subject.as_ref()
    }

    /// What should have come, where two values were compared.
    pub fn expected(&self) -> Option<&ServerText> {
        self.0.expected.as_ref()
    }

    /// What came instead.
    pub fn received(&self) -> Option<&ServerText> {
        self.0.received.as_ref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = &*self.0;
        f.write_str(details.code.text())?;
        if let Some(subject) = &details.subject {
            write!(f, " ({subject})")?;
        }
        if let Some(expected) = &details.expected {
            write!(f, "; expected {expected:?}")?;
        }
        if let Some(received) = &details.received {
            write!(f, "; received {received:?}")?;
        }
        if let Some(reason) = &details.reason {
            write!(f, ": {reason}")?;
        }
        if let Some(status) = details.status {
            write!(f, "; HTTP status {status}")?;
        }
        match (&details.server_code, &details.server_text) {
            (Some(code), Some(text)) => write!(f, "; the server says {code:?}: {text:?}"),
            (Some(words), None) | (None, Some(words)) => write!(f, "; the server says {words:?}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Failure({} in {}, {:?}: {self})",
            self.0.code.as_str(),
            self.0.stage.as_str(),
            self.0.advice
        )
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_say_something() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(!code.text().is_empty() && !code.clause().is_empty());
        }
    }
}
