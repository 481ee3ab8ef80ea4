//! How are credentials kept for the life of a process only?

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_oauth_core::{SecretBytes, Slot, StoreKey, Timestamp};

use super::{Record, Store, StoreFuture, Written};

/// Keeps everything in memory and forgets it when dropped.
#[derive(Default)]
pub struct MemoryStore {
    records: Mutex<Records>,
}

type Records = HashMap<StoreKey, (u64, SecretBytes)>;

fn record(key: &StoreKey, (generation, body): &(u64, SecretBytes)) -> Record {
    Record {
        name: key.as_str().into(),
        generation: *generation,
        body: body.clone(),
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        new: Option<(u64, SecretBytes)>,
    ) -> Written {
        let mut records = self.records();
        if records.get(key).map(|(generation, _)| *generation) != expected {
            return Written::Conflict;
        }
        match new {
            Some(new) => records.insert(key.clone(), new),
            None => records.remove(key),
        };
        Written::Done
    }
}

impl Store for MemoryStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        let record = self.records().get(key).map(|held| record(key, held));
        Box::pin(async { Ok(record) })
    }

    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<u64>,
        generation: u64,
        record: &'a SecretBytes,
        _expires_at: Option<Timestamp>,
    ) -> StoreFuture<'a, Written> {
        let written = self.swap(key, expected, Some((generation, record.clone())));
        Box::pin(async move { Ok(written) })
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, expected: u64) -> StoreFuture<'a, Written> {
        let written = self.swap(key, Some(expected), None);
        Box::pin(async move { Ok(written) })
    }

    fn grants(&self) -> StoreFuture<'_, Vec<Record>> {
        let records = self.records();
        let grants = records
            .iter()
            .filter(|(key, _)| key.slot() == Slot::Grant)
            .map(|(key, held)| record(key, held))
            .collect();
        Box::pin(async { Ok(grants) })
    }
}
