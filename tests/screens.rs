//! `docs/reference/screens.md` is current: screens that the built binary prints.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::hook_frameworks;
use goldenpath_testkit::{Repository, SEED, SEED_PATH, request, seed_with};

/// Returns the output for an invalid value, a wrong folder, a list in place of a string, high risk
/// without rotation, and a misspelled key.
fn five_mistakes() -> String {
    let repository = Repository::new();
    let text = seed_with(&[
        ("team-payments ", "team-paymnets "),
        ("provider: aws-secrets-manager", "provider: [aws-secrets-manager]"),
        ("tier: medium", "tier: high"),
        ("rotationClass: standard", "rotationClass: none"),
        ("environment: dev", "environment: prod"),
        ("ttlDays: 30", "ttldays: 30"),
    ]);
    repository.write(SEED_PATH, &text);
    repository.goldenpath(&["validate"]).run().fails_with(1).stdout
}

fn duplicate_id() -> String {
    let repository = Repository::with_seed();
    repository.commit_all("The first");
    let second = request("SEC-0007", "payments-api-key")
        .replace("service: payments", "service: orders")
        .replace("namespace: payments ", "namespace: orders ");
    repository.write("catalogs/secrets/orders/dev/SEC-0007.yaml", &second).git(&["add", "--all"]);
    repository.goldenpath(&["validate", "--staged"]).run().fails_with(1).stdout
}

/// Returns the output for a commit that skips a lifecycle status, rejected by the native hook.
fn illegal_step() -> String {
    let repository = Repository::with_seed();
    repository.commit_all("The first");
    repository.goldenpath(&["hook", "install"]).run().success();
    repository.write(SEED_PATH, &SEED.replace("status: active", "status: decommission_requested"));
    let commit = ["commit", "--quiet", "--all", "--message", "Away with it"];
    let path = crate::hooks::path_with_goldenpath();
    repository.program("git", &commit).env("PATH", path).run().fails_with(1).said()
}

fn page() -> String {
    let mut page = String::from(
        "# Screens\n\nFindings as goldenpath prints them. A test takes them from the built binary \
         and fails when this page is\nout of date. A terminal shows them in color.\n",
    );
    let mut screen = |title: &str, command: &str, shown: &str| {
        let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
        let _ = write!(
            page,
            "\n## {title}\n\n```console\n$ {command}\n{}\n```\n",
            shown.join("\n").trim_end()
        );
    };
    screen("A manifest with five mistakes", "goldenpath validate", &five_mistakes());
    screen("An ID in two files", "goldenpath validate --staged", &duplicate_id());
    screen("An illegal step of the lifecycle, in a commit", "git commit --all", &illegal_step());
    for (framework, shown) in hook_frameworks::shown() {
        screen(&format!("A commit under {framework}"), "git add --all && git commit", &shown);
    }
    page
}

/// `UPDATE_DOCS=1 cargo test screens` updates the page.
#[test]
fn the_screens_in_the_documentation_are_what_is_shown() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/screens.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&file).unwrap_or_default(),
        page,
        "docs/reference/screens.md is out of date"
    );
}
