//! `cargo xtask check`: everything that a change must pass besides `cargo test`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{docs, root, site};

/// Pinned versions of the tools that are installed into `target/tools` where they are missing.
const CARGO_DENY: &str = "0.20.2";
const CARGO_NEXTEST: &str = "0.9.151";
const CARGO_MUTANTS: &str = "27.1.0";

/// The files in which a mistake deletes or leaks a secret: a change of them is tested by mutants.
const CRITICAL: [&str; 10] = [
    "crates/core/src/ids/**",
    "crates/core/src/used_ids/**",
    "crates/core/src/trail/**",
    "crates/core/src/sanitize/**",
    "crates/core/src/rules/redaction.rs",
    "crates/deploy/src/audit/**",
    "crates/deploy/src/store/**",
    "crates/deploy/src/value/**",
    "crates/deploy/src/reconcile/**",
    "src/commands/value/**",
];

/// Runs the checks; with `all`, the slow ones too. Stops at the first that fails.
pub(crate) fn run(all: bool) -> Result<(), String> {
    step("format", "cargo fmt --all", cargo(&["fmt", "--all", "--check"]))?;
    // `cargo fmt` does not see modules that a macro declares: the rules and the commands.
    let mut files = Vec::new();
    for folder in ["crates/core/src/rules", "src/commands"] {
        add_rust_files(&root().join(folder), &mut files)?;
    }
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--check", "--edition", "2024"]).args(&files);
    let remedy =
        "rustfmt --edition 2024 crates/core/src/rules/*.rs $(find src/commands -name '*.rs')";
    step("format of rules and commands", remedy, rustfmt)?;
    let clippy = cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    step("lints", "cargo clippy --workspace --all-targets", clippy)?;
    step("tests of the tasks", "see the failed test", cargo(&["test", "--quiet", "-p", "xtask"]))?;
    println!("== generated pages");
    docs::run(true)?;
    deny()?;
    if all { slow() } else { Ok(()) }
}

fn slow() -> Result<(), String> {
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    step("documentation", "cargo doc --workspace --no-deps", doc)?;
    let features = cargo(&["check", "--no-default-features"]);
    step("without default features", "cargo check --no-default-features", features)?;
    let publish = [
        "package",
        "--allow-dirty",
        "-p",
        "goldenpath-core",
        "-p",
        "goldenpath-deploy",
        "-p",
        "goldenpath",
    ];
    step("packages", "cargo package", cargo(&publish))?;
    let nextest = tool("cargo-nextest", CARGO_NEXTEST)?;
    let mut run = Command::new(nextest);
    run.args(["nextest", "run", "--workspace", "--final-status-level", "slow", "--no-fail-fast"]);
    run.env("GOLDENPATH_TEST_ALL", "1");
    step("tests, one process each", "cargo nextest run", run)?;
    println!("== documentation site");
    site::run()?;
    mutants()
}

/// Tests mutants of what the change touches in the critical files.
fn mutants() -> Result<(), String> {
    let base = ["origin/main", "main"]
        .into_iter()
        .find_map(|branch| output("git", &["merge-base", branch, "HEAD"]).ok())
        .ok_or("cannot find the merge base with origin/main or main: fetch it")?;
    let diff = output("git", &["diff", base.trim(), "--"])?;
    let folder = root().join("target/tools");
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create target/tools: {error}"))?;
    let file = folder.join("change.diff");
    std::fs::write(&file, diff)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let mut run = Command::new(tool("cargo-mutants", CARGO_MUTANTS)?);
    run.args(["mutants", "--in-diff"]).arg(&file).args(["--test-workspace=true", "--in-place"]);
    for pattern in CRITICAL {
        run.args(["--file", pattern]);
    }
    step("mutants", "add a test for each mutant that is missed", run)
}

/// Runs cargo-deny. Advisories need a database that `cargo deny fetch` downloads; the project's
/// workflow checks them every day.
fn deny() -> Result<(), String> {
    let deny = tool("cargo-deny", CARGO_DENY)?;
    // A build fetches only what this platform needs; cargo-deny reads the crates of all.
    step("sources", "check the network", cargo(&["fetch", "--locked"]))?;
    let mut check = Command::new(&deny);
    check.args(["--offline", "--all-features", "check", "--hide-inclusion-graph"]);
    check.args(["bans", "licenses", "sources"]);
    step("dependencies", "see deny.toml", check)?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let databases = home.map(|home| home.join("advisory-dbs"));
    if !databases.is_some_and(|folder| folder.is_dir()) {
        println!("SKIPPED: advisories: there is no database here (cargo deny fetch db)");
        return Ok(());
    }
    let mut check = Command::new(&deny);
    check.args(["--offline", "--all-features", "check", "advisories"]);
    step("advisories", "cargo update the crate that it names", check)
}

/// Returns a tool's program: the installed one, or else the pinned one, which is installed.
fn tool(name: &str, version: &str) -> Result<PathBuf, String> {
    let is_there =
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    if is_there {
        return Ok(PathBuf::from(name));
    }
    let program = root().join("target/tools/bin").join(name);
    if !program.exists() {
        let install = [
            "install",
            "--quiet",
            "--locked",
            "--debug",
            "--version",
            version,
            "--root",
            "target/tools",
            name,
        ];
        step(&format!("installing {name} {version}"), "check the network", cargo(&install))?;
    }
    Ok(program)
}

/// Adds the Rust files below a folder, in the order of their names.
fn add_rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>().map_err(failed)?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add_rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Runs a check, and says how to fix what it finds.
fn step(name: &str, remedy: &str, mut command: Command) -> Result<(), String> {
    println!("== {name}");
    let status = command.current_dir(root()).status();
    let status = status.map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed: {remedy}")) }
}

fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} {} failed", arguments.join(" ")));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
