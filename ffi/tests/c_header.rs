//! Is `include/mcp_oauth.h` what the sources say?
#![cfg(feature = "c")]

use std::path::Path;

/// In the order in which a reader wants to meet them.
const SOURCES: &[&str] = &[
    "version", "status", "slice", "setting", "settings", "config", "sign", "step", "machine",
    "events", "request", "provided", "store", "pending",
];

#[test]
fn the_header_is_what_the_sources_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).expect("is read");
    let sources = SOURCES.iter().fold(
        cbindgen::Builder::new().with_config(config),
        |builder, name| builder.with_src(folder.join(format!("src/c/{name}.rs"))),
    );
    let mut header = Vec::new();
    sources
        .generate()
        .expect("the sources can be read")
        .write(&mut header);
    let header = String::from_utf8(header).expect("a header is text");
    let path = folder.join("include/mcp_oauth.h");
    if std::env::var_os("MCP_OAUTH_BLESS").is_some() {
        std::fs::write(&path, &header).expect("the header can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == header,
        "the header has drifted: write it anew with MCP_OAUTH_BLESS=1, and think of ABI_VERSION"
    );
}

/// Compiles as long as all that can be set is listed here: whoever adds a setting gives it a number in `src/c/settings.rs`.
#[test]
fn every_setting_of_the_core_has_a_number() {
    let mcp_oauth_core::Settings {
        server_url: _,
        reach: _,
        grant: _,
        client_name: _,
        client_uri: _,
        logo_uri: _,
        software_id: _,
        software_version: _,
        software_statement: _,
        initial_access_token: _,
        preregistered: _,
        client_document: _,
        client_key: _,
        assertion_typ: _,
        dynamic_registration: _,
        ask_for_client: _,
        redirect_uri: _,
        private_scheme_redirect: _,
        scopes: _,
        offline_access: _,
        authorize_parameters: _,
        token_parameters: _,
        pushed_authorization: _,
        dpop: _,
        dpop_keys: _,
        identity_provider: _,
        workload_audience: _,
        revoke_on_sign_out: _,
        authorization_server: _,
        require_issuer_identification: _,
        deviations,
        refresh_skew_ms: _,
        sign_in_timeout_ms: _,
        protocol_version: _,
        user_agent: _,
    } = mcp_oauth_core::Settings::default();
    let mcp_oauth_core::Deviations {
        pinned_issuer: _,
        allow_resource: _,
        same_origin_metadata: _,
        assume_s256: _,
        omit_resource: _,
        retry_refresh_without_resource: _,
        default_endpoints: _,
        assume_id_jag: _,
        extra_iss: _,
        same_origin_endpoints: _,
    } = deviations;
}
