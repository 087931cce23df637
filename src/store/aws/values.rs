//! Values in AWS Secrets Manager.
//!
//! PutSecretValue takes no condition, so a new version first gets a label of ours, and then UpdateSecretVersionStage moves
//! `AWSCURRENT` to it from the version that it was seen on: AWS refuses that where the label is elsewhere by then. The first
//! version of all gets `AWSCURRENT` from AWS itself (PutSecretValue, `VersionStages`).

use aws_sdk_secretsmanager::types::SecretVersionsListEntry;
use secrecy::{ExposeSecret, SecretString};

use super::AwsStore;
use super::answer::timestamp;
use crate::config::{Characters, Kind};
use crate::manifest::StoreKey;
use crate::store::{CURRENT, StoreError, StoredValue, Version};

/// The staging label of a version that is to become the current one.
const CANDIDATE: &str = "GOLDENPATHPENDING";

/// What AWS says where a label is not on the version that it is to be taken from (UpdateSecretVersionStage, "Errors").
const INVALID: [&str; 2] = ["InvalidParameterException", "InvalidRequestException"];

/// The most that a page of ListSecretVersionIds holds (`MaxResults`).
const PAGE: i32 = 100;

impl AwsStore {
    pub(super) async fn list_versions(&self, key: &StoreKey) -> Result<Vec<Version>, StoreError> {
        let request = self.client.list_secret_version_ids().secret_id(key.as_str()).max_results(PAGE);
        let mut next: Option<String> = None;
        let mut versions = Vec::new();
        loop {
            let page = || request.clone().set_next_token(next.clone()).send();
            let page = self.ask("ListSecretVersionIds", Some(key), page).await?;
            versions.extend(page.versions.unwrap_or_default().into_iter().filter_map(version));
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) if next.as_ref() != Some(&token) => next = Some(token),
                _ => break,
            }
        }
        versions.sort_by(|one, other| (other.created, &one.stages).cmp(&(one.created, &other.stages)));
        Ok(versions)
    }

    pub(super) async fn get_value(&self, key: &StoreKey) -> Result<Option<StoredValue>, StoreError> {
        let request = self.client.get_secret_value().secret_id(key.as_str()).version_stage(CURRENT);
        match self.ask("GetSecretValue", Some(key), || request.clone().send()).await {
            Ok(found) => Ok(Some(StoredValue {
                version: found.version_id.unwrap_or_default(),
                text: found.secret_string.map(SecretString::from),
            })),
            // AWS says the same of a secret without a value as of one that is not there.
            Err(error @ StoreError::NotFound { .. }) => {
                let request = self.client.describe_secret().secret_id(key.as_str());
                self.ask("DescribeSecret", Some(key), || request.clone().send()).await.map_err(|_| error)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn put(
        &self,
        key: &StoreKey,
        value: &SecretString,
        version: &str,
        replaces: Option<&str>,
    ) -> Result<(), StoreError> {
        let send = || {
            let request = self.client.put_secret_value().secret_id(key.as_str()).client_request_token(version);
            request.version_stages(CANDIDATE).secret_string(value.expose_secret()).send()
        };
        let put = self.ask("PutSecretValue", Some(key), send).await?;
        let is_first = put.version_stages().iter().any(|stage| stage == CURRENT);
        let moved = match (is_first, replaces) {
            (true, _) => Ok(()),
            (false, replaces) => self.relabel(key, CURRENT, replaces, Some(version)).await,
        };
        // Whatever became of it, the label has served; one that stays would keep the version for ever.
        let _ = self.relabel(key, CANDIDATE, Some(version), None).await;
        moved
    }

    /// Moves a staging label from one version to another; fails where it is not on the first.
    pub(super) async fn relabel(
        &self,
        key: &StoreKey,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), StoreError> {
        let request = self.client.update_secret_version_stage().secret_id(key.as_str()).version_stage(label);
        let request =
            request.set_remove_from_version_id(from.map(str::to_owned)).set_move_to_version_id(to.map(str::to_owned));
        match self.tell("UpdateSecretVersionStage", key, || request.clone().send()).await {
            Err(StoreError::Rejected { code, .. }) if INVALID.contains(&code.as_str()) => {
                // The answer to an earlier try may have been lost.
                let is_done = to.is_some() && self.has_label(key, label, to).await?;
                if is_done { Ok(()) } else { Err(StoreError::ValueMoved { name: key.to_string() }) }
            }
            result => result,
        }
    }

    async fn has_label(&self, key: &StoreKey, label: &str, version: Option<&str>) -> Result<bool, StoreError> {
        let request = self.client.describe_secret().secret_id(key.as_str());
        let found = self.ask("DescribeSecret", Some(key), || request.clone().send()).await?;
        let stages = found.version_ids_to_stages().zip(version).and_then(|(versions, version)| versions.get(version));
        Ok(stages.is_some_and(|stages| stages.iter().any(|stage| stage == label)))
    }

    pub(super) async fn make_random(&self, wanted: &Characters) -> Result<SecretString, StoreError> {
        let has = |kind| wanted.from.contains(&kind);
        let request = self
            .client
            .get_random_password()
            .password_length(i64::from(wanted.length))
            .exclude_lowercase(!has(Kind::Lowercase))
            .exclude_uppercase(!has(Kind::Uppercase))
            .exclude_numbers(!has(Kind::Digits))
            .exclude_punctuation(!has(Kind::Symbols))
            .include_space(false)
            .require_each_included_type(true);
        let without = Some(&wanted.without).filter(|without| !without.is_empty()).cloned();
        let request = request.set_exclude_characters(without);
        let made = self.ask("GetRandomPassword", None, || request.clone().send()).await?;
        let made = SecretString::from(made.random_password.unwrap_or_default());
        // A text that is not what was asked for must never become a credential.
        let text = made.expose_secret();
        let is_wanted =
            |one: char| wanted.from.iter().any(|kind| kind.characters().contains(one)) && !wanted.without.contains(one);
        match text.chars().count() == usize::from(wanted.length) && text.chars().all(is_wanted) {
            true => Ok(made),
            false => Err(StoreError::Rejected {
                operation: "GetRandomPassword",
                name: None,
                code: "unfit".to_owned(),
                message: "what it made is not what was asked for".to_owned(),
            }),
        }
    }
}

fn version(entry: SecretVersionsListEntry) -> Option<Version> {
    let mut stages = entry.version_stages.unwrap_or_default();
    stages.sort();
    Some(Version {
        id: entry.version_id?,
        stages,
        created: entry.created_date.as_ref().and_then(timestamp),
        last_accessed: entry.last_accessed_date.as_ref().and_then(timestamp),
    })
}
