//! Which resource is this, and which authorization servers speak for it? (RFC 9728)

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::error::{Code, Failure, Stage};
use crate::input::HttpAnswer;
use crate::limits::MAX_MOVES;
use crate::phase::http;
use crate::phase::probe::{Probe, Search};
use crate::phase::server::{Found, no_metadata};
use crate::phase::{Attempt, Phase, Reason, ServerDiscovery, SignIn, claim};
use crate::shared::{Recovery, Shared};
use crate::trace::{Answer, Decision, Place};
use crate::uri::{HttpUrl, Issuer};
use crate::wire::resource_metadata::{self, Resource, ResourceMetadata};
use crate::wire::server_metadata::ServerMetadata;

/// Looking for protected resource metadata.
#[derive(Serialize, Deserialize)]
pub(crate) struct ResourceDiscovery {
    pub(super) attempt: Attempt,
    pub(super) url: HttpUrl,
    place: Place,
    search: Search,
    /// Whether a document was met that names a resource and cannot be read: then there is metadata, and no legacy server.
    malformed: bool,
}

impl ResourceDiscovery {
    /// Begins, unless the host has configured the endpoints.
    pub(super) fn begin(attempt: Attempt, shared: &mut Shared) -> Phase {
        let config = shared.config.clone();
        if let Some(known) = &config.preregistered
            && let Some(endpoints) = &known.endpoints
        {
            shared.note(Decision::EndpointsGiven);
            let resource = match &endpoints.resource {
                Some(url) => Resource::vouched_for(url, &config),
                None => Resource::of_server(&config),
            };
            let server = ServerMetadata::configured(known, endpoints);
            if let Some(next) = instead_of_sign_in(&attempt, known.issuer.as_str(), shared) {
                return next(attempt, shared);
            }
            shared.memory.recovery.authorized = true;
            if let Some(grant) = &mut shared.grant {
                grant.focus(&known.issuer);
            }
            return SignIn::begin(attempt, Found::of(resource, false), server, shared);
        }
        // An attempt may come out of a snapshot, whose values are checked like any input (LOG-07).
        let reach = config.reach;
        let mut attempt = attempt;
        attempt
            .metadata_url
            .take_if(|url| !url.may_be_reached(reach));
        let (place, url) = match &attempt.metadata_url {
            Some(url) => (Place::Challenge, url.clone()),
            None => match place_url(Place::ResourcePath, shared) {
                Some(url) => (Place::ResourcePath, url),
                None => return shared.fail(no_metadata()),
            },
        };
        shared.note(Decision::Asking(place));
        Phase::ResourceDiscovery(Box::new(Self {
            attempt,
            url,
            place,
            search: Search::default(),
            malformed: false,
        }))
    }

    pub(super) fn task(&self, shared: &Shared) -> Task {
        http::get(&self.url, Purpose::ResourceMetadata, shared)
    }

    pub(super) fn answered(
        mut self: Box<Self>,
        answer: HttpAnswer<'_>,
        shared: &mut Shared,
    ) -> Phase {
        let status = answer.as_ref().map_or(0, |response| response.status);
        match self.search.probe(answer, &self.url, shared) {
            Probe::Moved(url) if !self.search.is_spent() => {
                self.url = url;
                Phase::ResourceDiscovery(self)
            }
            Probe::Body(body) => match ResourceMetadata::parse(body, &shared.config) {
                Ok(metadata) => self.accept(metadata, shared),
                Err(
                    fault @ (resource_metadata::Fault::NotADocument
                    | resource_metadata::Fault::Malformed),
                ) => {
                    self.malformed |= fault == resource_metadata::Fault::Malformed;
                    shared.note(Decision::NotHere(Answer::Status(status)));
                    self.next_place(shared)
                }
                Err(fault) => {
                    let failure = refused(fault, shared);
                    shared.fail(failure)
                }
            },
            Probe::Moved(_) | Probe::NotHere | Probe::CouldNotTell(_) => self.next_place(shared),
        }
    }

    fn next_place(mut self: Box<Self>, shared: &mut Shared) -> Phase {
        let order = [Place::Challenge, Place::ResourcePath, Place::ResourceRoot];
        let remaining = order
            .into_iter()
            .skip_while(|place| *place != self.place)
            .skip(1);
        for place in remaining {
            let Some(url) = place_url(place, shared) else {
                continue;
            };
            // The same document is not asked for twice, by whatever way its URL was found.
            let asked = self.attempt.metadata_url.as_ref() == Some(&url)
                || (place == Place::ResourceRoot
                    && place_url(Place::ResourcePath, shared).as_ref() == Some(&url));
            if !asked && !self.search.is_spent() {
                self.place = place;
                self.url = url;
                self.search.redirects = 0;
                shared.note(Decision::Asking(place));
                return Phase::ResourceDiscovery(self);
            }
        }
        if let Some(wait) = self.search.unclear {
            let failure = Failure::new(Code::DiscoveryUnavailable, Stage::ResourceDiscovery);
            return shared.fail(failure.retry_after(Some(wait)));
        }
        if self.malformed {
            let failure = refused(resource_metadata::Fault::Malformed, shared);
            return shared.fail(failure);
        }
        self.without_metadata(shared)
    }

    /// No metadata of the resource: the configured authorization server (PRM-19), or else, for a server from before such
    /// metadata, its own origin (2025-03-26).
    fn without_metadata(self, shared: &mut Shared) -> Phase {
        let config = shared.config.clone();
        let pinned = config.settings.authorization_server.as_deref();
        let registered = || Some(config.preregistered.as_ref()?.issuer.as_str());
        let configured = pinned.or_else(registered);
        let origin = config.server.origin();
        let legacy = configured.is_none_or(|issuer| issuer == origin);
        let found = Found::of(Resource::of_server(&config), legacy);
        if found.legacy {
            shared.note(Decision::NoResourceMetadata);
        }
        let issuer = configured.unwrap_or(&origin).into();
        self.choose_server(vec![issuer], found, shared)
    }

    fn accept(self, metadata: ResourceMetadata, shared: &mut Shared) -> Phase {
        let by_name = metadata.resource.is_allowed_by_name();
        shared.note(if by_name {
            Decision::ResourceAllowed
        } else {
            Decision::ResourceAccepted
        });
        let found = Found {
            resource: metadata.resource,
            scopes_supported: metadata.scopes_supported,
            legacy: false,
            demands_binding: metadata.demands_binding,
            proof_algorithms: metadata.proof_algorithms,
        };
        self.choose_server(metadata.authorization_servers, found, shared)
    }

    /// Puts the authorization servers in the order in which they are tried: the configured one alone, or else the one
    /// with credentials first (PRM-20).
    fn choose_server(self, mut servers: Vec<Box<str>>, found: Found, shared: &mut Shared) -> Phase {
        let config = shared.config.clone();
        let pinned = config.settings.authorization_server.as_deref();
        let registered = config
            .preregistered
            .as_ref()
            .map(|known| known.issuer.as_str());
        let lists =
            |servers: &[Box<str>], wanted: &str| servers.iter().any(|name| **name == *wanted);
        for (wanted, code) in [
            (pinned, Code::IssuerNotListed),
            (registered, Code::ClientIssuerMismatch),
        ] {
            let Some(wanted) = wanted else { continue };
            if !lists(&servers, wanted) {
                leave_old_server(&servers, shared);
                let named = servers.first().map_or("", |name| &**name);
                let failure = Failure::new(code, Stage::ResourceDiscovery);
                return shared.fail(failure.comparing(wanted, named));
            }
            shared.note(Decision::ServerPinned);
            servers = vec![wanted.into()];
        }
        let held = shared.grant.iter().flat_map(|grant| grant.entries());
        let known = held
            .filter(|entry| entry.holds_something())
            .find_map(|entry| {
                servers
                    .iter()
                    .position(|name| **name == *entry.issuer.as_str())
            });
        if let Some(position) = known {
            let name = servers.remove(position);
            servers.insert(0, name);
            shared.note(Decision::ServerWithCredentials);
        }
        let mut attempt = self.attempt;
        if leave_old_server(&servers, shared) {
            // A resource that names another server each time leads in circles (ROB-03).
            let moves = shared.memory.recovery.moves;
            if moves >= MAX_MOVES && attempt.reason == Reason::TokenRefused {
                return shared.fail(Failure::new(Code::TokenRejected, Stage::Use));
            }
            // A new server: what was tried with the old one does not count.
            shared.memory.recovery = Recovery {
                moves: moves.saturating_add(1),
                ..Recovery::default()
            };
            attempt.reason = Reason::NoToken;
        } else if let Some(first) = servers.first()
            && let Some(next) = instead_of_sign_in(&attempt, first, shared)
        {
            return next(attempt, shared);
        }
        shared.memory.recovery.authorized = true;
        ServerDiscovery::begin(attempt, found, servers, self.search.requests, shared)
    }
}

/// Whether the resource no longer names the server whose tokens are in use. They are not used from now on, whether or not
/// a sign-in with another one succeeds (USE-07); they stay under the old one's name.
fn leave_old_server(servers: &[Box<str>], shared: &mut Shared) -> bool {
    let reach = shared.config.reach;
    let Some(grant) = &mut shared.grant else {
        return false;
    };
    let left = grant.current().is_some_and(|entry| {
        let listed = servers.iter().any(|name| **name == *entry.issuer.as_str());
        entry.tokens.is_some() && !listed
    });
    if left {
        let mut named = servers
            .iter()
            .filter_map(|name| Issuer::parse(name, reach).ok());
        if let Some(issuer) = named.next() {
            grant.focus(&issuer);
        }
        shared.note(Decision::ServerChanged);
    }
    left
}

type Continuation = fn(Attempt, &mut Shared) -> Phase;

/// Whether something else than a sign-in comes first, now that it is known that the resource names the server in use: a
/// refresh of its tokens, or the end, if everything was tried (USE-06).
fn instead_of_sign_in(
    attempt: &Attempt,
    server: &str,
    shared: &mut Shared,
) -> Option<Continuation> {
    let current = shared.grant.as_ref()?.current()?;
    let holds_tokens = current.issuer.as_str() == server && current.tokens.is_some();
    if !holds_tokens || !matches!(attempt.reason, Reason::TokenRefused | Reason::NoToken) {
        return None;
    }
    let recovery = shared.memory.recovery;
    if shared.can_refresh() && !recovery.refreshed {
        shared.memory.recovery.refreshed = true;
        return Some(claim::begin);
    }
    if attempt.reason == Reason::TokenRefused && recovery.authorized {
        return Some(|_, shared| shared.fail(Failure::new(Code::TokenRejected, Stage::Use)));
    }
    None
}

fn place_url(place: Place, shared: &Shared) -> Option<HttpUrl> {
    let server = &shared.config.server;
    let url = match place {
        Place::ResourcePath => server.well_known_inserted(resource_metadata::WELL_KNOWN),
        Place::ResourceRoot => server.well_known_root(resource_metadata::WELL_KNOWN),
        _ => return None,
    };
    HttpUrl::parse(&url, shared.config.reach).ok()
}

/// The failure for protected resource metadata that must not be used.
fn refused(fault: resource_metadata::Fault, shared: &Shared) -> Failure {
    use resource_metadata::Fault;
    let failure = |code| Failure::new(code, Stage::ResourceDiscovery);
    match fault {
        Fault::NotADocument | Fault::Malformed => failure(Code::BadResourceMetadata),
        Fault::OtherResource(named) => {
            failure(Code::ResourceMismatch).comparing(shared.config.server_url(), &named)
        }
        Fault::NoAuthorizationServer => failure(Code::NoAuthorizationServer),
        Fault::TooManyServers => failure(Code::TooManyServers),
    }
}
