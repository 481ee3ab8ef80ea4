//! Redis, and Valkey.

use mcp_oauth_core::{StoreKey, Timestamp};
use mcp_oauth_host::Store as _;
use mcp_oauth_host::store::{Record, RedisStore, contract};
use redis::aio::MultiplexedConnection;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use url::Url;

use super::link::{self, Link};
use super::{YEAR_2100, grant, save, server};

fn url() -> Url {
    server("MCP_OAUTH_TEST_REDIS")
}

async fn open(url: impl AsRef<str>) -> RedisStore {
    RedisStore::open(url.as_ref()).await.unwrap()
}

async fn client() -> MultiplexedConnection {
    let client = redis::Client::open(url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    contract::keeps(async || open(url()).await).await;
}

#[tokio::test]
async fn processes_share_it() {
    let test = "redis::processes_share_it";
    contract::keeps_between_processes(test, url().as_str(), async |url| open(url).await).await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_no_conflict_and_is_found_again() {
    let mut link = Link::to(&url()).await;
    let store = open(link.url(&url())).await;
    let key = grant();
    save(&store, &key, None).await;
    link.close().await;
    contract::fails_without_its_database(&store).await;
    link.open().await;
    let mut attempts = 0;
    while store.load(&key).await.is_err() {
        attempts += 1;
        assert!(attempts < 100, "the connection is not made anew");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(store.load(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_lost_answer_is_no_conflict() {
    let link = Link::to(&url()).await;
    let linked = open(link.url(&url())).await;
    link::a_lost_answer_is_no_conflict(&linked, &open(url()).await).await;
}

#[tokio::test]
async fn what_is_no_record_is_an_error() {
    let mut client = client().await;
    let store = open(url()).await;
    let (one, other) = (grant(), grant());
    let name = |key: &StoreKey| format!("mcp-oauth:{}", key.as_str());
    let mut text = redis::cmd("SET");
    text.arg(name(&one)).arg("text");
    let mut half = redis::cmd("HSET");
    half.arg(name(&other)).arg("generation").arg(1);
    for command in [text, half] {
        let () = command.query_async(&mut client).await.unwrap();
    }
    let error = store.load(&one).await.unwrap_err().to_string();
    assert_eq!(error, "Redis failed: WRONGTYPE");
    assert!(store.delete(&one, 1).await.is_err());
    assert!(store.load(&other).await.is_err());
    for key in [one, other] {
        let () = redis::cmd("DEL")
            .arg(name(&key))
            .query_async(&mut client)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn records_lie_in_the_hash_that_every_language_knows() {
    let (key, store, mut client) = (grant(), open(url()).await, client().await);
    let hash = format!("mcp-oauth:{}", key.as_str());
    save(&store, &key, Some(Timestamp::from_millis(YEAR_2100))).await;
    let fields = redis::cmd("HGETALL").arg(&hash).to_owned();
    let fields: Vec<(String, Vec<u8>)> = fields.query_async(&mut client).await.unwrap();
    let expected = [("generation", b"1".as_slice()), ("record", b"a record")];
    let expected = expected.map(|(field, value)| (field.to_owned(), value.to_owned()));
    assert_eq!(fields, expected);
    let expiry = redis::cmd("PEXPIRETIME").arg(&hash).to_owned();
    let expires: i64 = expiry.query_async(&mut client).await.unwrap();
    assert_eq!(expires, YEAR_2100 as i64 + 60 * 60 * 1000);

    let change = redis::cmd("HSET")
        .arg(&hash)
        .arg("generation")
        .arg(7)
        .to_owned();
    let () = change.query_async(&mut client).await.unwrap();
    let loaded = store.load(&key).await.unwrap();
    assert!(matches!(loaded, Some(Record { generation: 7, .. })));

    let body = loaded.unwrap().body;
    let written = store.save(&key, Some(7), 8, &body, None).await;
    assert!(written.is_ok());
    let expires: i64 = expiry.query_async(&mut client).await.unwrap();
    assert_eq!(expires, -1, "a record that does not expire");
}

#[tokio::test]
async fn nothing_goes_out_unencrypted_when_tls_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rediss://:secret@{}", listener.local_addr().unwrap());
    let opening = tokio::spawn(async move { RedisStore::open(&url).await.is_ok() });
    let (mut client, _) = listener.accept().await.unwrap();
    let handshake = 0x16;
    assert_eq!(client.read_u8().await.unwrap(), handshake);
    drop((client, listener));
    assert!(!opening.await.unwrap());
}
