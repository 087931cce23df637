//! Writing hooks into git's folder for them, and taking them out again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{HookError, HookName};
use crate::files;

/// Behind the name of a hook that was there before ours.
const BEFORE: &str = "before-goldenpath";

/// What was done to one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Installed,
    /// What was there runs first; it is kept under this name.
    Chained(PathBuf),
    /// An older or edited one of ours was replaced.
    Updated,
    Unchanged,
    Removed,
    /// Ours is gone, and what was there before is back.
    Restored,
    /// There is none, or none of ours.
    NotOurs,
}

/// Writes the hook into `folder`. One that is there already is kept and runs first.
///
/// # Errors
/// What the file system refuses, or two earlier hooks.
pub fn install(folder: &Path, name: HookName) -> Result<Step, HookError> {
    let path = folder.join(name.as_str());
    let before = folder.join(format!("{}.{BEFORE}", name.as_str()));
    let step = match fs::read_to_string(&path) {
        Ok(text) if text == name.script() => return Ok(Step::Unchanged),
        Ok(text) if is_ours(&text, name) => Step::Updated,
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => Step::Installed,
        // Anything else is somebody's: a script, a binary, a link.
        _ if before.symlink_metadata().is_ok() => return Err(HookError::InTheWay { path: before }),
        _ => {
            fs::rename(&path, &before).map_err(|error| refused(&path, &error))?;
            Step::Chained(before)
        }
    };
    files::write_whole(&path, name.script().as_bytes())
        .and_then(|()| make_executable(&path))
        .map_err(|error| refused(&path, &error))?;
    Ok(step)
}

/// Takes the hook out of `folder` and puts back what was there before.
///
/// # Errors
/// What the file system refuses.
pub fn uninstall(folder: &Path, name: HookName) -> Result<Step, HookError> {
    let path = folder.join(name.as_str());
    if !fs::read_to_string(&path).is_ok_and(|text| is_ours(&text, name)) {
        return Ok(Step::NotOurs);
    }
    let before = folder.join(format!("{}.{BEFORE}", name.as_str()));
    if before.symlink_metadata().is_ok() {
        fs::rename(&before, &path).map_err(|error| refused(&path, &error))?;
        return Ok(Step::Restored);
    }
    fs::remove_file(&path).map_err(|error| refused(&path, &error))?;
    Ok(Step::Removed)
}

fn is_ours(text: &str, name: HookName) -> bool {
    text.contains(&format!("goldenpath hook run {}", name.as_str()))
}

fn refused(path: &Path, error: &io::Error) -> HookError {
    HookError::Write { path: path.to_path_buf(), why: error.to_string() }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = fs::metadata(path)?.permissions();
    permissions.set_mode(permissions.mode() | 0o111);
    fs::set_permissions(path, permissions)
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> io::Result<()> {
    Ok(()) // Git for Windows runs hooks by their first line.
}
