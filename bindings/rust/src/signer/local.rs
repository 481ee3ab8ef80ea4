//! How does a host sign that keeps its keys itself?

use mcp_oauth_core::{Refusal, SignRequest};

use super::{PrivateKey, Signer};
use crate::agent::AgentFuture;

/// Signs with keys of this process, each found by its thumbprint.
#[derive(Debug)]
pub struct LocalSigner(Vec<PrivateKey>);

impl LocalSigner {
    /// A signer that has these keys.
    pub fn new(keys: impl IntoIterator<Item = PrivateKey>) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl Signer for LocalSigner {
    fn sign<'a>(&'a self, request: &'a SignRequest) -> AgentFuture<'a, Vec<u8>> {
        Box::pin(async {
            let key = self.0.iter().find(|key| {
                *key.thumbprint() == *request.thumbprint && key.algorithm() == request.algorithm
            });
            key.and_then(|key| key.sign(request.input.expose().as_bytes()).ok())
                .ok_or(Refusal::Unable)
        })
    }
}
