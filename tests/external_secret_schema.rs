//! ExternalSecrets are valid for the operator, in both versions of its API: the test validates them
//! against the published schemas of the package `@kubernetes-models/external-secrets`.

use serde_json::{Value, json};

use goldenpath_testkit::{Command, Platform, node_packages, request};

const VERSIONS: [&str; 2] = ["external-secrets.io/v1", "external-secrets.io/v1beta1"];

/// Returns the validation error of each, or null. None without node.
#[track_caller]
fn problems(platform: &Platform, documents: &[Value]) -> Option<Vec<Value>> {
    let packages = node_packages()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/testkit/node/validate.cjs");
    let (packages, home) = (packages.to_str().unwrap(), platform.catalog.home());
    let node =
        Command::new("node", &[script, packages], &home, &home).stdin(json!(documents).to_string());
    let problems = node.run().success().json();
    Some(problems.as_array().unwrap().clone())
}

/// Returns the output of `render` for the catalog's manifests in this version.
fn rendered(platform: &Platform, version: &str, more: &str) -> Vec<Value> {
    let configuration = format!("externalSecret: {{ apiVersion: {version}{more} }}\n");
    platform.catalog.write("goldenpath.yaml", &configuration);
    let text = platform.catalog.goldenpath(&["render"]).run().success().stdout;
    let documents = text.split("\n---\n").filter(|text| !text.trim().is_empty());
    documents.map(|text| serde_yaml::from_str(text).unwrap()).collect()
}

fn platform() -> Platform {
    let platform = Platform::local();
    platform.seed().write("SEC-0008", "\"null\"").write("SEC-0009", "\"1e3\"");
    let longest = "a".repeat(63);
    platform
        .catalog
        .write("catalogs/secrets/payments/dev/SEC-0010.yaml", &request("SEC-0010", &longest));
    let value = "  value: { format: text, key: tls.key }\n  access:\n";
    let text = request("SEC-0011", "text").replace("  access:\n", value);
    platform.catalog.write("catalogs/secrets/payments/dev/SEC-0011.yaml", &text);
    platform
}

#[test]
fn both_api_versions_conform_to_the_operator_s_schema() {
    let platform = platform();
    let mut documents = Vec::new();
    for version in VERSIONS {
        for more in ["", ", refreshInterval: 90s, storeKind: SecretStore, storeName: ours"] {
            let made = rendered(&platform, version, more);
            assert_eq!(made.len(), 5);
            assert_eq!(made[4]["spec"]["data"][0]["secretKey"], "tls.key");
            assert!(made.iter().all(|document| document["apiVersion"] == version), "{made:?}");
            documents.extend(made);
        }
    }
    let Some(problems) = problems(&platform, &documents) else { return };
    for (document, problem) in documents.iter().zip(&problems) {
        assert!(problem.is_null(), "{problem}\n{document:#}");
    }
    assert_eq!(problems.len(), documents.len());
}

#[test]
fn the_operator_s_schema_refuses_what_is_broken() {
    let platform = platform();
    for version in VERSIONS {
        let good = rendered(&platform, version, "").swap_remove(0);
        let broken = |pointer: &str, value: Value| {
            let mut document = good.clone();
            *document.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer} in {good:#}")) =
                value;
            document
        };
        let text = rendered(&platform, version, "").swap_remove(4);
        let mut keyless = text.clone();
        keyless["spec"]["data"][0].as_object_mut().unwrap().remove("remoteRef");
        let documents = [
            keyless,
            broken("/kind", json!("ExternalSecrets")),
            broken("/spec/target/creationPolicy", json!("Always")),
            broken("/spec/dataFrom", json!("goldenpath/payments/dev")),
            broken("/spec/dataFrom/0/extract", json!({ "property": "password" })),
            broken("/spec/secretStoreRef/kind", json!("Vault")),
            broken("/spec/refreshInterval", json!(60)),
        ];
        let Some(problems) = problems(&platform, &documents) else { return };
        for (document, problem) in documents.iter().zip(&problems) {
            assert!(problem.is_string(), "nothing is wrong with\n{document:#}");
        }
        assert_eq!(problems.len(), documents.len());
    }
}
