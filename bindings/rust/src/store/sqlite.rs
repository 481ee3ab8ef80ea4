//! How are credentials kept in an SQLite file?

use std::fs::OpenOptions;
use std::path::Path;
use std::time::{Duration, Instant};

use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};
use sqlx::Executor as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::sql::{Database, Row, Table, Value, failed};
use super::{Record, Store, StoreError, StoreFuture, Written};

/// The table `mcp_oauth_records` of an SQLite file, for any number of processes on one machine. Not encrypted: whoever can
/// read the file can read the credentials, unless a [`SealedStore`](super::SealedStore) is around it.
pub struct SqliteStore(Table<SqlitePool>);

/// For the lock of another process.
const PATIENCE: Duration = Duration::from_secs(10);

impl SqliteStore {
    /// What makes the table, for your own migrations.
    pub const SCHEMA: &'static str = "\
create table if not exists mcp_oauth_records (
    name text primary key,
    generation bigint not null,
    record blob not null,
    expires_at bigint
);
create index if not exists mcp_oauth_records_expires_at on mcp_oauth_records (expires_at);
";

    /// The store in the file at `path`, which is made, for its owner alone, if it is missing, and so is the table. Writes are
    /// on disk when they are acknowledged (a write-ahead log, `synchronous=FULL`), and what was deleted is overwritten.
    ///
    /// # Errors
    /// When the file or the table can be neither used nor made.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(PATIENCE)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "on");
        let pool = SqlitePoolOptions::new().max_connections(4);
        let start = Instant::now();
        loop {
            match pool.clone().connect_with(options.clone()).await {
                Ok(pool) => return Self::over(pool).await,
                // Who turns the log on waits for nobody who is turning it on as well.
                Err(error) if is_busy(&error) && start.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => return Err(failed::<SqlitePool>(&error)),
            }
        }
    }

    /// The store in the database of your pool. Makes the table if it is missing. How long one write waits for another is what
    /// you have set as `busy_timeout`.
    ///
    /// # Errors
    /// When the database cannot be used, does not write with `synchronous=EXTRA` (or `FULL` with a write-ahead log), or the
    /// table cannot be made.
    pub async fn over(pool: SqlitePool) -> Result<Self, StoreError> {
        Table::make(pool).await.map(Self)
    }

    /// The store in the database of your pool, in which [`SCHEMA`](Self::SCHEMA) has made the table.
    pub fn with_table(pool: SqlitePool) -> Self {
        Self(Table::of(pool))
    }
}

/// SQLite gives the files beside it the mode of this one.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| {
        StoreError::new(format!(
            "the file {} cannot be used: {error}",
            path.display()
        ))
    })
}

/// `SQLITE_BUSY`, whatever the extended code.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

impl Database for SqlitePool {
    const NAME: &'static str = "SQLite";
    const SCHEMA: &'static str = SqliteStore::SCHEMA;
    const LOOK_UP: &'static str =
        "select 1 from sqlite_master where name = 'mcp_oauth_records_expires_at'";
    // Without a log, EXTRA alone makes it durable that the journal was removed.
    const DURABLE: (&'static str, &'static str) = (
        "select 1 from pragma_synchronous, pragma_journal_mode \
         where synchronous >= 3 or synchronous = 2 and journal_mode = 'wal'",
        "set synchronous to EXTRA, or to FULL with a write-ahead log",
    );
    const SWEEP: &'static str = "delete from mcp_oauth_records where name in \
         (select name from mcp_oauth_records where expires_at < $1 order by expires_at limit 100)";

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
        let query = values
            .iter()
            .fold(sqlx::query(statement), |query, value| match value {
                Value::Text(text) => query.bind(*text),
                Value::Number(number) => query.bind(*number),
                Value::Bytes(bytes) => query.bind(*bytes),
            });
        Ok(query.execute(self).await?.rows_affected())
    }

    async fn read(&self, statement: &'static str, name: &str) -> sqlx::Result<Vec<Row>> {
        let query = sqlx::query_as(statement).bind(name);
        query.fetch_all(self).await
    }
}

impl Store for SqliteStore {
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
