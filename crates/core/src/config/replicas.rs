//! `replicaRegions`: the other regions that have a copy of each secret.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Backend, Config, ConfigError, StoreConfig};
use crate::arn;
use crate::arn::Arn;
use crate::endpoint;

/// A region that has a replica of each secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRegion {
    /// Such as `eu-west-1`.
    pub region: String,
    /// The encryption key of the replicas, in their region, by ID, alias or ARN.
    ///
    /// Without one, a new replica gets the key that AWS manages, and an existing one keeps its own.
    pub kms_key_id: Option<String>,
}

/// The long form of an entry.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReplicaSettings {
    region: String,
    #[serde(default)]
    kms_key_id: Option<String>,
}

impl<'de> Deserialize<'de> for ReplicaRegion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EitherForm;

        impl<'de> Visitor<'de> for EitherForm {
            type Value = ReplicaRegion;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a region, or a mapping with `region` and `kmsKeyId`")
            }

            fn visit_str<E: Error>(self, region: &str) -> Result<Self::Value, E> {
                Ok(ReplicaRegion { region: region.to_owned(), kms_key_id: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let settings = ReplicaSettings::deserialize(MapAccessDeserializer::new(map))?;
                let ReplicaSettings { region, kms_key_id } = settings;
                Ok(ReplicaRegion { region, kms_key_id })
            }
        }

        deserializer.deserialize_any(EitherForm)
    }
}

impl Config {
    /// Checks the regions of replicas and their keys. `text` is the configuration's source.
    pub(super) fn check_replicas(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let shared = (vec!["store"], self.store.clone(), true, true);
        let own = self.environments.iter().map(|(name, own)| {
            let keys = vec!["environments", name.as_str()];
            (keys, self.store_of(name), own.replica_regions.is_some(), own.region.is_some())
        });
        for (keys, store, has_replicas, has_region) in std::iter::once(shared).chain(own) {
            let replicas = store.replica_regions.as_deref().unwrap_or_default();
            for (index, replica) in replicas.iter().enumerate() {
                let number = index.to_string();
                let field = |names: &[&'static str]| {
                    let place = [&keys[..], &["replicaRegions", number.as_str()], names].concat();
                    (format!("{}.replicaRegions", keys.join(".")), place)
                };
                if has_replicas && let Err((name, why, help)) = replica.check(&replicas[..index]) {
                    let (list, place) = field(&[name]);
                    let message = format!("`{list}`: {why}");
                    return Err(ConfigError::new(path, message, help).at_field(text, &place));
                }
                if let Some(why) = replica.find_region_objection(&store) {
                    let (list, place) = field(&["region"]);
                    if has_replicas {
                        let help = "list other regions than that of the secrets, in the same \
                                    partition of AWS";
                        let error = ConfigError::new(path, format!("`{list}`: {why}"), help);
                        return Err(error.at_field(text, &place));
                    }
                    if has_region {
                        let place = [&keys[..], &["region"]].concat();
                        let message = format!(
                            "`{}` does not fit `store.replicaRegions`: {why}",
                            place.join(".")
                        );
                        let help = "set `replicaRegions` of this environment; `[]` for none";
                        return Err(ConfigError::new(path, message, help).at_field(text, &place));
                    }
                }
            }
        }
        Ok(())
    }
}

impl ReplicaRegion {
    /// Returns the field that is wrong by itself or after the entries `before`, why, and a help.
    fn check(&self, before: &[Self]) -> Result<(), (&'static str, String, String)> {
        let Self { region, kms_key_id } = self;
        if !endpoint::is_region(region) {
            let why = format!("`{}` is not an AWS region", region.escape_debug());
            return Err(("region", why, "write a region like `eu-west-1`".to_owned()));
        }
        if before.iter().any(|other| other.region == *region) {
            let why = format!("{region} is listed twice");
            return Err(("region", why, "list each region once, with its key".to_owned()));
        }
        let Some(key) = kms_key_id else { return Ok(()) };
        if let Err(help) = arn::check_kms_key(key) {
            let why = format!("`{}` is not a KMS key", key.escape_debug());
            return Err(("kmsKeyId", why, help));
        }
        // A key must be in the region of the replica (API type `ReplicaRegionType`).
        match Arn::parse(key) {
            Some(arn) if arn.region != region => {
                let why =
                    format!("the key `{key}` is in {}, and the replica in {region}", arn.region);
                let help = format!(
                    "give a key in {region}, its alias without the ARN, or `\"\"` for the key that \
                     AWS manages there"
                );
                Err(("kmsKeyId", why, help))
            }
            _ => Ok(()),
        }
    }

    /// Returns why secrets of this store have no replica in the region.
    ///
    /// None without an objection, or if the configuration does not name the region of the secrets.
    fn find_region_objection(&self, store: &StoreConfig) -> Option<String> {
        if store.backend == Some(Backend::Local) {
            return None;
        }
        let own = store.region.as_deref()?;
        self.find_objection(own)
    }

    /// Returns why a secret in the region `own` has no replica in this one.
    ///
    /// Source: user guide, "Replicate secrets across Regions".
    #[must_use]
    pub fn find_objection(&self, own: &str) -> Option<String> {
        let region = &self.region;
        let (partition, own_partition) =
            (endpoint::partition_of(region), endpoint::partition_of(own));
        if region == own {
            Some(format!("{region} is the region of the secrets themselves"))
        } else if partition != own_partition {
            Some(format!(
                "AWS does not replicate from {own} (partition {own_partition}) to {region} \
                 (partition {partition})"
            ))
        } else {
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use miette::Diagnostic;

    use super::*;
    use crate::config::FILE_NAME;

    fn replicas(config: &Config, environment: &str) -> Option<Vec<(String, Option<String>)>> {
        let replicas = config.store_of(environment).replica_regions?;
        Some(replicas.into_iter().map(|one| (one.region, one.kms_key_id)).collect())
    }

    #[test]
    fn a_region_is_given_alone_or_with_its_key_and_an_environment_has_its_own_list() {
        let text = "\
store:
  backend: aws
  region: eu-central-1
  replicaRegions: [eu-west-1, { region: eu-west-2, kmsKeyId: alias/secrets }]
environments:
  prod: { replicaRegions: [] }
  test: { region: us-east-1, replicaRegions: [{ region: us-west-2 }] }
";
        let config = Config::parse(FILE_NAME, text).unwrap();
        let key = Some("alias/secrets".to_owned());
        let shared = vec![("eu-west-1".to_owned(), None), ("eu-west-2".to_owned(), key)];
        assert_eq!(replicas(&config, "dev"), Some(shared));
        assert_eq!(replicas(&config, "prod"), Some(Vec::new()));
        assert_eq!(replicas(&config, "test"), Some(vec![("us-west-2".to_owned(), None)]));
        assert_eq!(replicas(&Config::default(), "dev"), None, "replicas are left alone");
    }

    #[test]
    fn a_wrong_replica_is_rejected_at_its_place() {
        let key = "arn:aws:kms:eu-west-2:123456789012:alias/secrets";
        for (list, words, place) in [
            ("[x]", "`store.replicaRegions`: `x` is not an AWS region", "x"),
            ("[eu-west-1, eu-west-1]", "eu-west-1 is listed twice", "eu-west-1"),
            ("[{ region: us-east-1 }]", "the region of the secrets themselves", "region"),
            ("[cn-north-1]", "does not replicate from us-east-1 (partition aws)", "cn-north-1"),
            ("[{ region: eu-west-1, kmsKeyId: a b }]", "`a b` is not a KMS key", "kmsKeyId"),
            (
                &format!("[{{ region: eu-west-1, kmsKeyId: '{key}' }}]"),
                "is in eu-west-2, and the replica in eu-west-1",
                "kmsKeyId",
            ),
            ("[{ region: eu-west-1, key: x }]", "unknown field `key`", "key"),
            ("[{ kmsKeyId: alias/x }]", "missing field `region`", ""),
            ("[[eu-west-1]]", "a region, or a mapping with `region` and `kmsKeyId`", ""),
        ] {
            let text =
                format!("store:\n  backend: aws\n  region: us-east-1\n  replicaRegions: {list}\n");
            let error = Config::parse(FILE_NAME, &text).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            let label = error.labels().unwrap().next().unwrap();
            let underlined = &text[label.offset()..label.offset() + label.len()];
            assert!(underlined.contains(place), "{list}: {underlined}");
        }
    }

    #[test]
    fn the_region_of_an_environment_must_fit_the_shared_list() {
        let text = "\
store: { backend: aws, region: us-east-1, replicaRegions: [eu-west-1] }
environments:
  prod: { region: eu-west-1 }
";
        let error = Config::parse(FILE_NAME, text).unwrap_err();
        let words = "`environments.prod.region` does not fit `store.replicaRegions`";
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.help().unwrap().to_string().contains("`replicaRegions` of this environment"));
        // A local store has no replicas.
        let local = text.replace("backend: aws", "backend: local");
        assert!(Config::parse(FILE_NAME, &local).is_ok());
    }
}
