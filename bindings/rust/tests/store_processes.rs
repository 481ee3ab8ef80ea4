//! Do several processes that write one record at once lose nothing of each other's?

use std::process::{Command, Stdio};

use mcp_oauth_core::{SecretBytes, StoreKey};
use mcp_oauth_host::Store;
use mcp_oauth_host::store::{FileStore, Written};

const FOLDER: &str = "MCP_OAUTH_TEST_FOLDER";
const PROCESSES: usize = 4;
const WRITES: usize = 20;

fn key() -> StoreKey {
    StoreKey::grant("", "https://mcp.example.com/mcp")
}

/// The number in the record, which is its generation too.
async fn count(store: &FileStore) -> Option<u64> {
    let record = store.load(&key()).await.expect("readable");
    record.map(|record| {
        let text = std::str::from_utf8(record.expose()).expect("text");
        text.parse().expect("number")
    })
}

async fn add_one(store: &FileStore) {
    loop {
        let now = count(store).await;
        let next = now.unwrap_or(0) + 1;
        let record = SecretBytes::new(next.to_string().into_bytes());
        let written = store.save(&key(), now, next, &record, None).await;
        if written.expect("writable") == Written::Done {
            return;
        }
    }
}

/// Runs itself again, several times at once, to count to one number together.
#[tokio::test]
async fn no_write_is_lost() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let store = FileStore::open(folder).expect("store");
        for _ in 0..WRITES {
            add_one(&store).await;
        }
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let this = std::env::current_exe().expect("this program");
    let start = || {
        Command::new(&this)
            .args(["--exact", "no_write_is_lost"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("started")
    };
    let children: Vec<_> = (0..PROCESSES).map(|_| start()).collect();
    for mut child in children {
        assert!(child.wait().expect("ended").success());
    }
    let store = FileStore::open(folder.path()).expect("store");
    assert_eq!(count(&store).await, Some((PROCESSES * WRITES) as u64));
}
