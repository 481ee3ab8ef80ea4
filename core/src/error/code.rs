//! Which ways to fail are there?

use serde::{Deserialize, Serialize};

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What the host should do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Advice {
    /// Try again, not before this many milliseconds have passed.
    RetryAfter(u64),
    /// Begin a new sign-in; nothing else is lost.
    Restart,
    /// Change the configuration: trying again as it is will fail again.
    Reconfigure,
    /// Bring a person: they must sign in, or decide.
    AskUser,
    /// Give up on this server: it is wrong or hostile.
    Stop,
}

impl Advice {
    /// A stable name, for scripts and other languages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RetryAfter(_) => "retry_after",
            Self::Restart => "restart",
            Self::Reconfigure => "reconfigure",
            Self::AskUser => "ask_user",
            Self::Stop => "stop",
        }
    }
}

/// The part of the flow in which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Getting tokens without a user present.
    Grant,
    /// Exchange of the user's identity, at the identity provider.
    IdentityExchange,
    /// Refresh of the tokens.
    Refresh,
    /// Use of the tokens at the MCP server.
    Use,
    /// The host's store.
    Store,
}

impl Stage {
    /// A stable name, for scripts and other languages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResourceDiscovery => "resource_discovery",
            Self::ServerDiscovery => "server_discovery",
            Self::Registration => "registration",
            Self::Authorization => "authorization",
            Self::TokenExchange => "token_exchange",
            Self::Grant => "grant",
            Self::IdentityExchange => "identity_exchange",
            Self::Refresh => "refresh",
            Self::Use => "use",
            Self::Store => "store",
        }
    }
}

/// Milliseconds to wait after a passing fault when the server does not say.
pub(crate) const DEFAULT_RETRY_MS: u64 = 30_000;
const RETRY: Advice = Advice::RetryAfter(DEFAULT_RETRY_MS);

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $fault:ident $advice:expr, $clause:literal, $text:literal;)*) => {
        /// A stable name for each way to fail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* #[doc = $text] #[doc = concat!("(", $clause, ").")] $variant,)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name, for scripts and other languages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whose fault it is.
            pub const fn fault(self) -> Fault {
                match self { $(Self::$variant => Fault::$fault,)* }
            }

            /// The clause that it rests on.
            pub const fn clause(self) -> &'static str {
                match self { $(Self::$variant => $clause,)* }
            }

            pub(super) const fn advice(self) -> Advice {
                match self { $(Self::$variant => $advice,)* }
            }

            pub(super) const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

codes! {
    ResourceMismatch "resource_mismatch" Server Advice::Stop, "RFC 9728 §3.3",
        "the protected resource metadata is for another resource than this server";
    BadResourceMetadata "bad_resource_metadata" Server Advice::Stop, "RFC 9728 §3.2",
        "the protected resource metadata cannot be used";
    NoAuthorizationServer "no_authorization_server" Server Advice::Stop, "MCP authorization-server-discovery",
        "the protected resource metadata names no authorization server";
    NoMetadata "no_metadata" Server Advice::Reconfigure, "MCP authorization-server-discovery",
        "no metadata was found at any of the places where it may be; it can be configured";
    DiscoveryUnavailable "discovery_unavailable" Network RETRY, "MCP authorization-server-discovery",
        "whether there is metadata could not be told, because of a passing fault";
    BadIssuer "bad_issuer" Server Advice::Stop, "RFC 8414 §2",
        "the authorization server's identifier is not an https URL without query or fragment";
    IssuerMismatch "issuer_mismatch" Server Advice::Reconfigure, "RFC 8414 §3.3",
        "the authorization server metadata is for another issuer than the one asked for; `pinned_issuer` can name the pair";
    IssuerNotListed "issuer_not_listed" Configuration Advice::Reconfigure, "RFC 9728 §7.6",
        "the configured authorization server is not among those that the resource names";
    BadServerMetadata "bad_server_metadata" Server Advice::Stop, "RFC 8414 §2",
        "the authorization server metadata lacks a required member, or has one that cannot be used";
    ForeignEndpoint "foreign_endpoint" Server Advice::Reconfigure, "RFC 9700 §4.4",
        "an endpoint is on another origin than its issuer, which the configuration forbids";
    PkceUnsupported "pkce_unsupported" Server Advice::Reconfigure, "MCP security-considerations, Authorization Code Protection",
        "the authorization server does not say that it supports PKCE with S256; where it says nothing, `assume_s256` sends it all the same";
    CodeFlowUnsupported "code_flow_unsupported" Server Advice::Stop, "RFC 8414 §2",
        "the authorization server does not offer the authorization code grant";
    NoCommonAuthMethod "no_common_auth_method" Configuration Advice::Reconfigure, "RFC 8414 §2",
        "the token endpoint accepts no client authentication method that this client can do";
    ClientNeeded "client_needed" Configuration Advice::Reconfigure, "MCP client-registration",
        "there is no way to get a client by itself: configure one that is registered with this authorization server";
    ClientIssuerMismatch "client_issuer_mismatch" Configuration Advice::Reconfigure, "MCP client-registration, Authorization Server Binding",
        "the configured client is registered with another authorization server than the one that the resource names";
    RegistrationRejected "registration_rejected" Server Advice::Reconfigure, "RFC 7591 §3.2.2",
        "the authorization server refused to register this client";
    RegistrationUnavailable "registration_unavailable" Network RETRY, "RFC 7591 §3",
        "the registration endpoint did not answer, or asked to come back later";
    BadRegistration "bad_registration" Server Advice::Stop, "RFC 7591 §3.2.1",
        "the answer to the registration cannot be used";
    RedirectNotRegistered "redirect_not_registered" Server Advice::Reconfigure, "RFC 7591 §3.2.1",
        "the authorization server registered other redirect URIs than the one asked for";
    ClientRejected "client_rejected" Configuration Advice::Reconfigure, "RFC 6749 §5.2",
        "the authorization server does not know the client or refused its authentication";
    EndpointParameterConflict "endpoint_parameter_conflict" Server Advice::Stop, "RFC 6749 §3.1",
        "an endpoint's own query contains a parameter of the flow";
    TooManyScopes "too_many_scopes" Server Advice::Stop, "RFC 6749 §3.3",
        "more scopes were named than are accepted";
    TooManyServers "too_many_servers" Server Advice::Stop, "RFC 9728 §2",
        "more authorization servers were named than are accepted";
    BadChallenge "bad_challenge" Server Advice::Stop, "RFC 9110 §11.6.1",
        "the challenge is larger than is accepted";
    NoMixUpDefence "no_mix_up_defence" Server Advice::Reconfigure, "RFC 9700 §4.4.2",
        "the authorization server does not identify itself in responses, which the configuration demands";
    EntropyFault "entropy_fault" Host Advice::Stop, "RFC 7636 §7.1",
        "the host's random source failed or repeats itself";
    Declined "declined" User Advice::AskUser, "MCP authorization",
        "the host could not open a browser or receive the redirect, or show the code";
    NeedsUser "needs_user" User Advice::AskUser, "MCP authorization",
        "a person must sign in";
    Cancelled "cancelled" User Advice::AskUser, "MCP authorization",
        "the sign-in was cancelled";
    Expired "expired" User Advice::AskUser, "MCP security best practices, state lifetime",
        "nobody finished the sign-in in time";
    AccessDenied "access_denied" User Advice::AskUser, "RFC 6749 §4.1.2.1",
        "the authorization was denied";
    AuthorizationRejected "authorization_rejected" Server Advice::Reconfigure, "RFC 6749 §4.1.2.1",
        "the authorization server refused the authorization request";
    AuthorizationUnavailable "authorization_unavailable" Network RETRY, "RFC 6749 §4.1.2.1",
        "the authorization server could not handle the authorization request at this time";
    CallbackIssuerMismatch "callback_issuer_mismatch" Server Advice::Stop, "RFC 9207 §2.4",
        "the authorization response comes from another issuer than the one asked";
    CallbackIssuerMissing "callback_issuer_missing" Server Advice::Stop, "RFC 9207 §2.4",
        "the authorization server advertises `iss` in its responses but sent none (hand the whole query to the machine)";
    MalformedCallback "malformed_callback" Server Advice::Restart, "RFC 6749 §4.1.2",
        "the authorization response is malformed";
    FlowTaken "flow_taken" Host Advice::Restart, "RFC 9700 §4.5",
        "another process has taken this callback, or the sign-in was ended there";
    CodeRejected "code_rejected" Server Advice::Restart, "RFC 6749 §5.2",
        "the authorization server refused the code";
    BadTokenResponse "bad_token_response" Server Advice::Stop, "RFC 6749 §5.1",
        "the token answer cannot be used";
    UnexpectedRedirect "unexpected_redirect" Server Advice::Stop, "RFC 9700 §4.12",
        "an endpoint that takes credentials answered with a redirect; they may have been exposed";
    TokenUnavailable "token_unavailable" Network Advice::Restart, "RFC 6749 §5.2",
        "the token endpoint could not handle the request at this time";
    OutcomeUnknown "outcome_unknown" Network Advice::Restart, "RFC 6749 §4.1.2",
        "whether the code was redeemed is unknown, and it must not be sent twice";
    RefreshRejected "refresh_rejected" Server Advice::Restart, "RFC 6749 §5.2",
        "the authorization server refused the refresh";
    RefreshThrottled "refresh_throttled" Network RETRY, "RFC 6585 §4",
        "the token endpoint asked to come back later";
    RefreshUnavailable "refresh_unavailable" Network RETRY, "RFC 6749 §6",
        "the token endpoint could not be reached or could not answer; the refresh token is kept";
    StepUpExhausted "step_up_exhausted" Server Advice::Stop, "MCP authorization, Step-Up",
        "the server keeps demanding scopes that were already asked for";
    TokenRejected "token_rejected" Server Advice::Stop, "MCP authorization, Step-Up",
        "the server rejects even newly issued tokens";
    GrantUnsupported "grant_unsupported" Server Advice::Reconfigure, "RFC 8414 §2",
        "the authorization server does not offer the configured grant, or not to its full extent";
    GrantRejected "grant_rejected" Server Advice::Reconfigure, "RFC 6749 §5.2",
        "the authorization server refused to issue tokens";
    GrantUnavailable "grant_unavailable" Network RETRY, "RFC 6749 §5.2",
        "a token endpoint could not be reached or could not answer; nothing is lost";
    AssertionNeeded "assertion_needed" Host Advice::Reconfigure, "RFC 7521 §4",
        "the host gave no assertion";
    BadAssertion "bad_assertion" Host Advice::Reconfigure, "RFC 7523 §3",
        "the host's assertion is malformed, has expired, or was issued by or for somebody else";
    AssertionRejected "assertion_rejected" Server Advice::Reconfigure, "RFC 7523 §3.1",
        "the authorization server refused the assertion";
    IdentityRejected "identity_rejected" Server Advice::AskUser, "RFC 8693 §2.2.2",
        "the identity provider refused to vouch for the user at this authorization server";
    BadExchange "bad_exchange" Server Advice::Stop, "RFC 8693 §2.2.1",
        "the identity provider's answer cannot be used";
    BadDeviceResponse "bad_device_response" Server Advice::Stop, "RFC 8628 §3.2",
        "the device authorization answer cannot be used";
    BadPushResponse "bad_push_response" Server Advice::Stop, "RFC 9126 §2.2",
        "the answer to the pushed authorization request cannot be used";
    SigningFailed "signing_failed" Host Advice::Reconfigure, "RFC 7515 §5.1",
        "the host did not sign, or not in time: is the key there, and may it be used?";
    NoCommonAlgorithm "no_common_algorithm" Configuration Advice::Reconfigure, "RFC 8414 §2",
        "the server accepts no signature that the configured key can make";
    DpopRequired "dpop_required" Configuration Advice::Reconfigure, "RFC 9728 §2",
        "the resource demands tokens that are bound to a key; `dpop` and its keys must be configured";
    DpopDowngrade "dpop_downgrade" Server Advice::Stop, "RFC 9449 §5",
        "a token bound to a key was asked for, and one that is not was issued";
    ProofRejected "proof_rejected" Server Advice::Stop, "RFC 9449 §5",
        "the server refuses the proof of possession, or keeps demanding new nonces";
    TooManySteps "too_many_steps" Server Advice::Stop, "bounded flows",
        "the servers lead this flow in circles";
    StoreFailed "store_failed" Host RETRY, "acknowledged writes",
        "the host's store could not be read or written";
    BadRecord "bad_record" Host Advice::Reconfigure, "acknowledged writes",
        "the stored record cannot be used: it is damaged, foreign, or from a newer version";
}
