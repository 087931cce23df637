//! Stale projections: projections without a manifest.

use super::{FOLDER, PROJECTION, seeded};
use goldenpath_testkit::Platform;

/// Returns the plan's stale projections, as `id target: reason`.
fn stale(platform: &Platform, arguments: &[&str]) -> Vec<String> {
    let plan = platform.plan(&[&["--format", "json"], arguments].concat()).run().success().json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let line = |one: &serde_json::Value| {
        format!("{} {}: {}", text(&one["id"]), text(&one["target"]), text(&one["reason"]))
    };
    plan["staleProjections"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn a_file_that_moved_or_lost_its_manifest_is_shown_and_stays() {
    let platform = seeded();
    platform.write("SEC-0008", "another-key").catalog.commit_all("Another");
    platform.apply().run().success();
    assert_eq!(stale(&platform, &[]), [""; 0]);

    platform.catalog.git(&["rm", "--quiet", "catalogs/secrets/payments/dev/SEC-0008.yaml"]);
    let text = platform.catalog.read("goldenpath.yaml") + "  file: \"flat/{{ id }}.yaml\"\n";
    platform.catalog.write("goldenpath.yaml", &text).commit_all("Flat");
    assert_eq!(
        stale(&platform, &[]),
        [
            format!("SEC-0007 {PROJECTION}: its manifest writes flat/SEC-0007.yaml now"),
            format!("SEC-0008 {FOLDER}/SEC-0008.yaml: no manifest requests it"),
        ]
    );
    // The environment of the projection is unknown.
    assert_eq!(stale(&platform, &["--env", "dev"]).len(), 1);
    assert_eq!(stale(&platform, &["--env", "test"]), [""; 0]);
    let shown = platform.plan(&[]).run().success().stdout;
    assert!(
        shown.contains("2 ExternalSecrets of this catalog that no manifest requests"),
        "{shown}"
    );

    platform.apply().run().success();
    assert!(platform.gitops.exists(PROJECTION) && platform.gitops.exists("flat/SEC-0007.yaml"));
}

#[test]
fn files_of_other_catalogs_and_unmanaged_files_are_not_stale() {
    let platform = seeded();
    platform.apply().run().success();
    let text = platform.seed_projection();
    platform
        .gitops
        .write("a.yaml", &text.replacen("of acme-platform.", "of acme-platform.eu.", 1))
        .write("b.yaml", text.split_once('\n').unwrap().1)
        .write("c.txt", &text)
        .write("d.yaml", &text)
        .commit_all("Copies");
    let found = stale(&platform, &[]);
    assert_eq!(found, [format!("SEC-0007 d.yaml: its manifest writes {PROJECTION} now")]);
}
