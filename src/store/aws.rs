//! AWS Secrets Manager.

mod connection;
mod endpoint;
mod failure;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::primitives::DateTime;
use aws_sdk_secretsmanager::types::{SecretListEntry, Tag};
use jiff::Timestamp;

use super::{SecretStore, StoreError, StoredSecret};
use crate::config::StoreConfig;
use crate::manifest::StoreKey;
use failure::Call;

/// The most that a page of ListSecrets holds (ListSecrets, `MaxResults`).
const PAGE: i32 = 100;

/// One account's Secrets Manager in one region.
#[derive(Debug)]
pub struct AwsStore {
    client: Client,
    region: String,
    /// Where requests go, for messages.
    endpoint: String,
    /// Somebody set the endpoint: it is not the region's own.
    overridden: bool,
}

impl AwsStore {
    /// A client of what the configuration and the standard chain of environment and AWS profile say. No call is made:
    /// credentials are asked for with the first one.
    ///
    /// # Errors
    /// A region, endpoint or proxy that is missing or cannot be used.
    pub async fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        connection::connect(config).await
    }

    fn call<'a>(&'a self, operation: &'static str, key: Option<&'a StoreKey>) -> Call<'a> {
        Call { operation, key, endpoint: &self.endpoint }
    }
}

impl SecretStore for AwsStore {
    fn place(&self) -> String {
        match self.overridden {
            true => format!("AWS Secrets Manager, {} at {}", self.region, self.endpoint),
            false => format!("AWS Secrets Manager, {}", self.region),
        }
    }

    async fn sweep(&self) -> Result<Vec<StoredSecret>, StoreError> {
        let request = self.client.list_secrets().max_results(PAGE).include_planned_deletion(true);
        let mut pages = request.into_paginator().send();
        // By name: a list that shifts while its next page is asked for can show a secret twice.
        let mut secrets = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.call("ListSecrets", None).failed(error))?;
            let entries = page.secret_list.unwrap_or_default().into_iter().filter_map(listed);
            secrets.extend(entries.map(|secret| (secret.name.clone(), secret)));
        }
        Ok(secrets.into_values().collect())
    }

    async fn describe(&self, key: &StoreKey) -> Result<Option<StoredSecret>, StoreError> {
        match self.client.describe_secret().secret_id(key.as_str()).send().await {
            Ok(found) => Ok(Some(described(found, key))),
            Err(error) => match self.call("DescribeSecret", Some(key)).failed(error) {
                StoreError::NotFound { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    async fn create(
        &self,
        key: &StoreKey,
        description: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let request = self.client.create_secret().name(key.as_str()).description(description).set_tags(tag_list(tags));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.call("CreateSecret", Some(key)).failed(error)),
        }
    }

    async fn set_description(&self, key: &StoreKey, description: &str) -> Result<(), StoreError> {
        // UpdateSecret without a value makes no new version.
        match self.client.update_secret().secret_id(key.as_str()).description(description).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.call("UpdateSecret", Some(key)).failed(error)),
        }
    }

    async fn put_tags(&self, key: &StoreKey, tags: &BTreeMap<String, String>) -> Result<(), StoreError> {
        if tags.is_empty() {
            return Ok(()); // AWS refuses an empty list.
        }
        match self.client.tag_resource().secret_id(key.as_str()).set_tags(tag_list(tags)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.call("TagResource", Some(key)).failed(error)),
        }
    }
}

/// An entry without a name cannot be told apart from others; AWS's model allows it, AWS sends none.
fn listed(entry: SecretListEntry) -> Option<StoredSecret> {
    Some(StoredSecret {
        name: entry.name?,
        description: entry.description,
        tags: tag_map(entry.tags.unwrap_or_default()),
        created: entry.created_date.as_ref().and_then(timestamp),
        deletion: entry.deleted_date.as_ref().and_then(timestamp),
        has_value: has_value(entry.secret_versions_to_stages.as_ref()),
        last_rotated: entry.last_rotated_date.as_ref().and_then(timestamp),
        last_changed: entry.last_changed_date.as_ref().and_then(timestamp),
    })
}

fn described(found: DescribeSecretOutput, key: &StoreKey) -> StoredSecret {
    StoredSecret {
        created: found.created_date().and_then(timestamp),
        deletion: found.deleted_date().and_then(timestamp),
        has_value: has_value(found.version_ids_to_stages()),
        last_rotated: found.last_rotated_date().and_then(timestamp),
        last_changed: found.last_changed_date().and_then(timestamp),
        tags: tag_map(found.tags().to_vec()),
        description: found.description().map(str::to_owned),
        name: found.name().unwrap_or(key.as_str()).to_owned(),
    }
}

/// Whether one of the versions is current (GetSecretValue, `VersionStage`).
fn has_value(versions: Option<&HashMap<String, Vec<String>>>) -> bool {
    versions.is_some_and(|versions| versions.values().flatten().any(|stage| stage == "AWSCURRENT"))
}

fn tag_list(tags: &BTreeMap<String, String>) -> Option<Vec<Tag>> {
    Some(tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect())
}

fn tag_map(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

fn timestamp(date: &DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(date.as_nanos()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn connect(region: &str, endpoint: Option<&str>) -> Result<AwsStore, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let endpoint_url = endpoint.map(str::to_owned);
        let config = StoreConfig { region: Some(region.to_owned()), endpoint_url, ..StoreConfig::default() };
        runtime.block_on(AwsStore::connect(&config))
    }

    #[test]
    fn a_client_of_an_endpoint_where_nobody_listens_is_made_and_says_where_it_goes() {
        let store = connect("eu-west-2", Some("http://127.0.0.1:1")).unwrap();
        assert_eq!(store.place(), "AWS Secrets Manager, eu-west-2 at http://127.0.0.1:1");
    }

    #[test]
    fn a_region_or_endpoint_that_would_send_requests_astray_is_refused() {
        assert!(matches!(connect("eu-west-2.example.org/", None), Err(StoreError::BadRegion { .. })));
        let plain = connect("eu-west-2", Some("http://example.org"));
        assert!(matches!(plain, Err(StoreError::PlainHttp { .. })));
    }

    #[test]
    fn an_entry_of_the_list_keeps_its_tags_and_dates() {
        let entry = SecretListEntry::builder()
            .name("a")
            .tags(Tag::builder().key("team").value("blue").build())
            .created_date(DateTime::from_millis(1_500))
            .deleted_date(DateTime::from_secs(2))
            .last_rotated_date(DateTime::from_secs(3))
            .last_changed_date(DateTime::from_secs(4))
            .build();
        let secret = listed(entry).unwrap();
        assert_eq!(secret.tags, [("team".to_owned(), "blue".to_owned())].into());
        assert_eq!(secret.created, Timestamp::from_millisecond(1_500).ok());
        assert_eq!(secret.deletion, Timestamp::from_second(2).ok());
        assert_eq!(secret.last_rotated, Timestamp::from_second(3).ok());
        assert_eq!(secret.last_changed, Timestamp::from_second(4).ok());
        assert!(!secret.has_value);
    }

    #[test]
    fn a_value_is_a_version_that_is_current() {
        let versions = |stages: &[&str]| {
            let stages = stages.iter().map(|stage| (*stage).to_owned()).collect();
            HashMap::from([("7a1c".to_owned(), stages)])
        };
        assert!(has_value(Some(&versions(&["AWSPENDING", "AWSCURRENT"]))));
        // A rotation that never came to its end has made a version, and no value.
        assert!(!has_value(Some(&versions(&["AWSPENDING"]))));
        assert!(!has_value(Some(&HashMap::new())));
        assert!(!has_value(None));
    }
}
