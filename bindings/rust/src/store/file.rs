//! How are credentials kept in files?

use std::path::PathBuf;

use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};
use zeroize::Zeroizing;

use super::directory::{Directory, Locked};
use super::swap::{Shelf, Swapping};
use super::{Record, Store, StoreError, StoreFuture, Written};

/// One file of mode 0600 for each record, in a folder of mode 0700. Not encrypted: whoever can read the files of this user
/// can read the credentials.
pub struct FileStore(Swapping<Files>);

impl FileStore {
    /// The store in the folder `path`, which is made if need be and belongs to the store alone.
    ///
    /// # Errors
    /// When the folder cannot be made or closed to others.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let directory = Directory::prepare(path.into())?;
        Ok(Self(Swapping::new(directory.clone(), Files(directory))))
    }
}

struct Files(Directory);

impl Shelf for Files {
    fn get(&self, _: &Locked<'_>, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.0.read(name)
    }

    fn put(&self, folder: &Locked<'_>, name: &str, sealed: &[u8]) -> Result<(), StoreError> {
        folder.write(name, sealed)
    }

    fn remove(&self, folder: &Locked<'_>, name: &str) -> Result<(), StoreError> {
        folder.remove(name)
    }

    fn names(&self, _: &Locked<'_>) -> Result<Vec<String>, StoreError> {
        self.0.names()
    }
}

impl Store for FileStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        self.0.load(key)
    }

    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<u64>,
        generation: u64,
        record: &'a SecretBytes,
        expires_at: Option<Timestamp>,
    ) -> StoreFuture<'a, Written> {
        self.0.save(key, expected, generation, record, expires_at)
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, expected: u64) -> StoreFuture<'a, Written> {
        self.0.delete(key, expected)
    }

    fn grants(&self) -> StoreFuture<'_, Vec<Record>> {
        self.0.grants()
    }
}
