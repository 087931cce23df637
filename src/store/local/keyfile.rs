//! The key that the local store's values are encrypted with: a file of the user's own, outside the repository.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::files::{self, Unreadable};
use crate::store::StoreError;

/// The file's place below the user's folder for configuration.
const DEFAULT: &str = "goldenpath/local-store.key";

/// The bytes of a key file that are read at most.
const MAX_BYTES: u64 = 4096;

/// How the line with the key begins (age, "Native X25519 recipients").
const PREFIX: &str = "AGE-SECRET-KEY-1";

/// Where the key is, which need not be there yet.
#[derive(Debug)]
pub(super) struct KeyFile {
    /// None where nobody says which folder is the user's.
    path: Option<PathBuf>,
    /// The folder that it may not lie in.
    repository: PathBuf,
}

impl KeyFile {
    /// `written` is as the configuration has it: from `root` if it is relative, from the user's home where it begins with `~/`.
    pub(super) fn new(root: &Path, written: Option<&Path>) -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = match written {
            Some(written) => match written.strip_prefix("~") {
                Ok(below) => set("HOME").map(|home| home.join(below)),
                Err(_) => Some(root.join(written)),
            },
            None => {
                let folder = set("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
                folder.or_else(|| Some(set("HOME")?.join(".config"))).map(|folder| folder.join(DEFAULT))
            }
        };
        Self { path, repository: root.to_owned() }
    }

    /// Encrypts for the key, which is made where there is none.
    pub(super) fn encrypt(&self, text: &SecretString) -> Result<Vec<u8>, StoreError> {
        let path = self.path()?;
        let key = match self.read(&path)? {
            Some(key) => key,
            None => self.make(&path)?,
        };
        let encrypted = age::encrypt(&key.to_public(), text.expose_secret().as_bytes());
        encrypted.map_err(|error| self.unusable(error.to_string()))
    }

    /// What was encrypted for the key.
    pub(super) fn decrypt(&self, bytes: &[u8]) -> Result<SecretString, StoreError> {
        let path = self.path()?;
        let key = self.read(&path)?.ok_or_else(|| self.unusable("it is not there".to_owned()))?;
        let other_key = |_| self.unusable("the values were encrypted with another key".to_owned());
        let text = Zeroizing::new(age::decrypt(&key, bytes).map_err(other_key)?);
        let text = std::str::from_utf8(&text).map_err(|_| self.unusable("what it opens is no text".to_owned()))?;
        Ok(SecretString::from(text))
    }

    fn path(&self) -> Result<PathBuf, StoreError> {
        let unknown = || self.unusable("neither HOME nor XDG_CONFIG_HOME says where it is".to_owned());
        let path = self.path.clone().ok_or_else(unknown)?;
        // Whatever there is of it, as the system finds it.
        let there = path.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok());
        let repository = self.repository.canonicalize().unwrap_or_else(|_| self.repository.clone());
        if there.is_some_and(|there| there.starts_with(&repository)) {
            return Err(self.unusable("it lies in the repository, with which it would be passed on".to_owned()));
        }
        Ok(path)
    }

    fn read(&self, path: &Path) -> Result<Option<Identity>, StoreError> {
        let bytes = match files::read_regular(path, MAX_BYTES) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(Unreadable::Io(_)) if path.symlink_metadata().is_err() => return Ok(None),
            Err(why) => return Err(self.unusable(why.to_string())),
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = path.metadata().map_err(|error| self.unusable(error.to_string()))?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(self.unusable(format!("others may use it (its mode is {mode:03o}): make it 600")));
            }
        }
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let key = text.lines().map(str::trim).find(|line| line.starts_with(PREFIX));
        // Whatever stands there is not told.
        let key = key.and_then(|line| line.parse::<Identity>().ok());
        key.map(Some).ok_or_else(|| self.unusable("there is no age key in it".to_owned()))
    }

    /// Makes the key. Where another process was faster, its key is the one.
    fn make(&self, path: &Path) -> Result<Identity, StoreError> {
        let key = Identity::generate();
        let head = "# goldenpath: the key to the values of local stores. Keep it to yourself.\n";
        let text = Zeroizing::new([head, key.to_string().expose_secret(), "\n"].concat());
        match files::write_new_private(path, text.as_bytes()) {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.read(path)?.ok_or_else(|| self.unusable("it comes and goes".to_owned()))
            }
            Err(error) => Err(self.unusable(error.to_string())),
        }
    }

    fn unusable(&self, reason: String) -> StoreError {
        StoreError::LocalKey {
            path: self.path.clone().unwrap_or_else(|| PathBuf::from("~/.config").join(DEFAULT)),
            reason,
        }
    }
}
