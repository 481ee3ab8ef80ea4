//! How is a testbed started, controlled and looked at?

use crate::addresses::Addresses;
use crate::behaviour::Behaviour;
use crate::bench::Bench;
use crate::breach::Breach;
use crate::device;
use crate::http::{self, lock, serve};
use crate::log::{Counts, Entry};
use crate::mint::Flaw;
use crate::place::Server;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A running MCP server, two authorization servers and an identity provider, on ports of their own on 127.0.0.1.
///
/// Dropping it stops them.
pub struct Testbed {
    bench: Arc<Mutex<Bench>>,
    _servers: JoinSet<()>,
}

impl Testbed {
    /// Starts the servers.
    ///
    /// # Errors
    ///
    /// When no port of 127.0.0.1 can be had.
    pub async fn start(behaviour: Behaviour) -> io::Result<Self> {
        let roles = [
            Server::Resource,
            Server::Authorization1,
            Server::Authorization2,
            Server::IdentityProvider,
        ];
        let mut listeners = Vec::new();
        for _ in roles {
            listeners.push(TcpListener::bind("127.0.0.1:0").await?);
        }
        // Bound and closed again, so that nothing listens there.
        let dead = origin(&TcpListener::bind("127.0.0.1:0").await?)?;
        let addresses = Addresses {
            resource: origin(&listeners[0])?,
            authorization: [origin(&listeners[1])?, origin(&listeners[2])?],
            identity_provider: origin(&listeners[3])?,
            dead,
        };
        let bench = Arc::new(Mutex::new(Bench::new(addresses, behaviour)));
        let mut servers = JoinSet::new();
        for (listener, role) in listeners.into_iter().zip(roles) {
            servers.spawn(serve(listener, role, http::bench(&bench)));
        }
        Ok(Self {
            bench,
            _servers: servers,
        })
    }

    /// URL of the MCP endpoint, as a client would be configured with it.
    pub fn mcp_url(&self) -> String {
        let query = self.lock().behaviour.mcp.query.clone();
        let query = query.map(|q| format!("?{q}")).unwrap_or_default();
        self.expand("{mcp}") + &query
    }

    /// Identifier of the authorization server in use.
    pub fn issuer(&self) -> String {
        self.expand("{issuer}")
    }

    /// Identifiers of both authorization servers.
    pub fn issuers(&self) -> [String; 2] {
        ["{issuer1}", "{issuer2}"].map(|text| self.expand(text))
    }

    /// Replaces the placeholders of [`Behaviour`] in a text.
    pub fn expand(&self, text: &str) -> String {
        self.lock().expand(text)
    }

    /// Each request seen so far, without secrets.
    pub fn log(&self) -> Vec<Entry> {
        self.lock().log.clone()
    }

    /// What is held against the client; empty when all was right.
    pub fn breaches(&self) -> Vec<Breach> {
        self.lock().breaches.clone()
    }

    /// How often things happened.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// The behaviour as it is now.
    pub fn behaviour(&self) -> Behaviour {
        self.lock().behaviour.clone()
    }

    /// Changes the behaviour of the running servers. Faults count their uses anew.
    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        self.lock().set(change);
    }

    /// All access tokens issued so far expire at once. Refresh tokens stay good.
    pub fn expire_access_tokens(&self) {
        self.lock().state.expire_access_tokens();
    }

    /// All access and refresh tokens issued so far become invalid.
    pub fn revoke_grants(&self) {
        self.lock().state.revoke_grants();
    }

    /// Dynamically registered clients are forgotten; their grants are of no use any more.
    pub fn forget_clients(&self) {
        self.lock().state.forget_clients();
    }

    /// The resource names the second authorization server, and tokens of the first get 401.
    pub fn migrate_to_second_issuer(&self) {
        self.lock().active = 1;
    }

    /// Identifier of the identity provider, whose token endpoint is `/token` below it.
    pub fn identity_provider(&self) -> String {
        self.expand("{idp}")
    }

    /// A fresh JWT of the workload for an audience, as its platform would give it to a host.
    pub fn workload_assertion(&self, audience: &str, flaw: Option<Flaw>) -> String {
        self.lock().workload_assertion(audience, flaw)
    }

    /// A fresh ID token of the identity provider, as a host would hold it for its person.
    pub fn id_token(&self, flaw: Option<Flaw>) -> String {
        self.lock().id_token(flaw)
    }

    /// A refresh token of the person's session at the identity provider: the other kind of subject token.
    pub fn identity_refresh_token(&self) -> String {
        self.lock().identity_refresh_token()
    }

    /// Decides for a device as its person would on the page; false when no device waits with this code.
    pub fn decide_device(&self, user_code: &str, allowed: bool) -> bool {
        device::decide(&mut self.lock(), user_code, allowed, None)
    }

    fn lock(&self) -> MutexGuard<'_, Bench> {
        lock(&self.bench)
    }
}

fn origin(listener: &TcpListener) -> io::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}
