//! Can anything of one account, server or sign-in be taken for another's?

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use mcp_oauth_core::{Code, OpenUrl, Secret, SecretBytes, Settings, StoreKey};
use mcp_oauth_host::store::{AesGcmSealer, MemoryStore, Record, SealedStore};
use mcp_oauth_host::{Error, NeedsUser, Store};
use mcp_oauth_testbed::{Behaviour, Endpoint, ResourceRule, Rule, Testbed};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Position, Url};

use crate::scene::{Host, code, requests, settings, start};

/// A web back end for one of its users.
fn tenant(bed: &Testbed, store: Arc<dyn Store>, account: &str) -> Host {
    tenant_at(settings(bed), store, account)
}

fn tenant_at(settings: Settings, store: Arc<dyn Store>, account: &str) -> Host {
    let settings = Settings {
        redirect_uri: "https://app.example.com/callback".into(),
        ..settings
    };
    Host::with(settings, |builder| {
        builder
            .account(account)
            .store(store)
            .user_agent(Arc::new(NeedsUser))
    })
}

/// Another MCP server, as the settings name it.
fn elsewhere(bed: &Testbed) -> Settings {
    Settings {
        server_url: format!("{}/other", bed.mcp_url()),
        ..settings(bed)
    }
}

async fn begun(host: &Host) -> Box<OpenUrl> {
    host.authorizer.begin().await.unwrap().expect("a page")
}

/// What the browser of a person comes back with.
pub(crate) async fn consent(page: &OpenUrl, person: &str) -> Secret {
    let url = Url::parse(page.url.expose()).unwrap();
    let (target, authority) = (&url[Position::BeforePath..], url.authority());
    let address = url.socket_addrs(|| None).unwrap()[0];
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nCookie: subject={person}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let mut fields = answer.lines().filter_map(|line| line.split_once(": "));
    let location = fields.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    Secret::new(location.unwrap().1)
}

async fn sign_in(host: &Host, person: &str) {
    let callback = consent(&*begun(host).await, person).await;
    host.authorizer.finish(&callback).await.unwrap();
}

/// Whom the MCP server takes a host's token for.
async fn whoami(host: &Host) -> String {
    let said: Value = serde_json::from_str(&host.call("whoami").await.unwrap()).unwrap();
    said["subject"].as_str().unwrap().to_owned()
}

async fn held(store: &impl Store, key: &StoreKey) -> Record {
    store.load(key).await.unwrap().expect("a record")
}

/// Puts a record where another belongs.
async fn plant(store: &impl Store, key: &StoreKey, body: &SecretBytes) {
    let before = store.load(key).await.unwrap();
    let expected = before.map(|record| record.generation);
    let generation = expected.unwrap_or_default() + 1;
    store
        .save(key, expected, generation, body, None)
        .await
        .unwrap();
}

fn is_unknown(outcome: &Result<(), Error>) -> bool {
    matches!(outcome, Err(Error::UnknownSignIn))
}

#[tokio::test]
async fn each_account_of_a_server_speaks_for_itself_on_every_replica() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let accounts = ["alice", "bob", "carol"];
    let [one, other] =
        [(); 2].map(|()| accounts.map(|account| tenant(&bed, store.clone(), account)));
    let pages = join_all(one.iter().map(begun)).await;
    for (position, person) in accounts.iter().enumerate().rev() {
        let callback = consent(&pages[position], person).await;
        other[position].authorizer.finish(&callback).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(join_all(one.iter().map(whoami)).await, accounts);
        assert_eq!(join_all(other.iter().map(whoami)).await, accounts);
        bed.expire_access_tokens();
    }
    assert_eq!(bed.breaches(), []);
    let counts = bed.counts();
    assert_eq!((counts.registrations, counts.code_exchanges), (3, 3));
    assert_eq!((counts.refreshes, counts.reuse_detections), (3, 0));
}

#[tokio::test]
async fn a_callback_ends_no_sign_in_but_its_own() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let [alice, bob] = ["alice", "bob"].map(|account| tenant(&bed, store.clone(), account));
    let [page, other_page] = [begun(&alice).await, begun(&bob).await];
    let callback = consent(&page, "alice").await;
    let key = StoreKey::flow(page.state.expose());
    let before = held(&store, &key).await;
    let strangers = [
        tenant(&bed, store.clone(), "bob"),
        tenant(&bed, store.clone(), ""),
        tenant_at(elsewhere(&bed), store.clone(), "alice"),
    ];
    for stranger in &strangers {
        let outcome = stranger.authorizer.finish(&callback).await;
        assert!(is_unknown(&outcome), "{outcome:?}");
    }
    assert_eq!(held(&store, &key).await, before);
    assert!(requests(&bed, Endpoint::Token).is_empty());

    // The code of one with the state of another: whoever plants that gets nothing for it (RFC 9700 §4.5).
    let state = |page: &OpenUrl| page.state.expose().to_owned();
    let injected = callback
        .expose()
        .replace(&state(&page), &state(&other_page));
    let outcome = bob.authorizer.finish(&Secret::new(injected)).await;
    assert_eq!(code(&outcome.unwrap_err()), Code::CodeRejected);
    assert!(bob.token().await.unwrap().is_none());
    let held_against: Vec<_> = bed.breaches().iter().map(|breach| breach.rule).collect();
    assert_eq!(held_against, [Rule::Code], "only what was planted");

    alice.authorizer.finish(&callback).await.unwrap();
    assert_eq!(whoami(&alice).await, "alice");
}

#[tokio::test]
async fn a_grant_is_good_for_its_own_account_and_server_alone() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let alice = tenant(&bed, store.clone(), "alice");
    sign_in(&alice, "alice").await;
    let grant = held(&store, &StoreKey::grant("alice", &bed.mcp_url())).await;
    let other = elsewhere(&bed);
    let places = [
        (settings(&bed), "bob"),
        (settings(&bed), ""),
        (other, "alice"),
    ];
    for (settings, account) in places {
        let key = StoreKey::grant(account, &settings.server_url);
        plant(&store, &key, &grant.body).await;
        let (planted, seen) = (held(&store, &key).await, bed.log().len());
        let thief = tenant_at(settings, store.clone(), account);
        for outcome in [
            thief.token().await.map(drop),
            thief.authorizer.sign_in().await,
            thief.authorizer.begin().await.map(drop),
            thief.authorizer.store_changed().await,
        ] {
            assert_eq!(code(&outcome.unwrap_err()), Code::BadRecord);
        }
        assert_eq!(held(&store, &key).await, planted);
        assert_eq!(bed.log().len(), seen, "nothing was sent");
    }
    assert_eq!(whoami(&alice).await, "alice");
}

#[tokio::test]
async fn a_pending_sign_in_is_found_under_its_own_state_alone() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let [alice, bob] = ["alice", "bob"].map(|account| tenant(&bed, store.clone(), account));
    sign_in(&alice, "alice").await;
    let grant = held(&store, &StoreKey::grant("alice", &bed.mcp_url())).await;
    let mine = begun(&bob).await;
    let waiting = tenant(&bed, Arc::new(MemoryStore::new()), "alice");
    let bobs = held(&store, &StoreKey::flow(mine.state.expose())).await;
    let exchanges = requests(&bed, Endpoint::Token).len();

    // Another account's, another sign-in's of the same account, and a grant for a sign-in.
    let theirs = begun(&waiting).await;
    let second = begun(&bob).await;
    let alices = tenant(&bed, store.clone(), "dora");
    let doras = begun(&alices).await;
    for (page, planted) in [
        (
            &second,
            &held(&store, &StoreKey::flow(doras.state.expose())).await,
        ),
        (&begun(&bob).await, &bobs),
        (&begun(&bob).await, &grant),
    ] {
        let key = StoreKey::flow(page.state.expose());
        plant(&store, &key, &planted.body).await;
        let before = held(&store, &key).await;
        let callback = consent(page, "bob").await;
        let outcome = bob.authorizer.finish(&callback).await;
        assert!(is_unknown(&outcome), "{outcome:?}");
        assert_eq!(held(&store, &key).await, before);
    }
    // And one of which the store of this replica knows nothing.
    let callback = consent(&theirs, "alice").await;
    assert!(is_unknown(&bob.authorizer.finish(&callback).await));
    assert_eq!(requests(&bed, Endpoint::Token).len(), exchanges);

    bob.authorizer
        .finish(&consent(&mine, "bob").await)
        .await
        .unwrap();
    assert_eq!(whoami(&bob).await, "bob");
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn news_of_another_account_changes_nothing_here() {
    let bed = start(Behaviour::default()).await;
    let store = Arc::new(MemoryStore::new());
    let [alice, bob] = ["alice", "bob"].map(|account| tenant(&bed, store.clone(), account));
    sign_in(&alice, "alice").await;
    sign_in(&bob, "bob").await;
    let [hers, his] = ["alice", "bob"].map(|account| StoreKey::grant(account, &bed.mcp_url()));
    let (alices, bobs) = (held(&store, &hers).await, held(&store, &his).await);
    let token = bob.token().await.unwrap();

    plant(&store, &his, &alices.body).await;
    let outcome = bob.authorizer.store_changed().await;
    assert_eq!(code(&outcome.unwrap_err()), Code::BadRecord);
    let still = bob.token().await;
    assert!(matches!(&still, Ok(held) if *held == token), "{still:?}");

    let planted = held(&store, &his).await.generation;
    let body = &bobs.body;
    store
        .save(&his, Some(planted), bobs.generation, body, None)
        .await
        .unwrap();
    assert_eq!(whoami(&bob).await, "bob");
    assert_eq!(whoami(&alice).await, "alice");
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn what_is_sealed_opens_under_its_own_name_and_key_alone() {
    let bed = start(Behaviour::default()).await;
    let records = Arc::new(MemoryStore::new());
    let sealed = |key: u8| -> Arc<dyn Store> {
        let sealer = AesGcmSealer::new([&[key; 32]]).unwrap();
        Arc::new(SealedStore::new(records.clone(), sealer))
    };
    let alice = tenant(&bed, sealed(1), "alice");
    sign_in(&alice, "alice").await;
    let hers = StoreKey::grant("alice", &bed.mcp_url());
    let record = held(&records, &hers).await;
    let his = StoreKey::grant("bob", &bed.mcp_url());
    records
        .save(&his, None, record.generation, &record.body, None)
        .await
        .unwrap();
    let seen = bed.log().len();
    let bob = tenant(&bed, sealed(1), "bob");
    let replica = tenant(&bed, sealed(2), "alice");
    for stranger in [&bob, &replica] {
        assert_eq!(
            code(&stranger.token().await.unwrap_err()),
            Code::StoreFailed
        );
        let outcome = stranger.authorizer.begin().await.map(drop);
        assert_eq!(code(&outcome.unwrap_err()), Code::StoreFailed);
    }
    assert_eq!(bed.log().len(), seen, "nothing was sent");
    assert_eq!(held(&records, &hers).await, record);

    // Nor does a replica with another key take a callback.
    let page = begun(&tenant(&bed, sealed(1), "carol")).await;
    let callback = consent(&page, "carol").await;
    let outcome = tenant(&bed, sealed(2), "carol")
        .authorizer
        .finish(&callback)
        .await;
    assert!(matches!(outcome, Err(Error::Unread(_))), "{outcome:?}");
    let carol = tenant(&bed, sealed(1), "carol");
    carol.authorizer.finish(&callback).await.unwrap();
    assert_eq!(whoami(&carol).await, "carol");
    assert_eq!(whoami(&tenant(&bed, sealed(1), "alice")).await, "alice");
    assert_eq!(bed.breaches(), []);
}

#[tokio::test]
async fn servers_behind_one_authorization_server_share_nothing() {
    let mut behaviour = Behaviour::default();
    // Of both resources, which only one of these servers knows.
    behaviour.authorization.resource = ResourceRule::Ignored;
    behaviour.token.resource = ResourceRule::Ignored;
    behaviour.refresh.resource = ResourceRule::Ignored;
    behaviour.token.lifetime = 1;
    let bed = start(behaviour).await;
    let mut behaviour = Behaviour::default();
    behaviour.resource_metadata.authorization_servers = vec![bed.issuer()];
    let other_bed = start(behaviour).await;
    let store = Arc::new(MemoryStore::new());
    let at = |bed: &Testbed| {
        let settings = Settings {
            refresh_skew_ms: 0,
            ..settings(bed)
        };
        tenant_at(settings, store.clone(), "alice")
    };
    let hosts = [at(&bed), at(&other_bed)];
    let callback = consent(&*begun(&hosts[0]).await, "alice").await;
    assert!(is_unknown(&hosts[1].authorizer.finish(&callback).await));
    hosts[0].authorizer.finish(&callback).await.unwrap();
    sign_in(&hosts[1], "alice").await;
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    bed.set(|behaviour| behaviour.token.lifetime = 3600);
    let [one, other] = [&hosts[0], &hosts[1]].map(|host| host.token());
    let (one, other) = (one.await.unwrap().unwrap(), other.await.unwrap().unwrap());
    assert_ne!(one, other);
    for (host, elsewhere) in [(&hosts[0], &other_bed), (&hosts[1], &bed)] {
        let url = elsewhere.mcp_url();
        let token = host.authorizer.token("POST", &url).await.unwrap();
        assert_eq!(token, None, "a token of another server");
    }
    // Each client asks for one resource, then and for ever.
    let asked = |endpoint| {
        let mut pairs: Vec<_> = requests(&bed, endpoint)
            .into_iter()
            .map(|mut entry| {
                ["client_id", "resource"].map(|name| entry.values.remove(name).unwrap())
            })
            .collect();
        pairs.sort();
        pairs
    };
    let resources: Vec<_> = asked(Endpoint::Token)
        .into_iter()
        .map(|[_, resource]| resource)
        .collect();
    assert_eq!(resources.len(), 2);
    assert!(resources.contains(&bed.mcp_url()) && resources.contains(&other_bed.mcp_url()));
    assert_eq!(asked(Endpoint::Refresh), asked(Endpoint::Token));
    assert_eq!((bed.breaches(), other_bed.breaches()), (vec![], vec![]));
}
