//! How are credentials kept in PostgreSQL?

use std::time::Duration;

use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};
use sqlx::Executor as _;
use sqlx::postgres::{PgPool, PgPoolOptions};

use super::sql::{Database, Row, Table, Value, failed};
use super::{Record, Store, StoreError, StoreFuture, Written};

/// The table `mcp_oauth_records` of a PostgreSQL database, for any number of processes on any number of machines. As durable
/// as the server is: leave `fsync` and `synchronous_commit` on. Not encrypted: see [`SealedStore`](super::SealedStore).
pub struct PostgresStore(Table<PgPool>);

impl PostgresStore {
    /// What makes the table, for your own migrations.
    pub const SCHEMA: &'static str = "\
create table if not exists mcp_oauth_records (
    name text primary key,
    generation bigint not null,
    record bytea not null,
    expires_at bigint
);
create index if not exists mcp_oauth_records_expires_at on mcp_oauth_records (expires_at);
";

    /// The store in the database at `url`, `postgres://USER:PASSWORD@HOST/DATABASE`, through a pool of its own. Makes the
    /// table if it is missing. Beyond one machine, add `?sslmode=verify-full`: by default TLS is tried, and nothing verified.
    ///
    /// # Errors
    /// When the database cannot be reached within ten seconds, or the table cannot be made.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = PgPoolOptions::new().acquire_timeout(Duration::from_secs(10));
        let pool = options.connect(url).await;
        Self::over(pool.map_err(|error| failed::<PgPool>(&error))?).await
    }

    /// The store in the database of your pool. Makes the table if it is missing.
    ///
    /// # Errors
    /// When the database cannot be reached, has `synchronous_commit` off, or the table cannot be made.
    pub async fn over(pool: PgPool) -> Result<Self, StoreError> {
        Table::make(pool).await.map(Self)
    }

    /// The store in the database of your pool, in which [`SCHEMA`](Self::SCHEMA) has made the table.
    pub fn with_table(pool: PgPool) -> Self {
        Self(Table::of(pool))
    }
}

/// Whether a statement changed nothing since somebody else was at the same row, `serialization_failure` or
/// `deadlock_detected`: under an isolation that is stricter than the usual one, it has to be made anew.
fn lost_race(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["40001", "40P01"].contains(&&*code))
}

impl Database for PgPool {
    const NAME: &'static str = "PostgreSQL";
    const SCHEMA: &'static str = PostgresStore::SCHEMA;
    const LOOK_UP: &'static str =
        "select 1 where to_regclass('mcp_oauth_records_expires_at') is not null";
    const DURABLE: (&'static str, &'static str) = (
        "select 1 where current_setting('synchronous_commit') <> 'off'",
        "set synchronous_commit to on",
    );
    // Two sweeps at once share the work rather than wait for, or deadlock with, each other.
    const SWEEP: &'static str = "delete from mcp_oauth_records where name in \
         (select name from mcp_oauth_records where expires_at < $1 order by expires_at limit 100 \
         for update skip locked)";

    async fn run(&self, script: &'static str) -> sqlx::Result<()> {
        let mut transaction = self.begin().await?;
        transaction.execute(script).await?;
        transaction.commit().await
    }

    async fn finds(&self, statement: &'static str) -> sqlx::Result<bool> {
        let row = sqlx::query(statement).fetch_optional(self).await?;
        Ok(row.is_some())
    }

    async fn change(&self, statement: &'static str, values: &[Value<'_>]) -> sqlx::Result<u64> {
        loop {
            let query = values
                .iter()
                .fold(sqlx::query(statement), |query, value| match value {
                    Value::Text(text) => query.bind(*text),
                    Value::Number(number) => query.bind(*number),
                    Value::Bytes(bytes) => query.bind(*bytes),
                });
            match query.execute(self).await {
                Err(error) if lost_race(&error) => {}
                done => return Ok(done?.rows_affected()),
            }
        }
    }

    async fn read(&self, statement: &'static str, name: &str) -> sqlx::Result<Vec<Row>> {
        let query = sqlx::query_as(statement).bind(name);
        query.fetch_all(self).await
    }
}

impl Store for PostgresStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        self.0.load(key)
    }

    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<u64>,
        generation: u64,
        record: &'a SecretBytes,
        expires_at: Option<Timestamp>,
    ) -> StoreFuture<'a, Written> {
        self.0.save(key, expected, generation, record, expires_at)
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, expected: u64) -> StoreFuture<'a, Written> {
        self.0.delete(key, expected)
    }

    fn grants(&self) -> StoreFuture<'_, Vec<Record>> {
        self.0.grants()
    }
}
