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
