//! Do processes that share a store share credentials?

use std::path::Path;
use std::sync::Arc;

use mcp_oauth_host::store::FileStore;
use mcp_oauth_testbed::{Behaviour, Testbed};

use crate::scene::{Host, settings, start};

/// A process of its own, as far as credentials go: nothing is shared but the files.
fn process(bed: &Testbed, folder: &Path) -> Host {
    let store = Arc::new(FileStore::open(folder).unwrap());
    Host::with(settings(bed), |builder| builder.store(store))
}

#[tokio::test]
async fn what_one_stored_the_other_uses_and_so_does_a_restarted_one() {
    let bed = start(Behaviour::default()).await;
    let folder = tempfile::tempdir().unwrap();
    process(&bed, folder.path()).call("whoami").await.unwrap();
    let second = process(&bed, folder.path());
    second.call("whoami").await.unwrap();
    assert_eq!(second.decided("grant_loaded"), 1);
    process(&bed, folder.path()).call("whoami").await.unwrap();

    let counts = bed.counts();
    assert_eq!((counts.registrations, counts.authorizations), (1, 1));
    assert_eq!(counts.challenges, 1, "only the first had no token");
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn tokens_that_the_other_process_has_refreshed_are_adopted() {
    let bed = start(Behaviour::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (process(&bed, folder.path()), process(&bed, folder.path()));
    let (one, two) = (
        first.connect().await.unwrap(),
        second.connect().await.unwrap(),
    );
    bed.expire_access_tokens();
    one.call("whoami").await.unwrap();
    two.call("whoami").await.unwrap();
    let counts = bed.counts();
    assert_eq!((counts.registrations, counts.authorizations), (1, 1));
    assert_eq!((counts.refreshes, counts.reuse_detections), (1, 0));
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn two_that_sign_in_together_end_with_one_stored_grant() {
    let bed = start(Behaviour::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (process(&bed, folder.path()), process(&bed, folder.path()));
    let (one, two) = tokio::join!(first.call("whoami"), second.call("whoami"));
    one.unwrap();
    two.unwrap();
    let signed_in = bed.counts().authorizations;
    process(&bed, folder.path()).call("whoami").await.unwrap();
    assert_eq!(bed.counts().authorizations, signed_in);
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn a_process_whose_grant_was_signed_out_elsewhere_signs_in_again() {
    let bed = start(Behaviour::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (process(&bed, folder.path()), process(&bed, folder.path()));
    first.call("whoami").await.unwrap();
    let two = second.connect().await.unwrap();
    first.authorizer.sign_out(true).await.unwrap();
    bed.revoke_grants();
    two.call("whoami").await.unwrap();
    assert_eq!(bed.breaches(), []);
    assert_eq!(bed.counts().authorizations, 2);
}
