//! SQLite.

use std::path::Path;

use mcp_oauth_core::Timestamp;
use mcp_oauth_host::Store as _;
use mcp_oauth_host::store::{AesGcmSealer, Record, SealedStore, SqliteStore, StoreError, contract};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use tempfile::TempDir;

use super::{YEAR_2100, grant, save, sweep};

async fn open(path: impl AsRef<Path>) -> SqliteStore {
    SqliteStore::open(path).await.unwrap()
}

async fn pool(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path);
    SqlitePool::connect_with(options.create_if_missing(true))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("records.db");
    contract::keeps(async || open(&path).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_when_sealed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("records.db");
    let sealer = || AesGcmSealer::new([&[7; 32]]).unwrap();
    contract::keeps(async || SealedStore::new(open(&path).await, sealer())).await;
}

#[tokio::test]
async fn processes_share_it_and_make_its_table_at_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("records.db");
    let test = "sqlite::processes_share_it_and_make_its_table_at_once";
    let place = path.to_str().unwrap();
    contract::keeps_between_processes(test, place, async |path| open(path).await).await;
}

#[tokio::test]
async fn without_a_table_nothing_works_but_to_make_it() {
    let folder = TempDir::new().unwrap();
    let pool = pool(&folder.path().join("records.db")).await;
    let store = SqliteStore::with_table(pool.clone());
    contract::fails_without_its_database(&store).await;
    let schema = sqlx::raw_sql(SqliteStore::SCHEMA);
    schema.execute(&pool).await.unwrap();
    save(&store, &grant(), None).await;
    pool.close().await;
    contract::fails_without_its_database(&store).await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("records.db");
    std::fs::write(&path, "a letter to somebody, not a database at all").unwrap();
    let failed = |result: Result<SqliteStore, StoreError>| result.err().unwrap().to_string();
    let error = failed(SqliteStore::open(&path).await);
    assert!(error.contains("SQLite failed"), "{error}");
    let missing = folder.path().join("nowhere/records.db");
    let error = failed(SqliteStore::open(missing).await);
    assert!(error.contains("nowhere"), "{error}");
}

#[tokio::test]
async fn a_database_that_forgets_is_refused() {
    let folder = TempDir::new().unwrap();
    for (at, (journal, synchronous, is_durable)) in [
        (SqliteJournalMode::Wal, SqliteSynchronous::Normal, false),
        (SqliteJournalMode::Wal, SqliteSynchronous::Full, true),
        (SqliteJournalMode::Delete, SqliteSynchronous::Full, false),
        (SqliteJournalMode::Delete, SqliteSynchronous::Extra, true),
    ]
    .into_iter()
    .enumerate()
    {
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join(at.to_string()))
            .create_if_missing(true)
            .journal_mode(journal)
            .synchronous(synchronous);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let store = SqliteStore::over(pool).await;
        assert_eq!(store.is_ok(), is_durable, "{journal:?} {synchronous:?}");
    }
}

#[tokio::test]
async fn what_expired_is_swept() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path().join("records.db")).await;
    sweep::removes_what_expired_an_hour_ago(&store).await;
}

#[tokio::test]
async fn records_lie_in_the_table_that_every_language_knows() {
    let key = grant();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("records.db");
    let store = open(&path).await;
    save(&store, &key, Some(Timestamp::from_millis(YEAR_2100))).await;
    let pool = pool(&path).await;
    let query = "select name, generation, record, expires_at from mcp_oauth_records";
    let (name, generation, record, expires_at): (String, i64, Vec<u8>, Option<i64>) =
        sqlx::query_as(query).fetch_one(&pool).await.unwrap();
    assert_eq!(name, key.as_str());
    assert_eq!((generation, expires_at), (1, Some(YEAR_2100 as i64)));
    assert_eq!(record, b"a record");

    let change = "update mcp_oauth_records set generation = 7, expires_at = null";
    sqlx::raw_sql(change).execute(&pool).await.unwrap();
    let loaded = store.load(&key).await.unwrap();
    assert!(matches!(loaded, Some(Record { generation: 7, .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files_and_nothing_deleted_is_left_in_them() {
    let key = grant();
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let store = open(folder.path().join("records.db")).await;
    save(&store, &key, None).await;
    let files = || {
        std::fs::read_dir(folder.path())
            .unwrap()
            .map(Result::unwrap)
    };
    let kept = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(8).any(|part| part == b"a record")
    };
    assert!(files().count() > 1, "a log beside the file");
    assert!(files().any(|file| kept(&file.path())));
    for file in files() {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
    }
    assert!(store.delete(&key, 1).await.is_ok());
    drop(store);
    // The last to close it empties the log into the file.
    let path = folder.path().join("records.db");
    pool(&path).await.close().await;
    assert!(!kept(&path), "what was deleted");
}
