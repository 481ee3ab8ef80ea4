//! Does a real MCP client get its answer from a server that the official conformance suite has set up?
//!
//! The suite says what it wants in the last argument and in the environment: see [`Task`]. Exit status 0 means that a tool
//! was called and answered; 1 that it was not, with the reason on stderr.

mod extension;
mod session;
mod task;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use mcp_oauth_core::{Config, TraceEntry};
use mcp_oauth_host::rmcp::{AuthorizedClient, authorization_error};
use mcp_oauth_host::signer::LocalSigner;
use mcp_oauth_host::store::MemoryStore;
use mcp_oauth_host::{Authorizer, Headless};

use task::Task;

/// The suite stops a client after 30 seconds; to end before that leaves time to say why.
const PATIENCE: Duration = Duration::from_secs(25);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<String, Box<dyn Error>> {
    let Task {
        settings,
        key,
        assertion,
        revision,
    } = Task::given().await?;
    let config = Config::new(settings)?;
    let url = config.server_url().to_owned();
    let mut builder = Authorizer::builder(config)
        .store(Arc::new(MemoryStore::default()))
        .user_agent(Arc::new(Headless::new()))
        .signer(Arc::new(LocalSigner::new(key)))
        .observer(show);
    if let Some(assertion) = assertion {
        builder = builder.assertions(Arc::new(assertion));
    }
    let http = AuthorizedClient::new(builder.build()?)?;

    let answer = session::first_tool(http.transport(url), revision);
    let error = match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => error,
        Err(_) => "no answer in time".into(),
    };
    // A refused notification ends the session, and what comes after it only learns that.
    let failure = authorization_error(error.as_ref())
        .cloned()
        .or_else(|| http.last_failure());
    Err(match failure {
        Some(failure) => explained(&failure).into(),
        None => error,
    })
}

fn show(entry: &TraceEntry) {
    let decision = &entry.decision;
    eprintln!("{}: {decision} [{}]", decision.name(), decision.clause());
}

/// A failure in one line: its code, what to do, and what happened.
fn explained(error: &mcp_oauth_host::Error) -> String {
    let code = error
        .failure()
        .map_or("interrupted", |failure| failure.code().as_str());
    let advice = error.advice().as_str();
    format!("{code}, advice: {advice}: {error}")
}
