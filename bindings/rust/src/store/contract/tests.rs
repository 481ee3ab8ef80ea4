//! Does the suite notice each way to break the contract?

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mcp_oauth_core::{Slot, Timestamp};

use super::*;
use crate::store::{MemoryStore, StoreError, StoreFuture};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    None,
    InsertsOverARecord,
    ReplacesAnyGeneration,
    ComparesAsFloatingPoint,
    WritesInSpiteOfAConflict,
    DeletesAnyGeneration,
    DeletesNothing,
    ComparesThenWrites,
    TellsAnotherGeneration,
    TellsAnotherName,
    KeepsText,
    KeepsHalfAMebibyte,
    DropsWhatWillExpire,
    DropsWhatDoesNotExpireAnyMore,
    TakesAllGrantsForOne,
    ListsFlows,
    ListsNothing,
    ForgetsWhenClosed,
    FailsOnce,
}

const DEFECTS: [Defect; 18] = [
    Defect::InsertsOverARecord,
    Defect::ReplacesAnyGeneration,
    Defect::ComparesAsFloatingPoint,
    Defect::WritesInSpiteOfAConflict,
    Defect::DeletesAnyGeneration,
    Defect::DeletesNothing,
    Defect::ComparesThenWrites,
    Defect::TellsAnotherGeneration,
    Defect::TellsAnotherName,
    Defect::KeepsText,
    Defect::KeepsHalfAMebibyte,
    Defect::DropsWhatWillExpire,
    Defect::DropsWhatDoesNotExpireAnyMore,
    Defect::TakesAllGrantsForOne,
    Defect::ListsFlows,
    Defect::ListsNothing,
    Defect::ForgetsWhenClosed,
    Defect::FailsOnce,
];

/// A store that works but for one thing.
struct Broken {
    inner: Arc<MemoryStore>,
    defect: Defect,
    accesses: AtomicU64,
}

impl Broken {
    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn key(&self, key: &StoreKey) -> StoreKey {
        match self.is(Defect::TakesAllGrantsForOne) && key.slot() == Slot::Grant {
            true => StoreKey::grant("", ""),
            false => key.clone(),
        }
    }

    async fn held(&self, key: &StoreKey) -> Option<u64> {
        let record = self.inner.load(key).await.unwrap();
        record.map(|record| record.generation)
    }

    fn kept(&self, body: &SecretBytes) -> SecretBytes {
        let bytes = body.expose();
        match self.defect {
            Defect::KeepsText => super::bytes(&String::from_utf8_lossy(bytes)),
            Defect::KeepsHalfAMebibyte => SecretBytes::new(&bytes[..bytes.len().min(1 << 19)]),
            _ => body.clone(),
        }
    }
}

impl Store for Broken {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async {
            if self.is(Defect::FailsOnce) && self.accesses.fetch_add(1, Relaxed) == 20 {
                return Err(StoreError::new("the connection was lost"));
            }
            let mut record = self.inner.load(&self.key(key)).await?;
            if let Some(record) = &mut record {
                match self.defect {
                    Defect::TellsAnotherGeneration => record.generation += 1,
                    Defect::TellsAnotherName => record.name.push('x'),
                    Defect::TakesAllGrantsForOne => record.name = key.as_str().into(),
                    _ => {}
                }
            }
            Ok(record)
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
            let key = &self.key(key);
            let held = self.held(key).await;
            let alike = match self.defect {
                Defect::InsertsOverARecord => expected.is_none(),
                Defect::ReplacesAnyGeneration => expected.is_some() && held.is_some(),
                Defect::ComparesAsFloatingPoint => {
                    expected.map(|it| it as f64) == held.map(|it| it as f64)
                }
                Defect::WritesInSpiteOfAConflict => true,
                Defect::ComparesThenWrites => held == expected,
                _ => false,
            };
            if self.is(Defect::ComparesThenWrites) {
                tokio::task::yield_now().await;
            }
            let is_conflict = self.is(Defect::WritesInSpiteOfAConflict) && held != expected;
            let expected = match alike {
                true => self.held(key).await,
                false => expected,
            };
            let record = self.kept(record);
            let saved = self.inner.save(key, expected, generation, &record, None);
            let saved = saved.await;
            let dropped = match self.defect {
                Defect::DropsWhatWillExpire => expires_at.is_some(),
                Defect::DropsWhatDoesNotExpireAnyMore => {
                    expected == Some(2) && key.slot() == Slot::Flow
                }
                _ => false,
            };
            if dropped {
                self.inner.delete(key, generation).await?;
            }
            match is_conflict {
                true => Ok(Written::Conflict),
                false => saved,
            }
        })
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, expected: u64) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            let key = &self.key(key);
            match (self.defect, self.held(key).await) {
                (Defect::DeletesNothing, None) => Ok(Written::Done),
                (Defect::DeletesAnyGeneration, Some(held)) => self.inner.delete(key, held).await,
                _ => self.inner.delete(key, expected).await,
            }
        })
    }

    fn grants(&self) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(async {
            let mut grants = self.inner.grants().await?;
            match self.defect {
                Defect::ListsFlows => grants.push(Record {
                    name: StoreKey::flow("state").as_str().into(),
                    generation: 1,
                    body: bytes("x"),
                }),
                Defect::ListsNothing => grants.clear(),
                _ => {}
            }
            Ok(grants)
        })
    }
}

/// Whether the suite is content with a store that has this defect.
fn passes(defect: Defect) -> bool {
    let judged = std::thread::spawn(move || {
        let inner = Arc::new(MemoryStore::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(keeps(async || Broken {
            inner: match defect {
                Defect::ForgetsWhenClosed => Arc::default(),
                _ => Arc::clone(&inner),
            },
            defect,
            accesses: Default::default(),
        }));
    });
    judged.join().is_ok()
}

#[test]
fn each_breach_is_noticed() {
    assert!(passes(Defect::None));
    for defect in DEFECTS {
        assert!(!passes(defect), "{defect:?} goes unnoticed");
    }
}

#[test]
fn a_store_that_works_is_not_taken_for_one_that_fails() {
    let judged = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let store = MemoryStore::new();
        runtime
            .unwrap()
            .block_on(fails_without_its_database(&store));
    });
    assert!(judged.join().is_err());
}
