//! Which private keys does a command sign with?

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use mcp_oauth_core::{Algorithm, DpopKey, PublicKey};
use mcp_oauth_host::signer::{LocalSigner, PrivateKey};
use mcp_oauth_host::{Signer, store};

use crate::exit::Fault;
use crate::settings::secret_file;

/// The keys of one command.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) client: Option<PrivateKey>,
    pub(crate) dpop: Option<PrivateKey>,
}

/// The file of the key that tokens are bound to, where none is named: below the folder of this library.
const DPOP_KEY: &str = "dpop-key.pem";

impl Keys {
    /// `client`: the file with the client's key. `dpop`: whether tokens shall be bound, and the file with the key for that.
    pub(crate) fn read(client: Option<&Path>, dpop: Option<Option<&Path>>) -> Result<Self, Fault> {
        Ok(Self {
            client: client.map(read).transpose()?,
            dpop: match dpop {
                Some(Some(file)) => Some(read(file)?),
                Some(None) => kept(true)?,
                // Tokens that were bound earlier are of no use without the key.
                None => kept(false)?,
            },
        })
    }

    pub(crate) fn client_key(&self) -> Result<Option<PublicKey>, Fault> {
        self.client.as_ref().map(public).transpose()
    }

    pub(crate) fn dpop_keys(&self) -> Result<Vec<DpopKey>, Fault> {
        let bound = |key| {
            let key = public(key)?;
            Ok(DpopKey { issuer: None, key })
        };
        self.dpop.iter().map(bound).collect()
    }

    pub(crate) fn into_signer(self) -> Arc<dyn Signer> {
        Arc::new(LocalSigner::new(self.client.into_iter().chain(self.dpop)))
    }
}

/// The private key in a file.
pub(crate) fn read(file: &Path) -> Result<PrivateKey, Fault> {
    let text = secret_file(file)?;
    PrivateKey::read(text.expose())
        .map_err(|error| Fault::usage(format!("{}: {error}", file.display())))
}

fn public(key: &PrivateKey) -> Result<PublicKey, Fault> {
    PublicKey::from_jwk(&key.public_jwk()).map_err(|error| Fault::usage(error.to_string()))
}

/// The key that tokens of this user are bound to; made when it is first needed.
fn kept(make: bool) -> Result<Option<PrivateKey>, Fault> {
    let folder = store::home()?;
    let file = folder.join(DPOP_KEY);
    if make && !file.exists() {
        let failed = |error: std::io::Error| Fault::other(format!("{}: {error}", file.display()));
        std::fs::create_dir_all(&folder).map_err(failed)?;
        write_new(&file).map_err(failed)?;
    }
    match file.exists() {
        true => read(&file).map(Some),
        false => Ok(None),
    }
}

/// Whole or not at all, and never over one that another process has just made.
fn write_new(file: &Path) -> std::io::Result<()> {
    let key = PrivateKey::generate(Algorithm::Es256).map_err(std::io::Error::other)?;
    let pem = key.to_pem().map_err(std::io::Error::other)?;
    let draft = file.with_extension(format!("{}.new", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut draft| {
        draft.write_all(pem.expose().as_bytes())?;
        draft.sync_all()
    });
    let linked = written.and_then(|()| match std::fs::hard_link(&draft, file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let _ = std::fs::remove_file(&draft);
    linked
}
