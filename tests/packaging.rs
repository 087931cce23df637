//! What users install: the program needs nothing but libc, and the installers of pipelines accept
//! nothing but what the checksum says. `cargo xtask wheel` and `cargo xtask packages` try the
//! packages themselves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use goldenpath_testkit::{Command, Outcome, Repository, hook_programs, skip};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn the_program_needs_nothing_but_libc_and_the_compilers_own_library() {
    let repository = Repository::new();
    let readelf = std::process::Command::new("readelf").arg("--version").output();
    if !cfg!(target_os = "linux") || readelf.is_err() {
        return skip("there is no readelf (on Debian: apt-get install binutils)");
    }
    let arguments = ["--dynamic", "--wide", env!("CARGO_BIN_EXE_goldenpath")];
    let dynamic = repository.program("readelf", &arguments).run().success().stdout;
    let needed: Vec<&str> = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .map(|line| line.split(['[', ']']).nth(1).unwrap())
        .collect();
    assert!(needed.iter().any(|name| name.starts_with("libc.so")), "{dynamic}");
    let libc =
        ["libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so", "ld-linux", "libgcc_s.so"];
    let other: Vec<_> =
        needed.iter().filter(|name| !libc.iter().any(|own| name.starts_with(own))).collect();
    assert!(other.is_empty(), "the program needs {other:?}");
}

/// A machine with stand-ins for the programs that download, which copy from a folder.
struct Machine {
    repository: Repository,
}

impl Machine {
    fn new() -> Self {
        let repository = Repository::new();
        let (bin, served) = (repository.home().join("bin"), repository.home().join("served"));
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(&served).unwrap();
        // The name after `--pattern`, or the last part of the URL; the file after `--output`.
        let script = "#!/bin/sh\necho \"$(basename \"$0\") $*\" >> \"$HOME/calls\"\n\
                      while [ $# -gt 0 ]; do\n  case $1 in\n    --pattern) name=$2 ;;\n    \
                      --output) output=$2 ;;\n    https://*) name=${1##*/} ;;\n  \
                      esac\n  shift\ndone\n\
                      cp \"$HOME/served/$name\" \"$output\"\n";
        for program in ["gh", "curl"] {
            let file = bin.join(program);
            fs::write(&file, script).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { repository }
    }

    /// Serves an archive with a program that prints `text`, and returns its checksum.
    fn serve(&self, text: &str) -> String {
        let arch = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };
        let name = format!("goldenpath-{VERSION}-{arch}-unknown-linux-musl");
        let folder = self.repository.home().join(&name);
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("goldenpath");
        fs::write(
            &program,
            format!("#!/bin/sh\necho {text}\nfor word; do echo \"<$word>\"; done\n"),
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let archive = self.repository.home().join("served").join(format!("{name}.tar.gz"));
        let home = self.repository.home();
        let arguments = ["-czf", archive.to_str().unwrap(), "-C", home.to_str().unwrap(), &name];
        self.repository.program("tar", &arguments).run().success();
        let digest = Sha256::digest(fs::read(archive).unwrap());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn install(&self, variables: &[(&'static str, &str)]) -> Outcome {
        let script = format!("{ROOT}/scripts/install-release");
        let folder = self.folder();
        let command = self.repository.program(&script, &[folder.to_str().unwrap()]);
        command.envs(variables.iter().copied()).run()
    }

    fn folder(&self) -> std::path::PathBuf {
        self.repository.home().join("tools")
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.repository.home().join("calls")).unwrap_or_default()
    }

    fn installed(&self) -> String {
        let program = self.folder().join("goldenpath");
        self.repository.program(program.to_str().unwrap(), &[]).run().success().stdout
    }
}

#[test]
fn a_release_is_installed_by_gh_or_curl_if_its_checksum_is_right() {
    for (place, at, call) in [
        ("GOLDENPATH_REPOSITORY", "acme/goldenpath", "gh release download v"),
        ("GOLDENPATH_URL", "https://git.example.com/files", "curl --fail"),
    ] {
        let machine = Machine::new();
        let sum = machine.serve("right");
        let variables =
            [(place, at), ("GOLDENPATH_VERSION", VERSION), ("GOLDENPATH_CHECKSUM", sum.as_str())];
        machine.install(&variables).success();
        assert_eq!(machine.installed(), "right\n");
        assert!(machine.calls().starts_with(call), "{}", machine.calls());
        // The second time, the kept archive serves.
        machine.install(&variables).success();
        assert_eq!(machine.calls().lines().count(), 1, "{}", machine.calls());
        // A kept archive that was changed does not.
        let archive = fs::read_dir(machine.folder()).unwrap().map(|entry| entry.unwrap().path());
        let archive = archive.into_iter().find(|path| path.extension().is_some()).unwrap();
        fs::write(archive, "other").unwrap();
        machine.install(&variables).success();
        assert_eq!(machine.calls().lines().count(), 2, "{}", machine.calls());
    }
}

#[test]
fn another_archive_than_the_checksum_says_is_never_unpacked() {
    let machine = Machine::new();
    let sum = machine.serve("right");
    machine.serve("wrong");
    let said = machine
        .install(&[
            ("GOLDENPATH_REPOSITORY", "acme/goldenpath"),
            ("GOLDENPATH_VERSION", VERSION),
            ("GOLDENPATH_CHECKSUM", &sum),
        ])
        .fails_with(2)
        .stderr;
    assert!(said.contains(&format!(", not {sum}: do not use it")), "{said}");
    assert_eq!(fs::read_dir(machine.folder()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn an_installation_without_a_release_a_checksum_or_a_place_names_what_is_missing() {
    let machine = Machine::new();
    let sum = machine.serve("right");
    let sum = sum.as_str();
    let repository = ("GOLDENPATH_REPOSITORY", "acme/goldenpath");
    for (variables, expected) in [
        (vec![], "set the version"),
        (vec![("GOLDENPATH_VERSION", "latest")], "set the version"),
        (vec![("GOLDENPATH_VERSION", "../../1.2.3")], "set the version"),
        (vec![("GOLDENPATH_VERSION", "0.1.0 --repo evil/evil")], "set the version"),
        (vec![("GOLDENPATH_VERSION", VERSION), repository], "set the checksum"),
        (vec![("GOLDENPATH_VERSION", VERSION), ("GOLDENPATH_CHECKSUM", "abc")], "set the checksum"),
        (
            vec![("GOLDENPATH_VERSION", VERSION), ("GOLDENPATH_CHECKSUM", sum)],
            "set GOLDENPATH_REPOSITORY or GOLDENPATH_URL",
        ),
        (
            vec![
                ("GOLDENPATH_VERSION", VERSION),
                ("GOLDENPATH_CHECKSUM", sum),
                ("GOLDENPATH_URL", "http://git.example.com"),
            ],
            "must begin with https://",
        ),
        (
            vec![("GOLDENPATH_VERSION", "9.9.9"), ("GOLDENPATH_CHECKSUM", sum), repository],
            "cannot download goldenpath-9.9.9-",
        ),
        (vec![("GOLDENPATH_BINARY", "/nowhere")], "is not a program"),
    ] {
        let said = machine.install(&variables).fails_with(2).stderr;
        assert!(said.contains(expected), "{variables:?}: {said}");
    }
    machine.install(&[("GOLDENPATH_BINARY", env!("CARGO_BIN_EXE_goldenpath"))]).success();
    let program = machine.folder().join("goldenpath");
    let version = machine.repository.program(program.to_str().unwrap(), &["--version"]).run();
    assert_eq!(version.success().stdout, format!("goldenpath {VERSION}\n"));
}

#[test]
fn the_command_of_the_action_is_split_at_blanks_and_runs_nothing_else() {
    let machine = Machine::new();
    machine.serve("words");
    let arch = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" };
    let program = machine
        .repository
        .home()
        .join(format!("goldenpath-{VERSION}-{arch}-unknown-linux-musl/goldenpath"));
    let script = format!("{ROOT}/scripts/run-command");
    let command = machine
        .repository
        .program(&script, &[program.to_str().unwrap()])
        .env("COMMAND", "validate  --merge-with\n $(touch x) `touch x`; * \"a b\"\n");
    let shown = command.run().success().stdout;
    let expected = "words\n<validate>\n<--merge-with>\n<$(touch>\n<x)>\n<`touch>\n<x`;>\n<*>\n\
                    <\"a>\n<b\">\n";
    assert_eq!(shown, expected);
    assert!(!machine.repository.exists("x"));
}

#[test]
fn the_action_passes_each_input_to_its_scripts_by_a_variable() {
    let text = fs::read_to_string(format!("{ROOT}/action.yml")).unwrap();
    let action: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    for (name, input) in action["inputs"].as_object().unwrap() {
        assert!(input["description"].is_string(), "{name}");
        assert!(text.contains(&format!("inputs.{name} ")), "{name} has no effect");
    }
    let script = fs::read_to_string(format!("{ROOT}/scripts/install-release")).unwrap();
    for step in action["runs"]["steps"].as_array().unwrap() {
        let run = step["run"].as_str().unwrap_or_default();
        assert!(!run.contains("${{"), "an expression in a script is code: {run}");
        let variables = step["env"].as_object().into_iter().flatten();
        for (name, _) in variables.filter(|(name, _)| name.starts_with("GOLDENPATH_")) {
            assert!(script.contains(&format!("${{{name}:-}}")), "the script does not read {name}");
        }
    }
}

#[test]
fn shellcheck_finds_nothing_in_the_installers() {
    let home = Repository::new();
    let shellcheck = hook_programs().join("shellcheck");
    for script in ["install-release", "run-command"] {
        let path = format!("{ROOT}/scripts/{script}");
        Command::new(shellcheck.to_str().unwrap(), &[&path], Path::new("/"), &home.home())
            .run()
            .success();
    }
}

/// Returns the jobs of the GitLab template.
fn gitlab_jobs() -> serde_json::Value {
    let text =
        fs::read_to_string(format!("{ROOT}/deploy/gitlab/goldenpath.gitlab-ci.yml")).unwrap();
    let (inputs, jobs) = text.split_once("\n---\n").unwrap();
    let inputs: serde_json::Value = serde_yaml::from_str(inputs).unwrap();
    for name in inputs["spec"]["inputs"].as_object().unwrap().keys() {
        assert!(jobs.contains(&format!("$[[ inputs.{name} ]]")), "{name} has no effect");
    }
    // `!reference` is GitLab's own tag.
    serde_yaml::from_str(&jobs.replace("!reference ", "")).unwrap()
}

#[test]
fn the_gitlab_template_downloads_a_release_only_by_its_checksum() {
    let jobs = gitlab_jobs();
    let script = jobs[".goldenpath"]["before_script"][0].as_str().unwrap();
    let run = |machine: &Machine, sum: &str, url: &str| {
        let script = format!("set -e\n{script}\ngoldenpath\n");
        let command = machine.repository.program("sh", &["-c", &script]);
        command
            .env("GOLDENPATH_URL", url)
            .env("GOLDENPATH_VERSION", VERSION)
            .env("GOLDENPATH_CHECKSUM", sum)
            .run()
    };
    let machine = Machine::new();
    let sum = machine.serve("right");
    let shown = run(&machine, &sum, "https://git.example.com/files").success().stdout;
    assert!(shown.ends_with("right\n"), "{shown}");
    machine.serve("wrong");
    let outcome = run(&machine, &sum, "https://git.example.com/files").fails_with(1);
    assert!(!outcome.said().contains("wrong"), "{}", outcome.said());
}

#[test]
fn a_merge_request_on_gitlab_gets_no_role_that_can_change_anything() {
    let jobs = gitlab_jobs();
    for (name, job) in jobs.as_object().unwrap() {
        let text = job.to_string();
        assert_eq!(text.contains("inputs.apply_role"), name == "goldenpath-apply", "{name}");
        if text.contains("merge_request_event") {
            assert!(!text.contains("goldenpath apply"), "{name}");
        }
    }
    let rule = jobs["goldenpath-apply"]["rules"][0]["if"].as_str().unwrap();
    assert!(rule.starts_with("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && "), "{rule}");
    assert_eq!(jobs["goldenpath-apply"]["interruptible"], false);
    let plan = jobs["goldenpath-plan"]["rules"][0]["if"].as_str().unwrap();
    assert!(plan.contains("$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID"), "{plan}");
}
