//! Do the stores in databases keep the contract, against the real ones?
//!
//! `tests/services/with postgres redis -- cargo test …` starts the servers.

mod link;
mod postgres;
mod redis;
mod sqlite;
mod sweep;

use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};
use mcp_oauth_host::Store;
use mcp_oauth_host::store::Written;
use url::Url;

/// A server that was started for these tests.
fn server(variable: &str) -> Url {
    let url = std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run this through tests/services/with postgres redis --")
    });
    url.parse().expect("a URL")
}

/// Milliseconds since the epoch.
const YEAR_2100: u64 = 4_102_444_800_000;

/// A key that no other test uses.
fn grant() -> StoreKey {
    StoreKey::grant(&unique().to_string(), "https://mcp.example.com/mcp")
}

/// A number that no other test has.
fn unique() -> u64 {
    let mut number = [0; 8];
    getrandom::fill(&mut number).expect("the system's randomness");
    u64::from_ne_bytes(number)
}

async fn save(store: &dyn Store, key: &StoreKey, expires_at: Option<Timestamp>) {
    let body = SecretBytes::new(*b"a record");
    let written = store.save(key, None, 1, &body, expires_at).await;
    assert_eq!(written, Ok(Written::Done));
}
