//! `goldenpath due`: ttls, rotations, long deprecations, and the branch that requests
//! decommissioning.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use goldenpath_testkit::{
    Aws, KEY, Outcome, Platform, Repository, SEED, SEED_PATH, request, seed_with, tags,
};

fn path(id: &str) -> String {
    format!("catalogs/secrets/payments/dev/{id}.yaml")
}

fn day(days_ago: i64) -> String {
    (Timestamp::now() - SignedDuration::from_hours(days_ago * 24)).strftime("%Y-%m-%d").to_string()
}

fn due(repository: &Repository, words: &[&str]) -> Outcome {
    repository.goldenpath(&[&["due"], words].concat()).run()
}

/// Returns the rows as `id reason state due`.
#[track_caller]
fn rows(outcome: &Outcome) -> Vec<String> {
    let report = outcome.json();
    assert_eq!(report["version"], 1);
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = report["due"].as_array().unwrap();
    let overdue = rows.iter().filter(|row| row["state"] == "overdue").count();
    assert_eq!(report["summary"]["overdue"], overdue);
    assert_eq!(report["summary"]["soon"], rows.len() - overdue);
    rows.iter()
        .map(|row| ["id", "reason", "state", "due"].map(|name| text(row, name)).join(" "))
        .collect()
}

/// Returns three secrets with a ttl of 30 days, in the catalog for 40, 20 and 5 days.
fn three() -> Repository {
    let repository = Repository::new();
    for (id, days) in [("SEC-0001", 40), ("SEC-0002", 20), ("SEC-0003", 5)] {
        repository.write(path(id), &request(id, &id.to_lowercase())).commit_all_days_ago(days, id);
    }
    repository
}

#[test]
fn a_ttl_counts_from_when_the_id_came_into_the_catalog() {
    let repository = three();
    let overdue = format!("SEC-0001 ttl overdue {}", day(10));
    let soon = format!("SEC-0002 ttl soon {}", day(-10));
    assert_eq!(
        rows(&due(&repository, &["--format", "json"]).success()),
        [overdue.clone(), soon.clone()]
    );
    assert_eq!(
        rows(&due(&repository, &["--format", "json", "--within", "9d"]).success()),
        std::slice::from_ref(&overdue)
    );
    let last = format!("SEC-0003 ttl soon {}", day(-25));
    assert_eq!(
        rows(&due(&repository, &["--format", "json", "--within", "4w"]).success()),
        [overdue, soon, last]
    );
    let none =
        due(&repository, &["--format", "json", "--service", "payments", "--owner", "app-team"])
            .success();
    assert_eq!(rows(&none), [""; 0]);
}

#[test]
fn a_secret_whose_end_is_asked_for_is_due_when_its_gates_open() {
    let repository = Repository::new();
    let text = request("SEC-0001", "an-old-key");
    repository.write(path("SEC-0001"), &text).commit_all_days_ago(60, "SEC-0001");
    let status = |status: &str| text.replace("status: active ", &format!("status: {status} "));
    repository.write(path("SEC-0001"), &status("deprecated")).commit_all_days_ago(50, "deprecated");
    repository
        .write(path("SEC-0001"), &status("decommission_requested"))
        .commit_all_days_ago(1, "requested");
    // The tier medium has a cooling-off period of 3 days.
    let soon = format!("SEC-0001 gates soon {}", day(-2));
    assert_eq!(rows(&due(&repository, &["--format", "json"]).success()), [soon]);
    assert_eq!(rows(&due(&repository, &["--format", "json", "--within", "1d"]).success()), [""; 0]);

    // Its value was read yesterday, and the tier requires seven days without a read.
    let aws = Aws::new("due-gates");
    let catalog = &aws.platform.catalog;
    // The platform's first commit is of 2099.
    catalog.git(&["update-ref", "-d", "HEAD"]);
    catalog.write(path("SEC-0001"), &text).commit_all_days_ago(60, "SEC-0001");
    aws.apply().success();
    let key = "goldenpath/payments/dev/an-old-key";
    let mut secret = aws.describe(key);
    secret["LastAccessedDate"] = json!((Timestamp::now().as_second() / 86400 - 1) * 86400);
    aws.recorder.answer("ListSecrets", 1, &json!({ "SecretList": [secret] }));
    catalog.write(path("SEC-0001"), &status("deprecated")).commit_all_days_ago(50, "deprecated");
    catalog
        .write(path("SEC-0001"), &status("decommission_requested"))
        .commit_all_days_ago(10, "requested");
    let outcome = aws.reach(catalog.goldenpath(&["due", "--format", "json"])).run().success();
    assert_eq!(rows(&outcome), [format!("SEC-0001 gates soon {}", day(-6))]);
}

#[test]
fn people_see_what_is_overdue_before_what_is_not() {
    let shown = due(&three(), &[]).success();
    let expected = format!(
        "Overdue\nDUE         ID        NAME      SERVICE   ENV  OWNER          WHY\n\
         {}  SEC-0001  sec-0001  payments  dev  team-payments  ttl of 30 days, in the catalog \
         since {}\n\n\
         Soon\nDUE         ID        NAME      SERVICE   ENV  OWNER          WHY\n\
         {}  SEC-0002  sec-0002  payments  dev  team-payments  ttl of 30 days, in the catalog \
         since {}\n\n\
         1 overdue, 1 within 14 days.\n",
        day(10),
        day(40),
        day(-10),
        day(20)
    );
    assert_eq!(shown.stdout, expected);
    assert!(shown.stderr.contains("`store.backend` is not set"), "{}", shown.stderr);
    assert_eq!(
        due(&Repository::with_seed(), &[]).success().stdout,
        "Nothing is due within 14 days.\n"
    );
}

#[test]
fn the_exit_code_is_what_was_asked_for() {
    let repository = three();
    for (words, code) in [
        (&[][..], 0),
        (&["--fail-on", "none"], 0),
        (&["--fail-on", "overdue"], 1),
        (&["--fail-on", "soon"], 1),
        (&["--within", "9"], 2),
        (&["--within", "soon"], 2),
        (&["--within", "99999999999999d"], 2),
        (&["--service", "paymenst"], 2),
    ] {
        assert_eq!(due(&repository, words).code, code, "{words:?}");
    }
    repository
        .write(path("SEC-0001"), &request("SEC-0001", "a").replace("ttlDays: 30", "ttlDays: 90"));
    assert_eq!(due(&repository, &["--fail-on", "overdue"]).code, 0);
    assert_eq!(due(&repository, &["--fail-on", "soon"]).code, 1);
    assert_eq!(due(&repository, &["--fail-on", "soon", "--within", "1w"]).code, 0);
}

#[test]
fn a_secret_that_has_been_deprecated_for_long_is_due() {
    let repository = Repository::new();
    let with = |status: &str| {
        seed_with(&[
            ("status: active", &format!("status: {status}")),
            ("ttlDays: 30", "ttlDays: 365"),
        ])
    };
    repository.write(SEED_PATH, &with("active")).commit_all_days_ago(300, "SEC-0007");
    repository.write(SEED_PATH, &with("deprecated")).commit_all_days_ago(250, "Deprecated");
    repository.write(SEED_PATH, &with("active")).commit_all_days_ago(200, "No, needed");
    repository.write(SEED_PATH, &with("deprecated")).commit_all_days_ago(100, "Deprecated");
    let comment = |text: String| text.replace("Mandatory: Lifecycle", "nobody uses it");
    repository.write(SEED_PATH, &comment(with("deprecated"))).commit_all_days_ago(50, "A comment");
    let found = format!("SEC-0007 deprecated overdue {}", day(10));
    assert_eq!(rows(&due(&repository, &["--format", "json"]).success()), [found]);
    let table = include_str!("../crates/core/schemas/metadata/governance.yaml");
    repository
        .write("schemas/metadata/governance.yaml", &format!("{table}\ndeprecatedForDays: 120\n"));
    assert_eq!(rows(&due(&repository, &["--format", "json"]).success()), [""; 0]);
    let found = format!("SEC-0007 deprecated soon {}", day(-20));
    assert_eq!(rows(&due(&repository, &["--format", "json", "--within", "3w"]).success()), [found]);
    // A status that is not committed does not count.
    repository.write(SEED_PATH, &with("decommission_requested"));
    assert_eq!(rows(&due(&repository, &["--format", "json", "--within", "3w"]).success()), [""; 0]);
}

/// Replaces the dates that the server reports for all secrets.
fn answer(aws: &Aws, dates: &[(&str, i64)]) {
    let mut list = aws.call("ListSecrets", json!({ "IncludePlannedDeletion": true }));
    for (field, days) in dates {
        let when = Timestamp::now() - SignedDuration::from_hours(days * 24);
        list["SecretList"][0][field] = json!(when.as_second());
    }
    aws.recorder.answer("ListSecrets", 1, &list);
}

#[test]
fn a_store_reports_when_a_secret_was_created_and_last_rotated() {
    let aws = Aws::new("due");
    aws.platform.seed();
    aws.apply().success();
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "of no account" }));
    let asked = |dates: &[(&str, i64)]| {
        answer(&aws, dates);
        rows(
            &aws.reach(aws.platform.catalog.goldenpath(&["due", "--format", "json"]))
                .run()
                .success(),
        )
    };
    let rotation = format!("SEC-0007 rotation overdue {}", day(10));
    assert_eq!(
        asked(&[("CreatedDate", 2), ("LastRotatedDate", 100), ("LastChangedDate", 1)]),
        [rotation]
    );
    let ttl = format!("SEC-0007 ttl overdue {}", day(3));
    assert_eq!(asked(&[("CreatedDate", 33), ("LastChangedDate", 1)]), std::slice::from_ref(&ttl));
    let soon = format!("SEC-0007 rotation soon {}", day(-5));
    assert_eq!(asked(&[("CreatedDate", 33), ("LastChangedDate", 85)]), [ttl, soon]);
    aws.recorder.reset();
    let offline = aws
        .reach(aws.platform.catalog.goldenpath(&["due", "--offline", "--format", "json"]))
        .run()
        .success();
    assert_eq!((rows(&offline), aws.recorder.operations()), (Vec::new(), Vec::new()));

    aws.call("UntagResource", json!({ "SecretId": KEY, "TagKeys": ["goldenpath.io/catalog"] }));
    assert_eq!(asked(&[("CreatedDate", 900)]), [""; 0], "unmanaged");
}

#[test]
fn the_dates_of_a_secret_that_is_not_the_manifest_s_own_count_for_nothing() {
    let aws = Aws::new("due-foreign");
    aws.platform.seed();
    aws.apply().success();
    let asked = || {
        answer(&aws, &[("CreatedDate", 900)]);
        let due = aws.platform.catalog.goldenpath(&["due", "--format", "json"]);
        rows(&aws.reach(due).run().success())
    };
    let ours = asked();
    assert_eq!(ours.len(), 1, "{ours:?}");
    for (tag, other) in [
        ("goldenpath.io/id", "SEC-0003"),
        ("goldenpath.io/catalog", "another"),
        ("goldenpath.io/managed-by", "terraform"),
    ] {
        let described = aws.describe(KEY);
        let own = tags(&described)[tag];
        let set = |value: &str| {
            let tags = json!([{ "Key": tag, "Value": value }]);
            aws.call("TagResource", json!({ "SecretId": KEY, "Tags": tags }));
        };
        set(other);
        assert_eq!(asked(), [""; 0], "{tag}");
        set(own);
        assert_eq!(asked(), ours, "{tag}");
    }
}

#[test]
fn an_unreachable_account_is_reported_and_git_is_still_queried() {
    let platform = Platform::with_store("backend: aws\nregion: us-east-1");
    platform.catalog.git(&["update-ref", "-d", "HEAD"]);
    platform.catalog.write(SEED_PATH, SEED).commit_all_days_ago(40, "SEC-0007");
    let reported = due(&platform.catalog, &["--format", "json"]).success();
    assert!(
        reported.stderr.contains("Not queried: dev: no usable AWS credentials"),
        "{}",
        reported.stderr
    );
    assert_eq!(rows(&reported), [format!("SEC-0007 ttl overdue {}", day(10))]);
    assert_eq!(reported.json()["failures"][0]["environments"], "dev");
    platform.catalog.write(SEED_PATH, &seed_with(&[("ttlDays: 30", "ttlDays: 300")]));
    assert_eq!(
        due(&platform.catalog, &["--fail-on", "overdue"]).code,
        1,
        "the rotations are unknown"
    );
    assert_eq!(due(&platform.catalog, &["--fail-on", "overdue", "--offline"]).code, 0);
}

#[test]
fn markdown_is_for_an_issue_and_nothing_in_it_is_markup() {
    let repository = Repository::new();
    repository.write(
        "schemas/metadata/enums.yaml",
        &include_str!("../crates/core/schemas/metadata/enums.yaml")
            .replace("team-payments", "\"@everyone <img> `|x`\""),
    );
    let text = SEED.replace("owner: team-payments ", "owner: \"@everyone <img> `|x`\" ");
    repository.write(SEED_PATH, &text).commit_all_days_ago(40, "SEC-0007");
    let shown = due(&repository, &["--format", "markdown"]).success().stdout;
    assert!(shown.starts_with("## Secrets that are due: 1 overdue, 0 within 14 days\n"), "{shown}");
    let line =
        shown.lines().find(|line| line.starts_with("- [ ] ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(line.contains("owner `` @everyone \\u{3c}img> `|x` ``: "), "{line}");
    assert!(!line.contains("<img"), "{line}");
    assert!(
        line.starts_with(&format!("- [ ] `{}` `SEC-0007` `payments-db-credentials`", day(10))),
        "{line}"
    );
    let none = due(&Repository::with_seed(), &["--format", "markdown"]).success().stdout;
    assert!(none.contains("\nNothing is due.\n"), "{none}");
}

#[test]
fn markdown_stays_below_the_limit_of_an_issue() {
    let repository = Repository::new();
    for number in 1..=600 {
        let id = format!("SEC-{number:04}");
        repository.write(path(&id), &request(&id, &format!("{}-{number}", "long-name".repeat(6))));
    }
    repository.commit_all_days_ago(40, "Many");
    let shown = due(&repository, &["--format", "markdown"]).success().stdout;
    assert!(shown.len() <= 60_000, "{}", shown.len());
    let listed = shown.lines().filter(|line| line.starts_with("- [ ] ")).count();
    assert!(listed > 100, "{listed}");
    assert!(shown.contains(&format!("- … and {} more", 600 - listed)), "{listed}");
}

#[test]
fn a_shallow_clone_is_reported() {
    let origin = three();
    let clone = Repository::new();
    clone.git(&[
        "fetch",
        "--quiet",
        "--depth",
        "1",
        &format!("file://{}", origin.path().display()),
        "main",
    ]);
    clone.git(&["checkout", "--quiet", "-b", "main", "FETCH_HEAD"]);
    let reported = due(&clone, &["--format", "json"]).success();
    assert!(reported.stderr.contains("this clone is shallow"), "{}", reported.stderr);
    assert_eq!(rows(&reported), [""; 0]);
}

#[test]
fn a_branch_asks_for_the_end_of_what_is_due_and_the_work_tree_stays() {
    let repository = three();
    let deprecated = request("SEC-0004", "old").replace("status: active", "status: deprecated");
    repository.write(path("SEC-0004"), &format!("\u{feff}{}", deprecated.replace('\n', "\r\n")));
    repository.commit_all_days_ago(2, "Imported");
    repository.write(
        path("SEC-0004"),
        &format!(
            "\u{feff}{}",
            deprecated.replace("ttlDays: 30", "ttlDays: 1").replace('\n', "\r\n")
        ),
    );
    repository.commit_all_days_ago(1, "A day is enough");
    // Uncommitted changes of the user stay.
    repository
        .write(path("SEC-0003"), "half written")
        .write("new.txt", "new")
        .git(&["add", "new.txt"]);
    let before = repository.git(&["status", "--porcelain"]);

    let done = due(&repository, &["--decommission"]).success();
    let branch = format!("goldenpath/decommission-{}", day(0));
    assert_eq!(
        done.stdout,
        format!(
            "SEC-0001  active → deprecated  ttl of 30 days, in the catalog since {}\n\
             SEC-0004  deprecated → decommission_requested  ttl of 1 day, in the catalog since \
             {}\n",
            day(40),
            day(2)
        )
    );
    assert!(
        done.stderr.contains(&format!("Next: git push REMOTE {branch}, and open a pull request.")),
        "{}",
        done.stderr
    );
    assert_eq!(repository.git(&["status", "--porcelain"]), before);
    assert_eq!(repository.git(&["branch", "--show-current"]), "main");
    assert_eq!(
        repository.git(&["log", "--format=%an %s", &format!("main..{branch}")]),
        "Dev Eloper goldenpath: one lifecycle step for 2 secrets"
    );
    assert_eq!(
        repository.git(&["diff", "--stat", "--name-only", "main", &branch]),
        format!("{}\n{}", path("SEC-0001"), path("SEC-0004"))
    );
    // One value changes in each file; the other bytes stay.
    for (id, from, to) in
        [("SEC-0001", "active", "deprecated"), ("SEC-0004", "deprecated", "decommission_requested")]
    {
        let text = |tip: &str| {
            repository
                .program("git", &["show", &format!("{tip}:{}", path(id))])
                .run()
                .success()
                .stdout
        };
        assert_eq!(
            text(&branch),
            text("main").replace(&format!("status: {from}"), &format!("status: {to}"))
        );
    }
    repository.goldenpath(&["validate", "--from-ref", "main", "--to-ref", &branch]).run().success();

    let again = due(&repository, &["--decommission"]).fails_with(2);
    assert!(again.stderr.contains("this branch already exists"), "{}", again.stderr);
    let other =
        due(&repository, &["--decommission", "--branch", "cleanup", "--env", "dev"]).success();
    assert!(
        other.stderr.contains("Created the branch cleanup with one commit"),
        "{}",
        other.stderr
    );
}

#[test]
fn the_branch_begins_where_merges_go_to() {
    let origin = Repository::bare();
    let repository = Repository::clone_of(&origin);
    repository.write(SEED_PATH, SEED).commit_all_days_ago(40, "SEC-0007");
    repository.git(&["push", "--quiet", "origin", "HEAD:main"]);
    repository.git(&["switch", "--quiet", "--create", "work"]);
    repository.write("a.txt", "a").commit_all("Something else");
    let done = due(&repository, &["--decommission", "--branch", "cleanup"]).success();
    assert!(done.stderr.contains("Next: git push origin cleanup"), "{}", done.stderr);
    assert_eq!(
        repository.git(&["rev-parse", "cleanup~1"]),
        repository.git(&["rev-parse", "origin/main"])
    );
    assert_eq!(origin.git(&["branch", "--format=%(refname:short)"]), "main", "nothing is pushed");
}

#[test]
fn without_anything_due_there_is_no_branch() {
    let repository = Repository::with_seed();
    repository.commit_all_days_ago(1, "SEC-0007");
    let done = due(&repository, &["--decommission"]).success();
    assert!(done.stderr.contains("No branch was created: no ttl has run out"), "{}", done.stderr);
    assert_eq!(repository.git(&["branch", "--format=%(refname:short)"]), "main");
    for words in [
        &["--decommission", "--format", "json"][..],
        &["--branch", "x"],
        &["--decommission", "--branch", "a..b"],
    ] {
        assert_eq!(due(&repository, words).code, 2, "{words:?}");
    }
}

#[test]
fn no_value_is_shown() {
    let value = ["AKIA", "Q3EGRIZ5", "WPLM4V2T"].concat();
    let repository = Repository::new();
    repository
        .write(SEED_PATH, &SEED.replace("owner: team-payments ", &format!("owner: {value} ")));
    repository.commit_all_days_ago(40, "SEC-0007");
    for format in ["text", "json", "markdown"] {
        let shown = due(&repository, &["--format", format]).success();
        assert!(
            shown.stdout.contains("SEC-0007") && shown.stdout.contains("[hidden]"),
            "{}",
            shown.stdout
        );
        assert!(
            !shown.stdout.contains(&value) && !shown.stderr.contains(&value),
            "{}",
            shown.stdout
        );
    }
    let refused = due(&repository, &["--decommission"]).fails_with(1);
    assert!(
        refused.stderr.contains("GP501") && refused.stderr.contains("No branch was created"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains(&value), "{}", refused.stderr);
    assert_eq!(repository.git(&["branch", "--format=%(refname:short)"]), "main");
}
