//! Which event does something in which phase, and where can it lead?
//!
//! The table is the whole truth: the gate of [`Machine`](crate::Machine) asks it before any phase sees an event, and the
//! diagram in the documentation is drawn from it.

/// What the machine is doing, without the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PhaseKind {
    /// At rest, without tokens and without a wish for any.
    Idle,
    /// At rest, with tokens.
    Authorized,
    /// At rest, after a sign-out.
    SignedOut,
    /// At rest, after a failure.
    Failed,
    /// Reading the stored grant.
    Loading,
    /// Looking for protected resource metadata.
    ResourceDiscovery,
    /// Looking for authorization server metadata.
    ServerDiscovery,
    /// Waiting for the redirect listener.
    BindingRedirect,
    /// Registering a client.
    Registering,
    /// Waiting for a client of the host.
    AskingClient,
    /// Handing over the authorization request beforehand.
    PushingRequest,
    /// Waiting for an assertion of the host.
    FetchingAssertion,
    /// Exchanging the user's identity at the identity provider.
    ExchangingIdentity,
    /// Getting tokens without a user present.
    Granting,
    /// Asking for a code that the person enters on another device.
    RequestingCode,
    /// Waiting for the person to enter the code.
    AwaitingDevice,
    /// Asking whether they have.
    Polling,
    /// Waiting for a signature of the host, for a request that comes next.
    Signing,
    /// Writing the pending sign-in.
    SavingFlow,
    /// Waiting for the user to come back.
    AwaitingCallback,
    /// Removing the pending sign-in, so that nobody else can finish it.
    TakingFlow,
    /// Exchanging the code.
    Exchanging,
    /// Waiting for the refresh of another process.
    AwaitingRefresh,
    /// Refreshing the tokens.
    Refreshing,
    /// Writing the grant.
    SavingGrant,
    /// Forgetting the grant.
    SigningOut,
    /// Telling the authorization server that the tokens are forgotten.
    Revoking,
}

/// What happened, without the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // The names are those of `Event`, which documents them.
pub enum EventKind {
    Connect,
    Challenge,
    Reply,
    Unreachable,
    RedirectBound,
    Callback,
    ClientProvided,
    Signed,
    AssertionProvided,
    Declined,
    Stored,
    TokensProvided,
    StoreChanged,
    Refresh,
    Tick,
    Cancel,
    SignOut,
}

impl PhaseKind {
    /// Every phase.
    pub const ALL: &'static [Self] = &[
        Self::Idle,
        Self::Authorized,
        Self::SignedOut,
        Self::Failed,
        Self::Loading,
        Self::ResourceDiscovery,
        Self::ServerDiscovery,
        Self::BindingRedirect,
        Self::Registering,
        Self::AskingClient,
        Self::PushingRequest,
        Self::FetchingAssertion,
        Self::ExchangingIdentity,
        Self::Granting,
        Self::RequestingCode,
        Self::AwaitingDevice,
        Self::Polling,
        Self::Signing,
        Self::SavingFlow,
        Self::AwaitingCallback,
        Self::TakingFlow,
        Self::Exchanging,
        Self::AwaitingRefresh,
        Self::Refreshing,
        Self::SavingGrant,
        Self::SigningOut,
        Self::Revoking,
    ];

    /// Whether nothing is outstanding.
    pub const fn is_rest(self) -> bool {
        matches!(
            self,
            Self::Idle | Self::Authorized | Self::SignedOut | Self::Failed
        )
    }

    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Authorized => "Authorized",
            Self::SignedOut => "SignedOut",
            Self::Failed => "Failed",
            Self::Loading => "Loading",
            Self::ResourceDiscovery => "ResourceDiscovery",
            Self::ServerDiscovery => "ServerDiscovery",
            Self::BindingRedirect => "BindingRedirect",
            Self::Registering => "Registering",
            Self::AskingClient => "AskingClient",
            Self::PushingRequest => "PushingRequest",
            Self::FetchingAssertion => "FetchingAssertion",
            Self::ExchangingIdentity => "ExchangingIdentity",
            Self::Granting => "Granting",
            Self::RequestingCode => "RequestingCode",
            Self::AwaitingDevice => "AwaitingDevice",
            Self::Polling => "Polling",
            Self::Signing => "Signing",
            Self::SavingFlow => "SavingFlow",
            Self::AwaitingCallback => "AwaitingCallback",
            Self::TakingFlow => "TakingFlow",
            Self::Exchanging => "Exchanging",
            Self::AwaitingRefresh => "AwaitingRefresh",
            Self::Refreshing => "Refreshing",
            Self::SavingGrant => "SavingGrant",
            Self::SigningOut => "SigningOut",
            Self::Revoking => "Revoking",
        }
    }
}

impl EventKind {
    /// Every event.
    pub const ALL: &'static [Self] = &[
        Self::Connect,
        Self::Challenge,
        Self::Reply,
        Self::Unreachable,
        Self::RedirectBound,
        Self::Callback,
        Self::ClientProvided,
        Self::Signed,
        Self::AssertionProvided,
        Self::Declined,
        Self::Stored,
        Self::TokensProvided,
        Self::StoreChanged,
        Self::Refresh,
        Self::Tick,
        Self::Cancel,
        Self::SignOut,
    ];

    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "Connect",
            Self::Challenge => "Challenge",
            Self::Reply => "Reply",
            Self::Unreachable => "Unreachable",
            Self::RedirectBound => "RedirectBound",
            Self::Callback => "Callback",
            Self::ClientProvided => "ClientProvided",
            Self::Signed => "Signed",
            Self::AssertionProvided => "AssertionProvided",
            Self::Declined => "Declined",
            Self::Stored => "Stored",
            Self::TokensProvided => "TokensProvided",
            Self::StoreChanged => "StoreChanged",
            Self::Refresh => "Refresh",
            Self::Tick => "Tick",
            Self::Cancel => "Cancel",
            Self::SignOut => "SignOut",
        }
    }

    /// Whether the event answers an action, and so carries its id.
    pub const fn is_answer(self) -> bool {
        matches!(
            self,
            Self::Reply
                | Self::Unreachable
                | Self::RedirectBound
                | Self::ClientProvided
                | Self::Signed
                | Self::AssertionProvided
                | Self::Declined
                | Self::Stored
        )
    }
}

/// The phases that an event can lead to. Empty: the event does nothing in this phase (or, for an answer, is misuse).
/// A phase may also stay as it is, where the event turns out to concern it not.
pub const fn leads_to(phase: PhaseKind, event: EventKind) -> &'static [PhaseKind] {
    use EventKind as E;
    use PhaseKind::*;

    match (phase, event) {
        // A sign-in begins with discovery, or right after it where endpoints are configured; a refresh with reading the
        // grant.
        (SignedOut, E::Connect | E::Challenge) => &[ResourceDiscovery, BindingRedirect, Failed],
        // The record may have been removed.
        (Idle, E::Connect | E::Challenge) => &[Loading, ResourceDiscovery, BindingRedirect, Failed],
        (Authorized, E::Connect) => &[
            Authorized,
            Loading,
            ResourceDiscovery,
            BindingRedirect,
            Failed,
        ],
        (Authorized, E::Challenge) => &[Loading, ResourceDiscovery, BindingRedirect, Failed],
        (Authorized, E::Refresh) => &[Loading, Failed],
        (Authorized, E::Tick) => &[Loading],
        // After a failure the grant may be unknown, or tokens may wait to be written.
        (Failed, E::Connect) => &[
            Authorized,
            Loading,
            SavingGrant,
            ResourceDiscovery,
            BindingRedirect,
            Failed,
        ],
        (Failed, E::Challenge) => &[
            Loading,
            SavingGrant,
            ResourceDiscovery,
            BindingRedirect,
            Failed,
        ],
        (Failed, E::Refresh) => &[Loading, SavingGrant, Failed],

        // What the host or another process brings.
        (Idle | Failed, E::TokensProvided) => &[Loading, SavingGrant],
        (Authorized | SignedOut, E::TokensProvided) => &[SavingGrant],
        (Idle | Authorized | SignedOut, E::StoreChanged) => &[Idle, Authorized, Failed],
        (Failed, E::StoreChanged) => &[Idle, Authorized, SavingGrant, Failed],

        // Between its reading and its writing a refresh is claimed; who finds it claimed waits.
        (Loading, E::Stored) => &[
            Idle,
            Authorized,
            SavingGrant,
            ResourceDiscovery,
            BindingRedirect,
            AwaitingRefresh,
            Failed,
        ],
        (AwaitingRefresh, E::Tick) => &[Loading],
        (AwaitingRefresh, E::StoreChanged) => &[
            Idle,
            Authorized,
            SavingGrant,
            ResourceDiscovery,
            BindingRedirect,
            AwaitingRefresh,
            Failed,
        ],

        // An answer that does not fit is one: that no usable document is here.
        (ResourceDiscovery, E::Reply | E::Unreachable) => &[
            ResourceDiscovery,
            ServerDiscovery,
            Loading,
            Authorized,
            Failed,
        ],
        // Each grant goes its own way from here.
        (ServerDiscovery, E::Reply) => &[
            ServerDiscovery,
            BindingRedirect,
            Registering,
            AskingClient,
            RequestingCode,
            FetchingAssertion,
            Granting,
            Signing,
            Authorized,
            Failed,
        ],
        (ServerDiscovery, E::Unreachable) => {
            &[ServerDiscovery, BindingRedirect, Authorized, Failed]
        }

        (BindingRedirect, E::RedirectBound) => &[
            Registering,
            AskingClient,
            PushingRequest,
            SavingFlow,
            Signing,
            Failed,
        ],
        (BindingRedirect, E::Declined) => &[Failed],
        (Registering, E::Reply) => &[Registering, SavingGrant, AskingClient, Failed],
        (Registering, E::Unreachable) => &[Failed],
        (AskingClient, E::ClientProvided) => &[SavingGrant],
        (AskingClient, E::Declined) => &[Failed],

        // What a request is proved with is signed before it, and anew for each time that it is sent.
        (Signing, E::Signed) => &[
            Signing,
            PushingRequest,
            RequestingCode,
            Polling,
            ExchangingIdentity,
            Granting,
            Exchanging,
            Refreshing,
            SavingGrant,
            Revoking,
            Authorized,
            SignedOut,
            Failed,
        ],
        (Signing, E::Declined) => &[SavingGrant, SignedOut, Failed],
        (PushingRequest, E::Reply) => &[PushingRequest, SavingFlow, SavingGrant, Failed],
        (PushingRequest, E::Unreachable) => &[Failed],

        (FetchingAssertion, E::AssertionProvided) => &[
            FetchingAssertion,
            ExchangingIdentity,
            Granting,
            Signing,
            Failed,
        ],
        (FetchingAssertion, E::Declined) => &[Failed],
        (ExchangingIdentity, E::Reply) => &[
            ExchangingIdentity,
            FetchingAssertion,
            Granting,
            Signing,
            Authorized,
            Failed,
        ],
        (ExchangingIdentity, E::Unreachable) => &[Authorized, Failed],
        (Granting, E::Reply) => &[Granting, Signing, SavingGrant, Authorized, Failed],
        (Granting, E::Unreachable) => &[Authorized, Failed],

        (RequestingCode, E::Reply) => &[RequestingCode, AwaitingDevice, SavingGrant, Failed],
        (RequestingCode, E::Unreachable) => &[Failed],
        (AwaitingDevice, E::Tick) => &[Polling, Signing, Failed],
        (AwaitingDevice, E::Declined) => &[Failed],
        (Polling, E::Reply) => &[Polling, Signing, AwaitingDevice, SavingGrant, Failed],
        (Polling, E::Unreachable) => &[AwaitingDevice],

        (SavingFlow, E::Stored) => &[AwaitingCallback, Failed],
        (
            AwaitingCallback,
            E::Callback | E::Declined | E::StoreChanged | E::Tick | E::Cancel | E::SignOut,
        ) => &[TakingFlow],
        (TakingFlow, E::Stored) => &[Exchanging, Signing, Authorized, SigningOut, Failed],
        (Exchanging, E::Reply) => &[Exchanging, Signing, SavingGrant, Failed],
        (Exchanging, E::Unreachable) => &[Exchanging, Signing, Failed],

        (Refreshing, E::Reply) => &[Refreshing, Signing, SavingGrant, Loading],
        (Refreshing, E::Unreachable) => &[SavingGrant],

        (SavingGrant, E::Stored) => &[
            SavingGrant,
            Idle,
            Authorized,
            Refreshing,
            AwaitingRefresh,
            Signing,
            PushingRequest,
            SavingFlow,
            RequestingCode,
            Registering,
            ResourceDiscovery,
            BindingRedirect,
            Failed,
        ],

        (SigningOut, E::Stored) => &[SigningOut, Revoking, Signing, SignedOut, Failed],
        // The tokens are gone already: what the server says changes nothing.
        (Revoking, E::Reply | E::Unreachable) => &[Revoking, Signing, SignedOut],
        (Revoking, E::Cancel) => &[SignedOut],

        (
            Loading | ResourceDiscovery | ServerDiscovery | BindingRedirect | Registering
            | AskingClient | PushingRequest | FetchingAssertion | ExchangingIdentity | Granting
            | RequestingCode | AwaitingDevice | Polling | SavingFlow | TakingFlow | Exchanging
            | AwaitingRefresh,
            E::Cancel,
        ) => &[Failed],
        (Signing, E::Cancel) => &[SavingGrant, SignedOut, Failed],
        (SigningOut, E::SignOut) => &[],
        (_, E::SignOut) => &[SigningOut],

        _ => &[],
    }
}
