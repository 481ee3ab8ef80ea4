//! Where are credentials kept?
//!
//! [`default_store`] is right for a program of a person: the platform's keyring, or files where there is none.

#[cfg(feature = "aes-gcm")]
mod aes_gcm;
#[cfg(any(test, feature = "store-contract"))]
pub mod contract;
mod directory;
mod envelope;
mod file;
#[cfg(feature = "keyring")]
mod keyring;
mod memory;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod sealed;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod swap;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;

use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};

#[cfg(feature = "aes-gcm")]
pub use aes_gcm::AesGcmSealer;
pub use file::FileStore;
#[cfg(feature = "keyring")]
pub use keyring::KeyringStore;
pub use memory::MemoryStore;
pub use place::{Place, default_store, home, open};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use redis::RedisStore;
pub use sealed::{SealedStore, Sealer};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It happened, durably.
    Done,
    /// The store holds another generation than expected; nothing was changed.
    Conflict,
}

/// The store could not be read or written. Says what failed and where, never what is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(Box<str>);

impl StoreError {
    /// With a text that is safe to print.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }
}

/// What a [`Store`] holds under one key. `Debug` shows all but the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The name of its key, [`StoreKey::as_str`].
    pub name: String,
    /// The generation with which it was saved.
    pub generation: u64,
    /// The bytes that were saved.
    pub body: SecretBytes,
}

/// What a [`Store`] does, in time.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A credential store, under the contract of [`StoreOp`](mcp_oauth_core::StoreOp): a write happens completely or not at
/// all, is durable once acknowledged, and happens only if the store holds exactly the generation that is expected.
///
/// Several processes may use one store at once.
pub trait Store: Send + Sync {
    /// The record of this key.
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>>;

    /// Writes the record of this key, which has the generation `generation`, if the store holds the generation `expected`
    /// (`None`: no record). The store may drop the record after `expires_at`.
    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<u64>,
        generation: u64,
        record: &'a SecretBytes,
        expires_at: Option<Timestamp>,
    ) -> StoreFuture<'a, Written>;

    /// Removes the record of this key if the store holds the generation `expected`. No record is a conflict.
    fn delete<'a>(&'a self, key: &'a StoreKey, expected: u64) -> StoreFuture<'a, Written>;

    /// All grants that are kept, in no particular order: what a program shows to tell which servers it has credentials for.
    fn grants(&self) -> StoreFuture<'_, Vec<Record>>;
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        (**self).load(key)
    }

    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<u64>,
        generation: u64,
        record: &'a SecretBytes,
        expires_at: Option<Timestamp>,
    ) -> StoreFuture<'a, Written> {
        (**self).save(key, expected, generation, record, expires_at)
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, expected: u64) -> StoreFuture<'a, Written> {
        (**self).delete(key, expected)
    }

    fn grants(&self) -> StoreFuture<'_, Vec<Record>> {
        (**self).grants()
    }
}
