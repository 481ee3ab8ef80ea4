//! What does an event mean, once it has been read? The edge at which a host's input is parsed.

use crate::client::ProvidedClient;
use crate::config::Config;
use crate::error::Misuse;
use crate::event::{
    CallbackText, Cause, Challenge, Event, HttpResponse, ProvidedAssertion, Refusal, StoreResult,
};
use crate::grant::Change;
use crate::phase::{Hint, Need, Trigger};
use crate::provided;
use crate::transition::EventKind;
use crate::uri::RedirectUri;
use crate::wire::challenge::{BEARER, BearerChallenge, Challenges, DPOP};
use crate::wire::token_response::is_token;

/// An event, read.
pub(crate) enum Input<'a> {
    /// Connect, a challenge, or Refresh: somebody needs a token.
    Trigger(Trigger),
    Answer(HttpAnswer<'a>),
    RedirectBound(RedirectUri),
    Callback(CallbackText<'a>),
    ClientProvided(ProvidedClient),
    Signed(&'a [u8]),
    AssertionProvided(ProvidedAssertion),
    Declined(Refusal),
    Stored(StoreResult<'a>),
    /// Tokens that the host brings, as the change that keeps them.
    Provided(Change),
    /// What the store holds now.
    StoreChanged(Option<&'a [u8]>),
    Tick,
    Cancel,
    SignOut {
        forget_client: bool,
    },
}

/// What became of a request.
pub(crate) type HttpAnswer<'a> = Result<HttpResponse<'a>, Cause>;

impl Event<'_> {
    /// The kind, without the data.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Connect => EventKind::Connect,
            Self::Challenge(_) => EventKind::Challenge,
            Self::Reply { .. } => EventKind::Reply,
            Self::Unreachable { .. } => EventKind::Unreachable,
            Self::RedirectBound { .. } => EventKind::RedirectBound,
            Self::Callback(_) => EventKind::Callback,
            Self::ClientProvided { .. } => EventKind::ClientProvided,
            Self::Signed { .. } => EventKind::Signed,
            Self::AssertionProvided { .. } => EventKind::AssertionProvided,
            Self::Declined { .. } => EventKind::Declined,
            Self::Stored { .. } => EventKind::Stored,
            Self::TokensProvided(_) => EventKind::TokensProvided,
            Self::StoreChanged { .. } => EventKind::StoreChanged,
            Self::Refresh => EventKind::Refresh,
            Self::Tick => EventKind::Tick,
            Self::Cancel => EventKind::Cancel,
            Self::SignOut { .. } => EventKind::SignOut,
        }
    }

    /// The action that it answers.
    pub(crate) const fn answers(&self) -> Option<crate::action::ActionId> {
        match self {
            Self::Reply { id, .. }
            | Self::Unreachable { id, .. }
            | Self::RedirectBound { id, .. }
            | Self::ClientProvided { id, .. }
            | Self::Signed { id, .. }
            | Self::AssertionProvided { id, .. }
            | Self::Declined { id, .. }
            | Self::Stored { id, .. } => Some(*id),
            _ => None,
        }
    }
}

/// Reads an event. `None`: an answer of the MCP server that authorization has nothing to do with.
pub(crate) fn read<'a>(event: Event<'a>, config: &Config) -> Result<Option<Input<'a>>, Misuse> {
    let need = |need, generation| Some(Input::Trigger(Trigger { need, generation }));
    Ok(match event {
        Event::Connect => need(Need::Connect, None),
        Event::Refresh => need(Need::Refresh, None),
        Event::Challenge(challenge) => {
            read_challenge(&challenge, config).and_then(|wanted| need(wanted, challenge.generation))
        }
        Event::Reply { response, .. } => Some(Input::Answer(Ok(response))),
        Event::Unreachable { cause, .. } => Some(Input::Answer(Err(cause))),
        Event::RedirectBound { uri, .. } => {
            let uri = RedirectUri::parse(uri, config.settings.private_scheme_redirect)
                .map_err(|_| Misuse::RedirectUri)?;
            Some(Input::RedirectBound(uri))
        }
        Event::Callback(text) => Some(Input::Callback(text)),
        Event::ClientProvided { client, .. } => {
            client.check(config.settings.client_key.is_some())?;
            Some(Input::ClientProvided(client))
        }
        Event::Signed { signature, .. } => Some(Input::Signed(signature)),
        Event::AssertionProvided { assertion, .. } => {
            let token = assertion.token.expose();
            if token.is_empty() || !is_token(token) {
                return Err(Misuse::Assertion);
            }
            Some(Input::AssertionProvided(assertion))
        }
        Event::Declined { reason, .. } => Some(Input::Declined(reason)),
        Event::Stored { result, .. } => Some(Input::Stored(result)),
        Event::TokensProvided(tokens) => Some(Input::Provided(provided::read(*tokens, config)?)),
        Event::StoreChanged { record } => Some(Input::StoreChanged(record)),
        Event::Tick => Some(Input::Tick),
        Event::Cancel => Some(Input::Cancel),
        Event::SignOut { forget_client } => Some(Input::SignOut { forget_client }),
    })
}

/// What a 401 or 403 asks for. Only `insufficient_scope` in a scheme that we can satisfy makes a 403 a matter of
/// authorization (RFC 6750 §3.1, SCP-05).
fn read_challenge(challenge: &Challenge<'_>, config: &Config) -> Option<Need> {
    if !matches!(challenge.status, 401 | 403) {
        return None;
    }
    let challenges = match Challenges::parse(challenge.www_authenticate) {
        Ok(challenges) => challenges,
        Err(_) if challenge.status == 401 => return Some(Need::TooLarge),
        Err(_) => return None,
    };
    let malformed = challenges.repeated_parameter() || challenges.unreadable();
    // Tokens may be bound already where new ones would not be.
    let schemes = if config.settings.dpop_keys.is_empty() {
        BEARER
    } else {
        DPOP
    };
    let bearer = BearerChallenge::read(&challenges, schemes).unwrap_or_default();
    let error = bearer.error();
    let says = |code: &str| error.as_ref().is_some_and(|error| error.as_str() == code);
    let hint = || Hint {
        metadata_url: bearer.resource_metadata.map(Into::into),
        scope: bearer.scope.map(Into::into),
        malformed,
    };
    match challenge.status {
        // RFC 9449 §9, §7.1: the token is good, and the proof is not.
        401 if says("use_dpop_nonce") => Some(Need::Nonce),
        401 if says("invalid_dpop_proof") => Some(Need::Proof),
        401 => Some(Need::Token(hint())),
        _ if says("insufficient_scope") => Some(Need::Scopes(hint())),
        _ => None,
    }
}
