//! The statements about KMS keys: of the customer's own keys alone, and only by way of Secrets
//! Manager.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::location::SecretLocation;
use super::statements::{Statement, allow};
use goldenpath_core::endpoint;

/// The alias of the key that Secrets Manager uses without `kmsKeyId`. It needs no permission: its
/// own policy admits the account by way of Secrets Manager.
const AWS_MANAGED: &str = "alias/aws/secretsmanager";

/// The key of an environment's secrets, as IAM needs it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct KmsKey {
    /// The ARN of the key, or of all keys of the account if only an alias is known.
    resource: String,
    alias: Option<String>,
    /// The hosts of Secrets Manager, as in `kms:ViaService`.
    services: Vec<String>,
}

/// Returns a statement for each key of the customer's own, with these actions.
pub(super) fn key_statements(locations: &[&SecretLocation], actions: &[&str]) -> Vec<Statement> {
    let keys: BTreeSet<KmsKey> = locations
        .iter()
        .filter_map(|one| KmsKey::of(one, one.region(), one.kms_key.as_deref()))
        .collect();
    keys.into_iter().map(|key| key.statement("UseKey", actions)).collect()
}

/// Returns a statement for each customer's own key of replicas, in their regions.
///
/// Secrets Manager decrypts with the key of the secret, and encrypts with that of the replica
/// (ReplicateSecretToRegions, "Required permissions").
pub(super) fn replica_key_statements(locations: &[&SecretLocation]) -> Vec<Statement> {
    let replicas = locations
        .iter()
        .flat_map(|one| one.replicas.iter().flatten().map(move |replica| (one, replica)));
    let keys: BTreeSet<KmsKey> = replicas
        .filter_map(|(one, replica)| {
            KmsKey::of(one, &replica.region, replica.kms_key_id.as_deref())
        })
        .collect();
    let actions = ["kms:Encrypt", "kms:GenerateDataKey"];
    keys.into_iter().map(|key| key.statement("UseReplicaKey", &actions)).collect()
}

impl KmsKey {
    /// Returns the key `configured` in a region of a location; None for the account's default key.
    fn of(location: &SecretLocation, region: &str, configured: Option<&str>) -> Option<Self> {
        let SecretLocation { partition, .. } = location;
        let configured = configured.filter(|key| !key.is_empty())?;
        // arn:aws:kms:eu-west-2:123456789012:key/… or :alias/…
        let parts: Vec<&str> = configured.splitn(6, ':').collect();
        let (home, name) = match parts[..] {
            ["arn", partition, "kms", region, account, name] => {
                (format!("arn:{partition}:kms:{region}:{account}"), name)
            }
            _ => (format!("arn:{partition}:kms:{region}:{}", location.account()), configured),
        };
        if name == AWS_MANAGED {
            return None;
        }
        let (resource, alias) = if name.starts_with("alias/") {
            // An alias cannot be the resource of an encryption.
            (format!("{home}:key/*"), Some(name.to_owned()))
        } else {
            (format!("{home}:key/{}", name.strip_prefix("key/").unwrap_or(name)), None)
        };
        let mut services = vec![format!("secretsmanager.{region}.amazonaws.com")];
        let own = format!("secretsmanager.{region}.{}", endpoint::dns_suffix_of(region));
        if !services.contains(&own) {
            services.push(own);
        }
        Some(Self { resource, alias, services })
    }

    fn statement(self, sid: &'static str, actions: &[&str]) -> Statement {
        let via = match &self.services[..] {
            [one] => json!(one),
            several => json!(several),
        };
        let operator = if self.services.iter().any(|one| one.contains('*')) {
            "StringLike"
        } else {
            "StringEquals"
        };
        let mut condition = json!({ operator: { "kms:ViaService": via } });
        if let Some(alias) = self.alias {
            condition["ForAnyValue:StringEquals"] = json!({ "kms:ResourceAliases": alias });
        }
        allow(sid, actions, &[Value::from(self.resource)]).with(condition)
    }
}
