//! PostgreSQL.

use std::time::Duration;

use mcp_oauth_core::{SecretBytes, Timestamp};
use mcp_oauth_host::Store as _;
use mcp_oauth_host::store::{PostgresStore, Record, contract};
use sqlx::postgres::{PgPool, PgPoolOptions};
use url::Url;

use super::link::{self, Link};
use super::{YEAR_2100, grant, save, server, sweep, unique};

/// A part of the database without any table.
async fn empty() -> Url {
    let mut url = server("MCP_OAUTH_TEST_POSTGRES");
    let schema = format!("test_{}", unique());
    let pool = PgPool::connect(url.as_str()).await.unwrap();
    let create = format!("create schema {schema}");
    sqlx::raw_sql(&create).execute(&pool).await.unwrap();
    pool.close().await;
    url.query_pairs_mut()
        .append_pair("options[search_path]", &schema);
    url
}

async fn open(url: impl AsRef<str>) -> PostgresStore {
    PostgresStore::open(url.as_ref()).await.unwrap()
}

async fn impatient(url: &Url) -> PgPool {
    let options = PgPoolOptions::new().acquire_timeout(Duration::from_secs(1));
    options.connect(url.as_str()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let url = empty().await;
    contract::keeps(async || open(&url).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_in_any_isolation() {
    let mut url = empty().await;
    url.query_pairs_mut()
        .append_pair("options[default_transaction_isolation]", "serializable");
    contract::keeps(async || open(&url).await).await;
}

#[tokio::test]
async fn processes_share_it_and_make_its_table_at_once() {
    let url = empty().await;
    let test = "postgres::processes_share_it_and_make_its_table_at_once";
    contract::keeps_between_processes(test, url.as_str(), async |url| open(url).await).await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_no_conflict_and_is_found_again() {
    let key = grant();
    let url = empty().await;
    let mut link = Link::to(&url).await;
    let pool = impatient(&link.url(&url)).await;
    let store = PostgresStore::over(pool).await.unwrap();
    save(&store, &key, None).await;
    link.close().await;
    contract::fails_without_its_database(&store).await;
    link.open().await;
    assert!(store.load(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_lost_answer_is_no_conflict() {
    let url = empty().await;
    let link = Link::to(&url).await;
    let linked = open(link.url(&url)).await;
    link::a_lost_answer_is_no_conflict(&linked, &open(&url).await).await;
}

#[tokio::test]
async fn without_a_table_nothing_works_but_to_make_it() {
    let url = empty().await;
    let pool = impatient(&url).await;
    let store = PostgresStore::with_table(pool.clone());
    contract::fails_without_its_database(&store).await;
    let schema = sqlx::raw_sql(PostgresStore::SCHEMA);
    schema.execute(&pool).await.unwrap();
    save(&store, &grant(), None).await;
}

#[tokio::test]
async fn a_role_that_may_not_make_tables_uses_one() {
    let key = grant();
    let url = empty().await;
    let role = format!("role_{}", unique());
    let pool = PgPool::connect(url.as_str()).await.unwrap();
    save(
        &PostgresStore::over(pool.clone()).await.unwrap(),
        &key,
        None,
    )
    .await;
    let (_, schema) = url.query_pairs().last().unwrap();
    let script = format!(
        "create role {role} login password 'x'; grant usage on schema {schema} to {role}; \
         grant select, insert, update, delete on mcp_oauth_records to {role}"
    );
    sqlx::raw_sql(&script).execute(&pool).await.unwrap();
    let mut limited = url.clone();
    limited.set_username(&role).unwrap();
    limited.set_password(Some("x")).unwrap();
    assert!(open(&limited).await.load(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_that_forgets_is_refused() {
    let mut url = empty().await;
    url.query_pairs_mut()
        .append_pair("options[synchronous_commit]", "off");
    let error = PostgresStore::open(url.as_str()).await.err().unwrap();
    assert!(error.to_string().contains("synchronous_commit"), "{error}");
}

#[tokio::test]
async fn nothing_goes_out_unencrypted_when_tls_is_asked_for() {
    let mut url = empty().await;
    url.query_pairs_mut().append_pair("sslmode", "require");
    let error = PostgresStore::open(url.as_str()).await.err().unwrap();
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[tokio::test]
async fn no_error_quotes_a_record() {
    let url = empty().await;
    let store = open(&url).await;
    let pool = PgPool::connect(url.as_str()).await.unwrap();
    let check = "alter table mcp_oauth_records add check (length(record) < 3)";
    sqlx::raw_sql(check).execute(&pool).await.unwrap();
    let body = SecretBytes::new(*b"a record");
    let written = store.save(&grant(), None, 1, &body, None).await;
    let error = written.unwrap_err().to_string();
    assert!(error.contains("check constraint"), "{error}");
    let quoted = ["a record", "61207265636f7264"];
    assert!(!quoted.iter().any(|quoted| error.contains(quoted)));
}

#[tokio::test]
async fn what_expired_is_swept() {
    sweep::removes_what_expired_an_hour_ago(&open(empty().await).await).await;
}

#[tokio::test]
async fn records_lie_in_the_table_that_every_language_knows() {
    let key = grant();
    let url = empty().await;
    let store = open(&url).await;
    save(&store, &key, Some(Timestamp::from_millis(YEAR_2100))).await;
    let pool = PgPool::connect(url.as_str()).await.unwrap();
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
