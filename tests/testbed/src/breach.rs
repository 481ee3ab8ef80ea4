//! What is held against the client?

use crate::behaviour::Endpoint;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that a client did and should not have done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Where it happened.
    pub endpoint: Endpoint,
    /// The rule that was broken.
    pub rule: Rule,
    /// What was wrong, without secrets.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:?}: {}", self.rule, self.endpoint, self.what)
    }
}

/// The rules that clients are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The HTTP method fits the endpoint.
    Method,
    /// The content type of the body is the one that the endpoint takes.
    ContentType,
    /// `Accept` names both JSON and event streams (MCP streamable HTTP).
    Accept,
    /// The body can be read.
    Body,
    /// Each parameter, member and header field is sent once (RFC 6749 §3.1, §3.2).
    Duplicate,
    /// What is required is there.
    Missing,
    /// Only what a specification knows is sent.
    Unknown,
    /// No JSON nulls and no empty values stand for what is absent.
    Empty,
    /// A value has the right form.
    Form,
    /// Secrets, tokens and codes stay out of URLs (RFC 6750 §2.3, RFC 9700 §4.3).
    SecretInUrl,
    /// Credentials go only where they belong.
    Credentials,
    /// The scheme is written `Bearer` (RFC 6750 §2.1) or, for bound tokens, `DPoP` (RFC 9449 §7.1).
    BearerScheme,
    /// One client authentication method, the registered one (RFC 6749 §2.3).
    ClientAuthentication,
    /// A client assertion is for this server alone, short-lived and signed with a registered key (RFC 7523 §3).
    ClientAssertion,
    /// An assertion is used once.
    AssertionReuse,
    /// An assertion goes to the server that it was made for, while it is good (RFC 7523 §3).
    Assertion,
    /// A token exchange asks for what it needs and for nothing else (RFC 8693 §2.1).
    Exchange,
    /// After its assertion was refused, a client tries nothing else by itself.
    Fallback,
    /// A device waits between two polls, and stops after the last answer (RFC 8628 §3.5).
    Polling,
    /// A pushed request is referred to once, by its client, with nothing beside it (RFC 9126 §4).
    RequestUri,
    /// The refresh token is revoked before its access tokens, which may end with it (RFC 7009 §2.1).
    RevocationOrder,
    /// A DPoP proof is there where it is needed, and fits its request (RFC 9449 §4.3).
    Proof,
    /// A proof is used once, also when a request is repeated (RFC 9449 §4.2).
    ProofReuse,
    /// A nonce is used at the server that gave it (RFC 9449 §8, §9).
    Nonce,
    /// What is bound to a key is shown with a proof of that key (RFC 9449 §5, §7.1, §10).
    Binding,
    /// A client identifier is used at the server that issued it.
    ClientIssuer,
    /// The redirect URI is the registered and requested one, character by character.
    RedirectUri,
    /// `state` is there, unguessable and fresh (RFC 6749 §10.12).
    State,
    /// PKCE with S256, fresh, and with the right verifier (RFC 7636).
    Pkce,
    /// `resource` is the published identifier, the same in all requests (RFC 8707).
    Resource,
    /// Scopes are known, registered and, on refresh, granted.
    Scope,
    /// An authorization code is used once, at its server, by its client (RFC 6749 §4.1.2).
    Code,
    /// A rotated refresh token is not used again (RFC 9700 §4.14.2).
    RefreshReuse,
    /// A token is used for its resource, and was issued at all.
    Token,
    /// Only published URLs and well-known candidates are asked for.
    Url,
    /// The MCP message fits its revision.
    Message,
    /// Grant types, response types, application type and redirect URIs fit together (RFC 7591 §2.1), and a client asks for no
    /// other grants.
    Registration,
}
