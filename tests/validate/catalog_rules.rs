//! The rules on where a manifest lies, and on manifests against each other.

use super::{Expected, is};
use goldenpath_testkit::{Found, Repository, SEED, SEED_PATH, checked, findings, seed_with};

const ORDERS_PATH: &str = "catalogs/secrets/orders/dev/SEC-0008.yaml";

/// A second manifest that shares nothing with the seed's which must be its own.
fn orders(edits: &[(&str, &str)]) -> String {
    let own = seed_with(&[
        ("id: SEC-0007", "id: SEC-0008"),
        ("name: payments-db-credentials", "name: orders-db"),
        ("service: payments", "service: orders"),
        ("namespace: payments ", "namespace: orders "),
        ("k8sSecretName: payments-db-creds", "k8sSecretName: orders-db"),
    ]);
    edits.iter().fold(own, |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    })
}

#[track_caller]
fn validate(repository: &Repository, paths: &[&str]) -> Vec<Found> {
    let outcome = repository.goldenpath(&[&["validate", "--format", "json"], paths].concat()).run();
    let found = findings(&outcome);
    assert_eq!(outcome.code, i32::from(!found.is_empty()), "{found:?}");
    found
}

#[test]
fn gp301_points_at_the_field_that_the_folder_or_the_file_contradicts() {
    for (path, pointer, place, under, message, help) in [
        (
            "catalogs/secrets/orders/dev/SEC-0007.yaml",
            "/metadata/service",
            "7:12..7:20",
            "payments",
            "the folder says the service is `orders`, the manifest says `payments`",
            "move the file to catalogs/secrets/payments/dev/SEC-0007.yaml, or correct `service`",
        ),
        (
            "catalogs/secrets/payments/prod/SEC-0007.yaml",
            "/metadata/environment",
            "8:16..8:19",
            "dev",
            "the folder says the environment is `prod`, the manifest says `dev`",
            "or correct `environment`",
        ),
        (
            "catalogs/secrets/payments/dev/SEC-0008.yaml",
            "/metadata/id",
            "4:7..4:15",
            "SEC-0007",
            "the file is named `SEC-0008.yaml`, but its ID is `SEC-0007`",
            "or correct `id`",
        ),
        (
            "catalogs/secrets/payments/dev/SEC-0007.yml",
            "/metadata/id",
            "4:7..4:15",
            "SEC-0007",
            "the file is named `SEC-0007.yml`",
            "move the file to catalogs/secrets/payments/dev/SEC-0007.yaml",
        ),
        (
            "catalogs/secrets/SEC-0007.yaml",
            "",
            "1:1..1:29",
            "apiVersion: goldenpath.io/v1",
            "manifests belong in `catalogs/secrets/<service>/<environment>/`",
            "move the file to catalogs/secrets/payments/dev/SEC-0007.yaml",
        ),
        (
            "catalogs/secrets/payments/dev/old/SEC-0007.yaml",
            "",
            "1:1..1:29",
            "apiVersion: goldenpath.io/v1",
            "but this file is elsewhere",
            "move the file to",
        ),
    ] {
        let repository = Repository::new();
        repository.write(path, SEED);
        let found = validate(&repository, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, path);
        is(
            &found[0],
            SEED,
            &Expected { rule: "GP301 path-mismatch", pointer, place, under, message, help },
        );
    }
}

#[test]
fn gp301_leaves_a_value_alone_that_is_wrong_in_itself() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &seed_with(&[("environment: dev", "environment: production")]));
    let found = validate(&repository, &[]);
    assert_eq!(
        found.iter().map(|found| found.rule.as_str()).collect::<Vec<_>>(),
        ["GP105"],
        "{found:?}"
    );
}

#[test]
fn gp302_finds_an_id_that_is_taken_even_where_only_one_file_is_named() {
    let repository = Repository::with_seed();
    let path = "catalogs/secrets/orders/dev/SEC-0007.yaml";
    repository.write(path, &orders(&[("id: SEC-0008", "id: SEC-0007")]));
    let expected = |other| Expected {
        rule: "GP302 duplicate-id",
        pointer: "/metadata/id",
        place: "4:7..4:15",
        under: "SEC-0007",
        message: other,
        help: "`goldenpath id renumber`: it gives the newer manifest the next free ID",
    };
    let found = validate(&repository, &[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[0].path.as_str(), found[1].path.as_str()), (path, SEED_PATH));
    let taken_by_the_seed = format!("the ID `SEC-0007` is taken: {SEED_PATH} has it too");
    is(&found[0], SEED, &expected(&taken_by_the_seed));
    is(&found[1], SEED, &expected("orders/dev/SEC-0007.yaml has it too"));
    // The catalog is searched, but only the named file is reported on and counted.
    let outcome =
        repository.goldenpath(&["validate", "--format", "json", path]).run().fails_with(1);
    assert_eq!(checked(&outcome), 1);
    let found = findings(&outcome);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, path);
    is(&found[0], SEED, &expected(&taken_by_the_seed));
    // People are shown the other place too.
    let shown = repository.goldenpath(&["validate", path]).run().fails_with(1).stdout;
    assert!(
        shown.contains(&format!("[{path}:4:7]")) && shown.contains(&format!("[{SEED_PATH}:4:7]")),
        "{shown}"
    );
    assert!(shown.ends_with("checked 1 manifest: 1 error\n"), "{shown}");
}

#[test]
fn gp302_sees_the_id_of_a_manifest_that_has_other_faults() {
    let repository = Repository::with_seed();
    let path = "catalogs/secrets/orders/dev/SEC-0007.yaml";
    repository.write(
        path,
        &orders(&[("id: SEC-0008", "id: SEC-0007"), ("tier: medium", "teir: medium")]),
    );
    let found = validate(&repository, &[SEED_PATH]);
    assert_eq!(
        found.iter().map(|found| found.rule.as_str()).collect::<Vec<_>>(),
        ["GP302"],
        "{found:?}"
    );
}

#[test]
fn gp303_finds_two_manifests_with_one_store_key() {
    let repository = Repository::with_seed();
    let path = "catalogs/secrets/payments/dev/SEC-0008.yaml";
    let twin = seed_with(&[
        ("id: SEC-0007", "id: SEC-0008"),
        ("SecretName: payments-db-creds", "SecretName: other"),
    ]);
    repository.write(path, &twin);
    let found = validate(&repository, &[path]);
    assert_eq!(found.len(), 1, "{found:?}");
    let expected = Expected {
        rule: "GP303 duplicate-name",
        pointer: "/metadata/name",
        place: "5:9..5:32",
        under: "payments-db-credentials",
        message: &format!(
            "the store key `goldenpath/payments/dev/payments-db-credentials` is taken: {SEED_PATH} has it too"
        ),
        help: "another name",
    };
    is(&found[0], &twin, &expected);
    // Another environment, another key.
    repository.program("rm", &[path]).run().success();
    let prod = "catalogs/secrets/payments/prod/SEC-0008.yaml";
    repository.write(prod, &twin.replace("environment: dev", "environment: prod"));
    assert_eq!(validate(&repository, &[]), []);
}

#[test]
fn gp304_finds_two_manifests_that_write_one_kubernetes_secret() {
    let repository = Repository::with_seed();
    let rival = orders(&[
        ("namespace: orders ", "namespace: payments "),
        ("Name: orders-db", "Name: payments-db-creds"),
    ]);
    repository.write(ORDERS_PATH, &rival);
    let found = validate(&repository, &[ORDERS_PATH]);
    // The namespace has the name of another service, which is GP206's.
    assert_eq!(found.len(), 2, "{found:?}");
    let expected = Expected {
        rule: "GP304 duplicate-target",
        pointer: "/spec/access/k8sSecretName",
        place: "20:20..20:37",
        under: "payments-db-creds",
        message: &format!(
            "the Kubernetes Secret `payments/payments-db-creds` in dev is taken: {SEED_PATH} has it too"
        ),
        help: "another `k8sSecretName`",
    };
    is(&found[1], &rival, &expected);
    repository.write(ORDERS_PATH, &rival.replace("namespace: payments ", "namespace: orders "));
    assert_eq!(validate(&repository, &[]), []);
}

#[test]
fn what_is_decommissioned_gives_its_name_and_its_target_back_but_never_its_id() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &seed_with(&[("status: active", "status: decommissioned")]));
    let successor = "catalogs/secrets/payments/dev/SEC-0009.yaml";
    repository.write(successor, &seed_with(&[("id: SEC-0007", "id: SEC-0009")]));
    assert_eq!(validate(&repository, &[]), []);
    repository.write(successor, SEED);
    let found = validate(&repository, &[successor]);
    assert_eq!(
        found.iter().map(|found| found.rule.as_str()).collect::<Vec<_>>(),
        ["GP301", "GP302"],
        "{found:?}"
    );
}

#[test]
fn three_manifests_with_one_id_are_each_told_of_the_others() {
    let repository = Repository::with_seed();
    for service in ["a", "b", "c", "d", "e"] {
        let text = seed_with(&[
            ("service: payments", &format!("service: {service}")),
            ("namespace: payments ", &format!("namespace: {service} ")),
        ]);
        repository.write(format!("catalogs/secrets/{service}/dev/SEC-0007.yaml"), &text);
    }
    let found = validate(&repository, &[]);
    assert_eq!(found.len(), 6, "{found:?}");
    // Three are named, the rest are counted.
    let of_the_seed = &found[5];
    assert_eq!(of_the_seed.path, SEED_PATH);
    let others = "catalogs/secrets/a/dev/SEC-0007.yaml, catalogs/secrets/b/dev/SEC-0007.yaml, \
                  catalogs/secrets/c/dev/SEC-0007.yaml and 2 more have it too";
    assert_eq!(of_the_seed.message, format!("the ID `SEC-0007` is taken: {others}"));
}
