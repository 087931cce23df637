//! Manifests for tests: the example of the design, and two more that share nothing with it.
//!
//! The test kit compiles this file too, so that unit tests need no other crate.

/// The example of the design, "Secret Request Flow", section 1, byte for byte.
pub const SEED: &str = include_str!("../../testdata/seed.yaml");

/// The path at which the seed's manifest belongs.
pub const SEED_PATH: &str = "catalogs/secrets/payments/dev/SEC-0007.yaml";

/// Returns the seed with each of `edits`, whose left side occurs in it exactly once.
#[track_caller]
pub fn seed_with(edits: &[(&str, &str)]) -> String {
    edit(SEED, edits)
}

#[track_caller]
fn edit(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from:?} is in the manifest once");
        text.replace(from, to)
    })
}

/// Returns the manifest SEC-0008 of the service `orders`, which shares nothing with the seed.
#[track_caller]
pub fn orders(edits: &[(&str, &str)]) -> String {
    let own = seed_with(&[
        ("id: SEC-0007", "id: SEC-0008"),
        ("name: payments-db-credentials", "name: orders-db"),
        ("service: payments", "service: orders"),
        ("namespace: payments ", "namespace: orders "),
        ("k8sSecretName: payments-db-creds", "k8sSecretName: orders-db"),
    ]);
    edit(&own, edits)
}

/// The path of [`web`].
pub const WEB_PATH: &str = "catalogs/secrets/web/dev/SEC-0008.yaml";

/// Returns the manifest SEC-0008 of the service `web`, which uses only what belongs to it.
#[track_caller]
pub fn web(edits: &[(&str, &str)]) -> String {
    let own = seed_with(&[
        ("id: SEC-0007", "id: SEC-0008"),
        ("name: payments-db-credentials", "name: web-session"),
        ("owner: team-payments", "owner: app-team"),
        ("service: payments", "service: web"),
        ("namespace: payments ", "namespace: web "),
        ("k8sSecretName: payments-db-creds", "k8sSecretName: web-session"),
    ]);
    edit(&own, edits)
}
