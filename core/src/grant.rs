//! What is held for one account at one MCP server?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arc_str::ArcStr;
use crate::client::Client;
use crate::config::Config;
use crate::error::RecordError;
use crate::limits::MAX_ISSUERS;
use crate::secret::SecretBytes;
use crate::store::{self, GRANT_FORMAT};
use crate::tokens::{Claim, Tokens};
use crate::uri::Issuer;
use crate::wire::json::Text;

/// Client credentials and tokens, each under the issuer that they belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// Of the stored record; 0 if there is none.
    pub(crate) generation: u64,
    /// The generation that the last sign-out wrote; 0 if there was none. A refresh that began before it is void.
    #[serde(default)]
    pub(crate) signed_out: u64,
    /// The one in use first.
    entries: Vec<Entry>,
}

/// What one issuer gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) issuer: Issuer,
    /// A dynamic registration, or a client that the host gave when asked. Configured clients are not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<Arc<Client>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Boxed: a sign-in that waits has none yet.
    pub(crate) tokens: Option<Box<Tokens>>,
}

/// One change of a grant: data, so that it can be made again on a newer record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// Keep a client of an issuer. Its tokens, if any, stay.
    PutClient(Issuer, Arc<Client>),
    /// Keep tokens of an issuer, and put it first.
    PutTokens(Issuer, Box<Tokens>),
    /// Claim the refresh of an issuer's tokens of this generation.
    Claim(Issuer, u64, Claim),
    /// Give a claim of this mark back; the flag says whether the refresh may have been acted upon all the same.
    Release(Issuer, u32, bool),
    /// Forget an issuer's tokens of this generation, and no others.
    DropTokens(Issuer, u64),
    /// Forget an issuer's client of this id, and the tokens issued to it.
    DropClient(Issuer, ArcStr),
    /// Forget an issuer's client of this id, unless tokens were issued to it.
    DropUnprovenClient(Issuer, ArcStr),
    /// Forget all tokens.
    DropAllTokens,
    /// Forget everything. The record stays, empty, so that generations go on and whoever held the tokens learns of it.
    DropAll,
}

/// The record's body.
#[derive(Deserialize)]
pub(crate) struct Body<'a> {
    #[serde(borrow)]
    pub(crate) server_url: Text<'a>,
    #[serde(borrow)]
    pub(crate) account: Text<'a>,
    #[serde(default)]
    signed_out: u64,
    pub(crate) entries: Vec<Entry>,
}

/// Reads a stored record, whosoever's it is.
pub(crate) fn open(record: &[u8]) -> Result<Body<'_>, RecordError> {
    store::open(GRANT_FORMAT, record).map(|(_, body)| body)
}

impl Grant {
    /// Nothing is stored.
    pub(crate) const fn empty() -> Self {
        Self {
            generation: 0,
            signed_out: 0,
            entries: Vec::new(),
        }
    }

    /// Reads a stored record; its values are checked like any input (LOG-07).
    pub(crate) fn from_record(
        record: &[u8],
        config: &Config,
        account: &str,
    ) -> Result<Self, RecordError> {
        let (generation, body): (u64, Body<'_>) = store::open(GRANT_FORMAT, record)?;
        let grant = Self {
            generation,
            signed_out: body.signed_out,
            entries: body.entries,
        };
        let ours = body.server_url.0 == config.server_url() && body.account.0 == account;
        if !ours || generation == 0 {
            return Err(RecordError::Foreign);
        }
        grant.check(config)?;
        Ok(grant)
    }

    /// Whether the values could have come from here.
    pub(crate) fn check(&self, config: &Config) -> Result<(), RecordError> {
        let plausible = self.entries.len() <= MAX_ISSUERS
            && self.entries.iter().all(|entry| {
                entry.issuer.url().may_be_reached(config.reach)
                    && entry.tokens.as_ref().is_none_or(|tokens| {
                        tokens.is_plausible(config) && tokens.generation <= self.generation
                    })
            });
        plausible.then_some(()).ok_or(RecordError::Foreign)
    }

    /// The record to store.
    pub(crate) fn to_record(&self, config: &Config, account: &str) -> SecretBytes {
        fn is_never(generation: &u64) -> bool {
            *generation == 0
        }
        #[derive(Serialize)]
        struct Body<'a> {
            server_url: &'a str,
            account: &'a str,
            #[serde(skip_serializing_if = "is_never")]
            signed_out: u64,
            entries: &'a [Entry],
        }
        store::seal(
            GRANT_FORMAT,
            self.generation,
            &Body {
                server_url: config.server_url(),
                account,
                signed_out: self.signed_out,
                entries: &self.entries,
            },
        )
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The issuer in use.
    pub(crate) fn current(&self) -> Option<&Entry> {
        self.entries.first()
    }

    /// The tokens in use.
    pub(crate) fn tokens(&self) -> Option<&Tokens> {
        self.current()?.tokens.as_deref()
    }

    /// What is held of an issuer, if anything.
    pub(crate) fn of(&self, issuer: &Issuer) -> Option<&Entry> {
        let entry = self.entries.iter().find(|entry| entry.issuer == *issuer)?;
        entry.holds_something().then_some(entry)
    }

    /// Puts an issuer in use: the tokens of any other are not used any more (USE-07), but kept.
    pub(crate) fn focus(&mut self, issuer: &Issuer) {
        self.update(issuer, |_| ());
    }

    /// Changes the entry of an issuer, a new one if need be, and puts it in use.
    fn update(&mut self, issuer: &Issuer, change: impl FnOnce(&mut Entry)) {
        let known = self
            .entries
            .iter()
            .position(|entry| entry.issuer == *issuer);
        let mut entry = match known {
            Some(position) => self.entries.remove(position),
            None => Entry {
                issuer: issuer.clone(),
                client: None,
                tokens: None,
            },
        };
        change(&mut entry);
        self.entries.truncate(MAX_ISSUERS.saturating_sub(1));
        // Nearly every grant has one entry: no sign-in that waits should hold room for three more.
        self.entries.reserve_exact(1);
        self.entries.insert(0, entry);
    }

    /// The grant after a change, as the next generation.
    pub(crate) fn with(self, change: Change) -> Self {
        let mut next = self;
        next.generation = next.generation.saturating_add(1);
        match change {
            Change::PutClient(issuer, client) => {
                next.update(&issuer, |entry| entry.client = Some(client));
            }
            Change::PutTokens(issuer, mut tokens) => {
                tokens.generation = next.generation;
                next.update(&issuer, |entry| entry.tokens = Some(tokens));
            }
            Change::Claim(issuer, generation, claim) => {
                if let Some(tokens) = next.tokens_of(&issuer)
                    && tokens.generation == generation
                {
                    // Whoever claimed before has not come back: nobody knows whether the refresh token was sent.
                    let lost = tokens.claim.replace(claim).is_some();
                    tokens.unanswered = tokens.unanswered.saturating_add(lost.into());
                }
            }
            Change::Release(issuer, by, acted) => {
                if let Some(tokens) = next.tokens_of(&issuer)
                    && tokens.claim.take_if(|claim| claim.by == by).is_some()
                {
                    tokens.unanswered = tokens.unanswered.saturating_add(acted.into());
                }
            }
            Change::DropTokens(issuer, generation) => {
                for entry in &mut next.entries {
                    if entry.issuer == issuer {
                        entry
                            .tokens
                            .take_if(|tokens| tokens.generation == generation);
                    }
                }
            }
            Change::DropClient(issuer, id) => {
                for entry in &mut next.entries {
                    if entry.issuer == issuer {
                        entry.client.take_if(|client| client.id == id);
                        entry.tokens.take_if(|tokens| tokens.client.id == id);
                    }
                }
            }
            Change::DropUnprovenClient(issuer, id) => {
                for entry in &mut next.entries {
                    let proven = entry
                        .tokens
                        .as_ref()
                        .is_some_and(|tokens| tokens.client.id == id);
                    if entry.issuer == issuer && !proven {
                        entry.client.take_if(|client| client.id == id);
                    }
                }
            }
            Change::DropAllTokens => {
                next.drop_tokens();
                next.signed_out = next.generation;
            }
            Change::DropAll => {
                next.entries.clear();
                next.signed_out = next.generation;
            }
        }
        next
    }

    fn tokens_of(&mut self, issuer: &Issuer) -> Option<&mut Tokens> {
        let entry = self
            .entries
            .iter_mut()
            .find(|entry| entry.issuer == *issuer)?;
        entry.tokens.as_deref_mut()
    }

    /// Forgets all tokens at once, before that is written.
    pub(crate) fn drop_tokens(&mut self) {
        for entry in &mut self.entries {
            entry.tokens = None;
        }
    }
}

impl Entry {
    /// Whether there is a client or a token in it, and not only the memory that this issuer is the one in use.
    pub(crate) fn holds_something(&self) -> bool {
        self.client.is_some() || self.tokens.is_some()
    }
}
