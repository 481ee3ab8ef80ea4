//! Does a store keep the contract? The suite that every store here has passed, for a store of your own.
//!
//! ```no_run
//! use mcp_oauth_host::store::{FileStore, contract};
//!
//! # const FOLDER: &str = "store";
//! #[tokio::test(flavor = "multi_thread")]
//! async fn my_store_keeps_the_contract() {
//!     contract::keeps(async || FileStore::open(FOLDER).unwrap()).await;
//! }
//!
//! #[tokio::test]
//! async fn processes_share_my_store() {
//!     contract::keeps_between_processes("processes_share_my_store", FOLDER, async |folder| {
//!         FileStore::open(folder).unwrap()
//!     })
//!     .await;
//! }
//! ```
//!
//! Each function panics at the first breach and says which it is. They use names of their own and leave some records
//! behind: give them a database that may be thrown away.

mod access;
mod processes;
mod races;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use mcp_oauth_core::{SecretBytes, StoreKey};

pub use processes::keeps_between_processes;

use super::{Record, Store, Written};

/// Whether the store is right in what one process can see: every answer, any bytes, wrong generations, expiry, keys beside
/// each other, racing writers, and all of it again after it was closed and opened. `open` always opens the same one.
///
/// # Panics
/// When the contract is broken.
pub async fn keeps<S: Store + 'static>(open: impl AsyncFn() -> S) {
    let open = async || Arc::new(open().await) as Arc<dyn Store>;
    let store = open().await;
    let store = store.as_ref();
    access::nothing_is_there_at_first(store).await;
    access::only_the_expected_generation_is_replaced(store).await;
    access::generations_are_compared_to_the_last_digit(store).await;
    access::bytes_of_any_kind_come_back(store).await;
    access::keys_do_not_touch_each_other(store).await;
    access::what_expired_may_be_dropped_and_nothing_else(store).await;
    access::what_was_saved_outlasts_the_store(&open).await;
    races::one_of_many_writers_wins(&open).await;
    races::no_write_is_lost(&open).await;
}

/// Whether a store whose database is gone, or not the store's, says so: an error each time, never a conflict, never the
/// absence of a record, and nothing in it of what was to be kept.
///
/// # Panics
/// When the contract is broken.
pub async fn fails_without_its_database(store: &dyn Store) {
    let key = fresh("gone");
    let body = bytes("not to be told");
    let errors = [
        ("load", store.load(&key).await.err()),
        ("save", store.save(&key, None, 1, &body, None).await.err()),
        (
            "save",
            store.save(&key, Some(1), 2, &body, None).await.err(),
        ),
        ("delete", store.delete(&key, 1).await.err()),
        ("grants", store.grants().await.err()),
    ];
    for (what, error) in errors {
        let Some(error) = error else {
            panic!("{what} succeeds without a database");
        };
        let told = format!("{error} {error:?}");
        assert!(!told.contains("not to be told"), "{what} tells a record");
    }
}

/// The key of a grant that nobody has used before.
fn fresh(what: &str) -> StoreKey {
    let mut number = [0; 16];
    getrandom::fill(&mut number).expect("the system's randomness");
    let number = u128::from_ne_bytes(number);
    StoreKey::grant(&format!("{what} {number}"), "https://mcp.example.com/mcp")
}

fn bytes(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes())
}

fn held(key: &StoreKey, generation: u64, body: &SecretBytes) -> Option<Record> {
    Some(Record {
        name: key.as_str().into(),
        generation,
        body: body.clone(),
    })
}

/// Answers of a store that works. A failure is a breach as well.
struct Working<'a>(&'a dyn Store);

impl Working<'_> {
    async fn load(&self, key: &StoreKey) -> Option<Record> {
        self.0.load(key).await.expect("the record can be read")
    }

    async fn save(&self, key: &StoreKey, from: Option<u64>, to: u64, body: &SecretBytes) -> bool {
        let written = self.0.save(key, from, to, body, None).await;
        written.expect("the record can be written") == Written::Done
    }

    async fn delete(&self, key: &StoreKey, expected: u64) -> bool {
        let written = self.0.delete(key, expected).await;
        written.expect("the record can be removed") == Written::Done
    }
}
