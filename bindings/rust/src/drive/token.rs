//! What goes with a request to the MCP server?

use getrandom::SysRng;
use mcp_oauth_core::{Authorization, EntropyError, RequestHeaders, SignRequest};

use super::{Driver, now};
use crate::authorizer::Token;
use crate::error::Error;

/// A token, and the draft of the proof that goes with it.
pub(crate) struct Held {
    token: Token,
    draft: Option<Result<SignRequest, EntropyError>>,
}

impl Driver {
    /// The token, if it can be had without doing anything but signing.
    pub(crate) fn held(&self, method: &str, url: &str) -> Option<Held> {
        let token = |authorization: Authorization<'_>| {
            Token::new(authorization.expose(), authorization.generation())
        };
        match self.machine().request_headers(method, url, now()) {
            RequestHeaders::Ready(authorization) => Some(Held {
                token: token(authorization),
                draft: None,
            }),
            RequestHeaders::Sign(proof) => Some(Held {
                token: token(proof.authorization()),
                draft: Some(proof.draft(&mut SysRng)),
            }),
            RequestHeaders::RefreshDue | RequestHeaders::Absent => None,
        }
    }

    /// The token with the proof that it needs.
    pub(crate) async fn prove(&self, held: Held) -> Result<Token, Error> {
        let Some(draft) = held.draft else {
            return Ok(held.token);
        };
        let draft = draft.map_err(|_| Error::Unsigned)?;
        let signature = self.sign(&draft).await.map_err(|_| Error::Unsigned)?;
        let proof = draft.compact(&signature).map_err(|_| Error::Unsigned)?;
        Ok(held.token.with_proof(proof))
    }

    pub(crate) fn take_nonce(&self, value: &[u8]) {
        self.machine().take_nonce(value);
    }
}
