//! Which store does a program use, and where does it lie?

use std::path::PathBuf;
use std::sync::Arc;

use etcetera::BaseStrategy as _;

use super::{FileStore, MemoryStore, Store, StoreError};

/// The stores to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The platform's keyring, or a failure where none can be reached.
    #[cfg(feature = "keyring")]
    Keyring,
    /// Files that only their owner can read.
    File,
    /// This process alone.
    Memory,
}

/// The platform's keyring, or, where none can be reached, files below [`home`].
///
/// The keyring is not reached from a session without a desktop, so that one user may come to have some credentials here and
/// some there; a program that minds chooses with [`open`].
///
/// # Errors
/// When neither can be used.
pub async fn default_store() -> Result<Arc<dyn Store>, StoreError> {
    #[cfg(feature = "keyring")]
    if let Ok(store) = open(Place::Keyring).await {
        return Ok(store);
    }
    open(Place::File).await
}

/// The store of this kind, below [`home`] as far as it lies on disk.
///
/// # Errors
/// When it cannot be used.
pub async fn open(place: Place) -> Result<Arc<dyn Store>, StoreError> {
    let open = move || -> Result<Arc<dyn Store>, StoreError> {
        Ok(match place {
            #[cfg(feature = "keyring")]
            Place::Keyring => Arc::new(super::KeyringStore::open(home()?.join("keyring"))?),
            Place::File => Arc::new(FileStore::open(home()?.join("credentials"))?),
            Place::Memory => Arc::new(MemoryStore::new()),
        })
    };
    tokio::task::spawn_blocking(open)
        .await
        .unwrap_or_else(|_| Err(StoreError::new("the store's thread ended early")))
}

/// The folder of this library: `MCP_OAUTH_HOME`, or `mcp-oauth` in the platform's folder for a program's state
/// (`XDG_STATE_HOME`, or else `~/.local/state`, on Linux).
///
/// # Errors
/// When the user has no home.
pub fn home() -> Result<PathBuf, StoreError> {
    if let Some(home) = std::env::var_os("MCP_OAUTH_HOME").filter(|home| !home.is_empty()) {
        return Ok(home.into());
    }
    let native = etcetera::base_strategy::choose_native_strategy()
        .map_err(|_| StoreError::new("this user has no home folder: set MCP_OAUTH_HOME"))?;
    let folder = native.state_dir().unwrap_or_else(|| native.data_dir());
    Ok(folder.join("mcp-oauth"))
}
