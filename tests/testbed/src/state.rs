//! Which clients, codes and tokens exist?

use crate::bench::Bench;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds; a clock can add them without overflow.
const MAX_LIFETIME: u64 = 1 << 31;

/// A client as one authorization server knows it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) secret: Option<String>,
    /// Seconds since the Unix epoch; 0 for never.
    pub(crate) secret_expires_at: i64,
    /// The registered authentication method; absent if none was stated.
    pub(crate) method: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    /// The registered scopes; absent for all.
    pub(crate) scope: Option<Vec<String>>,
    /// Registered for the refresh grant.
    pub(crate) refreshes: bool,
}

/// An authorization code. It is kept when used, so that reuse is noticed.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) issuer: usize,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) resource: Option<String>,
    pub(crate) scope: Vec<String>,
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
    pub(crate) subject: String,
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
    /// Values that must never come again: `state` and code challenges.
    pub(crate) once: HashSet<String>,
    /// What `write_note` wrote last.
    pub(crate) note: String,
    /// The family of the last token answer.
    last_family: Option<usize>,
}

impl State {
    /// Opens a family for a used code.
    pub(crate) fn new_family(&mut self, code: &Code) -> usize {
        self.families.push(Family {
            client_id: code.client_id.clone(),
            issuer: code.issuer,
            resource: code.resource.clone(),
            scope: code.scope.clone(),
            subject: code.subject.clone(),
            revoked: false,
            answer_lost: false,
            fresh_until: None,
        });
        self.families.len() - 1
    }

    /// Issues an access token.
    pub(crate) fn issue_access(
        &mut self,
        family: usize,
        scope: &[String],
        lifetime: u64,
    ) -> String {
        let token = random();
        let expires = Instant::now() + Duration::from_secs(lifetime.min(MAX_LIFETIME));
        let access = AccessToken {
            family,
            scope: scope.to_vec(),
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

impl Bench {
    /// A client that an authorization server knows: registered, configured or documented.
    pub(crate) fn client(&self, issuer: usize, id: &str) -> Option<Client> {
        if let Some(client) = self.state.clients.get(&(issuer, id.to_owned())) {
            return Some(client.clone());
        }
        let registration = &self.behaviour.registration;
        let configured = registration
            .clients
            .iter()
            .find(|c| issuer == 0 && c.client_id == id);
        if let Some(client) = configured {
            return Some(Client {
                secret: client.client_secret.clone(),
                secret_expires_at: 0,
                method: client.token_endpoint_auth_method.clone(),
                redirect_uris: client.redirect_uris.clone(),
                scope: client.scope.as_deref().map(scopes),
                refreshes: true,
            });
        }
        documented(id, registration.client_documents.get(id)?)
    }
}

/// A client from its metadata document, if that document is a good one: its `client_id` is its URL
/// and no shared secret is involved.
fn documented(url: &str, document: &Value) -> Option<Client> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let list = |name: &str| -> Option<Vec<String>> {
        let items = document.get(name)?.as_array()?.iter();
        items.map(|item| item.as_str().map(str::to_owned)).collect()
    };
    text("client_name")?;
    let method = text("token_endpoint_auth_method").unwrap_or("none");
    if text("client_id") != Some(url) || method != "none" {
        return None;
    }
    Some(Client {
        secret: None,
        secret_expires_at: 0,
        method: Some(method.to_owned()),
        redirect_uris: list("redirect_uris")?,
        scope: text("scope").map(scopes),
        refreshes: list("grant_types").is_some_and(|g| g.iter().any(|g| g == "refresh_token")),
    })
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
