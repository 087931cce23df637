//! The check that only this user may access the local store and its key.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use thiserror::Error;

/// Why a file or folder is rejected.
#[derive(Debug, Error)]
pub(super) enum AccessError {
    /// `remedy` is a command if there is one.
    #[error("{reason}")]
    Exposed { reason: String, remedy: String },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The kind of a path, which decides the permissions of other users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileRole {
    File,
    /// A folder inside the repository, for the store only.
    Folder,
    /// A folder with other files, which other users may read.
    SharedFolder,
}

/// Checks that only this user may access a file or folder.
///
/// It must belong to this user and not be a symbolic link. A path that does not exist passes.
///
/// # Errors
/// [`AccessError`]
pub(super) fn check(path: &Path, kind: FileRole) -> Result<(), AccessError> {
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if found.is_symlink() {
        return Err(AccessError::Exposed {
            reason: "it is a symbolic link, which goldenpath does not follow here".to_owned(),
            remedy: "replace the link by the file or folder itself, or set its own path in \
                     goldenpath.yaml"
                .to_owned(),
        });
    }
    check_owner(path, kind, &found)
}

#[cfg(unix)]
fn check_owner(path: &Path, kind: FileRole, found: &Metadata) -> Result<(), AccessError> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let user = rustix::process::geteuid().as_raw();
    if found.uid() != user {
        return Err(AccessError::Exposed {
            reason: format!(
                "it belongs to user {}, and goldenpath runs as user {user}",
                found.uid()
            ),
            remedy: "run goldenpath as its owner, or set another path in goldenpath.yaml"
                .to_owned(),
        });
    }
    let mode = found.permissions().mode() & 0o777;
    let (denied, change) = match kind {
        FileRole::File => (0o077, "600"),
        FileRole::Folder => (0o077, "700"),
        FileRole::SharedFolder => (0o022, "go-w"),
    };
    if mode & denied == 0 {
        return Ok(());
    }
    Err(AccessError::Exposed {
        reason: format!("other users may access it (its mode is {mode:03o})"),
        remedy: format!("run `chmod {change} {}`", quote(&path.display().to_string())),
    })
}

/// Checks nothing.
///
/// Windows has no mode, and folders below a user's profile are private.
#[cfg(not(unix))]
fn check_owner(_: &Path, _: FileRole, _: &Metadata) -> Result<(), AccessError> {
    Ok(())
}

/// Quotes a word for a POSIX shell.
pub(super) fn quote(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@,%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// Returns the reason and the remedy.
    fn rejected(path: &Path, kind: FileRole) -> (String, String) {
        match check(path, kind) {
            Err(AccessError::Exposed { reason, remedy }) => (reason, remedy),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_permission_of_group_or_others_is_rejected_with_the_command_that_removes_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a b");
        fs::write(&file, "").unwrap();
        let set = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o600, 0o400, 0o700] {
            set(mode);
            check(&file, FileRole::File).unwrap();
        }
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777] {
            set(mode);
            let (reason, remedy) = rejected(&file, FileRole::File);
            assert_eq!(reason, format!("other users may access it (its mode is {mode:o})"));
            assert_eq!(remedy, format!("run `chmod 600 '{}'`", file.display()));
        }
    }

    #[test]
    fn other_users_may_read_a_shared_folder_and_not_write_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let set =
            |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        set(0o755);
        check(folder.path(), FileRole::SharedFolder).unwrap();
        assert!(rejected(folder.path(), FileRole::Folder).1.contains("chmod 700"));
        set(0o775);
        assert!(rejected(folder.path(), FileRole::SharedFolder).1.contains("chmod go-w"));
        set(0o700);
        check(folder.path(), FileRole::Folder).unwrap();
    }

    #[test]
    fn a_dangling_link_is_rejected_and_a_path_without_a_file_passes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link");
        check(&path, FileRole::File).unwrap();
        symlink("nowhere", &path).unwrap();
        assert!(rejected(&path, FileRole::File).0.contains("symbolic link"));
    }

    #[test]
    fn a_quoted_word_is_one_word_to_a_shell() {
        for word in ["a/b.db", "a b", "it's", "$(id)", "", "`x`"] {
            let shown = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quote(word))])
                .output();
            assert_eq!(String::from_utf8(shown.unwrap().stdout).unwrap(), word);
        }
    }
}
