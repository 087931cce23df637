//! What editors and other validators get: the JSON Schema, and the check of an unsaved text.

mod language_server;

use goldenpath_testkit::{Outcome, Repository, SEED, SEED_PATH, schema_validators};
use serde_json::Value;

/// Checks a manifest with a validator that is not goldenpath's, without the network.
fn validated(repository: &Repository, schema: &str, manifest: &str) -> Outcome {
    let python = schema_validators().join("python");
    let arguments = ["-I", "-m", "check_jsonschema", "--schemafile", schema, manifest];
    let command = repository.program(python.to_str().unwrap(), &arguments);
    // The discard port: whatever is fetched fails.
    command.env("https_proxy", "http://127.0.0.1:9").env("http_proxy", "http://127.0.0.1:9").run()
}

#[test]
fn any_validator_accepts_the_seed_and_refuses_another_environment() {
    let repository = Repository::with_seed();
    repository.goldenpath(&["init"]).run().success();
    let printed = repository.goldenpath(&["schema", "manifest"]).run().success().stdout;
    repository.write("printed.json", &printed);
    repository.write("bad.yaml", &SEED.replace("environment: dev", "environment: production"));
    for schema in ["schemas/secret_request.schema.json", "printed.json"] {
        validated(&repository, schema, SEED_PATH).success();
        let refused = validated(&repository, schema, "bad.yaml").fails_with(1);
        assert!(refused.stdout.contains("production"), "{schema}: {}", refused.stdout);
    }
}

#[test]
fn the_schema_has_the_lists_of_the_catalog_and_no_other_document() {
    let repository = Repository::with_seed();
    repository.write("schemas/metadata/enums.yaml", "owners: [us, them, team-payments]\n");
    let schema = repository.goldenpath(&["schema"]).run().success().json();
    let references = references(&schema);
    assert!(references.iter().all(|reference| reference.starts_with("#/$defs/")), "{references:?}");
    assert_eq!(
        schema["$defs"]["owners"]["enum"],
        serde_json::json!(["us", "them", "team-payments"])
    );
    assert_eq!(schema.get("$id"), None, "it would be the base of relative references");
}

fn references(schema: &Value) -> Vec<&str> {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_schema_with_older_lists_is_reported_and_updated_and_does_not_decide() {
    let repository = Repository::with_seed();
    repository.goldenpath(&["init"]).run().success();
    let enums = repository.read("schemas/metadata/enums.yaml");
    repository.write("schemas/metadata/enums.yaml", &enums.replace("- dev\n", "- dev\n  - qa\n"));
    repository.write(SEED_PATH, &SEED.replace("environment: dev", "environment: qa"));
    repository.goldenpath(&["validate", "--fix"]).run();
    let outcome = repository.goldenpath(&["validate"]).run().success();
    let words = outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("schemas/secret_request.schema.json has older lists"), "{words}");
    assert!(words.contains("`goldenpath schema manifest --write`"), "{words}");
    repository.goldenpath(&["schema", "manifest", "--write"]).run().success();
    repository.goldenpath(&["schema", "config", "--write"]).run().success();
    let outcome = repository.goldenpath(&["validate"]).run().success();
    assert!(!outcome.stderr.contains("older lists"), "{}", outcome.stderr);
    let again = repository.goldenpath(&["schema", "manifest", "--write"]).run().success();
    assert!(again.stderr.contains("up to date"), "{}", again.stderr);
}

#[test]
fn a_schema_of_the_configuration_has_every_documented_option_and_older_lists_are_reported() {
    let repository = Repository::with_seed();
    repository.goldenpath(&["init"]).run().success();
    let path = "schemas/goldenpath.schema.json";
    let printed = repository.goldenpath(&["schema", "config"]).run().success();
    assert_eq!(printed.stdout, repository.read(path));
    validated(&repository, path, "goldenpath.yaml").success();
    repository.write("bad.yaml", "store: { backend: disk }\nrules: { GP999: warn }\n");
    let refused = validated(&repository, path, "bad.yaml").fails_with(1);
    assert!(
        refused.stdout.contains("disk") && refused.stdout.contains("GP999"),
        "{}",
        refused.stdout
    );

    // The first table of the reference, with one option or several in its first column.
    let page = std::fs::read_to_string(crate::docs::root().join("docs/reference/configuration.md"));
    let page = page.unwrap();
    let table = page.split("| option | default | |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| `"));
    let schema = printed.json();
    let mut options = 0;
    for row in rows {
        let first = row.split(" | ").next().unwrap();
        let names: Vec<&str> = first.split('`').skip(1).step_by(2).collect();
        let folder = names[0].rsplit_once('.').map_or("", |(folder, _)| folder);
        for name in &names {
            let full = match name.strip_prefix('.') {
                Some(last) => format!("{folder}.{last}"),
                None => (*name).to_owned(),
            };
            let known = full.split('.').try_fold(&schema, |node, key| {
                let node = match node["$ref"].as_str() {
                    Some(reference) => schema.pointer(reference.trim_start_matches('#')).unwrap(),
                    None => node,
                };
                if key.starts_with('<') {
                    return node.get("additionalProperties");
                }
                node["properties"].get(key)
            });
            assert!(known.is_some(), "{full} is not in the schema");
            options += 1;
        }
    }
    assert!(options > 35, "{options}");

    let enums = repository.read("schemas/metadata/enums.yaml");
    repository.write("schemas/metadata/enums.yaml", &enums.replace("- dev\n", "- dev\n  - qa\n"));
    let outcome = repository.goldenpath(&["validate"]).run().success();
    let words = outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("schemas/goldenpath.schema.json has older lists"), "{words}");
    assert!(words.contains("`goldenpath schema config --write`"), "{words}");
    repository.goldenpath(&["schema", "config", "--write"]).run().success();
    assert!(repository.read(path).contains("\"qa\""));
    let outcome = repository.goldenpath(&["init"]).run().success();
    assert!(outcome.stdout.contains(&format!("unchanged {path}")), "{}", outcome.stdout);
}

#[test]
fn an_unsaved_text_is_checked_in_place_of_the_file() {
    let repository = Repository::with_seed();
    let bad = SEED.replace("environment: dev", "environment: production");
    let check = |text: &str| {
        let arguments = ["validate", "-", "--stdin-filename", SEED_PATH, "--format", "json"];
        repository.goldenpath(&arguments).stdin(text).run()
    };
    let found = check(&bad).fails_with(1).json();
    let finding = &found["findings"][0];
    assert_eq!(
        (finding["rule"].as_str(), finding["path"].as_str()),
        (Some("GP105"), Some(SEED_PATH))
    );
    assert_eq!(found["summary"]["files"], 1);
    // What is on disk does not count.
    repository.write(SEED_PATH, &bad);
    check(SEED).success();
    assert_eq!(repository.read(SEED_PATH), bad, "nothing is written");
}

#[test]
fn the_text_of_a_file_that_does_not_exist_is_compared_with_the_catalog() {
    let repository = Repository::with_seed();
    let path = "catalogs/secrets/payments/dev/SEC-0008.yaml";
    let arguments = ["validate", "--stdin-filename", path, "--format", "json"];
    let copy = SEED.replace("payments-db-creds", "other");
    let found = repository.goldenpath(&arguments).stdin(&copy).run().fails_with(1).json();
    let rules: Vec<&str> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["rule"].as_str())
        .collect();
    assert!(rules.contains(&"GP302"), "the ID of another manifest: {rules:?}");
    assert!(!repository.exists(path));
    // From a folder, as an editor may start it.
    let inside = [
        "-C",
        "catalogs",
        "validate",
        "-",
        "--stdin-filename",
        "secrets/payments/dev/SEC-0007.yaml",
    ];
    repository.goldenpath(&inside).stdin(SEED).run().success();
}

#[test]
fn standard_input_without_a_path_or_with_files_is_refused() {
    let repository = Repository::with_seed();
    for (arguments, words) in [
        (&["validate", "-"][..], "give --stdin-filename"),
        (
            &["validate", "catalogs", "--stdin-filename", SEED_PATH],
            "check either files or standard input",
        ),
        (&["validate", "-", "--stdin-filename", "/etc/passwd"], "is not in the repository"),
        (&["validate", "-", "--stdin-filename", SEED_PATH, "--fix"], "cannot be used with"),
        (&["validate", "-", "--stdin-filename", SEED_PATH, "--staged"], "cannot be used with"),
    ] {
        let refused = repository.goldenpath(arguments).stdin(SEED).run().fails_with(2);
        assert!(refused.stderr.contains(words), "{arguments:?}: {}", refused.stderr);
    }
}

#[test]
fn standard_input_that_is_no_manifest_has_a_finding() {
    let repository = Repository::with_seed();
    let check = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let arguments = ["validate", "-", "--stdin-filename", SEED_PATH, "--format", "json"];
        repository.goldenpath(&arguments).stdin(&text).run().fails_with(1).json()
    };
    for (bytes, rule) in
        [(&b"a: [\n"[..], "GP001"), (&b"[]"[..], "GP103"), (&vec![b'#'; 300 * 1024][..], "GP003")]
    {
        let found = check(bytes);
        let rules: Vec<&Value> =
            found["findings"].as_array().unwrap().iter().map(|one| &one["rule"]).collect();
        assert!(rules.contains(&&Value::from(rule)), "{rule}: {rules:?}");
    }
}
