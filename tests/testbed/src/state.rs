//! Which codes and tokens exist?

use crate::clients::Client;
use crate::device::Device;
use crate::dpop::Nonces;
use crate::fallback::Refused;
use crate::pushed::Pushed;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds; a clock can add them without overflow.
const MAX_LIFETIME: u64 = 1 << 31;

/// An authorization code. It is kept when used, so that reuse is noticed.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) issuer: usize,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    /// The thumbprint of the only key that it can be exchanged with (RFC 9449 §10).
    pub(crate) key: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) scope: Vec<String>,
    /// The `authorization_details` that were granted (RFC 9396).
    pub(crate) details: Option<Value>,
    /// Who consented.
    pub(crate) subject: String,
    /// A refresh token comes with the tokens.
    pub(crate) refreshable: bool,
    pub(crate) expires: Instant,
    /// What became of it.
    pub(crate) family: Option<usize>,
}

/// What one authorization led to: all its tokens live and die together.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) client_id: String,
    pub(crate) issuer: usize,
    pub(crate) resource: Option<String>,
    pub(crate) scope: Vec<String>,
    /// The `authorization_details` that were granted (RFC 9396).
    pub(crate) details: Option<Value>,
    pub(crate) subject: String,
    /// The thumbprint of the key that its first tokens were bound to.
    pub(crate) key: Option<String>,
    pub(crate) revoked: bool,
    /// The client cannot know the newest refresh token: the answer that carried it got lost.
    pub(crate) answer_lost: bool,
    /// Until when the newest access token is good.
    pub(crate) fresh_until: Option<Instant>,
}

#[derive(Clone, Debug)]
pub(crate) struct AccessToken {
    pub(crate) family: usize,
    pub(crate) scope: Vec<String>,
    /// The thumbprint of the key that it is bound to.
    pub(crate) key: Option<String>,
    pub(crate) expires: Instant,
}

#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) family: usize,
    pub(crate) spent: Option<Spent>,
}

/// What became of a refresh token that was rotated.
#[derive(Clone, Debug)]
pub(crate) struct Spent {
    at: Instant,
    successor: String,
}

/// An authorization request that waits for consent.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) code: Code,
    pub(crate) state: String,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Registered clients, by authorization server and identifier.
    pub(crate) clients: HashMap<(usize, String), Client>,
    /// Identifiers that were ever handed out, also of clients that are forgotten.
    pub(crate) known_ids: HashMap<String, usize>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) families: Vec<Family>,
    pub(crate) access: HashMap<String, AccessToken>,
    pub(crate) refresh: HashMap<String, RefreshToken>,
    /// Requests on the consent page, by a ticket that is used once.
    pub(crate) pending: HashMap<String, Pending>,
    /// Values that must never come again: `state`, code challenges, and identifiers of assertions and proofs.
    pub(crate) once: HashSet<String>,
    pub(crate) nonces: Nonces,
    /// Devices that wait for a person, by device code.
    pub(crate) devices: HashMap<String, Device>,
    /// Authorization requests that were pushed, by `request_uri`.
    pub(crate) pushed: HashMap<String, Pushed>,
    /// Tokens that a client has asked to revoke, whatever it heard.
    pub(crate) given_back: HashSet<String>,
    /// Refresh tokens of sessions at the identity provider.
    pub(crate) identity_sessions: HashSet<String>,
    /// Subject tokens that the identity provider did not take.
    pub(crate) refused_subjects: HashSet<String>,
    /// The assertion that was refused last, if the client has done nothing since.
    pub(crate) refused: Option<Refused>,
    /// What `write_note` wrote last.
    pub(crate) note: String,
    /// The family of the last token answer.
    last_family: Option<usize>,
}

impl State {
    /// Opens a family for what a grant is worth.
    pub(crate) fn new_family(&mut self, family: Family) -> usize {
        self.families.push(family);
        self.families.len() - 1
    }

    /// Issues an access token.
    pub(crate) fn issue_access(
        &mut self,
        family: usize,
        scope: &[String],
        key: Option<String>,
        lifetime: u64,
    ) -> String {
        let token = random();
        let expires = Instant::now() + Duration::from_secs(lifetime.min(MAX_LIFETIME));
        let access = AccessToken {
            family,
            scope: scope.to_vec(),
            key,
            expires,
        };
        self.access.insert(token.clone(), access);
        self.families[family].answer_lost = false;
        self.families[family].fresh_until = Some(expires);
        self.last_family = Some(family);
        token
    }

    /// Issues a refresh token.
    pub(crate) fn issue_refresh(&mut self, family: usize) -> String {
        let token = random();
        self.refresh.insert(
            token.clone(),
            RefreshToken {
                family,
                spent: None,
            },
        );
        token
    }

    /// Whether a rotated refresh token may be taken again: its client has not got the answer, as far as anybody can tell.
    pub(crate) fn in_grace(&self, spent: &Spent, grace: u64) -> bool {
        let successor = self.refresh.get(&spent.successor);
        spent.at.elapsed() < Duration::from_secs(grace)
            && successor.is_some_and(|successor| successor.spent.is_none())
    }

    /// Whether a family has a refresh token, and its client has asked to revoke none.
    pub(crate) fn keeps_refresh_token(&self, family: usize) -> bool {
        let of_family = self.refresh.iter().filter(|(_, one)| one.family == family);
        let mut tokens = of_family.map(|(token, _)| token).peekable();
        tokens.peek().is_some() && !tokens.any(|token| self.given_back.contains(token))
    }

    /// Replaces a refresh token, and a successor that nobody has used.
    pub(crate) fn rotate(&mut self, value: &str, family: usize) -> String {
        let successor = self.issue_refresh(family);
        let mut next = Some(value.to_owned());
        while let Some(token) = next.and_then(|value| self.refresh.get_mut(&value)) {
            let before = token.spent.replace(Spent {
                at: token.spent.as_ref().map_or_else(Instant::now, |s| s.at),
                successor: successor.clone(),
            });
            next = before.map(|spent| spent.successor);
        }
        successor
    }

    /// The last token answer does not reach the client.
    pub(crate) fn last_answer_got_lost(&mut self) {
        if let Some(family) = self.last_family {
            self.families[family].answer_lost = true;
        }
    }

    pub(crate) fn expire_access_tokens(&mut self) {
        for token in self.access.values_mut() {
            token.expires = Instant::now();
        }
    }

    pub(crate) fn revoke_grants(&mut self) {
        for family in &mut self.families {
            family.revoked = true;
        }
    }

    pub(crate) fn forget_clients(&mut self) {
        self.clients.clear();
    }

    /// Whether a value comes for the first time.
    pub(crate) fn is_fresh(&mut self, value: &str) -> bool {
        self.once.insert(value.to_owned())
    }
}

/// The scope tokens of a space-separated list.
pub(crate) fn scopes(text: &str) -> Vec<String> {
    text.split(' ')
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A value with 256 bits of entropy.
pub(crate) fn random() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
