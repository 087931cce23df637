//! Writing hooks into git's folder for them, and taking them out again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{HookError, HookName};
use goldenpath_core::files;

/// Behind the name of a hook that was there before ours.
const BEFORE: &str = "before-goldenpath";

/// Behind the name of a hook that the pre-commit framework found when it was installed, and runs first.
const LEGACY: &str = "legacy";

/// What was done to one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookChange {
    Installed,
    /// What was there runs first; it is kept under this name.
    Chained(PathBuf),
    /// An older or edited one of ours was replaced.
    Updated,
    Unchanged,
    /// Somebody's hook calls ours already: by its own words, or as the pre-commit framework's legacy hook.
    Called,
    Removed,
    /// Ours is gone, and what was there before is back.
    Restored,
    /// There is none, or none of ours.
    NotOurs,
}

/// Writes the hook into `folder`. One that is there already is kept and runs first.
///
/// # Errors
/// What the file system refuses, two earlier hooks, or a folder that another tool writes anew.
pub fn install(folder: &Path, name: HookName) -> Result<HookChange, HookError> {
    if folder.ends_with(".husky/_") {
        return Err(HookError::Husky { folder: folder.to_path_buf(), name: name.as_str() });
    }
    let (path, before) = (folder.join(name.as_str()), beside(folder, name, BEFORE));
    match read(&path) {
        Some(text) if text == name.script() && is_executable(&path) => {
            return Ok(HookChange::Unchanged);
        }
        Some(text) if is_ours(&text, name) => {
            return write(&path, name).map(|()| HookChange::Updated);
        }
        Some(text) if calls_ours(&text, name) && is_executable(&path) => {
            return Ok(HookChange::Called);
        }
        _ => {}
    }
    if path.symlink_metadata().is_err() {
        return write(&path, name).map(|()| HookChange::Installed);
    }
    // To put ours before a framework that runs ours would make the two run each other without end.
    if read(&beside(folder, name, LEGACY)).is_some_and(|text| is_ours(&text, name)) {
        return Ok(HookChange::Called);
    }
    // Anything else is somebody's: a script, a binary, a link.
    if before.symlink_metadata().is_ok() {
        return Err(HookError::InTheWay { path: before });
    }
    fs::rename(&path, &before).map_err(|error| refused(&path, &error))?;
    match write(&path, name) {
        Ok(()) => Ok(HookChange::Chained(before)),
        Err(error) => {
            // Rather the old hook than none. What is told is why ours could not be written.
            let _ = fs::rename(&before, &path);
            Err(error)
        }
    }
}

/// Takes the hook out of `folder` and puts back what was there before.
///
/// # Errors
/// What the file system refuses.
pub fn uninstall(folder: &Path, name: HookName) -> Result<HookChange, HookError> {
    let ours = [folder.join(name.as_str()), beside(folder, name, LEGACY)]
        .into_iter()
        .find(|path| read(path).is_some_and(|text| is_ours(&text, name)));
    let Some(path) = ours else { return Ok(HookChange::NotOurs) };
    let before = beside(folder, name, BEFORE);
    if before.symlink_metadata().is_ok() {
        fs::rename(&before, &path).map_err(|error| refused(&path, &error))?;
        return Ok(HookChange::Restored);
    }
    fs::remove_file(&path).map_err(|error| refused(&path, &error))?;
    Ok(HookChange::Removed)
}

fn beside(folder: &Path, name: HookName, ending: &str) -> PathBuf {
    folder.join(format!("{}.{ending}", name.as_str()))
}

/// A hook's text, if it is a script.
fn read(path: &Path) -> Option<String> {
    let target = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    // Ours are small; a program of megabytes is not read to find that out.
    if target.len() > 64 * 1024 { None } else { fs::read_to_string(path).ok() }
}

/// Whether the file says that it is goldenpath's to replace and remove.
fn is_ours(text: &str, name: HookName) -> bool {
    text.contains(&format!("# Managed by goldenpath: `goldenpath hook install {}`", name.as_str()))
}

/// Whether somebody's script calls goldenpath itself.
fn calls_ours(text: &str, name: HookName) -> bool {
    let call = format!("goldenpath hook run {}", name.as_str());
    text.lines().any(|line| line.contains(&call) && !line.trim_start().starts_with('#'))
}

fn write(path: &Path, name: HookName) -> Result<(), HookError> {
    files::write_whole(path, name.script().as_bytes())
        .and_then(|()| make_executable(path))
        .map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &io::Error) -> HookError {
    HookError::Write { path: path.to_path_buf(), why: error.to_string() }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    true
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
