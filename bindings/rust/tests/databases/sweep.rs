//! Is what nobody will ask for again removed, and nothing else?

use mcp_oauth_core::{StoreKey, Timestamp};
use mcp_oauth_host::Store;

use super::save;

/// More than a store leaves between two sweeps.
const SAVED: usize = 100;

pub(crate) async fn removes_what_expired_an_hour_ago(store: &dyn Store) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = Timestamp::from_millis(now.unwrap().as_millis() as u64);
    let minute = 60 * 1000;
    // The first write of a store sweeps.
    save(store, &StoreKey::flow("first"), Some(now.after(minute))).await;
    let expired = Some(now.before(61 * minute));
    let (old_flow, old_grant) = (StoreKey::flow("old"), StoreKey::grant("old", "x"));
    save(store, &old_flow, expired).await;
    save(store, &old_grant, expired).await;
    let recent = StoreKey::flow("recent");
    save(store, &recent, Some(now.before(59 * minute))).await;
    let lasting = StoreKey::grant("lasting", "x");
    save(store, &lasting, None).await;
    for key in [&old_flow, &old_grant] {
        assert!(store.load(key).await.unwrap().is_some());
    }

    for at in 0..SAVED {
        let key = StoreKey::flow(&at.to_string());
        save(store, &key, Some(now.after(minute))).await;
    }
    for key in [&old_flow, &old_grant] {
        assert_eq!(store.load(key).await.unwrap(), None);
    }
    for key in [&recent, &lasting, &StoreKey::flow("first")] {
        assert!(store.load(key).await.unwrap().is_some());
    }
}
