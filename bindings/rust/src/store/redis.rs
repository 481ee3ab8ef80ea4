//! How are credentials kept in Redis or Valkey?

use std::time::Duration;

use mcp_oauth_core::limits::REQUEST_TIMEOUT_MS;
use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, FromRedisValue, RedisError, RedisResult, Script};

use super::swap::ABANDONED_MS;
use super::{Record, Store, StoreError, StoreFuture, Written};

/// One hash for each record, `mcp-oauth:` and its name, with the fields `generation` and `record`. For any number of processes
/// on any number of machines.
///
/// A write that was acknowledged is durable only if the server runs with `appendonly yes` and `appendfsync always`, and is lost
/// with it if a replica takes its place. Not encrypted, and records may show in the server's slow log: see
/// [`SealedStore`](super::SealedStore).
pub struct RedisStore {
    connection: ConnectionManager,
    save: Script,
    delete: Script,
}

const PREFIX: &str = "mcp-oauth:";

/// Generations are compared as text: Lua's numbers end at 2^53.
const SAVE: &str = "
if (redis.call('HGET', KEYS[1], 'generation') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'record', ARGV[3])
if ARGV[4] == '' then
    redis.call('PERSIST', KEYS[1])
else
    redis.call('PEXPIREAT', KEYS[1], ARGV[4])
end
return 1";

const DELETE: &str = "
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// For one access: a server that does not answer is as good as gone.
const PATIENCE: Duration = Duration::from_millis(REQUEST_TIMEOUT_MS);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Keys looked at in one step of a listing.
const STEP: usize = 1000;

impl RedisStore {
    /// The store at `url`, `redis://USER:PASSWORD@HOST/DATABASE` or, with TLS, `rediss://…`, through a connection of its own
    /// that is made anew when it breaks.
    ///
    /// # Errors
    /// When the server cannot be reached within ten seconds.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("rediss:") {
            // The client takes what the process has chosen, and panics where it has not; who has keeps what it chose.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1);
        let connection = within(CONNECT_PATIENCE, async {
            ConnectionManager::new_with_config(Client::open(url)?, config).await
        });
        Ok(Self::over(connection.await?))
    }

    /// The store at the other end of your connection.
    pub fn over(connection: ConnectionManager) -> Self {
        Self {
            connection,
            save: Script::new(SAVE),
            delete: Script::new(DELETE),
        }
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        within(PATIENCE, command.query_async(&mut connection)).await
    }

    /// The record in the hash of this key.
    async fn read(&self, key: &str) -> Result<Option<Record>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(key).arg("generation").arg("record");
        let name = key.strip_prefix(PREFIX).unwrap_or(key);
        let damaged = || StoreError::new(format!("the record {name} is damaged"));
        let found: (Option<String>, Option<Vec<u8>>) = self.ask(&command).await?;
        match found {
            (None, None) => Ok(None),
            (Some(generation), Some(body)) => Ok(Some(Record {
                name: name.into(),
                generation: generation.parse().map_err(|_| damaged())?,
                body: SecretBytes::new(body),
            })),
            _ => Err(damaged()),
        }
    }

    async fn write(&self, script: &redis::ScriptInvocation<'_>) -> Result<Written, StoreError> {
        let mut connection = self.connection.clone();
        match within(PATIENCE, script.invoke_async(&mut connection)).await? {
            0 => Ok(Written::Conflict),
            _ => Ok(Written::Done),
        }
    }
}

impl Store for RedisStore {
    fn load<'a>(&'a self, key: &'a StoreKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async { self.read(&hash(key)).await })
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
            let expected = expected.map(|expected| expected.to_string());
            let mut script = self.save.key(hash(key));
            script
                .arg(expected.unwrap_or_default())
                .arg(generation.to_string())
                .arg(record.expose())
                .arg(expires_at.map(dropped_at).unwrap_or_default());
            self.write(&script).await
        })
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, expected: u64) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            let mut script = self.delete.key(hash(key));
            self.write(script.arg(expected.to_string())).await
        })
    }

    fn grants(&self) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(async {
            let mut names = std::collections::HashSet::new();
            let mut cursor = String::from("0");
            loop {
                let mut command = redis::cmd("SCAN");
                command
                    .arg(&cursor)
                    .arg("MATCH")
                    .arg(format!("{PREFIX}grant/*"));
                command.arg("COUNT").arg(STEP);
                let (next, found): (String, Vec<String>) = self.ask(&command).await?;
                // A key may be told twice.
                names.extend(found);
                if next == "0" {
                    break;
                }
                cursor = next;
            }
            let mut grants = Vec::new();
            for name in names {
                grants.extend(self.read(&name).await?);
            }
            Ok(grants)
        })
    }
}

fn hash(key: &StoreKey) -> String {
    format!("{PREFIX}{}", key.as_str())
}

/// When the server forgets the record, by its own clock.
fn dropped_at(expires_at: Timestamp) -> String {
    let at = expires_at.after(ABANDONED_MS).as_millis();
    at.min(i64::MAX as u64).to_string()
}

async fn within<T>(
    patience: Duration,
    work: impl Future<Output = RedisResult<T>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(patience, work).await {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(_) => Err(StoreError::new("Redis does not answer")),
    }
}

/// Without what the server says beside its code: it quotes the arguments of commands that it does not know.
fn failed(error: &RedisError) -> StoreError {
    let what = match error.code() {
        Some(code) => code.into(),
        None if error.is_io_error() => error.to_string(),
        None => format!("{:?}", error.kind()),
    };
    StoreError::new(format!("Redis failed: {what}"))
}
