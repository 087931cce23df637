//! `goldenpath doctor`: what apply will need, checked without a change.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use goldenpath_testkit::{Aws, Key, Outcome, Platform, Repository};

/// Returns the checks of a subject, as `state message`.
#[track_caller]
fn checks(outcome: &Outcome, subject: &str) -> Vec<String> {
    let report = outcome.json();
    assert_eq!(report["version"], 1);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap();
    let own = checks.iter().filter(|check| check["subject"] == subject);
    own.map(|check| format!("{} {}", text(&check["state"]), text(&check["message"]))).collect()
}

/// Returns the remedies of all checks that have this state.
fn remedies(outcome: &Outcome, state: &str) -> Vec<String> {
    let report = outcome.json();
    let checks = report["checks"].as_array().unwrap().clone();
    let own = checks.iter().filter(|check| check["state"] == state);
    own.map(|check| check["remedy"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Returns a platform on AWS with the settings of `store`, one applied secret and the hooks.
fn platform(test: &str, store: &str) -> Aws {
    let aws = Aws::new(test);
    let path = aws.platform.gitops.path();
    let name = path.file_name().unwrap().to_str().unwrap();
    // As in `gitops.path: ../gitops`.
    let gitops = format!("{}/../{name}", path.display());
    let region = &aws.account.region;
    let store = store.replace("ACCOUNT", &aws.account.id);
    aws.platform.configure(&format!("backend: aws\nregion: {region}\n{store}"), &gitops);
    aws.platform.seed();
    aws.platform.catalog.goldenpath(&["hook", "install"]).run().success();
    aws
}

fn doctor(aws: &Aws, arguments: &[&str]) -> Outcome {
    let arguments = [&["doctor", "--env", "dev", "--format", "json"], arguments].concat();
    aws.reach(aws.platform.catalog.goldenpath(&arguments)).run()
}

#[test]
fn a_platform_that_lacks_nothing_passes_and_nothing_is_changed() {
    let aws = platform("doctor-ok", "accountId: \"ACCOUNT\"");
    aws.apply().success();
    let refs = || aws.platform.catalog.git(&["for-each-ref"]);
    let before = (aws.state(), aws.platform.gitops_state(), refs());
    aws.recorder.reset();
    let outcome = doctor(&aws, &[]).success();
    assert_eq!(
        aws.recorder.operations(),
        ["ListSecrets", "DescribeSecret", "GetResourcePolicy"],
        "it only reads"
    );
    assert_eq!((aws.state(), aws.platform.gitops_state(), refs()), before);
    assert_eq!(aws.platform.catalog.git(&["status", "--porcelain", "-uall"]), "");

    let account = &aws.account.id;
    assert_eq!(
        checks(&outcome, "identity"),
        [format!(
            "ok account {account}, as arn:aws:sts::{account}:assumed-role/doctor-ok/doctor-ok"
        )]
    );
    assert_eq!(
        checks(&outcome, "permissions")[..3],
        [
            "ok secretsmanager:ListSecrets",
            "ok secretsmanager:DescribeSecret",
            "ok secretsmanager:GetResourcePolicy",
        ]
    );
    assert!(checks(&outcome, "clock")[0].ends_with("s ahead of AWS"), "{}", outcome.stdout);
    for (subject, start) in [
        ("endpoint", "ok AWS Secrets Manager, "),
        ("key", "ok the account's own key"),
        ("gitops", "ok "),
        ("audit", "ok this clone (branch goldenpath/audit)"),
        ("signer", "ok "),
        ("hooks", "ok git calls goldenpath"),
    ] {
        let found = checks(&outcome, subject);
        assert!(found.len() == 1 && found[0].starts_with(start), "{subject}: {found:?}");
    }
    // What only a change could show has the command that shows it without one.
    let unknown = remedies(&outcome, "unknown");
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    for words in [
        &format!(
            "run `aws iam simulate-principal-policy --policy-source-arn \
             arn:aws:iam::{account}:role/doctor-ok --action-names "
        )[..],
        "secretsmanager:CreateSecret ",
        "ContextKeyName=aws:ResourceTag/goldenpath.io/catalog,ContextKeyType=string,\
         ContextKeyValues=acme-platform",
    ] {
        assert!(unknown[0].contains(words), "{words}: {}", unknown[0]);
    }

    let shown = aws.reach(aws.platform.catalog.goldenpath(&["doctor", "--env", "dev"])).run();
    let shown = shown.success();
    assert!(
        shown.stdout.starts_with("ok       endpoint     AWS Secrets Manager, "),
        "{}",
        shown.stdout
    );
    assert!(shown.stderr.ends_with("11 ok, 0 missing, 1 unknown.\n"), "{}", shown.stderr);
}

#[test]
fn credentials_of_another_account_are_missing_and_an_unset_account_is_offered() {
    let aws = platform("doctor-account", "accountId: \"210987654321\"");
    let outcome = doctor(&aws, &[]).fails_with(1);
    let found = checks(&outcome, "identity");
    assert!(
        found[0].starts_with("missing ")
            && found[0].contains(&aws.account.id)
            && found[0].contains("210987654321"),
        "{found:?}"
    );
    let aws = platform("doctor-unset", "");
    let outcome = doctor(&aws, &[]).success();
    let offered = format!("set `store.accountId: \"{}\"` in goldenpath.yaml", aws.account.id);
    assert!(remedies(&outcome, "ok").iter().any(|remedy| remedy.contains(&offered)));
}

#[test]
fn on_a_terminal_an_unset_account_is_written_into_the_configuration() {
    let aws = platform("doctor-offer", "");
    let catalog = &aws.platform.catalog;
    let before = catalog.read("goldenpath.yaml").replace("store:\n", "store: # ours\n");
    catalog.write("goldenpath.yaml", &before);
    let ask = |arguments: &[&str]| {
        aws.reach(catalog.goldenpath(&[&["doctor"], arguments].concat())).in_terminal(140, 60)
    };
    let account = aws.account.id.clone();
    let mut terminal = ask(&[]);
    let question = format!("Write `store.accountId: \"{account}\"` into goldenpath.yaml?");
    terminal.wait_for(&question).send("n").key(Key::Enter);
    terminal.wait();
    assert_eq!(catalog.read("goldenpath.yaml"), before);
    // With one environment of several, the account is that of the environment.
    let mut terminal = ask(&["--env", "dev"]);
    terminal.wait_for("Write `environments.dev.accountId:").send("y").key(Key::Enter);
    assert_eq!(terminal.wait(), 1);
    assert!(terminal.screen().contains("by hand"), "{}", terminal.screen());
    assert_eq!(catalog.read("goldenpath.yaml"), before, "there is no mapping to add it to");
    let mut terminal = ask(&[]);
    terminal.wait_for(&question).send("y").key(Key::Enter);
    terminal.wait_for("Wrote `store.accountId:");
    assert_eq!(terminal.wait(), 0);
    let region = format!("  region: {}\n", aws.account.region);
    let written = before.replace(&region, &format!("{region}  accountId: \"{account}\"\n"));
    assert_eq!(catalog.read("goldenpath.yaml"), written);
    let mut terminal = ask(&[]);
    assert_eq!(terminal.wait(), 0);
    assert!(!terminal.screen().contains("Write `"), "{}", terminal.screen());
}

#[test]
fn a_denied_read_is_missing_with_the_action_to_grant() {
    for operation in ["ListSecrets", "DescribeSecret", "GetResourcePolicy"] {
        let aws = platform("doctor-denied", "");
        aws.recorder.refuse(operation, "", 1, "AccessDeniedException", "no");
        let outcome = doctor(&aws, &[]).fails_with(1);
        let missing = remedies(&outcome, "missing");
        assert_eq!(missing.len(), 1, "{missing:?}");
        assert!(missing[0].contains(&format!("grant `secretsmanager:{operation}`")), "{missing:?}");
    }
}

#[test]
fn a_clock_that_differs_by_more_than_five_minutes_is_missing() {
    let aws = platform("doctor-clock", "");
    let list = "{\"SecretList\": []}";
    aws.recorder.echo("ListSecrets", 1, 200, "Date: Wed, 01 Jan 2025 00:00:00 GMT\r\n", list);
    let outcome = doctor(&aws, &[]).fails_with(1);
    let found = checks(&outcome, "clock");
    assert!(found[0].starts_with("missing this machine is "), "{found:?}");
    assert!(found[0].ends_with(" s ahead of AWS"), "{found:?}");
    // Without a usable date there is no answer.
    aws.recorder.echo("ListSecrets", 1, 200, "Date: yesterday\r\n", list);
    let outcome = doctor(&aws, &[]).success();
    assert_eq!(checks(&outcome, "clock"), ["unknown the response has no usable date"]);
}

#[test]
fn a_store_that_cannot_be_reached_leaves_the_rest_unknown() {
    let aws = platform("doctor-unreachable", "");
    aws.recorder.reset_connections("ListSecrets", usize::MAX);
    let outcome = doctor(&aws, &[]).fails_with(1);
    assert!(checks(&outcome, "endpoint")[0].starts_with("missing cannot reach `http://127.0.0.1"));
    for subject in ["identity", "permissions"] {
        let found = checks(&outcome, subject);
        assert!(found.len() == 1 && found[0].starts_with("unknown not checked"), "{found:?}");
    }
    // The rest is checked anyway.
    assert!(checks(&outcome, "gitops")[0].starts_with("ok "), "{}", outcome.stdout);
}

#[test]
fn a_function_in_another_region_or_account_is_missing_and_keys_have_a_command() {
    let aws = platform("doctor-function", "accountId: \"ACCOUNT\"\nkmsKeyId: alias/secrets");
    let catalog = &aws.platform.catalog;
    let Aws { account, .. } = &aws;
    for (place, state) in [
        (format!("us-west-1:{}", account.id), "missing"),
        (format!("{}:123456789012", account.region), "missing"),
        (format!("{}:{}", account.region, account.id), "unknown"),
    ] {
        let before = catalog.read("goldenpath.yaml");
        let function = format!("arn:aws:lambda:{place}:function:rotate");
        let rotation = format!("rotation: {{ functions: {{ api-key: \"{function}\" }} }}\n");
        catalog.write("goldenpath.yaml", &format!("{before}{rotation}"));
        let outcome = doctor(&aws, &[]);
        let outcome = if state == "missing" { outcome.fails_with(1) } else { outcome.success() };
        let found = checks(&outcome, "function");
        assert!(found.len() == 1 && found[0].starts_with(state), "{found:?}");
        let key = remedies(&outcome, "unknown");
        let command = format!(
            "run `aws kms describe-key --key-id 'alias/secrets' --region {}`",
            account.region
        );
        assert!(key.iter().any(|remedy| remedy.contains(&command)), "{key:?}");
        catalog.write("goldenpath.yaml", &before);
    }
}

#[test]
fn a_remote_that_lets_no_one_push_is_missing() {
    let platform = Platform::local();
    let remote = Repository::bare();
    let (catalog, path) = (&platform.catalog, remote.path().display().to_string());
    // A server that lets everyone read and no user push.
    let ssh = catalog.path().with_extension("ssh");
    let script = "#!/bin/sh\nfor last; do :; done\ncase \"$last\" in\n\
                  git-receive-pack*) echo 'ERROR: Permission denied' >&2; exit 1 ;;\n\
                  *) eval \"$last\" ;;\nesac\n";
    fs::write(&ssh, script).unwrap();
    fs::set_permissions(&ssh, Permissions::from_mode(0o755)).unwrap();
    catalog.git(&["remote", "add", "origin", &format!("ssh://git@git.example.com{path}")]);
    catalog.goldenpath(&["hook", "install"]).run().success();
    let run = || {
        catalog
            .goldenpath(&["doctor", "--format", "json"])
            .env("GIT_SSH_COMMAND", ssh.display().to_string())
            .env("GIT_SSH_VARIANT", "simple")
            .run()
    };
    let outcome = run().fails_with(1);
    let found = checks(&outcome, "audit");
    assert!(
        found[0].starts_with("missing ") && found[0].contains("Permission denied"),
        "{found:?}"
    );
    assert_eq!(checks(&outcome, "store").len(), 1);

    fs::write(&ssh, "#!/bin/sh\nfor last; do :; done\neval \"$last\"\n").unwrap();
    let outcome = run().success();
    assert!(checks(&outcome, "audit")[0].ends_with("apply may push"), "{}", outcome.stdout);
    assert_eq!(remote.git(&["for-each-ref"]), "", "a dry run pushes nothing");
}

#[test]
fn a_gitops_remote_is_read_and_its_push_is_tried() {
    let platform = Platform::local();
    let remote = Repository::bare();
    let path = remote.path().display().to_string();
    platform.gitops.git(&["push", "--quiet", &path, "HEAD:main"]);
    let config = |url: &str| {
        let text = format!(
            "catalogId: a\nstore: {{ backend: local }}\ngitops: {{ url: {url}, branch: main }}\n"
        );
        platform.catalog.write("goldenpath.yaml", &text).commit_all("Configure");
    };
    let run = || platform.catalog.goldenpath(&["doctor", "--format", "json"]).run();
    config(&path);
    let outcome = run();
    let found = checks(&outcome, "gitops");
    assert!(found.len() == 1 && found[0].starts_with("ok "), "{found:?}");
    assert!(found[0].ends_with("apply may push"), "{found:?}");
    config(&format!("{path}-missing"));
    let outcome = run().fails_with(1);
    assert!(checks(&outcome, "gitops")[0].starts_with("missing "), "{}", outcome.stdout);
}

#[test]
fn a_signer_that_fails_and_hooks_that_are_not_installed_are_missing() {
    let platform = Platform::local();
    let run =
        |ci: &str| platform.catalog.goldenpath(&["doctor", "--format", "json"]).env("CI", ci).run();
    let outcome = run("").fails_with(1);
    assert_eq!(
        checks(&outcome, "hooks"),
        ["missing no hook pre-commit, pre-merge-commit, pre-push"]
    );
    assert_eq!(remedies(&outcome, "missing"), ["run `goldenpath hook install`"]);
    assert_eq!(checks(&run("true").success(), "hooks"), ["ok a pipeline needs none"]);

    // A hook of another program may call goldenpath in its own way.
    platform.catalog.goldenpath(&["hook", "install"]).run().success();
    let hook = platform.catalog.path().join(".git/hooks/pre-push");
    fs::write(&hook, "#!/bin/sh\nexec some-framework run\n").unwrap();
    fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();
    let found = checks(&run("").success(), "hooks");
    assert!(found[0].starts_with("unknown pre-push: another program's hook"), "{found:?}");

    platform.catalog.git(&["config", "commit.gpgSign", "true"]);
    platform.catalog.git(&["config", "gpg.program", "false"]);
    let outcome = run("").fails_with(1);
    assert!(checks(&outcome, "signer")[0].starts_with("missing "), "{}", outcome.stdout);
}
