//! Does every store keep the one contract?

use std::path::Path;
use std::time::Duration;

use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};
use tempfile::TempDir;

use super::*;

fn bytes(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes())
}

fn grant() -> StoreKey {
    StoreKey::grant("", "https://mcp.example.com/mcp")
}

async fn save(store: &dyn Store, key: &StoreKey, from: Option<u64>, to: u64) -> Written {
    let record = bytes(&format!("record {to}"));
    store.save(key, from, to, &record, None).await.unwrap()
}

async fn keeps_the_contract(store: &dyn Store) {
    let (one, other) = (
        grant(),
        StoreKey::grant("other", "https://mcp.example.com/mcp"),
    );
    assert_eq!(store.load(&one).await.unwrap(), None);
    assert_eq!(store.delete(&one, 1).await.unwrap(), Written::Conflict);
    assert_eq!(save(store, &one, Some(1), 2).await, Written::Conflict);
    assert_eq!(store.load(&one).await.unwrap(), None);

    assert_eq!(save(store, &one, None, 1).await, Written::Done);
    assert_eq!(save(store, &one, None, 2).await, Written::Conflict);
    assert_eq!(save(store, &one, Some(2), 3).await, Written::Conflict);
    assert_eq!(store.load(&one).await.unwrap(), Some(bytes("record 1")));

    assert_eq!(save(store, &one, Some(1), 9).await, Written::Done);
    assert_eq!(store.load(&one).await.unwrap(), Some(bytes("record 9")));
    assert_eq!(store.load(&other).await.unwrap(), None);

    let flow = StoreKey::flow("state");
    assert_eq!(save(store, &flow, None, 4).await, Written::Done);
    assert_eq!(save(store, &other, None, 5).await, Written::Done);
    drop(store.hold(&one).await.unwrap());
    let mut grants = store.grants().await.unwrap();
    grants.sort_by(|one, other| one.expose().cmp(other.expose()));
    assert_eq!(grants, [bytes("record 5"), bytes("record 9")]);

    assert_eq!(store.delete(&one, 1).await.unwrap(), Written::Conflict);
    assert_eq!(store.delete(&one, 9).await.unwrap(), Written::Done);
    assert_eq!(store.load(&one).await.unwrap(), None);
    assert_eq!(store.delete(&flow, 4).await.unwrap(), Written::Done);
    assert_eq!(store.delete(&other, 5).await.unwrap(), Written::Done);
    assert_eq!(store.grants().await.unwrap(), []);
}

async fn holds_one_at_a_time(store: &dyn Store) {
    let (one, other) = (
        grant(),
        StoreKey::grant("other", "https://mcp.example.com/mcp"),
    );
    let first = store.hold(&one).await.unwrap();
    let _other = store.hold(&other).await.unwrap();
    let mut second = store.hold(&one);
    let waited = tokio::time::timeout(Duration::from_millis(100), &mut second).await;
    assert!(waited.is_err());
    assert_eq!(save(store, &one, None, 1).await, Written::Done);
    drop(first);
    let waited = tokio::time::timeout(Duration::from_secs(2), second).await;
    assert!(waited.unwrap().is_ok());
}

#[tokio::test]
async fn who_is_about_to_refresh_is_alone() {
    let folder = TempDir::new().unwrap();
    holds_one_at_a_time(&MemoryStore::new()).await;
    holds_one_at_a_time(&FileStore::open(folder.path()).unwrap()).await;
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    keeps_the_contract(&MemoryStore::new()).await;
}

#[tokio::test]
async fn files_keep_the_contract() {
    let folder = TempDir::new().unwrap();
    keeps_the_contract(&FileStore::open(folder.path()).unwrap()).await;
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the lock: {left:?}");
}

#[tokio::test]
async fn what_was_saved_is_there_when_the_store_is_opened_again() {
    let folder = TempDir::new().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    assert_eq!(save(&store, &grant(), None, 1).await, Written::Done);
    drop(store);
    let store = FileStore::open(folder.path()).unwrap();
    assert_eq!(store.load(&grant()).await.unwrap(), Some(bytes("record 1")));
    assert_eq!(save(&store, &grant(), Some(1), 2).await, Written::Done);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("a/b");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let store = FileStore::open(&folder).unwrap();
    assert_eq!(save(&store, &grant(), None, 1).await, Written::Done);
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert_eq!(files.len(), 2);
    for file in files {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn a_damaged_record_is_an_error_and_never_overwritten() {
    let folder = TempDir::new().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    let key = grant();
    let file = folder.path().join(key.as_str().replace('/', "-"));
    for content in [
        "",
        "{}",
        "mcp-oauth-record 1 x -\n",
        "mcp-oauth-record 2 1 -\nnew",
    ] {
        std::fs::write(&file, content).unwrap();
        let error = store.load(&key).await.unwrap_err().to_string();
        assert!(
            error.contains("damaged") || error.contains("newer"),
            "{error}"
        );
        assert!(store.save(&key, None, 1, &bytes("x"), None).await.is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    }
}

#[tokio::test]
async fn sign_ins_that_nobody_finished_are_swept_away() {
    let folder = TempDir::new().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    let long_ago = Some(Timestamp::from_seconds(1));
    let (old, new) = (StoreKey::flow("old"), StoreKey::flow("new"));
    for key in [&old, &grant()] {
        let written = store.save(key, None, 1, &bytes("x"), long_ago).await;
        assert_eq!(written.unwrap(), Written::Done);
    }
    assert_eq!(save(&store, &new, None, 1).await, Written::Done);
    assert_eq!(store.load(&old).await.unwrap(), None);
    assert!(store.load(&new).await.unwrap().is_some());
    assert!(store.load(&grant()).await.unwrap().is_some());
}

#[cfg(feature = "keyring")]
mod keyring {
    use std::sync::Arc;

    use super::*;
    use keyring_core::mock;

    fn keyring_store(folder: &Path, most: usize) -> (Arc<mock::Store>, KeyringStore) {
        let mock = mock::Store::new().unwrap();
        let store = KeyringStore::over(mock.clone(), folder.into(), most).unwrap();
        (mock, store)
    }

    #[tokio::test]
    async fn the_keyring_keeps_the_contract() {
        let folder = TempDir::new().unwrap();
        for most in [usize::MAX, 40, 7] {
            let (_, store) = keyring_store(folder.path(), most);
            keeps_the_contract(&store).await;
        }
    }

    #[tokio::test]
    async fn nothing_of_a_record_lies_in_the_folder() {
        let folder = TempDir::new().unwrap();
        let (_, store) = keyring_store(folder.path(), 16);
        assert_eq!(save(&store, &grant(), None, 1).await, Written::Done);
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let content = std::fs::read_to_string(file.unwrap().path()).unwrap();
            assert!(!content.contains("record"), "{content}");
        }
    }

    #[tokio::test]
    async fn no_part_of_an_old_record_is_left_behind() {
        let folder = TempDir::new().unwrap();
        let (mock, store) = keyring_store(folder.path(), 12);
        let key = grant();
        let long = bytes(&"long ".repeat(50));
        for generation in 1..4_u64 {
            let expected = generation.checked_sub(1).filter(|expected| *expected > 0);
            let written = store.save(&key, expected, generation, &long, None).await;
            assert_eq!(written.unwrap(), Written::Done);
            assert_eq!(store.load(&key).await.unwrap(), Some(long.clone()));
        }
        assert_eq!(store.delete(&key, 3).await.unwrap(), Written::Done);
        let mut entries = mock.inner.lock().unwrap();
        let held = entries
            .get_mut()
            .iter()
            .filter(|entry| {
                use keyring_core::api::CredentialApi as _;
                entry.get_secret().is_ok()
            })
            .count();
        assert_eq!(held, 0);
    }
}
