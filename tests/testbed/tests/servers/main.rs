//! Do the servers of the testbed treat good and bad clients as they should?

mod extensions;
mod flow;
mod honest;
mod keys;
mod misbehaviour;
mod policies;
mod program;
mod quirks;
mod scene;
mod sights;

/// A builder of HTTP clients, with a TLS provider that no test needs.
fn http() -> reqwest::ClientBuilder {
    // Not an error: another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}
