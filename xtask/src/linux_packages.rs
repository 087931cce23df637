//! The Debian and RPM packages: the staged tree of an installation, and the two formats of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{is_installed, output, run, write};
use crate::{VERSION, root};

const SUMMARY: &str = "secrets for Kubernetes on AWS, from a file in git to the cluster";
const DESCRIPTION: &str =
    "goldenpath takes a secret from a developer's request to a running Kubernetes";
const DESCRIPTION_END: &str = "cluster on AWS, and at the end of its life back out again.";

/// Writes what an installation has below `/usr`: program, manual pages, completions, licenses.
///
/// The program itself prints the pages and the completions, so it must run here.
pub(crate) fn stage(binary: &Path, tree: &Path) -> Result<(), String> {
    let program = tree.join("usr/bin/goldenpath");
    write(&program, "")?;
    std::fs::copy(binary, &program)
        .map_err(|error| format!("cannot copy {}: {error}", binary.display()))?;
    let mut man = Command::new(&program);
    output(man.arg("man").arg("--out-dir").arg(tree.join("usr/share/man/man1")))?;
    for (shell, file) in [
        ("bash", "bash-completion/completions/goldenpath"),
        ("zsh", "zsh/vendor-completions/_goldenpath"),
        ("fish", "fish/vendor_completions.d/goldenpath.fish"),
    ] {
        let script = output(Command::new(&program).args(["completions", shell]))?;
        write(&tree.join("usr/share").join(file), script)?;
    }
    let licenses = ["LICENSE-MIT", "LICENSE-APACHE"].map(|name| root().join(name));
    let mut copyright = String::new();
    for file in licenses {
        copyright += &crate::process::read(&file)?;
        copyright += "\n";
    }
    write(&tree.join("usr/share/doc/goldenpath/copyright"), copyright)
}

/// Creates the Debian package of a staged tree. Returns None without dpkg-deb.
///
/// A trial is compressed fast, a release well.
pub(crate) fn deb(
    tree: &Path,
    architecture: &str,
    out: &Path,
    is_trial: bool,
) -> Result<Option<PathBuf>, String> {
    if !is_installed("dpkg-deb") {
        println!("SKIPPED: the Debian package: there is no dpkg-deb");
        return Ok(None);
    }
    let control = format!(
        "Package: goldenpath\nVersion: {}\nArchitecture: {architecture}\nSection: devel\n\
         Priority: optional\nMaintainer: The goldenpath authors <goldenpath@example.com>\n\
         Depends: libc6 (>= {})\nRecommends: git\nDescription: {SUMMARY}\n {DESCRIPTION}\n \
         {DESCRIPTION_END}\n",
        // `0.2.0~rc.1` is before 0.2.0 in Debian's order.
        VERSION.replace('-', "~"),
        if is_trial { "2.31" } else { "2.17" },
    );
    write(&tree.join("DEBIAN/control"), control)?;
    let package = out.join(format!("goldenpath_{VERSION}_{architecture}.deb"));
    let mut build = Command::new("dpkg-deb");
    build.args(if is_trial { ["-Zgzip", "-z1"] } else { ["-Zxz", "-z6"] });
    output(build.args(["--root-owner-group", "--build"]).arg(tree).arg(&package))?;
    std::fs::remove_dir_all(tree.join("DEBIAN")).map_err(|error| error.to_string())?;
    Ok(Some(package))
}

/// Unpacks a Debian package, and returns its program.
pub(crate) fn unpack_deb(package: &Path, place: &Path) -> Result<PathBuf, String> {
    run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(place))?;
    for file in ["usr/share/man/man1/goldenpath-apply.1", "usr/share/doc/goldenpath/copyright"] {
        if !place.join(file).exists() {
            return Err(format!("{} lacks {file}", package.display()));
        }
    }
    Ok(place.join("usr/bin/goldenpath"))
}

/// Creates the RPM package of a staged tree. Returns None without rpmbuild.
pub(crate) fn rpm(tree: &Path, architecture: &str, out: &Path) -> Result<Option<PathBuf>, String> {
    if !is_installed("rpmbuild") {
        println!("SKIPPED: the RPM package: there is no rpmbuild (on Debian: apt-get install rpm)");
        return Ok(None);
    }
    let spec = format!(
        "Name: goldenpath\nVersion: {}\nRelease: 1\nSummary: {SUMMARY}\n\
         License: Apache-2.0 OR MIT\nRecommends: git\n\
         %global debug_package %{{nil}}\n%global __os_install_post %{{nil}}\n\
         %description\n{DESCRIPTION}\n{DESCRIPTION_END}\n\
         %install\ncp -a {}/usr %{{buildroot}}/usr\n\
         %files\n/usr/bin/goldenpath\n/usr/share/man/man1/*\n\
         /usr/share/bash-completion/completions/goldenpath\n\
         /usr/share/zsh/vendor-completions/_goldenpath\n\
         /usr/share/fish/vendor_completions.d/goldenpath.fish\n/usr/share/doc/goldenpath\n",
        VERSION.replace('-', "~"),
        tree.display(),
    );
    let file = out.join("rpm/goldenpath.spec");
    write(&file, spec)?;
    let mut build = Command::new("rpmbuild");
    build.args(["-bb", "--quiet", "--target", architecture, "--define"]);
    build.arg(format!("_topdir {}", out.join("rpm").display())).arg(&file);
    output(&mut build)?;
    let name = format!("goldenpath-{}-1.{architecture}.rpm", VERSION.replace('-', "~"));
    let package = out.join(&name);
    std::fs::rename(out.join("rpm/RPMS").join(architecture).join(&name), &package)
        .map_err(|error| format!("cannot move {name}: {error}"))?;
    Ok(Some(package))
}
