//! What went wrong?

use mcp_oauth_core as core;
use mcp_oauth_core::wire::text::ServerText;

/// Why a flow ended without a token: safe to print, log and send.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct Failure {
    /// The stable name of what happened.
    pub code: String,
    /// Where in the flow it happened.
    pub stage: Stage,
    /// Whose fault it is.
    pub fault: Fault,
    /// What to do about it.
    pub advice: Advice,
    /// How long to wait first, in milliseconds, where the advice is to try again.
    pub retry_after_ms: Option<u64>,
    /// What happened, in a sentence.
    pub text: String,
    /// The clause that it rests on.
    pub clause: String,
    /// The HTTP status that the server answered with, if that matters.
    pub status: Option<u16>,
    /// The server's own error code, made safe to show.
    pub server_code: Option<String>,
    /// The server's own words, made safe to show: untrusted, never to be acted on.
    pub server_text: Option<String>,
    /// What it is about: an issuer, a member of a document, a cause.
    pub subject: Option<String>,
    /// What should have come, where two values were compared.
    pub expected: Option<String>,
    /// What came instead.
    pub received: Option<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<&core::Failure> for Failure {
    fn from(failure: &core::Failure) -> Self {
        let text = |text: Option<&ServerText>| text.map(|text| text.as_str().to_owned());
        Self {
            code: failure.code().as_str().to_owned(),
            stage: failure.stage().into(),
            fault: failure.fault().into(),
            advice: failure.advice().into(),
            retry_after_ms: match failure.advice() {
                core::Advice::RetryAfter(millis) => Some(millis),
                _ => None,
            },
            text: failure.to_string(),
            clause: failure.clause().to_owned(),
            status: failure.status(),
            server_code: text(failure.server_code()),
            server_text: text(failure.server_text()),
            subject: text(failure.subject()),
            expected: text(failure.expected()),
            received: text(failure.received()),
        }
    }
}

/// The part of the flow in which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Stage {
    /// Protected resource metadata.
    ResourceDiscovery,
    /// Authorization server metadata.
    ServerDiscovery,
    /// Getting a client.
    Registration,
    /// The authorization request and its response.
    Authorization,
    /// Exchange of the code.
    TokenExchange,
    /// Refresh of the tokens.
    Refresh,
    /// Use of the tokens at the MCP server.
    Use,
    /// Tokens without a user present.
    Grant,
    /// Exchange of the user's identity, at the identity provider.
    IdentityExchange,
    /// The host's store.
    Store,
}

impl From<core::Stage> for Stage {
    fn from(stage: core::Stage) -> Self {
        match stage {
            core::Stage::ResourceDiscovery => Self::ResourceDiscovery,
            core::Stage::ServerDiscovery => Self::ServerDiscovery,
            core::Stage::Registration => Self::Registration,
            core::Stage::Authorization => Self::Authorization,
            core::Stage::TokenExchange => Self::TokenExchange,
            core::Stage::Refresh => Self::Refresh,
            core::Stage::Use => Self::Use,
            core::Stage::Grant => Self::Grant,
            core::Stage::IdentityExchange => Self::IdentityExchange,
            core::Stage::Store => Self::Store,
        }
    }
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Fault {
    /// The MCP server or its authorization server broke the rules, or refused.
    Server,
    /// The configuration of this client does not fit the server.
    Configuration,
    /// A person is needed, or said no.
    User,
    /// The network, or a passing fault of a server.
    Network,
    /// The host's store, randomness or clock.
    Host,
}

impl From<core::error::Fault> for Fault {
    fn from(fault: core::error::Fault) -> Self {
        match fault {
            core::Fault::Server => Self::Server,
            core::Fault::Configuration => Self::Configuration,
            core::Fault::User => Self::User,
            core::Fault::Network => Self::Network,
            core::Fault::Host => Self::Host,
        }
    }
}

/// What the host should do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Advice {
    /// Try again, not before `retry_after_ms` have passed.
    RetryAfter,
    /// Begin a new sign-in; nothing else is lost.
    Restart,
    /// Change the configuration: trying again as it is will fail again.
    Reconfigure,
    /// Bring a person: they must sign in, or decide.
    AskUser,
    /// Give up on this server: it is wrong or hostile.
    Stop,
}

impl From<core::Advice> for Advice {
    fn from(advice: core::Advice) -> Self {
        match advice {
            core::Advice::RetryAfter(_) => Self::RetryAfter,
            core::Advice::Restart => Self::Restart,
            core::Advice::Reconfigure => Self::Reconfigure,
            core::Advice::AskUser => Self::AskUser,
            core::Advice::Stop => Self::Stop,
        }
    }
}

/// Settings that cannot work, found before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ConfigError {
    /// One member is at fault.
    #[error("{field}: {problem}")]
    Refused {
        /// The member of the settings.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl From<core::ConfigError> for ConfigError {
    fn from(error: core::ConfigError) -> Self {
        Self::Refused {
            field: error.field.to_owned(),
            problem: error.problem.to_owned(),
        }
    }
}

/// A call that the host should not have made. Changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi(flat_error)]
pub enum Misuse {
    /// The answer names an action that was never given out.
    #[error("{}", core::Misuse::UnknownAction)]
    UnknownAction,
    /// The answer is of the wrong kind for the action that it names.
    #[error("{}", core::Misuse::WrongAnswer)]
    WrongAnswer,
    /// The redirect URI is none that a client may use (RFC 8252 §7).
    #[error("{}", core::Misuse::RedirectUri)]
    RedirectUri,
    /// The redirect URI is not among those of the configured client ID metadata document.
    #[error("{}", core::Misuse::RedirectNotInDocument)]
    RedirectNotInDocument,
    /// The client identifier is empty or holds characters outside visible ASCII.
    #[error("{}", core::Misuse::ClientId)]
    ClientId,
    /// The client has no secret, but its authentication method needs one.
    #[error("{}", core::Misuse::ClientSecret)]
    ClientSecret,
    /// The signature has a length that the algorithm cannot give (RFC 7518 §3): for ES256 it is R and S, 32 bytes each.
    #[error("{}", core::Misuse::Signature)]
    Signature,
    /// The assertion is empty, too long, or holds characters outside visible ASCII.
    #[error("{}", core::Misuse::Assertion)]
    Assertion,
    /// A member of the tokens that the host brings cannot be used; the message names it.
    #[error("{}", core::Misuse::Tokens { member })]
    Tokens {
        /// Which member of `ProvidedTokens`.
        member: &'static str,
    },
}

impl From<core::Misuse> for Misuse {
    fn from(misuse: core::Misuse) -> Self {
        match misuse {
            core::Misuse::UnknownAction => Self::UnknownAction,
            core::Misuse::WrongAnswer => Self::WrongAnswer,
            core::Misuse::RedirectUri => Self::RedirectUri,
            core::Misuse::RedirectNotInDocument => Self::RedirectNotInDocument,
            core::Misuse::ClientId => Self::ClientId,
            core::Misuse::ClientSecret => Self::ClientSecret,
            core::Misuse::Signature => Self::Signature,
            core::Misuse::Assertion => Self::Assertion,
            core::Misuse::Tokens { member } => Self::Tokens { member },
        }
    }
}

/// The operating system gives no randomness, without which a proof could be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi(flat_error)]
pub enum NoRandomness {
    /// The source failed.
    #[error("{}", core::EntropyError)]
    Failed,
}

impl From<core::EntropyError> for NoRandomness {
    fn from(_: core::EntropyError) -> Self {
        Self::Failed
    }
}

/// Bytes that are no record of this library, or none that it can use. Never a reason to overwrite them silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi(flat_error)]
pub enum RecordError {
    /// Not a record: not JSON, another format, a member missing or of the wrong type.
    #[error("{}", core::RecordError::Malformed)]
    Malformed,
    /// Written by a newer version of this library.
    #[error("{}", core::RecordError::TooNew)]
    TooNew,
    /// A record of another account or server, or with values that could not have been written here.
    #[error("{}", core::RecordError::Foreign)]
    Foreign,
}

impl From<core::RecordError> for RecordError {
    fn from(error: core::RecordError) -> Self {
        match error {
            core::RecordError::Malformed => Self::Malformed,
            core::RecordError::TooNew => Self::TooNew,
            core::RecordError::Foreign => Self::Foreign,
        }
    }
}
