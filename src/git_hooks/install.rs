//! Installation and removal of hooks in git's hooks folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{HookError, HookName, configuration_of};
use goldenpath_core::files;

/// The suffix of a hook that existed before goldenpath's hook.
const BEFORE: &str = "before-goldenpath";

/// The suffix of a hook that the pre-commit framework found at its installation and runs first.
const LEGACY: &str = "legacy";

/// The change of one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookChange {
    Installed,
    /// An existing hook runs first and is kept at this path.
    Chained(PathBuf),
    /// An older or edited hook of goldenpath was replaced.
    Updated,
    Unchanged,
    /// An existing hook already runs goldenpath, itself or as the framework's legacy hook.
    Called,
    Removed,
    /// The hook was removed and the previous one restored.
    Restored,
    /// There is no hook of goldenpath.
    NotOurs,
}

/// Writes the hook into `folder`. An existing hook is kept and runs first.
///
/// It checks by the configuration file `config`. Without one, an installed hook of goldenpath keeps
/// its own.
///
/// # Errors
/// A failure of the file system, two earlier hooks, or a folder that another tool rewrites.
pub(crate) fn install(
    folder: &Path,
    name: HookName,
    config: Option<&str>,
) -> Result<HookChange, HookError> {
    if folder.ends_with(".husky/_") {
        return Err(HookError::Husky { folder: folder.to_path_buf(), name: name.as_str() });
    }
    let (path, before) = (folder.join(name.as_str()), with_suffix(folder, name, BEFORE));
    let installed = read(&path);
    let kept = installed
        .as_deref()
        .filter(|text| config.is_none() && is_managed(text, name))
        .and_then(configuration_of);
    let script = name.script(config.or(kept.as_deref()));
    match installed {
        Some(text) if text == script && is_executable(&path) => {
            return Ok(HookChange::Unchanged);
        }
        Some(text) if is_managed(&text, name) => {
            return write(&path, &script).map(|()| HookChange::Updated);
        }
        Some(text) if calls_goldenpath(&text, name) && is_executable(&path) => {
            return Ok(HookChange::Called);
        }
        _ => {}
    }
    if path.symlink_metadata().is_err() {
        return write(&path, &script).map(|()| HookChange::Installed);
    }
    // A hook in front of a framework that runs it as its legacy hook would recurse endlessly.
    if read(&with_suffix(folder, name, LEGACY)).is_some_and(|text| is_managed(&text, name)) {
        return Ok(HookChange::Called);
    }
    // Any other file is the user's own hook: a script, a binary, a link.
    if before.symlink_metadata().is_ok() {
        return Err(HookError::InTheWay { path: before });
    }
    fs::rename(&path, &before).map_err(|error| write_error(&path, &error))?;
    match write(&path, &script) {
        Ok(()) => Ok(HookChange::Chained(before)),
        Err(error) => {
            // The old hook is restored; the error says why the new one could not be written.
            let _ = fs::rename(&before, &path);
            Err(error)
        }
    }
}

/// Whether git calls goldenpath by a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookState {
    /// It does, directly or as the legacy hook of a framework.
    Installed,
    /// Another program's hook is there, which may call goldenpath.
    Other,
    Missing,
}

/// Returns the state of a hook in `folder`, without a change.
pub(crate) fn state_of(folder: &Path, name: HookName) -> HookState {
    let path = folder.join(name.as_str());
    let is_ours = |path: &Path| {
        read(path).is_some_and(|text| is_managed(&text, name) || calls_goldenpath(&text, name))
    };
    if !path.exists() || !is_executable(&path) {
        HookState::Missing
    } else if is_ours(&path) || is_ours(&with_suffix(folder, name, LEGACY)) {
        HookState::Installed
    } else {
        HookState::Other
    }
}

/// Removes the hook from `folder` and restores the previous one.
///
/// # Errors
/// A failure of the file system.
pub(crate) fn uninstall(folder: &Path, name: HookName) -> Result<HookChange, HookError> {
    let ours = [folder.join(name.as_str()), with_suffix(folder, name, LEGACY)]
        .into_iter()
        .find(|path| read(path).is_some_and(|text| is_managed(&text, name)));
    let Some(path) = ours else { return Ok(HookChange::NotOurs) };
    let before = with_suffix(folder, name, BEFORE);
    if before.symlink_metadata().is_ok() {
        fs::rename(&before, &path).map_err(|error| write_error(&path, &error))?;
        return Ok(HookChange::Restored);
    }
    fs::remove_file(&path).map_err(|error| write_error(&path, &error))?;
    Ok(HookChange::Removed)
}

fn with_suffix(folder: &Path, name: HookName, suffix: &str) -> PathBuf {
    folder.join(format!("{}.{suffix}", name.as_str()))
}

/// Returns a hook's text if it is a small script.
fn read(path: &Path) -> Option<String> {
    let target = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    // Hooks of goldenpath are small, so a large program need not be read.
    if target.len() > 64 * 1024 { None } else { fs::read_to_string(path).ok() }
}

/// Returns whether the file is marked as managed by goldenpath.
fn is_managed(text: &str, name: HookName) -> bool {
    text.contains(&format!("# Managed by goldenpath: `goldenpath hook install {}`", name.as_str()))
}

/// Returns whether a user's script runs goldenpath itself.
fn calls_goldenpath(text: &str, name: HookName) -> bool {
    let call = format!("hook run {}", name.as_str());
    let is_call = |line: &str| {
        line.split_once(&call).is_some_and(|(program, _)| program.contains("goldenpath "))
    };
    text.lines().any(|line| is_call(line) && !line.trim_start().starts_with('#'))
}

fn write(path: &Path, script: &str) -> Result<(), HookError> {
    files::write_atomic(path, script.as_bytes())
        .and_then(|()| make_executable(path))
        .map_err(|error| write_error(path, &error))
}

fn write_error(path: &Path, error: &io::Error) -> HookError {
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
