//! `cargo xtask reproduce`: two builds of the same files in two folders, compared byte for byte.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{empty_folder, output, run};
use crate::root;

/// Builds twice and compares; an error has the place of the first difference.
pub(crate) fn run_with(profile: &str) -> Result<(), String> {
    let place = empty_folder("reproduce")?;
    let mut programs = Vec::new();
    // Names of two lengths: a path in the program would move what is behind it.
    for name in ["one", "the-other-folder"] {
        let folder = place.join(name);
        copy_sources(&folder)?;
        println!("== build in {}", folder.display());
        let built = folder.join("target");
        run(build(&folder, profile).env("CARGO_TARGET_DIR", &built))?;
        let profile = if profile == "dev" { "debug" } else { profile };
        let program = place.join(format!("goldenpath-{name}"));
        std::fs::rename(built.join(profile).join("goldenpath"), &program)
            .map_err(|error| format!("cannot move the program: {error}"))?;
        // Two builds at once are more than some disks hold.
        std::fs::remove_dir_all(&folder)
            .map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
        programs.push(program);
    }
    let read = |file: &PathBuf| {
        std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
    };
    let (first, second) = (read(&programs[0])?, read(&programs[1])?);
    match first_difference(&first, &second) {
        None => {
            println!("the same {} bytes, built in two folders", first.len());
            Ok(())
        }
        Some(at) => Err(format!(
            "{} and {} differ from byte {at} on; `strings` shows a path that a build left",
            programs[0].display(),
            programs[1].display()
        )),
    }
}

/// Returns the command that builds the program as a release does.
///
/// Paths of this machine become `/goldenpath` and `/cargo`, in the code of Rust and of C.
fn build(folder: &Path, profile: &str) -> Command {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let mut paths = vec![(folder.to_owned(), "/goldenpath")];
    paths.extend(cargo_home.map(|home| (home, "/cargo")));
    let flags = |option: &str| {
        let flags = paths.iter().map(|(from, to)| format!("{option}{}={to}", from.display()));
        flags.collect::<Vec<_>>()
    };
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--locked", "--profile", profile]).current_dir(folder);
    // Its parts are separated by U+001F, so that a path may have blanks.
    build.env("CARGO_ENCODED_RUSTFLAGS", flags("--remap-path-prefix=").join("\u{1f}"));
    build.env("CFLAGS", flags("-ffile-prefix-map=").join(" "));
    build.env("SOURCE_DATE_EPOCH", "0").env("CARGO_INCREMENTAL", "0");
    build
}

/// Copies the files that git tracks or would track.
fn copy_sources(folder: &Path) -> Result<(), String> {
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    for name in output(&mut list)?.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root().join(name), folder.join(name));
        let failed = |error: std::io::Error| format!("cannot copy {name}: {error}");
        std::fs::create_dir_all(to.parent().unwrap_or(folder)).map_err(failed)?;
        if from.is_symlink() {
            link(&std::fs::read_link(&from).map_err(failed)?, &to).map_err(failed)?;
        } else if from.exists() {
            std::fs::copy(&from, &to).map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(windows)]
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(to, at)
}

/// Returns the first place where two files differ.
fn first_difference(first: &[u8], second: &[u8]) -> Option<usize> {
    let same = first.iter().zip(second).take_while(|(one, other)| one == other).count();
    (first.len() != second.len() || same != first.len()).then_some(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_a_byte_or_the_shorter_end() {
        assert_eq!(first_difference(b"abc", b"abc"), None);
        assert_eq!(first_difference(b"abc", b"abd"), Some(2));
        assert_eq!(first_difference(b"abc", b"ab"), Some(2));
        assert_eq!(first_difference(b"", b"a"), Some(0));
    }
}
