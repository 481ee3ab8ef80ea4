//! A person at a browser, played by a test.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_oauth_core::{OpenUrl, Secret};
use mcp_oauth_host::agent::{AgentFuture, Callback, Opened, Redirect};
use mcp_oauth_host::{Headless, Network, UserAgent};
use tokio::sync::{Notify, mpsc};

/// Sees the page, and does nothing until told to.
pub(crate) struct Visitor {
    /// How many pages were shown.
    pub(crate) pages: AtomicUsize,
    page: Mutex<Option<String>>,
    callbacks: Mutex<Option<mpsc::Sender<Callback>>>,
    shown: Notify,
}

impl Visitor {
    pub(crate) fn who_says_nothing() -> Self {
        Self {
            pages: AtomicUsize::new(0),
            page: Mutex::new(None),
            callbacks: Mutex::new(None),
            shown: Notify::new(),
        }
    }

    /// Comes back once a page is shown.
    pub(crate) async fn shown(&self) {
        let waited = tokio::time::timeout(Duration::from_secs(5), self.shown.notified()).await;
        waited.expect("a page");
    }

    /// Something arrives at the redirect URI.
    pub(crate) async fn say(&self, query: &str) {
        let callbacks = self.callbacks.lock().unwrap().clone().unwrap();
        let _ = callbacks.send(Callback::Query(Secret::new(query))).await;
    }

    /// Consents, and follows the way back.
    pub(crate) async fn come_back(&self) {
        let callback = follow(&self.page()).await;
        self.say(callback.expose().split_once('?').unwrap().1).await;
    }

    /// The page that was shown last.
    pub(crate) fn page(&self) -> String {
        self.page.lock().unwrap().clone().unwrap()
    }

    /// Whether the redirect is received no more.
    pub(crate) fn is_closed(&self) -> bool {
        let callbacks = self.callbacks.lock().unwrap();
        callbacks.as_ref().unwrap().is_closed()
    }
}

/// Consents on a page: the callback that the browser is sent to.
pub(crate) async fn follow(page: &str) -> Secret {
    Secret::new(get(page).await.headers()["location"].to_str().unwrap())
}

pub(crate) async fn get(url: &str) -> reqwest::Response {
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(no_tls())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    http.get(url).send().await.unwrap()
}

fn no_tls() -> rustls::ClientConfig {
    let ring = rustls::crypto::ring::default_provider();
    rustls::ClientConfig::builder_with_provider(ring.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

impl UserAgent for Visitor {
    fn bind<'a>(&'a self, preferred: &'a str) -> AgentFuture<'a, Redirect> {
        let (callbacks, received) = mpsc::channel(1);
        *self.callbacks.lock().unwrap() = Some(callbacks);
        let uri = preferred.replace(":0/", ":18741/");
        Box::pin(async { Ok(Redirect::new(uri, received, ())) })
    }

    fn open<'a>(&'a self, request: &'a OpenUrl, _: &'a Network) -> AgentFuture<'a, Opened> {
        Box::pin(async {
            self.pages.fetch_add(1, Ordering::Relaxed);
            *self.page.lock().unwrap() = Some(request.url.expose().to_owned());
            self.shown.notify_one();
            Ok(Opened::Shown)
        })
    }
}

/// Comes back at once, with somebody else's answer.
pub(crate) struct Forger;

impl UserAgent for Forger {
    fn bind<'a>(&'a self, preferred: &'a str) -> AgentFuture<'a, Redirect> {
        Headless.bind(preferred)
    }

    fn open<'a>(&'a self, _: &'a OpenUrl, _: &'a Network) -> AgentFuture<'a, Opened> {
        let forged = Callback::Query(Secret::new("code=x&state=y"));
        Box::pin(async { Ok(Opened::CameBack(forged)) })
    }
}
