//! Do tokens come without a person, with a key or by other ways than the browser, and are keys never told?

mod assertion;
mod client_assertions;
mod client_credentials;
mod device;
mod enterprise;
mod key;
mod leaks;
mod proofs;
mod pushed;
mod sign_out;
mod workload;

use mcp_oauth_core::{AuthMethod, Preregistered, Secret};
use mcp_oauth_testbed::{Behaviour, PreRegistered, Testbed};

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

/// That client, as the host knows it.
fn known(bed: &Testbed, secret: Option<&str>, method: Option<AuthMethod>) -> Preregistered {
    Preregistered {
        issuer: bed.issuer(),
        client_id: CLIENT.into(),
        client_secret: secret.map(Secret::new),
        auth_method: method,
        endpoints: None,
    }
}
