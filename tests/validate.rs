//! `goldenpath validate`: what each rule says, and exactly where. The places are counted by hand in the seed, whose
//! lines are these:
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

/// What one finding must be. `under` is what stands in the file at the place; of message and help, a part.
struct Expected<'a> {
    rule: &'a str,
    pointer: &'a str,
    place: &'a str,
    under: &'a str,
    message: &'a str,
    help: &'a str,
}

/// Everything that `validate` finds in a manifest that stands where the seed's belongs.
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

/// The manifest has this finding and no other.
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
fn gp001_points_at_what_is_not_yaml() {
    const RULE: &str = "GP001 invalid-yaml";
    let indented = seed_with(&[("  name: pay", " name: pay")]);
    let line = "name: payments-db-credentials     # Mandatory: Intent Name";
    only(
        &indented,
        &Expected {
            rule: RULE,
            pointer: "",
            place: "5:2..5:60",
            under: line,
            message: "not YAML",
            help: "indentation",
        },
    );
    let tab = seed_with(&[("  id: SEC", "\tid: SEC")]);
    let line = "\tid: SEC-0007                      # Mandatory: Audit ID (SEC-XXXX)";
    only(
        &tab,
        &Expected {
            rule: RULE,
            pointer: "",
            place: "4:1..4:68",
            under: line,
            message: "tab",
            help: "spaces",
        },
    );
    only(
        "a: 1\nb: \"never closed\n",
        &Expected {
            rule: RULE,
            pointer: "",
            place: "2:4..2:17",
            under: "\"never closed",
            message: "",
            help: "close",
        },
    );
    let alias = seed_with(&[("namespace: payments ", "namespace: *nobody ")]);
    let line = "*nobody              # Mandatory: K8s Namespace";
    only(
        &alias,
        &Expected {
            rule: RULE,
            pointer: "",
            place: "19:16..19:63",
            under: line,
            message: "anchor",
            help: "write the value out",
        },
    );
}

#[test]
fn gp001_says_that_a_merge_conflict_is_not_resolved() {
    let text = seed_with(&[(
        "    tier: medium ",
        "<<<<<<< HEAD\n    tier: medium\n=======\n    tier: low\n>>>>>>> theirs\n#",
    )]);
    let expected = Expected {
        rule: "GP001 invalid-yaml",
        pointer: "",
        place: "13:1..13:13",
        under: "<<<<<<< HEAD",
        message: "a merge conflict is not resolved",
        help: "choose one side",
    };
    only(&text, &expected);
}

#[test]
fn gp002_refuses_what_is_more_than_plain_data() {
    for (edit, place, under, message, help) in [
        (
            ("namespace: payments ", "namespace: &ns payments "),
            "19:16..19:19",
            "&ns",
            "anchor",
            "remove it",
        ),
        (("ttlDays: 30", "ttlDays: !!int 30"), "21:12..21:17", "!!int", "tag", "remove it"),
        (
            ("tier: medium", "<<: {tier: medium}"),
            "13:5..13:7",
            "<<",
            "merge key",
            "write the fields out",
        ),
        (
            ("  environment:", "  owner: us\n  environment:"),
            "8:3..8:8",
            "owner",
            "`owner` stands twice",
            "keep one",
        ),
        (
            ("  environment:", "  [a]: b\n  environment:"),
            "8:3..8:6",
            "[a]",
            "not a plain word",
            "plain words",
        ),
    ] {
        let expected =
            Expected { rule: "GP002 unsupported-yaml", pointer: "", place, under, message, help };
        only(&seed_with(&[edit]), &expected);
    }
    let two = format!("{SEED}---\nkind: SecretRequest\n");
    only(
        &two,
        &Expected {
            rule: "GP002 unsupported-yaml",
            pointer: "",
            place: "22:1..22:4",
            under: "---",
            message: "second document",
            help: "a file of its own",
        },
    );
}

#[test]
fn gp002_shows_an_alias_and_its_anchor_and_never_expands_them() {
    let text = seed_with(&[
        ("service: payments", "service: &s payments"),
        ("namespace: payments ", "namespace: *s "),
    ]);
    let found = found_in(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    let expected = |place, under, message, help| Expected {
        rule: "GP002 unsupported-yaml",
        pointer: "",
        place,
        under,
        message,
        help,
    };
    is(&found[0], &text, &expected("7:12..7:14", "&s", "anchor", "remove it"));
    is(&found[1], &text, &expected("19:16..19:18", "*s", "alias", "write the value out"));
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
        message: "262145 bytes, more than the 262144",
        help: "a few hundred bytes",
    };
    only(&large, &expected);
}

#[test]
fn gp101_misses_every_field_that_the_seed_calls_mandatory() {
    let mandatory: Vec<(usize, &str)> =
        SEED.lines().enumerate().filter(|(_, line)| line.contains("# Mandatory")).collect();
    assert_eq!(mandatory.len(), 13);
    for (number, line) in mandatory {
        let text: String = SEED
            .split_inclusive('\n')
            .enumerate()
            .filter(|(n, _)| *n != number)
            .map(|(_, l)| l)
            .collect();
        let field = line.trim_start().split(':').next().unwrap();
        let found = found_in(&text);
        assert_eq!(found.len(), 1, "without {field}: {found:?}");
        // What is alone in its mapping leaves nothing where a mapping must be.
        let (rule, named) = match field {
            "tier" => ("GP103", "`risk` is nothing"),
            "rotationClass" => ("GP103", "`rotation` is nothing"),
            "status" => ("GP103", "`lifecycle` is nothing"),
            _ => ("GP101", field),
        };
        assert_eq!(found[0].rule, rule, "without {field}: {found:?}");
        assert!(found[0].message.contains(named), "without {field}: {found:?}");
        assert!(!found[0].help.is_empty(), "without {field}: {found:?}");
    }
}

#[test]
fn gp101_names_the_field_and_underlines_the_mapping_that_lacks_it() {
    const RULE: &str = "GP101 missing-field";
    for (edit, pointer, place, under, message, help) in [
        (
            ("kind: SecretRequest\n", ""),
            "/kind",
            "1:1..1:29",
            "apiVersion: goldenpath.io/v1",
            "the manifest lacks the field `kind`",
            "add `kind: SecretRequest`",
        ),
        (
            ("  owner: team-payments ", "  #"),
            "/metadata/owner",
            "3:1..3:9",
            "metadata",
            "`metadata` lacks the field `owner`",
            "platform-team, security-team",
        ),
        (
            ("  risk:\n    tier: medium", "  risk: {}"),
            "/spec/risk/tier",
            "12:3..12:7",
            "risk",
            "`risk` lacks the field `tier`",
            "low, medium, high",
        ),
        (
            ("    namespace: payments ", "    #"),
            "/spec/access/namespace",
            "18:3..18:9",
            "access",
            "`access` lacks the field `namespace`",
            "add `namespace:`",
        ),
        (
            ("  ttlDays: 30 ", "  #"),
            "/spec/ttlDays",
            "9:1..9:5",
            "spec",
            "`spec` lacks the field `ttlDays`",
            "number of days",
        ),
    ] {
        only(&seed_with(&[edit]), &Expected { rule: RULE, pointer, place, under, message, help });
    }
}

#[test]
fn gp102_asks_what_a_misspelt_field_was_meant_to_be_and_nothing_else_is_said_of_it() {
    const RULE: &str = "GP102 unknown-field";
    for (edit, pointer, place, under, help) in [
        (("owner:", "ownr:"), "/metadata/ownr", "6:3..6:7", "ownr", "did you mean `owner`?"),
        (("spec:", "specs:"), "/specs", "9:1..9:6", "specs", "did you mean `spec`?"),
        (
            ("ttlDays:", "ttldays:"),
            "/spec/ttldays",
            "21:3..21:10",
            "ttldays",
            "did you mean `ttlDays`?",
        ),
        (
            ("rotationClass:", "rotation_class:"),
            "/spec/rotation/rotation_class",
            "15:5..15:19",
            "rotation_class",
            "did you mean `rotationClass`?",
        ),
        (
            ("k8sSecretName:", "\"k8s/Secret~Name\":"),
            "/spec/access/k8s~1Secret~0Name",
            "20:5..20:22",
            "\"k8s/Secret~Name\"",
            "did you mean `k8sSecretName`?",
        ),
    ] {
        let message = "has no field `";
        only(&seed_with(&[edit]), &Expected { rule: RULE, pointer, place, under, message, help });
    }
    let text = seed_with(&[("  owner:", "  colour: blue\n  owner:")]);
    let expected = Expected {
        rule: RULE,
        pointer: "/metadata/colour",
        place: "6:3..6:9",
        under: "colour",
        message: "`metadata` has no field `colour`",
        help: "the fields here are id, name, description, owner, service, environment",
    };
    only(&text, &expected);
}

#[test]
fn gp103_says_what_stands_there_and_what_should() {
    const RULE: &str = "GP103 wrong-type";
    for (edit, pointer, place, under, message, help) in [
        // With the comment behind it: the value ends at its quote.
        (
            ("ttlDays: 30", "ttlDays: \"30\""),
            "/spec/ttlDays",
            "21:12..21:16",
            "\"30\"",
            "`ttlDays` is a string, not an integer",
            "remove the quotes: ttlDays: 30",
        ),
        (
            ("ttlDays: 30", "ttlDays: '30'"),
            "/spec/ttlDays",
            "21:12..21:16",
            "'30'",
            "a string, not an integer",
            "remove the quotes",
        ),
        (
            ("ttlDays: 30", "ttlDays: 30.5"),
            "/spec/ttlDays",
            "21:12..21:16",
            "30.5",
            "a number, not an integer",
            "integer",
        ),
        (
            ("ttlDays: 30", "ttlDays: soon"),
            "/spec/ttlDays",
            "21:12..21:16",
            "soon",
            "a string, not an integer",
            "write an integer",
        ),
        (
            ("name: payments-db-credentials", "name: 42"),
            "/metadata/name",
            "5:9..5:11",
            "42",
            "`name` is an integer, not a string",
            "quote it: name: \"42\"",
        ),
        (
            ("service: payments", "service: true"),
            "/metadata/service",
            "7:12..7:16",
            "true",
            "a boolean, not a string",
            "quote it: service: \"true\"",
        ),
        (
            ("owner: team-payments", "owner:"),
            "/metadata/owner",
            "6:3..6:8",
            "owner",
            "`owner` is nothing, not a string",
            "give `owner` a value",
        ),
        (
            ("environment: dev", "environment: [dev]"),
            "/metadata/environment",
            "8:16..8:21",
            "[dev]",
            "a list, not a string",
            "write a string",
        ),
        (
            ("tier: medium", ""),
            "/spec/risk",
            "12:3..12:7",
            "risk",
            "`risk` is nothing, not a mapping",
            "the fields of `risk` below it",
        ),
    ] {
        only(&seed_with(&[edit]), &Expected { rule: RULE, pointer, place, under, message, help });
    }
    for (text, place, under, message) in [
        ("- a\n- b\n", "1:1..1:4", "- a", "the manifest is a list, not a mapping"),
        ("# nothing\nhello\n", "2:1..2:6", "hello", "the manifest is a string, not a mapping"),
        ("null\n", "1:1..1:5", "null", "the manifest is nothing, not a mapping"),
    ] {
        only(text, &Expected { rule: RULE, pointer: "", place, under, message, help: "write a" });
    }
}

#[test]
fn gp104_checks_the_form_of_every_name() {
    let (long, longest) = ("a".repeat(64), "a".repeat(63));
    let (dns_long, dns_longest) = ("a".repeat(254), "a".repeat(253));
    let (name, service) = ("name: payments-db-credentials", "service: payments");
    let (namespace, secret) = ("namespace: payments", "k8sSecretName: payments-db-creds");
    for (from, value, message, help) in [
        (name, "Payments", "capital `P`", "write it as `payments`"),
        (name, "pay_ments", "`_`", "write it as `pay-ments`"),
        (name, "-payments", "starts and ends", "write it as `payments`"),
        (name, "payments-", "starts and ends", "write it as `payments`"),
        (name, "pay.ments", "`.`", "write it as `pay-ments`"),
        (name, &long, "64 characters, 63", &longest),
        (service, "../../etc", "`.`", "write it as `etc`"),
        (service, "pay ments", "a space", "write it as `pay-ments`"),
        (namespace, "Payments", "capital `P`", "write it as `payments`"),
        (namespace, "a.b", "`.`", "write it as `a-b`"),
        (namespace, &long, "64 characters, 63", &longest),
        (secret, "a..b", "a dot must stand between two names", "write it as"),
        (secret, "a.-b", "starts and ends", "write it as"),
        (secret, "A.b", "capital `A`", "write it as"),
        (secret, &dns_long, "254 characters, 253", "write it as"),
    ] {
        let field = from.split(':').next().unwrap();
        let line = SEED.lines().position(|line| line.trim_start().starts_with(from)).unwrap();
        let start = SEED.lines().nth(line).unwrap().find(':').unwrap() + 3;
        let text = seed_with(&[(&format!("{from} "), &format!("{field}: {value} "))]);
        let found = found_in(&text);
        assert_eq!(found.len(), 1, "{value}: {found:?}");
        assert_eq!(found[0].rule, "GP104", "{found:?}");
        assert_eq!(
            found[0].place,
            format!("{0}:{start}..{0}:{1}", line + 1, start + value.len()),
            "{found:?}"
        );
        assert_eq!(found[0].under(&text), value);
        assert!(
            found[0].message.contains(message) && found[0].help.contains(help),
            "{value}: {found:?}"
        );
    }
    for (from, value) in [
        (name, longest.as_str()),
        (name, "7"),
        (namespace, &longest),
        (secret, &dns_longest),
        (secret, "tls.example.com"),
    ] {
        let field = from.split(':').next().unwrap();
        nothing_in(&seed_with(&[(&format!("{from} "), &format!("{field}: '{value}' "))]));
    }
}

#[test]
fn gp104_knows_one_way_to_write_an_id() {
    for (id, place, message) in [
        ("SEC-7", "4:7..4:12", "write this ID as SEC-0007"),
        ("SEC-00007", "4:7..4:16", "write this ID as SEC-0007"),
        ("sec-0007", "4:7..4:15", "`SEC-` and at least four digits"),
        ("SEC-0000", "4:7..4:15", "IDs start at SEC-0001"),
        ("SEC-000x", "4:7..4:15", "`SEC-` and at least four digits"),
        ("SEC-1234567890", "4:7..4:21", "at most nine digits"),
        ("TEC-0007", "4:7..4:15", "`SEC-` and at least four digits"),
    ] {
        let text = seed_with(&[("id: SEC-0007 ", &format!("id: {id} "))]);
        let help = "`goldenpath new secret` takes the next free ID";
        let expected = Expected {
            rule: "GP104 bad-format",
            pointer: "/metadata/id",
            place,
            under: id,
            message,
            help,
        };
        only(&text, &expected);
    }
}

#[test]
fn gp104_keeps_ttl_days_between_1_and_3650() {
    for (days, place, message) in [
        ("0", "21:12..21:13", "1 is the least"),
        ("-1", "21:12..21:14", "1 is the least"),
        ("3651", "21:12..21:16", "3650 is the most"),
        ("99999999999999999999", "21:12..21:32", "3650 is the most"),
    ] {
        let text = seed_with(&[("ttlDays: 30", &format!("ttlDays: {days}"))]);
        let help = "a number of days between 1 and 3650";
        let expected = Expected {
            rule: "GP104 bad-format",
            pointer: "/spec/ttlDays",
            place,
            under: days,
            message,
            help,
        };
        only(&text, &expected);
    }
    nothing_in(&seed_with(&[("ttlDays: 30", "ttlDays: 1")]));
}

#[test]
fn gp104_refuses_a_store_key_that_looks_like_the_end_of_an_arn() {
    // AWS puts a hyphen and six characters behind a name to make its ARN.
    for (name, place) in
        [("payments-db-secret", "5:9..5:27"), ("x-ABC123", ""), ("a-123456", "5:9..5:17")]
    {
        let text = seed_with(&[("name: payments-db-credentials", &format!("name: {name}"))]);
        if name == "x-ABC123" {
            assert!(found_in(&text)[0].message.contains("capital"));
            continue;
        }
        let expected = Expected {
            rule: "GP104 bad-format",
            pointer: "/metadata/name",
            place,
            under: name,
            message: &format!("`goldenpath/payments/dev/{name}`"),
            help: "another name",
        };
        only(&text, &expected);
    }
    for name in ["payments-db-secrets", "payments-secre", "secret", "a-b-c-d-e-f"] {
        nothing_in(&seed_with(&[("name: payments-db-credentials", &format!("name: {name}"))]));
    }
}

#[test]
fn gp105_asks_what_a_value_outside_its_list_was_meant_to_be() {
    const RULE: &str = "GP105 not-in-enum";
    for (edit, pointer, place, under, help) in [
        (
            ("apiVersion: goldenpath.io/v1", "apiVersion: v1"),
            "/apiVersion",
            "1:13..1:15",
            "v1",
            "write `goldenpath.io/v1`",
        ),
        (
            ("kind: SecretRequest", "kind: Secret"),
            "/kind",
            "2:7..2:13",
            "Secret",
            "write `SecretRequest`",
        ),
        (
            ("owner: team-payments", "owner: team-payment"),
            "/metadata/owner",
            "6:10..6:22",
            "team-payment",
            "did you mean `team-payments`?",
        ),
        (
            ("environment: dev", "environment: production"),
            "/metadata/environment",
            "8:16..8:26",
            "production",
            "did you mean `prod`?",
        ),
        (
            ("provider: aws-secrets-manager", "provider: aws"),
            "/spec/provider",
            "10:13..10:16",
            "aws",
            "write `aws-secrets-manager`",
        ),
        (
            ("secretType: database-credentials", "secretType: api_key"),
            "/spec/secretType",
            "11:15..11:22",
            "api_key",
            "did you mean `api-key`?",
        ),
        (
            ("tier: medium", "tier: mediun"),
            "/spec/risk/tier",
            "13:11..13:17",
            "mediun",
            "did you mean `medium`? the values are low, medium, high",
        ),
        (
            ("rotationClass: standard", "rotationClass: Standard"),
            "/spec/rotation/rotationClass",
            "15:20..15:28",
            "Standard",
            "did you mean `standard`?",
        ),
        (
            ("status: active", "status: retired"),
            "/spec/lifecycle/status",
            "17:13..17:20",
            "retired",
            "active, deprecated, decommission_requested, decommissioned",
        ),
    ] {
        let message =
            format!("`{under}` is not a value of `{}`", pointer.rsplit('/').next().unwrap());
        only(
            &seed_with(&[edit]),
            &Expected { rule: RULE, pointer, place, under, message: &message, help },
        );
    }
}

#[test]
fn gp105_takes_every_value_that_the_design_lists() {
    let lists = [
        (
            "owner: team-payments",
            "platform-team security-team operations-team sre-team app-team database-team team-payments",
        ),
        (
            "secretType: database-credentials",
            "database-credentials api-key oauth-client webhook-secret signing-key encryption-key tls-private-key container-registry-credential third-party-token generic",
        ),
        ("tier: medium", "low medium high"),
        ("rotationClass: standard", "standard high"),
        ("status: active", "active deprecated decommission_requested decommissioned"),
    ];
    for (from, values) in lists {
        let field = from.split(':').next().unwrap();
        for value in values.split(' ') {
            nothing_in(&seed_with(&[(from, &format!("{field}: {value}"))]));
        }
    }
    for environment in ["dev", "test", "staging", "prod", "ephemeral"] {
        let found =
            found_in(&seed_with(&[("environment: dev", &format!("environment: {environment}"))]));
        assert!(found.iter().all(|found| found.rule == "GP301"), "{found:?}");
    }
}

#[test]
fn gp201_wants_high_risk_rotated() {
    let none = ("rotationClass: standard", "rotationClass: none");
    let text = seed_with(&[("tier: medium", "tier: high"), none]);
    let expected = Expected {
        rule: "GP201 high-risk-needs-rotation",
        pointer: "/spec/rotation/rotationClass",
        place: "15:20..15:24",
        under: "none",
        message: "`high` must be rotated",
        help: "`standard` (every 90 days) or `high` (every 30 days)",
    };
    only(&text, &expected);
    nothing_in(&seed_with(&[("tier: medium", "tier: high")]));
    nothing_in(&seed_with(&[("tier: medium", "tier: low"), none]));
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
fn gp203_lets_no_secret_live_longer_than_its_tier_allows() {
    nothing_in(&seed_with(&[("ttlDays: 30", "ttlDays: 365")]));
    let text = seed_with(&[("ttlDays: 30", "ttlDays: 366")]);
    let expected = Expected {
        rule: "GP203 ttl-too-long",
        pointer: "/spec/ttlDays",
        place: "21:12..21:15",
        under: "366",
        message: "risk tier `medium` allows at most 365 days",
        help: "365 or less",
    };
    only(&text, &expected);
}

#[test]
fn columns_count_characters_whatever_their_width_or_length() {
    // Each of the three is one character; they are 2, 3 and 4 bytes long, and the last two are 2 cells wide.
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
    // Behind such characters on the same line, too.
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
fn windows_line_ends_and_a_byte_order_mark_move_no_place() {
    let expected = |under| Expected {
        rule: "GP105 not-in-enum",
        pointer: "/spec/risk/tier",
        place: "13:11..13:17",
        under,
        message: "`mediun`",
        help: "`medium`",
    };
    let text = seed_with(&[("tier: medium", "tier: mediun")]);
    let windows = text.replace('\n', "\r\n");
    only(&windows, &expected("mediun"));
    nothing_in(&SEED.replace('\n', "\r\n"));
    nothing_in(&format!("\u{feff}{SEED}"));
    // The mark is no character of the text: the first line begins at column 1 behind it.
    let marked = found_in(&format!("\u{feff}{}", seed_with(&[("goldenpath.io/v1", "v1")])));
    assert_eq!(marked.len(), 1, "{marked:?}");
    assert_eq!(marked[0].place, "1:13..1:15");
    let no_newline = text.trim_end().to_owned() + "0";
    assert!(no_newline.ends_with("(Days)0"));
    only(&no_newline, &expected("mediun"));
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
    let told: Vec<_> =
        found.iter().map(|found| format!("{} {}", found.rule, found.place)).collect();
    assert_eq!(
        told,
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
