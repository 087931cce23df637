//! GP602: overdue rotations, by the dates of the store. The AWS simulator sets current dates, so
//! the tests replace them in the response to ListSecrets.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use goldenpath_testkit::{Account, Command, Moto, Outcome, Platform, Recorder, SEED_PATH};

const KEY: &str = "goldenpath/payments/dev/payments-db-credentials";

/// A platform with one created secret, the seed's, whose class `standard` requires a rotation every
/// 90 days (built-in governance table).
struct Made {
    platform: Platform,
    account: Account,
    recorder: Recorder,
}

impl Made {
    fn new(test: &str) -> Self {
        let moto = Moto::shared();
        let platform = Platform::with_store("backend: aws");
        platform.seed();
        let made =
            Self { platform, account: moto.account(test), recorder: Recorder::in_front_of(moto) };
        made.reach(made.platform.apply()).run().success();
        made
    }

    /// Returns a platform whose secret has a value.
    fn with_value(test: &str) -> Self {
        let made = Self::new(test);
        made.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "of no account" }));
        made
    }

    #[track_caller]
    fn call(&self, operation: &str, input: Value) -> Value {
        match Moto::shared().call(&self.account, operation, input) {
            Ok(output) => output,
            Err(error) => panic!("{operation}: {error}"),
        }
    }

    fn reach(&self, command: Command) -> Command {
        command.envs(self.account.environment(&self.recorder.endpoint()))
    }

    /// Runs `plan` with a list in which the secret has the given `dates`, in days ago.
    fn plan(&self, dates: &[(&str, i64)], arguments: &[&str]) -> Outcome {
        let mut list = self.call("ListSecrets", json!({ "IncludePlannedDeletion": true }));
        for (field, days) in dates {
            list["SecretList"][0][field] = json!(days_ago(*days).as_second());
        }
        self.recorder.answer("ListSecrets", 1, &list);
        self.reach(self.platform.plan(arguments)).run()
    }

    #[track_caller]
    fn found(&self, dates: &[(&str, i64)]) -> Vec<Value> {
        let plan = self.plan(dates, &["--format", "json"]).success().json();
        plan["findings"].as_array().unwrap().clone()
    }

    fn silent(&self, dates: &[(&str, i64)]) {
        assert_eq!(self.found(dates), Vec::<Value>::new(), "{dates:?}");
    }
}

fn days_ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(days * 24)
}

#[test]
fn an_overdue_rotation_is_a_warning_at_its_class() {
    let made = Made::with_value("overdue");
    let found = made.found(&[("LastChangedDate", 10), ("LastRotatedDate", 120)]);
    assert_eq!(found.len(), 1, "{found:?}");
    let day = days_ago(120).strftime("%Y-%m-%d").to_string();
    let expected = json!({
        "rule": "GP602", "name": "rotation-overdue", "severity": "warning", "path": SEED_PATH,
        "line": 15, "column": 20, "endLine": 15, "endColumn": 28,
        "pointer": "/spec/rotation/rotationClass",
        "message": format!(
            "the class `standard` requires rotation every 90 days, but SEC-0007 was last \
             rotated on {day}, 120 days ago"
        ),
        "help": "get a new value from the issuer, and set it with `goldenpath value rotate \
                 SEC-0007`",
    });
    assert_eq!(found[0], expected);
}

#[test]
fn people_see_it_before_the_plan_and_the_plan_stays_what_it_was() {
    let made = Made::with_value("people");
    let plan = made.plan(&[("LastRotatedDate", 120)], &[]).success();
    assert!(plan.stderr.contains("GP602 rotation-overdue"), "{}", plan.stderr);
    assert!(plan.stderr.contains("rotationClass: standard"), "{}", plan.stderr);
    assert!(plan.stderr.ends_with("checked 1 manifest: 1 warning\n"), "{}", plan.stderr);
    assert_eq!(
        plan.stdout,
        "Nothing to do. The secret of 1 manifest matches the catalog.\n\n\
         Rotation is manual for database-credentials (1 secret): no function in \
         `rotation.functions`.\n"
    );
    let quiet = made.plan(&[("LastRotatedDate", 1)], &["--detailed-exitcode"]).success();
    assert!(!quiet.stderr.contains("GP602"), "{}", quiet.stderr);
}

#[test]
fn a_rotation_within_its_time_is_silent() {
    let made = Made::with_value("within");
    // The class `standard` requires a rotation every 90 days.
    made.silent(&[("LastRotatedDate", 90)]);
    assert_eq!(made.found(&[("LastRotatedDate", 91)]).len(), 1);
    // The rotation counts, not earlier changes.
    made.silent(&[("LastRotatedDate", 10), ("LastChangedDate", 400)]);
    made.silent(&[]);
}

#[test]
fn without_a_rotation_the_last_change_counts() {
    let made = Made::with_value("changed");
    let found = made.found(&[("LastChangedDate", 100)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0]["message"].as_str().unwrap().contains("SEC-0007 was last changed on"),
        "{found:?}"
    );
    made.silent(&[("LastChangedDate", 80)]);
}

#[test]
fn what_has_no_value_or_no_future_needs_no_rotation() {
    let made = Made::new("empty");
    made.silent(&[("LastChangedDate", 400)]);

    let made = Made::with_value("going");
    made.call("DeleteSecret", json!({ "SecretId": KEY, "RecoveryWindowInDays": 7 }));
    made.silent(&[("LastChangedDate", 400)]);

    let made = Made::with_value("retired");
    for status in ["deprecated", "decommission_requested"] {
        made.platform.seed_changed("status: active", &format!("status: {status}"));
        assert_eq!(
            made.found(&[("LastChangedDate", 400)]).len(),
            usize::from(status == "deprecated"),
            "{status}"
        );
    }
}

#[test]
fn the_class_and_the_governance_table_say_how_often() {
    let made = Made::with_value("classes");
    made.platform.seed_changed("rotationClass: standard", "rotationClass: high");
    assert_eq!(made.found(&[("LastRotatedDate", 40)]).len(), 1);
    made.silent(&[("LastRotatedDate", 20)]);
    made.platform.seed_changed("rotationClass: standard", "rotationClass: none");
    // GP202 reports this case.
    let found = made.found(&[("LastRotatedDate", 4000)]);
    assert_eq!(
        found.iter().map(|found| found["rule"].as_str().unwrap()).collect::<Vec<_>>(),
        ["GP202"]
    );

    made.platform.seed();
    let built_in = include_str!("../crates/core/schemas/metadata/governance.yaml");
    assert!(built_in.contains("standard: 90"), "{built_in}");
    made.platform.catalog.write(
        "schemas/metadata/governance.yaml",
        &built_in.replace("standard: 90", "standard: 365"),
    );
    made.platform.catalog.commit_all("Once a year is enough");
    made.silent(&[("LastRotatedDate", 300)]);
}

#[test]
fn as_an_error_it_keeps_apply_from_doing_anything() {
    let made = Made::with_value("error");
    let catalog = &made.platform.catalog;
    let settings = catalog.read("goldenpath.yaml");
    catalog
        .write("goldenpath.yaml", &format!("{settings}rules: {{ GP602: error }}\n"))
        .commit_all("Stricter");
    let plan = made.plan(&[("LastRotatedDate", 120)], &["--format", "json"]).fails_with(1);
    assert_eq!(plan.stdout, "");
    assert!(plan.stderr.contains("A catalog with errors is not applied."), "{}", plan.stderr);

    catalog
        .write("goldenpath.yaml", &format!("{settings}rules: {{ GP602: off }}\n"))
        .commit_all("Laxer");
    made.silent(&[("LastRotatedDate", 120)]);
}

#[test]
fn validate_knows_nothing_of_it_and_says_so() {
    let made = Made::with_value("validate");
    made.recorder.reset();
    made.reach(made.platform.catalog.goldenpath(&["validate"])).run().success();
    assert_eq!(made.recorder.operations(), Vec::<String>::new());
    let page = made.platform.catalog.goldenpath(&["explain", "GP602"]).run().success().stdout;
    assert!(
        page.replace('\n', " ").contains(
            "Only the store knows the age of a value, and `validate` and the hooks never"
        ),
        "{page}"
    );
}
