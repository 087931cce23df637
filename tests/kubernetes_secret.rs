//! The Kubernetes Secret that an ExternalSecret describes: its type, keys and options.

use goldenpath_testkit::{Platform, Repository, SEED, SEED_PATH, seed_with};
use serde_json::{Value, json};

const TYPES: &str = "schemas/metadata/secret_types.yaml";

fn of_type(name: &str) -> String {
    seed_with(&[("secretType: database-credentials", &format!("secretType: {name}"))])
}

#[track_caller]
fn rendered(repository: &Repository) -> Value {
    serde_yaml::from_str(&repository.goldenpath(&["render"]).run().success().stdout).unwrap()
}

/// Returns the ExternalSecret of the seed with these files.
#[track_caller]
fn rendered_with(files: &[(&str, &str)]) -> Value {
    let repository = Repository::with_seed();
    for (path, text) in files {
        repository.write(path, text);
    }
    rendered(&repository)
}

#[test]
fn a_registry_credential_is_what_the_kubelet_reads() {
    let found = rendered_with(&[(SEED_PATH, &of_type("container-registry-credential"))]);
    let template = &found["spec"]["target"]["template"];
    assert_eq!(template["type"], "kubernetes.io/dockerconfigjson");
    assert_eq!(template["engineVersion"], "v2");
    assert_eq!(template["mergePolicy"], "Replace");
    let data = template["data"].as_object().unwrap();
    assert_eq!(data.keys().collect::<Vec<_>>(), [".dockerconfigjson"]);
    let expected = concat!(
        r#"{{ dict "auths" (dict .registry (dict "username" .username "password" .password "#,
        r#""auth" (printf "%s:%s" .username .password | b64enc))) | toJson }}"#,
    );
    assert_eq!(data[".dockerconfigjson"], expected);
}

#[test]
fn a_certificate_has_the_type_of_certificates_and_the_keys_of_the_value() {
    let found = rendered_with(&[(SEED_PATH, &of_type("tls-private-key"))]);
    let expected = json!({ "engineVersion": "v2", "type": "kubernetes.io/tls" });
    assert_eq!(found["spec"]["target"]["template"], expected);
}

#[test]
fn a_type_s_template_keys_and_options_are_in_the_external_secret() {
    let types = "secretTypes:\n  database-credentials:\n    keys: [{ name: user, required: true }, \
                 { name: pass-word, required: true }]\n    kubernetes:\n      template: { URL: \
                 \"postgres://{{ .user }}:{{ index . \\\"pass-word\\\" | urlquery }}@db\" }\n      \
                 keys: { USER: user, PASSWORD: pass-word }\n      mergePolicy: Merge\n      \
                 decodingStrategy: Auto\n      immutable: true\n";
    let manifest = seed_with(&[("tier: medium", "tier: low"), ("Class: standard", "Class: none")]);
    let found = rendered_with(&[(TYPES, types), (SEED_PATH, &manifest)]);
    let expected = json!({
        "name": "payments-db-creds",
        "creationPolicy": "Owner",
        "immutable": true,
        "template": {
            "engineVersion": "v2",
            "type": "Opaque",
            "mergePolicy": "Merge",
            "data": {
                "PASSWORD": "{{ index . \"pass-word\" }}",
                "URL": "postgres://{{ .user }}:{{ index . \"pass-word\" | urlquery }}@db",
                "USER": "{{ .user }}",
            },
        },
    });
    assert_eq!(found["spec"]["target"], expected);
    assert_eq!(found["spec"]["dataFrom"][0]["extract"]["decodingStrategy"], "Auto");
}

#[test]
fn the_options_of_an_environment_are_in_its_external_secrets() {
    let config = "externalSecret: { labels: { tier: \"1\" }, annotations: \
                  { argocd.argoproj.io/sync-wave: \"-1\" }, serverDefaults: true }\n\
                  environments:\n  dev:\n    externalSecret: { storeName: aws-dev, storeKind: \
                  SecretStore, refreshPolicy: OnChange, deletionPolicy: Merge, creationPolicy: \
                  Orphan, refreshInterval: 90s }\n";
    let found = rendered_with(&[("goldenpath.yaml", config)]);
    let labels = json!({
        "goldenpath.io/id": "SEC-0007",
        "goldenpath.io/owner": "team-payments",
        "goldenpath.io/service": "payments",
        "goldenpath.io/environment": "dev",
        "tier": "1",
    });
    assert_eq!(found["metadata"]["labels"], labels);
    assert_eq!(found["metadata"]["annotations"], json!({ "argocd.argoproj.io/sync-wave": "-1" }));
    let expected = json!({
        "refreshPolicy": "OnChange",
        "refreshInterval": "90s",
        "secretStoreRef": { "name": "aws-dev", "kind": "SecretStore" },
        "target": {
            "name": "payments-db-creds",
            "creationPolicy": "Orphan",
            "deletionPolicy": "Merge",
        },
        "dataFrom": [{ "extract": {
            "key": "goldenpath/payments/dev/payments-db-credentials",
            "conversionStrategy": "Default",
            "decodingStrategy": "None",
            "metadataPolicy": "None",
        } }],
    });
    assert_eq!(found["spec"], expected);
}

#[test]
fn a_template_of_the_catalog_cannot_change_the_type_or_the_options() {
    let built_in = include_str!("../templates/external_secret.yaml.j2");
    let repository = Repository::new();
    repository.write(SEED_PATH, &of_type("tls-private-key"));
    repository.write("goldenpath.yaml", "externalSecret: { deletionPolicy: Merge, labels: {} }\n");
    for (from, to, message) in [
        ("{{ secretTemplate.type }}", "Opaque", "`/spec/target/template/type` is `Opaque`"),
        ("{{ deletionPolicy }}", "Delete", "`/spec/target/deletionPolicy` is `Delete`"),
        ("{{ creationPolicy }}", "Orphan", "`/spec/target/creationPolicy` is `Orphan`"),
        ("{{ label }}: {{ text }}", "{{ label }}: x", "is `x` instead of"),
        ("{% if secretTemplate %}", "{% if false %}", "`/spec/target/template` is missing"),
    ] {
        assert!(built_in.contains(from), "{from}");
        let template = built_in.replace(from, to);
        repository.write("templates/external_secret.yaml.j2", &template);
        let outcome = repository.goldenpath(&["render"]).run().fails_with(2);
        assert!(outcome.stderr.contains(message), "{message}: {}", outcome.stderr);
    }
}

#[test]
fn another_type_of_an_applied_secret_is_blocked_until_it_may_be_created_again() {
    let platform = Platform::local();
    platform.seed();
    let apply = |arguments: &[&str]| {
        platform.catalog.goldenpath(&[&["apply", "--yes"], arguments].concat()).run()
    };
    apply(&[]).success();
    let from = "secretType: database-credentials";
    platform.seed_changed(from, "secretType: tls-private-key");
    let plan = platform.plan(&["--format", "json"]).run();
    let plan = plan.json();
    let blocked: Vec<&str> = plan["actions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|action| action["action"] == "blocked")
        .map(|action| action["reason"].as_str().unwrap())
        .collect();
    assert_eq!(blocked.len(), 1, "{plan:#}");
    for part in [
        "would change from Opaque to kubernetes.io/tls",
        "--recreate-secret SEC-0007 --reason TEXT",
        "kubectl delete secret payments-db-creds -n payments",
    ] {
        assert!(blocked[0].contains(part), "{part}: {}", blocked[0]);
    }
    let before = platform.seed_projection();
    apply(&[]).fails_with(1);
    assert_eq!(platform.seed_projection(), before);
    apply(&["--recreate-secret", "SEC-0007"]).fails_with(2);
    let reason = ["--recreate-secret", "SEC-0007", "--reason", "The ingress reads this type"];
    apply(&reason).success();
    assert!(platform.seed_projection().contains("type: kubernetes.io/tls"));
    assert!(apply(&[]).success().stdout.starts_with("Nothing to do."));
    let show =
        ["audit", "show", "SEC-0007", "--action", "recreate-kubernetes-secret", "--format", "json"];
    let shown = platform.catalog.goldenpath(&show).run().success().json();
    assert_eq!(shown["events"][0]["reason"], "The ingress reads this type", "{shown}");
    assert_eq!(shown["events"][0]["result"], "done", "{shown}");
}

#[test]
fn another_name_of_the_secret_may_have_another_type() {
    let platform = Platform::local();
    platform.seed();
    platform.catalog.goldenpath(&["apply", "--yes"]).run().success();
    let other = SEED
        .replace("secretType: database-credentials", "secretType: tls-private-key")
        .replace("payments-db-creds", "payments-tls");
    platform.catalog.write(SEED_PATH, &other).commit_all("A certificate");
    platform.catalog.goldenpath(&["apply", "--yes"]).run().success();
    assert!(platform.seed_projection().contains("name: payments-tls"));
}
