//! What do the metadata documents say?

use crate::behaviour::{Endpoint, Members, Miss};
use crate::bench::Bench;
use crate::breach::Rule;
use crate::clients::PRIVATE_KEY_JWT;
use crate::http::{Reply, Request};
use crate::pairs::Pairs;
use crate::place::{Place, RESOURCE_METADATA, Server};
use serde_json::{Map, Value, json};

/// Serves protected resource metadata (RFC 9728 §3).
pub(crate) fn resource_metadata(bench: &mut Bench, request: &Request) -> Reply {
    if let Some(refusal) = judge(bench, Endpoint::ResourceMetadata, request) {
        return refusal;
    }
    bench.resource_metadata_read = true;
    let metadata = bench.behaviour.resource_metadata.clone();
    let mut document = Map::new();
    document.insert("resource".into(), metadata.resource.into());
    document.insert(
        "authorization_servers".into(),
        metadata.authorization_servers.into(),
    );
    document.insert("bearer_methods_supported".into(), json!(["header"]));
    if let Some(scopes) = metadata.scopes_supported {
        document.insert("scopes_supported".into(), scopes.into());
    }
    let dpop = &bench.behaviour.dpop;
    if dpop.offered {
        let algorithms = dpop.algorithms.clone();
        document.insert(
            "dpop_signing_alg_values_supported".into(),
            algorithms.into(),
        );
        if dpop.required {
            document.insert("dpop_bound_access_tokens_required".into(), true.into());
        }
    }
    let document = finished(bench, bench.active, document, &metadata.members);
    served(&document, &metadata.content_types, metadata.byte_order_mark)
}

/// Serves authorization server metadata (RFC 8414 §2).
pub(crate) fn server_metadata(bench: &mut Bench, issuer: usize, request: &Request) -> Reply {
    if let Some(refusal) = judge(bench, Endpoint::ServerMetadata, request) {
        return refusal;
    }
    if !Place::may_be_probed(bench, request.server, &request.path) {
        let what = format!("{} is no place for this issuer's metadata", request.path);
        bench.hold(Endpoint::ServerMetadata, Rule::Url, what);
    }
    let behaviour = &bench.behaviour;
    let metadata = behaviour.server_metadata.clone();
    let url = |name| bench.endpoint(issuer, name);
    let with_query = |name| bench.endpoint_with_query(issuer, name);
    let mut document = json!({
        "issuer": metadata.issuer,
        "authorization_endpoint": with_query("authorize"),
        "token_endpoint": with_query("token"),
        "response_types_supported": ["code"],
        "grant_types_supported": bench.grant_types(),
        "token_endpoint_auth_methods_supported": behaviour.token.auth_methods,
    });
    let mut put = |name: &str, value: Value| document[name] = value;
    if behaviour
        .token
        .auth_methods
        .iter()
        .any(|m| m == PRIVATE_KEY_JWT)
    {
        let name = "token_endpoint_auth_signing_alg_values_supported";
        put(name, behaviour.token.assertion_algorithms.clone().into());
    }
    if behaviour.revocation.offered {
        put("revocation_endpoint", url("revoke").into());
        let methods = behaviour.token.auth_methods.clone();
        put("revocation_endpoint_auth_methods_supported", methods.into());
    }
    if behaviour.pushed.offered {
        let name = "pushed_authorization_request_endpoint";
        put(name, url("par").into());
        let name = "require_pushed_authorization_requests";
        put(name, behaviour.pushed.required.into());
    }
    if behaviour.device.offered {
        let name = "device_authorization_endpoint";
        put(name, url("device_authorization").into());
    }
    if behaviour.enterprise.offered && behaviour.enterprise.listed {
        let profiles = json!(["urn:ietf:params:oauth:grant-profile:id-jag"]);
        put("authorization_grant_profiles_supported", profiles);
    }
    if !behaviour.authorization.details_types.is_empty() {
        let types = behaviour.authorization.details_types.clone();
        put("authorization_details_types_supported", types.into());
    }
    if behaviour.dpop.offered {
        let algorithms = behaviour.dpop.algorithms.clone();
        put("dpop_signing_alg_values_supported", algorithms.into());
    }
    if behaviour.registration.offered {
        put("registration_endpoint", url("register").into());
    }
    if !behaviour.registration.client_documents.is_empty() {
        put("client_id_metadata_document_supported", true.into());
    }
    if let Some(scopes) = &metadata.scopes_supported {
        put("scopes_supported", scopes.clone().into());
    }
    if let Some(methods) = &metadata.code_challenge_methods_supported {
        put("code_challenge_methods_supported", methods.clone().into());
    }
    if metadata.iss_advertised {
        put(
            "authorization_response_iss_parameter_supported",
            true.into(),
        );
    }
    let Value::Object(document) = document else {
        unreachable!("built as an object above")
    };
    let document = finished(bench, issuer, document, &metadata.members);
    served(&document, &metadata.content_types, metadata.byte_order_mark)
}

/// Answers where nothing is served.
pub(crate) fn miss(bench: &mut Bench, endpoint: Endpoint, request: &Request) -> Reply {
    // Browsers ask for an icon by themselves, and the page is where misses are redirected to.
    if ["/favicon.ico", PAGE].contains(&request.path.as_str()) {
        return page();
    }
    if !Place::may_be_probed(bench, request.server, &request.path) {
        let what = format!("{} {} is not published", request.method, request.path);
        bench.hold(endpoint, Rule::Url, what);
    }
    if endpoint == Endpoint::Elsewhere {
        return Reply::text(404, "Not found");
    }
    if let Some(refusal) = judge(bench, endpoint, request) {
        return refusal;
    }
    let resource =
        request.server == Server::Resource && request.path.starts_with(RESOURCE_METADATA);
    let miss = match resource {
        true => bench.behaviour.resource_metadata.elsewhere,
        false => bench.behaviour.server_metadata.elsewhere,
    };
    match miss {
        Miss::Status(401) => Reply::text(401, "Unauthorized").with("WWW-Authenticate", "Bearer"),
        Miss::Status(status) => Reply::text(status, "Nothing here"),
        Miss::HtmlPage => page(),
        Miss::RedirectToPage => Reply::empty(302).with("Location", PAGE),
        Miss::EmptyObject => Reply::json(200, &json!({})),
    }
}

const PAGE: &str = "/index.html";

fn page() -> Reply {
    Reply::html(200, "Notes", "<p>A page for people.</p>")
}

/// Metadata is read with GET and without credentials (RFC 8414 §3.1, RFC 9728 §3.1).
fn judge(bench: &mut Bench, endpoint: Endpoint, request: &Request) -> Option<Reply> {
    if request.method != "GET" {
        bench.hold(
            endpoint,
            Rule::Method,
            format!("{} for metadata", request.method),
        );
        return Some(Reply::text(405, "Method not allowed").with("Allow", "GET"));
    }
    for name in ["authorization", "cookie"] {
        if request.header(name).is_some() {
            bench.hold(
                endpoint,
                Rule::Credentials,
                format!("{name} header on discovery"),
            );
            return Some(Reply::text(400, "No credentials here"));
        }
    }
    if let Some(name) = Pairs::form(request.query.as_bytes()).duplicate() {
        bench.hold(endpoint, Rule::Duplicate, format!("{name} in the query"));
        return Some(Reply::text(400, "Duplicate parameter"));
    }
    None
}

fn finished(
    bench: &Bench,
    issuer: usize,
    mut document: Map<String, Value>,
    members: &Members,
) -> Value {
    document.extend(members.set.clone());
    document.retain(|name, _| !members.unset.contains(name));
    bench
        .addresses
        .expand_json(&bench.behaviour, issuer, &document.into())
}

fn served(document: &Value, content_types: &[String], byte_order_mark: bool) -> Reply {
    let mut reply = Reply::empty(200);
    for content_type in content_types {
        reply = reply.with("Content-Type", content_type);
    }
    let mark = if byte_order_mark { "\u{feff}" } else { "" };
    reply.body = format!("{mark}{document}").into_bytes();
    reply
}
