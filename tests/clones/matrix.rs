//! Every command that reads, in every kind of clone: the result of the whole clone, or a refusal.

use std::path::PathBuf;

use goldenpath_testkit::{Command, Outcome, Repository, program, sample};

use super::{PAYMENTS, clone, server};

/// The commands that read a catalog, with their arguments.
const COMMANDS: [&[&str]; 22] = [
    &["validate"],
    &["validate", "--staged"],
    &["validate", "--from-ref", "origin/main"],
    &["validate", "--merge-with", "origin/main"],
    &["validate", "catalogs/secrets/payments/dev/SEC-0008.yaml"],
    &["plan"],
    &["plan", "--work-tree", "--format", "json"],
    &["plan", "--from-ref", "origin/main", "--format", "markdown"],
    &["list", "--format", "json"],
    &["list", "--ref", "origin/main"],
    &["list", "--removed", "--offline"],
    &["show", "payments-key", "--offline"],
    &["edit", "payments-key", "--owner", "team-of-this-catalog", "--dry-run"],
    &["edit", "payments-key", "--extend", "30d", "--dry-run"],
    &["schema", "manifest"],
    &["due", "--offline", "--within", "300d"],
    &["render"],
    &["id", "list", "--offline"],
    &["id", "next"],
    &["codeowners", "--check"],
    &[
        "new",
        "secret",
        "--dry-run",
        "--yes",
        "--no-reserve",
        "--service",
        "payments",
        "--env",
        "dev",
        "--type",
        "api-key",
        "--name",
        "a-new-key",
        "--owner",
        "team-of-this-catalog",
        "--risk",
        "low",
    ],
    &["lifecycle", "set", "SEC-0008", "deprecated"],
];

/// A kind of clone: how `git clone` creates it, and what is done to it then.
struct Kind {
    name: &'static str,
    clone: &'static [&'static str],
    then: &'static [&'static [&'static str]],
}

const SPARSE: &[&str] = &["sparse-checkout", "set", "--cone", "docs/a"];

const KINDS: [Kind; 14] = [
    Kind { name: "whole", clone: &[], then: &[] },
    Kind { name: "treeless", clone: &["--filter=tree:0"], then: &[] },
    Kind { name: "sparse cone", clone: &["--sparse"], then: &[SPARSE] },
    Kind { name: "shallow", clone: &["--depth=1", "--no-single-branch"], then: &[] },
    Kind {
        name: "sparse and blobless",
        clone: &["--filter=blob:none", "--sparse"],
        then: &[SPARSE],
    },
    Kind {
        name: "sparse index",
        clone: &["--sparse"],
        then: &[&["sparse-checkout", "set", "--cone", "--sparse-index", "docs/a"]],
    },
    Kind { name: "bare", clone: &["--bare"], then: &[] },
    Kind { name: "blobless", clone: &["--filter=blob:none"], then: &[] },
    Kind {
        name: "sparse without cone",
        clone: &["--no-checkout"],
        then: &[
            &["sparse-checkout", "set", "--no-cone", "/docs/", "!/docs/b/"],
            &["checkout", "--quiet"],
        ],
    },
    Kind {
        name: "split index",
        clone: &[],
        then: &[&["config", "core.splitIndex", "true"], &["update-index", "--split-index"]],
    },
    Kind {
        name: "index v4",
        clone: &[],
        then: &[&["config", "index.version", "4"], &["update-index", "--index-version", "4"]],
    },
    Kind { name: "untracked cache", clone: &[], then: &[&["update-index", "--untracked-cache"]] },
    Kind {
        name: "linked work tree",
        clone: &["--no-checkout"],
        then: &[
            &["checkout", "--quiet", "--detach"],
            &["worktree", "add", "--quiet", "linked", "feature"],
        ],
    },
    Kind { name: "submodule", clone: &[], then: &[] },
];

/// Another answer than the whole clone's: the kind, the command, the exit code, and what it says.
const OTHERS: [(&str, &str, i32, &str); 28] = [
    ("shallow", "validate --from-ref origin/main", 2, "git fetch --unshallow"),
    ("shallow", "validate --merge-with origin/main", 2, "git fetch --unshallow"),
    ("shallow", "plan --from-ref origin/main", 2, "git fetch --unshallow"),
    ("shallow", "id next", 0, "shallow"),
    ("shallow", "new secret", 0, "shallow"),
    ("shallow", "list --removed", 0, "git fetch --unshallow"),
    ("shallow", "show", 0, "an unknown day"),
    ("shallow", "edit payments-key --extend", 2, "git fetch --unshallow"),
    ("shallow", "due", 0, "git fetch --unshallow"),
    ("sparse", "lifecycle set", 2, "git sparse-checkout add"),
    ("submodule", "id list", 0, "SEC-0009"),
    ("bare", "validate --staged", 2, BARE),
    ("bare", "validate --from-ref", 2, "no commit `origin/main`"),
    ("bare", "validate --merge-with", 2, "no commit `origin/main`"),
    ("bare", "validate", 2, BARE),
    ("bare", "plan", 2, BARE),
    ("bare", "list --format json", 2, BARE),
    ("bare", "list --ref origin/main", 2, "no commit `origin/main`"),
    ("bare", "list --removed", 2, BARE),
    ("bare", "show", 2, BARE),
    ("bare", "edit", 2, BARE),
    ("bare", "schema", 2, BARE),
    ("bare", "due", 2, BARE),
    ("bare", "render", 2, BARE),
    ("bare", "id", 2, BARE),
    ("bare", "codeowners", 2, BARE),
    ("bare", "new", 2, BARE),
    ("bare", "lifecycle", 2, BARE),
];

const BARE: &str = "is a bare repository without a work tree";

#[test]
fn every_command_has_the_result_of_the_whole_clone_or_refuses() {
    let (server, _gitops) = server();
    let expected: Vec<Outcome> = {
        let whole = clone(&server, &[]);
        COMMANDS.iter().map(|command| whole.goldenpath(command).run()).collect()
    };
    assert!(expected.iter().filter(|outcome| outcome.code == 0).count() > 12);
    let mut wrong = Vec::new();
    for kind in sample(&KINDS, 3) {
        let (repository, folder) = create(kind, &server);
        for (command, expected) in COMMANDS.iter().zip(&expected) {
            let name = command.join(" ");
            let found = Command::new(&program(), command, &folder, &repository.home()).run();
            let other = OTHERS
                .iter()
                .find(|(of, begin, ..)| kind.name.starts_with(of) && name.starts_with(begin));
            let is_right = match other {
                Some((.., code, said)) => found.code == *code && found.said().contains(said),
                None => found.code == expected.code && found.stdout == expected.stdout,
            };
            if !is_right {
                wrong.push(format!(
                    "{}: {name}: {} instead of {}\n{}{}\ninstead of\n{}{}\n",
                    kind.name,
                    found.code,
                    expected.code,
                    found.stdout,
                    found.stderr,
                    expected.stdout,
                    expected.stderr
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_clone_lacks_what_its_kind_says() {
    let (server, _gitops) = server();
    for kind in &KINDS {
        let (_repository, folder) = create(kind, &server);
        let is_there = folder.join(PAYMENTS).exists();
        let is_left_out = kind.name.starts_with("sparse") || kind.name == "bare";
        assert_eq!(is_there, !is_left_out, "{}", kind.name);
    }
}

/// Creates a clone, and returns the folder in which commands run.
fn create(kind: &Kind, server: &Repository) -> (Repository, PathBuf) {
    let repository = match kind.name {
        "submodule" => Repository::new(),
        _ => clone(server, kind.clone),
    };
    if kind.name == "submodule" {
        let url = format!("file://{}", server.path().display());
        let options = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
        repository.git(&[&options[..], &["--branch", "feature", &url, "below"]].concat());
    }
    for command in kind.then {
        repository.git(command);
    }
    let folder = match kind.name {
        "submodule" => repository.path().join("below"),
        "linked work tree" => repository.path().join("linked"),
        _ => repository.path(),
    };
    (repository, folder)
}
