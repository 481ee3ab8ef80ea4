//! Why did the machine do what it did?

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Code;
use crate::event::Cause;
use crate::limits::MAX_TRACE;
use crate::time::Timestamp;
use crate::uri::UrlFault;

/// One decision and when it was made: small, without secrets, turned into text only when shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub decision: Decision,
}

/// A place where a document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Place {
    /// Protected resource metadata, at the URL that the challenge names.
    Challenge,
    /// Protected resource metadata, with the server's path inserted.
    ResourcePath,
    /// Protected resource metadata, at the root.
    ResourceRoot,
    /// Authorization server metadata of RFC 8414, path inserted.
    OauthInserted,
    /// OpenID configuration, path inserted.
    OpenidInserted,
    /// OpenID configuration, appended to the issuer's path.
    OpenidAppended,
}

impl Place {
    const fn text(self) -> &'static str {
        match self {
            Self::Challenge => "protected resource metadata at the challenge's URL",
            Self::ResourcePath => "protected resource metadata for the server's path",
            Self::ResourceRoot => "protected resource metadata at the root",
            Self::OauthInserted => "authorization server metadata",
            Self::OpenidInserted => "OpenID configuration with the path inserted",
            Self::OpenidAppended => "OpenID configuration below the issuer's path",
        }
    }
}

macro_rules! decisions {
    ($($(#[$doc:meta])* $variant:ident $(($field:ident: $kind:ty))? $name:literal, $clause:literal, $text:literal $(, deviation: $deviation:literal)?;)*) => {
        /// A decision of the machine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Decision {
            $($(#[$doc])* #[doc = $text] #[doc = concat!("(", $clause, ").")] $variant $(($kind))?,)*
        }

        impl Decision {
            /// A stable name, for scripts, transcripts and other languages.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)* }
            }

            /// The clause that it rests on.
            pub const fn clause(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $clause,)* }
            }

            /// Whether a check was relaxed by a named deviation or a rule of kindness, and which.
            pub const fn deviation(&self) -> Option<&'static str> {
                match self {
                    $($(Self::$variant { .. } => Some($deviation),)?)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for Decision {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant $(($field))? => {
                        f.write_str($text)?;
                        $(write!(f, " ({})", Shown($field))?;)?
                    })*
                }
                Ok(())
            }
        }
    };
}

/// How the detail of a decision is shown.
struct Shown<T>(T);

impl fmt::Display for Shown<&Place> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.text())
    }
}

impl fmt::Display for Shown<&Answer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Answer::Status(status) => write!(f, "HTTP status {status}"),
            Answer::None(cause) => write!(f, "no answer: {}", cause.as_str()),
        }
    }
}

impl fmt::Display for Shown<&UrlFault> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Shown<&Code> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Display for Shown<&u16> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What came back from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP answer with this status.
    Status(u16),
    /// None, for this reason.
    None(Cause),
}

decisions! {
    GrantLoaded "grant_loaded", "acknowledged writes", "found stored credentials";
    NothingStored "nothing_stored", "acknowledged writes", "nothing is stored for this account and server";
    ChallengeRead(status: u16) "challenge_read", "RFC 9110 §11.6.1", "the server demands authorization";
    ChallengeMalformed "challenge_malformed", "RFC 9110 §11.2", "part of the challenge cannot be read or is there twice: nothing is taken from it";
    StartedWithoutChallenge "started_without_challenge", "MCP authorization", "authorizing although the server has not asked for it";
    MetadataUrlRefused(fault: UrlFault) "metadata_url_refused", "RFC 9728 §5.1", "not following the challenge's metadata URL";
    MetadataUrlElsewhere "metadata_url_elsewhere", "RFC 9728 §7.3", "not following the challenge's metadata URL to another origin", deviation: "same_origin_metadata";
    Asking(place: Place) "asking", "MCP authorization-server-discovery", "asking for metadata";
    NotHere(answer: Answer) "not_here", "MCP authorization-server-discovery", "there is no usable document here";
    CouldNotTell(answer: Answer) "could_not_tell", "MCP authorization-server-discovery", "cannot tell whether a document is here";
    RedirectFollowed "redirect_followed", "MCP security best practices, SSRF", "following a redirect within the same origin";
    RedirectRefused(fault: UrlFault) "redirect_refused", "MCP security best practices, SSRF", "not following a redirect";
    ResourceAccepted "resource_accepted", "RFC 9728 §3.3", "the metadata describes this server";
    ResourceAllowed "resource_allowed", "RFC 9728 §3.3", "the metadata names another resource, which the configuration allows", deviation: "allow_resource";
    NoResourceMetadata "no_resource_metadata", "MCP 2025-03-26 authorization", "no protected resource metadata: taking the server's own origin as the authorization server", deviation: "2025-03-26";
    ServerPinned "server_pinned", "RFC 9728 §7.6", "using the configured authorization server";
    ServerWithCredentials "server_with_credentials", "RFC 9728 §7.6", "using the authorization server for which credentials are held";
    ServerInOrder(position: u16) "server_in_order", "RFC 9728 §7.6", "trying an authorization server in the order given";
    ServerSkipped(code: Code) "server_skipped", "RFC 9728 §7.6", "this authorization server cannot be used: trying the next one";
    ServerChanged "server_changed", "MCP client-registration, Authorization Server Binding", "the resource names another authorization server now: nothing of the old one is used with it";
    ServerAccepted "server_accepted", "RFC 8414 §3.3", "the metadata belongs to the issuer that was asked for";
    EndpointsGiven "endpoints_given", "MCP authorization-server-discovery", "endpoints are configured: no discovery";
    RootSlash "root_slash", "RFC 8414 §3.3", "the published issuer differs by the root slash alone: accepted", deviation: "root_slash";
    PinnedIssuer "pinned_issuer", "RFC 8414 §3.3", "the published issuer is another one, which the configuration pins", deviation: "pinned_issuer";
    AssumedS256 "assumed_s256", "RFC 7636 §4.2", "PKCE support is not advertised: sending S256 all the same", deviation: "assume_s256";
    AssumedIdJag "assume_id_jag", "SEP-990 §6", "the server does not list the profile: using it all the same", deviation: "assume_id_jag";
    DefaultEndpoints "default_endpoints", "MCP 2025-03-26 authorization", "no metadata: using the default endpoints", deviation: "default_endpoints";
    EndpointElsewhere "endpoint_elsewhere", "RFC 9700 §4.4", "an endpoint is on another origin than its issuer";
    ScopesConfigured "scopes_configured", "MCP authorization, Scope Selection Strategy", "asking for the configured scopes";
    ScopesFromChallenge "scopes_from_challenge", "MCP authorization, Scope Selection Strategy", "asking for the scopes that the challenge names";
    ScopesFromResource "scopes_from_resource", "MCP authorization, Scope Selection Strategy", "asking for the scopes that the resource lists";
    ScopesOmitted "scopes_omitted", "MCP authorization, Scope Selection Strategy", "no scopes are named: asking for none in particular";
    ScopesWidened "scopes_widened", "MCP authorization, Step-Up", "asking for what was asked before and what is demanded now";
    OfflineAccess "offline_access", "MCP authorization, Refresh Tokens", "adding offline_access, which the server lists";
    ClientPreregistered "client_preregistered", "MCP client-registration", "using the client registered beforehand";
    ClientFromDocument "client_from_document", "MCP client-registration", "using the client ID metadata document";
    ClientReused "client_reused", "MCP client-registration", "using the client registered earlier";
    ClientRegistering "client_registering", "RFC 7591 §3", "registering a client";
    ClientAsked "client_asked", "MCP client-registration", "asking the host for a client";
    ClientExpired "client_expired", "RFC 7591 §3.2.1", "the registered client's secret has expired: registering anew";
    ClientMoved "client_moved", "RFC 6749 §3.1.2.3", "the redirect URI has changed: registering anew";
    ClientOutgrown "client_outgrown", "RFC 7591 §2", "the registration does not name all the scopes: registering anew";
    ClientForgotten "client_forgotten", "RFC 6749 §5.2", "the server does not know the registered client any more: registering anew";
    RegistrationAdjusted "registration_adjusted", "RFC 7591 §3.2.2", "the server refused a member of the registration: trying once more without it";
    ClientRegistered "client_registered", "RFC 7591 §3.2.1", "the client is registered";
    RequestPushed "request_pushed", "RFC 9126 §2.2", "the server keeps the authorization request";
    CodeShown "code_shown", "RFC 8628 §3.2", "the person has a code to enter";
    SlowedDown "slowed_down", "RFC 8628 §3.5", "asking less often";
    ActingForItself "acting_for_itself", "RFC 6749 §4.4", "asking for tokens for the client itself";
    AssertionPresented "assertion_presented", "RFC 7523 §2.1", "asking for tokens with an assertion";
    AssertionExpired "assertion_expired", "RFC 7523 §3", "the host's assertion has expired: asking for a newer one";
    IdentityPresented "identity_presented", "RFC 8693 §2.1", "exchanging the user's identity at their provider";
    IdentityRefused "identity_refused", "RFC 8693 §2.2.2", "the provider refuses the identity: asking the host for a newer one";
    NonceTaken "nonce_taken", "RFC 9449 §8", "the server demands its nonce in the proof: repeating the request with it";
    TokenBound "token_bound", "RFC 9449 §5", "the token is bound to the key";
    TokenNotBound "token_not_bound", "RFC 9449 §5", "the token is not bound to the key, and need not be";
    UserSent "user_sent", "RFC 6749 §4.1.1", "sending the user to the authorization server";
    IssuerConfirmed "issuer_confirmed", "RFC 9207 §2.4", "the response comes from the issuer that was asked";
    WeakMixUpDefence "weak_mix_up_defence", "RFC 9207 §2.4", "the response does not say which issuer it comes from, and need not";
    CodeReceived "code_received", "RFC 6749 §4.1.2", "the user came back with a code";
    AuthenticationRetried "authentication_retried", "RFC 6749 §2.3.1", "the server refused the client's authentication: presenting the secret in another way", deviation: "client_authentication";
    TokensIssued "tokens_issued", "RFC 6749 §5.1", "tokens were issued";
    OddTokenType "odd_token_type", "RFC 6749 §7.1", "the token type is missing or unknown: taken as bearer", deviation: "token_type";
    ScopeNarrowed "scope_narrowed", "RFC 6749 §3.3", "fewer scopes were granted than asked for";
    ScopeChanged "scope_changed", "RFC 6749 §3.3", "other scopes were granted than asked for";
    NoRefreshToken "no_refresh_token", "MCP authorization, Refresh Tokens", "no refresh token was issued";
    RefreshTokenKept "refresh_token_kept", "RFC 6749 §6", "no new refresh token: keeping the old one";
    RefreshAwaited "refresh_awaited", "RFC 9700 §4.14.2", "another process is refreshing: waiting for its tokens";
    Refreshing "refreshing", "RFC 6749 §6", "refreshing the tokens";
    RefreshRetried "refresh_retried", "RFC 8707 §2.2", "the refresh was refused: trying once more without resource", deviation: "retry_refresh_without_resource";
    RefreshPostponed(answer: Answer) "refresh_postponed", "RFC 6749 §6", "the refresh failed for now: the refresh token is kept";
    RefreshRejected "refresh_rejected", "RFC 6749 §5.2", "the refresh was refused";
    NewerGrantAdopted "newer_grant_adopted", "acknowledged writes", "another process has stored newer credentials: adopting them";
    TokensDropped "tokens_dropped", "RFC 6749 §5.2", "dropping the tokens that were refused, and no others";
    TokenRefused "token_refused", "MCP authorization, Token Handling", "the server refuses a token that should be good";
    StepUp(attempt: u16) "step_up", "MCP authorization, Step-Up", "the server demands more scopes";
    StoreConflict "store_conflict", "acknowledged writes", "another process has written first: reading again";
    ResourceOmitted "resource_omitted", "RFC 8707 §2", "sending no resource parameter", deviation: "omit_resource";
    ParametersAdded "parameters_added", "RFC 6749 §8.2", "adding the configured parameters to the requests", deviation: "extra_parameters";
    ExtraIssuer "extra_iss", "RFC 9207 §2.4", "the response names another issuer, which the configuration accepts", deviation: "extra_iss";
    TokensProvided "tokens_provided", "client-driven flows", "the host brings tokens";
    StillRefused "still_refused", "bounded flows", "the same challenge has just led nowhere: not asking again for a while";
    Cancelled "cancelled", "MCP authorization", "the flow was cancelled";
    Revoked "revoked", "RFC 7009 §2.2", "the server was told of a token that is forgotten";
    NotRevoked(answer: Answer) "not_revoked", "RFC 7009 §2.2.1", "the server could not be told of a token that is forgotten";
    NotSigned "not_signed", "RFC 7009 §2.1", "the host did not sign, or too late: the request is not sent, and nothing is lost";
    SignedOut "signed_out", "MCP authorization", "the credentials are forgotten";
    Failed(code: Code) "failed", "MCP authorization", "the flow has failed";
}

/// Decisions until the user is sent away, where discovery and registration go well.
const USUAL_DECISIONS: usize = 12;

/// A bounded record of decisions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Vec<TraceEntry>);

impl Trace {
    pub(crate) fn push(&mut self, at: Timestamp, decision: Decision) {
        if self.0.len() >= MAX_TRACE {
            self.0.remove(0);
        }
        if self.0.capacity() == 0 {
            self.0.reserve_exact(USUAL_DECISIONS);
        }
        self.0.push(TraceEntry { at, decision });
    }

    pub(crate) fn entries(&self) -> &[TraceEntry] {
        &self.0
    }

    pub(crate) fn take(&mut self) -> Vec<TraceEntry> {
        std::mem::take(&mut self.0)
    }
}
