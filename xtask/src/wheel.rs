//! `cargo xtask wheel`: builds the wheel of this machine, installs it from the file into a clean
//! environment, and runs the program.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{empty_folder, is_installed, output, run, target};
use crate::{VERSION, root};

/// Builds the wheel with a profile of Cargo, and tries it.
///
/// A release has the profile `dist`. `.ci/run` uses `dev`, whose crates are compiled already: what
/// is tried there is the packaging, not the optimizer.
pub(crate) fn run_with(profile: &str) -> Result<(), String> {
    let maturin = maturin()?;
    let wheels = empty_folder("wheels")?;
    println!("== wheel ({profile})");
    let mut build = Command::new(maturin);
    build.args(["build", "--profile", profile, "--locked", "--compatibility", "linux", "--out"]);
    run(build.arg(&wheels))?;
    let wheel = only_file(&wheels)?;
    println!("== {}", wheel.display());
    try_wheel(&wheel)
}

/// Installs a wheel into a clean environment, and runs the program.
fn try_wheel(wheel: &Path) -> Result<(), String> {
    let place = empty_folder("wheel-trial")?;
    let environment = place.join("environment");
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let programs = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let mut install = Command::new(programs.join("python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(install.args(["--no-index", "--no-deps"]).arg(wheel))?;
    let program = programs.join("goldenpath");
    try_program(&program, &place)?;
    let script = "import importlib.metadata as m; print(*m.files('goldenpath'), sep='\\n')";
    let files = output(Command::new(programs.join("python")).args(["-c", script]))?;
    if !files.contains("/sboms/") || !files.contains(".cyclonedx.json") {
        return Err(format!("the wheel has no SBOM:\n{files}"));
    }
    for library in libraries(&program)? {
        let is_libc = LIBC.iter().any(|name| library.starts_with(name));
        if !is_libc {
            return Err(format!(
                "{} needs {library}, which is not a part of libc",
                program.display()
            ));
        }
    }
    std::fs::remove_dir_all(&place)
        .map_err(|error| format!("cannot remove {}: {error}", place.display()))
}

/// The libraries that every Linux with glibc has, and the compiler's own.
const LIBC: [&str; 6] =
    ["libc.so", "libm.so", "libdl.so", "libpthread.so", "libgcc_s.so", "ld-linux"];

/// Runs an installed program: its version and the demo, in a home of its own.
pub(crate) fn try_program(program: &Path, place: &Path) -> Result<(), String> {
    let home = place.join("home");
    std::fs::create_dir_all(&home)
        .map_err(|error| format!("cannot create {}: {error}", home.display()))?;
    let version = output(Command::new(program).arg("--version"))?;
    if version.trim() != format!("goldenpath {VERSION}") {
        return Err(format!("{} prints `{}`", program.display(), version.trim()));
    }
    let mut demo = Command::new(program);
    demo.arg("demo").env("HOME", &home).env_remove("GOLDENPATH_CONFIG").current_dir(&home);
    let shown = output(&mut demo)?;
    if !shown.contains("Nothing to do.") {
        return Err(format!("{demo:?} did not reach its end:\n{shown}"));
    }
    println!("{} runs: version {VERSION}, demo", program.display());
    Ok(())
}

/// Returns the libraries that a program of this Linux needs. Empty without readelf.
fn libraries(program: &Path) -> Result<Vec<String>, String> {
    if !cfg!(target_os = "linux") || !is_installed("readelf") {
        println!("SKIPPED: the libraries of the wheel's program: there is no readelf");
        return Ok(Vec::new());
    }
    let dynamic = output(Command::new("readelf").args(["--dynamic", "--wide"]).arg(program))?;
    let names = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    Ok(names
        .filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned()))
        .collect())
}

/// Returns the pinned maturin, which is installed below `target/`.
fn maturin() -> Result<PathBuf, String> {
    let requirements = root().join("packaging/maturin.txt");
    let pinned = crate::process::read(&requirements)?;
    let version = pinned.lines().find_map(|line| line.strip_prefix("maturin=="));
    let version = version.ok_or("packaging/maturin.txt does not pin maturin")?;
    let folder = target().join(format!("maturin-{version}"));
    let program = folder.join(if cfg!(windows) { "Scripts" } else { "bin" }).join("maturin");
    // Whatever an interrupted run left has no program that works.
    if !program.to_str().is_some_and(is_installed) {
        empty_folder(&format!("maturin-{version}"))?;
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let mut install = Command::new(program.with_file_name("python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run(install.args(["--no-deps", "--requirement"]).arg(&requirements))?;
    }
    Ok(program)
}

/// Returns the file of a folder that has one.
fn only_file(folder: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut entries = std::fs::read_dir(folder).map_err(failed)?;
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry.map_err(failed)?.path()),
        _ => Err(format!("{} must have one file", folder.display())),
    }
}
