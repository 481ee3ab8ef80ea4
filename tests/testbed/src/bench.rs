//! What does the testbed know at this moment, and who answers a request?

use crate::addresses::Addresses;
use crate::behaviour::{Behaviour, Endpoint, Fault};
use crate::breach::{Breach, Rule};
use crate::http::{Delivery, Reply, Request};
use crate::log::{Counts, Entry};
use crate::pairs::Pairs;
use crate::place::{Place, Server, endpoint_path};
use crate::signer::Signer;
use crate::state::State;
use crate::{
    authorize, device, discovery, fallback, identity_provider, pushed, registration,
    resource_server, revocation, token,
};
use std::time::Duration;

/// Everything behind the listeners; one lock guards it.
pub(crate) struct Bench {
    pub(crate) addresses: Addresses,
    pub(crate) behaviour: Behaviour,
    /// The authorization server in use.
    pub(crate) active: usize,
    pub(crate) state: State,
    /// Signs what workloads show.
    pub(crate) workload_issuer: Signer,
    /// Signs for the identity provider.
    pub(crate) identity_provider: Signer,
    pub(crate) log: Vec<Entry>,
    pub(crate) breaches: Vec<Breach>,
    pub(crate) counts: Counts,
    /// The client has read protected resource metadata.
    pub(crate) resource_metadata_read: bool,
    fault_uses: Vec<u32>,
}

impl Bench {
    pub(crate) fn new(addresses: Addresses, behaviour: Behaviour) -> Self {
        Self {
            addresses,
            behaviour,
            active: 0,
            state: State::default(),
            workload_issuer: Signer::new(),
            identity_provider: Signer::new(),
            log: Vec::new(),
            breaches: Vec::new(),
            counts: Counts::default(),
            resource_metadata_read: false,
            fault_uses: Vec::new(),
        }
    }

    /// Changes the behaviour; faults count their uses anew.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour);
        self.fault_uses.clear();
    }

    pub(crate) fn origin(&self, server: Server) -> &str {
        match server {
            Server::Resource => &self.addresses.resource,
            Server::Authorization1 => &self.addresses.authorization[0],
            Server::Authorization2 => &self.addresses.authorization[1],
            Server::IdentityProvider => &self.addresses.identity_provider,
        }
    }

    /// Replaces placeholders, as seen from the authorization server in use.
    pub(crate) fn expand(&self, text: &str) -> String {
        self.expand_for(self.active, text)
    }

    /// Replaces placeholders, as seen from one authorization server.
    pub(crate) fn expand_for(&self, issuer: usize, text: &str) -> String {
        self.addresses.expand(&self.behaviour, issuer, text)
    }

    /// The identifier that an authorization server's metadata states.
    pub(crate) fn published_issuer(&self, issuer: usize) -> String {
        self.expand_for(issuer, &self.behaviour.server_metadata.issuer)
    }

    /// The URL of an endpoint of an authorization server.
    pub(crate) fn endpoint(&self, issuer: usize, name: &str) -> String {
        let origin = self.addresses.endpoint_origin(&self.behaviour, issuer);
        let path = endpoint_path(&self.behaviour.server_metadata.issuer_path, name);
        format!("{origin}{path}")
    }

    /// The URL of an endpoint that may have a query of its own.
    pub(crate) fn endpoint_with_query(&self, issuer: usize, name: &str) -> String {
        let url = self.endpoint(issuer, name);
        match &self.behaviour.server_metadata.endpoint_query {
            Some(query) => format!("{url}?{query}"),
            None => url,
        }
    }

    /// The resource identifier that clients must name.
    pub(crate) fn resource(&self) -> String {
        self.expand(&self.behaviour.resource_metadata.resource)
    }

    /// Writes down a breach.
    pub(crate) fn hold(&mut self, endpoint: Endpoint, rule: Rule, what: impl Into<String>) {
        let what = what.into();
        self.breaches.push(Breach {
            endpoint,
            rule,
            what,
        });
    }

    /// Answers a request and writes it down.
    pub(crate) fn answer(&mut self, request: &Request) -> Reply {
        let mut place = Place::of(self, request.server, &request.path);
        if place.endpoint == Endpoint::Token {
            let form = Pairs::form(&request.body);
            if form.get("grant_type") == Some("refresh_token") {
                place.endpoint = Endpoint::Refresh;
            }
        }
        if place.endpoint == Endpoint::Revocation {
            revocation::note(self, request);
        }
        let reply = self.disturbed(place, request);
        let status = (reply.delivery != Delivery::Dropped).then_some(reply.status);
        self.log.push(Entry::new(place.endpoint, request, status));
        reply
    }

    fn disturbed(&mut self, place: Place, request: &Request) -> Reply {
        if self.behaviour.user_agent_required && request.header("user-agent").is_none() {
            return Reply::text(403, "Forbidden");
        }
        let Some(fault) = self.fault(place.endpoint) else {
            return self.undisturbed(place, request);
        };
        match fault {
            Fault::Answer {
                status,
                headers,
                body,
            } => {
                let mut reply = Reply::empty(status);
                for (name, value) in headers {
                    reply = reply.with(&name, &self.expand_for(place.issuer, &value));
                }
                reply.body = self.expand_for(place.issuer, &body).into_bytes();
                reply
            }
            Fault::DropBefore => {
                let mut reply = Reply::empty(500);
                reply.delivery = Delivery::Dropped;
                reply
            }
            Fault::Slow { milliseconds } => {
                let mut reply = self.undisturbed(place, request);
                reply.delay = Duration::from_millis(milliseconds);
                reply
            }
            Fault::Oversized { bytes } => {
                let mut reply = self.undisturbed(place, request);
                let body = std::mem::replace(&mut reply.body, vec![b' '; bytes]);
                reply.body.extend(body);
                reply
            }
            Fault::Truncated | Fault::DropAfter => {
                let mut reply = self.undisturbed(place, request);
                self.state.last_answer_got_lost();
                reply.delivery = match fault {
                    Fault::Truncated => Delivery::Truncated,
                    _ => Delivery::Dropped,
                };
                reply
            }
        }
    }

    fn fault(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.fault_uses.resize(self.behaviour.faults.len(), 0);
        for (rule, uses) in self.behaviour.faults.iter().zip(&mut self.fault_uses) {
            if rule.at == endpoint && rule.times.is_none_or(|times| *uses < times) {
                *uses += 1;
                return Some(rule.fault.clone());
            }
        }
        None
    }

    fn undisturbed(&mut self, place: Place, request: &Request) -> Reply {
        self.look_at_url(place, request);
        fallback::look(self, place.endpoint, request);
        match place.endpoint {
            Endpoint::Mcp => resource_server::mcp(self, request),
            Endpoint::ResourceMetadata => discovery::resource_metadata(self, request),
            Endpoint::ServerMetadata => discovery::server_metadata(self, place.issuer, request),
            Endpoint::WellKnown | Endpoint::Elsewhere => {
                discovery::miss(self, place.endpoint, request)
            }
            Endpoint::Registration => registration::register(self, place.issuer, request),
            Endpoint::Authorization => authorize::authorize(self, place.issuer, request),
            Endpoint::Consent => authorize::consent(self, request),
            Endpoint::Token | Endpoint::Refresh => {
                token::token(self, place.endpoint, place.issuer, request)
            }
            Endpoint::PushedAuthorization => pushed::push(self, place.issuer, request),
            Endpoint::DeviceAuthorization => device::authorize(self, place.issuer, request),
            Endpoint::DeviceVerification => device::page(self, request),
            Endpoint::TokenExchange => identity_provider::exchange(self, request),
            Endpoint::Revocation => revocation::revoke(self, place.issuer, request),
        }
    }

    /// No URL carries a secret, wherever it leads (RFC 6750 §2.3, RFC 9700 §4.3).
    fn look_at_url(&mut self, place: Place, request: &Request) {
        for name in Pairs::form(request.query.as_bytes()).names() {
            if SECRETS.contains(&name) {
                let what = format!("{name} in the query of {}", request.path);
                self.hold(place.endpoint, Rule::SecretInUrl, what);
            }
        }
    }
}

/// Parameters that never belong into the URL of a request to a server.
const SECRETS: [&str; 10] = [
    "access_token",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "code",
    "code_verifier",
    "assertion",
    "device_code",
    "subject_token",
    "token",
];
