//! Which addresses of a name may be connected to?

use mcp_oauth_core::{Cause, Reach};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves with the operating system and hands on the addresses within reach alone: what is checked is what is connected
/// to (MCP security best practices, SSRF).
pub(super) struct Checked(pub(super) Reach);

/// Why a name gave no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no address may be used: {}", .0.as_str())]
pub(super) struct Unresolved(pub(super) Cause);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found = found.map_err(|_| Unresolved(Cause::Dns))?;
            let mut outside = false;
            let inside: Vec<_> = found
                .filter(|address| {
                    let allowed = reach.allows_address(address.ip());
                    outside |= !allowed;
                    allowed
                })
                .collect();
            if inside.is_empty() {
                let cause = if outside { Cause::Blocked } else { Cause::Dns };
                return Err(Unresolved(cause).into());
            }
            Ok(Box::new(inside.into_iter()) as Addrs)
        })
    }
}
