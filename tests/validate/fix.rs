//! `validate --fix`: what it changes in a file, and that it changes nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use goldenpath_testkit::{Outcome, Repository, SEED, SEED_PATH, findings, seed_with};

pub(super) fn with(text: &str) -> Repository {
    let repository = Repository::new();
    repository.write(SEED_PATH, text);
    repository
}

pub(super) fn fix(repository: &Repository, arguments: &[&str]) -> Outcome {
    repository.goldenpath(&[&["validate", "--fix"], arguments].concat()).run()
}

/// Returns the fix of the only finding in `text`.
#[track_caller]
fn proposed(text: &str) -> String {
    let found = findings(&with(text).goldenpath(&["validate", "--format", "json"]).run());
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].fix.clone()
}

/// Asserts that `--fix` turns `before` into `after`, without findings.
#[track_caller]
fn becomes(before: &str, after: &str) {
    let repository = with(before);
    let outcome = fix(&repository, &[]);
    assert_eq!(repository.read(SEED_PATH), after, "{}", outcome.stdout);
    assert_eq!(outcome.code, 0, "{}", outcome.stdout);
    assert!(outcome.stdout.ends_with("checked 1 manifest: no findings\n"), "{}", outcome.stdout);
    // A second run changes nothing.
    assert_eq!(fix(&repository, &[]).success().stdout, "checked 1 manifest: no findings\n");
    assert_eq!(repository.read(SEED_PATH), after);
}

/// Asserts that `--fix` changes nothing and `--unsafe-fixes` turns `before` into `after`.
#[track_caller]
fn becomes_only_unsafely(before: &str, after: &str) {
    let repository = with(before);
    let outcome = fix(&repository, &[]).fails_with(1);
    assert_eq!(repository.read(SEED_PATH), before);
    assert!(outcome.stdout.contains("1 more fixable with `--unsafe-fixes`"), "{}", outcome.stdout);
    fix(&repository, &["--unsafe-fixes"]);
    assert_eq!(repository.read(SEED_PATH), after);
}

/// Asserts that `--fix` changes nothing.
#[track_caller]
fn stays(text: &str) {
    let repository = with(text);
    let outcome = fix(&repository, &["--unsafe-fixes"]).fails_with(1);
    assert_eq!(repository.read(SEED_PATH), text, "{}", outcome.stdout);
    assert!(outcome.stdout.contains("fixed 0 of "), "{}", outcome.stdout);
}

#[test]
fn a_typo_is_fixed_and_no_other_byte_changes() {
    // Each of them is fixed to the seed.
    for (right, wrong) in [
        ("  owner:", "  ownr:"),
        ("kind: Secret", "knid: Secret"),
        ("spec:", "specs:"),
        ("  ttlDays:", "  ttldays:"),
        ("rotationClass:", "rotation_class:"),
        ("rotationClass:", "\"rotationClas\":"),
        ("kind: SecretRequest", "kind: secretrequest"),
        ("goldenpath.io/v1", "goldenpath/v1"),
        ("owner: team-payments ", "owner: team-payment "),
        ("owner: team-payments ", "owner: Team_Payments "),
        ("tier: medium", "tier: mediun"),
        ("tier: medium", "tier: MEDIUM"),
        ("tier: medium", "tier: meidum"),
        ("status: active", "status: Active"),
        ("environment: dev", "environment: DEV"),
        ("environment: dev", "environment: develop"),
        ("secretType: database-credentials", "secretType: database_credentials"),
        ("provider: aws-secrets-manager", "provider: aws-secret-manager"),
        ("id: SEC-0007 ", "id: sec-0007 "),
        ("id: SEC-0007 ", "id: SEC-7 "),
        ("name: payments-db-credentials", "name: Payments-DB-Credentials"),
        ("service: payments", "service: PAYMENTS"),
        ("namespace: payments ", "namespace: Payments "),
        ("ttlDays: 30 ", "ttlDays: \"30\" "),
        ("ttlDays: 30 ", "ttlDays: '30' "),
    ] {
        let right_text = if wrong.starts_with('"') {
            seed_with(&[(right, "\"rotationClass\":")])
        } else {
            SEED.into()
        };
        let wrong = seed_with(&[(right, wrong)]);
        becomes(&wrong, &right_text);
        becomes(&wrong.replace('\n', "\r\n"), &right_text.replace('\n', "\r\n"));
        becomes(&format!("\u{feff}{wrong}"), &format!("\u{feff}{right_text}"));
    }
}

#[test]
fn quotes_flow_style_and_wide_characters_stay() {
    let cases = [
        (
            "tier: mediun                     # Mandatory",
            "tier: medium                     # Mandatory",
        ),
        ("tier: 'mediun' #é", "tier: 'medium' #é"),
        ("tier: \"mediun\"\t # 世界", "tier: \"medium\"\t # 世界"),
        ("\"teir\" : medium # Mandatory", "\"tier\" : medium # Mandatory"),
    ];
    for (wrong, right) in cases {
        let edit = |line| seed_with(&[("tier: medium                     # Mandatory", line)]);
        becomes(&edit(wrong), &edit(right));
    }
    let flow = |risk| seed_with(&[("risk:\n    tier: medium ", &format!("risk: {{{risk}}}"))]);
    becomes(&flow("teir: low"), &flow("tier: low"));
    becomes(&flow(" 'teir' : [low] ").replace("[low]", "\"Low\""), &flow(" 'tier' : \"low\" "));
    let json = |kind: &str, tier: &str| {
        let text = goldenpath_core::yaml::parse(SEED).unwrap().to_json();
        let text = serde_json::to_string_pretty(&text).unwrap();
        text.replace("SecretRequest", kind).replace("\"tier\": \"medium\"", tier)
    };
    becomes(
        &json("SecretRequests", "\"teir\" :\"Medium\""),
        &json("SecretRequest", "\"tier\" :\"medium\""),
    );
    // A number in place of a string is quoted, and so is a text that would have another type.
    becomes(
        &seed_with(&[("name: payments-db-credentials", "name: 0042")]),
        &seed_with(&[("name: payments-db-credentials", "name: \"0042\"")]),
    );
}

#[test]
fn everything_in_a_file_is_fixed_in_one_run_and_reported() {
    let wrong = seed_with(&[
        ("kind: SecretRequest\n", "kind: secretrequest\nowner: team-payment   # who\n"),
        ("  owner: team-payments              # Mandatory: Accountability\n", ""),
        ("risk:\n    tier: medium ", "teir: 'Mediun' "),
        ("ttlDays: 30", "ttldays: \"30\""),
    ]);
    let repository = with(&wrong);
    let outcome = fix(&repository, &[]).fails_with(1);
    // `teir` is not similar to any field of `spec`, and an unknown field has no right place.
    let reported: Vec<&str> =
        outcome.stdout.lines().filter(|line| line.starts_with("fixed ")).collect();
    assert_eq!(
        reported,
        [
            &format!("fixed {SEED_PATH}: GP105 write `SecretRequest` for `secretrequest`"),
            &format!("fixed {SEED_PATH}: GP102 move `owner` to `metadata`"),
            &format!("fixed {SEED_PATH}: GP102 rename `ttldays` to `ttlDays`"),
            &format!("fixed {SEED_PATH}: GP105 write `team-payments` for `team-payment`"),
            &format!("fixed {SEED_PATH}: GP103 remove the quotes: `ttlDays: 30`"),
            "fixed 5 of 7 findings in 1 file",
        ]
    );
    assert!(outcome.stdout.ends_with("checked 1 manifest: 2 errors\n"), "{}", outcome.stdout);
    let expected = seed_with(&[
        ("  owner: team-payments              # Mandatory: Accountability\n", ""),
        (
            "# Mandatory: Environment\n",
            "# Mandatory: Environment\n  owner: team-payments   # who\n",
        ),
        ("risk:\n    tier: medium ", "teir: 'Mediun' "),
    ]);
    assert_eq!(repository.read(SEED_PATH), expected);
}

#[test]
fn a_field_at_the_wrong_level_is_one_finding_that_says_where_it_belongs() {
    for (field, line, home) in [
        (
            "id",
            "  id: SEC-0007                      # Mandatory: Audit ID (SEC-XXXX)\n",
            "metadata",
        ),
        ("name", "  name: payments-db-credentials     # Mandatory: Intent Name\n", "metadata"),
        ("owner", "  owner: team-payments              # Mandatory: Accountability\n", "metadata"),
        (
            "environment",
            "  environment: dev                  # Mandatory: Environment\n",
            "metadata",
        ),
        (
            "namespace",
            "    namespace: payments              # Mandatory: K8s Namespace\n",
            "spec.access",
        ),
        ("ttlDays", "  ttlDays: 30                       # Mandatory: Cleanup (Days)", "spec"),
    ] {
        for (place, opening, indent) in
            [("the top level", "kind: SecretRequest\n", ""), ("`spec`", "spec:\n", "  ")]
        {
            if home == "spec" && place == "`spec`" {
                continue;
            }
            let misplaced = format!("{opening}{indent}{}\n", line.trim());
            let text = seed_with(&[(line, ""), (opening, &misplaced)]);
            let found = findings(
                &with(&text).goldenpath(&["validate", "--format", "json"]).run().fails_with(1),
            );
            assert_eq!(found.len(), 1, "{found:?}");
            let preposition = if place == "`spec`" { "in" } else { "at" };
            let message = format!("`{field}` belongs in `{home}`, not {preposition} {place}");
            assert_eq!((found[0].rule.as_str(), &found[0].message), ("GP102", &message));
            assert_eq!(found[0].under(&text), field);
            assert_eq!(found[0].fix, format!("safe: move `{field}` to `{home}`"));
            let drawn = with(&text).goldenpath(&["validate"]).run().fails_with(1).stdout;
            assert!(drawn.contains("it belongs here"), "{drawn}");
            // It moves to the end of its mapping, with the mapping's indentation.
            let repository = with(&text);
            fix(&repository, &[]).success();
            let fixed_text = repository.read(SEED_PATH);
            let last = match home {
                "metadata" if field == "environment" => {
                    "  service: payments                 # Mandatory: Service namespace\n"
                }
                "metadata" => "  environment: dev                  # Mandatory: Environment\n",
                "spec" => "    k8sSecretName: payments-db-creds # Mandatory: K8s Secret Name\n",
                _ => "    k8sSecretName: payments-db-creds # Mandatory: K8s Secret Name\n",
            };
            let without = seed_with(&[(line, "")]);
            assert_eq!(
                fixed_text,
                without.replace(last, &format!("{last}{}\n", line.trim_end())),
                "{field} from {place}"
            );
        }
    }
}

#[test]
fn a_mapping_that_a_field_belongs_in_is_made_where_it_is_missing() {
    let flat = |spec: &str| {
        seed_with(&[(
            "  risk:\n    tier: medium                     # Mandatory: Governance\n",
            spec,
        )])
    };
    let line = "tier: medium                     # Mandatory: Governance\n";
    becomes(&flat(&format!("  {line}")), SEED);
    // The indentation is missing.
    becomes(&flat(&format!("  risk:\n  {line}")), SEED);
    let flat = seed_with(&[
        ("metadata:\n", ""),
        ("  id: ", "id: "),
        ("  name: ", "name: "),
        ("  owner: ", "owner: "),
        ("  service: ", "service: "),
        ("  environment: ", "environment: "),
    ]);
    let found =
        findings(&with(&flat).goldenpath(&["validate", "--format", "json"]).run().fails_with(1));
    assert_eq!(
        found.iter().filter(|found| found.rule == "GP102").count(),
        found.len(),
        "{found:?}"
    );
    becomes(&flat, SEED);
}

#[test]
fn a_repeated_field_is_not_fixed() {
    let twice = |value: &str| {
        seed_with(&[("kind: SecretRequest\n", &format!("kind: SecretRequest\nowner: {value}\n"))])
    };
    assert_eq!(proposed(&twice("sre-team")), "");
    stays(&twice("sre-team"));
    let drawn = with(&twice("sre-team")).goldenpath(&["validate"]).run().fails_with(1).stdout;
    assert!(
        drawn.contains("remove it here: `metadata` already has this field")
            && drawn.contains("already here"),
        "{drawn}"
    );
    // Only a line is removed.
    becomes_only_unsafely(&twice("team-payments # really"), SEED);
    // Two lines that could be the same field.
    stays(&seed_with(&[("  owner: team-payments ", "  ownr: team-payments\n  owners: sre-team ")]));
}

#[test]
fn what_has_no_one_right_answer_takes_a_flag() {
    for (right, wrong, fixed) in [
        // A misspelled status that deletes a secret is not fixed without the flag.
        ("status: active", "status: decomissioned", "status: decommissioned"),
        ("status: active", "status: Decommission-Requested", "status: decommission_requested"),
        // A part of it, or other digits.
        ("kind: SecretRequest", "kind: Secret", "kind: SecretRequest"),
        ("environment: dev", "environment: dev2", "environment: dev"),
        ("goldenpath.io/v1", "goldenpath.io/v2", "goldenpath.io/v1"),
        // It differs in more than case.
        ("namespace: payments ", "namespace: pay_ments ", "namespace: pay-ments "),
        // It may mean less, or another tier.
        ("ttlDays: 30", "ttlDays: 400", "ttlDays: 365"),
    ] {
        becomes_only_unsafely(&seed_with(&[(right, wrong)]), &seed_with(&[(right, fixed)]));
    }
    // Neither the text nor its fix matches the folder; once it is fixed, the file is moved.
    let repository = with(&seed_with(&[("environment: dev", "environment: Prod")]));
    let reported = fix(&repository, &[]).fails_with(1).stdout;
    assert!(reported.contains("1 more fixable with `--unsafe-fixes`"), "{reported}");
    fix(&repository, &["--unsafe-fixes"]).success();
    let fixed_text = seed_with(&[("environment: dev", "environment: prod")]);
    assert_eq!(repository.read(SEED_PATH.replace("dev", "prod")), fixed_text);
}

#[test]
fn what_cannot_be_known_is_left_alone() {
    for (right, wrong) in [
        ("tier: medium", "tier: huge"),
        ("tier: medium", "tier:"),
        ("owner:", "colour: blue\n  owner:"),
        ("name: payments-db-credentials", "name: ---"),
        ("ttlDays: 30", "ttlDays: soon"),
        ("owner: team-payments", "owner: 42"),
        ("environment: dev", "environment: [dev]"),
        ("  namespace: payments", "  namespace: &a payments"),
        ("ttlDays: 30", "ttlDays: 0"),
    ] {
        stays(&seed_with(&[(right, wrong)]));
    }
    // Two values are equally similar.
    let repository = with(&seed_with(&[("owner: team-payments ", "owner: team-c ")]));
    repository.write("schemas/metadata/enums.yaml", "owners: [team-a, team-b]\n");
    assert!(
        fix(&repository, &["--unsafe-fixes"])
            .fails_with(1)
            .stdout
            .contains("fixed 0 of 1 finding\n")
    );
}

#[test]
fn the_schema_that_judges_says_where_fields_belong() {
    let repository = with(&seed_with(&[(
        "kind: SecretRequest\n",
        "kind: SecretRequest\ncostCentre: 4711   # who pays\n",
    )]));
    let own = goldenpath_core::manifest::BUILT_IN_SCHEMA.replace(
        "\"ttlDays\": {",
        "\"billing\": {\"type\": \"object\", \"properties\": {\"costCentre\": {}}},\n\
         \"ttlDays\": {",
    );
    repository.write("schemas/secret_request.schema.json", &own);
    fix(&repository, &[]).success();
    assert_eq!(
        repository.read(SEED_PATH),
        format!("{SEED}  billing:\n    costCentre: 4711   # who pays\n")
    );
}

#[test]
fn a_fix_that_would_break_a_promise_takes_a_flag() {
    // The environment was a valid name, so GP402 requires it to stay; the service never was one.
    let repository = Repository::new();
    let path = "catalogs/secrets/Payments/production/SEC-0007.yaml";
    let text = seed_with(&[
        ("environment: dev", "environment: production"),
        ("service: payments", "service: Payments"),
    ]);
    repository.write(path, &text).commit_all("As it came");
    let fixed = fix(&repository, &[]).fails_with(1).stdout;
    assert!(
        fixed.contains("write `payments` for `Payments`") && !fixed.contains("write `prod`"),
        "{fixed}"
    );
    repository.git(&["add", "--all"]);
    let staged =
        findings(&repository.goldenpath(&["validate", "--staged", "--format", "json"]).run());
    assert!(!staged.iter().any(|found| found.rule == "GP402"), "{staged:?}");
    fix(&repository, &["--unsafe-fixes"]).success();
    repository.git(&["add", "--all"]);
    let staged = findings(
        &repository.goldenpath(&["validate", "--staged", "--format", "json"]).run().fails_with(1),
    );
    assert_eq!(staged.iter().map(|found| found.rule.as_str()).collect::<Vec<_>>(), ["GP402"]);
}

#[test]
fn what_looks_like_a_secret_is_neither_fixed_nor_shown() {
    let value: String = ["ghp_", &"a1B2c3D4e5F6".repeat(3)].concat();
    let text = seed_with(&[
        ("  owner: team-payments ", &format!("  ownr: {value} ")),
        ("tier: medium ", &format!("tier: mediun # token {value} ")),
        ("kind: SecretRequest\n", &format!("kind: SecretRequest\nname: {value}\n")),
    ]);
    let repository = with(&text);
    for arguments in
        [&["--diff"][..], &["--diff", "--unsafe-fixes"], &["--fix"], &["--fix", "--unsafe-fixes"]]
    {
        let outcome =
            repository.goldenpath(&[&["validate"], arguments].concat()).run().fails_with(1);
        assert!(
            !outcome.stdout.contains(&value) && !outcome.stderr.contains(&value),
            "{}",
            outcome.stdout
        );
        if arguments[0] == "--diff" {
            assert!(
                outcome.stdout.contains("+    tier: medium # token ****"),
                "{}",
                outcome.stdout
            );
        }
    }
    assert_eq!(repository.read(SEED_PATH), text.replace("mediun", "medium"));
}

#[test]
fn diff_shows_what_fix_would_do_and_does_nothing() {
    let wrong = seed_with(&[
        ("kind: SecretRequest\n", "kind: SecretRequest\nowner: sre-team\n"),
        ("  owner: team-payments ", "  #"),
        ("mediu", "Mediu"),
    ]);
    for text in [wrong.clone(), wrong.replace('\n', "\r\n"), format!("{wrong}\n")] {
        let repository = with(&text);
        for arguments in [&["--diff"][..], &["--fix", "--diff"]] {
            let outcome =
                repository.goldenpath(&[&["validate"], arguments].concat()).run().fails_with(1);
            assert_eq!(outcome.stderr, "would fix 2 of 2 findings in 1 file\n");
            assert_eq!(repository.read(SEED_PATH), text);
            repository.write("fix.patch", &outcome.stdout);
        }
        let other = with(&text);
        fix(&other, &[]).success();
        repository.git(&["apply", "fix.patch"]);
        assert_eq!(repository.read(SEED_PATH), other.read(SEED_PATH));
        let outcome = repository.goldenpath(&["validate", "--diff"]).run().success();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
    }
    // Without a fix there is no diff, whatever the findings.
    let outcome = with(&seed_with(&[("tier: medium", "tier: huge")]))
        .goldenpath(&["validate", "--diff"])
        .run()
        .success();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("", "would fix 0 of 1 finding\n")
    );
}

#[test]
fn what_could_be_fixed_is_said_before_the_last_line() {
    let last_two = |text: &str, arguments: &[&str]| {
        let repository = with(text);
        repository.git(&["add", "--all"]);
        let outcome =
            repository.goldenpath(&[&["validate"], arguments].concat()).run().fails_with(1);
        let lines: Vec<String> = outcome.stdout.lines().rev().take(2).map(str::to_owned).collect();
        (lines[1].clone(), lines[0].clone())
    };
    let errors = |errors: &str| format!("checked 1 manifest: {errors}");
    let safe = seed_with(&[("mediu", "Mediu"), ("tatus: active", "tatus: Active")]);
    assert_eq!(
        last_two(&safe, &[]),
        ("2 fixable with `goldenpath validate --fix`".into(), errors("2 errors"))
    );
    assert_eq!(
        last_two(&safe, &["--staged"]).0,
        "2 fixable with `goldenpath validate --staged --fix`"
    );
    let both = seed_with(&[("mediu", "Mediu"), ("tatus: active", "tatus: decommision")]);
    assert_eq!(
        last_two(&both, &[]).0,
        "1 fixable with `goldenpath validate --fix`, 1 more with `--unsafe-fixes`"
    );
    let doubtful = seed_with(&[("ttlDays: 30", "ttlDays: 999")]);
    assert_eq!(
        last_two(&doubtful, &[]).0,
        "1 fixable with `goldenpath validate --fix --unsafe-fixes`"
    );
    assert_eq!(last_two(&seed_with(&[("mediu", "x")]), &[]).0, "");
}

#[test]
fn machine_formats_have_the_rest_of_the_findings_and_stderr_the_fixes() {
    let text = seed_with(&[("mediu", "Mediu"), ("ttlDays: 30", "ttlDays: 999")]);
    let found =
        findings(&with(&text).goldenpath(&["validate", "--format", "json"]).run().fails_with(1));
    let fixes: Vec<&str> = found.iter().map(|found| found.fix.as_str()).collect();
    assert_eq!(
        fixes,
        ["safe: write `medium` for `Medium`"],
        "the ttl is judged when there is a tier"
    );
    let outcome = fix(&with(&text), &["--format", "json"]).fails_with(1);
    let found = findings(&outcome);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].rule.as_str(), found[0].fix.as_str()),
        ("GP203", "unsafe: write 365 for 999")
    );
    assert!(
        outcome
            .stderr
            .starts_with(&format!("fixed {SEED_PATH}: GP105 write `medium` for `Medium`\n")),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("\nfixed 1 of 2 findings in 1 file\n"), "{}", outcome.stderr);
    for format in ["sarif", "github"] {
        let outcome = fix(&with(&text), &["--format", format]).fails_with(1);
        assert!(
            !outcome.stdout.contains("fixed 1 of") && outcome.stderr.contains("fixed 1 of 2"),
            "{}",
            outcome.stdout
        );
    }
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let repository = Repository::with_seed();
    repository.commit_all("seed");
    for arguments in [
        &["--fix", "--from-ref", "HEAD"][..],
        &["--fix", "--merge-with", "HEAD"],
        &["--diff", "--from-ref", "HEAD"],
        &["--diff", "--format", "json"],
        &["--unsafe-fixes"],
    ] {
        let outcome =
            repository.goldenpath(&[&["validate"], arguments].concat()).run().fails_with(2);
        assert!(outcome.stderr.contains("error: "), "{}", outcome.stderr);
    }
}

#[test]
fn a_valid_manifest_is_not_written_and_a_file_keeps_its_mode() {
    let repository = Repository::with_seed();
    let on_disk = repository.path().join(SEED_PATH);
    let before = fs::metadata(&on_disk).unwrap().modified().unwrap();
    fix(&repository, &["--unsafe-fixes"]).success();
    assert_eq!(fs::metadata(&on_disk).unwrap().modified().unwrap(), before);

    repository.write(SEED_PATH, &seed_with(&[("mediu", "Mediu")]));
    fs::set_permissions(&on_disk, fs::Permissions::from_mode(0o640)).unwrap();
    fix(&repository, &[]).success();
    assert_eq!(fs::metadata(&on_disk).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(repository.read(SEED_PATH), SEED);
}

#[test]
fn a_file_that_must_not_be_written_stops_the_run_before_anything_is() {
    let wrong = seed_with(&[("mediu", "Mediu")]);
    let repository = with(&wrong);
    let other = "catalogs/secrets/payments/dev/SEC-0006.yaml";
    repository
        .write(other, &wrong.replace("SEC-0007", "SEC-0006").replace("payments-db", "other-db"));
    let before = repository.read(other);
    fs::set_permissions(repository.path().join(SEED_PATH), fs::Permissions::from_mode(0o444))
        .unwrap();
    let outcome = fix(&repository, &[]).fails_with(2);
    let reported = outcome.stderr.replace("\n  │ ", " ");
    assert!(
        reported
            .contains(&format!("cannot fix `{SEED_PATH}`: it is read-only. Nothing was written")),
        "{reported}"
    );
    assert!(reported.contains("chmod u+w"), "{reported}");
    assert_eq!((repository.read(other), repository.read(SEED_PATH)), (before, wrong));
}

#[test]
fn a_link_is_not_followed() {
    let repository = Repository::new();
    repository
        .write("outside.yaml", &seed_with(&[("mediu", "Mediu")]))
        .write("catalogs/secrets/payments/dev/x", "");
    symlink("../../../../outside.yaml", repository.path().join(SEED_PATH)).unwrap();
    let before = repository.read("outside.yaml");
    let outcome = fix(&repository, &["--unsafe-fixes"]).fails_with(1);
    assert!(outcome.stdout.contains("symbolic link"), "{}", outcome.stdout);
    assert_eq!(repository.read("outside.yaml"), before);
}
