//! Who may use the MCP endpoint (RFC 6750, RFC 8707, RFC 9449 §7, RFC 9728 §5)?

use crate::behaviour::{Endpoint, Guards, Verdict};
use crate::bench::Bench;
use crate::breach::Rule;
use crate::dpop::{INVALID_PROOF, USE_NONCE, Verifier, proven_key, with_nonce};
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
            Err(refused) => {
                bench.counts.challenges += 1;
                let reply = challenge(bench, &refused);
                let asks_for_nonce = refused.error == Some(USE_NONCE);
                return with_nonce(bench, Verifier::Resource, reply, asks_for_nonce);
            }
        },
    };
    let reply = mcp::answer(bench, request, &message, caller.as_ref());
    with_nonce(bench, Verifier::Resource, reply, false)
}

fn invalid_request(what: &str) -> Reply {
    let body = json!({"error": "invalid_request", "error_description": what});
    Reply::json(400, &body).with("WWW-Authenticate", "Bearer error=\"invalid_request\"")
}

/// Why a request may not use the endpoint.
struct Refused {
    /// A request without any token gets no error code (RFC 6750 §3.1).
    error: Option<&'static str>,
    /// It was about a token that is bound to a key.
    bound: bool,
}

fn caller(bench: &mut Bench, request: &Request) -> Result<Caller, Refused> {
    let refused = |error, bound| Err(Refused { error, bound });
    let Some(value) = request.header("authorization") else {
        return refused(None, false);
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let bound = scheme == "DPoP" && bench.behaviour.dpop.offered;
    let invalid = refused(Some("invalid_token"), bound);
    if scheme != "Bearer" && !bound {
        let what = format!("{scheme:?} instead of \"Bearer\"");
        bench.hold(Endpoint::Mcp, Rule::BearerScheme, what);
        return invalid;
    }
    let Some(access) = bench.state.access.get(token).cloned() else {
        let what = "the access token was never issued here";
        bench.hold(Endpoint::Mcp, Rule::Token, what);
        return invalid;
    };
    if access.key.is_some() != bound {
        let what = match bound {
            true => "DPoP with a token that is bound to no key",
            false => "Bearer with a token that is bound to a key",
        };
        bench.hold(Endpoint::Mcp, Rule::Binding, what);
        return invalid;
    }
    if bound {
        proven(bench, request, token, access.key.as_ref())?;
    }
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
        return invalid;
    }
    Ok(Caller {
        client_id: family.client_id.clone(),
        scope: access.scope,
        subject: family.subject.clone(),
        bound,
    })
}

/// A bound token comes with a proof of its key (RFC 9449 §7.1).
fn proven(
    bench: &mut Bench,
    request: &Request,
    token: &str,
    key: Option<&String>,
) -> Result<(), Refused> {
    let (rule, what) = match proven_key(bench, Verifier::Resource, request, Some(token)) {
        Ok(proven) if proven.as_ref() == key => return Ok(()),
        Ok(None) => (Rule::Proof, "no DPoP proof with a bound token"),
        Ok(Some(_)) => (
            Rule::Binding,
            "the proof is of another key than the token's",
        ),
        Err(refusal) => {
            refusal.hold(bench, Endpoint::Mcp);
            let error = match refusal.error.as_str() {
                USE_NONCE => USE_NONCE,
                _ => INVALID_PROOF,
            };
            return Err(Refused {
                error: Some(error),
                bound: true,
            });
        }
    };
    bench.hold(Endpoint::Mcp, rule, what);
    Err(Refused {
        error: Some(INVALID_PROOF),
        bound: true,
    })
}

/// Refuses for want of a usable token.
fn challenge(bench: &Bench, refused: &Refused) -> Reply {
    let rules = &bench.behaviour.challenge;
    let Refused { error, bound } = *refused;
    let status = if error.is_some() { 401 } else { rules.status };
    let body = json!({"error": error.unwrap_or("unauthorized")});
    let reply = Reply::json(status, &body);
    challenged(bench, reply, error, rules.scope.as_deref(), bound)
}

/// Refuses for want of a scope (RFC 6750 §3.1).
pub(crate) fn insufficient_scope(bench: &mut Bench, scope: &str, bound: bool) -> Reply {
    bench.counts.scope_challenges += 1;
    let error = "insufficient_scope";
    let reply = Reply::json(403, &json!({"error": error}));
    challenged(bench, reply, Some(error), Some(scope), bound)
}

fn challenged(
    bench: &Bench,
    reply: Reply,
    error: Option<&str>,
    scope: Option<&str>,
    bound: bool,
) -> Reply {
    let rules = &bench.behaviour.challenge;
    // A replaced challenge stays as it is; a scope challenge needs its parameters.
    if let (Some(fields), true) = (&rules.fields, error != Some("insufficient_scope")) {
        let add =
            |reply: Reply, field: &String| reply.with("WWW-Authenticate", &bench.expand(field));
        return fields.iter().fold(reply, add);
    }
    let dpop = &bench.behaviour.dpop;
    // Where either kind of token will do, each has a challenge (RFC 9449 §7.1).
    let schemes: &[_] = match (dpop.offered, dpop.required || bound) {
        (false, _) => &["Bearer"],
        (true, true) => &["DPoP"],
        (true, false) => &["Bearer", "DPoP"],
    };
    let algorithms = dpop.algorithms.join(" ");
    schemes.iter().fold(reply, |reply, scheme| {
        let parameters = [
            ("error", error),
            (
                "algs",
                Some(algorithms.as_str()).filter(|_| *scheme == "DPoP"),
            ),
            ("resource_metadata", rules.resource_metadata.as_deref()),
            ("scope", scope),
        ];
        let parameters: Vec<_> = parameters
            .iter()
            .filter_map(|(name, value)| Some(format!("{name}=\"{}\"", bench.expand((*value)?))))
            .collect();
        let field = format!("{scheme} {}", parameters.join(", "));
        reply.with("WWW-Authenticate", field.trim_end())
    })
}
