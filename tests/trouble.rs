//! A server that throttles, fails and loses responses: the result is right anyway, without
//! duplicates.

use goldenpath_testkit::{Aws, Outcome, request};

/// Writes sixty manifests; each third one lists readers, which depend on `stage`, as the owner
/// does.
fn write(aws: &Aws, stage: usize) {
    for number in 1..=60 {
        let id = format!("SEC-{number:04}");
        let mut text = request(&id, &format!("number-{number:02}"));
        if number % 3 == 0 {
            // In the second stage some have another reader, and some have none.
            let readers = match (stage, number % 4) {
                (1, _) => "arn:aws:iam::123456789012:role/first",
                (_, 0) => "",
                _ => "arn:aws:iam::123456789012:role/second",
            };
            text =
                text.replace("  ttlDays:", &format!("    readPrincipals: [{readers}]\n  ttlDays:"));
        }
        if stage == 2 && number % 2 == 0 {
            text = text.replace("owner: team-payments", "owner: app-team");
        }
        aws.platform.catalog.write(format!("catalogs/secrets/payments/dev/{id}.yaml"), &text);
    }
    aws.platform.catalog.commit_all("Manifests");
}

/// Returns the content of the last commit of the GitOps repository, and the number of commits.
fn projections(aws: &Aws) -> (String, String) {
    let git = |arguments: &[&str]| aws.platform.gitops.git(arguments);
    assert_eq!(git(&["status", "--porcelain", "--untracked-files=all"]), "");
    (git(&["ls-tree", "-r", "HEAD", "kustomize"]), git(&["rev-list", "--count", "HEAD"]))
}

#[test]
fn throttling_errors_and_lost_answers_leave_no_mark() {
    let [calm, troubled] = ["calm", "troubled"].map(Aws::new);
    troubled.recorder.inject_random_faults(7);
    for stage in [1, 2] {
        let [quiet, loud]: [Outcome; 2] = [&calm, &troubled].map(|aws| {
            write(aws, stage);
            aws.apply().success()
        });
        let summary = |outcome: &Outcome| outcome.stdout.lines().last().unwrap().to_owned();
        assert_eq!(summary(&loud), summary(&quiet));
        assert_eq!(troubled.state(), calm.state());
        assert_eq!(projections(&troubled), projections(&calm));
        assert!(
            troubled.recorder.operations().len() > calm.recorder.operations().len() * 5 / 4,
            "there was trouble"
        );
        assert!(calm.apply().success().stdout.contains("Nothing to do."));
        assert!(troubled.apply().success().stdout.contains("Nothing to do."));
    }
}
