//! Which quirks concern the challenge, protected resource metadata and the MCP endpoint?

use super::Expected::{Refuses, Succeeds};
use super::{Deviation, Quirk, list, only_with, row};
use crate::behaviour::{Behaviour, Endpoint, Fault, Guards, Miss};
use serde_json::json;

pub(super) const ROOT: &str = "/.well-known/oauth-protected-resource";

pub(super) fn metadata_only_at(b: &mut Behaviour, path: &str) {
    b.resource_metadata.served_at = list(&[path]);
}

pub(super) fn silent_challenge(b: &mut Behaviour) {
    b.challenge.resource_metadata = None;
    b.challenge.scope = None;
}

/// A server of revision 2025-03-26: the MCP origin is the authorization server.
fn without_resource_metadata(b: &mut Behaviour) {
    silent_challenge(b);
    b.resource_metadata.served_at.clear();
    b.server_metadata.at_mcp_origin = true;
    b.server_metadata.iss_advertised = false;
    b.authorization.iss = None;
}

fn challenges(b: &mut Behaviour, fields: &[&str]) {
    b.challenge.fields = Some(list(fields));
}

pub(super) fn servers(b: &mut Behaviour, issuers: &[&str]) {
    b.resource_metadata.authorization_servers = list(issuers);
}

pub(super) fn quirks() -> Vec<Quirk> {
    let mut all = challenge();
    all.extend(resource_metadata());
    all.extend(transport());
    all
}

fn challenge() -> Vec<Quirk> {
    vec![
        row("challenge.200", Succeeds, "only tools/call is answered with 401", |b| {
            b.challenge.guards = Guards::ToolCalls;
        }),
        row("challenge.absent", Succeeds, "401 without WWW-Authenticate", |b| challenges(b, &[])),
        row("challenge.no-metadata", Succeeds, "a bare Bearer challenge", silent_challenge),
        row(
            "challenge.not-401",
            Succeeds,
            "403 instead of 401; signing in is started by the application",
            |b| b.challenge.status = 403,
        )
        .variant("403"),
        row("challenge.not-401", Refuses("the endpoint answers 404"), "the endpoint is switched off", |b| {
            b.fault(Endpoint::Mcp, Fault::answer(404, "text/plain", "Not found"), None);
        })
        .variant("404"),
        row("challenge.odd", Succeeds, "a URL without a scheme", |b| {
            challenges(b, &["{as1}/.well-known/oauth-authorization-server"]);
        })
        .variant("no-scheme"),
        row("challenge.odd", Succeeds, "no space after commas, and an unknown parameter", |b| {
            challenges(b, &["Bearer realm=\"notes\",authorization_uri=\"{as1}/authorize\",resource_metadata=\"{prm}\",scope=\"notes:read\""]);
        })
        .variant("no-space"),
        row("challenge.odd", Succeeds, "several challenges in one field and in several", |b| {
            challenges(b, &[
                "Basic realm=\"a, b\", Negotiate dG9rZW4=, Bearer resource_metadata=\"{prm}\"",
                "Other scope=\"ignored\"",
            ]);
        })
        .variant("several"),
        row("dup.oddity", Succeeds, "unknown members, and response modes that mean nothing", |b| {
            let metadata = &mut b.server_metadata.members;
            metadata.set("response_modes_supported", json!(["web_message.opener"]));
            metadata.set("resource", "{mcp}");
            metadata.set("resource_metadata", "{prm}");
            let metadata = &mut b.resource_metadata.members;
            metadata.set("upstream_authorization_server", "https://idp.example.com");
        }),
    ]
}

fn resource_metadata() -> Vec<Quirk> {
    vec![
        row(
            "prm.absent",
            Succeeds,
            "no protected resource metadata, metadata at the MCP origin",
            |b| {
                without_resource_metadata(b);
            },
        ),
        row(
            "prm.absent",
            only_with(
                Deviation::DefaultEndpoints,
                "no authorization server metadata",
            ),
            "no metadata of either kind",
            |b| {
                without_resource_metadata(b);
                b.server_metadata.served_at.clear();
            },
        )
        .variant("default-endpoints"),
        row(
            "prm.auth-required",
            Succeeds,
            "the path form answers 401, the root form is served",
            |b| {
                silent_challenge(b);
                metadata_only_at(b, ROOT);
                b.resource_metadata.elsewhere = Miss::Status(401);
            },
        ),
        row(
            "prm.auth-required",
            Succeeds,
            "both forms answer 401, metadata at the MCP origin",
            |b| {
                without_resource_metadata(b);
                b.resource_metadata.elsewhere = Miss::Status(401);
            },
        )
        .variant("everywhere"),
        row(
            "prm.multi-as",
            Succeeds,
            "the first authorization server does not listen",
            |b| {
                servers(b, &["{dead}", "{issuer}"]);
            },
        )
        .variant("first-dead"),
        row(
            "prm.multi-as",
            Succeeds,
            "the first authorization server has no metadata",
            |b| {
                servers(b, &["{as2}/none", "{issuer}"]);
            },
        )
        .variant("first-404"),
        row(
            "prm.multi-as",
            Succeeds,
            "the first authorization server answers 500",
            |b| {
                servers(b, &["{as2}/none", "{issuer}"]);
                b.server_metadata.elsewhere = Miss::Status(500);
            },
        )
        .variant("first-500"),
        row(
            "prm.multi-as",
            Succeeds,
            "two authorization servers, both good",
            |b| {
                servers(b, &["{issuer1}", "{issuer2}"]);
            },
        )
        .variant("both-good"),
        row(
            "prm.path-only",
            Succeeds,
            "the root form is not served, the challenge is silent",
            silent_challenge,
        ),
        row(
            "prm.query",
            Succeeds,
            "the configured URL has a query, the published resource has none",
            |b| {
                b.mcp.query = Some("project=1&source=docs".into());
            },
        ),
        row(
            "prm.resource-other",
            only_with(
                Deviation::AllowResource("https://notes.example.com/mcp"),
                "the resource is of another origin",
            ),
            "the published resource is of another origin",
            |b| b.resource_metadata.resource = "https://notes.example.com/mcp".into(),
        ),
        row(
            "prm.resource-parent",
            Succeeds,
            "the resource is the origin, metadata at the root",
            |b| {
                metadata_only_at(b, ROOT);
                b.resource_metadata.resource = "{rs}".into();
            },
        ),
        row(
            "prm.resource-root-slash",
            Succeeds,
            "the resource is the origin with a slash",
            |b| {
                b.resource_metadata.resource = "{rs}/".into();
            },
        )
        .variant("origin"),
        row(
            "prm.resource-root-slash",
            Succeeds,
            "the endpoint has a final slash, the resource has none",
            |b| {
                b.mcp.path = "/mcp/".into();
                b.resource_metadata.resource = "{rs}/mcp".into();
            },
        )
        .variant("endpoint"),
        row(
            "prm.resource-root-slash",
            Succeeds,
            "the resource has a final slash, the endpoint has none",
            |b| {
                b.resource_metadata.resource = "{mcp}/".into();
            },
        )
        .variant("resource"),
        row(
            "prm.root-only",
            Succeeds,
            "the root form names a resource with a path",
            |b| {
                silent_challenge(b);
                metadata_only_at(b, ROOT);
            },
        ),
        row(
            "prm.url-nonstandard",
            Succeeds,
            "the challenge names an underived URL",
            |b| {
                metadata_only_at(b, "/.well-known/oauth-protected-resource/v2");
            },
        ),
        row(
            "prm.url-nonstandard",
            Succeeds,
            "the challenge names a URL where nothing is",
            |b| {
                b.challenge.resource_metadata = Some("{rs}/nowhere".into());
            },
        )
        .variant("unusable"),
    ]
}

fn transport() -> Vec<Quirk> {
    vec![
        row(
            "http.content-type",
            Succeeds,
            "the content type is stated twice",
            |b| {
                let twice = list(&["application/json, application/json"]);
                b.resource_metadata.content_types = twice.clone();
                b.server_metadata.content_types = twice;
            },
        ),
        row(
            "http.content-type",
            Succeeds,
            "two content type fields",
            |b| {
                let twice = list(&["application/json", "application/json; charset=utf-8"]);
                b.resource_metadata.content_types = twice.clone();
                b.server_metadata.content_types = twice;
            },
        )
        .variant("two-fields"),
        row(
            "http.mcp-redirect",
            Refuses("the MCP endpoint redirects"),
            "the MCP endpoint answers 307 with a URL of another origin",
            |b| {
                b.fault(Endpoint::Mcp, Fault::redirect(307, "{as2}/mcp"), None);
            },
        ),
        row(
            "http.mcp-redirect",
            Refuses("the token endpoint redirects"),
            "the token endpoint answers 301",
            |b| {
                b.fault(
                    Endpoint::Token,
                    Fault::redirect(301, "{as1}/oauth/token"),
                    None,
                );
            },
        )
        .variant("token"),
        row(
            "http.scheme",
            Refuses("plain http"),
            "the authorization server is named with http",
            |b| {
                servers(b, &["http://auth.example.com"]);
            },
        ),
        row(
            "http.scheme",
            Refuses("the resource is of another origin"),
            "the resource is named with http",
            |b| {
                b.resource_metadata.resource = "http://notes.example.com/mcp".into();
            },
        )
        .variant("resource"),
        row(
            "http.scheme",
            Refuses("plain http"),
            "the token endpoint is named with http",
            |b| {
                b.server_metadata
                    .members
                    .set("token_endpoint", "http://auth.example.com/token");
            },
        )
        .variant("endpoint"),
        row("http.user-agent", Succeeds, "403 without User-Agent", |b| {
            b.user_agent_required = true
        }),
    ]
}
