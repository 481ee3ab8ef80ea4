//! Is a record sealed as every language seals it, and opened as nothing else?

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_oauth_core::StoreKey;
use serde_json::Value;

use super::*;
use crate::store::{MemoryStore, SealedStore, Store, Written, contract};

const KEY: [u8; 32] = [1; 32];
const OTHER: [u8; 32] = [2; 32];

fn sealer(keys: &[[u8; 32]]) -> AesGcmSealer {
    AesGcmSealer::new(keys).unwrap()
}

fn bytes(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes())
}

/// A record of `tests/records`, sealed by another implementation.
#[test]
fn the_frozen_record_is_opened_and_made_again() {
    let frozen = include_str!("../../../../../tests/records/sealed-1.json");
    let frozen: Value = serde_json::from_str(frozen).unwrap();
    let text = |member: &str| frozen[member].as_str().unwrap();
    let decoded = |member| URL_SAFE_NO_PAD.decode(text(member)).unwrap();
    let key: [u8; 32] = decoded("key").try_into().unwrap();
    let generation = frozen["generation"].as_u64().unwrap();
    let (plain, sealed) = (bytes(text("plain")), SecretBytes::new(decoded("sealed")));

    let sealer = sealer(&[OTHER, key]);
    let opened = sealer.open(text("name"), generation, &sealed);
    assert_eq!(opened.unwrap(), plain);
    let nonce = std::array::from_fn(|at| at as u8);
    let again = AesGcmSealer::new([&key]).unwrap();
    let again = again.seal_with(nonce, text("name"), generation, &plain);
    assert_eq!(again.unwrap(), sealed);
}

#[test]
fn nothing_but_the_very_record_opens() {
    let sealer = sealer(&[KEY]);
    let sealed = sealer.seal("grant/a", 7, &bytes("a record")).unwrap();
    assert_eq!(
        sealer.open("grant/a", 7, &sealed).unwrap(),
        bytes("a record")
    );
    assert!(sealer.open("grant/b", 7, &sealed).is_err());
    assert!(sealer.open("grant/a", 8, &sealed).is_err());
    for at in 0..sealed.expose().len() {
        let mut changed = sealed.expose().to_vec();
        changed[at] ^= 1;
        let changed = SecretBytes::new(changed);
        assert!(sealer.open("grant/a", 7, &changed).is_err(), "byte {at}");
        let cut = SecretBytes::new(&sealed.expose()[..at]);
        assert!(sealer.open("grant/a", 7, &cut).is_err(), "{at} bytes");
    }
}

#[test]
fn no_two_seals_are_alike() {
    let sealer = sealer(&[KEY]);
    let seal = || sealer.seal("grant/a", 7, &bytes("a record")).unwrap();
    assert_ne!(seal(), seal());
}

#[test]
fn keys_can_be_rotated() {
    let old = sealer(&[KEY])
        .seal("grant/a", 1, &bytes("a record"))
        .unwrap();
    let rotated = sealer(&[OTHER, KEY]);
    assert_eq!(rotated.open("grant/a", 1, &old).unwrap(), bytes("a record"));
    let new = rotated.seal("grant/a", 2, &bytes("a record")).unwrap();
    assert!(sealer(&[OTHER]).open("grant/a", 2, &new).is_ok());
    let error = sealer(&[KEY]).open("grant/a", 2, &new).unwrap_err();
    assert!(error.to_string().contains("key that is not here"));
}

#[test]
fn keys_are_neither_missing_nor_mistaken_nor_shown() {
    assert!(AesGcmSealer::new([]).is_err());
    assert!(AesGcmSealer::new([&KEY, &KEY]).is_err());
    assert_eq!(format!("{:?}", sealer(&[KEY])), "AesGcmSealer(1 keys)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_store_keeps_the_contract() {
    let inner = Arc::new(MemoryStore::new());
    contract::keeps(async || SealedStore::new(Arc::clone(&inner), sealer(&[KEY]))).await;
}

#[tokio::test]
async fn the_store_below_sees_nothing_and_can_exchange_nothing() {
    let inner = Arc::new(MemoryStore::new());
    let store = SealedStore::new(Arc::clone(&inner), sealer(&[KEY]));
    let (one, other) = (StoreKey::flow("one"), StoreKey::flow("other"));
    let written = store.save(&one, None, 1, &bytes("a record"), None).await;
    assert_eq!(written, Ok(Written::Done));
    let kept = inner.load(&one).await.unwrap().unwrap().body;
    assert!(!kept.expose().windows(6).any(|part| part == b"record"));

    let moved = inner.save(&other, None, 1, &kept, None).await;
    assert_eq!(moved, Ok(Written::Done));
    assert!(store.load(&other).await.is_err());
    let aged = inner.save(&one, Some(1), 2, &kept, None).await;
    assert_eq!(aged, Ok(Written::Done));
    assert!(store.load(&one).await.is_err());

    let grant = StoreKey::grant("", "https://mcp.example.com/mcp");
    let plain = inner.save(&grant, None, 1, &bytes("a record"), None).await;
    assert_eq!(plain, Ok(Written::Done));
    assert!(store.load(&grant).await.is_err());
    assert!(store.grants().await.is_err());
}
