//! What does a whole sign-in look like, from the first 401 to the sign-out?

mod story;

use std::sync::Arc;
use std::time::Instant;

use mcp_oauth_core::{Config, Settings};
use mcp_oauth_host::Authorizer;
use mcp_oauth_host::store::MemoryStore;
use mcp_oauth_testbed::{Behaviour, Testbed};
use serde_json::{Map, Value, json};

use crate::call::{one_call, text};
use crate::exit::Fault;
use crate::report::Report;
use story::{Story, Told};

/// A call of one of the testbed's tools, and what it shows.
struct Act {
    title: &'static str,
    tool: &'static str,
    /// What happens to the servers before.
    before: fn(&Testbed),
}

const ACTS: [Act; 3] = [
    Act {
        title: "A tool is called without a token. The server answers 401, and the client signs in.",
        tool: "whoami",
        before: |_| (),
    },
    Act {
        title: "Another tool needs more than was granted. The server answers 403, and the client asks for it.",
        tool: "write_note",
        before: |_| (),
    },
    Act {
        title: "The access token expires. The client refreshes it, and nobody is asked anything.",
        tool: "read_note",
        before: Testbed::expire_access_tokens,
    },
];

pub(crate) async fn run(report: &Report) -> Result<(), Fault> {
    let start = Instant::now();
    let bed = Testbed::start(Behaviour::default())
        .await
        .map_err(|error| Fault::other(format!("the servers could not be started: {error}")))?;
    let bed = Arc::new(bed);
    let story = Arc::new(Story::new(Arc::clone(&bed), *report));
    let authorizer = authorizer(&bed, &story)?;
    story.say(&format!(
        "An MCP server ({}) and its authorization server ({}) run in this process.",
        bed.mcp_url(),
        bed.issuer()
    ));
    for act in ACTS {
        (act.before)(&bed);
        story.begin(act.title);
        let result = one_call(&authorizer, &bed.mcp_url(), act.tool, arguments(act.tool)).await?;
        story.requests();
        story.say(&format!("   => {}: {}", act.tool, text(&result)));
    }
    story.begin("The user signs out. The credentials are forgotten, the registration too.");
    authorizer.sign_out(true).await?;
    let token = authorizer.token("POST", &bed.mcp_url()).await?;
    end(&bed, token.is_none(), report, start)
}

fn authorizer(bed: &Testbed, story: &Arc<Story>) -> Result<Authorizer, Fault> {
    let config = Config::new(Settings {
        server_url: bed.mcp_url(),
        client_name: "mcp-oauth demo".into(),
        ..Settings::default()
    })?;
    let observer = Arc::clone(story);
    let authorizer = Authorizer::builder(config)
        .store(Arc::new(MemoryStore::new()))
        .user_agent(Arc::new(Told::new(Arc::clone(story))))
        .observer(move |entry| observer.decision(entry))
        .build()?;
    Ok(authorizer)
}

fn arguments(tool: &str) -> Map<String, Value> {
    match tool {
        "write_note" => Map::from_iter([("text".into(), "buy milk".into())]),
        _ => Map::new(),
    }
}

/// The servers are strict judges: the demo is good only if they have nothing to say.
fn end(bed: &Testbed, signed_out: bool, report: &Report, start: Instant) -> Result<(), Fault> {
    let breaches = bed.breaches();
    if !breaches.is_empty() || !signed_out {
        return Err(Fault::other(format!(
            "the demo went wrong; signed out: {signed_out}, breaches: {breaches:?}"
        )));
    }
    let counts = bed.counts();
    let took = start.elapsed().as_millis();
    let text = format!(
        "\nDone in {took} ms. Registrations: {}; authorizations: {}; code exchanges: {}; refreshes: {}; tool calls: {}. The servers refuse \
         whatever a specification does not allow, and found nothing to refuse.",
        counts.registrations,
        counts.authorizations,
        counts.code_exchanges,
        counts.refreshes,
        counts.tool_calls
    );
    report.result(&text, || {
        json!({
            "ok": true,
            "milliseconds": took as u64,
            "registrations": counts.registrations,
            "authorizations": counts.authorizations,
            "code_exchanges": counts.code_exchanges,
            "refreshes": counts.refreshes,
            "tool_calls": counts.tool_calls,
        })
    });
    Ok(())
}
