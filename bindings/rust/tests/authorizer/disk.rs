//! What if nothing can be written?

use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};
use mcp_oauth_host::Store;
use mcp_oauth_host::store::{Record, StoreError, StoreFuture, Written};

/// A store whose disk is full.
pub(crate) struct Full;

impl Store for Full {
    fn load<'a>(&'a self, _: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async { Ok(None) })
    }

    fn save<'a>(
        &'a self,
        _: &'a StoreKey,
        _: Option<u64>,
        _: u64,
        _: &'a SecretBytes,
        _: Option<Timestamp>,
    ) -> StoreFuture<'a, Written> {
        Box::pin(async { Err(StoreError::new("the disk is full")) })
    }

    fn delete<'a>(&'a self, _: &'a StoreKey, _: u64) -> StoreFuture<'a, Written> {
        Box::pin(async { Ok(Written::Conflict) })
    }

    fn grants(&self) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
