//! Why did the machine do what it did?

use mcp_oauth_core as core;

/// One decision: without secrets, and safe to show.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct TraceEntry {
    /// The stable name of the decision.
    pub name: String,
    /// The clause that it rests on.
    pub clause: String,
    /// The deviation from the specification, if it is one.
    pub deviation: Option<String>,
    /// The decision, in a sentence.
    pub text: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

impl From<core::TraceEntry> for TraceEntry {
    fn from(entry: core::TraceEntry) -> Self {
        let decision = entry.decision;
        Self {
            name: decision.name().to_owned(),
            clause: decision.clause().to_owned(),
            deviation: decision.deviation().map(str::to_owned),
            text: decision.to_string(),
            at_ms: entry.at.as_millis(),
        }
    }
}
