//! How does a record lie in a table, where one statement compares and swaps?
//!
//! One statement is atomic on its own: no transaction is left open by a process that ends in its middle. Its form is the same
//! in every language, so that they may share a database.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use mcp_oauth_core::limits::REQUEST_TIMEOUT_MS;
use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};

use super::swap::{ABANDONED_MS, now};
use super::{Record, Store, StoreError, StoreFuture, Written};

/// What a statement is about.
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(Option<i64>),
    Bytes(&'a [u8]),
}

/// Name, generation and bytes.
pub(super) type Row = (String, i64, Vec<u8>);

/// A database that understands the statements below.
pub(super) trait Database: Send + Sync {
    /// How it is called in errors.
    const NAME: &'static str;
    /// Makes what is missing of the table.
    const SCHEMA: &'static str;
    /// Has one row if the table is there, and its index, which is made last.
    const LOOK_UP: &'static str;
    /// Finds something if what is acknowledged outlasts a loss of power; and what to set if it does not.
    const DURABLE: (&'static str, &'static str);
    /// Removes a bounded number of the records that expired before `$1`.
    const SWEEP: &'static str;

    /// Runs statements without values, all of them or none.
    fn run(&self, script: &'static str) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Whether a statement has found anything.
    fn finds(&self, statement: &'static str) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// How many rows a statement has changed.
    fn change(
        &self,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// The records that a statement finds, of which `$1` is the name or what it is like.
    fn read(
        &self,
        statement: &'static str,
        name: &str,
    ) -> impl Future<Output = sqlx::Result<Vec<Row>>> + Send;
}

const LOAD: &str = "select name, generation, record from mcp_oauth_records where name = $1";
const GRANTS: &str = "select name, generation, record from mcp_oauth_records where name like $1";
const INSERT: &str = "insert into mcp_oauth_records (name, generation, record, expires_at) \
     values ($1, $2, $3, $4) on conflict (name) do nothing";
const UPDATE: &str = "update mcp_oauth_records set generation = $2, record = $3, expires_at = $4 \
     where name = $1 and generation = $5";
const DELETE: &str = "delete from mcp_oauth_records where name = $1 and generation = $2";

/// For one access: a database that does not answer is as good as gone.
const PATIENCE: Duration = Duration::from_millis(REQUEST_TIMEOUT_MS);

/// More records than this that can expire are not written between two sweeps, nor fewer removed by one.
const SWEEP_EVERY: u64 = 64;

/// Several processes may make the table at once; those that came too late find it there.
const ATTEMPTS: u32 = 5;

/// The table under the contract of [`Store`].
pub(super) struct Table<D> {
    database: D,
    expiring: AtomicU64,
}

impl<D: Database> Table<D> {
    /// With the table that is there.
    pub(super) fn of(database: D) -> Self {
        Self {
            database,
            expiring: AtomicU64::new(0),
        }
    }

    /// Makes the table if it is missing, in a database that keeps what it acknowledges.
    pub(super) async fn make(database: D) -> Result<Self, StoreError> {
        let (durable, advice) = D::DURABLE;
        if !within::<D, _>(database.finds(durable)).await? {
            let what = "acknowledges what a loss of power can undo";
            return Err(StoreError::new(format!("{} {what}: {advice}", D::NAME)));
        }
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            // Looked for first: a role that may not make tables can use one.
            if within::<D, _>(database.finds(D::LOOK_UP)).await? {
                return Ok(Self::of(database));
            }
            failure = within::<D, _>(database.run(D::SCHEMA)).await.err();
        }
        match failure {
            Some(failure) => Err(failure),
            None => Ok(Self::of(database)),
        }
    }

    async fn write(
        &self,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Written, StoreError> {
        match within::<D, _>(self.database.change(statement, values)).await? {
            0 => Ok(Written::Conflict),
            _ => Ok(Written::Done),
        }
    }

    async fn records(
        &self,
        statement: &'static str,
        name: &str,
    ) -> Result<Vec<Record>, StoreError> {
        let rows = within::<D, _>(self.database.read(statement, name)).await?;
        rows.into_iter()
            .map(|(name, generation, body)| {
                let body = SecretBytes::new(body);
                let Ok(generation) = u64::try_from(generation) else {
                    return Err(StoreError::new(format!("the record {name} is damaged")));
                };
                Ok(Record {
                    name,
                    generation,
                    body,
                })
            })
            .collect()
    }

    /// Now and then removes what nobody will ask for again.
    async fn sweep(&self) {
        if self
            .expiring
            .fetch_add(1, Relaxed)
            .is_multiple_of(SWEEP_EVERY)
        {
            let before = [Value::Number(Some(millis(now().before(ABANDONED_MS))))];
            // The record itself has been written: what is left now is swept another time.
            let _ = within::<D, _>(self.database.change(D::SWEEP, &before)).await;
        }
    }
}

impl<D: Database> Store for Table<D> {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async {
            let found = self.records(LOAD, key.as_str()).await?;
            Ok(found.into_iter().next())
        })
    }

    fn save<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Option<u64>,
        generation: u64,
        record: &'a SecretBytes,
        expires_at: Option<Timestamp>,
    ) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            let mut values = vec![
                Value::Text(key.as_str()),
                number::<D>(generation)?,
                Value::Bytes(record.expose()),
                Value::Number(expires_at.map(millis)),
            ];
            let statement = match expected {
                None => INSERT,
                Some(expected) => {
                    values.push(number::<D>(expected)?);
                    UPDATE
                }
            };
            let written = self.write(statement, &values).await?;
            if written == Written::Done && expires_at.is_some() {
                self.sweep().await;
            }
            Ok(written)
        })
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, expected: u64) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            let values = [Value::Text(key.as_str()), number::<D>(expected)?];
            self.write(DELETE, &values).await
        })
    }

    fn grants(&self) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(self.records(GRANTS, "grant/%"))
    }
}

async fn within<D: Database, T>(
    work: impl Future<Output = sqlx::Result<T>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(|error| failed::<D>(&error)),
        Err(_) => Err(StoreError::new(format!("{} does not answer", D::NAME))),
    }
}

/// With the message alone: beside it, in what is called the detail, PostgreSQL quotes rows.
pub(super) fn failed<D: Database>(error: &sqlx::Error) -> StoreError {
    StoreError::new(format!("{} failed: {error}", D::NAME))
}

fn number<D: Database>(generation: u64) -> Result<Value<'static>, StoreError> {
    let number = i64::try_from(generation)
        .map_err(|_| StoreError::new(format!("{} counts to 2^63 only", D::NAME)))?;
    Ok(Value::Number(Some(number)))
}

fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}
