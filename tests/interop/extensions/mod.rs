//! Do tokens come without a person, with a key or by other ways than the browser, and are keys never told?

mod client_assertions;
mod client_credentials;
mod key;
mod leaks;
mod proofs;

use mcp_oauth_testbed::{Behaviour, PreRegistered};

/// What the client that is known beforehand is called.
const CLIENT: &str = "known-client";

/// A behaviour that knows one client, and lets nobody register.
fn knowing(client: PreRegistered) -> Behaviour {
    let mut behaviour = Behaviour::default();
    behaviour.registration.offered = false;
    behaviour.registration.clients = vec![PreRegistered {
        client_id: CLIENT.into(),
        ..client
    }];
    behaviour
}
