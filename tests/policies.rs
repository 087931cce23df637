//! The platform team's own rules: `policies` in `goldenpath.yaml`, and GP204.

use std::time::{Duration, Instant};

use serde_json::Value;

use goldenpath_testkit::{Outcome, Repository};

const PATH: &str = "catalogs/secrets/payments/dev/SEC-0001.yaml";

/// A valid manifest; `edits` replace text in it.
fn manifest(id: &str, edits: &[(&str, &str)]) -> String {
    let mut text = format!(
        "apiVersion: goldenpath.io/v1\nkind: SecretRequest\nmetadata:\n  id: {id}\n  \
         name: password-{id}\n  owner: team-payments\n  service: payments\n  environment: dev\n\
         spec:\n  provider: aws-secrets-manager\n  secretType: generic\n  risk:\n    tier: low\n  \
         rotation:\n    rotationClass: none\n  lifecycle:\n    status: active\n  access:\n    \
         namespace: payments\n    k8sSecretName: {id}\n  ttlDays: 30\n"
    );
    text = text.replace(&format!("password-{id}"), &format!("password-{}", id.to_lowercase()));
    text = text
        .replace(&format!("k8sSecretName: {id}"), &format!("k8sSecretName: {}", id.to_lowercase()));
    for (old, new) in edits {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    text
}

/// Returns a repository with SEC-0001 and this configuration.
fn with(configuration: &str) -> Repository {
    let repository = Repository::new();
    repository.write("goldenpath.yaml", configuration).write(PATH, &manifest("SEC-0001", &[]));
    repository
}

/// Returns a configuration with one policy with this `assert`, as JSON, which needs no quoting
/// rules of YAML.
fn asserting(expression: &str) -> String {
    format!("policies:\n  - name: p\n    message: m\n    assert: {}\n", Value::from(expression))
}

fn validate(repository: &Repository) -> Outcome {
    repository.goldenpath(&["validate", "--format", "json"]).run()
}

fn findings(outcome: &Outcome) -> Vec<Value> {
    outcome.json()["findings"].as_array().unwrap().clone()
}

/// Returns stderr on one line, without miette's frame.
fn stderr_text(outcome: &Outcome) -> String {
    outcome
        .stderr
        .split_whitespace()
        .filter(|word| !["│", "×"].contains(word))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_broken_policy_is_a_finding_at_its_field() {
    let repository = with(
        "policies:\n  - name: dev-is-for-platform\n    \
         when: manifest.metadata.environment == \"dev\"\n    \
         assert: manifest.metadata.owner in [\"platform-team\"]\n    message: ask first\n    \
         field: metadata.owner\n  - name: short\n    assert: manifest.spec.ttlDays < 10\n    \
         message: too long\n    severity: warn\n    field: /spec/ttlDays\n    \
         help: \"ask #platform\"\n  - name: prod-only\n    \
         when: manifest.metadata.environment == \"prod\"\n    assert: \"false\"\n    \
         message: never seen\n",
    );
    let outcome = validate(&repository).fails_with(1);
    let found = findings(&outcome);
    assert_eq!(found.len(), 2, "{found:?}");
    let (owner, ttl) = (&found[0], &found[1]);
    assert_eq!(
        (&owner["rule"], &owner["name"], &owner["severity"]),
        (&"GP204".into(), &"policy".into(), &"error".into())
    );
    assert_eq!(owner["message"], "dev-is-for-platform: ask first");
    assert_eq!(owner["help"], "policy `dev-is-for-platform` in goldenpath.yaml");
    assert_eq!(
        (&owner["line"], &owner["column"], &owner["pointer"]),
        (&6.into(), &10.into(), &"/metadata/owner".into())
    );
    assert_eq!((&ttl["severity"], &ttl["help"]), (&"warning".into(), &"ask #platform".into()));
    assert_eq!(ttl["pointer"], "/spec/ttlDays");

    let shown = repository.goldenpath(&["validate"]).run().fails_with(1).stdout;
    assert!(
        shown.contains("GP204 policy") && shown.contains("dev-is-for-platform: ask first"),
        "{shown}"
    );
}

#[test]
fn a_policy_that_cannot_be_used_is_an_error_at_its_own_place() {
    let outcome =
        validate(&with("policies:\n  - name: Bad Name\n    assert: 'true'\n    message: m\n"))
            .fails_with(2);
    let shown = stderr_text(&outcome);
    assert!(shown.contains("`Bad Name` cannot be a policy's name"), "{}", outcome.stderr);
    assert!(shown.contains("[goldenpath.yaml:2:11]"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_policy_that_fails_on_a_manifest_is_an_error_that_names_both() {
    let config = asserting("manifest.metadata.description != \"\"");
    let outcome = validate(&with(&config)).fails_with(2);
    let shown = stderr_text(&outcome);
    assert!(shown.contains("policy `p` cannot evaluate"), "{}", outcome.stderr);
    assert!(shown.contains(PATH), "{}", outcome.stderr);
    assert!(shown.contains("[goldenpath.yaml:4:32]"), "{}", outcome.stderr);
}

#[test]
fn the_first_manifest_that_fails_is_always_the_same() {
    let repository = with(&asserting("manifest.metadata.description != \"\""));
    for number in 2..40 {
        let id = format!("SEC-{number:04}");
        repository.write(format!("catalogs/secrets/payments/dev/{id}.yaml"), &manifest(&id, &[]));
    }
    for _ in 0..5 {
        assert!(stderr_text(&validate(&repository)).contains(PATH));
    }
}

#[test]
fn base_is_what_was_there_before_the_change() {
    let repository = with(
        "policies:\n  - name: ttl-only-falls\n    when: base != null\n    \
         assert: manifest.spec.ttlDays <= base.spec.ttlDays\n    message: renew it instead\n  \
         - name: new-ones-are-described\n    when: base == null\n    \
         assert: has(manifest.metadata.description)\n    message: say what it is for\n",
    );
    // Without a change to check, there are no findings.
    validate(&repository).success();
    repository.commit_all("before");
    repository.write(PATH, &manifest("SEC-0001", &[("ttlDays: 30", "ttlDays: 60")]));
    repository.write("catalogs/secrets/payments/dev/SEC-0002.yaml", &manifest("SEC-0002", &[]));
    let messages = |outcome: Outcome| -> Vec<String> {
        findings(&outcome).iter().map(|row| row["message"].as_str().unwrap().to_owned()).collect()
    };
    repository.commit_all("after");
    let range = messages(
        repository.goldenpath(&["validate", "--from-ref", "HEAD~1", "--format", "json"]).run(),
    );
    assert_eq!(
        range,
        ["ttl-only-falls: renew it instead", "new-ones-are-described: say what it is for"]
    );

    // If the policies change too, unchanged manifests are compared with themselves.
    repository.write("goldenpath.yaml", &(repository.read("goldenpath.yaml") + "# more\n"));
    repository.git(&["add", "--all"]);
    assert_eq!(
        messages(repository.goldenpath(&["validate", "--staged", "--format", "json"]).run()),
        [""; 0]
    );
}

#[test]
fn a_new_secret_keeps_the_policies_too() {
    let repository =
        with("policies: [{name: p, assert: 'manifest.spec.ttlDays < 10', message: too long}]\n");
    repository.write(PATH, &manifest("SEC-0001", &[("ttlDays: 30", "ttlDays: 5")]));
    let arguments = [
        "new",
        "secret",
        "--service",
        "orders",
        "--env",
        "dev",
        "--name",
        "other",
        "--owner",
        "app-team",
        "--type",
        "generic",
        "--risk",
        "low",
        "--rotation",
        "none",
        "--namespace",
        "orders",
        "--k8s-secret-name",
        "other",
        "--yes",
    ];
    let outcome = repository.goldenpath(&[&arguments[..], &["--ttl-days", "30"]].concat()).run();
    assert_ne!(outcome.code, 0, "{}", outcome.stdout);
    assert!(outcome.stderr.contains("p: too long"), "{}", outcome.stderr);
    repository.goldenpath(&[&arguments[..], &["--ttl-days", "5"]].concat()).run().success();
}

#[test]
fn what_a_policy_says_is_made_harmless() {
    let repository = with(
        "policies: [{name: p, assert: 'false', message: \"a\\e[2Jb\\u202e {{ 1 }}\", \
         help: \"\\e[1m\"}]\n",
    );
    let shown = repository.goldenpath(&["validate"]).run().fails_with(1).stdout;
    assert!(shown.contains("p: a\\u{1b}[2Jb\\u{202e} {{ 1 }}"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'));
    // The same in the output of the configuration, and in what the interpreter quotes.
    let shown =
        validate(&with(&asserting("\"\u{1b}[2J\u{202e}\" + 1 == path"))).fails_with(2).stderr;
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
}

/// Policies that try to hang, to fill the memory or to overflow the stack, with manifests that help
/// them.
#[test]
fn hostile_policies_end_soon_in_little_memory() {
    let nested = |levels: usize, list: &str, body: &str| {
        let opens: String = (0..levels).map(|level| format!("{list}.all(x{level}, ")).collect();
        format!("{opens}{body}{}", ")".repeat(levels))
    };
    let digits = "[1,2,3,4,5,6,7,8,9]";
    let costly = [
        nested(8, digits, "true"),
        nested(8, digits, "path.matches(\"^(a|b)*$\")"),
        nested(4, "manifest.metadata", &nested(4, "manifest.spec", "manifest == manifest")),
        format!("[path]{}.size() == 1", ".map(x, x + x)".repeat(30)),
        format!("[path]{}.size() == 1", ".map(x, [x, x, x, x, x, x, x, x])".repeat(20)),
        format!("[[path]]{}.size() == 1", ".map(x, x + x)".repeat(30)),
        format!("[manifest]{}.size() == 1", ".map(x, {1: x, 2: x, 3: x})".repeat(30)),
        format!(
            "[manifest]{}.size() == 1",
            ".map(x, {\"a\": x, \"b\": x}).map(x, [x.a, x.b])".repeat(20)
        ),
        format!("[path]{}.size() == 1", ".map(x, string(x) + dyn(x) + string(x))".repeat(20)),
    ];
    let deep = [
        "(".repeat(4000),
        "[".repeat(4000),
        "{1: ".repeat(1000),
        "!".repeat(4000) + "true",
        "-".repeat(4000) + "1",
        "(".repeat(2000) + &")".repeat(2000),
        "[".repeat(2000) + &"]".repeat(2000),
        "path[".repeat(700) + &"]".repeat(700),
        "path".to_owned() + &".a".repeat(2000),
        "path".to_owned() + &"[0]".repeat(1300),
        "path".to_owned() + &".size()".repeat(500),
        "1 + ".repeat(1000) + "1",
        "true ? ".repeat(500) + "true",
        "true ? true : ".repeat(290) + "true",
        "true && ".repeat(500),
        "\"".repeat(4001),
        "'''".to_owned() + &"\\".repeat(4000),
        "`".repeat(4000),
        "@".repeat(4000),
        "\u{feff}\u{0}\u{202e}".repeat(500),
        "/* ".repeat(1000),
        "x".repeat(100_000),
        "path.matches(\"".to_owned() + &"(".repeat(300) + &")".repeat(300) + "{1000}\")",
        "path.matches(\"((a{100}){100}){100}\")".to_owned(),
        "9".repeat(4000) + " == 1",
        "1e999999999 == 1.0 && 1e-999999999999 < 1.0 && 0x".to_owned() + &"f".repeat(1000),
    ];
    for expression in costly.iter().chain(&deep) {
        let repository = with(&asserting(expression));
        let started = Instant::now();
        // 1 GB of address space, including stacks and the program itself.
        let script =
            format!("ulimit -v 1000000; exec {} validate", env!("CARGO_BIN_EXE_goldenpath"));
        let outcome = repository.program("sh", &["-c", &script]).run();
        let start: String = expression.chars().take(60).collect();
        assert!(
            matches!(outcome.code, 0..=2),
            "{start} ended with {}: {}",
            outcome.code,
            outcome.stderr
        );
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{start} took {:?}",
            started.elapsed()
        );
        assert!(
            outcome.stderr.len() < 20_000,
            "{start} is reported in {} bytes",
            outcome.stderr.len()
        );
        if costly.contains(expression) {
            assert_eq!(outcome.code, 2, "{start}: {}", outcome.stdout);
            assert!(
                stderr_text(&outcome).contains("it could take too much time"),
                "{}",
                outcome.stderr
            );
        }
    }
}

#[test]
fn what_the_estimate_lets_through_ends_soon_on_a_manifest_of_the_largest_size() {
    let repository = with("");
    // A catalog's own schema that allows what the built-in schema does not.
    let schema = include_str!("../crates/core/schemas/secret_request.schema.json")
        .replace("\"additionalProperties\": false", "\"additionalProperties\": true");
    repository.write("schemas/secret_request.schema.json", &schema);
    let list =
        |count: usize| (0..count).map(|number| format!("i{number}")).collect::<Vec<_>>().join(", ");
    let manifest = |count| {
        manifest("SEC-0001", &[("spec:\n", &format!("labels: [{}]\nspec:\n", list(count)))])
    };
    for (count, expression, judged) in [
        (30_000, "manifest.labels.all(x, x != \"none\")", true),
        (30_000, "!(\"none\" in manifest.labels) && manifest.labels == manifest.labels", true),
        (30_000, "manifest.labels.all(x, manifest.labels.exists(y, x == y))", false),
        (30_000, "manifest.labels.all(x, x in manifest.labels)", false),
        (30_000, "manifest.labels.map(x, manifest.labels) == []", false),
        (100, "manifest.labels.all(x, manifest.labels.exists_one(y, x == y))", true),
        (100, "manifest.labels.all(x, x.matches(\"^i[0-9]+$\"))", true),
    ] {
        repository.write("goldenpath.yaml", &asserting(expression)).write(PATH, &manifest(count));
        let started = Instant::now();
        let outcome = validate(&repository);
        let shown = stderr_text(&outcome);
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{expression} took {:?}",
            started.elapsed()
        );
        match judged {
            true => assert_eq!(outcome.success().stderr, "", "{expression}"),
            false => {
                assert!(shown.contains("it could take too much time"), "{expression}: {shown}")
            }
        }
    }
}

#[test]
fn too_many_policies_are_refused() {
    let policies: String = (0..201)
        .map(|number| format!("  - {{name: p{number}, assert: 'true', message: m}}\n"))
        .collect();
    let outcome = validate(&with(&format!("policies:\n{policies}"))).fails_with(2);
    assert!(stderr_text(&outcome).contains("there are 201 policies"), "{}", outcome.stderr);
}

/// The policies in the documentation, each with a manifest that passes and one that fails.
#[test]
fn the_policies_in_the_documentation_do_what_it_says() {
    let text = include_str!("../docs/reference/configuration.md");
    let section = text.split("\n### policies").nth(1).unwrap();
    let example = section.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let repository = with(example);
    repository.write(PATH, &manifest("SEC-0001", &[]));
    validate(&repository).success();
    repository.commit_all("before");

    let broken = |path: &str, text: &str| -> Vec<(String, String)> {
        repository.write(path, text);
        repository.git(&["add", "--all"]);
        repository.git(&["commit", "--quiet", "--no-verify", "-m", "change"]);
        let found = findings(
            &repository.goldenpath(&["validate", "--from-ref", "HEAD~1", "--format", "json"]).run(),
        );
        repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        let policies = found.iter().filter(|row| row["rule"] == "GP204");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        policies
            .map(|row| {
                (text(&row["message"]).split(':').next().unwrap().to_owned(), text(&row["pointer"]))
            })
            .collect()
    };
    let prod = "catalogs/secrets/payments/prod/SEC-0002.yaml";
    let in_prod = ("environment: dev", "environment: prod");
    let pair = |name: &str, pointer: &str| vec![(name.to_owned(), pointer.to_owned())];
    assert_eq!(
        broken(prod, &manifest("SEC-0002", &[in_prod])),
        pair("prod-needs-platform-approval", "/metadata/owner")
    );
    assert_eq!(
        broken(prod, &manifest("SEC-0002", &[in_prod, ("team-payments", "platform-team")])),
        []
    );

    let tls = ("secretType: generic", "secretType: tls-private-key");
    assert_eq!(
        broken(PATH, &manifest("SEC-0001", &[tls])),
        pair("keys-are-described", "/metadata")
    );
    let described = |text: &'static str| ("  name:", text);
    assert_eq!(
        broken(PATH, &manifest("SEC-0001", &[tls, described("  description: key\n  name:")])),
        pair("keys-are-described", "/metadata/description")
    );
    assert_eq!(
        broken(
            PATH,
            &manifest("SEC-0001", &[tls, described("  description: signs the receipts\n  name:")])
        ),
        []
    );

    let owner = ("team-payments", "app-team");
    let longer = ("ttlDays: 30", "ttlDays: 60");
    let handover = pair("handover-changes-nothing-else", "/metadata/owner");
    assert_eq!(broken(PATH, &manifest("SEC-0001", &[owner, longer])), handover);
    assert_eq!(broken(PATH, &manifest("SEC-0001", &[owner])), []);
    assert_eq!(broken(PATH, &manifest("SEC-0001", &[longer])), []);
    assert_eq!(
        broken("catalogs/secrets/payments/dev/SEC-0003.yaml", &manifest("SEC-0003", &[owner])),
        []
    );
}
