//! The store in AWS Secrets Manager.

mod connection;
mod consistency;
mod error;
mod identity;
mod mfa;
mod probe;
mod profile;
mod proxy;
mod put_policy;
mod rate_limit;
mod replication;
mod response;
mod retry;
mod role;
mod values;

use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::types::{
    ExternalSecretRotationMetadataItem, Filter, FilterNameStringType, RotationRulesType,
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    NewSecret, RotationState, SecretCreation, SecretStore, SecretUpdate, StoreError, StoreIdentity,
    StoredSecret, StoredValue, ValueVersion,
};
use connection::CredentialChain;
use consistency::{WrittenSecrets, is_about_deletion};
use error::Call;
use goldenpath_core::config::{Characters, ReplicaRegion, Rotator, StoreConfig};
use goldenpath_core::manifest::StoreKey;
use identity::AwsIdentity;
pub use probe::StoreProbe;
use rate_limit::RateLimits;
use response::{described, listed, tag_list};

pub use consistency::set_listener;
pub use mfa::set_code_prompt;

/// The maximum number of secrets per page (ListSecrets, `MaxResults`).
const PAGE: i32 = 100;

/// The code for a token that is not valid any more (ListSecrets, "Errors").
const BAD_TOKEN: &str = "InvalidNextTokenException";

/// How often a list begins again because its token has expired.
const MAX_RESTARTS: u32 = 3;

/// The Secrets Manager of one account in one region.
#[derive(Debug)]
pub struct AwsStore {
    client: Client,
    /// For the account and the caller's identity.
    sts: aws_sdk_sts::Client,
    /// None if no endpoint of STS is configured.
    sts_endpoint: Option<String>,
    region: String,
    /// Where requests go, for messages.
    endpoint: String,
    /// Whether the endpoint is configured, and not the region's default.
    overridden: bool,
    /// The role to assume; None if the calls use the credentials of the standard chain.
    role: Option<String>,
    identity: AwsIdentity,
    rate_limits: RateLimits,
    written: WrittenSecrets,
}

impl AwsStore {
    /// Creates a client, and asks STS for the account.
    ///
    /// # Errors
    /// If a region, endpoint or proxy is missing or unusable, the credentials are not usable, or
    /// they are of another account than the configured one.
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let store = Self::connect(config).await?;
        store.identify().await?;
        Ok(store)
    }

    /// Creates a client from the configuration, the environment and the AWS profile.
    ///
    /// Makes no call: credentials are fetched with the first one. Only a session with multi-factor
    /// authentication is requested at once, since the user is asked for a code.
    ///
    /// # Errors
    /// If a region, endpoint or proxy is missing or unusable, or there is no such session.
    pub async fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        connection::connect(config, CredentialChain::Standard).await
    }

    fn call<'a>(&'a self, operation: &'static str, key: Option<&'a StoreKey>) -> Call<'a> {
        Call { operation, key, endpoint: &self.endpoint, role: self.role.as_deref() }
    }

    /// Makes a call, with retries, and ignores its response.
    async fn execute<T, E, F>(
        &self,
        operation: &'static str,
        key: &StoreKey,
        send: impl Fn() -> F,
    ) -> Result<(), StoreError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.query(operation, Some(key), send).await.map(drop)
    }
}

impl SecretStore for AwsStore {
    fn place(&self) -> String {
        let mut place = match self.known_identity().account.number() {
            Some(number) => format!("AWS Secrets Manager, {number} {}", self.region),
            None => format!("AWS Secrets Manager, {}", self.region),
        };
        if self.overridden {
            place.push_str(&format!(" at {}", self.endpoint));
        }
        if let Some(role) = &self.role {
            place.push_str(&format!(", as {role}"));
        }
        place
    }

    fn identity(&self) -> StoreIdentity {
        self.known_identity()
    }

    async fn sweep(
        &self,
        tag: &str,
        read: &dyn Fn(usize),
    ) -> Result<Vec<StoredSecret>, StoreError> {
        let tagged = Filter::builder().key(FilterNameStringType::TagKey).values(tag).build();
        let filters = (!tag.is_empty()).then(|| vec![tagged]);
        let request = self
            .client
            .list_secrets()
            .max_results(PAGE)
            .include_planned_deletion(true)
            .set_filters(filters);
        let mut next: Option<String> = None;
        let mut restarts = 0;
        // By name: a list that changes between two pages can contain a secret twice.
        let mut secrets = BTreeMap::new();
        loop {
            let page = || request.clone().set_next_token(next.clone()).send();
            let page = match self.query("ListSecrets", None, page).await {
                // The token has expired: the list begins again.
                Err(StoreError::Rejected { code, .. })
                    if code == BAD_TOKEN && next.is_some() && restarts < MAX_RESTARTS =>
                {
                    restarts += 1;
                    next = None;
                    secrets.clear();
                    continue;
                }
                page => page?,
            };
            let entries = page.secret_list.unwrap_or_default();
            read(entries.len());
            let entries = entries.into_iter().filter_map(listed);
            let entries: Vec<StoredSecret> = entries.collect();
            self.observe(entries.first().and_then(|secret| secret.arn.as_deref()))?;
            secrets.extend(entries.into_iter().map(|secret| (secret.name.clone(), secret)));
            match page.next_token.filter(|token| !token.is_empty()) {
                // A repeated token would return the same page forever.
                Some(token) if next.as_ref() != Some(&token) => next = Some(token),
                _ => return Ok(secrets.into_values().collect()),
            }
        }
    }

    async fn describe(&self, key: &StoreKey) -> Result<Option<StoredSecret>, StoreError> {
        let request = self.client.describe_secret().secret_id(key.as_str());
        let mut patience = self.written.patience(key);
        loop {
            match self.query("DescribeSecret", Some(key), || request.clone().send()).await {
                Ok(found) => {
                    self.observe(found.arn())?;
                    let found = described(found, key);
                    self.written.note_new(key, &found);
                    // What is still different in the end was changed by another process.
                    if !self.written.is_stale(key, &found) || !patience.wait(key).await {
                        return Ok(Some(found));
                    }
                }
                Err(StoreError::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn expect(&self, key: &StoreKey) {
        self.written.note_expected(key);
    }

    async fn policy(&self, key: &StoreKey) -> Result<Option<String>, StoreError> {
        let request = self.client.get_resource_policy().secret_id(key.as_str());
        let found = self.query("GetResourcePolicy", Some(key), || request.clone().send()).await?;
        Ok(found.resource_policy)
    }

    async fn versions(&self, key: &StoreKey) -> Result<Vec<ValueVersion>, StoreError> {
        self.list_versions(key).await
    }

    async fn value(&self, key: &StoreKey) -> Result<Option<StoredValue>, StoreError> {
        self.get_value(key).await
    }

    async fn put_value(
        &self,
        key: &StoreKey,
        value: &SecretString,
        version: &str,
        replaces: Option<&str>,
    ) -> Result<(), StoreError> {
        self.put(key, value, version, replaces).await
    }

    async fn make_current(
        &self,
        key: &StoreKey,
        version: &str,
        replaces: &str,
    ) -> Result<(), StoreError> {
        self.relabel(key, replaces, version).await
    }

    async fn random(&self, wanted: &Characters) -> Result<SecretString, StoreError> {
        self.random_password(wanted).await
    }

    async fn create(
        &self,
        key: &StoreKey,
        new: &NewSecret,
        value: Option<&SecretString>,
    ) -> Result<SecretCreation, StoreError> {
        // The SDK would give each request a token of its own, and the token is the version's ID:
        // all tries share one.
        let token = value.map(|_| crate::value::token()).transpose();
        let token = token.map_err(|error| StoreError::NoValue { reason: error.to_string() })?;
        let send = || {
            let request =
                self.client.create_secret().name(key.as_str()).description(&new.description);
            let request =
                request.set_tags(Some(tag_list(&new.tags))).set_kms_key_id(new.kms_key.clone());
            let value = value.map(|value| value.expose_secret().to_owned());
            let request = request.set_type(new.external_type.clone());
            request.set_client_request_token(token.clone()).set_secret_string(value).send()
        };
        let created = match self.query("CreateSecret", Some(key), send).await {
            Ok(created) => created,
            Err(error) => {
                if let StoreError::AlreadyExists { .. } = error {
                    self.written.note_exists(key);
                }
                let has_value = value.is_some();
                return Err(if has_value { values::without_aws_message(error) } else { error });
            }
        };
        self.written.note_exists(key);
        self.written.note_tags(key, &new.tags);
        if value.is_some() {
            self.written.note_value(key);
        }
        Ok(SecretCreation { arn: created.arn, version: created.version_id })
    }

    async fn restore(&self, key: &StoreKey) -> Result<(), StoreError> {
        let request = self.client.restore_secret().secret_id(key.as_str());
        self.execute("RestoreSecret", key, || request.clone().send()).await?;
        self.written.note_exists(key);
        Ok(())
    }

    async fn delete(&self, key: &StoreKey, days: u8) -> Result<(), StoreError> {
        let request = self
            .client
            .delete_secret()
            .secret_id(key.as_str())
            .recovery_window_in_days(i64::from(days));
        match self.execute("DeleteSecret", key, || request.clone().send()).await {
            // It is marked already: the answer to an earlier try was lost.
            Err(StoreError::Rejected { message, .. }) if is_about_deletion(&message) => {}
            result => result?,
        }
        self.written.note_marked(key);
        Ok(())
    }

    async fn update(&self, key: &StoreKey, update: &SecretUpdate) -> Result<(), StoreError> {
        // UpdateSecret without a value creates no version.
        let request = self.client.update_secret().secret_id(key.as_str());
        let request = request
            .set_description(update.description.clone())
            .set_kms_key_id(update.kms_key.clone())
            .set_type(update.external_type.clone());
        self.execute("UpdateSecret", key, || request.clone().send()).await?;
        self.written.note_description(key, update.description.as_ref());
        Ok(())
    }

    async fn put_tags(
        &self,
        key: &StoreKey,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        if tags.is_empty() {
            return Ok(()); // AWS rejects an empty list.
        }
        let request =
            self.client.tag_resource().secret_id(key.as_str()).set_tags(Some(tag_list(tags)));
        self.execute("TagResource", key, || request.clone().send()).await?;
        self.written.note_tags(key, tags);
        Ok(())
    }

    async fn put_policy(&self, key: &StoreKey, policy: &str) -> Result<(), StoreError> {
        put_policy::put(self, key, policy).await
    }

    async fn delete_policy(&self, key: &StoreKey) -> Result<(), StoreError> {
        let request = self.client.delete_resource_policy().secret_id(key.as_str());
        self.execute("DeleteResourcePolicy", key, || request.clone().send()).await
    }

    async fn rotate(&self, key: &StoreKey, rotation: &RotationState) -> Result<(), StoreError> {
        let rules = RotationRulesType::builder()
            .set_automatically_after_days(rotation.days.map(i64::from))
            .build();
        // The token is the ID of the version that a rotation creates: all tries share one.
        let token = crate::value::token()
            .map_err(|error| StoreError::NoValue { reason: error.to_string() })?;
        let request = self
            .client
            .rotate_secret()
            .secret_id(key.as_str())
            .client_request_token(token)
            .rotation_rules(rules)
            .rotate_immediately(false);
        let request = match &rotation.rotator {
            Rotator::Function(function) => request.rotation_lambda_arn(function),
            // The service that owns the secret knows how (RotateSecret, `RotationLambdaARN`).
            Rotator::OwningService => request,
            Rotator::Partner { role, metadata } => {
                let items = metadata.iter().map(|(key, value)| {
                    ExternalSecretRotationMetadataItem::builder().key(key).value(value).build()
                });
                request
                    .external_secret_rotation_role_arn(role)
                    .set_external_secret_rotation_metadata(Some(items.collect()))
            }
        };
        let rotated = self.execute("RotateSecret", key, || request.clone().send()).await;
        rotated.map_err(|error| match &rotation.rotator {
            Rotator::Function(function) => error::about_function(error, function),
            Rotator::OwningService | Rotator::Partner { .. } => error,
        })
    }

    async fn cancel_rotation(&self, key: &StoreKey) -> Result<(), StoreError> {
        let request = self.client.cancel_rotate_secret().secret_id(key.as_str());
        self.execute("CancelRotateSecret", key, || request.clone().send()).await
    }

    async fn add_replica(&self, key: &StoreKey, replica: &ReplicaRegion) -> Result<(), StoreError> {
        replication::add(self, key, replica).await
    }

    async fn remove_replica(&self, key: &StoreKey, region: &str) -> Result<(), StoreError> {
        replication::remove(self, key, region).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn connect(region: &str, endpoint: Option<&str>) -> Result<AwsStore, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let endpoint_url = endpoint.map(str::to_owned);
        let config =
            StoreConfig { region: Some(region.to_owned()), endpoint_url, ..StoreConfig::default() };
        runtime.block_on(AwsStore::connect(&config))
    }

    #[test]
    fn a_client_is_created_without_a_call_and_its_place_names_the_endpoint() {
        let store = connect("eu-west-2", Some("http://127.0.0.1:1")).unwrap();
        assert_eq!(store.place(), "AWS Secrets Manager, eu-west-2 at http://127.0.0.1:1");
    }

    #[test]
    fn a_malformed_region_and_a_foreign_or_plain_http_endpoint_are_rejected() {
        assert!(matches!(
            connect("eu-west-2.example.org/", None),
            Err(StoreError::BadRegion { .. })
        ));
        let plain = connect("eu-west-2", Some("http://example.org"));
        assert!(matches!(plain, Err(StoreError::PlainHttp { .. })));
        for foreign in ["https://example.org", "https://secretsmanager.us-east-1.amazonaws.com"] {
            let refused = connect("eu-west-2", Some(foreign));
            assert!(matches!(refused, Err(StoreError::ForeignEndpoint { .. })), "{foreign}");
        }
        assert!(
            connect("eu-west-2", Some("https://secretsmanager.eu-west-2.amazonaws.com")).is_ok()
        );
    }

    #[test]
    fn a_credential_in_an_endpoint_is_never_shown() {
        for leaky in [
            "https://AKIA:hunter2@localhost",
            "http:///AKIA:hunter2@localhost",
            "AKIA:hunter2@localhost",
        ] {
            let error = connect("eu-west-2", Some(leaky)).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
