//! How does a store that can only read and write compare and swap, across processes?

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use mcp_oauth_core::{SecretBytes, Slot, StoreKey, Timestamp};
use zeroize::Zeroizing;

use super::directory::{Directory, Locked};
use super::envelope::Envelope;
use super::{Record, Store, StoreError, StoreFuture, Written};

/// Where sealed records lie. Called on a thread that may block, and with the folder locked.
pub(super) trait Shelf: Send + Sync + 'static {
    fn get(
        &self,
        folder: &Locked<'_>,
        name: &str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError>;
    fn put(&self, folder: &Locked<'_>, name: &str, sealed: &[u8]) -> Result<(), StoreError>;
    fn remove(&self, folder: &Locked<'_>, name: &str) -> Result<(), StoreError>;
    fn names(&self, folder: &Locked<'_>) -> Result<Vec<String>, StoreError>;
}

/// A shelf under the contract of [`Store`]: each access holds the folder's lock from its read to its write.
pub(super) struct Swapping<S> {
    directory: Directory,
    shelf: Arc<S>,
}

/// A sign-in that has been over for so long that nobody will ask for its record again.
pub(super) const ABANDONED_MS: u64 = 60 * 60 * 1000;

impl<S: Shelf> Swapping<S> {
    pub(super) fn new(directory: Directory, shelf: S) -> Self {
        Self {
            directory,
            shelf: Arc::new(shelf),
        }
    }

    fn access<'a, T: Send + 'static>(
        &'a self,
        job: impl FnOnce(&S, &Locked<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        let directory = self.directory.clone();
        let shelf = Arc::clone(&self.shelf);
        Box::pin(async move {
            tokio::task::spawn_blocking(move || job(&shelf, &directory.lock()?))
                .await
                .unwrap_or_else(|_| Err(StoreError::new("the store's thread ended early")))
        })
    }
}

impl<S: Shelf> Store for Swapping<S> {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        let name = file_name(key);
        self.access(move |shelf, folder| read(shelf, folder, &name))
    }

    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<u64>,
        generation: u64,
        record: &'a SecretBytes,
        expires_at: Option<Timestamp>,
    ) -> StoreFuture<'a, Written> {
        let name = file_name(key);
        let sealed = Envelope::seal(generation, expires_at, record);
        let sweep = key.slot() == Slot::Flow;
        self.access(move |shelf, folder| {
            if generation_of(shelf, folder, &name)? != expected {
                return Ok(Written::Conflict);
            }
            shelf.put(folder, &name, &sealed)?;
            if sweep {
                sweep_abandoned(shelf, folder, now().before(ABANDONED_MS))?;
            }
            Ok(Written::Done)
        })
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, expected: u64) -> StoreFuture<'a, Written> {
        let name = file_name(key);
        self.access(move |shelf, folder| {
            if generation_of(shelf, folder, &name)? != Some(expected) {
                return Ok(Written::Conflict);
            }
            shelf.remove(folder, &name)?;
            Ok(Written::Done)
        })
    }

    fn grants(&self) -> StoreFuture<'_, Vec<Record>> {
        self.access(|shelf, folder| {
            let mut grants = Vec::new();
            for name in shelf.names(folder)? {
                if name.starts_with("grant-") {
                    grants.extend(read(shelf, folder, &name)?);
                }
            }
            Ok(grants)
        })
    }
}

fn file_name(key: &StoreKey) -> String {
    key.as_str().replace('/', "-")
}

fn read(shelf: &impl Shelf, folder: &Locked<'_>, name: &str) -> Result<Option<Record>, StoreError> {
    let sealed = shelf.get(folder, name)?;
    let opened = sealed.map(|sealed| Envelope::open(&sealed, name));
    Ok(opened.transpose()?.map(|envelope| Record {
        name: name.replacen('-', "/", 1),
        generation: envelope.generation,
        body: envelope.record,
    }))
}

fn generation_of(
    shelf: &impl Shelf,
    folder: &Locked<'_>,
    name: &str,
) -> Result<Option<u64>, StoreError> {
    Ok(read(shelf, folder, name)?.map(|record| record.generation))
}

fn sweep_abandoned(
    shelf: &impl Shelf,
    folder: &Locked<'_>,
    before: Timestamp,
) -> Result<(), StoreError> {
    for name in shelf.names(folder)? {
        if !name.starts_with("flow-") {
            continue;
        }
        let sealed = shelf.get(folder, &name)?;
        let abandoned = sealed
            .and_then(|sealed| Envelope::open(&sealed, &name).ok())
            .is_some_and(|envelope| envelope.is_expired(before));
        if abandoned {
            shelf.remove(folder, &name)?;
        }
    }
    Ok(())
}

pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_millis(since.map_or(0, |since| since.as_millis() as u64))
}
