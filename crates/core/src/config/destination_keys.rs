//! Configuration keys that set destinations of values, projections and calls.

use serde_json::{Value, json};

use super::{Config, KeyChange};

/// Returns the changed destinations, each with a single value.
///
/// A missing key has its default value.
#[must_use]
pub fn destination_changes(changes: &[KeyChange]) -> Vec<KeyChange> {
    let defaults = defaults();
    let is_other = |leaf: &KeyChange| {
        let default = defaults.pointer(&leaf.pointer());
        leaf.old.as_ref().or(default) != leaf.new.as_ref().or(default)
    };
    changes
        .iter()
        .flat_map(KeyChange::leaves)
        .filter(|leaf| is_destination(&leaf.keys) && is_other(leaf))
        .collect()
}

/// Returns whether a key decides a destination.
///
/// A section counts as a whole if most of its keys do, so that future keys are included.
fn is_destination(keys: &[String]) -> bool {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    match keys.as_slice() {
        // The store that the operator reads; the other keys only shape the ExternalSecret.
        ["externalSecret", rest @ ..] | ["environments", _, "externalSecret", rest @ ..] => {
            rest.is_empty() || matches!(rest, ["storeName" | "storeKind", ..])
        }
        ["environments", ..] => true,
        ["catalog" | "catalogId" | "store" | "gitops" | "rotation", ..] => true,
        _ => false,
    }
}

/// The default destinations.
fn defaults() -> Value {
    let Config { catalog, store, gitops, external_secret, .. } = Config::default();
    json!({
        "catalog": catalog,
        "store": { "path": store.path, "keyTemplate": store.key_template },
        "gitops": { "file": gitops.file },
        "externalSecret": {
            "storeName": external_secret.store_name, "storeKind": external_secret.store_kind,
        },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{key_changes, parse_tree};

    fn between(old: &str, new: &str) -> Vec<String> {
        let tree = |text| parse_tree("goldenpath.yaml", text).unwrap();
        destination_changes(&key_changes(&tree(old), &tree(new)))
            .iter()
            .map(|leaf| leaf.keys.join("."))
            .collect()
    }

    #[test]
    fn every_key_that_decides_a_destination_is_one() {
        for key in [
            "catalog: x",
            "catalogId: x",
            "store: {accountId: '1'}",
            "store: {backend: aws}",
            "store: {region: x}",
            "store: {roleArn: x}",
            "store: {externalId: x}",
            "store: {sessionDuration: x}",
            "store: {sourceIdentity: x}",
            "store: {mfaSerial: x}",
            "store: {endpointUrl: x}",
            "store: {kmsKeyId: x}",
            "store: {keyTemplate: x}",
            "store: {replicaRegions: [x]}",
            "store: {path: x}",
            "store: {keyFile: x}",
            "gitops: {path: x}",
            "gitops: {url: x}",
            "gitops: {branch: x}",
            "gitops: {file: x}",
            "externalSecret: {storeName: x}",
            "externalSecret: {storeKind: x}",
            "rotation: {functions: {generic: x}}",
            "environments: {prod: {accountId: '1'}}",
            "environments: {prod: {region: x}}",
            "environments: {prod: {store: {path: x}}}",
            "environments: {prod: {gitops: {file: x}}}",
            "environments: {prod: {cluster: {context: x}}}",
            "environments: {prod: {cluster: {kubeconfig: x}}}",
            "environments: {prod: {externalSecret: {storeName: x}}}",
        ] {
            assert_eq!(between("", key).len(), 1, "{key} is added");
            assert_eq!(between(key, "").len(), 1, "{key} is removed");
        }
    }

    #[test]
    fn keys_of_appearance_and_checks_are_not_destinations() {
        for key in [
            "rules: {GP201: off}",
            "policies: []",
            "enums: x.yaml",
            "limits: {maxDeletes: 9}",
            "externalSecret: {refreshInterval: 2h}",
            "externalSecret: {labels: {a: b}}",
            "environments: {prod: {externalSecret: {refreshInterval: 2h}}}",
            "environments: {qa: {}}",
        ] {
            assert_eq!(between("", key), [""; 0], "{key}");
        }
    }

    #[test]
    fn writing_out_a_default_does_not_change_a_destination() {
        let text = "catalog: catalogs/secrets\nexternalSecret: {storeName: aws-secrets-manager}\n";
        assert_eq!(between("", text), [""; 0]);
        assert_eq!(between(text, ""), [""; 0]);
        assert_eq!(between("catalog: catalogs/secrets", "catalog: cat2"), ["catalog"]);
    }
}
