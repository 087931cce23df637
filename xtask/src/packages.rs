//! `cargo xtask packages`: the packages of one platform, from its program. With `--trial`, each is
//! installed from its file and run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::linux_packages::{deb, rpm, stage, unpack_deb};
use crate::npm;
use crate::platform::Platform;
use crate::process::{empty_folder, is_installed, output, run, target};
use crate::wheel::try_program;
use crate::{VERSION, root};

/// Creates the archive and the packages of a platform in `out`.
pub(crate) fn run_for(
    binary: &Path,
    target_name: &str,
    out: &Path,
    is_trial: bool,
) -> Result<(), String> {
    let platform = Platform::of(target_name)?;
    std::fs::create_dir_all(out)
        .map_err(|error| format!("cannot create {}: {error}", out.display()))?;
    let out = &out.canonicalize().map_err(|error| error.to_string())?;
    let place = empty_folder("packages")?;
    let binary = if is_trial { &stripped(binary, &place)? } else { binary };

    println!("== archive, manual pages, completions");
    let tree = place.join("tree");
    stage(binary, &tree)?;
    let archive = archive(&tree, platform, out, &place)?;
    println!("{}", archive.display());

    println!("== npm");
    if is_installed(if cfg!(windows) { "npm.cmd" } else { "npm" }) {
        let packages = [npm::pack_platform(binary, platform, out)?, npm::pack_shim(out)?];
        if is_trial {
            let program = npm::install(&packages, &place.join("npm-trial"))?;
            try_program(&program, &place)?;
            try_exit_code(&program)?;
        }
    } else {
        println!("SKIPPED: the npm packages: there is no npm");
    }

    if let Some((debian, red_hat)) = platform.linux {
        println!("== deb, rpm");
        if let Some(package) = deb(&tree, debian, out, is_trial)?
            && is_trial
        {
            try_program(&unpack_deb(&package, &place.join("deb-trial"))?, &place)?;
        }
        rpm(&tree, red_hat, out)?;
    }
    if is_trial {
        println!("== container image");
        image(binary)?;
    }
    for folder in [out.join("npm"), out.join("rpm"), place] {
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
        }
    }
    Ok(())
}

/// Returns a copy of the program without symbols, to be compressed in seconds.
fn stripped(binary: &Path, place: &Path) -> Result<PathBuf, String> {
    let copy = place.join("goldenpath");
    std::fs::copy(binary, &copy)
        .map_err(|error| format!("cannot copy {}: {error}", binary.display()))?;
    if is_installed("strip") {
        run(Command::new("strip").arg(&copy))?;
    }
    Ok(copy)
}

/// Creates the archive: the program at its top, and what `goldenpath` prints about itself.
fn archive(tree: &Path, platform: &Platform, out: &Path, place: &Path) -> Result<PathBuf, String> {
    let name = format!("goldenpath-{VERSION}-{}", platform.target);
    let folder = place.join(&name);
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let copy = |from: &Path, to: &str| {
        std::fs::copy(from, folder.join(to))
            .map(drop)
            .map_err(|error| format!("cannot copy {}: {error}", from.display()))
    };
    copy(&tree.join("usr/bin/goldenpath"), platform.program())?;
    for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md"] {
        copy(&root().join(file), file)?;
    }
    for (shell, file) in
        [("bash", "goldenpath.bash"), ("zsh", "_goldenpath"), ("fish", "goldenpath.fish")]
    {
        let script =
            output(Command::new(folder.join(platform.program())).args(["completions", shell]))?;
        crate::process::write(&folder.join("completions").join(file), script)?;
    }
    let pages = tree.join("usr/share/man/man1");
    let mut names: Vec<_> = std::fs::read_dir(&pages)
        .map_err(|error| error.to_string())?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    names.sort();
    std::fs::create_dir_all(folder.join("man/man1")).map_err(|error| error.to_string())?;
    for page in names {
        copy(&pages.join(&page), &format!("man/man1/{}", page.to_string_lossy()))?;
    }
    let archive = out.join(platform.archive(VERSION));
    let mut tar = Command::new("tar");
    // The one of Windows writes a zip by the name's extension.
    tar.args(if platform.is_windows() { ["-a", "-cf"] } else { ["-z", "-cf"] });
    run(tar.arg(&archive).arg("-C").arg(place).arg(&name))?;
    Ok(archive)
}

/// Checks that the shim of npm returns the program's exit code.
fn try_exit_code(program: &Path) -> Result<(), String> {
    let status = Command::new(program).arg("--no-such-option").output();
    match status.map_err(|error| error.to_string())?.status.code() {
        Some(2) => Ok(()),
        code => Err(format!("{} returned {code:?} for a wrong option", program.display())),
    }
}

/// Builds the container image, and runs it.
fn image(binary: &Path) -> Result<(), String> {
    if !is_installed("buildah") {
        println!("SKIPPED: the container image: there is no buildah, and it needs a base image");
        return Ok(());
    }
    let context = empty_folder("image")?;
    std::fs::copy(binary, context.join("goldenpath")).map_err(|error| error.to_string())?;
    let mut build = Command::new("buildah");
    build.args(["build", "--tag", "goldenpath-trial", "--file"]);
    run(build.arg(root().join("deploy/Containerfile")).arg(&context))?;
    std::fs::remove_dir_all(target().join("image")).map_err(|error| error.to_string())
}
