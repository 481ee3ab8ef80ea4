//! Which resource is this, and which authorization server speaks for it?
//!
//! Every answer to a probe that is not a usable document means 'not here': the next place is asked. A fault that may
//! pass means 'could not tell', and is remembered, so that it never turns into a downgrade (PRM-18).

use serde::{Deserialize, Serialize};

use crate::action::{Purpose, Task};
use crate::error::{Code, Failure, Stage};
use crate::event::HttpResponse;
use crate::input::HttpAnswer;
use crate::limits::{MAX_DISCOVERY_REQUESTS, MAX_REDIRECTS, MAX_UNKNOWN_REFRESHES};
use crate::phase::http::{self, Trouble};
use crate::phase::{Attempt, BindingRedirect, Phase, Reason, Refreshing, SignIn, start};
use crate::scope::ScopeSet;
use crate::shared::Shared;
use crate::trace::{Answer, Decision, Place};
use crate::uri::{HttpUrl, Issuer};
use crate::wire::resource_metadata::{self, Resource, ResourceMetadata};
use crate::wire::server_metadata::{self, ServerMetadata};

/// What a probe brought.
enum Probe<'a> {
    /// A 200: perhaps the document.
    Body(&'a [u8]),
    /// A redirect within the origin, to be followed.
    Moved(HttpUrl),
    /// No document here.
    NotHere,
    /// Perhaps there is one.
    CouldNotTell(Option<u64>),
}

/// The state of looking for one document.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Search {
    /// Redirects followed since the last place.
    redirects: u8,
    /// Requests made in this flow.
    requests: u8,
    /// Whether some place could not tell, and for how long to wait.
    unclear: Option<u64>,
}

impl Search {
    /// Sorts an answer.
    fn probe<'a>(
        &mut self,
        answer: HttpAnswer<'a>,
        url: &HttpUrl,
        shared: &mut Shared,
    ) -> Probe<'a> {
        self.requests = self.requests.saturating_add(1);
        let probe = match answer {
            Err(cause) => {
                shared.note(Decision::CouldNotTell(Answer::None(cause)));
                Probe::CouldNotTell(None)
            }
            Ok(response) => self.sort(response, url, shared),
        };
        if let Probe::CouldNotTell(wait) = &probe {
            let wait = wait.unwrap_or(crate::error::DEFAULT_RETRY_MS);
            self.unclear = Some(self.unclear.map_or(wait, |known| known.max(wait)));
        }
        probe
    }

    fn sort<'a>(
        &mut self,
        response: HttpResponse<'a>,
        url: &HttpUrl,
        shared: &mut Shared,
    ) -> Probe<'a> {
        let answer = Answer::Status(response.status);
        match (response.status, Trouble::of(response.status)) {
            (200, _) => Probe::Body(response.body),
            (_, Some(Trouble::Redirect)) => {
                let location = response.header("location").unwrap_or_default();
                match url.resolve_redirect(location, shared.config.reach) {
                    Ok(next) if self.redirects < MAX_REDIRECTS => {
                        self.redirects = self.redirects.saturating_add(1);
                        shared.note(Decision::RedirectFollowed);
                        Probe::Moved(next)
                    }
                    Ok(_) => {
                        shared.note(Decision::CouldNotTell(answer));
                        Probe::CouldNotTell(None)
                    }
                    Err(fault) => {
                        shared.note(Decision::RedirectRefused(fault));
                        Probe::CouldNotTell(None)
                    }
                }
            }
            (_, Some(Trouble::Throttled | Trouble::Unavailable)) => {
                shared.note(Decision::CouldNotTell(answer));
                Probe::CouldNotTell(http::retry_after(&response))
            }
            _ => {
                shared.note(Decision::NotHere(answer));
                Probe::NotHere
            }
        }
    }

    const fn is_spent(self) -> bool {
        self.requests >= MAX_DISCOVERY_REQUESTS
    }
}

/// Looking for protected resource metadata.
#[derive(Serialize, Deserialize)]
pub(crate) struct ResourceDiscovery {
    pub(super) attempt: Attempt,
    pub(super) url: HttpUrl,
    place: Place,
    search: Search,
}

impl ResourceDiscovery {
    /// Begins, unless the host has configured the endpoints.
    pub(super) fn begin(attempt: Attempt, shared: &mut Shared) -> Phase {
        if attempt.reason != Reason::StepUp {
            shared.memory.recovery.authorized |= attempt.reason == Reason::NoToken;
        }
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
            if let Some(next) = instead_of_sign_in(&attempt, &[known.issuer.as_str()], shared) {
                return next(attempt, shared);
            }
            return SignIn::begin(attempt, resource, ScopeSet::default(), server, shared);
        }
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
                Err(resource_metadata::Fault::NotADocument) => {
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
        self.legacy(shared)
    }

    /// A server from before protected resource metadata: its own origin is the authorization server (2025-03-26).
    fn legacy(self, shared: &mut Shared) -> Phase {
        shared.note(Decision::NoResourceMetadata);
        let origin: Box<str> = shared.config.server.origin().into();
        let found = Found {
            resource: Resource::of_server(&shared.config),
            scopes_supported: ScopeSet::default(),
            legacy: true,
        };
        self.choose_server(vec![origin], found, shared)
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
                let named = servers.first().map_or("", |name| &**name);
                let failure = Failure::new(code, Stage::ResourceDiscovery);
                return shared.fail(failure.comparing(wanted, named));
            }
            shared.note(Decision::ServerPinned);
            servers = vec![wanted.into()];
        }
        let grant = shared.grant.as_ref();
        let current = grant.and_then(|grant| grant.current());
        let current_listed = current.is_some_and(|entry| lists(&servers, entry.issuer.as_str()));
        let moved = current.is_some_and(|entry| entry.tokens.is_some()) && !current_listed;
        let held = grant.into_iter().flat_map(|grant| grant.entries());
        let known = held
            .filter(|entry| entry.holds_something())
            .find_map(|entry| {
                servers
                    .iter()
                    .position(|name| **name == *entry.issuer.as_str())
            });
        if moved {
            shared.note(Decision::ServerChanged);
        }
        if let Some(position) = known {
            let name = servers.remove(position);
            servers.insert(0, name);
            shared.note(Decision::ServerWithCredentials);
        }
        let names: Vec<&str> = servers.iter().map(|name| &**name).collect();
        if let Some(next) = instead_of_sign_in(&self.attempt, &names, shared) {
            return next(self.attempt, shared);
        }
        let mut attempt = self.attempt;
        if moved {
            // A new server: what was tried with the old one does not count.
            shared.memory.recovery = Default::default();
            attempt.reason = Reason::NoToken;
        }
        shared.memory.recovery.authorized = true;
        ServerDiscovery::begin(attempt, found, servers, self.search.requests, shared)
    }
}

/// What the resource turned out to be.
#[derive(Serialize, Deserialize)]
struct Found {
    resource: Resource,
    scopes_supported: ScopeSet,
    /// Whether the server publishes no metadata of its own.
    legacy: bool,
}

type Continuation = fn(Attempt, &mut Shared) -> Phase;

/// Whether something else than a sign-in comes first, now that it is known which servers the resource names: a refresh
/// of the tokens that one of them issued, or the end, if everything was tried (USE-06).
fn instead_of_sign_in(
    attempt: &Attempt,
    servers: &[&str],
    shared: &mut Shared,
) -> Option<Continuation> {
    if !matches!(attempt.reason, Reason::TokenRefused | Reason::NoToken) {
        return None;
    }
    let first = servers.first()?;
    let issuer = shared
        .grant
        .as_ref()?
        .entries()
        .iter()
        .find(|entry| entry.issuer.as_str() == *first && entry.tokens.is_some())?
        .issuer
        .clone();
    if let Some(grant) = &mut shared.grant {
        grant.focus(&issuer);
    }
    let recovery = shared.memory.recovery;
    if shared.can_refresh()
        && !recovery.refreshed
        && shared.memory.unknown_refreshes < MAX_UNKNOWN_REFRESHES
    {
        shared.memory.recovery.refreshed = true;
        return Some(Refreshing::begin);
    }
    if attempt.reason == Reason::TokenRefused && recovery.authorized {
        return Some(|_, shared| shared.fail(Failure::new(Code::TokenRejected, Stage::Use)));
    }
    None
}

/// Looking for authorization server metadata.
#[derive(Serialize, Deserialize)]
pub(crate) struct ServerDiscovery {
    pub(super) attempt: Attempt,
    found: Found,
    /// Identifiers still to be tried, as published.
    remaining: Vec<Box<str>>,
    position: u16,
    pub(super) issuer: Issuer,
    pub(super) url: HttpUrl,
    place: Place,
    search: Search,
    /// What was wrong with this server's documents.
    fault: Option<Failure>,
    /// What was wrong with the first server: what is told if none is left.
    first_failure: Option<Failure>,
}

impl ServerDiscovery {
    fn begin(
        attempt: Attempt,
        found: Found,
        servers: Vec<Box<str>>,
        requests: u8,
        shared: &mut Shared,
    ) -> Phase {
        let search = Search {
            requests,
            ..Search::default()
        };
        Self::next_server(attempt, found, servers, 0, search, None, shared)
    }

    fn next_server(
        attempt: Attempt,
        found: Found,
        mut remaining: Vec<Box<str>>,
        mut position: u16,
        search: Search,
        mut first_failure: Option<Failure>,
        shared: &mut Shared,
    ) -> Phase {
        while !remaining.is_empty() && !search.is_spent() {
            let name = remaining.remove(0);
            position = position.saturating_add(1);
            shared.note(Decision::ServerInOrder(position));
            let place = Place::OauthInserted;
            let asked = Issuer::parse(&name, shared.config.reach).and_then(|issuer| {
                let url = server_url(&issuer, place);
                HttpUrl::parse(&url, shared.config.reach).map(|url| (issuer, url))
            });
            match asked {
                Ok((issuer, url)) => {
                    shared.note(Decision::Asking(place));
                    return Phase::ServerDiscovery(Box::new(Self {
                        attempt,
                        found,
                        remaining,
                        position,
                        issuer,
                        url,
                        place,
                        search: Search {
                            redirects: 0,
                            unclear: None,
                            ..search
                        },
                        fault: None,
                        first_failure,
                    }));
                }
                Err(fault) => {
                    let failure = Failure::new(Code::BadIssuer, Stage::ServerDiscovery)
                        .about(&name)
                        .because(fault);
                    shared.note(Decision::ServerSkipped(Code::BadIssuer));
                    first_failure.get_or_insert(failure);
                }
            }
        }
        let failure = first_failure.unwrap_or_else(no_metadata);
        shared.fail(failure)
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
        match self.search.probe(answer, &self.url, shared) {
            Probe::Moved(url) if !self.search.is_spent() => {
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
            && !self.search.is_spent()
            && let Ok(url) = HttpUrl::parse(&server_url(&self.issuer, place), shared.config.reach)
        {
            self.place = place;
            self.url = url;
            self.search.redirects = 0;
            shared.note(Decision::Asking(place));
            return Phase::ServerDiscovery(self);
        }
        self.give_up_server(shared)
    }

    /// No usable metadata of this server: the next one, the default endpoints, or the end.
    fn give_up_server(self: Box<Self>, shared: &mut Shared) -> Phase {
        let holds_credentials = shared
            .grant
            .as_ref()
            .is_some_and(|grant| grant.of(&self.issuer).is_some());
        let failure = match (self.fault, self.search.unclear) {
            (Some(fault), _) => fault,
            (None, Some(wait)) => {
                let failure = Failure::new(Code::DiscoveryUnavailable, Stage::ServerDiscovery)
                    .about(self.issuer.as_str())
                    .retry_after(Some(wait));
                if holds_credentials {
                    // A passing fault must not lead from a server that knows us to one that does not.
                    return shared.fail(failure);
                }
                failure
            }
            (None, None) => {
                let opted_in = shared.config.deviations().default_endpoints;
                // Never with stored credentials, nor where metadata of the resource was seen (ASM-21).
                if self.found.legacy
                    && opted_in
                    && !holds_credentials
                    && let Some(server) =
                        ServerMetadata::default_endpoints(&self.issuer, shared.config.reach)
                {
                    shared.note(Decision::DefaultEndpoints);
                    return Self::sign_in(self.attempt, self.found, server, shared);
                }
                no_metadata().about(self.issuer.as_str())
            }
        };
        shared.note(Decision::ServerSkipped(failure.code()));
        let mut first_failure = self.first_failure;
        first_failure.get_or_insert(failure);
        Self::next_server(
            self.attempt,
            self.found,
            self.remaining,
            self.position,
            self.search,
            first_failure,
            shared,
        )
    }

    fn accept(self: Box<Self>, server: ServerMetadata, shared: &mut Shared) -> Phase {
        shared.note(Decision::ServerAccepted);
        let relaxed = server.relaxed;
        for (relaxed, decision) in [
            (relaxed.root_slash, Decision::RootSlash),
            (relaxed.pinned_issuer, Decision::PinnedIssuer),
            (relaxed.assumed_s256, Decision::AssumedS256),
            (relaxed.foreign_endpoint, Decision::EndpointElsewhere),
        ] {
            if relaxed {
                shared.note(decision);
            }
        }
        Self::sign_in(self.attempt, self.found, server, shared)
    }

    fn sign_in(
        attempt: Attempt,
        found: Found,
        server: ServerMetadata,
        shared: &mut Shared,
    ) -> Phase {
        if let Some(grant) = &mut shared.grant {
            grant.focus(&server.issuer);
        }
        SignIn::begin(
            attempt,
            found.resource,
            found.scopes_supported,
            server,
            shared,
        )
    }
}

impl SignIn {
    /// Fixes the scopes, before anything is registered or asked for.
    fn begin(
        attempt: Attempt,
        resource: Resource,
        scopes_supported: ScopeSet,
        server: ServerMetadata,
        shared: &mut Shared,
    ) -> Phase {
        match select_scopes(&attempt, scopes_supported, &server, shared) {
            Ok(scopes) => BindingRedirect::begin(
                Box::new(Self {
                    attempt,
                    resource,
                    scopes,
                    server,
                }),
                shared,
            ),
            Err(failure) => shared.fail(failure),
        }
    }
}

/// The scope selection of the specification: what the challenge names, else what the resource lists, else none; for a
/// step-up, what was asked before and what is demanded now; and `offline_access` where it is wanted and listed.
fn select_scopes(
    attempt: &Attempt,
    scopes_supported: ScopeSet,
    server: &ServerMetadata,
    shared: &mut Shared,
) -> Result<ScopeSet, Failure> {
    let config = shared.config.clone();
    if attempt.reason == Reason::StepUp {
        shared.note(Decision::ScopesWidened);
        return match &attempt.demanded {
            Some(demanded) => attempt.earlier.union(demanded).map_err(start::too_many),
            None => Ok(attempt.earlier.clone()),
        };
    }
    if let Some(scopes) = &config.scopes {
        shared.note(Decision::ScopesConfigured);
        return Ok(scopes.clone());
    }
    let scopes = match &attempt.demanded {
        Some(demanded) => {
            shared.note(Decision::ScopesFromChallenge);
            demanded.clone()
        }
        None if scopes_supported.is_empty() => {
            shared.note(Decision::ScopesOmitted);
            scopes_supported
        }
        None => {
            shared.note(Decision::ScopesFromResource);
            scopes_supported
        }
    };
    // Alone it would turn a server's default scopes into none.
    let wanted = config.settings.offline_access && server.lists_offline_access;
    if !wanted || scopes.is_empty() || scopes.contains("offline_access") {
        return Ok(scopes);
    }
    shared.note(Decision::OfflineAccess);
    ScopeSet::collect(scopes.iter().chain(["offline_access"])).map_err(start::too_many)
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

fn server_url(issuer: &Issuer, place: Place) -> String {
    match place {
        Place::OpenidInserted => issuer.well_known_inserted(server_metadata::WELL_KNOWN_OPENID),
        Place::OpenidAppended => issuer.well_known_appended(server_metadata::WELL_KNOWN_OPENID),
        _ => issuer.well_known_inserted(server_metadata::WELL_KNOWN_OAUTH),
    }
}

fn no_metadata() -> Failure {
    Failure::new(Code::NoMetadata, Stage::ServerDiscovery)
}

/// The failure for protected resource metadata that must not be used.
fn refused(fault: resource_metadata::Fault, shared: &Shared) -> Failure {
    use resource_metadata::Fault;
    let failure = |code| Failure::new(code, Stage::ResourceDiscovery);
    match fault {
        Fault::NotADocument => failure(Code::BadResourceMetadata),
        Fault::OtherResource(named) => {
            failure(Code::ResourceMismatch).comparing(shared.config.server_url(), &named)
        }
        Fault::NoAuthorizationServer => failure(Code::NoAuthorizationServer),
        Fault::TooManyServers => failure(Code::TooManyServers),
        Fault::TooManyScopes => failure(Code::TooManyScopes),
    }
}

/// The failure for server metadata that must not be used; `None` if it is no such document at all.
fn unusable(fault: server_metadata::Fault, issuer: &Issuer) -> Option<Failure> {
    use server_metadata::Fault;
    let failure = |code| Failure::new(code, Stage::ServerDiscovery);
    Some(match fault {
        Fault::NotADocument => return None,
        Fault::IssuerMismatch { published } => {
            failure(Code::IssuerMismatch).comparing(issuer.as_str(), &published)
        }
        Fault::MissingEndpoint(name) => failure(Code::BadServerMetadata).about(name),
        Fault::BadEndpoint(name, why) => failure(Code::BadServerMetadata).about(name).because(why),
        Fault::ForeignEndpoint(name) => failure(Code::ForeignEndpoint).about(name),
        Fault::NoS256 => failure(Code::PkceUnsupported),
        Fault::NoCodeFlow => failure(Code::CodeFlowUnsupported),
    })
}
