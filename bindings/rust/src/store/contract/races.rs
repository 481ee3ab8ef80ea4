//! Does one alone win when many write at once?

use std::sync::Arc;

use mcp_oauth_core::StoreKey;
use tokio::task::JoinSet;

use super::{Working, bytes, fresh, held};
use crate::store::Store;

const WRITERS: u64 = 12;
const ROUNDS: u64 = 8;
const ADDITIONS: u64 = 10;

pub(super) async fn one_of_many_writers_wins(open: &impl AsyncFn() -> Arc<dyn Store>) {
    let stores = [open().await, open().await];
    let key = fresh("race");
    let mut last = None;
    for round in 0..ROUNDS {
        // Each a generation and a body of its own, so that it shows whose record is kept.
        let first = 1 + round * WRITERS;
        let mut writers = JoinSet::new();
        for generation in first..first + WRITERS {
            let store = Arc::clone(&stores[generation as usize % stores.len()]);
            let key = key.clone();
            writers.spawn(async move {
                let body = bytes(&generation.to_string());
                let won = Working(&*store).save(&key, last, generation, &body).await;
                won.then_some(generation)
            });
        }
        let winners: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
        let [winner] = winners[..] else {
            panic!("of {WRITERS} writers at once, these won: {winners:?}");
        };
        let body = bytes(&winner.to_string());
        let kept = Working(&*stores[0]).load(&key).await;
        assert_eq!(kept, held(&key, winner, &body), "not the winner's record");
        last = Some(winner);
    }
    one_of_many_takers_wins(stores, key, last.expect("a winner")).await;
}

/// A pending sign-in is taken by whoever deletes it.
async fn one_of_many_takers_wins(stores: [Arc<dyn Store>; 2], key: StoreKey, generation: u64) {
    let mut takers = JoinSet::new();
    for taker in 0..WRITERS {
        let store = Arc::clone(&stores[taker as usize % stores.len()]);
        let key = key.clone();
        takers.spawn(async move { Working(&*store).delete(&key, generation).await });
    }
    let winners = takers.join_all().await.into_iter().filter(|won| *won);
    assert_eq!(winners.count(), 1, "takers of one record");
}

pub(super) async fn no_write_is_lost(open: &impl AsyncFn() -> Arc<dyn Store>) {
    let key = fresh("count");
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let store = open().await;
        let key = key.clone();
        writers.spawn(async move {
            for _ in 0..ADDITIONS {
                add_one(&*store, &key).await;
            }
        });
    }
    writers.join_all().await;
    let store = open().await;
    assert_eq!(count(&*store, &key).await, Some(4 * ADDITIONS));
}

/// Adds to the number in the record, which is its generation too, however often somebody else is faster.
pub(super) async fn add_one(store: &dyn Store, key: &StoreKey) {
    loop {
        let now = count(store, key).await;
        let next = now.unwrap_or(0) + 1;
        let body = bytes(&next.to_string());
        if Working(store).save(key, now, next, &body).await {
            return;
        }
    }
}

pub(super) async fn count(store: &dyn Store, key: &StoreKey) -> Option<u64> {
    let record = Working(store).load(key).await?;
    let body = bytes(&record.generation.to_string());
    assert_eq!(record.body, body, "a generation with another's bytes");
    Some(record.generation)
}
