//! How is a record encrypted before a store gets to see it?

use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};

use super::{Record, Store, StoreError, StoreFuture, Written};

/// Authenticated encryption with a key of the host's. Name and generation are associated data: what was sealed for one record
/// must not open as another, nor as an older or newer one.
pub trait Sealer: Send + Sync {
    /// Encrypts what is to be kept under this name with this generation.
    ///
    /// # Errors
    /// When it cannot be encrypted; the text says nothing of the record.
    fn seal(
        &self,
        name: &str,
        generation: u64,
        plain: &SecretBytes,
    ) -> Result<SecretBytes, StoreError>;

    /// Decrypts what [`seal`](Self::seal) gave for the same name and generation.
    ///
    /// # Errors
    /// When it is anything else, or its key is not held.
    fn open(
        &self,
        name: &str,
        generation: u64,
        sealed: &SecretBytes,
    ) -> Result<SecretBytes, StoreError>;
}

/// A store whose records are sealed before another store keeps them: whoever reads that one learns names, generations and
/// expiries alone, and a record that was changed or moved there is an error here, never another record, nor none.
pub struct SealedStore<S, K> {
    inner: S,
    sealer: K,
}

impl<S: Store, K: Sealer> SealedStore<S, K> {
    /// Keeps in `inner` what `sealer` has sealed.
    pub const fn new(inner: S, sealer: K) -> Self {
        Self { inner, sealer }
    }

    fn open(&self, record: Record) -> Result<Record, StoreError> {
        let body = self
            .sealer
            .open(&record.name, record.generation, &record.body)?;
        Ok(Record { body, ..record })
    }
}

impl<S: Store, K: Sealer> Store for SealedStore<S, K> {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async {
            let record = self.inner.load(key).await?;
            record.map(|record| self.open(record)).transpose()
        })
    }

    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<u64>,
        generation: u64,
        record: &'a SecretBytes,
        expires_at: Option<Timestamp>,
    ) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            let sealed = self.sealer.seal(key.as_str(), generation, record)?;
            let saved = self
                .inner
                .save(key, expected, generation, &sealed, expires_at);
            saved.await
        })
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, expected: u64) -> StoreFuture<'a, Written> {
        self.inner.delete(key, expected)
    }

    fn grants(&self) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(async {
            let records = self.inner.grants().await?;
            records
                .into_iter()
                .map(|record| self.open(record))
                .collect()
        })
    }
}
