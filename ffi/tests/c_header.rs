//! Is `include/mcp_oauth.h` what the sources say?
#![cfg(feature = "c")]

use std::path::Path;

/// In the order in which a reader wants to meet them.
const SOURCES: &[&str] = &[
    "version", "status", "slice", "settings", "config", "step", "machine", "events", "store",
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

/// Enumerations of the core, which leaves room for more, and what their numbers are called in the header.
const NUMBERED: &[(&str, &str, &str)] = &[
    ("action.rs", "Task", "KIND"),
    ("client.rs", "AuthMethod", "AUTH_METHOD"),
    ("error.rs", "Misuse", "STATUS_MISUSE"),
    ("error.rs", "RecordError", "STATUS_RECORD"),
    ("error/code.rs", "Advice", "ADVICE"),
    ("error/code.rs", "Fault", "FAULT"),
    ("event.rs", "Cause", "CAUSE"),
    ("event.rs", "Refusal", "REFUSAL"),
    ("event.rs", "StoreResult", "STORE_RESULT"),
    ("machine.rs", "Ignored", "IGNORED"),
    ("machine.rs", "RequestHeaders", "CREDENTIALS"),
    ("machine.rs", "Verdict", "KIND"),
    ("store.rs", "Slot", "SLOT"),
    ("uri/address.rs", "Reach", "REACH"),
];

/// The names of an enumeration's variants, which stand at four spaces in formatted source.
fn variants<'a>(source: &'a str, name: &str) -> Vec<&'a str> {
    let start = source
        .find(&format!("pub enum {name}"))
        .expect("the enumeration is there");
    source[start..]
        .lines()
        .skip(1)
        .take_while(|line| *line != "}")
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(|line| line.split([',', '(', ' ']).next().unwrap_or(line))
        .collect()
}

fn screaming(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

#[test]
fn every_variant_of_the_core_has_a_number() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).expect("is read");
    let header = read("include/mcp_oauth.h");
    for (file, name, prefix) in NUMBERED {
        let source = read(&format!("../core/src/{file}"));
        let variants = variants(&source, name);
        assert!(variants.len() > 1, "{name} has no variants");
        // Each access to the store is an action of its own here.
        for variant in variants.into_iter().filter(|variant| *variant != "Store") {
            let number = format!("    MCP_OAUTH_{prefix}_{} = ", screaming(variant));
            assert!(header.contains(&number), "{name}::{variant} has no number");
        }
    }
}

/// Compiles as long as all that can be set is listed here: whoever adds a setting gives it a number in `src/c/settings.rs`.
#[test]
fn every_setting_of_the_core_has_a_number() {
    let mcp_oauth_core::Settings {
        server_url: _,
        reach: _,
        client_name: _,
        client_uri: _,
        logo_uri: _,
        software_id: _,
        software_version: _,
        software_statement: _,
        initial_access_token: _,
        preregistered: _,
        client_document: _,
        dynamic_registration: _,
        ask_for_client: _,
        redirect_uri: _,
        private_scheme_redirect: _,
        scopes: _,
        offline_access: _,
        authorize_parameters: _,
        token_parameters: _,
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
        extra_iss: _,
        same_origin_endpoints: _,
    } = deviations;
}
