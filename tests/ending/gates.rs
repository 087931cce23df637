//! The gates that block the deletion of a secret.

use goldenpath_core::config::BUILT_IN_GOVERNANCE;
use serde_json::json;

use super::{PROJECTION, actions, aged, apply_days_ago, blocked, ending, recorded, set_status};
use goldenpath_testkit::{Aws, KEY, SEED_PATH};

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: payments
spec:
  template:
    spec:
      containers:
        - name: web
          env:
            - name: PASSWORD
              valueFrom:
                secretKeyRef: { name: payments-db-creds, key: password }
";

#[test]
fn a_mention_of_the_kubernetes_secret_is_reported_with_file_line_and_object() {
    let aws = ending("consumers", 20);
    let gitops = &aws.platform.gitops;
    gitops.write("apps/web/deployment.yaml", DEPLOYMENT).commit_all("Web");
    assert_eq!(
        blocked(&aws),
        ["gate consumers: `payments-db-creds` is still named in the GitOps repository: \
          apps/web/deployment.yaml:14 (Deployment web); does Argo CD prune? Otherwise what is \
          removed from the repository stays in the cluster"]
    );
    aws.apply().success();
    assert!(aws.describe(KEY)["DeletedDate"].is_null());
    gitops.git(&["rm", "--quiet", "apps/web/deployment.yaml"]);
    gitops.git(&["commit", "--quiet", "--message", "Without it"]);
    assert_eq!(actions(&aws), [format!("SEC-0007 delete-secret {KEY}")]);
}

#[test]
fn a_value_that_was_read_lately_is_kept_and_a_gate_can_be_passed_by_with_a_reason() {
    let aws = ending("accessed", 20);
    // Moto does not return LastAccessedDate. AWS returns the day without the time.
    let mut described = aws.describe(KEY);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    described["LastAccessedDate"] = json!((now / 86400) * 86400);
    aws.recorder.answer("DescribeSecret", usize::MAX, &described);
    let reasons = blocked(&aws);
    assert!(reasons[0].starts_with("gate last-accessed: last read on "), "{reasons:?}");
    assert!(reasons[0].contains("7 quiet days are required"), "{reasons:?}");

    for (arguments, words) in [
        (&["--override", "last-accessed"][..], "--id"),
        (&["--override", "last-accessed", "--id", "SEC-0007"], "--reason"),
        (
            &["--override", "nothing", "--id", "SEC-0007", "--reason", "x"],
            "the gates are consumers, last-accessed, cooling-off",
        ),
        (&["--override", "last-accessed", "--id", "SEC-0007", "--reason", " "], "give a reason"),
        (&["--id", "SEC-0009"], "no selected manifest has this ID"),
    ] {
        let outcome = aws.apply_with(arguments).fails_with(2);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    }
    let reason = "it was the scanner, ask Ann";
    aws.apply_with(&["--id", "SEC-0007", "--override", "last-accessed", "--reason", reason])
        .success();
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
    let recorded = recorded(&aws.platform);
    assert_eq!(
        recorded[recorded.len() - 2..],
        ["override-gate last-accessed".to_owned(), format!("delete-secret {KEY}")]
    );
    let trail = aws.platform.catalog.trail("SEC-0007");
    assert!(trail.lines().nth_back(1).unwrap().contains(reason), "{trail}");
}

#[test]
fn where_history_is_cut_off_the_cooling_off_counts_from_the_trail_or_is_unknown() {
    let aws = ending("shallow", 20);
    let catalog = &aws.platform.catalog;
    catalog.write("README.md", "x\n").commit_all("More");
    let head = catalog.git(&["rev-parse", "HEAD"]);
    std::fs::write(catalog.path().join(".git/shallow"), format!("{head}\n")).unwrap();
    assert_eq!(actions(&aws), [format!("SEC-0007 delete-secret {KEY}")]);
    // Without a trail, nothing says since when.
    catalog.git(&["update-ref", "-d", "refs/heads/goldenpath/audit"]);
    let words = "gate cooling-off: the audit trail has no record of the request yet";
    assert!(blocked(&aws)[0].starts_with(words), "{:?}", blocked(&aws));
    // From the first run on, its own record counts, and not the commit of 2099.
    aws.apply().success();
    assert!(catalog.trail("SEC-0007").contains("\"action\":\"record-request\""));
    let reasons = blocked(&aws);
    assert!(reasons[0].contains("3 days of cooling off are required"), "{reasons:?}");
    assert!(!reasons[0].contains("2099"), "{reasons:?}");
    assert_eq!(actions(&aws).len(), 1);
}

#[test]
fn the_date_of_a_commit_opens_nothing_before_the_trail_has_the_request_for_as_long() {
    let aws = Aws::new("lying-date");
    aged(&aws.platform);
    apply_days_ago(&aws, 100).success();
    set_status(&aws.platform, "deprecated", 60);
    set_status(&aws.platform, "decommission_requested", 50);
    aws.apply().success();
    let reasons = blocked(&aws);
    assert!(reasons[0].contains("3 days of cooling off are required"), "{reasons:?}");
}

#[test]
fn a_trail_that_cannot_be_read_keeps_the_gate_closed() {
    let aws = ending("no-trail", 20);
    aws.platform.catalog.git(&["remote", "add", "origin", "/nowhere/at/all"]);
    let words = "gate cooling-off: unknown, since the audit trail is not";
    assert!(blocked(&aws)[0].starts_with(words), "{:?}", blocked(&aws));
}

#[test]
fn a_commit_that_says_it_is_older_than_the_one_before_it_gains_nothing() {
    let aws = ending("backdated", 20);
    set_status(&aws.platform, "deprecated", 1);
    set_status(&aws.platform, "decommission_requested", 50);
    aws.apply().success();
    let reasons = blocked(&aws);
    assert!(reasons[0].starts_with("gate cooling-off: decommission requested on "), "{reasons:?}");
    assert!(reasons[0].contains("3 days of cooling off are required"), "{reasons:?}");
}

/// Returns a secret that was applied and deprecated long ago, whose decommission request is only in
/// the work tree.
fn uncommitted_request(test: &str) -> Aws {
    let aws = Aws::new(test);
    aged(&aws.platform);
    apply_days_ago(&aws, 100).success();
    set_status(&aws.platform, "deprecated", 60);
    let text = aws.platform.catalog.read(SEED_PATH);
    let requested = text.replace("status: deprecated", "status: decommission_requested");
    assert_ne!(text, requested);
    aws.platform.catalog.write(SEED_PATH, &requested);
    aws
}

#[test]
fn a_request_that_is_not_committed_deletes_nothing() {
    let aws = uncommitted_request("uncommitted-end");
    for _ in 0..3 {
        aws.apply_with(&["--work-tree"]);
    }
    assert!(!aws.platform.gitops.exists(PROJECTION), "the ExternalSecret goes first");
    let plan = aws.plan_with(&["--work-tree"]).json();
    assert_eq!(plan["actions"][0]["action"], "blocked", "{plan}");
    assert!(
        plan["actions"][0]["reason"].as_str().unwrap().starts_with("gate cooling-off: "),
        "{plan}"
    );
    assert!(aws.describe(KEY)["DeletedDate"].is_null());
    assert!(!aws.writes().contains(&"DeleteSecret".to_owned()));
}

#[test]
fn cooling_off_ends_on_its_last_day_and_not_before() {
    // The built-in table requires 3 days in the tier `medium`.
    let young = ending("cooling-off-day-2", 2);
    assert!(blocked(&young)[0].starts_with("gate cooling-off: "), "{:?}", blocked(&young));
    let due = ending("cooling-off-day-3", 3);
    assert_eq!(actions(&due), [format!("SEC-0007 delete-secret {KEY}")]);
}

#[test]
fn quiet_days_end_on_their_last_day_and_not_before() {
    // The built-in table requires 7 days without a read in the tier `medium`.
    let aws = ending("quiet-days", 20);
    let described = aws.describe(KEY);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let read_ago = |days: u64| {
        let mut answer = described.clone();
        answer["LastAccessedDate"] = json!((now / 86400 - days) * 86400);
        aws.recorder.forget_faults();
        aws.recorder.answer("DescribeSecret", usize::MAX, &answer);
        actions(&aws)
    };
    assert_eq!(read_ago(6), [format!("SEC-0007 blocked {KEY}")]);
    assert_eq!(read_ago(7), [format!("SEC-0007 delete-secret {KEY}")]);
}

#[test]
fn aws_keeps_a_deleted_secret_for_as_many_days_as_its_tier_says() {
    // The seed's tier is `medium`; no tier of the built-in table has these numbers.
    let aws = ending("recovery-window", 20);
    let table = BUILT_IN_GOVERNANCE.replacen("recoveryWindowDays: 7 ", "recoveryWindowDays: 9 ", 1);
    let table = table.replacen("recoveryWindowDays: 7\n", "recoveryWindowDays: 11\n", 1);
    assert!(table.contains("recoveryWindowDays: 9 ") && table.contains("recoveryWindowDays: 11\n"));
    aws.platform.catalog.write("schemas/metadata/governance.yaml", &table).commit_all("Governance");
    let plan = aws.plan().json();
    let reason = plan["actions"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(" 11 days"), "{reason}");
    aws.apply().success();
    let requests = aws.recorder.bodies("DeleteSecret");
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0]["RecoveryWindowInDays"], 11);
    assert!(
        requests[0].get("ForceDeleteWithoutRecovery").is_none_or(|forced| forced == false),
        "{requests:?}"
    );
}

#[test]
fn an_override_opens_its_own_gate_and_no_other() {
    let aws = ending("one-override", 1);
    let with = |gate: &str| {
        aws.writes();
        aws.apply_with(&["--id", "SEC-0007", "--override", gate, "--reason", "a test"]).success();
        aws.writes()
    };
    for other in ["consumers", "last-accessed", "live-cluster"] {
        assert_eq!(with(other), [""; 0], "{other}");
        assert!(blocked(&aws)[0].starts_with("gate cooling-off: "), "{:?}", blocked(&aws));
    }
    assert_eq!(with("cooling-off"), ["DeleteSecret"]);
}

#[test]
fn a_secret_that_becomes_unmanaged_during_the_confirmation_is_not_deleted() {
    for (tag, value) in [("goldenpath.io/id", "SEC-0003"), ("goldenpath.io/catalog", "another")] {
        let aws = ending(&format!("taken-{value}"), 20);
        let mut terminal =
            aws.reach(aws.platform.catalog.goldenpath(&["apply"])).in_terminal(120, 40);
        terminal.wait_for("Apply these changes?");
        let tags = json!([{ "Key": tag, "Value": value }]);
        aws.call("TagResource", json!({ "SecretId": KEY, "Tags": tags }));
        aws.writes();
        terminal.send("yes\r");
        assert_eq!(terminal.wait(), 1, "{}", terminal.screen());
        assert_eq!(aws.writes(), [""; 0], "{tag}");
        assert!(aws.describe(KEY)["DeletedDate"].is_null(), "{tag}");
        let recorded = recorded(&aws.platform);
        assert!(!recorded.contains(&format!("delete-secret {KEY}")), "{recorded:?}");
    }
}
