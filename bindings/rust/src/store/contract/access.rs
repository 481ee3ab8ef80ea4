//! Is each single access right?

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};

use super::{Working, bytes, fresh, held};
use crate::store::{Record, Store, Written};

pub(super) async fn nothing_is_there_at_first(store: &dyn Store) {
    let store = Working(store);
    let key = fresh("nothing");
    assert_eq!(store.load(&key).await, None, "a record nobody saved");
    assert!(!store.delete(&key, 1).await, "nothing was deleted");
    let body = bytes("x");
    assert!(
        !store.save(&key, Some(1), 2, &body).await,
        "nothing was replaced"
    );
    assert_eq!(store.load(&key).await, None, "a conflict left a record");
}

pub(super) async fn only_the_expected_generation_is_replaced(store: &dyn Store) {
    let store = Working(store);
    let key = fresh("expected");
    let (old, new) = (bytes("old"), bytes("new"));
    assert!(store.save(&key, None, 1, &old).await, "a first record");
    for expected in [None, Some(0), Some(2)] {
        assert!(
            !store.save(&key, expected, 3, &new).await,
            "generation 1 was taken for {expected:?}"
        );
    }
    assert!(
        !store.delete(&key, 2).await,
        "another generation's deletion"
    );
    let kept = store.load(&key).await;
    assert_eq!(kept, held(&key, 1, &old), "what was saved");

    assert!(store.save(&key, Some(1), 9, &new).await, "a replacement");
    let kept = store.load(&key).await;
    assert_eq!(kept, held(&key, 9, &new), "what replaced it");
    assert!(!store.save(&key, Some(1), 2, &old).await, "a stale write");
    assert!(!store.delete(&key, 1).await, "a stale deletion");

    assert!(store.delete(&key, 9).await, "a deletion");
    assert_eq!(store.load(&key).await, None, "a deleted record");
    assert!(!store.delete(&key, 9).await, "a deletion made twice");
    assert!(store.save(&key, None, 1, &old).await, "a record made anew");
    let kept = store.load(&key).await;
    assert_eq!(kept, held(&key, 1, &old), "what was made anew");
}

/// Where numbers are kept as text, or as floating point.
pub(super) async fn generations_are_compared_to_the_last_digit(store: &dyn Store) {
    let store = Working(store);
    let key = fresh("digits");
    let body = bytes("x");
    let mut last = None;
    for generation in [9, 10, (1 << 53) + 1, i64::MAX as u64 - 1] {
        let saved = store.save(&key, last, generation, &body).await;
        assert!(saved, "{generation} was not saved after {last:?}");
        assert_eq!(store.load(&key).await, held(&key, generation, &body));
        for near in [generation - 1, generation + 1] {
            let taken = store.save(&key, Some(near), 1, &body).await;
            assert!(!taken, "{generation} was taken for {near}");
        }
        last = Some(generation);
    }
}

pub(super) async fn bytes_of_any_kind_come_back(store: &dyn Store) {
    let store = Working(store);
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let long: Vec<u8> = (0..1 << 20_u32).map(|at: u32| (at % 251) as u8).collect();
    let bodies: [(&str, &[u8]); 7] = [
        ("empty", b""),
        ("a zero", b"\0"),
        ("lines", b"\n\r\nmcp-oauth-record 1 7 -\n"),
        ("no UTF-8", b"\xff\xfe\xc3\x28"),
        ("quotes", b"'); -- \" \\ $1 % {}"),
        ("every byte", &every),
        ("1 MiB", &long),
    ];
    let changing = fresh("changing");
    for (at, (what, body)) in (1..).zip(bodies) {
        let key = fresh(what);
        let body = SecretBytes::new(body);
        assert!(store.save(&key, None, 1, &body).await, "{what}");
        assert!(store.load(&key).await == held(&key, 1, &body), "{what}");
        let before = Some(at - 1).filter(|before| *before > 0);
        assert!(store.save(&changing, before, at, &body).await, "{what}");
        let expected = held(&changing, at, &body);
        assert!(store.load(&changing).await == expected, "{what}");
    }
}

pub(super) async fn keys_do_not_touch_each_other(store: &dyn Store) {
    let store = Working(store);
    let grants = [fresh("one"), fresh("other"), StoreKey::grant("", &url())];
    let flows = [StoreKey::flow(&url()), StoreKey::flow(&(url() + "%_"))];
    for (generation, key) in (1..).zip(grants.iter().chain(&flows)) {
        let body = bytes(key.as_str());
        assert!(store.save(key, None, generation, &body).await);
    }
    for (generation, key) in (1..).zip(grants.iter().chain(&flows)) {
        let body = bytes(key.as_str());
        assert_eq!(store.load(key).await, held(key, generation, &body));
    }
    assert!(store.delete(&grants[1], 2).await);
    assert!(store.load(&grants[0]).await.is_some(), "another's deletion");

    let listed = store.0.grants().await.expect("grants can be listed");
    let is_grant = |record: &Record| record.name.starts_with("grant/");
    assert!(listed.iter().all(is_grant), "what is no grant is listed");
    let found = |key: &StoreKey| listed.iter().find(|grant| grant.name == key.as_str());
    for key in [&grants[0], &grants[2]] {
        assert_eq!(found(key), store.load(key).await.as_ref(), "a grant");
    }
    assert_eq!(found(&grants[1]), None, "a deleted grant is listed");
}

pub(super) async fn what_expired_may_be_dropped_and_nothing_else(store: &dyn Store) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = Timestamp::from_millis(now.expect("a time after 1970").as_millis() as u64);
    let day = 24 * 60 * 60 * 1000;
    let body = bytes("x");
    let save = async |key: &StoreKey, from: Option<u64>, to: u64, at: Option<Timestamp>| {
        let written = store.save(key, from, to, &body, at).await;
        assert_eq!(written, Ok(Written::Done), "with the expiry {at:?}");
    };
    let working = Working(store);
    for key in [fresh("expiry"), StoreKey::flow(&url())] {
        save(&key, None, 1, Some(now.after(day))).await;
        assert_eq!(working.load(&key).await, held(&key, 1, &body), "too early");

        save(&key, Some(1), 2, Some(now.before(day))).await;
        let left = working.load(&key).await;
        assert!(left.is_none() || left == held(&key, 2, &body));
        // Another store may be sweeping: what is gone by now was dropped, as it may be.
        let next = match left {
            Some(_) => store.save(&key, Some(2), 3, &body, None).await,
            None => store.save(&key, None, 3, &body, None).await,
        };
        if next != Ok(Written::Done) {
            save(&key, None, 3, None).await;
        }
        assert_eq!(working.load(&key).await, held(&key, 3, &body), "no expiry");

        save(&key, Some(3), 4, Some(Timestamp::from_millis(u64::MAX))).await;
        assert_eq!(working.load(&key).await, held(&key, 4, &body), "never");
    }
}

pub(super) async fn what_was_saved_outlasts_the_store(open: &impl AsyncFn() -> Arc<dyn Store>) {
    let key = fresh("reopened");
    let (old, new) = (bytes("old"), bytes("new"));
    let first = open().await;
    assert!(Working(&*first).save(&key, None, 1, &old).await);
    drop(first);
    let second = open().await;
    let second = Working(&*second);
    assert_eq!(second.load(&key).await, held(&key, 1, &old), "reopened");
    assert!(second.save(&key, Some(1), 2, &new).await, "reopened");
    assert_eq!(second.load(&key).await, held(&key, 2, &new), "reopened");
}

/// Something that no store has seen, with characters that mean something to some.
fn url() -> String {
    format!("https://mcp.example.com/?*'{}", fresh("url").as_str())
}
