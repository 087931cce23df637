//! The trails of version 0.1.

use super::{shown, verified};
use goldenpath_testkit::{Aws, KEY, Platform, SEED, SEED_PATH, chain};

const TRAIL: &str = "audit/SEC-0007.jsonl";

#[test]
fn trails_of_version_0_1_are_taken_over_once_and_may_be_removed_then() {
    let platform = Platform::local();
    platform.seed();
    let catalog = &platform.catalog;
    let text = chain("SEC-0007", &["create-secret", "write-projection", "delete-secret"]);
    catalog.write(TRAIL, &text).commit_all("Version 0.1");
    platform.apply().run().success();
    let outcome = catalog.goldenpath(&["audit", "show"]).run().success();
    assert!(outcome.stderr.contains("`goldenpath audit import` takes them over"));
    catalog.git(&["checkout", "--quiet", "-b", "pr"]);
    catalog.git(&["rm", "--quiet", "-r", "audit"]);
    let staged = || catalog.goldenpath(&["validate", "--staged"]).run();
    assert!(staged().fails_with(1).stdout.contains("GP703"));
    catalog.git(&["reset", "--quiet", "--hard"]);
    let import = || catalog.goldenpath(&["audit", "import"]).run().success().stdout;
    assert_eq!(import(), "Imported 3 events of 1 trail to `goldenpath/audit`.\n");
    assert_eq!(import(), "Nothing to import.\n");
    let all = shown(catalog, &["SEC-0007"]);
    assert_eq!(all[..3], ["create-secret done", "write-projection done", "delete-secret done"]);
    verified(catalog).success();
    catalog.git(&["rm", "--quiet", "-r", "audit"]);
    staged().success();
    catalog.git(&["commit", "--quiet", "--message", "The trail is on its own branch"]);
    for range in [["--from-ref", "main"], ["--merge-with", "main"]] {
        catalog.goldenpath(&[&["validate"], &range[..]].concat()).run().success();
    }
}

#[test]
fn a_line_that_the_branch_does_not_have_keeps_its_trail_in_place() {
    let platform = Platform::local();
    platform.seed();
    let catalog = &platform.catalog;
    let text = chain("SEC-0007", &["create-secret", "write-projection"]);
    catalog.write(TRAIL, &text).commit_all("Version 0.1");
    catalog.goldenpath(&["audit", "import"]).run().success();
    let longer = chain("SEC-0007", &["create-secret", "write-projection", "delete-secret"]);
    catalog.write(TRAIL, &longer).commit_all("One more run of version 0.1");
    catalog.git(&["rm", "--quiet", TRAIL]);
    let outcome = catalog.goldenpath(&["validate", "--staged"]).run().fails_with(1);
    assert!(outcome.stdout.contains("GP703"), "{}", outcome.stdout);
}

#[test]
fn a_line_that_was_altered_before_is_reported_after_the_import() {
    let platform = Platform::local();
    platform.seed();
    let catalog = &platform.catalog;
    let text = chain("SEC-0007", &["create-secret", "write-projection"]);
    catalog.write(TRAIL, &text.replacen("done", "fine", 1)).commit_all("Version 0.1");
    catalog.goldenpath(&["audit", "import"]).run().success();
    let outcome = verified(catalog).fails_with(1);
    let words = "audit/SEC-0007.jsonl:2: it does not follow the line before it";
    assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
}

#[test]
fn a_deletion_that_was_pending_in_version_0_1_goes_on_after_the_upgrade() {
    let aws = Aws::new("upgrade");
    let (catalog, gitops) = (&aws.platform.catalog, &aws.platform.gitops);
    // The platform's first commit is of 2099.
    catalog.git(&["update-ref", "-d", "HEAD"]);
    catalog.write(SEED_PATH, SEED).commit_all_days_ago(100, "SEC-0007");
    aws.apply().success();
    // Version 0.1 has removed the ExternalSecret, and recorded that in the catalog itself.
    catalog.git(&["update-ref", "-d", "refs/heads/goldenpath/audit"]);
    for (status, days) in [("deprecated", 60), ("decommission_requested", 40)] {
        let text = SEED.replace("status: active ", &format!("status: {status} "));
        catalog.write(SEED_PATH, &text).commit_all_days_ago(days, status);
    }
    let actions = ["create-secret", "write-projection", "remove-projection"];
    catalog.write(TRAIL, &chain("SEC-0007", &actions)).commit_all_days_ago(40, "Record");
    let config = catalog.read("goldenpath.yaml") + "audit: { push: true }\n";
    catalog.write("goldenpath.yaml", &config).commit_all_days_ago(39, "As in version 0.1");
    gitops.git(&["rm", "--quiet", "-r", "kustomize"]);
    gitops.commit_all("Removed");
    // Before the import, nothing says since when.
    let plan = aws.plan();
    assert!(plan.stdout.contains("no record of the request yet"), "{}", plan.stdout);
    assert!(plan.stderr.contains("`audit.push` has no effect any more"), "{}", plan.stderr);
    catalog.goldenpath(&["audit", "import"]).run().success();
    assert_eq!(Platform::actions(&aws.plan()), [format!("SEC-0007 delete-secret {KEY}")]);
    aws.apply().success();
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
    let all = shown(catalog, &["SEC-0007"]);
    assert_eq!(all.last().unwrap(), "delete-secret done");
    verified(catalog).success();
}
