//! The golden test: the program produces the example of the design.

use goldenpath_testkit::{Repository, SEED, SEED_PATH, checked, findings};

/// "Secret Request Flow", section 3, byte for byte.
const EXTERNAL_SECRET: &str = include_str!("fixtures/seed_external_secret.yaml");

#[test]
fn the_seeds_manifest_validates_without_a_finding() {
    let repository = Repository::with_seed();
    assert_eq!(repository.read(SEED_PATH), SEED);
    let outcome = repository.goldenpath(&["validate", "--format", "json"]).run().success();
    assert_eq!(findings(&outcome), []);
    assert_eq!(checked(&outcome), 1);
    let people = repository.goldenpath(&["validate"]).run().success();
    assert_eq!(people.stdout, "checked 1 manifest: no findings\n");
    assert_eq!(people.stderr, "");
}

#[test]
fn the_seeds_manifest_renders_to_the_seeds_external_secret() {
    let repository = Repository::with_seed();
    let outcome = repository.goldenpath(&["render"]).run().success();
    let (first, body) = outcome.stdout.split_once('\n').unwrap();
    let (comment, body) = body.split_once('\n').unwrap();
    assert_eq!(first, "---");
    assert!(comment.starts_with("# Managed by goldenpath: SEC-0007 "), "{comment}");
    // The test compares text: fields, values, quotes and order.
    assert_eq!(body, EXTERNAL_SECRET);
    assert!(body.contains("\n  refreshInterval: \"1h\"\n"), "{body}");
    assert!(
        body.contains("\n        key: \"goldenpath/payments/dev/payments-db-credentials\"\n"),
        "{body}"
    );
}

#[test]
fn a_repository_that_init_set_up_agrees_with_the_seed_in_all_but_the_api_version() {
    let repository = Repository::with_seed();
    repository.goldenpath(&["init"]).run().success();
    let outcome = repository.goldenpath(&["validate", "--format", "json"]).run().success();
    assert_eq!(findings(&outcome), []);
    // The design: `init` writes external-secrets.io/v1, the only version since operator 0.17.
    let expected = EXTERNAL_SECRET.replace("external-secrets.io/v1beta1", "external-secrets.io/v1");
    let rendered = repository.goldenpath(&["render"]).run().success().stdout;
    let body: String =
        rendered.split_inclusive('\n').filter(|line| !line.starts_with(['-', '#'])).collect();
    assert_eq!(body, expected);
}
