//! How are credentials kept in the platform's keyring?

use std::path::PathBuf;
use std::sync::Arc;

use keyring_core::api::CredentialStore;
use keyring_core::{Entry, Error};
use mcp_oauth_core::{SecretBytes, StoreKey, Timestamp};
use zeroize::Zeroizing;

use super::directory::{Directory, Locked};
use super::swap::{Shelf, Swapping};
use super::{Record, Store, StoreError, StoreFuture, Written};

/// One keyring entry for each record: Keychain on macOS, Credential Manager on Windows, Secret Service elsewhere.
///
/// Beside it lies a folder with a lock, since keyrings cannot compare and swap, and with the names of the entries, since
/// not every keyring can list them. There is nothing secret in it.
pub struct KeyringStore(Swapping<Entries>);

impl KeyringStore {
    /// The keyring of this platform, with its lock and list in the folder `path`. Blocks while it reaches the keyring.
    ///
    /// # Errors
    /// When no keyring can be reached, which is usual on a machine without a desktop, or the folder cannot be made.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::over(platform_keyring()?, path.into(), MAX_ENTRY_BYTES)
    }

    pub(super) fn over(
        keyring: Arc<CredentialStore>,
        path: PathBuf,
        max_entry_bytes: usize,
    ) -> Result<Self, StoreError> {
        let directory = Directory::prepare(path)?;
        let entries = Entries {
            directory: directory.clone(),
            keyring,
            max_entry_bytes,
        };
        Ok(Self(Swapping::new(directory, entries)))
    }
}

#[cfg(all(
    unix,
    not(any(target_os = "macos", target_os = "ios", target_os = "android"))
))]
fn platform_keyring() -> Result<Arc<CredentialStore>, StoreError> {
    Ok(zbus_secret_service_keyring_store::Store::new().map_err(unreachable)?)
}

#[cfg(target_os = "macos")]
fn platform_keyring() -> Result<Arc<CredentialStore>, StoreError> {
    Ok(apple_native_keyring_store::keychain::Store::new().map_err(unreachable)?)
}

#[cfg(windows)]
fn platform_keyring() -> Result<Arc<CredentialStore>, StoreError> {
    Ok(windows_native_keyring_store::Store::new().map_err(unreachable)?)
}

fn unreachable(error: Error) -> StoreError {
    StoreError::new(format!("no keyring can be reached: {}", kind(&error)))
}

/// `CRED_MAX_CREDENTIAL_BLOB_SIZE`: less than two tokens of the usual kind.
#[cfg(windows)]
const MAX_ENTRY_BYTES: usize = 5 * 512;
#[cfg(not(windows))]
const MAX_ENTRY_BYTES: usize = usize::MAX;

const SERVICE: &str = "mcp-oauth";
const LIST: &str = "keyring-entries";

/// An entry that holds no record but tells in how many parts it is kept, and under which number: `parts 3 17`.
const PARTS: &str = "parts ";

struct Entries {
    directory: Directory,
    keyring: Arc<CredentialStore>,
    max_entry_bytes: usize,
}

/// The parts of one long record. Each writing has a number of its own, so that the old parts stay whole until the head
/// names the new ones.
#[derive(Clone, Copy)]
struct Parts {
    count: u32,
    number: u64,
}

impl Parts {
    fn read(head: &[u8]) -> Option<Self> {
        let head = std::str::from_utf8(head).ok()?.strip_prefix(PARTS)?;
        let (count, number) = head.split_once(' ')?;
        Some(Self {
            count: count.parse().ok()?,
            number: number.parse().ok()?,
        })
    }

    fn names(self, name: &str) -> impl Iterator<Item = String> {
        (0..self.count).map(move |part| format!("{name}.{}.{part}", self.number))
    }
}

impl Entries {
    fn entry(&self, name: &str) -> Result<Entry, StoreError> {
        self.keyring.build(SERVICE, name, None).map_err(failed)
    }

    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        match self.entry(name)?.get_secret() {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.entry(name)?.set_secret(bytes).map_err(failed)
    }

    fn erase(&self, name: &str) -> Result<(), StoreError> {
        match self.entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn parts(&self, name: &str) -> Result<Option<Parts>, StoreError> {
        Ok(self.read(name)?.and_then(|head| Parts::read(&head)))
    }

    fn erase_parts(&self, name: &str, parts: Option<Parts>) -> Result<(), StoreError> {
        let mut names = parts.into_iter().flat_map(|parts| parts.names(name));
        names.try_for_each(|part| self.erase(&part))
    }

    fn list(
        &self,
        folder: &Locked<'_>,
        change: impl FnOnce(&mut Vec<String>),
    ) -> Result<(), StoreError> {
        let mut names = self.names(folder)?;
        let before = names.clone();
        change(&mut names);
        if names == before {
            return Ok(());
        }
        folder.write(LIST, names.join("\n").as_bytes())
    }
}

impl Shelf for Entries {
    fn get(&self, _: &Locked<'_>, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let Some(head) = self.read(name)? else {
            return Ok(None);
        };
        let Some(parts) = Parts::read(&head) else {
            return Ok(Some(head));
        };
        let mut read = Vec::new();
        for part in parts.names(name) {
            let lost = || StoreError::new("the keyring has lost a part of a record");
            read.push(self.read(&part)?.ok_or_else(lost)?);
        }
        // One allocation: growing would leave a copy behind that nobody wipes.
        let length = read.iter().map(|part| part.len()).sum();
        let mut whole = Zeroizing::new(Vec::with_capacity(length));
        for part in read {
            whole.extend_from_slice(&part);
        }
        Ok(Some(whole))
    }

    fn put(&self, folder: &Locked<'_>, name: &str, sealed: &[u8]) -> Result<(), StoreError> {
        // Listed first: an entry that nobody knows of could never be removed.
        self.list(folder, |names| {
            if !names.iter().any(|known| known == name) {
                names.push(name.into());
            }
        })?;
        let old = self.parts(name)?;
        if sealed.len() <= self.max_entry_bytes {
            self.write(name, sealed)?;
        } else {
            let chunks = sealed.chunks(self.max_entry_bytes);
            let new = Parts {
                count: chunks.len() as u32,
                number: old.map_or(0, |old| old.number.wrapping_add(1)),
            };
            for (part, chunk) in new.names(name).zip(chunks) {
                self.write(&part, chunk)?;
            }
            self.write(
                name,
                format!("{PARTS}{} {}", new.count, new.number).as_bytes(),
            )?;
        }
        self.erase_parts(name, old)
    }

    fn remove(&self, folder: &Locked<'_>, name: &str) -> Result<(), StoreError> {
        let old = self.parts(name)?;
        self.erase(name)?;
        self.erase_parts(name, old)?;
        self.list(folder, |names| names.retain(|known| known != name))
    }

    fn names(&self, _: &Locked<'_>) -> Result<Vec<String>, StoreError> {
        let list = self.directory.read(LIST)?.unwrap_or_default();
        let list = String::from_utf8_lossy(&list);
        Ok(list.lines().map(str::to_owned).collect())
    }
}

fn failed(error: Error) -> StoreError {
    StoreError::new(format!("the keyring failed: {}", kind(&error)))
}

/// What happened, without the bytes that some errors carry.
fn kind(error: &Error) -> String {
    match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => cause.to_string(),
        Error::TooLong(what, most) => format!("{what} is longer than {most}"),
        Error::NotSupportedByStore(what) | Error::BadStoreFormat(what) => what.clone(),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "an entry is damaged".into(),
        Error::Ambiguous(_) => "there are several entries of one name".into(),
        _ => "it cannot be used".into(),
    }
}

impl Store for KeyringStore {
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
