//! A GitOps repository with a remote: pushes, races, rejections and lost responses.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;

use super::{FOLDER, PROJECTION, planned, says};
use goldenpath_testkit::{Platform, Repository, request, sample};

/// A platform that pushes its projections to `remote`, and another clone of that remote.
struct Pushing {
    platform: Platform,
    remote: Repository,
    /// The clone of another user.
    clone: Repository,
}

impl Pushing {
    fn new() -> Self {
        let remote = Repository::bare();
        let clone = Repository::clone_of(&remote);
        clone.write("README.md", "What the cluster runs\n").commit_all("Start");
        clone.git(&["push", "--quiet", "origin", "main"]);
        let pushing = Self { platform: Platform::local(), remote, clone };
        pushing.configure(&pushing.url(), "");
        pushing
    }

    fn seeded() -> Self {
        let pushing = Self::new();
        pushing.platform.seed();
        pushing
    }

    fn url(&self) -> String {
        self.remote.path().display().to_string()
    }

    fn configure(&self, url: &str, more: &str) {
        let text = format!(
            "catalogId: acme-platform\nstore: {{ backend: local }}\ngitops:\n  url: {url}\n{more}"
        );
        self.platform.catalog.write("goldenpath.yaml", &text).commit_all("Configure goldenpath");
    }

    /// Commits the clone's files on top of the remote's branch, and pushes them.
    fn push_as_another_user(&self, file: &str, content: &str) {
        self.clone.git(&["pull", "--quiet", "--rebase", "origin", "main"]);
        self.clone.write(file, content).commit_all("Somebody's work");
        self.clone.git(&["push", "--quiet", "origin", "main"]);
    }

    fn log(&self) -> Vec<String> {
        self.remote.git(&["log", "--format=%s", "main"]).lines().map(str::to_owned).collect()
    }

    fn files(&self) -> String {
        self.remote.git(&["ls-tree", "-r", "--name-only", "main"])
    }

    fn file(&self, path: &str) -> String {
        self.remote.git(&["show", &format!("main:{path}")])
    }

    /// Installs a hook that the remote runs at a push.
    fn hook(&self, name: &str, text: &str) {
        let path = self.remote.path().join("hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_projection_arrives_in_one_commit_and_a_second_run_has_nothing_to_do() {
    let it = Pushing::seeded();
    let outcome = it.platform.plan(&[]).run().success();
    says(&outcome, &format!("GitOps {} (branch main)", it.url()));
    assert_eq!(it.log(), ["Start"], "a plan writes nothing");

    it.platform.apply().run().success();
    assert_eq!(
        it.remote.git(&["show", "--format=", "--name-status", "main"]),
        format!("A\t{PROJECTION}")
    );
    let rendered = it.platform.catalog.goldenpath(&["render"]).run().success().stdout;
    assert!(rendered.contains(&it.file(PROJECTION)), "{rendered}");
    let source = it.platform.catalog.git(&["rev-parse", "HEAD"]);
    let message = it.remote.git(&["log", "-1", "--format=%B%an", "main"]);
    assert_eq!(
        message,
        format!(
            "goldenpath: write 1 ExternalSecret (SEC-0007)\n\nIDs: SEC-0007\n\
             Source: acme-platform at commit \
             {source}\nDev Eloper"
        )
    );

    let head = it.remote.git(&["rev-parse", "main"]);
    assert!(it.platform.apply().run().success().stdout.starts_with("Nothing to do."));
    assert_eq!(it.remote.git(&["rev-parse", "main"]), head);
    // The same from a new clone.
    fs::remove_dir_all(it.platform.catalog.path().join(".git/goldenpath")).unwrap();
    assert!(it.platform.apply().run().success().stdout.starts_with("Nothing to do."));
    assert_eq!(it.platform.catalog.git(&["status", "--porcelain", "-uall"]), "");
}

#[test]
fn history_is_not_fetched() {
    let it = Pushing::seeded();
    for number in 0..5 {
        it.push_as_another_user("README.md", &format!("{number}\n"));
    }
    it.platform.apply().run().success();
    it.push_as_another_user("README.md", "last\n");
    it.platform.seed_changed("k8sSecretName: payments-db-creds", "k8sSecretName: payments-db");
    it.platform.apply().run().success();
    assert_eq!(it.log().len(), 9);
    let cache = it.platform.catalog.path().join(".git/goldenpath/branches");
    let cache =
        fs::read_dir(cache).unwrap().flatten().find(|entry| entry.path().is_dir()).unwrap().path();
    let count = it.platform.catalog.git(&[
        "--git-dir",
        cache.to_str().unwrap(),
        "rev-list",
        "--all",
        "--count",
    ]);
    assert_eq!(count, "1", "the last commit alone");
}

#[test]
fn a_race_that_is_lost_is_run_again_on_what_others_have_pushed() {
    let it = Pushing::seeded();
    let mut terminal = it.platform.catalog.goldenpath(&["apply"]).in_terminal(80, 24);
    terminal.wait_for("Apply these changes?");
    it.push_as_another_user("apps/web.yaml", "name: web\n");
    terminal.send("yes\r").wait_for("Applied: 2 created");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(
        it.log(),
        ["goldenpath: write 1 ExternalSecret (SEC-0007)", "Somebody's work", "Start"]
    );
    assert_eq!(it.files(), format!("README.md\napps/web.yaml\n{PROJECTION}"));
}

#[test]
fn a_file_that_comes_to_be_while_apply_asks_is_not_overwritten() {
    for (content, words) in [
        ("mine: true\n", "was created in the GitOps repository after planning"),
        (
            "# Managed by goldenpath: SEC-0007 of acme-platform. Change the SecretRequest, not \
             this file.\na: b\n",
            "was changed in the GitOps repository after planning",
        ),
    ] {
        let it = Pushing::seeded();
        let mut terminal = it.platform.catalog.goldenpath(&["apply"]).in_terminal(100, 30);
        terminal.wait_for("Apply these changes?");
        it.push_as_another_user(PROJECTION, content);
        terminal.send("yes\r");
        assert_eq!(terminal.wait(), 1);
        let screen =
            terminal.screen().split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
        assert!(screen.contains(words), "{screen}");
        assert!(screen.contains("Applied: 1 created, 0 changed, 1 failed"), "{screen}");
        assert_eq!(it.file(PROJECTION), content.trim_end());
    }
}

#[test]
fn a_branch_that_takes_no_push_is_named_with_what_the_remote_said() {
    let it = Pushing::seeded();
    it.hook("update", "echo 'this branch is protected' >&2; exit 1");
    let outcome = it.platform.apply().run().fails_with(1);
    says(&outcome, "rejected the push to `main`: [remote rejected] (hook declined)");
    says(&outcome, "this branch is protected");
    assert!(
        outcome.stdout.ends_with("Applied: 1 created, 0 changed, 1 failed.\n"),
        "{}",
        outcome.stdout
    );
    assert_eq!(it.log(), ["Start"]);
    // The secret exists, and only the projection is left to write.
    fs::remove_file(it.remote.path().join("hooks/update")).unwrap();
    assert_eq!(planned(&it.platform), [format!("SEC-0007 write-projection {PROJECTION}")]);
    it.platform.apply().run().success();
    assert_eq!(it.log().len(), 2);
}

#[test]
fn a_push_whose_answer_was_lost_is_found_to_have_arrived() {
    let it = Pushing::seeded();
    // The hook kills the process that would respond.
    it.hook("post-receive", "kill -9 $PPID");
    let outcome = it.platform.apply().run().success();
    let head = it.remote.git(&["rev-parse", "main"]);
    says(&outcome, &format!("pushed {}", &head[..8]));
    assert_eq!(it.log(), ["goldenpath: write 1 ExternalSecret (SEC-0007)", "Start"]);
}

#[test]
fn a_push_that_never_arrives_is_retried_and_then_reported() {
    let it = Pushing::seeded();
    it.hook("pre-receive", "echo x >> \"$GIT_DIR/tries\"; kill -9 $PPID");
    let outcome = it.platform.apply().run().fails_with(1);
    says(&outcome, "cannot query the GitOps repository");
    says(&outcome, "`: `git push` failed");
    assert_eq!(it.log(), ["Start"]);
    assert_eq!(it.remote.read("tries").lines().count(), 3);
}

#[test]
fn a_missing_repository_is_reported_without_its_password() {
    let it = Pushing::seeded();
    it.configure("../nothing.git", "");
    let outcome = it.platform.plan(&["--detailed-exitcode"]).run().fails_with(1);
    says(&outcome, "cannot query the GitOps repository `../nothing.git`");
    it.configure("https://me:hunter2@127.0.0.1:1/gitops.git", "");
    let outcome = it.platform.apply().run().fails_with(1);
    says(&outcome, "cannot query the GitOps repository `https://127.0.0.1:1/gitops.git`");
    assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
}

#[test]
fn the_branch_is_the_one_that_is_set_or_that_head_is_on() {
    let it = Pushing::seeded();
    it.configure(&it.url(), "  branch: live\n");
    let outcome = it.platform.apply().run().fails_with(2);
    says(&outcome, "has no branch `live`");
    it.clone.git(&["push", "--quiet", "origin", "main:live", "main:trunk"]);
    it.platform.apply().run().success();
    assert_eq!(it.remote.git(&["rev-list", "--count", "live"]), "2");
    it.configure(&it.url(), "");
    it.remote.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    it.platform.apply().run().success();
    assert_eq!(it.remote.git(&["rev-list", "--count", "trunk"]), "2");
    assert_eq!(it.log(), ["Start"]);
}

#[test]
fn an_empty_repository_gets_its_first_commit() {
    let it = Pushing::seeded();
    let empty = Repository::bare();
    it.configure(&empty.path().display().to_string(), "");
    it.platform.apply().run().success();
    assert_eq!(empty.git(&["ls-tree", "-r", "--name-only", "main"]), PROJECTION);
    assert!(it.platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn a_path_in_the_remote_never_leads_through_a_link_or_a_file() {
    for (kind, words) in
        [("link", "on the way to it is a symbolic link"), ("file", "on the way to it is a file")]
    {
        let it = Pushing::seeded();
        it.clone.write("kustomize/overlays/base/README.md", "x\n");
        let dev = it.clone.path().join("kustomize/overlays/dev");
        match kind {
            "link" => symlink("base", dev).unwrap(),
            _ => fs::write(dev, "x").unwrap(),
        }
        it.clone.commit_all("Somebody's");
        it.clone.git(&["push", "--quiet", "origin", "main"]);
        let before = it.remote.git(&["rev-parse", "main"]);
        let outcome = it.platform.apply().run().fails_with(1);
        let shown = outcome.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(words), "{shown}");
        assert_eq!(it.remote.git(&["rev-parse", "main"]), before);
    }
    let it = Pushing::seeded();
    for (file, words) in [
        ("../{{ id }}.yaml", "is outside the repository"),
        ("a/.git/{{ id }}", "begins with a dot"),
        ("{{ service }}/kustomization.yaml", "is reserved for kustomize"),
    ] {
        it.configure(&it.url(), &format!("  file: \"{file}\"\n"));
        says(&it.platform.apply().run().fails_with(2), words);
    }
    assert_eq!(it.log(), ["Start"]);
}

#[test]
fn a_broken_clone_is_fetched_again() {
    let it = Pushing::seeded();
    it.platform.plan(&[]).run().success();
    let folder = it.platform.catalog.path().join(".git/goldenpath/branches");
    let cache =
        fs::read_dir(folder).unwrap().flatten().find(|entry| entry.path().is_dir()).unwrap().path();
    // The leftovers of a killed git, and then a folder that is not a repository.
    fs::write(cache.join("shallow.lock"), "").unwrap();
    fs::write(cache.join("refs/goldenpath/main.lock"), "").unwrap();
    it.push_as_another_user("README.md", "More\n");
    it.platform.plan(&[]).run().success();
    fs::write(cache.join("HEAD"), "nonsense").unwrap();
    fs::remove_dir_all(cache.join("refs")).unwrap();
    it.platform.apply().run().success();
    assert_eq!(it.log().len(), 3);
}

#[test]
fn runs_at_once_lose_nothing() {
    let it = Pushing::new();
    let services = ["billing", "orders", "payments", "search", "shipping"];
    for (number, service) in services.iter().enumerate() {
        for item in 0..3 {
            let id = format!("SEC-{:04}", number * 10 + item + 1);
            let text = request(&id, &format!("{service}-{item}-key"))
                .replace("service: payments", &format!("service: {service}"))
                .replace("namespace: payments", &format!("namespace: {service}"));
            it.platform.catalog.write(format!("catalogs/secrets/{service}/dev/{id}.yaml"), &text);
        }
    }
    it.platform.catalog.commit_all("Fifteen");
    thread::scope(|scope| {
        for service in services {
            let command = it.platform.catalog.goldenpath(&["apply", "--yes", "--service", service]);
            scope.spawn(|| command.run().success());
        }
    });
    let log = it.log();
    assert_eq!(log.len(), 1 + services.len(), "{log:?}");
    assert_eq!(it.files().lines().filter(|file| file.ends_with(".yaml")).count(), 15);
    assert!(it.platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn a_kustomization_there_lists_what_is_written_and_what_others_put_in_meanwhile() {
    let it = Pushing::seeded();
    let file = format!("{FOLDER}/kustomization.yaml");
    it.push_as_another_user(&file, "# Ours\nresources:\n- other.yaml # kept\n");
    let mut terminal = it.platform.catalog.goldenpath(&["apply"]).in_terminal(80, 24);
    terminal.wait_for("Apply these changes?");
    it.push_as_another_user(&file, "# Ours\nresources:\n- other.yaml # kept\n- late.yaml\n");
    terminal.send("yes\r").wait_for("Applied: 2 created");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(
        it.file(&file),
        "# Ours\nresources:\n- other.yaml # kept\n- late.yaml\n- SEC-0007.yaml"
    );
    assert!(it.platform.apply().run().success().stdout.starts_with("Nothing to do."));

    it.push_as_another_user(&file, "resources: []\n");
    assert_eq!(planned(&it.platform), [format!("SEC-0007 write-projection {PROJECTION}")]);
    it.platform.apply().run().success();
    assert_eq!(it.file(&file), "resources:\n- SEC-0007.yaml");
}

#[test]
fn killed_at_any_point_it_comes_to_the_same_end() {
    let prepared = || {
        let it = Pushing::seeded();
        it.push_as_another_user(&format!("{FOLDER}/kustomization.yaml"), "resources: []\n");
        it
    };
    let end = |it: &Pushing| (it.log(), it.remote.git(&["ls-tree", "-r", "main"]));
    let whole = prepared();
    let list = whole.platform.catalog.home().join("points");
    whole.platform.apply().env("GOLDENPATH_CRASH_LIST", &list).run().success();
    let expected = end(&whole);
    assert_eq!(expected.0.len(), 3);
    let points = fs::read_to_string(list).unwrap();
    for name in ["remote: cache made", "remote: fetched", "remote: commit made", "remote: pushed"] {
        assert!(points.lines().any(|point| point == name), "{points}");
    }
    for point in sample(points.lines(), 4) {
        let it = prepared();
        assert_eq!(it.platform.apply().env("GOLDENPATH_CRASH_AT", point).run().code, -1, "{point}");
        it.platform.apply().run().success();
        assert_eq!(end(&it), expected, "{point}");
        assert!(
            it.platform.apply().run().success().stdout.starts_with("Nothing to do."),
            "{point}"
        );
    }
}
