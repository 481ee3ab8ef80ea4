//! Which endpoints does the authorization server have? (RFC 8414, OpenID Connect Discovery)

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::config::Config;
use crate::error::{Code, Failure, Stage};
use crate::input::HttpAnswer;
use crate::jose::Algorithms;
use crate::phase::http;
use crate::phase::probe::{Probe, Search};
use crate::phase::{Attempt, Phase, SignIn};
use crate::scope::ScopeSet;
use crate::settings::GrantType;
use crate::shared::Shared;
use crate::trace::{Answer, Decision, Place};
use crate::uri::{HttpUrl, Issuer};
use crate::wire::resource_metadata::Resource;
use crate::wire::server_metadata::{self, ServerMetadata};

/// What the resource turned out to be.
#[derive(Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) resource: Resource,
    /// `None`: more than are accepted.
    pub(super) scopes_supported: Option<ScopeSet>,
    /// Whether the server publishes no metadata of its own, so that its origin is taken for the issuer.
    pub(super) legacy: bool,
    /// Whether tokens must be bound to a key (RFC 9728 §2).
    #[serde(default)]
    pub(super) demands_binding: bool,
    /// What proofs may be signed with.
    #[serde(default)]
    pub(super) proof_algorithms: Algorithms,
}

impl Found {
    /// A resource of which nothing else is known.
    pub(super) fn of(resource: Resource, legacy: bool) -> Self {
        Self {
            resource,
            scopes_supported: Some(ScopeSet::default()),
            legacy,
            demands_binding: false,
            proof_algorithms: Algorithms::default(),
        }
    }
}

/// Looking for authorization server metadata.
#[derive(Serialize, Deserialize)]
pub(crate) struct ServerDiscovery {
    pub(super) candidates: Candidates,
    pub(super) issuer: Issuer,
    pub(super) url: HttpUrl,
    place: Place,
    /// What was wrong with this server's documents.
    fault: Option<Failure>,
}

/// The servers that may still be tried, and what for.
#[derive(Serialize, Deserialize)]
pub(super) struct Candidates {
    pub(super) attempt: Attempt,
    found: Found,
    /// Identifiers, as published.
    remaining: Vec<Box<str>>,
    /// How many were tried.
    position: u16,
    search: Search,
    /// What is told if no server is left: what was wrong with the first one, unless one could not be told.
    failure: Option<Failure>,
}

impl Candidates {
    /// Asks the next server, or ends the flow.
    fn next(mut self, shared: &mut Shared) -> Phase {
        while !self.remaining.is_empty() && !self.search.is_spent() {
            let name = self.remaining.remove(0);
            self.position = self.position.saturating_add(1);
            shared.note(Decision::ServerInOrder(self.position));
            let place = Place::OauthInserted;
            let asked = Issuer::parse(&name, shared.config.reach).and_then(|issuer| {
                let url = server_url(&issuer, place);
                HttpUrl::parse(&url, shared.config.reach).map(|url| (issuer, url))
            });
            match asked {
                Ok((issuer, url)) => {
                    shared.note(Decision::Asking(place));
                    self.search.redirects = 0;
                    self.search.unclear = None;
                    return Phase::ServerDiscovery(Box::new(ServerDiscovery {
                        candidates: self,
                        issuer,
                        url,
                        place,
                        fault: None,
                    }));
                }
                Err(fault) => {
                    let failure = Failure::new(Code::BadIssuer, Stage::ServerDiscovery);
                    self.skip(failure.about(&name).because(fault), shared);
                }
            }
        }
        let failure = self.failure.unwrap_or_else(no_metadata);
        shared.fail(failure)
    }

    fn skip(&mut self, failure: Failure, shared: &mut Shared) {
        shared.note(Decision::ServerSkipped(failure.code()));
        let passing = failure.code() == Code::DiscoveryUnavailable;
        match &self.failure {
            Some(known) if !passing || known.code() == failure.code() => {}
            // What may pass is worth another try, whatever is wrong with the other servers (PRM-18).
            _ => self.failure = Some(failure),
        }
    }

    /// The server is found.
    fn settle(self, server: ServerMetadata, shared: &mut Shared) -> Phase {
        SignIn::begin(self.attempt, self.found, server, shared)
    }
}

impl ServerDiscovery {
    /// Whether a resumed phase is about this server.
    pub(super) fn is_plausible(&self, config: &Config) -> bool {
        let resource = &self.candidates.found.resource;
        resource.covers.contains(&config.server)
    }

    pub(super) fn begin(
        attempt: Attempt,
        found: Found,
        servers: Vec<Box<str>>,
        requests: u8,
        shared: &mut Shared,
    ) -> Phase {
        let candidates = Candidates {
            attempt,
            found,
            remaining: servers,
            position: 0,
            search: Search {
                requests,
                ..Search::default()
            },
            failure: None,
        };
        candidates.next(shared)
    }

    pub(super) fn task(&self, shared: &Shared) -> Task {
        http::get(&self.url, Purpose::ServerMetadata, shared)
    }

    pub(super) fn answered(
        mut self: Box<Self>,
        answer: HttpAnswer<'_>,
        shared: &mut Shared,
    ) -> Phase {
        let status = answer.as_ref().map_or(0, |response| response.status);
        match self.candidates.search.probe(answer, &self.url, shared) {
            Probe::Moved(url) if !self.candidates.search.is_spent() => {
                self.url = url;
                Phase::ServerDiscovery(self)
            }
            Probe::Body(body) => match ServerMetadata::parse(body, &self.issuer, &shared.config) {
                Ok(server) => self.accept(server, shared),
                Err(fault) => {
                    shared.note(Decision::NotHere(Answer::Status(status)));
                    if let Some(failure) = unusable(fault, &self.issuer) {
                        self.fault.get_or_insert(failure);
                    }
                    self.next_place(shared)
                }
            },
            Probe::Moved(_) | Probe::NotHere | Probe::CouldNotTell(_) => self.next_place(shared),
        }
    }

    fn next_place(mut self: Box<Self>, shared: &mut Shared) -> Phase {
        let next = match self.place {
            Place::OauthInserted => Some(Place::OpenidInserted),
            // Without a path, inserting and appending are the same.
            Place::OpenidInserted if !matches!(self.issuer.url().path(), "" | "/") => {
                Some(Place::OpenidAppended)
            }
            _ => None,
        };
        if let Some(place) = next
            && !self.candidates.search.is_spent()
            && let Ok(url) = HttpUrl::parse(&server_url(&self.issuer, place), shared.config.reach)
        {
            self.place = place;
            self.url = url;
            self.candidates.search.redirects = 0;
            shared.note(Decision::Asking(place));
            return Phase::ServerDiscovery(self);
        }
        self.give_up_server(shared)
    }

    /// No usable metadata of this server: the next one, the default endpoints, or the end.
    fn give_up_server(self: Box<Self>, shared: &mut Shared) -> Phase {
        let failure = match (self.candidates.search.unclear, self.fault) {
            // Before any fault: the document that could not be read may be the better one (PRM-18).
            (Some(wait), _) => {
                let failure = Failure::new(Code::DiscoveryUnavailable, Stage::ServerDiscovery)
                    .about(self.issuer.as_str())
                    .retry_after(Some(wait));
                let grant = shared.grant.as_ref();
                if grant.is_some_and(|grant| grant.of(&self.issuer).is_some()) {
                    // A passing fault must not lead from a server that knows us to one that does not.
                    return shared.fail(failure);
                }
                failure
            }
            (None, Some(fault)) => fault,
            (None, None) => {
                if self.candidates.found.legacy
                    && shared.config.settings.grant == GrantType::AuthorizationCode
                    && shared.config.deviations().default_endpoints
                    && let Some(server) =
                        ServerMetadata::default_endpoints(&self.issuer, shared.config.reach)
                    && !holds_refresh_token(&server, shared)
                {
                    shared.note(Decision::DefaultEndpoints);
                    return self.candidates.settle(server, shared);
                }
                no_metadata().about(self.issuer.as_str())
            }
        };
        let mut candidates = self.candidates;
        candidates.skip(failure, shared);
        candidates.next(shared)
    }

    fn accept(self: Box<Self>, server: ServerMetadata, shared: &mut Shared) -> Phase {
        shared.note(Decision::ServerAccepted);
        let relaxed = server.relaxed;
        for (relaxed, decision) in [
            (relaxed.root_slash, Decision::RootSlash),
            (relaxed.pinned_issuer, Decision::PinnedIssuer),
            (relaxed.assumed_s256, Decision::AssumedS256),
            (relaxed.assumed_id_jag, Decision::AssumedIdJag),
            (relaxed.foreign_endpoint, Decision::EndpointElsewhere),
        ] {
            if relaxed {
                shared.note(decision);
            }
        }
        self.candidates.settle(server, shared)
    }
}

/// Whether a refresh token is stored that the server gave out at another endpoint: its metadata has been seen then, and
/// guessing now would be a downgrade (ASM-21).
fn holds_refresh_token(server: &ServerMetadata, shared: &Shared) -> bool {
    let entry = shared
        .grant
        .as_ref()
        .and_then(|grant| grant.of(&server.issuer));
    entry
        .and_then(|entry| entry.tokens.as_ref())
        .is_some_and(|tokens| {
            tokens.refresh_token.is_some() && tokens.token_endpoint != server.token_endpoint
        })
}

fn server_url(issuer: &Issuer, place: Place) -> String {
    match place {
        Place::OpenidInserted => issuer.well_known_inserted(server_metadata::WELL_KNOWN_OPENID),
        Place::OpenidAppended => issuer.well_known_appended(server_metadata::WELL_KNOWN_OPENID),
        _ => issuer.well_known_inserted(server_metadata::WELL_KNOWN_OAUTH),
    }
}

pub(super) fn no_metadata() -> Failure {
    Failure::new(Code::NoMetadata, Stage::ServerDiscovery)
}

/// The failure for server metadata that must not be used; `None` if it is no such document at all.
fn unusable(fault: server_metadata::Fault, issuer: &Issuer) -> Option<Failure> {
    use server_metadata::Fault;
    let failure = |code| Failure::new(code, Stage::ServerDiscovery);
    Some(match fault {
        Fault::NotADocument => return None,
        Fault::Malformed => failure(Code::BadServerMetadata),
        Fault::IssuerMismatch { published } => {
            failure(Code::IssuerMismatch).comparing(issuer.as_str(), &published)
        }
        Fault::Missing(name) => failure(Code::BadServerMetadata).about(name),
        Fault::BadEndpoint(name, why) => failure(Code::BadServerMetadata).about(name).because(why),
        Fault::ForeignEndpoint(name) => failure(Code::ForeignEndpoint).about(name),
        Fault::NoS256 => failure(Code::PkceUnsupported),
        Fault::NoCodeFlow => failure(Code::CodeFlowUnsupported),
        Fault::NoGrant(what) => failure(Code::GrantUnsupported).about(what),
    })
}
