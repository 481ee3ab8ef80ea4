//! How do several sign-ins of one process share one redirect URI?

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use mcp_oauth_core::{OpenUrl, Pending, Refusal, Secret, ShowCode, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{AgentFuture, Callback, Opened, Redirect, UserAgent, listener};
use crate::http::Network;

/// One loopback listener for all sign-ins of a process, so that one redirect URI, registered once, serves every server. A
/// callback is handed to the sign-in that its `state` belongs to, once; to any other the answer is 404, and nothing happens.
///
/// Listens until it is dropped, and the user agents that were made of it with it.
pub struct SharedListener {
    uri: Box<str>,
    routes: Arc<Routes>,
    _listening: JoinSet<()>,
}

#[derive(Debug)]
struct Routes(Mutex<Pending<mpsc::Sender<Callback>>>);

/// The most sign-ins that wait for their users at once.
const MAX_WAITING: usize = 1024;

/// No sign-in waits for its user for so long, in milliseconds: a route that outlives its sign-in goes by itself.
const LONGEST_MS: u64 = 24 * 3600 * 1000;

impl SharedListener {
    /// Listens at a redirect URI: http on a loopback host, where port 0 stands for any free one. Needs a tokio runtime.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub fn listen(redirect_uri: &str) -> io::Result<Arc<Self>> {
        let place = listener::Place::read(redirect_uri).ok_or(io::ErrorKind::InvalidInput)?;
        let routes = Arc::new(Routes(Mutex::new(Pending::new(MAX_WAITING))));
        let take = {
            let routes = Arc::clone(&routes);
            move |callback: &Callback| routes.pending().take(callback.text(), now())
        };
        let (uri, listening) = listener::listen_for(&place, Box::new(take))?;
        Ok(Arc::new(Self {
            uri: uri.into(),
            routes,
            _listening: listening,
        }))
    }

    /// The redirect URI, exactly as it is listened on: what [`Settings::redirect_uri`](mcp_oauth_core::Settings) should say.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The user agent of one [`Authorizer`](crate::Authorizer): pages are shown as `browser` does, callbacks arrive here.
    pub fn agent(self: &Arc<Self>, browser: Arc<dyn UserAgent>) -> Arc<dyn UserAgent> {
        Arc::new(Sharing {
            listener: Arc::clone(self),
            browser,
            bound: Mutex::new(None),
        })
    }
}

impl Routes {
    fn pending(&self) -> MutexGuard<'_, Pending<mpsc::Sender<Callback>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Sharing {
    listener: Arc<SharedListener>,
    browser: Arc<dyn UserAgent>,
    /// Where the callback of the sign-in under way is to go.
    bound: Mutex<Option<Bound>>,
}

#[derive(Clone)]
struct Bound {
    callbacks: mpsc::Sender<Callback>,
    state: Arc<Mutex<Option<Secret>>>,
}

/// Forgets the route when the sign-in has ended.
struct Route {
    routes: Arc<Routes>,
    state: Arc<Mutex<Option<Secret>>>,
}

impl Drop for Route {
    fn drop(&mut self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = &*state {
            self.routes.pending().forget(state.expose());
        }
    }
}

impl UserAgent for Sharing {
    fn bind<'a>(&'a self, _: &'a str) -> AgentFuture<'a, Redirect> {
        Box::pin(async {
            let (callbacks, received) = mpsc::channel(1);
            let state = Arc::default();
            let route = Route {
                routes: Arc::clone(&self.listener.routes),
                state: Arc::clone(&state),
            };
            let bound = Bound { callbacks, state };
            *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = Some(bound);
            Ok(Redirect::new(&*self.listener.uri, received, route))
        })
    }

    fn open<'a>(&'a self, request: &'a OpenUrl, network: &'a Network) -> AgentFuture<'a, Opened> {
        Box::pin(async move {
            let bound = self
                .bound
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let bound = bound.ok_or(Refusal::Unable)?;
            let state = request.state.clone();
            let now = now();
            self.listener
                .routes
                .pending()
                .insert(state.expose(), now.after(LONGEST_MS), bound.callbacks, now)
                .map_err(|_| Refusal::Unable)?;
            *bound.state.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
            self.browser.open(request, network).await
        })
    }

    fn show_code<'a>(&'a self, code: &'a ShowCode) -> AgentFuture<'a, ()> {
        self.browser.show_code(code)
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_millis(since.map_or(0, |since| since.as_millis() as u64))
}
