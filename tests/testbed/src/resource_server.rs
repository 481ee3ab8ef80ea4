//! Who may use the MCP endpoint (RFC 6750, RFC 8707, RFC 9728 §5)?

use crate::behaviour::{Endpoint, Guards, Verdict};
use crate::bench::Bench;
use crate::breach::Rule;
use crate::http::{Reply, Request};
use crate::mcp::{self, Caller};
use crate::pairs::Pairs;
use serde_json::json;
use std::time::Instant;

/// Answers a request to the MCP endpoint.
pub(crate) fn mcp(bench: &mut Bench, request: &Request) -> Reply {
    if request.method != "POST" {
        // No stream is offered on GET and there is no session to DELETE; asking is allowed.
        return Reply::text(405, "Method not allowed").with("Allow", "POST");
    }
    if Pairs::form(request.query.as_bytes())
        .value("access_token")
        .is_some()
    {
        return invalid_request("no tokens in URLs");
    }
    if request.repeats("authorization") {
        bench.hold(Endpoint::Mcp, Rule::Duplicate, "Authorization twice");
        return invalid_request("Authorization twice");
    }
    let message = Pairs::json(&request.body).unwrap_or_default();
    let guarded = match bench.behaviour.challenge.guards {
        Guards::Everything => true,
        Guards::ToolCalls => message.text("method") == Some("tools/call"),
    };
    let caller = match guarded || request.header("authorization").is_some() {
        false => None,
        true => match caller(bench, request) {
            Ok(caller) => Some(caller),
            Err(reply) => {
                bench.counts.challenges += 1;
                return reply;
            }
        },
    };
    mcp::answer(bench, request, &message, caller.as_ref())
}

fn invalid_request(what: &str) -> Reply {
    let body = json!({"error": "invalid_request", "error_description": what});
    Reply::json(400, &body).with("WWW-Authenticate", "Bearer error=\"invalid_request\"")
}

fn caller(bench: &mut Bench, request: &Request) -> Result<Caller, Reply> {
    let Some(value) = request.header("authorization") else {
        return Err(challenge(bench, None));
    };
    let invalid = |bench: &Bench| Err(challenge(bench, Some("invalid_token")));
    let Some(token) = value.strip_prefix("Bearer ") else {
        let scheme = value.split(' ').next().unwrap_or_default().to_owned();
        bench.hold(
            Endpoint::Mcp,
            Rule::BearerScheme,
            format!("{scheme:?} instead of \"Bearer\""),
        );
        return invalid(bench);
    };
    let Some(access) = bench.state.access.get(token).cloned() else {
        bench.hold(
            Endpoint::Mcp,
            Rule::Token,
            "the access token was never issued here",
        );
        return invalid(bench);
    };
    let family = &bench.state.families[access.family];
    let issuer = bench.addresses.issuer(&bench.behaviour, family.issuer);
    let servers = &bench.behaviour.resource_metadata.authorization_servers;
    let trusted = family.issuer == bench.active
        || servers.iter().any(|server| bench.expand(server) == issuer);
    let audience = match &family.resource {
        Some(resource) => *resource == bench.resource(),
        None => bench.behaviour.mcp.any_audience,
    };
    let usable = !family.revoked && access.expires > Instant::now() && trusted && audience;
    if !usable || bench.behaviour.mcp.verdict == Verdict::Unauthorized {
        return invalid(bench);
    }
    Ok(Caller {
        client_id: family.client_id.clone(),
        scope: access.scope,
        subject: family.subject.clone(),
    })
}

/// Refuses for want of a usable token. A request without any gets no error code (RFC 6750 §3.1).
fn challenge(bench: &Bench, error: Option<&str>) -> Reply {
    let rules = &bench.behaviour.challenge;
    let status = if error.is_some() { 401 } else { rules.status };
    let body = json!({"error": error.unwrap_or("unauthorized")});
    challenged(
        bench,
        Reply::json(status, &body),
        error,
        rules.scope.as_deref(),
    )
}

/// Refuses for want of a scope (RFC 6750 §3.1).
pub(crate) fn insufficient_scope(bench: &mut Bench, scope: &str) -> Reply {
    bench.counts.scope_challenges += 1;
    let error = "insufficient_scope";
    challenged(
        bench,
        Reply::json(403, &json!({"error": error})),
        Some(error),
        Some(scope),
    )
}

fn challenged(bench: &Bench, reply: Reply, error: Option<&str>, scope: Option<&str>) -> Reply {
    let rules = &bench.behaviour.challenge;
    // A replaced challenge stays as it is; a scope challenge needs its parameters.
    if let (Some(fields), true) = (&rules.fields, error != Some("insufficient_scope")) {
        let add =
            |reply: Reply, field: &String| reply.with("WWW-Authenticate", &bench.expand(field));
        return fields.iter().fold(reply, add);
    }
    let parameters = [
        ("error", error),
        ("resource_metadata", rules.resource_metadata.as_deref()),
        ("scope", scope),
    ];
    let parameters: Vec<_> = parameters
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}=\"{}\"", bench.expand((*value)?))))
        .collect();
    let field = format!("Bearer {}", parameters.join(", "));
    reply.with("WWW-Authenticate", field.trim_end())
}
