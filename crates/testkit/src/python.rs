//! Python virtual environments with the packages that tests need, under the target directory. The
//! first run that needs one creates it; later runs reuse it.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A virtual environment: its name and its packages.
pub(crate) struct Purpose {
    name: &'static str,
    requirements: &'static str,
}

/// moto, the server of `Moto`, and its dependencies.
pub(crate) const MOTO: Purpose = Purpose {
    name: "moto",
    requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/requirements.txt"),
};

/// MiniStack, the server of `Ministack`, and its dependencies.
pub(crate) const MINISTACK: Purpose = Purpose {
    name: "ministack",
    requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/requirements-ministack.txt"),
};

/// The hook frameworks, and shellcheck.
pub(crate) const HOOKS: Purpose = Purpose {
    name: "hooks",
    requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/requirements-hooks.txt"),
};

/// A validator of JSON Schema.
pub(crate) const EDITORS: Purpose = Purpose {
    name: "editors",
    requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/requirements-editors.txt"),
};

/// A version of git that writes the ref format reftable.
pub(crate) const GIT: Purpose = Purpose {
    name: "git",
    requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/requirements-git.txt"),
};

const ADVICE: &str = "The tests need Python 3.11 or later with venv (on Debian: apt-get install \
                      python3-venv) and, the first time, a package index that pip can reach.";

impl Purpose {
    /// Returns the virtual environment's folder of programs.
    ///
    /// # Errors
    /// The command that failed, its output and the remedy.
    pub(crate) fn programs(&self) -> Result<PathBuf, String> {
        let target = target_directory();
        let ready = target.join(format!("{}-venv-{:016x}", self.name, self.fingerprint()?));
        let lock = target.join(format!("{}-venv.lock", self.name));
        // If another test process creates it right now, this waits and reuses it.
        let _held = File::create(&lock)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|error| format!("cannot lock {}: {error}", lock.display()))?;
        if !ready.exists() {
            self.remove_unfinished(&target);
            self.make(&target, &ready)?;
        }
        Ok(ready.join("bin"))
    }

    /// Returns a hash of the requirements and the Python version, which identifies an environment.
    fn fingerprint(&self) -> Result<u64, String> {
        let requirements = fs::read(self.requirements)
            .map_err(|error| format!("{}: {error}", self.requirements))?;
        let version = run(Command::new("python3").arg("-VV"))?;
        let mut hasher = DefaultHasher::new();
        (requirements, version).hash(&mut hasher);
        Ok(hasher.finish())
    }

    /// Creates the environment elsewhere and moves it into place once it is complete.
    ///
    /// So a later run never uses what an interrupted one has left.
    fn make(&self, target: &Path, ready: &Path) -> Result<(), String> {
        let building = tempfile::Builder::new()
            .prefix(&self.unfinished())
            .tempdir_in(target)
            .map_err(|error| format!("no directory in {}: {error}", target.display()))?;
        run(Command::new("python3").args(["-m", "venv"]).arg(building.path()))?;
        // The requirements name every package, so there are no dependencies to resolve. Few of the
        // modules are ever imported, so compiling all of them takes longer than it saves.
        run(Command::new(building.path().join("bin/python"))
            .args(["-m", "pip", "install", "--disable-pip-version-check"])
            .args(["--no-deps", "--no-compile", "--requirement", self.requirements]))?;
        fs::rename(building.path(), ready)
            .map_err(|error| format!("cannot move it to {}: {error}", ready.display()))
    }

    /// Removes what killed runs have left. No other process creates an environment during the lock.
    fn remove_unfinished(&self, target: &Path) {
        for entry in fs::read_dir(target).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&self.unfinished()) {
                fs::remove_dir_all(entry.path()).ok();
            }
        }
    }

    /// Returns the prefix of an environment's name before it is complete.
    fn unfinished(&self) -> String {
        format!("{}-venv-unfinished-", self.name)
    }
}

/// Returns the folder with `prek`, `shellcheck`, and a `python` with `-m pre_commit`.
#[track_caller]
pub fn hook_programs() -> PathBuf {
    HOOKS.programs().unwrap_or_else(|why| panic!("there are no hook frameworks: {why}"))
}

/// Returns the folder with the validator of JSON Schema.
#[track_caller]
pub fn schema_validators() -> PathBuf {
    EDITORS.programs().unwrap_or_else(|why| panic!("there is no validator: {why}"))
}

/// Returns the folder with a version of git that writes the ref format reftable.
///
/// # Errors
/// Why it cannot be installed on this machine.
pub fn newer_git() -> Result<PathBuf, String> {
    let programs = GIT.programs()?;
    run(Command::new(programs.join("git")).arg("--version"))?;
    Ok(programs)
}

/// Returns the path of a package's file, given its path below `site-packages`.
#[track_caller]
pub fn installed(file: &str) -> PathBuf {
    find_installed(file).unwrap_or_else(|why| panic!("{why}"))
}

/// Returns the path of a package's file, given its path below `site-packages`.
///
/// # Errors
/// If the packages cannot be installed, or none has the file.
pub(crate) fn find_installed(file: &str) -> Result<PathBuf, String> {
    let programs = MOTO.programs().map_err(|why| format!("there is no {file}: {why}"))?;
    let libraries = programs.parent().expect("the programs are in the environment").join("lib");
    let versions =
        fs::read_dir(&libraries).map_err(|error| format!("{}: {error}", libraries.display()))?;
    versions
        .flatten()
        .map(|version| version.path().join("site-packages").join(file))
        .find(|path| path.exists())
        .ok_or_else(|| format!("no package in {} has {file}", libraries.display()))
}

/// Returns Cargo's target directory.
pub(crate) fn target_directory() -> PathBuf {
    let profile = profile_directory();
    profile.parent().unwrap_or(&profile).to_owned()
}

/// Returns the directory of the profile that this test was built in, such as `target/debug`.
pub(crate) fn profile_directory() -> PathBuf {
    let program = std::env::current_exe().expect("the path of this test");
    // target/debug/deps/cli-0123456789abcdef
    program.ancestors().nth(2).expect("a directory of the build").to_owned()
}

fn run(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {command:?}: {error}\n{ADVICE}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!(
        "{command:?} failed ({}):\n{}{}\n{ADVICE}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
