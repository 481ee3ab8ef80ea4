//! Does every store keep the one contract?

use std::path::Path;
use std::sync::Arc;

use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};
use tempfile::TempDir;

use super::*;

fn bytes(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes())
}

fn grant() -> StoreKey {
    StoreKey::grant("", "https://mcp.example.com/mcp")
}

fn files(folder: &Path) -> FileStore {
    FileStore::open(folder).unwrap()
}

async fn save(store: &dyn Store, key: &StoreKey, from: Option<u64>, to: u64) -> Written {
    let record = bytes(&format!("record {to}"));
    store.save(key, from, to, &record, None).await.unwrap()
}

#[tokio::test]
async fn processes_share_files() {
    let folder = TempDir::new().unwrap();
    let (test, place) = (
        "store::tests::processes_share_files",
        folder.path().to_str().unwrap(),
    );
    contract::keeps_between_processes(test, place, async |place| files(place.as_ref())).await;
}

#[tokio::test]
async fn files_that_are_gone_are_no_conflict() {
    let folder = TempDir::new().unwrap();
    let store = files(folder.path());
    drop(folder);
    contract::fails_without_its_database(&store).await;
}

#[tokio::test]
async fn nothing_is_left_of_what_was_deleted() {
    let folder = TempDir::new().unwrap();
    let store = files(folder.path());
    assert_eq!(save(&store, &grant(), None, 1).await, Written::Done);
    assert_eq!(store.delete(&grant(), 1).await.unwrap(), Written::Done);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the lock: {left:?}");
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
    use super::*;
    use keyring_core::mock;

    fn keyring_store(folder: &Path, most: usize) -> (Arc<mock::Store>, KeyringStore) {
        let mock = mock::Store::new().unwrap();
        let store = KeyringStore::over(mock.clone(), folder.into(), most).unwrap();
        (mock, store)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_keyring_keeps_the_contract() {
        for most in [usize::MAX, 64 * 1024] {
            let folder = TempDir::new().unwrap();
            let mock = mock::Store::new().unwrap();
            let open = || KeyringStore::over(mock.clone(), folder.path().into(), most);
            contract::keeps(async || open().unwrap()).await;
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
            let held = store.load(&key).await.unwrap().unwrap();
            assert_eq!(held.body, long);
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
