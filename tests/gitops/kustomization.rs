//! The kustomization next to projections in a working copy.

use super::{FOLDER, PROJECTION, planned, says, seeded};
use goldenpath_testkit::Platform;

const FILE: &str = "kustomize/overlays/dev/apps/payments/externalsecrets/kustomization.yaml";

/// Returns a platform with the seed's manifest and a kustomization in the folder of its projection.
fn with(kustomization: &str) -> Platform {
    let platform = seeded();
    platform.gitops.write(FILE, kustomization).commit_all("A kustomization");
    platform
}

fn committed(platform: &Platform) -> String {
    platform.gitops.git(&["show", &format!("HEAD:{FILE}")])
}

#[test]
fn what_is_written_is_listed_in_the_same_commit_and_the_rest_stays_as_it_is() {
    let before = "# Who asks? platform@acme\nkind: Kustomization\nresources:\n  \
                  - other.yaml   # theirs\n\nnamespace: payments\n";
    let platform = with(before);
    platform.apply().run().success();
    let changed = platform.gitops.git(&["show", "--format=", "--name-status", "HEAD"]);
    assert_eq!(changed, format!("A\t{PROJECTION}\nM\t{FILE}"));
    let after = before.replace("# theirs\n", "# theirs\n  - SEC-0007.yaml\n");
    assert_eq!(platform.gitops.read(FILE), after);
    assert_eq!(platform.gitops.git(&["status", "--porcelain", "-uall"]), "");
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn many_are_listed_at_once() {
    let platform = with("resources: []\n");
    for number in 1..=3 {
        platform.write(&format!("SEC-{number:04}"), &format!("number-{number}"));
    }
    platform.catalog.commit_all("Three more");
    platform.apply().run().success();
    let listed = ["SEC-0001", "SEC-0002", "SEC-0003", "SEC-0007"].map(|id| format!("- {id}.yaml"));
    assert_eq!(committed(&platform), format!("resources:\n{}", listed.join("\n")));
}

#[test]
fn one_that_comes_later_or_forgets_is_brought_up_to_date() {
    let platform = seeded();
    platform.apply().run().success();
    assert!(!platform.gitops.exists(FILE), "none is made where there is none");
    let other = FILE.replace("kustomization.yaml", "Kustomization");
    platform.gitops.write(&other, "resources:\n- ./x.yaml\n").commit_all("A kustomization");
    let outcome = platform.plan(&[]).run().success();
    assert!(
        outcome.stdout.contains("the kustomization in its folder does not list it"),
        "{}",
        outcome.stdout
    );
    platform.apply().run().success();
    assert_eq!(platform.gitops.read(&other), "resources:\n- ./x.yaml\n- SEC-0007.yaml\n");
    platform
        .gitops
        .write(&other, "resources:\n- ./SEC-0007.yaml\n")
        .commit_all("Another way to say it");
    assert_eq!(planned(&platform), [""; 0]);
}

#[test]
fn one_that_cannot_be_added_to_blocks_its_projection_with_the_reason() {
    for (text, reason) in [
        ("resources: &all\n- x.yaml\n", "next to it cannot be read: line 1:"),
        ("resources:\n- x: [\n", "next to it cannot be read: line"),
        ("resources: none\n", "next to it cannot be edited in place: add the file by hand"),
        ("{}\n", "next to it cannot be edited in place: add the file by hand"),
    ] {
        let platform = with(text);
        let outcome = platform.apply().run().fails_with(1);
        assert!(outcome.stdout.contains(reason), "{}", outcome.stdout);
        assert_eq!(committed(&platform), text.trim_end());
        assert!(!platform.gitops.exists(PROJECTION));
        // A user who lists it by hand has done what was needed.
        platform.gitops.write(FILE, "resources: [SEC-0007.yaml]\n").commit_all("By hand");
        platform.apply().run().success();
        assert_eq!(committed(&platform), "resources: [SEC-0007.yaml]");
    }
}

#[test]
fn uncommitted_changes_of_the_user_are_not_committed() {
    let platform = with("resources:\n- x.yaml\n");
    let reason = "has changes that are not committed: commit or undo them";
    for stage in [false, true] {
        platform.gitops.write(FILE, "resources:\n- x.yaml\n- y.yaml\n");
        if stage {
            platform.gitops.git(&["add", FILE]);
        }
        let outcome = platform.apply().run().fails_with(1);
        assert!(outcome.stdout.contains(reason), "{}", outcome.stdout);
        assert_eq!(committed(&platform), "resources:\n- x.yaml");
        assert_eq!(platform.gitops.read(FILE), "resources:\n- x.yaml\n- y.yaml\n");
    }
    // A user has started to edit it.
    platform.gitops.git(&["rm", "--quiet", "-f", FILE]);
    platform.gitops.git(&["commit", "--quiet", "-m", "None"]);
    platform.gitops.write(FILE, "resources: []\n");
    let outcome = platform.apply().run().fails_with(1);
    assert!(outcome.stdout.contains("was never committed"), "{}", outcome.stdout);
}

#[test]
fn one_that_changes_while_apply_asks_is_left_alone() {
    let platform = with("resources:\n- x.yaml\n");
    let mut terminal = platform.catalog.goldenpath(&["apply"]).in_terminal(100, 30);
    terminal.wait_for("Apply these changes?");
    platform.gitops.write(FILE, "resources:\n- x.yaml\n- y.yaml\n");
    terminal.send("yes\r");
    assert_eq!(terminal.wait(), 1);
    assert_eq!(platform.gitops.read(FILE), "resources:\n- x.yaml\n- y.yaml\n");
    assert_eq!(committed(&platform), "resources:\n- x.yaml");
}

#[test]
fn what_a_killed_run_has_left_is_taken_up() {
    let platform = with("resources:\n- x.yaml\n");
    let rendered = platform.catalog.goldenpath(&["render"]).run().success().stdout;
    let text = &rendered[rendered.find("# Managed by").unwrap()..];
    // Killed after the files were written, and after the index was.
    for stage in [false, true] {
        platform
            .gitops
            .write(PROJECTION, text)
            .write(FILE, "resources:\n- x.yaml\n- SEC-0007.yaml\n");
        if stage {
            platform.gitops.git(&["add", "--all"]);
        }
        platform.apply().run().success();
        assert_eq!(committed(&platform), "resources:\n- x.yaml\n- SEC-0007.yaml");
        assert_eq!(platform.gitops.git(&["status", "--porcelain", "-uall"]), "");
        platform.gitops.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    }
}

#[test]
fn a_link_in_its_place_is_not_followed() {
    let platform = seeded();
    platform.gitops.write("elsewhere.yaml", "resources: []\n").write(format!("{FOLDER}/keep"), "");
    std::os::unix::fs::symlink("/etc/hosts", platform.gitops.path().join(FILE)).unwrap();
    platform.gitops.commit_all("A link");
    let outcome = platform.apply().run().fails_with(1);
    assert!(
        outcome.stdout.contains("next to it cannot be read: this is a symbolic link"),
        "{}",
        outcome.stdout
    );
    says(&outcome, "Store");
}
