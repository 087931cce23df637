//! pre-push: reports an ID that another branch of the remote uses, with the command that fixes it.

use super::{clones, path, write};
use crate::hooks::path_with_goldenpath;
use goldenpath_testkit::{Outcome, Repository, request};

fn push(clone: &Repository, arguments: &[&str]) -> Outcome {
    let arguments = [&["push", "--quiet"], arguments].concat();
    clone.program("git", &arguments).env("PATH", path_with_goldenpath()).run()
}

/// Returns two clones. The first has pushed the branch `feature` with SEC-0001, which the second
/// has never fetched; the second has the hook.
fn two_of_one() -> (Repository, Repository) {
    let (origin, mut clones) = clones(2);
    let (theirs, ours) = (clones.pop().unwrap(), clones.pop().unwrap());
    theirs.git(&["checkout", "--quiet", "-b", "feature"]);
    let text = request("SEC-0001", "web-token").replace("service: payments ", "service: web ");
    theirs.write("catalogs/secrets/web/dev/SEC-0001.yaml", &text).commit_all("Theirs");
    theirs.git(&["push", "--quiet", "origin", "feature"]);
    ours.goldenpath(&["hook", "install", "pre-push"]).run().success();
    ours.git(&["checkout", "--quiet", "-b", "work"]);
    write(&ours, "SEC-0001");
    ours.commit_all("Ours");
    (origin, ours)
}

#[test]
fn an_id_of_another_remote_branch_is_rejected_and_the_command_in_the_error_fixes_it() {
    let (origin, ours) = two_of_one();
    let refused = push(&ours, &["origin", "work"]).fails_with(1);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("GP302 duplicate-id"), "{said}");
    let words = said.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("catalogs/secrets/web/dev/SEC-0001.yaml on origin/feature has it"),
        "{said}"
    );
    let command = format!("goldenpath id renumber {}", path("SEC-0001"));
    assert!(words.contains(&command), "{said}");
    assert_eq!(origin.git(&["branch", "--list", "work"]), "");

    let arguments: Vec<&str> = command.split(' ').skip(1).collect();
    ours.goldenpath(&arguments).run().success();
    ours.commit_all("Renumbered");
    push(&ours, &["origin", "work"]).success();
}

#[test]
fn a_second_push_and_a_copy_on_another_branch_are_not_conflicts() {
    let (_origin, clones) = clones(1);
    let ours = &clones[0];
    ours.goldenpath(&["hook", "install", "pre-push"]).run().success();
    ours.git(&["checkout", "--quiet", "-b", "below"]);
    write(ours, "SEC-0001");
    ours.commit_all("One");
    push(ours, &["origin", "below"]).success();
    ours.git(&["checkout", "--quiet", "-b", "above"]);
    write(ours, "SEC-0002");
    ours.commit_all("Two");
    push(ours, &["origin", "above"]).success();
    ours.write(path("SEC-0002"), &request("SEC-0002", "another-name-now"));
    ours.git(&["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    push(ours, &["--force", "origin", "above"]).success();
}

#[test]
fn the_rule_s_severity_holds_for_it() {
    let (_origin, ours) = two_of_one();
    // The rules of the target branch apply.
    ours.git(&["checkout", "--quiet", "main"]);
    ours.write("goldenpath.yaml", "rules:\n  GP302: warn\n").git(&["add", "goldenpath.yaml"]);
    ours.git(&["commit", "--quiet", "--message", "Only a warning"]);
    push(&ours, &["origin", "main"]).success();
    ours.git(&["checkout", "--quiet", "work"]);
    let pushed = push(&ours, &["origin", "work"]).success();
    let said = format!("{}{}", pushed.stdout, pushed.stderr);
    assert!(said.contains("GP302") && said.contains("1 warning"), "{said}");
}
