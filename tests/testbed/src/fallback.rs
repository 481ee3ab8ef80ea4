//! Does a client try another way after its assertion was refused?

use crate::behaviour::Endpoint;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::http::Request;
use crate::pairs::Pairs;
use crate::token::JWT_BEARER;

/// Which assertion was refused last. Whoever holds it decides what happens next, not the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The JWT of a workload: there is nothing else to try.
    Workload,
    /// Something on the way from an identity to a token: there may be a newer one.
    Identity,
}

/// Looks at a request that follows a refusal. Any request but one for a token ends the matter.
pub(crate) fn look(bench: &mut Bench, endpoint: Endpoint, request: &Request) {
    let Some(refused) = bench.state.refused else {
        return;
    };
    match endpoint {
        Endpoint::Token => {
            let form = Pairs::form(&request.body);
            if refused == Refused::Identity && form.get("grant_type") == Some(JWT_BEARER) {
                return;
            }
        }
        Endpoint::Registration
        | Endpoint::Authorization
        | Endpoint::PushedAuthorization
        | Endpoint::DeviceAuthorization
        | Endpoint::Refresh => {}
        Endpoint::TokenExchange if refused == Refused::Identity => return,
        Endpoint::TokenExchange => {}
        _ => {
            bench.state.refused = None;
            return;
        }
    }
    let what = "something else is tried after a refused assertion";
    bench.hold(endpoint, Rule::Fallback, what);
}
