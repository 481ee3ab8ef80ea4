//! Which token requests get a token (RFC 6749 §3.2)?

mod answer;
mod assertion;
mod client_credentials;
mod code;
mod device;
mod refresh;

use crate::behaviour::Endpoint;
use crate::bench::Bench;
use crate::breach::Rule;
use crate::client_auth::authenticate;
use crate::clients::Client;
use crate::dpop::{INVALID_PROOF, USE_NONCE, Verifier, proven_key, with_nonce};
use crate::form::form;
use crate::http::{Reply, Request};
use crate::pairs::Pairs;
use crate::refusal::Refusal;
use crate::state::Family;

pub(crate) use assertion::JWT_BEARER;
pub(crate) use device::DEVICE_CODE;

/// A token request of a client that has shown who it is.
struct Asking {
    issuer: usize,
    client: Client,
    form: Pairs,
    /// The thumbprint of the key that it proved to hold.
    key: Option<String>,
    /// Its tokens will be bound to no key, whatever it proved.
    downgraded: bool,
}

impl Asking {
    /// The thumbprint of the key that its tokens will be bound to.
    fn binding(&self) -> Option<String> {
        self.key.clone().filter(|_| !self.downgraded)
    }

    /// A family of tokens for this client.
    fn family(&self, subject: &str, resource: Option<String>, scope: &[String]) -> Family {
        Family {
            client_id: self.client.id.clone(),
            issuer: self.issuer,
            resource,
            scope: scope.to_vec(),
            subject: subject.to_owned(),
            key: self.binding(),
            details: None,
            revoked: false,
            answer_lost: false,
            fresh_until: None,
        }
    }
}

/// What a grant is worth.
struct Issue {
    family: usize,
    scope: Vec<String>,
    refresh_token: Option<String>,
}

/// A grant type: its parameters besides `grant_type`, and what becomes of such a request.
struct Grant {
    name: &'static str,
    parameters: &'static [&'static str],
    issue: fn(&mut Bench, &Asking) -> Result<Issue, Refusal>,
}

const GRANTS: [Grant; 5] = [
    code::GRANT,
    refresh::GRANT,
    client_credentials::GRANT,
    assertion::GRANT,
    device::GRANT,
];

impl Bench {
    /// The grant types that the token endpoint takes.
    pub(crate) fn grant_types(&self) -> Vec<&'static str> {
        let all = GRANTS.iter().map(|grant| grant.name);
        all.filter(|name| self.offers(name)).collect()
    }

    fn offers(&self, grant: &str) -> bool {
        match grant {
            client_credentials::NAME => self.behaviour.client_credentials.offered,
            JWT_BEARER => self.behaviour.workload.offered || self.behaviour.enterprise.offered,
            DEVICE_CODE => self.behaviour.device.offered,
            _ => true,
        }
    }
}

/// Answers a token request.
pub(crate) fn token(
    bench: &mut Bench,
    endpoint: Endpoint,
    issuer: usize,
    request: &Request,
) -> Reply {
    let mut asks_for_nonce = false;
    let reply = match granted(bench, issuer, request) {
        Ok((issue, key)) => answer::good(bench, issuer, request, issue, key),
        Err(refusal) => {
            refusal.hold(bench, endpoint);
            asks_for_nonce = refusal.error == USE_NONCE;
            answer::bad(bench, request, &refusal)
        }
    };
    with_nonce(bench, Verifier::Server(issuer), reply, asks_for_nonce)
}

/// What the request is worth, and the key that the access token is bound to.
fn granted(
    bench: &mut Bench,
    issuer: usize,
    request: &Request,
) -> Result<(Issue, Option<String>), Refusal> {
    let asked = Pairs::form(&request.body);
    let mut grants = GRANTS.iter();
    let grant = grants.find(|one| asked.get("grant_type") == Some(one.name));
    let parameters = grant.unwrap_or(&code::GRANT).parameters;
    let form = form(bench, request, &[parameters, &["grant_type"]].concat())?;
    form.needed("grant_type")?;
    let Some(grant) = grant.filter(|grant| bench.offers(grant.name)) else {
        let what = format!("only {}", bench.grant_types().join(" and "));
        return Err(Refusal::breach(Rule::Form, "unsupported_grant_type", what));
    };
    let client = match grant.name {
        JWT_BEARER => assertion::client(bench, issuer, request, &form)?,
        _ => authenticate(bench, issuer, request, &form)?,
    };
    client.registered_for(grant.name)?;
    let key = proven_key(bench, Verifier::Server(issuer), request, None)?;
    if key.is_none() && bench.behaviour.dpop.offered && bench.behaviour.dpop.required {
        let what = "no DPoP proof, although tokens are bound";
        return Err(Refusal::breach(Rule::Proof, INVALID_PROOF, what));
    }
    if let Some(error) = &bench.behaviour.token.refused {
        return Err(Refusal::declined(error, "refused in any case"));
    }
    let asking = Asking {
        issuer,
        client,
        form,
        key,
        downgraded: bench.behaviour.dpop.downgraded,
    };
    let issue = (grant.issue)(bench, &asking)?;
    Ok((issue, asking.binding()))
}
