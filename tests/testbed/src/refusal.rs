//! Why is a request refused, and how is that told (RFC 6749 §5.2)?

use crate::behaviour::Endpoint;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::http::Reply;
use serde_json::json;

/// Why a request of a client is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The breach, unless the server or the course of events is to blame.
    pub(crate) rule: Option<Rule>,
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) what: String,
}

impl Refusal {
    /// The client did something wrong.
    pub(crate) fn breach(rule: Rule, error: &str, what: impl Into<String>) -> Self {
        Self {
            rule: Some(rule),
            ..Self::declined(error, what)
        }
    }

    /// The client did nothing wrong, or cannot know.
    pub(crate) fn declined(error: &str, what: impl Into<String>) -> Self {
        let status = if error == "invalid_client" { 401 } else { 400 };
        Self {
            rule: None,
            status,
            error: error.to_owned(),
            what: what.into(),
        }
    }

    /// Writes the breach down, if it is one.
    pub(crate) fn hold(&self, bench: &mut Bench, endpoint: Endpoint) {
        if let Some(rule) = self.rule {
            bench.hold(endpoint, rule, self.what.as_str());
        }
    }

    /// The answer in JSON, after the breach is written down.
    pub(crate) fn told(&self, bench: &mut Bench, endpoint: Endpoint) -> Reply {
        self.hold(bench, endpoint);
        let body = json!({"error": self.error, "error_description": self.what});
        Reply::json(self.status, &body).uncached()
    }
}
