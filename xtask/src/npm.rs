//! npm packages: one per platform with its program, and `goldenpath`, whose shim starts it.
//!
//! npm installs the optional dependency that fits the machine. No package has an install script.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::platform::{PLATFORMS, Platform};
use crate::process::{output, read, write};
use crate::{VERSION, root};

/// Creates the package of a platform in `out`, and returns it.
pub(crate) fn pack_platform(
    binary: &Path,
    platform: &Platform,
    out: &Path,
) -> Result<PathBuf, String> {
    let name = package_name(platform);
    let folder = out.join("npm").join(&name);
    let libc = match platform.npm_libc {
        Some(libc) => format!("  \"libc\": [\"{libc}\"],\n"),
        None => String::new(),
    };
    let manifest = format!(
        "{{\n  \"name\": \"{name}\",\n{}  \"os\": [\"{}\"],\n  \"cpu\": [\"{}\"],\n{libc}  \
         \"files\": [\"bin\"],\n  \"preferUnplugged\": true\n}}\n",
        common("The program of the package goldenpath for one platform"),
        platform.npm_os,
        platform.npm_cpu,
    );
    write(&folder.join("package.json"), manifest)?;
    let program = folder.join("bin").join(platform.program());
    write(&program, "")?;
    std::fs::copy(binary, &program)
        .map_err(|error| format!("cannot copy {}: {error}", binary.display()))?;
    pack(&folder, out)
}

/// Creates the package `goldenpath` in `out`, and returns it.
pub(crate) fn pack_shim(out: &Path) -> Result<PathBuf, String> {
    let folder = out.join("npm/goldenpath");
    let optional: Vec<String> = PLATFORMS
        .iter()
        .map(|platform| format!("    \"{}\": \"{VERSION}\"", package_name(platform)))
        .collect();
    let manifest = format!(
        "{{\n  \"name\": \"goldenpath\",\n{}  \"bin\": {{ \"goldenpath\": \"goldenpath.js\" }},\n  \
         \"files\": [\"goldenpath.js\"],\n  \"engines\": {{ \"node\": \">=18\" }},\n  \
         \"optionalDependencies\": {{\n{}\n  }}\n}}\n",
        common("Secrets for Kubernetes on AWS, from a file in git to the cluster"),
        optional.join(",\n"),
    );
    write(&folder.join("package.json"), manifest)?;
    write(&folder.join("goldenpath.js"), read(&root().join("packaging/npm/goldenpath.js"))?)?;
    pack(&folder, out)
}

fn common(description: &str) -> String {
    format!(
        "  \"version\": \"{VERSION}\",\n  \"description\": \"{description}\",\n  \
         \"license\": \"(Apache-2.0 OR MIT)\",\n"
    )
}

fn package_name(platform: &Platform) -> String {
    let libc = if platform.npm_libc == Some("musl") { "-musl" } else { "" };
    format!("goldenpath-{}-{}{libc}", platform.npm_os, platform.npm_cpu)
}

fn pack(folder: &Path, out: &Path) -> Result<PathBuf, String> {
    let license = root().join("LICENSE-MIT");
    std::fs::copy(&license, folder.join("LICENSE"))
        .map_err(|error| format!("cannot copy {}: {error}", license.display()))?;
    let mut npm = npm();
    npm.args(["pack", "--silent", "--ignore-scripts", "--pack-destination"]).arg(out);
    let name = output(npm.current_dir(folder))?;
    Ok(out.join(name.trim()))
}

/// Installs packages from their files, without a registry, and returns the program's path.
pub(crate) fn install(packages: &[PathBuf], place: &Path) -> Result<PathBuf, String> {
    write(&place.join("package.json"), "{ \"private\": true }\n")?;
    let mut npm = npm();
    npm.args(["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
    output(npm.args(packages).current_dir(place))?;
    Ok(place.join("node_modules/.bin/goldenpath"))
}

fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}
