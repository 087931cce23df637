//! A change is checked as a whole: with the catalogs of its base and head, by the rules of the
//! base; changes of rule files and of destinations are findings.

use serde_json::Value;

use crate::hooks::git;
use goldenpath_testkit::{Outcome, Repository};

const ENUMS: &str = include_str!("../../crates/core/schemas/metadata/enums.yaml");
const CONFIG: &str = "store:\n  backend: local\n  region: us-east-1\n";

/// A valid manifest; `edits` replace text in it.
fn manifest(id: &str, edits: &[(&str, &str)]) -> String {
    let mut text = format!(
        "apiVersion: goldenpath.io/v1\nkind: SecretRequest\nmetadata:\n  id: {id}\n  \
         name: {name}\n  owner: team-payments\n  service: payments\n  environment: dev\nspec:\n  \
         provider: aws-secrets-manager\n  secretType: generic\n  risk:\n    tier: low\n  \
         rotation:\n    rotationClass: none\n  lifecycle:\n    status: active\n  access:\n    \
         namespace: payments\n    k8sSecretName: {name}\n  ttlDays: 30\n",
        name = id.to_lowercase()
    );
    for (old, new) in edits {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    text
}

/// High risk without a rotation, which GP201 rejects.
const RISKY: [(&str, &str); 1] = [("tier: low", "tier: high")];

fn path(id: &str) -> String {
    format!("catalogs/secrets/payments/dev/{id}.yaml")
}

/// Returns a repository whose `main` has a configuration, enums and SEC-0001, with the branch
/// `work` checked out.
fn catalog() -> Repository {
    catalog_with(CONFIG)
}

fn catalog_with(config: &str) -> Repository {
    let repository = Repository::new();
    repository.write("goldenpath.yaml", config).write("schemas/metadata/enums.yaml", ENUMS);
    repository.write(path("SEC-0001"), &manifest("SEC-0001", &[])).commit_all("base");
    repository.git(&["switch", "--quiet", "--create", "work"]);
    repository
}

fn judge(repository: &Repository) -> Outcome {
    repository.goldenpath(&["validate", "--from-ref", "main", "--format", "json"]).run()
}

/// Returns the findings: rule, severity, path, message.
fn findings(outcome: &Outcome) -> Vec<[String; 4]> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let row = |row: &Value| ["rule", "severity", "path", "message"].map(|key| text(row, key));
    outcome.json()["findings"].as_array().unwrap().iter().map(row).collect()
}

/// Returns the message of the only finding of `rule`, which must have this severity.
#[track_caller]
fn message(outcome: &Outcome, rule: &str, severity: &str) -> String {
    let found: Vec<[String; 4]> =
        findings(outcome).into_iter().filter(|row| row[0] == rule).collect();
    let [[_, found_severity, _, message]] = found.as_slice() else {
        panic!("one {rule}: {}", outcome.stdout)
    };
    assert_eq!(found_severity, severity, "{message}");
    message.clone()
}

fn codes(outcome: &Outcome) -> Vec<String> {
    findings(outcome).into_iter().map(|row| row[0].clone()).collect()
}

#[test]
fn an_honest_change_of_a_manifest_has_no_findings() {
    let repository = catalog();
    repository
        .write(path("SEC-0001"), &manifest("SEC-0001", &[("ttlDays: 30", "ttlDays: 60")]))
        .commit_all("longer");
    assert_eq!(findings(&judge(&repository).success()), Vec::<[String; 4]>::new());
}

#[test]
fn a_manifest_in_the_folder_that_a_change_makes_the_catalog_is_judged() {
    for merge in [false, true] {
        let repository = catalog();
        repository.write("goldenpath.yaml", &format!("catalog: cat2\n{CONFIG}"));
        repository.git(&["mv", "catalogs/secrets", "cat2"]);
        repository
            .write("cat2/payments/dev/SEC-0002.yaml", &manifest("SEC-0002", &RISKY))
            .commit_all("move");
        let flag = if merge { "--merge-with" } else { "--from-ref" };
        let outcome = repository
            .goldenpath(&["validate", flag, "main", "--format", "json"])
            .run()
            .fails_with(1);
        assert_eq!(codes(&outcome), ["GP201", "GP701", "GP702"], "{flag}: {}", outcome.stdout);
        message(&outcome, "GP702", "error");
    }
}

#[test]
fn a_manifest_that_waited_in_the_new_folder_comes_into_the_catalog_as_a_new_one() {
    let repository = catalog();
    repository.git(&["switch", "--quiet", "main"]);
    repository.write(
        "cat2/payments/dev/SEC-0002.yaml",
        &manifest("SEC-0002", &[("active", "deprecated")]),
    );
    repository.commit_all("outside the catalog, and so not judged");
    repository.git(&["switch", "--quiet", "--create", "move"]);
    repository.write("goldenpath.yaml", &format!("catalog: cat2\n{CONFIG}"));
    repository.git(&[
        "mv",
        "catalogs/secrets/payments/dev/SEC-0001.yaml",
        "cat2/payments/dev/SEC-0001.yaml",
    ]);
    repository.commit_all("only the configuration and an old manifest change");
    let outcome = judge(&repository).fails_with(1);
    assert_eq!(codes(&outcome), ["GP405", "GP701", "GP702"], "{}", outcome.stdout);
}

#[test]
fn a_manifest_that_a_moving_catalog_leaves_behind_is_a_deletion() {
    for folder in ["cat2", "catalogs/secrets/orders", "catalogs/other"] {
        let repository = catalog();
        repository
            .write("goldenpath.yaml", &format!("catalog: {folder}\n{CONFIG}"))
            .commit_all("move");
        let outcome = judge(&repository).fails_with(1);
        let left = message(&outcome, "GP404", "error");
        assert!(left.contains("SEC-0001 is left behind") && left.contains(folder), "{left}");
    }
}

#[test]
fn a_catalog_that_becomes_a_part_or_a_parent_of_its_folder_has_its_manifests_in_the_wrong_place() {
    for folder in ["catalogs", "catalogs/secrets/payments"] {
        let repository = catalog();
        repository
            .write("goldenpath.yaml", &format!("catalog: {folder}\n{CONFIG}"))
            .commit_all("move");
        let outcome = judge(&repository).fails_with(1);
        assert_eq!(codes(&outcome), ["GP301", "GP701", "GP702"], "{folder}: {}", outcome.stdout);
        message(&outcome, "GP702", "error");
    }
}

#[test]
fn a_manifest_in_the_folder_that_the_catalog_leaves_is_judged_too() {
    let repository = catalog();
    repository.write("goldenpath.yaml", &format!("catalog: cat2\n{CONFIG}"));
    repository.git(&["mv", "catalogs/secrets", "cat2"]);
    repository.write(path("SEC-0002"), &manifest("SEC-0002", &RISKY)).commit_all("move");
    let outcome = judge(&repository).fails_with(1);
    let of_it: Vec<String> = findings(&outcome)
        .into_iter()
        .filter(|row| row[2] == path("SEC-0002"))
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(of_it, ["GP301", "GP201"], "{}", outcome.stdout);
}

#[test]
fn a_catalog_can_be_moved_as_a_whole_in_a_change_of_its_own() {
    for folder in ["cat2", "catalogs", "catalogs/secrets/all"] {
        let repository = catalog();
        repository.write("goldenpath.yaml", &format!("catalog: {folder}\n{CONFIG}"));
        repository.git(&["mv", "catalogs/secrets/payments", "payments"]);
        repository.program("mkdir", &["-p", folder]).run().success();
        repository.git(&["mv", "payments", &format!("{folder}/payments")]);
        repository.commit_all("move");
        let outcome = judge(&repository).success();
        assert_eq!(codes(&outcome), ["GP701", "GP702"], "{folder}: {}", outcome.stdout);
        let reported = message(&outcome, "GP702", "warning");
        assert!(reported.contains("`catalog`") && reported.contains(folder), "{reported}");
    }
}

#[test]
fn a_manifest_that_changes_while_the_catalog_moves_makes_the_move_an_error() {
    let repository = catalog();
    repository.write("goldenpath.yaml", &format!("catalog: cat2\n{CONFIG}"));
    repository.git(&["mv", "catalogs/secrets", "cat2"]);
    repository.write(
        "cat2/payments/dev/SEC-0001.yaml",
        &manifest("SEC-0001", &[("ttlDays: 30", "ttlDays: 31")]),
    );
    repository.commit_all("move and change");
    message(&judge(&repository).fails_with(1), "GP702", "error");
}

#[test]
fn each_rule_file_that_changes_is_a_finding_that_names_the_keys() {
    let repository = catalog_with(&format!("{CONFIG}rules:\n  GP202: error\n"));
    repository.write("goldenpath.yaml", &format!("{CONFIG}rules:\n  GP202: off\n"));
    repository.write(
        "schemas/metadata/enums.yaml",
        &ENUMS.replace("  - team-payments\n", "  - team-payments\n  - team-x\n"),
    );
    repository.write(
        "schemas/secret_request.schema.json",
        r#"{"$schema":"https://json-schema.org/draft/2020-12/schema"}"#,
    );
    repository.write("templates/plan.md.j2", "nothing to see\n");
    repository.commit_all("weaker rules");
    let outcome = judge(&repository).success();
    let found = findings(&outcome);
    let shown: Vec<(&str, &str, &str)> = found
        .iter()
        .map(|[rule, severity, path, _]| (rule.as_str(), severity.as_str(), path.as_str()))
        .collect();
    let files = [
        "goldenpath.yaml",
        "schemas/metadata/enums.yaml",
        "schemas/secret_request.schema.json",
        "templates/plan.md.j2",
    ];
    assert_eq!(shown, files.map(|file| ("GP701", "warning", file)));
    for (row, named) in found.iter().zip([
        "`rules.GP202` (error → off)",
        "`owners` (adds team-x)",
        "`/properties` (removed)",
        "is new",
    ]) {
        assert!(row[3].contains(named), "{named}: {}", row[3]);
    }

    // In every format, at the place in the head's file.
    let human = repository.goldenpath(&["validate", "--from-ref", "main"]).run().success().stdout;
    assert!(
        human.contains("GP701 rules-changed") && human.contains("goldenpath.yaml:5:3"),
        "{human}"
    );
    let github = repository
        .goldenpath(&["validate", "--from-ref", "main", "--format", "github"])
        .run()
        .success()
        .stdout;
    assert!(github.contains("::warning file=goldenpath.yaml,line=5"), "{github}");
    let sarif = repository
        .goldenpath(&["validate", "--from-ref", "main", "--format", "sarif"])
        .run()
        .success()
        .json();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "GP701");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 5, "{result:#}");
}

#[test]
fn a_rule_file_that_is_removed_or_becomes_a_link_is_a_finding() {
    let repository = catalog();
    repository
        .write("templates/plan.md.j2", "plan\n")
        .write("CODEOWNERS", "* @all\n")
        .commit_all("more rule files");
    repository.git(&["branch", "--force", "main"]);
    repository.git(&["rm", "--quiet", "schemas/metadata/enums.yaml", "CODEOWNERS"]);
    repository.git(&["rm", "--quiet", "templates/plan.md.j2"]);
    repository
        .write("schemas/metadata/enums.yaml", "owners: [team-payments]\n")
        .commit_all("without");
    repository.git(&["rm", "--quiet", "schemas/metadata/enums.yaml"]);
    repository.git(&["commit", "--quiet", "-m", "and without enums"]);
    let outcome = judge(&repository).success();
    let found: Vec<(String, String)> =
        findings(&outcome).into_iter().map(|[rule, _, path, _]| (rule, path)).collect();
    let expected =
        ["CODEOWNERS", "templates/plan.md.j2"].map(|path| ("GP701".to_owned(), path.to_owned()));
    // The file equals the built-in enums, so removing it changes nothing.
    assert_eq!(found, expected, "{}", outcome.stdout);

    let repository = catalog();
    repository.git(&["rm", "--quiet", "schemas/metadata/enums.yaml"]);
    repository.write("elsewhere.yaml", ENUMS);
    repository.program("mkdir", &["-p", "schemas/metadata"]).run().success();
    repository
        .program("ln", &["-s", "../../elsewhere.yaml", "schemas/metadata/enums.yaml"])
        .run()
        .success();
    repository.commit_all("a link");
    let refused = judge(&repository).fails_with(2).stderr;
    assert!(
        refused.contains("schemas/metadata/enums.yaml") && refused.contains("symbolic link"),
        "{refused}"
    );
}

#[test]
fn comments_and_layout_of_rule_files_are_no_change() {
    let repository = catalog();
    repository.write("goldenpath.yaml", "# ours\nstore: {backend: local, region: us-east-1}\n");
    repository
        .write(path("SEC-0001"), &manifest("SEC-0001", &[("ttlDays: 30", "ttlDays: 60")]))
        .commit_all("tidy");
    assert_eq!(codes(&judge(&repository).success()), [""; 0]);
}

#[test]
fn a_destination_that_changes_is_a_warning_alone_and_an_error_with_manifests() {
    for (config, key) in [
        (CONFIG.replace("us-east-1", "us-west-2"), "`store.region` (us-east-1 → us-west-2)"),
        (format!("{CONFIG}catalogId: other\n"), "`catalogId` (added: other)"),
        (format!("{CONFIG}  keyTemplate: \"x/{{{{ id }}}}\"\n"), "`store.keyTemplate` (added"),
        (
            format!("{CONFIG}  roleArn: arn:aws:iam::123456789012:role/x\n"),
            "`store.roleArn` (added",
        ),
        (format!("{CONFIG}  path: ../other.db\n"), "`store.path` (added: ../other.db)"),
        (format!("{CONFIG}  keyFile: ~/other.key\n"), "`store.keyFile` (added: ~/other.key)"),
        (format!("{CONFIG}gitops:\n  path: ../other\n"), "`gitops.path` (added: ../other)"),
        (
            format!("{CONFIG}externalSecret:\n  storeName: other\n"),
            "`externalSecret.storeName` (added: other)",
        ),
        (
            format!("{CONFIG}environments:\n  prod:\n    region: us-west-2\n"),
            "`environments.prod.region` (added: us-west-2)",
        ),
        (CONFIG.replace("  region: us-east-1\n", ""), "`store.region` (removed)"),
    ] {
        let repository = catalog();
        repository.write("goldenpath.yaml", &config).commit_all("destination");
        let alone = message(&judge(&repository).success(), "GP702", "warning");
        assert!(alone.contains(key), "{key}: {alone}");
        repository.write(path("SEC-0002"), &manifest("SEC-0002", &[])).commit_all("and a secret");
        let both = message(&judge(&repository).fails_with(1), "GP702", "error");
        assert!(both.contains(key), "{key}: {both}");
    }
}

#[test]
fn a_notation_that_has_no_plain_keys_hides_no_destination() {
    let repository = catalog();
    repository.write(
        "goldenpath.yaml",
        "rules: &r {}\nstore: &s\n  backend: local\n  region: us-west-2\n",
    );
    repository.write(path("SEC-0002"), &manifest("SEC-0002", &[])).commit_all("anchors");
    let reported = message(&judge(&repository).fails_with(1), "GP702", "error");
    assert!(reported.contains("us-east-1 → us-west-2"), "{reported}");
}

#[test]
fn a_configuration_that_is_removed_changes_destinations() {
    let repository = catalog();
    repository.git(&["rm", "--quiet", "goldenpath.yaml"]);
    repository.write(path("SEC-0002"), &manifest("SEC-0002", &[])).commit_all("no configuration");
    let reported = message(&judge(&repository).fails_with(1), "GP702", "error");
    assert!(reported.contains("`store.backend` (removed)"), "{reported}");
}

#[test]
fn a_base_without_a_configuration_has_no_destinations_and_is_judged_by_what_is_built_in() {
    let repository = Repository::new();
    repository.write(path("SEC-0001"), &manifest("SEC-0001", &[])).commit_all("manifests alone");
    repository.git(&["switch", "--quiet", "--create", "work"]);
    repository.write("goldenpath.yaml", &format!("{CONFIG}rules: {{GP201: off}}\n"));
    repository.write(path("SEC-0002"), &manifest("SEC-0002", &RISKY)).commit_all("a configuration");
    let outcome = judge(&repository).fails_with(1);
    assert_eq!(codes(&outcome), ["GP201", "GP701"], "{}", outcome.stdout);
}

#[test]
fn the_first_set_up_judges_itself_and_any_rule_file_of_the_base_ends_that() {
    for (file, text) in [
        ("README.md", "nothing of goldenpath\n"),
        ("schemas/metadata/enums.yaml", ENUMS),
        (
            "schemas/metadata/governance.yaml",
            include_str!("../../crates/core/schemas/metadata/governance.yaml"),
        ),
        ("templates/plan.md.j2", "plan\n"),
        ("goldenpath.yaml", ""),
    ] {
        let repository = Repository::new();
        repository.write(file, text).commit_all("base");
        repository.git(&["switch", "--quiet", "--create", "work"]);
        repository.write("goldenpath.yaml", &format!("{CONFIG}rules: {{GP201: off}}\n"));
        repository.write(path("SEC-0001"), &manifest("SEC-0001", &RISKY)).commit_all("set up");
        let outcome = judge(&repository);
        match file {
            "README.md" => assert_eq!(codes(&outcome.success()), [""; 0]),
            _ => assert!(codes(&outcome.fails_with(1)).contains(&"GP201".to_owned()), "{file}"),
        }
    }
}

#[test]
fn a_change_cannot_turn_off_what_judges_its_rule_files() {
    let repository = catalog();
    let config =
        format!("{}rules: {{GP701: off, GP702: off}}\n", CONFIG.replace("us-east-1", "us-west-2"));
    repository.write("goldenpath.yaml", &config);
    repository.write(path("SEC-0002"), &manifest("SEC-0002", &[])).commit_all("off");
    let outcome = judge(&repository).fails_with(1);
    assert_eq!(codes(&outcome), ["GP701", "GP702"]);
    // The base may turn them off.
    repository.git(&["branch", "--force", "main", "HEAD"]);
    repository.write("goldenpath.yaml", &config.replace("us-west-2", "eu-west-1"));
    repository.write(path("SEC-0003"), &manifest("SEC-0003", &[])).commit_all("another");
    assert_eq!(codes(&judge(&repository).success()), [""; 0]);
}

#[test]
fn a_head_whose_rules_cannot_be_read_is_refused_at_its_place() {
    for (file, text, word) in [
        ("goldenpath.yaml", "stoer: {}\n", "stoer"),
        ("goldenpath.yaml", "rules: {GP999: off}\n", "GP999"),
        ("goldenpath.yaml", "enums: nowhere.yaml\n", "nowhere.yaml"),
        ("schemas/metadata/enums.yaml", "owners: [\n", "enums.yaml"),
        ("schemas/metadata/governance.yaml", "tiers: {}\n", "governance.yaml"),
        ("schemas/secret_request.schema.json", "{\"type\": 7}", "secret_request.schema.json"),
        ("templates/plan.md.j2", "{% if %}", "templates/plan.md.j2"),
    ] {
        let repository = catalog();
        repository.write(file, text).commit_all("broken");
        let head = repository.git(&["rev-parse", "--short=8", "HEAD"]);
        let refused = judge(&repository).fails_with(2).stderr;
        assert!(refused.contains(word) && refused.contains(&head), "{file}: {refused}");
    }
}

#[test]
fn a_finding_that_the_change_itself_would_lift_says_to_merge_the_list_first() {
    let enums = ENUMS.replace("  - team-payments\n", "  - team-payments\n  - team-search\n");
    let edits = [("owner: team-payments", "owner: team-search")];
    let repository = catalog();
    repository.write("schemas/metadata/enums.yaml", &enums);
    repository.write(path("SEC-0002"), &manifest("SEC-0002", &edits));
    repository.write(
        path("SEC-0003"),
        &manifest("SEC-0003", &[("owner: team-payments", "owner: team-nowhere")]),
    );
    repository.commit_all("a team and its secret");
    let words = "`team-search` is added to schemas/metadata/enums.yaml by this change; rules apply \
                 after their merge: merge that first";
    let outcome = judge(&repository).fails_with(1);
    let of = |id: &str| findings(&outcome).into_iter().find(|row| row[2] == path(id)).unwrap();
    assert!(of("SEC-0002")[3].contains(words), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("`team-nowhere` is added"), "{}", outcome.stdout);
    for format in ["human", "github", "sarif"] {
        let shown = repository
            .goldenpath(&["validate", "--from-ref", "main", "--format", format])
            .run()
            .fails_with(1);
        let shown = shown
            .stdout
            .split_whitespace()
            .filter(|word| *word != "│")
            .collect::<Vec<_>>()
            .join(" ");
        assert!(
            shown.contains("is added to schemas/metadata/enums.yaml by this change"),
            "{format}: {shown}"
        );
    }
    // The same for a new field of the schema.
    repository.git(&["switch", "--quiet", "--create", "field", "main"]);
    let schema = include_str!("../../crates/core/schemas/secret_request.schema.json");
    let extended = schema.replacen(
        "\"ttlDays\": {",
        "\"ticket\": { \"type\": \"string\" },\n        \"ttlDays\": {",
        1,
    );
    assert_ne!(extended, schema);
    repository.write("schemas/secret_request.schema.json", &extended);
    repository.write(
        path("SEC-0002"),
        &manifest("SEC-0002", &[("ttlDays: 30", "ttlDays: 30\n  ticket: SECOPS-1")]),
    );
    repository.commit_all("a field and its use");
    let reported = message(&judge(&repository).fails_with(1), "GP102", "error");
    assert!(
        reported.contains("`ticket` is added to schemas/secret_request.schema.json by this change"),
        "{reported}"
    );
    // After the schema is merged, the same manifest is accepted.
    repository.git(&["switch", "--quiet", "main"]);
    repository.write("schemas/metadata/enums.yaml", &enums).commit_all("the team first");
    repository.git(&["switch", "--quiet", "--create", "next"]);
    repository.write(path("SEC-0002"), &manifest("SEC-0002", &edits)).commit_all("its secret");
    assert_eq!(codes(&judge(&repository).success()), [""; 0]);
}

#[test]
fn what_is_found_of_a_rule_file_never_says_to_merge_that_file_first() {
    let repository = catalog();
    repository.write(
        "goldenpath.yaml",
        &format!(
            "{CONFIG}rules: {{ GP701: off, GP702: off }}\nenvironments:\n  \
             dev: {{ gitops: {{ path: ../x }} }}\n"
        ),
    );
    repository.write(
        "schemas/metadata/enums.yaml",
        &ENUMS.replace("  - team-payments\n", "  - team-payments\n  - path\n"),
    );
    repository
        .write(path("SEC-0002"), &manifest("SEC-0002", &[("owner: team-payments", "owner: path")]));
    repository.commit_all("all at once");
    let outcome = judge(&repository).fails_with(1);
    let of_rules: Vec<_> =
        findings(&outcome).into_iter().filter(|row| row[0].starts_with("GP7")).collect();
    assert_eq!(
        of_rules.iter().filter(|row| row[2] == "goldenpath.yaml").count(),
        2,
        "{}",
        outcome.stdout
    );
    assert!(of_rules.iter().all(|row| !row[3].contains("merge that first")), "{}", outcome.stdout);
    // The control: the manifest that uses the new name.
    assert!(
        message(&outcome, "GP105", "error").ends_with("merge that first"),
        "{}",
        outcome.stdout
    );
}

/// Returns a clone whose branch adds an owner to the enums and uses it next.
fn clone_with_a_new_owner() -> (Repository, Repository) {
    let server = Repository::bare();
    let clone = Repository::clone_of(&server);
    clone.write("goldenpath.yaml", CONFIG).write("schemas/metadata/enums.yaml", ENUMS);
    clone.write(path("SEC-0001"), &manifest("SEC-0001", &[])).commit_all("base");
    clone.git(&["push", "--quiet", "origin", "HEAD:main"]);
    clone.git(&["switch", "--quiet", "--create", "work"]);
    clone.write(
        "schemas/metadata/enums.yaml",
        &ENUMS.replace("  - team-payments\n", "  - team-payments\n  - team-search\n"),
    );
    (server, clone)
}

#[test]
fn what_a_developer_runs_before_the_push_warns_of_names_that_the_base_lacks() {
    let (_server, clone) = clone_with_a_new_owner();
    let warns = |outcome: &Outcome| {
        let reported = outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        reported.contains(
            "uses `team-search`, which schemas/metadata/enums.yaml on the upstream branch `main` \
             does not have yet",
        )
    };
    let new = |owner: &str, name: &str| {
        let answers = [
            "--service",
            "search",
            "--env",
            "dev",
            "--type",
            "generic",
            "--risk",
            "low",
            "--no-reserve",
            "--yes",
        ];
        clone
            .goldenpath(
                &[&["new", "secret", "--owner", owner, "--name", name][..], &answers].concat(),
            )
            .run()
            .success()
    };
    assert!(!warns(&new("team-payments", "first")), "a name that the base has");
    let outcome = new("team-search", "second");
    assert!(warns(&outcome), "{}", outcome.stderr);
    clone.git(&["add", "--all"]);
    for arguments in [&["validate"][..], &["validate", "--staged"], &["hook", "run", "pre-commit"]]
    {
        let outcome = clone.goldenpath(arguments).run().success();
        assert!(warns(&outcome), "{arguments:?}: {}", outcome.stderr);
    }
    // Once the enums are merged, there are no findings.
    clone.git(&["commit", "--quiet", "--no-verify", "-m", "all"]);
    clone.git(&["push", "--quiet", "--no-verify", "origin", "HEAD:main"]);
    assert!(!warns(&clone.goldenpath(&["validate"]).run().success()));
}

#[test]
fn hooks_of_a_server_judge_a_change_the_same_way() {
    for hook in ["pre-receive", "update"] {
        let server = Repository::bare();
        server.goldenpath(&["hook", "install", hook]).run().success();
        let clone = Repository::clone_of(&server);
        clone
            .write("goldenpath.yaml", CONFIG)
            .write(path("SEC-0001"), &manifest("SEC-0001", &[]))
            .commit_all("base");
        let push =
            |to: &str| git(&clone, &["push", "--quiet", "origin", &format!("HEAD:{to}")]).run();
        push("main").success();

        clone.write("goldenpath.yaml", &format!("catalog: cat2\n{CONFIG}"));
        clone.git(&["mv", "catalogs/secrets", "cat2"]);
        clone
            .write("cat2/payments/dev/SEC-0002.yaml", &manifest("SEC-0002", &RISKY))
            .commit_all("move");
        for target in ["main", "work"] {
            let refused = push(target).fails_with(1).stderr;
            for rule in ["GP201", "GP701", "GP702"] {
                assert!(refused.contains(rule), "{hook} {target} {rule}: {refused}");
            }
        }
        clone.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        clone
            .write("goldenpath.yaml", &CONFIG.replace("us-east-1", "us-west-2"))
            .commit_all("a destination alone");
        let reported = push("main").success().stderr;
        assert!(reported.contains("GP702 destination-changed"), "{reported}");
    }
}

#[test]
fn a_configuration_inside_the_repository_is_the_bases_whatever_the_change_makes_of_it() {
    let repository = Repository::new();
    repository
        .write("ci/goldenpath.yaml", CONFIG)
        .write(path("SEC-0001"), &manifest("SEC-0001", &[]))
        .commit_all("base");
    repository.git(&["switch", "--quiet", "--create", "work"]);
    repository.write("ci/goldenpath.yaml", &format!("{CONFIG}rules: {{GP201: off}}\n"));
    repository.write(path("SEC-0002"), &manifest("SEC-0002", &RISKY)).commit_all("weaker");
    let outside = repository.home().join("outside.yaml");
    std::fs::write(&outside, "rules: {GP201: off}\n").unwrap();
    let with = |config: &str, flag: &str| {
        repository
            .goldenpath(&["validate", flag, "main", "--config", config, "--format", "json"])
            .run()
    };
    let absolute = repository.path().join("ci/goldenpath.yaml");
    for flag in ["--from-ref", "--merge-with"] {
        for config in
            ["ci/goldenpath.yaml", "./ci/../ci/goldenpath.yaml", absolute.to_str().unwrap()]
        {
            let outcome = with(config, flag).fails_with(1);
            assert_eq!(codes(&outcome), ["GP201", "GP701"], "{config}: {}", outcome.stdout);
            assert!(message(&outcome, "GP701", "warning").contains("`rules.GP201` (added: off)"));
        }
        // The pipeline's own file outside of the repository is read from disk.
        assert!(
            !codes(&with(outside.to_str().unwrap(), flag).success()).contains(&"GP201".to_owned())
        );
        let missing = with("ci/other.yaml", flag).fails_with(2).stderr;
        assert!(
            missing.contains("ci/other.yaml")
                && missing.contains("there is no such file in commit"),
            "{missing}"
        );
    }
    // A link from outside to the same file.
    let link = repository.home().join("link.yaml");
    repository
        .program("ln", &["-s", absolute.to_str().unwrap(), link.to_str().unwrap()])
        .run()
        .success();
    assert!(
        codes(&with(link.to_str().unwrap(), "--from-ref").fails_with(1))
            .contains(&"GP201".to_owned())
    );
}

#[test]
fn owners_of_the_catalog_and_of_rule_files_are_watched_and_others_are_not() {
    let base = "* @acme/all\n/docs/ @acme/writers\n/catalogs/ @acme/payments\n\
                /goldenpath.yaml @acme/platform\n/schemas/ @acme/platform\n";
    for (file, text, named) in [
        (
            "CODEOWNERS",
            base.replace("/goldenpath.yaml @acme/platform\n", "/goldenpath.yaml @mallory\n"),
            Some("`goldenpath.yaml` (@acme/platform → @mallory)"),
        ),
        (
            "CODEOWNERS",
            base.replace("/goldenpath.yaml @acme/platform\n", "/goldenpath.yaml\n"),
            Some("`goldenpath.yaml` (@acme/platform → no owner)"),
        ),
        // No later line can give an owner to a path that GitLab excludes.
        (
            "CODEOWNERS",
            format!("{base}!goldenpath.yaml\n"),
            Some("`goldenpath.yaml` (@acme/platform → no owner)"),
        ),
        (
            "CODEOWNERS",
            format!("!/catalogs/secrets/payments/\n{base}"),
            Some("`catalogs/secrets/payments/dev/` (@acme/payments → no owner)"),
        ),
        ("CODEOWNERS", format!("{base}!/docs/\n"), None),
        (
            "CODEOWNERS",
            format!("{base}* @mallory\n"),
            Some("`goldenpath.yaml` (@acme/platform → @mallory)"),
        ),
        (
            "CODEOWNERS",
            format!("{base}/catalogs/secrets/payments/ @mallory\n"),
            Some("`catalogs/secrets/payments/dev/` (@acme/payments → @mallory)"),
        ),
        (
            "CODEOWNERS",
            format!("{base}/catalogs/secrets/new/ @mallory\n"),
            Some("/catalogs/secrets/new/"),
        ),
        // A forge uses the first file that it finds, so a new one can replace the other.
        (
            ".github/CODEOWNERS",
            "/docs/ @acme/writers\n".to_owned(),
            Some("`goldenpath.yaml` (@acme/platform → no owner)"),
        ),
        ("CODEOWNERS", format!("{base}**/billing/ @mallory\n"), Some("**/billing/")),
        ("CODEOWNERS", format!("{base}/catalogs/*/new/ @mallory\n"), Some("/catalogs/*/new/")),
        ("CODEOWNERS", format!("{base}*.j2 @mallory\n"), Some("*.j2")),
        ("CODEOWNERS", base.replace("@acme/writers", "@acme/editors"), None),
        ("CODEOWNERS", format!("# who owns what\n{base}/src/ @acme/all\n"), None),
    ] {
        let repository = catalog();
        repository.write("CODEOWNERS", base).commit_all("owners");
        repository.git(&["branch", "--force", "main"]);
        repository.write(file, &text).commit_all("other owners");
        let outcome = judge(&repository).success();
        match named {
            Some(named) => {
                let reported = message(&outcome, "GP701", "warning");
                assert!(reported.contains(named) && reported.contains(file), "{text}: {reported}");
            }
            None => assert_eq!(codes(&outcome), [""; 0], "{text}"),
        }
    }
}

#[test]
fn a_secret_in_a_configuration_is_hidden_in_what_is_said_of_its_change() {
    let secret = "AKIAQ3EGWXYZ7MPLNR4T";
    let repository = catalog();
    repository.write(
        "goldenpath.yaml",
        &format!(
            "{CONFIG}gitops:\n  url: https://bot:hunter2trueValue9@git.example.com/x\n\
             catalogId: {secret}\n"
        ),
    );
    repository.commit_all("a secret");
    for format in ["human", "json", "sarif", "github"] {
        // GP501 finds both.
        let outcome = repository
            .goldenpath(&["validate", "--from-ref", "main", "--format", format])
            .run()
            .fails_with(1);
        assert!(outcome.stdout.contains("gitops"), "{format}: {}", outcome.stdout);
        for hidden in [secret, "hunter2trueValue9"] {
            assert!(
                !outcome.stdout.contains(hidden) && !outcome.stderr.contains(hidden),
                "{format}: {}",
                outcome.stdout
            );
        }
    }
}

#[test]
fn a_pushed_tag_or_branch_does_not_take_the_place_of_the_base() {
    let origin = Repository::bare();
    let author = Repository::clone_of(&origin);
    author
        .write("goldenpath.yaml", CONFIG)
        .write(path("SEC-0001"), &manifest("SEC-0001", &[]))
        .commit_all("base");
    author.git(&["push", "--quiet", "origin", "main"]);
    author.git(&["switch", "--quiet", "--create", "pr"]);
    author.write(path("SEC-0002"), &manifest("SEC-0002", &RISKY)).commit_all("risky");
    let short = author.git(&["rev-parse", "--short=10", "main"]);
    author.git(&[
        "push",
        "--quiet",
        "origin",
        "pr",
        "pr:refs/tags/origin/main",
        &format!("pr:refs/tags/{short}"),
    ]);
    let pipeline = Repository::clone_of(&origin);
    pipeline.git(&["switch", "--quiet", "--detach", "origin/pr"]);
    for flag in ["--from-ref", "--merge-with"] {
        for name in ["origin/main", &short] {
            let outcome = pipeline.goldenpath(&["validate", flag, name]).run().fails_with(2);
            assert!(
                outcome.stderr.contains("names several commits"),
                "{flag} {name}: {}",
                outcome.stderr
            );
            assert!(outcome.stderr.contains("full name"), "{}", outcome.stderr);
        }
        let whole = pipeline.git(&["rev-parse", "refs/remotes/origin/main"]);
        for name in ["refs/remotes/origin/main", &whole] {
            let outcome = pipeline
                .goldenpath(&["validate", flag, name, "--format", "json"])
                .run()
                .fails_with(1);
            assert_eq!(codes(&outcome), ["GP201"], "{flag} {name}");
        }
    }
}

#[test]
fn an_option_without_a_value_is_refused_and_hides_no_destination() {
    for config in [
        "store: { keyTemplate: null }\n",
        "store: { path: ~ }\n",
        "catalog: null\n",
        "enums: ~\n",
        "externalSecret: { storeName: null }\n",
        "gitops: { path: ../gitops, file: ~ }\n",
        "catalog: \"a\\0b\"\n",
    ] {
        let repository = catalog();
        repository.write("goldenpath.yaml", config).commit_all("no value");
        let outcome =
            repository.goldenpath(&["validate", "--from-ref", "main"]).run().fails_with(2);
        assert!(outcome.stderr.contains("goldenpath.yaml:1:"), "{config}: {}", outcome.stderr);
    }
}

#[test]
fn a_branch_that_still_has_the_catalog_in_its_old_folder_is_judged_there() {
    let repository = catalog();
    repository
        .write(path("SEC-0002"), &manifest("SEC-0002", &RISKY))
        .commit_all("in the folder of then");
    repository.git(&["switch", "--quiet", "main"]);
    repository.write("goldenpath.yaml", &format!("catalog: cat2\n{CONFIG}"));
    repository.git(&["mv", "catalogs/secrets", "cat2"]);
    repository.commit_all("move");
    repository.git(&["switch", "--quiet", "work"]);
    for flag in ["--from-ref", "--merge-with"] {
        let outcome = repository
            .goldenpath(&["validate", flag, "main", "--format", "json"])
            .run()
            .fails_with(1);
        assert_eq!(codes(&outcome), ["GP301", "GP201"], "{flag}: {}", outcome.stdout);
    }
}

#[test]
fn a_value_that_looks_like_a_secret_is_shown_by_no_error_about_a_configuration() {
    let secret = "ghp_aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1bC3dE5";
    for config in [
        format!("store: {{ pasword: {secret} }}\n"),
        format!("ownership: {{ services: {{ a: {{ owners: [{secret}] }} }} }}\n"),
    ] {
        let repository = catalog();
        repository.write("goldenpath.yaml", &config);
        let outcome = repository.goldenpath(&["validate"]).run().fails_with(2);
        assert!(!outcome.stderr.contains(&secret[..12]), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("goldenpath.yaml"), "{}", outcome.stderr);
    }
    // Also where a long text around it is truncated.
    let repository = catalog();
    let text = format!("{} {secret}", "a note of many words that goes on ".repeat(3));
    repository
        .write("schemas/metadata/note.json", &format!("{{\"x\": \"{text}\"}}\n"))
        .commit_all("a note");
    let outcome =
        repository.goldenpath(&["validate", "--from-ref", "main", "--format", "json"]).run();
    assert!(
        outcome.stdout.contains("GP701") && !outcome.stdout.contains(&secret[..12]),
        "{}",
        outcome.stdout
    );
}
