//! How is what happens told while it happens?

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_oauth_core::{OpenUrl, TraceEntry};
use mcp_oauth_host::agent::{AgentFuture, Opened, Redirect};
use mcp_oauth_host::{Headless, Network, UserAgent};
use mcp_oauth_testbed::{Server, Testbed};

use crate::report::{Report, decision};

/// Tells each request that the servers saw and each decision that the client made, in the order in which they happened.
pub(super) struct Story {
    bed: Arc<Testbed>,
    report: Report,
    /// How many requests were told.
    told: AtomicUsize,
    /// How many parts were begun.
    parts: AtomicUsize,
}

impl Story {
    pub(super) fn new(bed: Arc<Testbed>, report: Report) -> Self {
        Self {
            bed,
            report,
            told: AtomicUsize::new(0),
            parts: AtomicUsize::new(0),
        }
    }

    pub(super) fn say(&self, text: &str) {
        self.report.narrate(text);
    }

    pub(super) fn begin(&self, title: &str) {
        let part = self.parts.fetch_add(1, Ordering::Relaxed) + 1;
        self.say(&format!("\n{part}. {title}\n"));
    }

    pub(super) fn decision(&self, entry: &TraceEntry) {
        self.requests();
        self.say(&format!("     {}", decision(entry)));
    }

    /// Tells the requests since the last time.
    pub(super) fn requests(&self) {
        let log = self.bed.log();
        let told = self.told.swap(log.len(), Ordering::Relaxed);
        for request in log.iter().skip(told) {
            let to = match request.server {
                Server::Resource => "MCP server",
                _ => "authorization server",
            };
            let status = request
                .status
                .map_or("-".into(), |status| status.to_string());
            let what = ["grant_type", "tool"]
                .into_iter()
                .find_map(|name| request.values.get(name))
                .map(|value| format!("  {value}"))
                .unwrap_or_default();
            self.say(&format!(
                "   {to:>20} {:>4} {} -> {status}{what}",
                request.method, request.path
            ));
        }
    }
}

/// A user who consents at once, and is told about.
pub(super) struct Told {
    story: Arc<Story>,
    agent: Headless,
}

impl Told {
    pub(super) fn new(story: Arc<Story>) -> Self {
        Self {
            story,
            agent: Headless::new(),
        }
    }
}

impl UserAgent for Told {
    fn bind<'a>(&'a self, preferred: &'a str) -> AgentFuture<'a, Redirect> {
        self.agent.bind(preferred)
    }

    fn open<'a>(&'a self, request: &'a OpenUrl, network: &'a Network) -> AgentFuture<'a, Opened> {
        self.story.say(&format!(
            "       (here a browser would open; the user of this demo grants {} at once)",
            request.new_scopes
        ));
        self.agent.open(request, network)
    }
}
