//! `goldenpath validate`: findings with their places, as the program prints them. The rules have
//! their own tests, next to each rule. The places are counted by hand in the seed, whose lines are:
//!
//! ```text
//!  1 apiVersion: goldenpath.io/v1          12   risk:
//!  2 kind: SecretRequest                   13     tier: medium
//!  3 metadata:                             14   rotation:
//!  4   id: SEC-0007                        15     rotationClass: standard
//!  5   name: payments-db-credentials       16   lifecycle:
//!  6   owner: team-payments                17     status: active
//!  7   service: payments                   18   access:
//!  8   environment: dev                    19     namespace: payments
//!  9 spec:                                 20     k8sSecretName: payments-db-creds
//! 10   provider: aws-secrets-manager       21   ttlDays: 30
//! 11   secretType: database-credentials
//! ```

mod catalog_rules;
mod fix;
mod fix_moves;
mod fix_property;
mod fix_staged;
mod memory;
mod output;
mod own_settings;
mod selection;

use goldenpath_testkit::{Found, Repository, SEED, SEED_PATH, findings, seed_with};

/// An expected finding.
///
/// `under` is the text at its place; `message` and `help` are parts of the texts.
struct Expected<'a> {
    rule: &'a str,
    pointer: &'a str,
    place: &'a str,
    under: &'a str,
    message: &'a str,
    help: &'a str,
}

/// Returns all findings for a manifest at the seed's path.
#[track_caller]
fn found_in(text: &str) -> Vec<Found> {
    let repository = Repository::new();
    repository.write(SEED_PATH, text);
    let outcome = repository.goldenpath(&["validate", "--format", "json"]).run();
    let found = findings(&outcome);
    let errors = found.iter().any(|found| found.severity == "error");
    assert_eq!(outcome.code, i32::from(errors), "{found:?}");
    assert_eq!(outcome.stderr, "");
    found
}

#[track_caller]
fn is(found: &Found, text: &str, expected: &Expected) {
    assert_eq!(format!("{} {}", found.rule, found.name), expected.rule, "{found:?}");
    assert_eq!(found.pointer, expected.pointer, "{found:?}");
    assert_eq!(found.place, expected.place, "{found:?}");
    assert_eq!(found.under(text), expected.under, "{found:?}");
    assert!(found.message.contains(expected.message), "{found:?}");
    assert!(found.help.contains(expected.help), "{found:?}");
}

/// Asserts that the manifest has only this finding.
#[track_caller]
fn only(text: &str, expected: &Expected) {
    let found = found_in(text);
    assert_eq!(found.len(), 1, "{found:?}");
    is(&found[0], text, expected);
}

#[track_caller]
fn nothing_in(text: &str) {
    assert_eq!(found_in(text), []);
}

#[test]
fn gp003_draws_the_line_at_256_kib() {
    let limit = 256 * 1024;
    let fits = format!("{SEED}#{}", "x".repeat(limit - SEED.len() - 1));
    assert_eq!(fits.len(), limit);
    nothing_in(&fits);
    let large = fits + "x";
    let expected = Expected {
        rule: "GP003 too-large",
        pointer: "",
        place: "1:1..1:1",
        under: "",
        message: "262145 bytes, more than the limit of 262144",
        help: "a few hundred bytes",
    };
    only(&large, &expected);
}

#[test]
fn gp202_warns_of_medium_risk_without_rotation_and_the_run_succeeds() {
    let text = seed_with(&[("rotationClass: standard", "rotationClass: none")]);
    let found = found_in(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].severity, "warning");
    let expected = Expected {
        rule: "GP202 medium-risk-should-rotate",
        pointer: "/spec/rotation/rotationClass",
        place: "15:20..15:24",
        under: "none",
        message: "`medium` should be rotated",
        help: "`standard` (every 90 days)",
    };
    is(&found[0], &text, &expected);
}

#[test]
fn columns_count_characters_whatever_their_width_or_length() {
    // Each of the three is one character of 2, 3 and 4 bytes, and the last two are 2 cells wide.
    let edit = ("owner: team-payments ", "owner: é世🔑 ");
    let expected = |place| Expected {
        rule: "GP105 not-in-enum",
        pointer: "/metadata/owner",
        place,
        under: "é世🔑",
        message: "`é世🔑`",
        help: "the values are",
    };
    only(&seed_with(&[edit]), &expected("6:10..6:13"));
    // Also after such characters on the same line.
    let flow = seed_with(&[("owner: team-payments ", "? \"世界\"\n  : x\n  owner: é世🔑 ")]);
    let found = found_in(&flow);
    assert_eq!(
        found.iter().map(|found| found.place.as_str()).collect::<Vec<_>>(),
        ["6:5..6:9", "8:10..8:13"]
    );
    let mapping = seed_with(&[("risk:\n    tier: medium ", "risk: {\"世界\": 1, tier: mediun} ")]);
    let found = found_in(&mapping);
    assert_eq!(
        found.iter().map(|found| found.place.as_str()).collect::<Vec<_>>(),
        ["12:10..12:14", "12:25..12:31"]
    );
    assert_eq!(found[1].under(&mapping), "mediun");
}

#[test]
fn all_findings_of_a_file_come_in_the_order_of_their_places() {
    let text = seed_with(&[
        ("kind: SecretRequest", "kind: Secret"),
        ("id: SEC-0007", "id: SEC-7"),
        ("owner:", "ownr:"),
        ("tier: medium", "tier: mediun"),
        ("    namespace: payments ", "    #"),
        ("ttlDays: 30", "ttlDays: '30'"),
    ]);
    let found = found_in(&text);
    let reported: Vec<_> =
        found.iter().map(|found| format!("{} {}", found.rule, found.place)).collect();
    assert_eq!(
        reported,
        [
            "GP105 2:7..2:13",
            "GP104 4:7..4:12",
            "GP102 6:3..6:7",
            "GP105 13:11..13:17",
            "GP101 18:3..18:9",
            "GP103 21:12..21:16"
        ]
    );
}
