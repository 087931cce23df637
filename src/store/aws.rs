//! AWS Secrets Manager.

mod answer;
mod connection;
mod endpoint;
mod failure;
mod pace;
mod policy;
mod role;

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, RotationRulesType};

use super::{NewSecret, Rotation, SecretStore, SecretUpdate, StoreError, StoredSecret};
use crate::config::StoreConfig;
use crate::manifest::StoreKey;
use answer::{described, listed, tag_list};
use failure::Call;
use pace::Pace;

/// The most that a page of ListSecrets holds (ListSecrets, `MaxResults`).
const PAGE: i32 = 100;

/// One account's Secrets Manager in one region.
#[derive(Debug)]
pub struct AwsStore {
    client: Client,
    /// For asking which account this is.
    sts: aws_sdk_sts::Client,
    /// Where it is asked; None where nobody set that.
    sts_endpoint: Option<String>,
    region: String,
    /// Where requests go, for messages.
    endpoint: String,
    /// Somebody set the endpoint: it is not the region's own.
    overridden: bool,
    /// The role that is taken on; None where whoever runs goldenpath makes the calls.
    role: Option<String>,
    /// The four operations on resource policies share a quota that is far below that of reads (Secrets Manager quotas).
    policy_calls: Pace,
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
        Call { operation, key, endpoint: &self.endpoint, role: self.role.as_deref() }
    }

    /// What is to be said of a call whose answer holds nothing that is needed.
    fn done<T, E>(
        &self,
        operation: &'static str,
        key: &StoreKey,
        result: Result<T, SdkError<E>>,
    ) -> Result<(), StoreError>
    where
        E: aws_sdk_secretsmanager::error::ProvideErrorMetadata + std::error::Error + 'static,
    {
        result.map(drop).map_err(|error| self.call(operation, Some(key)).failed(error))
    }
}

impl SecretStore for AwsStore {
    fn place(&self) -> String {
        let mut place = format!("AWS Secrets Manager, {}", self.region);
        if self.overridden {
            place.push_str(&format!(" at {}", self.endpoint));
        }
        if let Some(role) = &self.role {
            place.push_str(&format!(", as {role}"));
        }
        place
    }

    async fn identity(&self) -> Result<String, StoreError> {
        // Its requests carry credentials too.
        if let Some(chosen) = &self.sts_endpoint {
            endpoint::check(chosen)?;
        }
        match self.sts.get_caller_identity().send().await {
            Ok(caller) => Ok(caller.account.unwrap_or_default()),
            Err(error) => {
                let endpoint = self.sts_endpoint.as_deref().unwrap_or("sts");
                Err(Call { endpoint, ..self.call("GetCallerIdentity", None) }.failed(error))
            }
        }
    }

    async fn sweep(&self, tag: &str) -> Result<Vec<StoredSecret>, StoreError> {
        let tagged = Filter::builder().key(FilterNameStringType::TagKey).values(tag).build();
        let filters = (!tag.is_empty()).then(|| vec![tagged]);
        let request = self.client.list_secrets().max_results(PAGE).include_planned_deletion(true).set_filters(filters);
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

    async fn policy(&self, key: &StoreKey) -> Result<Option<String>, StoreError> {
        self.policy_calls.turn().await;
        match self.client.get_resource_policy().secret_id(key.as_str()).send().await {
            Ok(found) => Ok(found.resource_policy),
            Err(error) => Err(self.call("GetResourcePolicy", Some(key)).failed(error)),
        }
    }

    async fn create(&self, key: &StoreKey, new: &NewSecret) -> Result<(), StoreError> {
        let request = self.client.create_secret().name(key.as_str()).description(&new.description);
        let request = request.set_tags(Some(tag_list(&new.tags))).set_kms_key_id(new.kms_key.clone());
        self.done("CreateSecret", key, request.send().await)
    }

    async fn restore(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.done("RestoreSecret", key, self.client.restore_secret().secret_id(key.as_str()).send().await)
    }

    async fn update(&self, key: &StoreKey, update: &SecretUpdate) -> Result<(), StoreError> {
        // UpdateSecret without a value makes no new version.
        let request = self.client.update_secret().secret_id(key.as_str());
        let request = request.set_description(update.description.clone()).set_kms_key_id(update.kms_key.clone());
        self.done("UpdateSecret", key, request.send().await)
    }

    async fn put_tags(&self, key: &StoreKey, tags: &BTreeMap<String, String>) -> Result<(), StoreError> {
        if tags.is_empty() {
            return Ok(()); // AWS refuses an empty list.
        }
        let request = self.client.tag_resource().secret_id(key.as_str()).set_tags(Some(tag_list(tags)));
        self.done("TagResource", key, request.send().await)
    }

    async fn put_policy(&self, key: &StoreKey, policy: &str) -> Result<(), StoreError> {
        policy::put(self, key, policy).await
    }

    async fn delete_policy(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.policy_calls.turn().await;
        let request = self.client.delete_resource_policy().secret_id(key.as_str());
        self.done("DeleteResourcePolicy", key, request.send().await)
    }

    async fn rotate(&self, key: &StoreKey, rotation: &Rotation) -> Result<(), StoreError> {
        let rules = RotationRulesType::builder().set_automatically_after_days(rotation.days.map(i64::from)).build();
        let request = self.client.rotate_secret().secret_id(key.as_str()).rotation_lambda_arn(&rotation.function);
        let request = request.rotation_rules(rules).rotate_immediately(false);
        self.done("RotateSecret", key, request.send().await)
    }
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
}
