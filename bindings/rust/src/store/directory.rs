//! How is a folder kept that only its owner can read, in which a write is whole or not at all?

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use fs4::FileExt as Lockable;
use zeroize::Zeroizing;

use super::StoreError;

/// A private folder.
#[derive(Clone, Debug)]
pub(super) struct Directory(PathBuf);

/// The folder for one process at a time, until dropped.
pub(super) struct Locked<'a> {
    directory: &'a Directory,
    _file: File,
}

const LOCK: &str = ".lock";

impl Directory {
    /// The folder at this path, made with mode 0700 if need be, and closed to others if it was open to them.
    pub(super) fn prepare(path: PathBuf) -> Result<Self, StoreError> {
        let directory = Self(path);
        directory
            .make()
            .map_err(|error| directory.failed("could not be made", &error))?;
        Ok(directory)
    }

    fn make(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.0)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&self.0)?.permissions().mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700))?;
            }
        }
        Ok(())
    }

    /// Waits until no other process works in the folder.
    pub(super) fn lock(&self) -> Result<Locked<'_>, StoreError> {
        let file = private(OpenOptions::new().create(true).truncate(false))
            .open(self.0.join(LOCK))
            .and_then(|file| Lockable::lock(&file).map(|()| file))
            .map_err(|error| self.failed("could not be locked", &error))?;
        Ok(Locked {
            directory: self,
            _file: file,
        })
    }

    /// The content of a file, if there is one.
    pub(super) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        match fs::read(self.0.join(name)) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("could not be read", &error)),
        }
    }

    /// The names of the files, without those that are for the folder's own use.
    pub(super) fn names(&self) -> Result<Vec<String>, StoreError> {
        let failed = |error| self.failed("could not be listed", &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            if let Ok(name) = entry.map_err(failed)?.file_name().into_string()
                && !name.starts_with('.')
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn failed(&self, what: &str, error: &io::Error) -> StoreError {
        StoreError::new(format!("the folder {} {what}: {error}", self.0.display()))
    }
}

impl Locked<'_> {
    /// Replaces a file as a whole; on disk when this returns.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let folder = &self.directory.0;
        // A fixed name: the lock is held, and what a crash left behind is overwritten.
        let draft = folder.join(".draft");
        let write = || {
            let mut file = private(OpenOptions::new().create(true).truncate(true)).open(&draft)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&draft, folder.join(name))?;
            sync(folder)
        };
        write().map_err(|error| self.directory.failed("could not be written", &error))
    }

    /// Removes a file.
    pub(super) fn remove(&self, name: &str) -> Result<(), StoreError> {
        let folder = &self.directory.0;
        fs::remove_file(folder.join(name))
            .and_then(|()| sync(folder))
            .map_err(|error| self.directory.failed("could not be written", &error))
    }
}

/// Open for its owner only.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// A rename is durable once the folder is.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}
