//! Which quirks concern clients and how they get known?

use super::Expected::{NeedsClient, Refuses, Succeeds};
use super::{Quirk, Then, list, row};
use crate::behaviour::{
    Behaviour, Endpoint, Fault, GrantTypes, LoopbackPort, PreRegistered, Secret,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A client that people registered by hand, with a secret.
fn known_client(b: &mut Behaviour) {
    b.authorization.loopback_port = LoopbackPort::Any;
    b.registration.clients.push(PreRegistered {
        client_id: "registered-by-hand".into(),
        client_secret: Some("a-secret-told-by-hand".into()),
        token_endpoint_auth_method: Some("client_secret_post".into()),
        redirect_uris: list(&["http://127.0.0.1/callback", "http://localhost/callback"]),
        ..PreRegistered::default()
    });
}

fn methods(b: &mut Behaviour, methods: &[&str]) {
    b.token.auth_methods = list(methods);
}

pub(super) fn quirks() -> Vec<Quirk> {
    let mut all = refusals();
    all.extend(answers());
    all.extend(authentication());
    all
}

fn refusals() -> Vec<Quirk> {
    vec![
        row(
            "reg.allow-name",
            Refuses("registration refused with 403"),
            "only known client names are taken",
            |b| {
                b.registration.allowed_names = Some(list(&["Example Assistant"]));
            },
        ),
        row(
            "reg.allow-redirect",
            Refuses("invalid_redirect_uri"),
            "only redirects to one host are taken",
            |b| {
                b.registration.allowed_redirect_hosts = Some(list(&["app.example.com"]));
            },
        ),
        row(
            "reg.allow-redirect",
            Succeeds,
            "only loopback redirects are taken",
            |b| {
                b.registration.allowed_redirect_hosts =
                    Some(list(&["127.0.0.1", "[::1]", "localhost"]));
            },
        )
        .variant("loopback"),
        row(
            "reg.auth-required",
            NeedsClient,
            "registration needs an initial access token",
            |b| {
                b.registration.initial_access_token = Some("initial-access-token".into());
                known_client(b);
            },
        ),
        row(
            "reg.client-name",
            Succeeds,
            "client_name is required and must not have the server's name",
            |b| {
                b.registration.name_required = true;
                b.registration.refused_name_part = Some("Notes Incorporated".into());
            },
        ),
        row(
            "reg.error-body",
            Refuses("registration failed with 500"),
            "500 with a JSON body of its own",
            |b| {
                let body = json!({"error": "server_error", "message": "OOM command not allowed"});
                b.fault(Endpoint::Registration, Fault::json(500, &body), None);
            },
        ),
        row(
            "reg.error-body",
            Refuses("registration failed with 502"),
            "502 with a page",
            |b| {
                let page = "<html><h1>Bad gateway</h1></html>";
                b.fault(
                    Endpoint::Registration,
                    Fault::answer(502, "text/html", page),
                    None,
                );
            },
        )
        .variant("html"),
        row(
            "reg.grant-types",
            Succeeds,
            "both grant types must be registered",
            |b| {
                b.registration.grant_types = GrantTypes::ExactlyCodeAndRefresh;
            },
        ),
        row(
            "reg.no-null",
            Succeeds,
            "nulls and unknown members such as resource are refused",
            |_| {},
        ),
        row("reg.none", NeedsClient, "no registration endpoint", |b| {
            b.registration.offered = false;
            known_client(b);
        }),
        row(
            "reg.rate-limit",
            Refuses("rate limited, retry after 120 seconds"),
            "429 with Retry-After",
            |b| {
                let headers = BTreeMap::from([("Retry-After".to_owned(), "120".to_owned())]);
                let fault = Fault::Answer {
                    status: 429,
                    headers,
                    body: "Too many requests".into(),
                };
                b.fault(Endpoint::Registration, fault, Some(1));
            },
        ),
        row(
            "reg.scope",
            Succeeds,
            "a client that registers no scope gets none",
            |b| {
                b.registration.scope_when_absent = Some(String::new());
            },
        ),
        row(
            "reg.scope-strict",
            Succeeds,
            "only the resource's own scopes may be registered",
            |b| {
                b.registration.allowed_scopes = Some(list(&["notes:read", "notes:write"]));
                let all = ["openid", "email", "profile", "notes:read", "notes:write"];
                b.server_metadata.scopes_supported = Some(list(&all));
            },
        ),
    ]
}

fn answers() -> Vec<Quirk> {
    vec![
        row(
            "reg.fields",
            Succeeds,
            "members of the answer are null or empty",
            |b| {
                let answer = &mut b.registration.answer;
                for name in ["contacts", "jwks", "grant_types", "response_types"] {
                    answer.set(name, Value::Null);
                }
                for name in ["client_uri", "logo_uri", "token_endpoint_auth_method"] {
                    answer.set(name, "");
                }
            },
        ),
        row("reg.status", Succeeds, "success is 200", |b| {
            b.registration.status = 200
        }),
        row(
            "reg.expired",
            Succeeds,
            "registered clients are forgotten",
            |_| {},
        )
        .then(Then::ClientsAreForgotten),
        row(
            "reg.bogus-invalid_grant",
            Refuses("the browser never comes back"),
            "a forgotten client gets invalid_grant, and a page in the browser",
            |b| b.token.unknown_client_error = "invalid_grant".into(),
        )
        .then(Then::ClientsAreForgotten),
        row(
            "reg.region",
            Succeeds,
            "another region's server does not know the client",
            |_| {},
        )
        .then(Then::Migration),
        row(
            "redirect.exact",
            Succeeds,
            "redirect URIs are compared by character",
            |_| {},
        ),
        row(
            "redirect.port",
            Succeeds,
            "the port of a loopback redirect counts, on signing in again",
            |_| {},
        )
        .then(Then::GrantsAreRevoked),
        row(
            "redirect.port",
            NeedsClient,
            "a known client's loopback redirects may have any port",
            |b| {
                b.registration.offered = false;
                known_client(b);
            },
        )
        .variant("any"),
    ]
}

fn authentication() -> Vec<Quirk> {
    vec![
        row(
            "auth.basic-encoding",
            Succeeds,
            "Basic is read without form decoding, the secret needs it, and post works",
            |b| {
                methods(b, &["client_secret_post", "client_secret_basic"]);
                b.token.raw_basic = true;
                b.registration.reserved_characters_in_secret = true;
            },
        ),
        row(
            "auth.basic-encoding",
            Succeeds,
            "Basic only, and the secret needs form encoding",
            |b| {
                methods(b, &["client_secret_basic"]);
                b.registration.reserved_characters_in_secret = true;
            },
        )
        .variant("encoded"),
        row(
            "reg.method",
            Succeeds,
            "a secret comes although the method is none, and is needed",
            |b| {
                b.registration.secret = Secret::Always;
                b.registration
                    .answer
                    .set("token_endpoint_auth_method", "none");
            },
        )
        .variant("none"),
        row(
            "reg.method",
            Succeeds,
            "a secret comes without a method, and is needed",
            |b| {
                b.registration.secret = Secret::Always;
                b.registration.answer.unset("token_endpoint_auth_method");
            },
        )
        .variant("absent"),
        row("reg.method-select", Succeeds, "Basic only", |b| {
            methods(b, &["client_secret_basic"])
        })
        .variant("basic"),
        row("reg.method-select", Succeeds, "post only", |b| {
            methods(b, &["client_secret_post"])
        })
        .variant("post"),
        row("reg.method-select", Succeeds, "public clients only", |b| {
            methods(b, &["none"])
        })
        .variant("none"),
        row(
            "reg.method-select",
            NeedsClient,
            "a known client with a secret, post only",
            |b| {
                methods(b, &["client_secret_post"]);
                b.registration.offered = false;
                known_client(b);
            },
        )
        .variant("known-client"),
        row(
            "reg.multi-auth",
            Succeeds,
            "two authentication methods in one request are refused",
            |b| {
                b.registration.secret = Secret::Always;
                b.registration.answer.unset("token_endpoint_auth_method");
                methods(b, &["client_secret_basic", "client_secret_post"]);
            },
        ),
    ]
}
