//! The key file of the local store, outside the repository.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::access;
use super::access::{AccessError, FileRole};
use super::cipher::EncryptionKey;
use crate::store::StoreError;
use goldenpath_core::files;
use goldenpath_core::files::Unreadable;

/// The default path below the user's configuration folder.
const DEFAULT: &str = "goldenpath/local-store.key";

/// The maximum size of a key file.
const MAX_BYTES: u64 = 4096;

/// The beginning of the line with the key, before its bytes in base64.
const PREFIX: &str = "goldenpath-key-1:";

const KEY_LEN: usize = 32;

/// The beginning of the line in a file of goldenpath 0.1.
///
/// Source: age, "Native X25519 recipients". The key is derived from the line itself, so such a
/// file works with both versions.
const AGE_PREFIX: &str = "AGE-SECRET-KEY-1";

const AGE_LINE_LEN: usize = 74;

/// The file of the key, which is created with the first value.
#[derive(Debug)]
pub(super) struct KeyFile {
    /// None if neither `HOME` nor `XDG_CONFIG_HOME` is set.
    path: Option<PathBuf>,
    /// The folder that must not contain it.
    repository: PathBuf,
}

impl KeyFile {
    /// Configures the file at `configured`, or at the default path.
    ///
    /// `configured` is relative to `root`, or to the user's home if it begins with `~/`.
    pub(super) fn new(root: &Path, configured: Option<&Path>) -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = match configured {
            Some(configured) => match configured.strip_prefix("~") {
                Ok(below) => set("HOME").map(|home| home.join(below)),
                Err(_) => Some(root.join(configured)),
            },
            None => {
                let folder = set("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
                folder
                    .or_else(|| Some(set("HOME")?.join(".config")))
                    .map(|folder| folder.join(DEFAULT))
            }
        };
        Self { path, repository: root.to_owned() }
    }

    /// Returns the key.
    ///
    /// # Errors
    /// [`StoreError::LocalKey`] if there is none, or the file is unusable.
    pub(super) fn key(&self) -> Result<EncryptionKey, StoreError> {
        self.read(&self.path()?)?.ok_or_else(|| self.unusable("it does not exist".to_owned()))
    }

    /// Returns the key, and creates it if there is none.
    ///
    /// # Errors
    /// [`StoreError::LocalKey`]
    pub(super) fn key_or_new(&self) -> Result<EncryptionKey, StoreError> {
        let path = self.path()?;
        match self.read(&path)? {
            Some(key) => Ok(key),
            None => self.create(&path),
        }
    }

    fn path(&self) -> Result<PathBuf, StoreError> {
        let unknown = || self.unusable("neither HOME nor XDG_CONFIG_HOME is set".to_owned());
        let path = self.path.clone().ok_or_else(unknown)?;
        let existing = path.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok());
        let repository = self.repository.canonicalize().unwrap_or_else(|_| self.repository.clone());
        if existing.is_some_and(|existing| existing.starts_with(&repository)) {
            return Err(self.unusable(
                "it is in the repository, and would be shared together with it".to_owned(),
            ));
        }
        Ok(path)
    }

    fn read(&self, path: &Path) -> Result<Option<EncryptionKey>, StoreError> {
        let bytes = match files::read_regular(path, MAX_BYTES) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(Unreadable::Io(_)) if path.symlink_metadata().is_err() => return Ok(None),
            Err(why) => return Err(self.unusable(why.to_string())),
        };
        access::check(path, FileRole::File).map_err(|error| match error {
            AccessError::Exposed { reason, remedy } => StoreError::LocalExposed {
                what: "the key of the local store,",
                path: path.to_owned(),
                reason,
                remedy,
            },
            AccessError::Io(error) => self.unusable(error.to_string()),
        })?;
        self.parse(&bytes).map(Some)
    }

    /// Derives the key from the first line with one.
    ///
    /// No message shows the file's contents.
    fn parse(&self, bytes: &[u8]) -> Result<EncryptionKey, StoreError> {
        let text =
            std::str::from_utf8(bytes).map_err(|_| self.unusable("it is not UTF-8".to_owned()))?;
        let mut lines = text.lines().map(str::trim).enumerate();
        let found =
            lines.find(|(_, line)| line.starts_with(PREFIX) || line.starts_with(AGE_PREFIX));
        let (index, line) =
            found.ok_or_else(|| self.unusable(format!("no line in it begins with `{PREFIX}`")))?;
        let malformed = |expected: &str| {
            self.unusable(format!("line {} is not a key: expected {expected}", index + 1))
        };
        let key = match line.strip_prefix(PREFIX) {
            Some(encoded) => {
                let expected = || malformed(&format!("`{PREFIX}` and {KEY_LEN} bytes in base64"));
                let secret = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| expected())?);
                if secret.len() != KEY_LEN {
                    return Err(expected());
                }
                EncryptionKey::derive(&secret)
            }
            None if line.len() == AGE_LINE_LEN && line.bytes().all(is_bech32) => {
                EncryptionKey::derive(line.as_bytes())
            }
            None => {
                return Err(malformed(&format!("{AGE_LINE_LEN} characters of an age identity")));
            }
        };
        key.map_err(|_| self.failed())
    }

    /// Creates the key, or reads the one that another process created concurrently.
    fn create(&self, path: &Path) -> Result<EncryptionKey, StoreError> {
        let mut secret = Zeroizing::new([0; KEY_LEN]);
        SystemRandom::new().fill(&mut *secret).map_err(|_| self.failed())?;
        let encoded = Zeroizing::new(STANDARD.encode(*secret));
        let head = "# goldenpath: the key to the values of local stores. Keep it to yourself.\n";
        let text = Zeroizing::new([head, PREFIX, encoded.as_str(), "\n"].concat());
        match files::write_new_private(path, text.as_bytes()) {
            Ok(()) => EncryptionKey::derive(&*secret).map_err(|_| self.failed()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.key(),
            Err(error) => Err(self.unusable(error.to_string())),
        }
    }

    /// Returns the error if ring fails, which needs the system's random numbers.
    pub(super) fn failed(&self) -> StoreError {
        self.unusable("the operating system returned no random numbers".to_owned())
    }

    fn unusable(&self, reason: String) -> StoreError {
        StoreError::LocalKey {
            path: self.path.clone().unwrap_or_else(|| PathBuf::from("~/.config").join(DEFAULT)),
            reason,
        }
    }
}

/// Returns whether a byte may be in an age identity (BIP 173, "Bech32").
fn is_bech32(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::local::cipher::Binding;

    const BINDING: Binding<'_> = Binding::Value { secret: "a", version: "1" };

    fn in_folder() -> (tempfile::TempDir, KeyFile, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/store.key");
        let file = KeyFile::new(Path::new("/a/repository"), Some(&path));
        (folder, file, path)
    }

    #[test]
    fn the_key_is_created_once_and_then_read() {
        let (_folder, file, path) = in_folder();
        assert!(file.key().unwrap_err().to_string().contains("it does not exist"));
        let ciphertext = file.key_or_new().unwrap().encrypt(BINDING, b"text").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for key in [file.key().unwrap(), file.key_or_new().unwrap()] {
            assert_eq!(*key.decrypt(BINDING, &ciphertext).unwrap(), b"text");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        let secret = text.lines().find_map(|line| line.strip_prefix("goldenpath-key-1:")).unwrap();
        assert_eq!(STANDARD.decode(secret).unwrap().len(), 32);
        let other = in_folder();
        other.1.key_or_new().unwrap();
        assert_ne!(fs::read_to_string(&other.2).unwrap(), text);
    }

    #[test]
    fn the_error_for_a_file_without_a_key_has_the_line_number_and_never_the_line() {
        let (_folder, file, path) = in_folder();
        file.key_or_new().unwrap();
        let short = STANDARD.encode([7; 31]);
        for (content, why) in [
            ("nothing-of-a-key\n".to_owned(), "no line in it begins with `goldenpath-key-1:`"),
            (String::new(), "no line in it begins with"),
            (
                format!("# one\n{PREFIX}{short}\n"),
                "line 2 is not a key: expected `goldenpath-key-1:` and 32 bytes",
            ),
            (format!("{PREFIX}nothing-of-a-key!\n"), "line 1 is not a key"),
            (PREFIX.to_owned(), "line 1 is not a key"),
            (format!("{AGE_PREFIX}QQQQ\n"), "line 1 is not a key: expected 74 characters"),
        ] {
            fs::write(&path, &content).unwrap();
            let error = file.key().unwrap_err().to_string();
            assert!(error.contains(why), "{why}: {error}");
            assert!(!error.contains("nothing-of-a-key") && !error.contains(&short), "{error}");
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(file.key().unwrap_err().to_string().contains("it is not UTF-8"));
    }
}
