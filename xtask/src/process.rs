//! Running programs: the error names the command and what it printed.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::root;

/// Runs a command with its output shown, in the root of the project unless it has a folder.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    if command.get_current_dir().is_none() {
        command.current_dir(root());
    }
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed: {status}")) }
}

/// Runs a command and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    if command.get_current_dir().is_none() {
        command.current_dir(root());
    }
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot run {command:?}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        return Err(format!("{command:?} failed: {}\n{said}", output.status));
    }
    Ok(text(&output.stdout))
}

/// Returns whether a program is installed.
pub(crate) fn is_installed(program: &str) -> bool {
    let ran = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    ran.is_ok_and(|output| output.status.success())
}

/// Returns an empty folder below `target/`.
pub(crate) fn empty_folder(name: &str) -> Result<PathBuf, String> {
    let folder = target().join(name);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("cannot remove {}: {error}", folder.display()));
        }
        _ => {}
    }
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    Ok(folder)
}

/// Returns Cargo's target directory, as an absolute path.
pub(crate) fn target() -> PathBuf {
    let root = root().canonicalize().unwrap_or_else(|_| root().to_owned());
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Writes a file, and creates its folder.
pub(crate) fn write(file: &std::path::Path, text: impl AsRef<[u8]>) -> Result<(), String> {
    let folder = file.parent().unwrap_or(file);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(file, text))
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Reads a text file.
pub(crate) fn read(file: &std::path::Path) -> Result<String, String> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))
}
