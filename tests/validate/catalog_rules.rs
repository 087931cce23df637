//! Rules on the path of a manifest, and on several manifests.

use super::{Expected, is};
use goldenpath_testkit::{Found, Repository, SEED, SEED_PATH, checked, findings, orders};

#[track_caller]
fn validate(repository: &Repository, paths: &[&str]) -> Vec<Found> {
    let outcome = repository.goldenpath(&[&["validate", "--format", "json"], paths].concat()).run();
    let found = findings(&outcome);
    assert_eq!(outcome.code, i32::from(!found.is_empty()), "{found:?}");
    found
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
    // The whole catalog is searched, but only the named file is reported and counted.
    let outcome =
        repository.goldenpath(&["validate", "--format", "json", path]).run().fails_with(1);
    assert_eq!(checked(&outcome), 1);
    let found = findings(&outcome);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, path);
    is(&found[0], SEED, &expected(&taken_by_the_seed));
    // The human format shows the other place too.
    let shown = repository.goldenpath(&["validate", path]).run().fails_with(1).stdout;
    assert!(
        shown.contains(&format!("[{path}:4:7]")) && shown.contains(&format!("[{SEED_PATH}:4:7]")),
        "{shown}"
    );
    assert!(shown.ends_with("checked 1 manifest: 1 error\n"), "{shown}");
}
