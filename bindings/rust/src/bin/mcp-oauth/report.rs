//! How is the person, or the script, told?

use std::io::Write as _;
use std::process::ExitCode;

use mcp_oauth_core::{Advice, TraceEntry};
use serde_json::{Value, json};

use crate::exit::Fault;

/// Results go to stdout, progress to stderr.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    json: bool,
    quiet: bool,
}

impl Report {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// The result: as text for a person, or as JSON for a script.
    pub(crate) fn result(&self, text: &str, json: impl FnOnce() -> Value) {
        // A closed pipe is no failure of the command.
        let mut out = std::io::stdout().lock();
        let _ = match self.json {
            true => writeln!(out, "{}", json()),
            false => writeln!(out, "{text}"),
        };
    }

    /// What a person came to read.
    pub(crate) fn narrate(&self, text: &str) {
        if !self.json && !self.quiet {
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        }
    }

    /// What is going on.
    pub(crate) fn progress(&self, text: &str) {
        if !self.quiet {
            self.tell(text);
        }
    }

    /// What the person must see, quiet or not.
    pub(crate) fn tell(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// A decision of the machine, with its reason and clause.
    pub(crate) fn decision(&self, entry: &TraceEntry) {
        self.progress(&format!("  {}", decision(entry)));
    }

    /// The end of a command that failed.
    pub(crate) fn fault(&self, fault: &Fault) -> ExitCode {
        let mut text = format!("mcp-oauth: {}", fault.message);
        if let Some(failure) = &fault.failure {
            let advice = match failure.advice() {
                Advice::RetryAfter(millis) => format!("try again in {} s", millis.div_ceil(1000)),
                Advice::Restart => "sign in again".into(),
                Advice::Reconfigure => "change the configuration".into(),
                Advice::AskUser => "a person must sign in, or decide".into(),
                Advice::Stop => "give up on this server".into(),
            };
            text += &format!(
                "\n  {} [{}]; {advice}",
                failure.code().as_str(),
                failure.clause()
            );
        }
        self.tell(&text);
        if self.json && !fault.reported {
            self.result("", || as_json(fault));
        }
        ExitCode::from(fault.exit)
    }
}

/// One line for a decision.
pub(crate) fn decision(entry: &TraceEntry) -> String {
    let decision = &entry.decision;
    let clause = decision.clause();
    match decision.deviation() {
        Some(deviation) => format!("{decision} [{clause}; deviation: {deviation}]"),
        None => format!("{decision} [{clause}]"),
    }
}

fn as_json(fault: &Fault) -> Value {
    let mut object = json!({ "ok": false, "exit": fault.exit, "message": fault.message });
    if let Some(failure) = &fault.failure {
        object["code"] = failure.code().as_str().into();
        object["stage"] = failure.stage().as_str().into();
        object["advice"] = failure.advice().as_str().into();
        object["clause"] = failure.clause().into();
        if let Advice::RetryAfter(millis) = failure.advice() {
            object["retry_after_ms"] = millis.into();
        }
        if let Some(status) = failure.status() {
            object["status"] = status.into();
        }
        for (name, text) in [
            ("server_code", failure.server_code()),
            ("server_text", failure.server_text()),
        ] {
            if let Some(text) = text {
                object[name] = text.as_str().into();
            }
        }
    }
    object
}
