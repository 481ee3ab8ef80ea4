//! Does each quirk behave as the table says, towards a client that follows the specifications?

use crate::honest::{Client, NEEDS_CLIENT, Registered};
use mcp_oauth_testbed::{Behaviour, Deviation, Expected, Quirk, Testbed, Then, quirk, quirks};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What came of a quirk, and all answers on the way: path, status, header fields, body.
async fn drive(
    quirk: &Quirk,
    deviation: Option<Deviation>,
    known: bool,
) -> (Result<(), String>, Vec<String>) {
    let bed = Arc::new(Testbed::start(quirk.behaviour()).await.unwrap());
    let mut client = Client::new(&bed.mcp_url());
    client.deviation = deviation;
    let expanding = Arc::clone(&bed);
    client.expand = Box::new(move |text| expanding.expand(text));
    if known {
        let known = quirk.behaviour().registration.clients.remove(0);
        client.known = Some(Registered {
            id: known.client_id,
            secret: known.client_secret,
            method: known.token_endpoint_auth_method,
        });
    }
    let mut outcome = client.call("whoami", json!({})).await;
    if outcome.is_ok() && quirk.then != Then::Nothing {
        match quirk.then {
            Then::Nothing => {}
            Then::TokensExpire => bed.expire_access_tokens(),
            Then::GrantsAreRevoked => bed.revoke_grants(),
            Then::ClientsAreForgotten => {
                bed.forget_clients();
                bed.expire_access_tokens();
            }
            Then::Migration => bed.migrate_to_second_issuer(),
        }
        outcome = client.call("whoami", json!({})).await;
    }
    assert_eq!(bed.breaches(), [], "{} with {deviation:?}", quirk.name());
    let seen = client.seen.into_inner().unwrap();
    (outcome.map(|_| ()), seen)
}

#[tokio::test]
async fn an_honest_client_meets_what_the_table_says() {
    for quirk in quirks() {
        let name = quirk.name();
        let (plain, _) = drive(&quirk, None, false).await;
        match quirk.expected {
            Expected::Succeeds => assert_eq!(plain, Ok(()), "{name}"),
            Expected::Refuses(reason) => assert_eq!(plain, Err(reason.into()), "{name}"),
            Expected::NeedsClient => {
                assert_eq!(plain, Err(NEEDS_CLIENT.into()), "{name}");
                assert_eq!(drive(&quirk, None, true).await.0, Ok(()), "{name}");
            }
            Expected::SucceedsWith {
                deviation,
                otherwise,
            } => {
                // Without a refresh token the client only signs in more often.
                if otherwise != "no refresh token" {
                    assert_eq!(plain, Err(otherwise.into()), "{name}");
                }
                assert_eq!(
                    drive(&quirk, Some(deviation), false).await.0,
                    Ok(()),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn each_behaviour_survives_json() {
    for quirk in quirks() {
        let text = serde_json::to_string(&quirk.behaviour()).unwrap();
        assert_eq!(
            serde_json::from_str::<Behaviour>(&text).unwrap(),
            quirk.behaviour()
        );
    }
    assert_eq!(
        serde_json::from_str::<Behaviour>("{}").unwrap(),
        Behaviour::default()
    );
    assert!(serde_json::from_str::<Behaviour>("{\"tokens\": {}}").is_err());
    assert!(serde_json::from_str::<Behaviour>("{\"token\": {\"life\": 1}}").is_err());
}

#[test]
fn names_are_unique_and_found() {
    let names: BTreeSet<_> = quirks().iter().map(Quirk::name).collect();
    assert_eq!(names.len(), quirks().len());
    assert_eq!(quirk("challenge.odd:several").unwrap().variant, "several");
    assert_eq!(quirk("challenge.odd").unwrap().class, "challenge.odd");
    assert!(quirk("challenge").is_none());
}

/// For a quirk: the beginning of an answer on the way, what else it has, and what it has not.
type Sight = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const SIGHTS: [Sight; 75] = [
    ("auth.basic-encoding", "/register 201", &["/+=%:&\""], &[]),
    ("challenge.200", "/mcp 401", &["www-authenticate"], &[]),
    ("challenge.absent", "/mcp 401", &[], &["www-authenticate"]),
    ("challenge.no-metadata", "/mcp 401", &["\"Bearer\""], &[]),
    (
        "challenge.not-401:403",
        "/mcp 403",
        &["resource_metadata"],
        &["insufficient_scope"],
    ),
    ("challenge.not-401:404", "/mcp 404", &["Not found"], &[]),
    (
        "challenge.odd:no-scheme",
        "/mcp 401",
        &["\"www-authenticate\": \"http://"],
        &["Bearer"],
    ),
    (
        "challenge.odd:no-space",
        "/mcp 401",
        &["\\\",authorization_uri=", "\\\",scope="],
        &[],
    ),
    (
        "challenge.odd:several",
        "/mcp 401",
        &["\"Basic realm", "Negotiate", "\"Other scope"],
        &[],
    ),
    (
        "dup.oddity",
        "/.well-known/oauth-authorization-server 200",
        &["web_message.opener"],
        &[],
    ),
    (
        "http.content-type",
        "/.well-known",
        &["application/json, application/json"],
        &[],
    ),
    (
        "http.content-type:two-fields",
        "/.well-known",
        &["charset=utf-8", "json\", \"content"],
        &[],
    ),
    ("http.mcp-redirect", "/mcp 307", &["/mcp/\""], &[]),
    (
        "http.mcp-redirect:token",
        "/token 301",
        &["/oauth/token"],
        &[],
    ),
    (
        "http.scheme",
        "/.well-known",
        &["[\"http://auth.example.com\"]"],
        &[],
    ),
    (
        "http.scheme:resource",
        "/.well-known",
        &["\"http://notes.example.com/mcp\""],
        &[],
    ),
    (
        "http.scheme:endpoint",
        "/.well-known",
        &["\"http://auth.example.com/token\""],
        &[],
    ),
    (
        "iss.endpoint-origin",
        "/.well-known/oauth-authorization-server 200",
        &[],
        &["iss_parameter"],
    ),
    ("iss.missing", "/authorize 302", &["code="], &["iss="]),
    (
        "iss.wrong",
        "/authorize 302",
        &["iss=https%3A%2F%2Fidp.example.com\""],
        &[],
    ),
    (
        "iss.wrong:unadvertised",
        "/authorize 302",
        &["iss=https%3A%2F%2Fidp"],
        &[],
    ),
    (
        "iss.wrong:normalised",
        "/authorize 302",
        &["iss=http%3A%2F%2F127.0.0.1", "%2F\""],
        &[],
    ),
    (
        "issuer.host-mismatch",
        "/.well-known",
        &["\"issuer\":\"https://idp.example.com\""],
        &[],
    ),
    (
        "issuer.host-mismatch:missing",
        "/.well-known/oauth-auth",
        &["token_end"],
        &["\"issuer\""],
    ),
    (
        "issuer.path-dropped",
        "/.well-known/oauth-authorization-server/tenant 200",
        &[],
        &[],
    ),
    (
        "issuer.port",
        "/.well-known",
        &["\"issuer\":\"HTTP://127"],
        &[],
    ),
    (
        "issuer.root-slash:document",
        "/authorize 302",
        &["%2F\""],
        &[],
    ),
    (
        "issuer.root-slash:resource",
        "/.well-known",
        &["authorization_servers", "/\"]"],
        &[],
    ),
    ("issuer.root-slash:both", "/authorize 302", &["%2F\""], &[]),
    (
        "issuer.template",
        "/.well-known",
        &["/{tenantid}/v2.0\""],
        &[],
    ),
    (
        "metadata.absent",
        "/.well-known/openid-configuration 404",
        &[],
        &[],
    ),
    (
        "pkce.plain-listed",
        "/.well-known",
        &["[\"plain\",\"S256\"]"],
        &[],
    ),
    (
        "pkce.unadvertised",
        "/.well-known/oauth-auth",
        &["issuer"],
        &["code_challenge"],
    ),
    (
        "pkce.unadvertised:plain-only",
        "/.well-known",
        &["[\"plain\"]"],
        &[],
    ),
    (
        "prm.absent",
        "/.well-known/oauth-protected-resource 404",
        &[],
        &[],
    ),
    (
        "prm.auth-required",
        "/.well-known/oauth-protected-resource/mcp 401",
        &[],
        &[],
    ),
    (
        "prm.auth-required:everywhere",
        "/.well-known/oauth-protected-resource 401",
        &[],
        &[],
    ),
    (
        "prm.multi-as:first-404",
        "/.well-known/oauth-authorization-server/none 404",
        &[],
        &[],
    ),
    (
        "prm.multi-as:first-500",
        "/.well-known/oauth-authorization-server/none 500",
        &[],
        &[],
    ),
    (
        "prm.resource-parent",
        "/.well-known/oauth-protected-resource 200",
        &[],
        &["/mcp\""],
    ),
    (
        "prm.resource-root-slash:origin",
        "/.well-known",
        &["/\",\"scopes_supported"],
        &["mcp/"],
    ),
    ("prm.resource-root-slash:endpoint", "/mcp/ 200", &[], &[]),
    (
        "prm.resource-root-slash:resource",
        "/.well-known",
        &["/mcp/\""],
        &[],
    ),
    (
        "prm.root-only",
        "/.well-known/oauth-protected-resource/mcp 404",
        &[],
        &[],
    ),
    (
        "prm.url-nonstandard",
        "/.well-known/oauth-protected-resource/v2 200",
        &[],
        &[],
    ),
    ("prm.url-nonstandard:unusable", "/nowhere 404", &[], &[]),
    ("reg.error-body", "/register 500", &["OOM"], &[]),
    ("reg.error-body:html", "/register 502", &["<html>"], &[]),
    (
        "reg.fields",
        "/register 201",
        &["\"contacts\":null", "\"logo_uri\":\"\""],
        &[],
    ),
    (
        "reg.method:none",
        "/register 201",
        &["\"client_secret\"", "method\":\"none\""],
        &[],
    ),
    (
        "reg.method:absent",
        "/register 201",
        &["\"client_secret\""],
        &["auth_method"],
    ),
    (
        "reg.none",
        "/.well-known/oauth-auth",
        &["issuer"],
        &["registration_endpoint"],
    ),
    (
        "reg.rate-limit",
        "/register 429",
        &["\"retry-after\": \"120\""],
        &[],
    ),
    ("reg.status", "/register 200", &[], &[]),
    (
        "refresh.none",
        "/token 200",
        &["access_token"],
        &["refresh_token"],
    ),
    (
        "resource.exact",
        "/.well-known",
        &["\"resource\":\"HTTP://127"],
        &[],
    ),
    (
        "scope.empty",
        "/.well-known/oauth-protected",
        &["\"scopes_supported\":[]"],
        &[],
    ),
    (
        "scope.huge",
        "/.well-known/oauth-protected",
        &["collection-79:"],
        &[],
    ),
    (
        "scope.qualified",
        "/token 200",
        &["\"scope\":\"notes.read\""],
        &[],
    ),
    ("server.down", "/authorize 500", &[], &[]),
    (
        "token.200-error",
        "/token 200",
        &["\"error\":\"bad_verification_code\""],
        &[],
    ),
    (
        "token.200-error:ok-false",
        "/token 200",
        &["\"ok\":false"],
        &[],
    ),
    (
        "token.bearer-case",
        "/token 200",
        &["\"token_type\":\"bearer\""],
        &[],
    ),
    ("token.error-body", "/token 422", &["{\"message\":"], &[]),
    (
        "token.error-body:text",
        "/token 404",
        &["text/plain"],
        &["{\"error"],
    ),
    (
        "token.expires:string",
        "/token 200",
        &["\"expires_in\":\"3600\""],
        &[],
    ),
    (
        "token.expires:negative",
        "/token 200",
        &["\"expires_in\":-1"],
        &[],
    ),
    (
        "token.form:always",
        "/token 200",
        &["access_token=", "x-www-form"],
        &["{\"access"],
    ),
    ("token.nested", "/token 200", &["\"authed_user\":{"], &[]),
    (
        "token.scope:commas",
        "/token 200",
        &["notes:read,offline_access"],
        &[],
    ),
    (
        "token.scope:array",
        "/token 200",
        &["[\"notes:read\",\"offline_access\"]"],
        &[],
    ),
    ("token.status", "/token 201", &["access_token"], &[]),
    (
        "wellknown.html",
        "/.well-known/oauth-authorization-server/tenant 200",
        &["<!doctype"],
        &[],
    ),
    (
        "wellknown.not-404:405",
        "/.well-known/openid-configuration/tenant 405",
        &[],
        &[],
    ),
    (
        "wellknown.redirect",
        "/.well-known/oauth-protected-resource/mcp 302",
        &[],
        &[],
    ),
];

#[tokio::test]
async fn the_peculiarity_is_seen() {
    for (name, beginning, present, absent) in SIGHTS {
        let quirk = quirk(name).unwrap();
        let (_, seen) = drive(&quirk, None, false).await;
        let shown = seen.iter().any(|answer| {
            answer.starts_with(beginning)
                && present.iter().all(|part| answer.contains(part))
                && !absent.iter().any(|part| answer.contains(part))
        });
        assert!(shown, "{name}: {beginning} {present:?} not in {seen:#?}");
    }
}
