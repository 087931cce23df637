//! Node packages that a test needs, in a folder under the target directory. The first run that
//! needs them installs them; later runs reuse them.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::python::target_directory;
use crate::skip;

const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/node");

/// Returns the folder with the packages of `node/package-lock.json`.
///
/// Without node or npm, skips the test and returns None.
#[track_caller]
pub fn node_packages() -> Option<PathBuf> {
    let missing = ["node", "npm"].into_iter().find(|program| {
        let ran = Command::new(program).arg("--version").stdin(Stdio::null()).output();
        !ran.is_ok_and(|output| output.status.success())
    });
    if let Some(program) = missing {
        skip(&format!("there is no `{program}` (on Debian: apt-get install nodejs npm)"));
        return None;
    }
    Some(install().unwrap_or_else(|why| {
        panic!("{why}\nThe first time, the test needs a package index that npm can reach.");
    }))
}

fn install() -> Result<PathBuf, String> {
    let target = target_directory();
    let ready = target.join(format!("node-{:016x}", fingerprint()?));
    // If another test process creates it right now, this waits and reuses it.
    let lock = File::create(target.join("node.lock")).and_then(|file| file.lock().map(|()| file));
    let _held = lock
        .map_err(|error| format!("cannot lock {}: {error}", target.join("node.lock").display()))?;
    if !ready.exists() {
        // Created elsewhere and moved once complete, so that no run uses an incomplete folder.
        let building = tempfile::Builder::new().prefix("node-unfinished-").tempdir_in(&target);
        let building =
            building.map_err(|error| format!("no directory in {}: {error}", target.display()))?;
        for file in ["package.json", "package-lock.json"] {
            let copied = fs::copy(Path::new(NODE).join(file), building.path().join(file));
            copied.map_err(|error| format!("{file}: {error}"))?;
        }
        // `ci` installs exactly what the lock file lists. No script of a package runs.
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(building.path());
        let output = npm
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run {npm:?}: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{npm:?} failed ({}):\n{said}", output.status));
        }
        fs::rename(building.path(), &ready)
            .map_err(|error| format!("cannot move it to {}: {error}", ready.display()))?;
    }
    Ok(ready)
}

/// Returns a hash of the lock file, which identifies a folder of packages.
fn fingerprint() -> Result<u64, String> {
    let lock = fs::read(Path::new(NODE).join("package-lock.json"))
        .map_err(|error| format!("{NODE}: {error}"))?;
    let mut hasher = DefaultHasher::new();
    lock.hash(&mut hasher);
    Ok(hasher.finish())
}
