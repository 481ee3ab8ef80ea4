//! Which assertions does a host get hold of, for its client to show?

use crate::bench::Bench;
use crate::jws::Jws;
use crate::signer::Signer;
use crate::state::{now, random};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Who says which workload is which.
pub(crate) const WORKLOAD_ISSUER: &str = "https://workloads.example.com";
/// The workload.
pub(crate) const WORKLOAD: &str = "spiffe://example.com/agent";
/// Whom the identity provider signed in.
pub(crate) const PERSON: &str = "user-1";

/// What is wrong with an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// It has expired.
    Expired,
    /// Somebody else has signed it.
    Forged,
}

fn lifetime(flaw: Option<Flaw>) -> i64 {
    if flaw == Some(Flaw::Expired) {
        return -60;
    }
    300
}

/// Signs as the issuer, unless that is the flaw.
fn signed(signer: &Signer, kind: &str, claims: serde_json::Value, flaw: Option<Flaw>) -> String {
    match flaw {
        Some(Flaw::Forged) => Signer::new().sign(kind, claims),
        _ => signer.sign(kind, claims),
    }
}

impl Bench {
    /// The JWT of the workload, as its platform makes one for an audience.
    pub(crate) fn workload_assertion(&self, audience: &str, flaw: Option<Flaw>) -> String {
        let claims = json!({
            "iss": WORKLOAD_ISSUER,
            "sub": WORKLOAD,
            "aud": audience,
            "exp": now() + lifetime(flaw),
        });
        signed(&self.workload_issuer, "JWT", claims, flaw)
    }

    /// An ID token of the person, for the client at the identity provider.
    pub(crate) fn id_token(&self, flaw: Option<Flaw>) -> String {
        let claims = json!({
            "iss": self.addresses.identity_provider,
            "sub": PERSON,
            "aud": self.behaviour.enterprise.client.client_id,
            "exp": now() + lifetime(flaw),
        });
        signed(&self.identity_provider, "JWT", claims, flaw)
    }

    /// A refresh token of the person's session at the identity provider.
    pub(crate) fn identity_refresh_token(&mut self) -> String {
        let token = random();
        self.state.identity_sessions.insert(token.clone());
        token
    }
}

/// The claims of a JWT that an issuer signed and that is still good, or what is wrong with it.
pub(crate) fn believed(token: &str, issuer: &Signer, name: &str) -> Result<Jws, &'static str> {
    let jws = Jws::read(token).map_err(|_| "it is no JWT")?;
    if !jws.signed_by(issuer.public()) || jws.claim("iss") != Some(name) {
        return Err("its issuer is not trusted");
    }
    if jws.time("exp").is_none_or(|end| end <= now()) {
        return Err("it has expired");
    }
    Ok(jws)
}
