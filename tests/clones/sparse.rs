//! Sparse checkouts, and indexes that libgit2 does not read.

use goldenpath_testkit::{Platform, request};

use super::{PAYMENTS, clone, server};

const DOCS: [&str; 4] = ["sparse-checkout", "set", "--cone", "docs"];

#[test]
fn the_catalogs_own_lists_count_where_they_are_left_out() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--sparse"]);
    clone.git(&DOCS);
    assert!(!clone.exists("schemas"));
    // The built-in list of owners does not have the one of SEC-0007.
    clone.goldenpath(&["validate"]).run().success().says_last(2, "no findings");
    let wrong =
        request("SEC-0300", "web-key").replace("owner: team-payments", "owner: unknown-team");
    clone.write(format!("{PAYMENTS}/SEC-0300.yaml"), &wrong);
    let found = clone.goldenpath(&["validate"]).run().fails_with(1);
    assert!(found.said().contains("team-of-this-catalog"), "{}", found.said());
}

#[test]
fn list_notes_what_is_left_out_and_lists_it() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--sparse"]);
    clone.git(&DOCS);
    let listed = clone.goldenpath(&["list"]).run().success();
    assert!(listed.stdout.contains("SEC-0007") && listed.stdout.contains("SEC-0008"));
    let note = "the sparse checkout leaves out 2 files of catalogs/secrets/";
    assert!(listed.stderr.contains(note), "{}", listed.stderr);
    let whole = clone.goldenpath(&["plan"]).run().success();
    assert!(!whole.stderr.contains("uncommitted changes"), "{}", whole.stderr);
}

#[test]
fn a_name_that_is_left_out_is_taken() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--sparse"]);
    clone.git(&DOCS);
    let arguments = [
        "new",
        "secret",
        "--service",
        "payments",
        "--env",
        "dev",
        "--type",
        "api-key",
        "--name",
        "payments-key",
        "--owner",
        "team-payments",
        "--risk",
        "low",
        "--yes",
        "--no-reserve",
    ];
    let refused = clone.goldenpath(&arguments).run().fails_with(1);
    assert!(refused.said().contains("payments-key"), "{}", refused.said());
    assert_eq!(clone.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_new_secret_is_committed_where_files_are_left_out() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--sparse"]);
    clone.git(&DOCS);
    let arguments = [
        "new",
        "secret",
        "--service",
        "payments",
        "--env",
        "dev",
        "--type",
        "api-key",
        "--name",
        "a-new-key",
        "--owner",
        "team-of-this-catalog",
        "--risk",
        "low",
        "--yes",
        "--no-reserve",
        "--commit",
    ];
    clone.goldenpath(&arguments).run().success();
    let committed = clone.git(&["show", "--name-status", "--format=", "HEAD"]);
    assert_eq!(committed, format!("A\t{PAYMENTS}/SEC-0100.yaml"));
}

#[test]
fn init_keeps_the_lists_that_are_left_out() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--sparse"]);
    clone.git(&DOCS);
    let done = clone.goldenpath(&["init"]).run().success();
    assert!(done.stdout.contains("kept your schemas/metadata/enums.yaml"), "{}", done.stdout);
    assert!(!clone.exists("schemas/metadata/enums.yaml"));
}

#[test]
fn a_file_that_is_left_out_is_not_changed_in_part() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--sparse"]);
    clone.git(&DOCS);
    let refused = clone.goldenpath(&["id", "renumber", "SEC-0008"]).run().fails_with(2);
    assert!(refused.stderr.contains("git sparse-checkout add"), "{}", refused.stderr);
    assert_eq!(clone.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_split_index_and_a_sparse_one_are_written_whole() {
    for (split, setup) in [
        (true, &["update-index", "--split-index"][..]),
        (false, &["sparse-checkout", "set", "--cone", "--sparse-index", "catalogs"]),
    ] {
        let (server, _gitops) = server();
        let clone = clone(&server, &[]);
        if split {
            clone.git(&["config", "core.splitIndex", "true"]);
        }
        clone.git(setup);
        clone.goldenpath(&["id", "renumber", "SEC-0008", "--no-reserve"]).run().success();
        let status = clone.git(&["status", "--porcelain"]);
        assert!(status.starts_with("RM ") || status.starts_with("R "), "{status}");
        assert_eq!(status.lines().count(), 1, "{status}");
        clone.git(&["add", "catalogs"]);
        clone.git(&["write-tree"]);
        clone.goldenpath(&["validate"]).run().success().says_last(2, "no findings");
    }
}

#[test]
fn apply_commits_to_a_gitops_copy_with_a_split_index_or_a_sparse_checkout() {
    for setup in [
        &["update-index", "--split-index"][..],
        &["sparse-checkout", "set", "--cone", "docs"],
        &["sparse-checkout", "set", "--cone", "--sparse-index", "docs"],
    ] {
        let platform = Platform::local();
        platform.seed();
        let gitops = &platform.gitops;
        gitops.write("docs/readme.md", "x\n").write("other/app.yaml", "x: 1\n").commit_all("Apps");
        gitops.git(setup);
        platform.apply().run().success();
        assert_eq!(gitops.git(&["status", "--porcelain"]), "", "{setup:?}");
        let committed = gitops.git(&["show", "--stat", "--format=", "HEAD"]);
        assert!(committed.contains("1 file changed"), "{committed}");
        // What is left out is not deleted, and not written again.
        gitops.git(setup);
        let plan = platform.plan(&[]).run().success();
        assert!(plan.stdout.contains("Nothing to do"), "{}", plan.stdout);
        platform.seed_changed("ttlDays: 30", "ttlDays: 31");
        platform.apply().run().success();
        assert_eq!(gitops.git(&["status", "--porcelain"]), "", "{setup:?}");
        assert!(gitops.git(&["ls-files"]).contains("other/app.yaml"));
    }
}
