//! What keeps a secret from being deleted.

use serde_json::json;

use super::{actions, blocked, ending, recorded, set_status};
use crate::support::KEY;

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
fn whoever_still_names_the_kubernetes_secret_is_told_with_file_and_line() {
    let aws = ending("consumers", 20);
    let gitops = &aws.platform.gitops;
    gitops.write("apps/web/deployment.yaml", DEPLOYMENT).commit_all("Web");
    assert_eq!(
        blocked(&aws),
        [
            "gate consumers: `payments-db-creds` is still named in the GitOps repository: apps/web/deployment.yaml:14 (env)"
        ]
    );
    aws.apply().success();
    assert!(aws.describe(KEY)["DeletedDate"].is_null());

    // Somewhere else the same name is another secret.
    let elsewhere = DEPLOYMENT.replace("namespace: payments", "namespace: billing");
    gitops.write("apps/web/deployment.yaml", &elsewhere).commit_all("Elsewhere");
    assert_eq!(actions(&aws), [format!("SEC-0007 delete-secret {KEY}")]);
    // What is not committed is not what the cluster has.
    gitops.write("apps/web/deployment.yaml", DEPLOYMENT);
    assert_eq!(actions(&aws), [format!("SEC-0007 delete-secret {KEY}")]);
    gitops.write("apps/web/deployment.yaml", &elsewhere);

    gitops.write("charts/web/values.yaml", "auth:\n  existingSecret: payments-db-creds\n");
    gitops.write("charts/web/templates/x.yaml", "{{- if .Values.x }}\nname: payments-db-creds\n{{- end }}\n");
    gitops.commit_all("A chart");
    let reason = &blocked(&aws)[0];
    assert!(reason.contains("charts/web/templates/x.yaml:2 (a mention, which is a weaker sign)"), "{reason}");
    assert!(reason.contains("charts/web/values.yaml:2 (Helm values)"), "{reason}");
}

#[test]
fn a_value_that_was_read_lately_is_kept_and_a_gate_can_be_passed_by_with_a_reason() {
    let aws = ending("accessed", 20);
    // Moto does not tell of it, as AWS does: the day, without the time.
    let mut described = aws.describe(KEY);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    described["LastAccessedDate"] = json!((now / 86400) * 86400);
    aws.recorder.answer("DescribeSecret", usize::MAX, &described);
    let reasons = blocked(&aws);
    assert!(reasons[0].starts_with("gate last-accessed: somebody read it on "), "{reasons:?}");
    assert!(reasons[0].contains("7 quiet days are asked for"), "{reasons:?}");

    for (arguments, words) in [
        (&["--override", "last-accessed"][..], "--id"),
        (&["--override", "last-accessed", "--id", "SEC-0007"], "--reason"),
        (
            &["--override", "nothing", "--id", "SEC-0007", "--reason", "x"],
            "the gates are consumers, last-accessed, cooling-off",
        ),
        (&["--override", "last-accessed", "--id", "SEC-0007", "--reason", " "], "say why"),
        (&["--id", "SEC-0009"], "no manifest of this ID is selected"),
    ] {
        let outcome = aws.apply_with(arguments).fails_with(2);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    }
    let reason = "it was the scanner, ask Ann";
    aws.apply_with(&["--id", "SEC-0007", "--override", "last-accessed", "--reason", reason]).success();
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
    let recorded = recorded(&aws.platform);
    assert_eq!(
        recorded[recorded.len() - 2..],
        ["override-gate last-accessed".to_owned(), format!("delete-secret {KEY}")]
    );
    let trail = aws.platform.catalog.read("audit/SEC-0007.jsonl");
    assert!(trail.lines().nth_back(1).unwrap().contains(reason), "{trail}");
}

#[test]
fn a_history_that_is_cut_off_keeps_the_gate_closed() {
    let aws = ending("shallow", 20);
    aws.platform.catalog.write("README.md", "x\n").commit_all("More");
    let head = aws.platform.catalog.git(&["rev-parse", "HEAD"]);
    std::fs::write(aws.platform.catalog.path().join(".git/shallow"), format!("{head}\n")).unwrap();
    let reasons = blocked(&aws);
    assert!(reasons[0].starts_with("gate cooling-off: its end was asked for on 2099-01-01, and 3 days"), "{reasons:?}");
}

#[test]
fn a_commit_that_says_it_is_older_than_the_one_before_it_gains_nothing() {
    let aws = ending("backdated", 20);
    set_status(&aws.platform, "deprecated", 1);
    set_status(&aws.platform, "decommission_requested", 50);
    aws.apply().success();
    let reasons = blocked(&aws);
    assert!(reasons[0].starts_with("gate cooling-off: its end was asked for on "), "{reasons:?}");
    assert!(reasons[0].contains("3 days of cooling off have to pass"), "{reasons:?}");
}
