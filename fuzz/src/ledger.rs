//! Which secrets and endpoints are known, and whose are they?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What a run has learnt from documents, records and actions.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Stems of the marked secrets: no input can hold one by chance, since they depend on the whole input.
    marks: Vec<String>,
    /// Values that the machine drew itself: states and verifiers.
    drawn: BTreeSet<String>,
    /// Access and refresh tokens and client secrets: the issuers that they belong to.
    owners: BTreeMap<String, BTreeSet<String>>,
    endpoints: BTreeMap<String, Endpoints>,
}

/// The endpoints that an issuer may have.
#[derive(Default)]
struct Endpoints {
    authorization: BTreeSet<String>,
    token: BTreeSet<String>,
    registration: BTreeSet<String>,
    device: BTreeSet<String>,
    pushed: BTreeSet<String>,
    revocation: BTreeSet<String>,
}

/// The kinds of endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Authorization,
    Token,
    Registration,
    Device,
    Pushed,
    Revocation,
}

impl Endpoints {
    fn of(&mut self, kind: Endpoint) -> &mut BTreeSet<String> {
        match kind {
            Endpoint::Authorization => &mut self.authorization,
            Endpoint::Token => &mut self.token,
            Endpoint::Registration => &mut self.registration,
            Endpoint::Device => &mut self.device,
            Endpoint::Pushed => &mut self.pushed,
            Endpoint::Revocation => &mut self.revocation,
        }
    }
}

impl Ledger {
    pub(crate) fn new(marks: impl IntoIterator<Item = String>) -> Self {
        Self {
            marks: marks.into_iter().collect(),
            ..Self::default()
        }
    }

    pub(crate) fn learn_endpoint(&mut self, issuer: &str, kind: Endpoint, url: &str) {
        let endpoints = self.endpoints.entry(issuer.into()).or_default();
        endpoints.of(kind).insert(url.into());
    }

    /// Learns the endpoints of a metadata document under a name of its issuer.
    pub(crate) fn learn_metadata(&mut self, issuer: &str, document: &Value) {
        for (member, kind) in [
            ("authorization_endpoint", Endpoint::Authorization),
            ("token_endpoint", Endpoint::Token),
            ("registration_endpoint", Endpoint::Registration),
            ("device_authorization_endpoint", Endpoint::Device),
            ("device_endpoint", Endpoint::Device),
            ("pushed_authorization_request_endpoint", Endpoint::Pushed),
            ("pushed_endpoint", Endpoint::Pushed),
            ("revocation_endpoint", Endpoint::Revocation),
        ] {
            if let Some(url) = document[member].as_str() {
                self.learn_endpoint(issuer, kind, url);
            }
        }
    }

    /// Learns a value that the machine drew, if it is long enough to be told from ordinary words.
    pub(crate) fn learn_drawn(&mut self, value: &str) {
        if value.len() >= 16 {
            self.drawn.insert(value.into());
        }
    }

    /// Learns what a stored record or snapshot holds, wherever in it.
    pub(crate) fn learn_record(&mut self, record: &Value) {
        match record {
            Value::Array(items) => {
                // A change of a grant: an issuer and what belongs to it.
                if let [Value::String(issuer), held] = items.as_slice() {
                    self.learn_held(issuer, held);
                }
                items.iter().for_each(|item| self.learn_record(item));
            }
            Value::Object(members) => {
                if let Some(issuer) = members.get("issuer").and_then(Value::as_str) {
                    self.learn_metadata(issuer, record);
                    for member in ["client", "tokens"] {
                        self.learn_held(issuer, &record[member]);
                    }
                }
                // Sign-ins have their client beside the server.
                if let Some(issuer) = record["sign_in"]["server"]["issuer"].as_str() {
                    self.learn_held(issuer, &record["client"]);
                    if let Some(code) = record["device_code"].as_str() {
                        self.learn_owner(code, issuer);
                    }
                }
                members.values().for_each(|item| self.learn_record(item));
            }
            _ => {}
        }
    }

    fn learn_held(&mut self, issuer: &str, held: &Value) {
        if let Some(url) = held["token_endpoint"].as_str() {
            self.learn_endpoint(issuer, Endpoint::Token, url);
        }
        if let Some(url) = held["revocation_endpoint"].as_str() {
            self.learn_endpoint(issuer, Endpoint::Revocation, url);
        }
        if let Some((_, token)) = held["authorization"]
            .as_str()
            .and_then(|it| it.split_once(' '))
        {
            self.learn_owner(token, issuer);
        }
        for secret in [
            &held["auth"]["secret"],
            &held["client"]["secret"],
            &held["refresh_token"],
            &held["authorization"],
        ] {
            if let Some(secret) = secret.as_str() {
                self.learn_owner(secret, issuer);
            }
        }
    }

    pub(crate) fn learn_owner(&mut self, secret: &str, issuer: &str) {
        let owners = self.owners.entry(secret.into()).or_default();
        owners.insert(issuer.into());
    }

    /// Whether the URL is an endpoint of this issuer.
    pub(crate) fn has(&self, issuer: &str, kind: Endpoint, url: &str) -> bool {
        self.endpoints.get(issuer).is_some_and(|endpoints| {
            let urls = match kind {
                Endpoint::Authorization => &endpoints.authorization,
                Endpoint::Token => &endpoints.token,
                Endpoint::Registration => &endpoints.registration,
                Endpoint::Device => &endpoints.device,
                Endpoint::Pushed => &endpoints.pushed,
                Endpoint::Revocation => &endpoints.revocation,
            };
            urls.contains(url)
        })
    }

    /// The endpoints of this kind of an issuer.
    pub(crate) fn urls(&self, issuer: &str) -> impl Iterator<Item = &str> {
        let endpoints = self.endpoints.get(issuer);
        endpoints
            .into_iter()
            .flat_map(|endpoints| &endpoints.authorization)
            .map(String::as_str)
    }

    /// Whether the URL is such an endpoint of anybody.
    pub(crate) fn knows(&self, kind: Endpoint, url: &str) -> bool {
        self.endpoints
            .keys()
            .any(|issuer| self.has(issuer, kind, url))
    }

    /// Whether a secret goes to an endpoint of an issuer that it belongs to: the token endpoint, or one that takes the
    /// client's credentials as well.
    pub(crate) fn may_receive(&self, secret: &str, url: &str) -> bool {
        let issuers = self.owners.get(secret);
        issuers.is_some_and(|issuers| issuers.iter().any(|issuer| self.is_of(issuer, url)))
    }

    /// Whether the URL is one at which this issuer authenticates its clients.
    pub(crate) fn is_of(&self, issuer: &str, url: &str) -> bool {
        use Endpoint::{Device, Pushed, Revocation, Token};
        let kinds = [Token, Device, Pushed, Revocation];
        kinds.into_iter().any(|kind| self.has(issuer, kind, url))
    }

    /// Learns a secret that everybody who has this endpoint may know.
    pub(crate) fn learn_owner_at(&mut self, secret: &str, kind: Endpoint, url: &str) {
        let issuers: Vec<_> = self.endpoints.keys().cloned().collect();
        for issuer in issuers {
            if self.has(&issuer, kind, url) {
                self.learn_owner(secret, &issuer);
            }
        }
    }

    /// The first secret found in a text.
    pub(crate) fn secret_in<'a>(&'a self, text: &str) -> Option<&'a str> {
        self.marks
            .iter()
            .chain(&self.drawn)
            .map(String::as_str)
            .find(|secret| text.contains(secret))
    }

    /// The first marked secret found in a text.
    pub(crate) fn mark_in<'a>(&'a self, text: &str) -> Option<&'a str> {
        self.marks
            .iter()
            .map(String::as_str)
            .find(|secret| text.contains(secret))
    }
}
