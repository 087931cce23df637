//! `--config` and `GOLDENPATH_CONFIG`: the file that applies is never another one without a word.

use std::fs;

use super::hooks::{commit_all, git, manifest, wrong};
use goldenpath_testkit::Repository;

/// The configuration of a catalog in a folder of a monorepo.
const CONFIG: &str = "catalog: platform/secrets\n";

const FILE: &str = "platform/goldenpath.yaml";

/// The path of a manifest in that catalog.
fn path(id: &str) -> String {
    format!("platform/secrets/payments/dev/{id}.yaml")
}

/// Returns a repository with that catalog and a manifest that breaks GP105.
fn monorepo() -> Repository {
    let repository = Repository::new();
    repository.write(FILE, CONFIG).write(path("SEC-0001"), &wrong("SEC-0001"));
    repository.git(&["add", "--all"]);
    repository
}

#[test]
fn hooks_check_by_the_file_with_which_they_were_installed() {
    let repository = monorepo();
    repository.goldenpath(&["--config", FILE, "hook", "install"]).run().success();
    let script = repository.read(".git/hooks/pre-commit");
    assert!(
        script
            .ends_with("exec goldenpath --config='platform/goldenpath.yaml' hook run pre-commit\n"),
        "{script}"
    );
    commit_all(&repository).refused_by("GP105");
    repository.write(path("SEC-0001"), &manifest("SEC-0001"));
    commit_all(&repository).success();
    // Git starts a hook at the root, wherever the user is.
    repository.write(path("SEC-0002"), &wrong("SEC-0002")).git(&["add", "--all"]);
    git(&repository, &["-C", "platform", "commit", "--quiet", "-m", "x"]).run().refused_by("GP105");
}

#[test]
fn a_second_installation_keeps_the_file_unless_it_names_another() {
    let repository = monorepo();
    let install = |arguments: &[&str]| {
        let arguments = [arguments, &["hook", "install", "pre-commit"]].concat();
        repository.goldenpath(&arguments).run().success().stdout
    };
    assert!(install(&["--config", FILE]).starts_with("installed "));
    assert!(install(&["--config", FILE]).starts_with("unchanged "));
    assert!(install(&[]).starts_with("unchanged "));
    commit_all(&repository).refused_by("GP105");
    repository.write("other.yaml", "");
    assert!(install(&["--config", "other.yaml"]).starts_with("updated "));
    assert!(repository.read(".git/hooks/pre-commit").contains("--config='other.yaml' "));
}

#[test]
fn a_file_outside_the_repository_is_named_by_its_whole_path_in_quotes() {
    let repository = monorepo();
    let folder = repository.home().join("it's $HOME");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("goldenpath.yaml"), CONFIG).unwrap();
    let file = folder.join("goldenpath.yaml");
    repository.goldenpath(&["--config", file.to_str().unwrap(), "hook", "install"]).run().success();
    commit_all(&repository).refused_by("GP105");
    let again = repository.goldenpath(&["hook", "install"]).run().success();
    assert_eq!(again.stdout.matches("unchanged ").count(), 3, "{}", again.stdout);

    let missing = ["--config", "../missing.yaml", "hook", "install"];
    let refused = repository.goldenpath(&missing).run().fails_with(2).stderr;
    assert!(refused.contains("cannot read the configuration file `../missing.yaml`"), "{refused}");
}

#[test]
fn a_hook_of_a_server_reads_the_file_from_the_commits() {
    let server = Repository::bare();
    server.goldenpath(&["--config", FILE, "hook", "install"]).run().success();
    let repository = monorepo();
    repository.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("The catalog");
    let url = server.path();
    let push = ["push", "--quiet", "--no-verify", url.to_str().unwrap(), "HEAD:main"];
    git(&repository, &push).run().success();
    repository.write(path("SEC-0002"), &wrong("SEC-0002")).commit_all("A mistake");
    git(&repository, &push).run().refused_by("GP105");
}

#[test]
fn the_variable_sets_the_file_and_the_flag_wins() {
    let repository = monorepo();
    let validate = |variable: &str, arguments: &[&str]| {
        let arguments = [arguments, &["validate"]].concat();
        repository.goldenpath(&arguments).env("GOLDENPATH_CONFIG", variable).run()
    };
    validate(FILE, &[]).refused_by("GP105");
    repository.write("own.yaml", &format!("{CONFIG}rules: {{ GP105: off }}\n"));
    validate(FILE, &["--config", "own.yaml"]).success();
    // An empty variable is as good as none.
    assert!(validate("", &[]).fails_with(2).stderr.contains("`catalogs/secrets` has no manifests"));
}

#[test]
fn a_goldenpath_yaml_in_the_current_folder_that_does_not_apply_is_reported() {
    let repository = monorepo();
    repository.write("goldenpath.yaml", CONFIG).write(path("SEC-0001"), &manifest("SEC-0001"));
    let warning = "Warning: `platform/goldenpath.yaml` does not apply: the configuration is \
                   `goldenpath.yaml`, from the root of the repository. To use the one here, give \
                   `--config goldenpath.yaml`.\n";
    let said = |arguments: &[&str], variable: &str| {
        let command = repository.goldenpath(arguments).env("GOLDENPATH_CONFIG", variable);
        command.run().success().stderr
    };
    assert_eq!(said(&["-C", "platform", "validate"], ""), warning);
    assert_eq!(said(&["-C", "platform", "list"], "../goldenpath.yaml"), warning);
    assert_eq!(said(&["-C", "platform", "--config", "goldenpath.yaml", "validate"], ""), "");
    assert_eq!(said(&["-C", "platform", "validate"], "goldenpath.yaml"), "");
    assert_eq!(said(&["validate"], ""), "");
}

#[test]
fn a_catalog_without_manifests_is_an_error_where_other_tracked_files_are_manifests() {
    let repository = monorepo();
    repository.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("Two");
    let commands: [&[&str]; 5] = [
        &["validate"],
        &["list"],
        &["due", "--within", "30d"],
        &["report", "--out", "page"],
        &["plan"],
    ];
    repository.write("local.yaml", "store: { backend: local }\n");
    for command in commands {
        let arguments = [&["--config", "local.yaml"], command].concat();
        let is_plan = command == ["plan"];
        if is_plan {
            repository.commit_all("The configuration");
        }
        let refused = repository.goldenpath(&arguments).run().fails_with(2).stderr;
        assert!(
            refused.contains("`catalogs/secrets` has no manifests, but there are 2 outside it"),
            "{command:?}: {refused}"
        );
        assert!(refused.contains(&path("SEC-0001")), "{command:?}: {refused}");
    }
    assert!(!repository.exists("page"));

    let empty = Repository::new();
    empty.write("notes.yaml", "kind: SecretRequestList\n").commit_all("Nothing yet");
    empty.goldenpath(&["validate"]).run().success();
    // A file that git does not track may be a draft.
    empty.write("draft.yaml", &manifest("SEC-0001")).goldenpath(&["validate"]).run().success();
}

#[test]
fn a_configuration_for_another_version_is_refused_before_anything_else_of_it() {
    let repository = Repository::new();
    repository.write("goldenpath.yaml", "futureField: 1\nrequiredVersion: \">=99, <100\"\n");
    repository.commit_all("The next version");
    for command in [&["validate"][..], &["plan"], &["list"], &["new", "secret", "--name", "x"]] {
        let said = repository.goldenpath(command).run().fails_with(2).stderr;
        let said = said.replace("\n  │ ", " ");
        assert!(said.contains("`requiredVersion` is `>=99, <100`"), "{command:?}: {said}");
        assert!(said.contains("goldenpath.yaml:2:1"), "{command:?}: {said}");
        assert!(said.contains("docs/how-to/install.md"), "{command:?}: {said}");
        assert!(!said.contains("unknown field"), "{command:?}: {said}");
    }
}
