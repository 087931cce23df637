//! A value is sent only to the destination on the default branch.

use std::fs;

use serde_json::json;

use goldenpath_testkit::{
    Aws, Command, Moto, Outcome, Platform, Recorder, Repository, SEED, SEED_PATH, request,
};

const VALUE: &str = r#"{"username": "canary-user", "password": "canary-word"}"#;

/// Every command that sends or reads a value.
const COMMANDS: [&[&str]; 7] = [
    &["set", "SEC-0007", "--yes"],
    &["set", "SEC-0007", "--yes", "--replace"],
    &["generate", "SEC-0007", "--yes", "--key", "password"],
    &["rotate", "SEC-0007", "--yes"],
    &["rotate", "SEC-0007", "--yes", "--rollback"],
    &["copy", "SEC-0007", "SEC-0010", "--yes"],
    &["status", "SEC-0007", "--keys"],
];

fn words(outcome: &Outcome) -> String {
    let all = format!("{}{}", outcome.stdout, outcome.stderr);
    all.split_whitespace()
        .filter(|word| !["│", "×", "help:"].contains(word))
        .collect::<Vec<_>>()
        .join(" ")
}

#[track_caller]
fn says(outcome: &Outcome, text: &str) {
    assert!(
        words(outcome).contains(text),
        "`{text}` is not in\n{}{}",
        outcome.stdout,
        outcome.stderr
    );
}

/// Returns a platform whose catalog has a remote.
trait Published {
    /// Pushes `main` to a remote of this name and fetches its HEAD.
    fn publish(&self, remote: &str) -> Repository;
    fn value(&self, arguments: &[&str]) -> Command;
    fn set(&self) -> Command;
}

impl Published for Platform {
    fn publish(&self, remote: &str) -> Repository {
        let server = Repository::bare();
        self.catalog.git(&["remote", "add", remote, server.path().to_str().unwrap()]);
        self.catalog.git(&["push", "--quiet", remote, "main"]);
        self.catalog.git(&["remote", "set-head", remote, "main"]);
        server
    }

    fn value(&self, arguments: &[&str]) -> Command {
        self.catalog.goldenpath(&[&["value"], arguments].concat()).stdin(VALUE)
    }

    fn set(&self) -> Command {
        self.value(&["set", "SEC-0007", "--yes"])
    }
}

/// Returns a platform on AWS, pushed to `origin`, whose only secret has a value.
fn aws(test: &str) -> (Aws, Repository) {
    let aws = Aws::new(test);
    aws.platform.seed();
    aws.apply().success();
    aws.reach(aws.platform.set()).run().success();
    let server = aws.platform.publish("origin");
    aws.recorder.reset();
    (aws, server)
}

/// Returns the same on the local store, without a value.
fn local() -> (Platform, Repository) {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    let server = platform.publish("origin");
    (platform, server)
}

#[test]
fn a_value_goes_nowhere_else_than_the_default_branch_says() {
    let (aws, _server) = aws("destinations");
    let elsewhere = Recorder::in_front_of(Moto::shared());
    let config = aws.platform.catalog.read("goldenpath.yaml");
    let with =
        |store: &str| config.replacen("backend: aws", &format!("backend: aws\n  {store}"), 1);
    let prod = "arn:aws:iam::900000000077:role/evil";
    let endpoint = elsewhere.endpoint();
    let path = aws.platform.catalog.home().join("elsewhere.db").display().to_string();
    for (config, from, to, key, ours, theirs) in [
        (
            with(&format!("endpointUrl: {endpoint}")),
            "",
            "",
            "store.endpointUrl",
            endpoint.as_str(),
            "not set",
        ),
        (
            format!("{config}environments: {{ dev: {{ endpointUrl: \"{endpoint}\" }} }}\n"),
            "",
            "",
            "environments.dev.endpointUrl",
            &endpoint,
            "not set",
        ),
        (with("region: eu-west-2"), "", "", "store.region", "eu-west-2", "not set"),
        (with(&format!("roleArn: {prod}")), "", "", "store.roleArn", prod, "not set"),
        (
            with("keyTemplate: \"evil/{{ name }}\""),
            "",
            "",
            "store.keyTemplate",
            "evil/{{ name }}",
            "goldenpath/{{ service }}/{{ environment }}/{{ name }}",
        ),
        (
            config.replace("catalogId: acme-platform", "catalogId: evil"),
            "",
            "",
            "catalogId",
            "evil",
            "acme-platform",
        ),
        (
            config.replace("backend: aws", &format!("backend: local\n  path: {path}")),
            "",
            "",
            "store.backend",
            "local",
            "aws",
        ),
        (
            config.clone(),
            "service: payments ",
            "service: search ",
            "metadata.service",
            "search",
            "payments",
        ),
        (
            config.clone(),
            "environment: dev ",
            "environment: test ",
            "metadata.environment",
            "test",
            "dev",
        ),
        (
            config.clone(),
            "name: payments-db-credentials ",
            "name: another ",
            "metadata.name",
            "another",
            "payments-db-credentials",
        ),
        (format!("{config}audit: {{ remote: fork }}\n"), "", "", "audit.remote", "fork", "origin"),
    ] {
        assert!(SEED.contains(from), "{from}");
        aws.platform.catalog.write("goldenpath.yaml", &config);
        aws.platform.catalog.write(SEED_PATH, &SEED.replacen(from, to, 1));
        for arguments in COMMANDS {
            let outcome = aws.reach(aws.platform.value(arguments)).run().fails_with(1);
            says(
                &outcome,
                "the value of SEC-0007 has another destination in the work tree than in \
                 origin/main (commit ",
            );
            says(&outcome, &format!("{key} work tree: {ours} origin/main: {theirs}"));
            assert!(!words(&outcome).contains("canary"), "{}", outcome.stderr);
            assert_eq!(
                aws.recorder.requests().len() + elsewhere.requests().len(),
                0,
                "{key} {arguments:?}"
            );
        }
        assert!(!fs::exists(&path).unwrap(), "{key}");
    }
}

#[test]
fn settings_that_do_not_decide_where_a_value_goes_may_differ() {
    let (aws, _server) = aws("same-destination");
    let catalog = &aws.platform.catalog;
    catalog.git(&["checkout", "--quiet", "-b", "topic"]);
    let config = catalog.read("goldenpath.yaml");
    catalog.write("goldenpath.yaml", &format!("{config}limits: {{ maxDeletes: 7 }}\n"));
    catalog.write(SEED_PATH, &SEED.replacen("owner: team-payments", "owner: app-team", 1));
    catalog.write("catalogs/secrets/payments/dev/SEC-0008.yaml", &request("SEC-0008", "other"));
    catalog.commit_all("A topic");
    aws.reach(aws.platform.value(&["rotate", "SEC-0007", "--yes"])).run().success();
    assert!(aws.recorder.operations().contains(&"PutSecretValue".to_owned()));
    let status = aws
        .reach(aws.platform.value(&["status", "SEC-0007", "--keys", "--format", "json"]))
        .run()
        .success();
    assert_eq!(status.json()["secrets"][0]["keys"], json!(["username", "password"]));
    // Without `--keys`, no value is read and no destination is compared.
    catalog
        .write("goldenpath.yaml", &config.replace("catalogId: acme-platform", "catalogId: other"));
    aws.reach(aws.platform.value(&["status"])).run().success();
}

#[test]
fn a_secret_that_is_not_merged_yet_gets_no_value() {
    let (aws, _server) = aws("not-merged");
    let catalog = &aws.platform.catalog;
    catalog.git(&["checkout", "--quiet", "-b", "topic"]);
    catalog.write("catalogs/secrets/payments/dev/SEC-0008.yaml", &request("SEC-0008", "other"));
    // It takes the name of an existing secret.
    catalog.write(
        "catalogs/secrets/payments/dev/SEC-0009.yaml",
        &request("SEC-0009", "payments-db-credentials"),
    );
    catalog.git(&["rm", "--quiet", SEED_PATH]);
    catalog.commit_all("Two more");
    for id in ["SEC-0008", "SEC-0009"] {
        let outcome = aws.reach(aws.platform.value(&["set", id, "--yes"])).run().fails_with(1);
        says(&outcome, &format!("{id} is not merged yet: origin/main (commit "));
        says(&outcome, "git fetch origin");
    }
    assert_eq!(aws.recorder.operations(), [""; 0]);
    // After it is merged, pushed and fetched, it is found by its ID in any folder.
    catalog.git(&[
        "mv",
        "catalogs/secrets/payments/dev/SEC-0008.yaml",
        "catalogs/secrets/SEC-0008.yaml",
    ]);
    catalog.git(&["rm", "--quiet", "catalogs/secrets/payments/dev/SEC-0009.yaml"]);
    catalog.commit_all("Moved").git(&["push", "--quiet", "origin", "topic:main"]);
    catalog.git(&["rm", "--quiet", "catalogs/secrets/SEC-0008.yaml"]);
    catalog.write("catalogs/secrets/payments/dev/SEC-0008.yaml", &request("SEC-0008", "other"));
    let outcome = aws.reach(aws.platform.value(&["set", "SEC-0008", "--yes"])).run().fails_with(1);
    says(&outcome, "the secret `goldenpath/payments/dev/other` does not exist yet");
}

#[test]
fn the_local_store_s_files_are_compared_too() {
    let (platform, _server) = local();
    platform.set().run().success();
    let config = platform.catalog.read("goldenpath.yaml");
    for (option, key, ours) in [
        ("path: other.db", "store.path", "other.db"),
        ("keyFile: ~/other.key", "store.keyFile", "~/other.key"),
    ] {
        let other = config.replacen("backend: local", &format!("backend: local\n  {option}"), 1);
        platform.catalog.write("goldenpath.yaml", &other);
        for arguments in [&["set", "SEC-0007", "--yes"][..], &["env", "SEC-0007", "--", "env"]] {
            let outcome = platform.value(arguments).run().fails_with(1);
            says(&outcome, &format!("{key} work tree: {ours} origin/main: "));
            assert!(!words(&outcome).contains("canary"), "{}", outcome.stdout);
        }
        assert!(
            !platform.catalog.exists("other.db")
                && !platform.catalog.home().join("other.key").exists()
        );
    }
    platform.catalog.write("goldenpath.yaml", &config);
    says(&platform.value(&["env", "SEC-0007", "--", "env"]).run().success(), "canary-word");
}

#[test]
fn without_a_remote_the_work_tree_decides() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    platform.catalog.write(
        "goldenpath.yaml",
        &format!("{}limits: {{}}\n", platform.catalog.read("goldenpath.yaml")),
    );
    platform.set().run().success();
}

#[test]
fn a_default_branch_that_the_clone_does_not_know_is_asked_for_once_or_named() {
    let (platform, server) = local();
    let git = |arguments: &[&str]| platform.catalog.git(arguments);
    git(&["remote", "set-head", "origin", "--delete"]);
    platform.set().run().success();
    // Another branch is the default branch there.
    git(&["push", "--quiet", "origin", "main:trunk"]);
    server.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    git(&["update-ref", "-d", "refs/remotes/origin/trunk"]);
    let unfetched = platform.set().run().fails_with(1);
    says(&unfetched, "`origin/trunk` is not in this clone");
    says(&unfetched, "git fetch origin +refs/heads/trunk:refs/remotes/origin/trunk");
    git(&["fetch", "--quiet", "origin", "+refs/heads/trunk:refs/remotes/origin/trunk"]);
    let config = platform.catalog.read("goldenpath.yaml");
    platform.catalog.write("goldenpath.yaml", &config.replace("acme-platform", "evil"));
    says(
        &platform.set().run().fails_with(1),
        "has another destination in the work tree than in origin/trunk",
    );
    platform.catalog.write("goldenpath.yaml", &config);

    server.git(&["symbolic-ref", "HEAD", "refs/heads/nowhere"]);
    let unborn = platform.set().run().fails_with(1);
    says(&unborn, "cannot find the default branch of `origin`");
    says(&unborn, "git remote set-head origin main");
    assert!(!words(&unborn).contains("--auto"), "it fails there: {}", unborn.stderr);
    git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    says(&platform.set().run().fails_with(1), "git remote set-head origin trunk");
    git(&["update-ref", "-d", "refs/remotes/origin/trunk"]);
    let neither = platform.set().run().fails_with(1);
    says(&neither, "git remote set-head origin --auto, or git remote set-head origin BRANCH");
    git(&["fetch", "--quiet", "origin"]);
    git(&["remote", "set-url", "origin", "/nowhere/at/all"]);
    let unreachable = platform.set().run().fails_with(1);
    says(&unreachable, "cannot query the default branch of `origin`");
    says(&unreachable, "git remote set-head origin BRANCH");
    git(&["remote", "set-head", "origin", "main"]);
    platform.set().run().success();
    // It points to a deleted branch.
    git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone"]);
    says(&platform.set().run().fails_with(1), "`origin/gone` is not in this clone");
    git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main"]);
    says(&platform.set().run().fails_with(1), "does not point to one of its branches");
}

#[test]
fn the_work_tree_does_not_choose_the_remote_that_decides() {
    let (platform, _server) = local();
    let config = platform.catalog.read("goldenpath.yaml");
    let evil = config.replace("acme-platform", "evil") + "audit: { remote: fork }\n";
    // A remote whose default branch matches the work tree in everything.
    platform.catalog.git(&["checkout", "--quiet", "-b", "evil"]);
    platform.catalog.write("goldenpath.yaml", &evil).commit_all("Evil");
    let fork = Repository::bare();
    platform.catalog.git(&["remote", "add", "fork", fork.path().to_str().unwrap()]);
    platform.catalog.git(&["push", "--quiet", "fork", "evil:main"]);
    platform.catalog.git(&["remote", "set-head", "fork", "main"]);
    let refused = platform.set().run().fails_with(1);
    says(&refused, "audit.remote work tree: fork origin/main: origin");
    says(&refused, "catalogId work tree: evil origin/main: acme-platform");

    // Neither does it if no remote is called origin.
    platform.catalog.git(&["remote", "rename", "origin", "upstream"]);
    let ambiguous = platform.set().run().fails_with(1);
    says(&ambiguous, "cannot choose one of the remotes fork, upstream: none is `origin`");
    platform.catalog.git(&["config", "checkout.defaultRemote", "upstream"]);
    says(
        &platform.set().run().fails_with(1),
        "audit.remote work tree: fork upstream/main: upstream",
    );
    platform.catalog.git(&["checkout", "--quiet", "main"]);
    platform.set().run().success();
}

#[test]
fn the_default_branch_of_a_fork_may_leave_it_to_upstream() {
    let (platform, _server) = local();
    let config = platform.catalog.read("goldenpath.yaml") + "audit: { remote: upstream }\n";
    platform.catalog.write("goldenpath.yaml", &config).commit_all("Upstream has the trail");
    platform.catalog.git(&["push", "--quiet", "origin", "main"]);
    let missing = platform.set().run().fails_with(1);
    says(&missing, "this clone has no remote `upstream`, which `audit.remote`");
    let _upstream = platform.publish("upstream");
    platform.set().run().success();
    // The default branch of upstream applies, not the fork's.
    platform
        .catalog
        .write("goldenpath.yaml", &config.replace("acme-platform", "fork"))
        .commit_all("Fork");
    platform.catalog.git(&["push", "--quiet", "origin", "main"]);
    says(
        &platform.set().run().fails_with(1),
        "catalogId work tree: fork upstream/main: acme-platform",
    );
    // Both default branches must agree on `audit.remote`.
    platform
        .catalog
        .write("goldenpath.yaml", &config.replace("remote: upstream", "remote: origin"));
    platform.catalog.commit_all("Back").git(&["push", "--quiet", "upstream", "main"]);
    says(
        &platform.set().run().fails_with(1),
        "`audit.remote` is `upstream` in origin/main, and `origin` in upstream/main",
    );
}

#[test]
fn another_ref_of_the_same_name_does_not_decide() {
    let (platform, _server) = local();
    let config = platform.catalog.read("goldenpath.yaml");
    platform.catalog.git(&["checkout", "--quiet", "-b", "evil"]);
    platform
        .catalog
        .write("goldenpath.yaml", &config.replace("acme-platform", "evil"))
        .commit_all("Evil");
    platform.catalog.git(&["tag", "origin/main"]);
    platform.catalog.git(&["branch", "origin/main"]);
    platform.catalog.git(&["branch", "--force", "main"]);
    says(
        &platform.set().run().fails_with(1),
        "catalogId work tree: evil origin/main: acme-platform",
    );
}

#[test]
fn a_folder_a_linked_work_tree_and_a_detached_head_have_the_same_default_branch() {
    let (platform, _server) = local();
    let catalog = &platform.catalog;
    catalog.git(&["checkout", "--quiet", "--detach"]);
    let linked = catalog.home().join("linked");
    catalog.git(&["worktree", "add", "--quiet", linked.to_str().unwrap(), "HEAD"]);
    let evil = catalog.read("goldenpath.yaml").replace("acme-platform", "evil");
    for (folder, file) in [
        (catalog.path().join("catalogs/secrets/payments"), catalog.path().join("goldenpath.yaml")),
        (linked.clone(), linked.join("goldenpath.yaml")),
    ] {
        let folder = folder.to_str().unwrap();
        let set = || {
            catalog.goldenpath(&["-C", folder, "value", "set", "SEC-0007", "--yes"]).stdin(VALUE)
        };
        let own = fs::read_to_string(&file).unwrap();
        fs::write(&file, &evil).unwrap();
        says(&set().run().fails_with(1), "catalogId work tree: evil origin/main: acme-platform");
        fs::write(&file, own).unwrap();
        match folder.ends_with("linked") {
            // A linked work tree has its own store, which is empty.
            true => says(&set().run().fails_with(1), "does not exist yet"),
            false => _ = set().run().success(),
        }
    }
}

/// Returns a partial clone, without what `filter` excludes, of a server whose default branch has
/// changed since.
fn partial(server: &Repository, filter: &str, change: impl Fn(&Repository)) -> Repository {
    server.git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = Repository::new();
    let url = format!("file://{}", server.path().display());
    clone.git(&["remote", "add", "origin", &url]);
    clone.git(&["fetch", "--quiet", &format!("--filter={filter}"), "origin", "main"]);
    clone.git(&["checkout", "--quiet", "-B", "main", "origin/main"]);
    clone.git(&["remote", "set-head", "origin", "main"]);
    let other = Repository::clone_of(server);
    change(&other);
    other.commit_all("Change").git(&["push", "--quiet", "origin", "main"]);
    clone.git(&["fetch", "--quiet", "origin", "main"]);
    clone
}

#[test]
fn an_object_that_git_has_not_fetched_is_an_error_and_never_no_difference() {
    let (platform, server) = local();
    let config = platform.catalog.read("goldenpath.yaml");
    let other_config = |other: &Repository| {
        other.write("goldenpath.yaml", &config.replace("acme-platform", "renamed"));
    };
    let moved = |other: &Repository| {
        other.git(&["mv", SEED_PATH, "catalogs/secrets/payments/SEC-0007.yaml"]);
        other.write("catalogs/secrets/payments/SEC-0007.yaml", &format!("{SEED}\n"));
    };
    for (filter, change) in [
        ("blob:none", &other_config as &dyn Fn(&Repository)),
        ("tree:0", &other_config),
        ("blob:none", &moved),
        ("tree:0", &moved),
    ] {
        let clone = partial(&server, filter, change);
        let set = || clone.goldenpath(&["value", "set", "SEC-0007", "--yes"]).stdin(VALUE);
        let outcome = set().env("GIT_NO_LAZY_FETCH", "1").run();
        assert_ne!(outcome.code, 0, "{filter} {}", outcome.stderr);
        says(&outcome, "git fetch --refetch --no-filter origin");
        assert!(!words(&outcome).contains("not merged"), "{filter} {}", outcome.stderr);
        assert!(!clone.exists(".goldenpath/store.db"), "{filter}");
        // What may be fetched is fetched.
        let outcome = set().run().fails_with(1);
        match clone.git(&["diff", "--name-only", "HEAD", "origin/main"]).contains("goldenpath.yaml")
        {
            true => says(&outcome, "catalogId work tree: acme-platform origin/main: renamed"),
            false => says(&outcome, "does not exist yet"),
        }
        server.git(&[
            "update-ref",
            "refs/heads/main",
            &platform.catalog.git(&["rev-parse", "main"]),
        ]);
    }
}

#[test]
fn a_folder_that_git_has_not_fetched_is_an_error_and_never_an_empty_one() {
    const MISSING: &str = "1234567890123456789012345678901234567890";
    let (platform, _server) = local();
    let catalog = &platform.catalog;
    // Returns the tree `of` with another one at `name`.
    let with = |of: &str, name: &str, tree: &str| {
        let entries = catalog.git(&["ls-tree", of]);
        let entries: Vec<String> = entries
            .lines()
            .map(|line| match line.ends_with(&format!("\t{name}")) {
                true => format!("040000 tree {tree}\t{name}\n"),
                false => format!("{line}\n"),
            })
            .collect();
        let made = catalog
            .program("git", &["mktree", "--missing"])
            .stdin(entries.concat())
            .run()
            .success();
        made.stdout.trim().to_owned()
    };
    let publish = |tree: &str| {
        let commit = catalog.git(&["commit-tree", "-m", "Partial", tree]);
        catalog.git(&["update-ref", "refs/remotes/origin/main", &commit]);
    };
    let refused = || {
        let outcome = platform.set().run().fails_with(2);
        says(&outcome, "git fetch --refetch --no-filter origin");
    };
    publish(&with("main", "catalogs", MISSING));
    refused();
    // The missing tree is in a subfolder.
    let payments = with("main:catalogs/secrets", "payments", MISSING);
    publish(&with("main", "catalogs", &with("main:catalogs", "secrets", &payments)));
    refused();
    catalog.git(&["mv", SEED_PATH, "catalogs/secrets/SEC-0007.yaml"]);
    refused();
}

#[test]
fn a_shallow_clone_has_all_that_is_compared() {
    let (platform, server) = local();
    let shallow = Repository::new();
    let url = format!("file://{}", server.path().display());
    shallow.git(&["remote", "add", "origin", &url]);
    shallow.git(&[
        "fetch",
        "--quiet",
        "--depth=1",
        "origin",
        "+refs/heads/main:refs/remotes/origin/main",
    ]);
    shallow.git(&["checkout", "--quiet", "-B", "main", "origin/main"]);
    shallow.goldenpath(&["apply", "--yes"]).run().success();
    shallow.goldenpath(&["value", "set", "SEC-0007", "--yes"]).stdin(VALUE).run().success();
    let config = platform.catalog.read("goldenpath.yaml");
    shallow.write("goldenpath.yaml", &config.replace("acme-platform", "evil"));
    let outcome =
        shallow.goldenpath(&["value", "set", "SEC-0007", "--yes"]).stdin(VALUE).run().fails_with(1);
    says(&outcome, "catalogId work tree: evil origin/main: acme-platform");
}

#[test]
fn a_named_configuration_of_the_repository_is_compared_and_one_from_outside_is_the_user_s() {
    let (platform, _server) = local();
    let catalog = &platform.catalog;
    let config = catalog.read("goldenpath.yaml");
    let set = |file: &str| platform.value(&["set", "SEC-0007", "--yes", "--config", file]).run();
    catalog.write("other.yaml", &config);
    says(
        &set("other.yaml").fails_with(1),
        "origin/main does not have `other.yaml`, the file of `--config`",
    );
    catalog.commit_all("Another").git(&["push", "--quiet", "origin", "main"]);
    set("other.yaml").success();
    let evil = config.replace("acme-platform", "evil");
    catalog.write("other.yaml", &evil);
    says(&set("other.yaml").fails_with(1), "catalogId work tree: evil origin/main: acme-platform");
    // Links are followed on neither side.
    std::os::unix::fs::symlink(catalog.path().join("other.yaml"), catalog.home().join("link.yaml"))
        .unwrap();
    fs::write(catalog.home().join("evil.yaml"), &evil).unwrap();
    std::os::unix::fs::symlink(catalog.home().join("evil.yaml"), catalog.path().join("out.yaml"))
        .unwrap();
    for link in [catalog.home().join("link.yaml").to_str().unwrap(), "out.yaml"] {
        says(&set(link).fails_with(2), "this is a symbolic link");
    }

    let own = catalog.home().join("own.yaml");
    fs::write(&own, config.replacen("backend: local", "backend: local\n  path: own.db", 1))
        .unwrap();
    let own = own.to_str().unwrap();
    catalog.goldenpath(&["apply", "--yes", "--config", own]).run();
    set(own).success();
    assert!(catalog.exists("own.db"));
}

#[test]
fn files_that_look_like_a_repository_do_not_decide() {
    let (platform, _server) = local();
    let catalog = &platform.catalog;
    // Git treats a folder with these files as a bare repository, and reads the work tree's path
    // from its configuration.
    let folder = "catalogs/secrets/payments";
    for (file, text) in [
        ("HEAD", "ref: refs/heads/main\n"),
        (
            "config",
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = ../../..\n",
        ),
        ("objects/keep", ""),
        ("refs/heads/keep", ""),
    ] {
        catalog.write(format!("{folder}/{file}"), text);
    }
    catalog.write(
        "goldenpath.yaml",
        &catalog.read("goldenpath.yaml").replace("acme-platform", "evil"),
    );
    let set = |folder: &str| {
        catalog.goldenpath(&["-C", folder, "value", "set", "SEC-0007", "--yes"]).stdin(VALUE).run()
    };
    for folder in [folder, &format!("{folder}/dev")] {
        says(&set(folder).fails_with(2), "is a bare repository among the files of");
    }
    says(&set(".").fails_with(1), "catalogId work tree: evil origin/main: acme-platform");
    // A repository in another place, set by the user, is accepted as before.
    let apart = catalog.home().join("apart");
    fs::create_dir_all(&apart).unwrap();
    let git_dir = apart.join("objects-of-mine");
    catalog.git(&[
        "clone",
        "--quiet",
        "--separate-git-dir",
        git_dir.to_str().unwrap(),
        ".",
        apart.join("tree").to_str().unwrap(),
    ]);
    catalog.goldenpath(&["-C", apart.join("tree").to_str().unwrap(), "validate"]).run().success();
}
