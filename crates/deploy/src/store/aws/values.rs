//! Values in AWS Secrets Manager.
//!
//! PutSecretValue takes no condition. So the current version is read before the call, and the
//! previous one after it: if the value was changed concurrently, the label is moved back to the
//! other change. That move has a condition: AWS rejects it if the label is on another version
//! then (UpdateSecretVersionStage, `RemoveFromVersionId`).

use std::collections::HashMap;
use std::time::Instant;

use aws_sdk_secretsmanager::types::SecretVersionsListEntry;
use secrecy::{ExposeSecret, SecretString};

use super::AwsStore;
use super::consistency::{Patience, is_about_deletion};
use super::error::UNREADABLE;
use super::response::timestamp;
use crate::store::{CURRENT, PREVIOUS, StoreError, StoredValue, ValueVersion};
use goldenpath_core::config::{CharacterClass, Characters};
use goldenpath_core::manifest::StoreKey;

/// The codes for a label that is not on the version to remove it from.
///
/// Source: UpdateSecretVersionStage, "Errors".
const INVALID: [&str; 2] = ["InvalidParameterException", "InvalidRequestException"];

/// The maximum number of versions per page (ListSecretVersionIds, `MaxResults`).
const PAGE: i32 = 100;

impl AwsStore {
    pub(super) async fn list_versions(
        &self,
        key: &StoreKey,
    ) -> Result<Vec<ValueVersion>, StoreError> {
        let request =
            self.client.list_secret_version_ids().secret_id(key.as_str()).max_results(PAGE);
        let mut next: Option<String> = None;
        let mut versions = Vec::new();
        loop {
            let page = || request.clone().set_next_token(next.clone()).send();
            let page = self.query("ListSecretVersionIds", Some(key), page).await?;
            versions.extend(page.versions.unwrap_or_default().into_iter().filter_map(version));
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) if next.as_ref() != Some(&token) => next = Some(token),
                _ => break,
            }
        }
        versions
            .sort_by(|one, other| (other.created, &one.stages).cmp(&(one.created, &other.stages)));
        Ok(versions)
    }

    pub(super) async fn get_value(
        &self,
        key: &StoreKey,
    ) -> Result<Option<StoredValue>, StoreError> {
        let request = self.client.get_secret_value().secret_id(key.as_str()).version_stage(CURRENT);
        match self.query("GetSecretValue", Some(key), || request.clone().send()).await {
            Ok(found) => Ok(Some(StoredValue {
                version: found.version_id.unwrap_or_default(),
                text: found.secret_string.map(SecretString::from),
            })),
            // AWS returns the same error for a secret without a value and for one that is missing.
            Err(error @ StoreError::NotFound { .. }) => {
                let request = self.client.describe_secret().secret_id(key.as_str());
                self.query("DescribeSecret", Some(key), || request.clone().send())
                    .await
                    .map_err(|_| error)?;
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
        let moved = || StoreError::ValueMoved { name: key.to_string() };
        let mut patience = Patience::since(Instant::now());
        loop {
            let labels = self.labels(key).await?;
            if is_current(&labels, replaces) {
                break;
            }
            // Without any label, the version that the caller has seen is newer than this answer.
            let is_older = replaces.is_some_and(|version| !labels.contains_key(version));
            if !is_older || !patience.wait(key).await {
                return Err(moved());
            }
        }
        let send = || {
            let request = self.client.put_secret_value().secret_id(key.as_str());
            request.client_request_token(version).secret_string(value.expose_secret()).send()
        };
        let unconfirmed = |reason: String| StoreError::NotConfirmed {
            name: key.to_string(),
            version: version.to_owned(),
            reason,
        };
        let written = self.query("PutSecretValue", Some(key), send).await;
        written.map_err(without_aws_message).map_err(|error| match error {
            // One of the tries may have arrived.
            StoreError::Unreachable { .. } => unconfirmed(error.to_string()),
            error => error,
        })?;
        self.written.note_value(key);
        let put = PutVersion { version, replaces };
        let mut patience = Patience::since(Instant::now());
        loop {
            let labels = self.labels(key).await.map_err(|error| unconfirmed(error.to_string()))?;
            match put.judge(&labels) {
                Verdict::Current => return Ok(()),
                Verdict::Moved => return Err(moved()),
                Verdict::Replaced(other) => {
                    return Err(match self.relabel(key, version, &other).await {
                        Ok(()) | Err(StoreError::ValueMoved { .. }) => moved(),
                        Err(error) => unconfirmed(error.to_string()),
                    });
                }
                Verdict::Older if patience.wait(key).await => {}
                Verdict::Older => {
                    return Err(unconfirmed("AWS still shows the version before it".to_owned()));
                }
            }
        }
    }

    /// Moves the current version's label between two versions.
    ///
    /// Fails if it is not on the first one.
    pub(super) async fn relabel(
        &self,
        key: &StoreKey,
        from: &str,
        to: &str,
    ) -> Result<(), StoreError> {
        let request = self
            .client
            .update_secret_version_stage()
            .secret_id(key.as_str())
            .version_stage(CURRENT);
        let request = request.remove_from_version_id(from).move_to_version_id(to);
        match self.execute("UpdateSecretVersionStage", key, || request.clone().send()).await {
            Err(StoreError::Rejected { operation, name, code, message })
                if INVALID.contains(&code.as_str()) && !is_about_deletion(&message) =>
            {
                // The response to an earlier try may have been lost. AWS says that the label is not
                // on the first version, so an answer that has it there is older than that.
                let mut patience = Patience::since(Instant::now());
                let unconfirmed = |reason: String| StoreError::NotConfirmed {
                    name: key.to_string(),
                    version: to.to_owned(),
                    reason,
                };
                loop {
                    let labels = self.labels(key).await;
                    let labels = labels.map_err(|error| unconfirmed(error.to_string()))?;
                    if has(&labels, to, CURRENT) {
                        return Ok(());
                    }
                    if !labels.contains_key(to) {
                        return Err(StoreError::Rejected { operation, name, code, message });
                    }
                    if !has(&labels, from, CURRENT) {
                        return Err(StoreError::ValueMoved { name: key.to_string() });
                    }
                    if !patience.wait(key).await {
                        return Err(unconfirmed(format!("AWS still shows {from}")));
                    }
                }
            }
            result => result,
        }
    }

    /// Returns the staging labels of each version.
    async fn labels(&self, key: &StoreKey) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let request = self.client.describe_secret().secret_id(key.as_str());
        let found = self.query("DescribeSecret", Some(key), || request.clone().send()).await?;
        Ok(found.version_ids_to_stages.unwrap_or_default())
    }

    pub(super) async fn random_password(
        &self,
        wanted: &Characters,
    ) -> Result<SecretString, StoreError> {
        let has = |kind| wanted.from.contains(&kind);
        let request = self
            .client
            .get_random_password()
            .password_length(i64::from(wanted.length))
            .exclude_lowercase(!has(CharacterClass::Lowercase))
            .exclude_uppercase(!has(CharacterClass::Uppercase))
            .exclude_numbers(!has(CharacterClass::Digits))
            .exclude_punctuation(!has(CharacterClass::Symbols))
            .include_space(false)
            .require_each_included_type(true);
        let without = Some(&wanted.without).filter(|without| !without.is_empty()).cloned();
        let request = request.set_exclude_characters(without);
        let response = self.query("GetRandomPassword", None, || request.clone().send()).await?;
        let password = SecretString::from(response.random_password.unwrap_or_default());
        // A text that does not match the request must never become a credential.
        let text = password.expose_secret();
        let is_wanted = |one: char| {
            wanted.from.iter().any(|kind| kind.characters().contains(one))
                && !wanted.without.contains(one)
        };
        if text.chars().count() == usize::from(wanted.length) && text.chars().all(is_wanted) {
            Ok(password)
        } else {
            Err(StoreError::Rejected {
                operation: "GetRandomPassword",
                name: None,
                code: "unfit".to_owned(),
                message: "the generated text does not match the request".to_owned(),
            })
        }
    }
}

/// A version that was written.
struct PutVersion<'a> {
    version: &'a str,
    /// The version that was the current one; None without a value.
    replaces: Option<&'a str>,
}

/// What the labels say about a version that was written.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is the current one, and replaced the expected one.
    Current,
    /// It is the current one, and replaced this concurrent change.
    Replaced(String),
    /// Another process has replaced it.
    Moved,
    /// The labels are from before the write.
    Older,
}

impl PutVersion<'_> {
    fn judge(&self, labels: &HashMap<String, Vec<String>>) -> Verdict {
        let holder = |label| labels.keys().find(|one| has(labels, one, label)).map(String::as_str);
        let (current, previous) = (holder(CURRENT), holder(PREVIOUS));
        if current != Some(self.version) {
            let is_known = labels.contains_key(self.version) && current.is_some();
            return if is_known { Verdict::Moved } else { Verdict::Older };
        }
        match previous {
            Some(other) if Some(other) != self.replaces && other != self.version => {
                Verdict::Replaced(other.to_owned())
            }
            _ => Verdict::Current,
        }
    }
}

/// Removes AWS's message from the error of a call that sent a value.
///
/// Some messages repeat the request ("Value '…' at 'secretString' failed to satisfy constraint").
pub(super) fn without_aws_message(error: StoreError) -> StoreError {
    const OMITTED: &str = "the message of AWS is omitted, because it may contain the value";
    let omitted = |message: &str| {
        if message.contains("KMS") || message.contains("kms:") {
            format!("the error concerns the KMS key; {OMITTED}")
        } else {
            OMITTED.to_owned()
        }
    };
    match error {
        StoreError::AccessDenied { operation, message } => {
            StoreError::AccessDenied { operation, message: omitted(&message) }
        }
        StoreError::Rejected { operation, name, code, message } => {
            let is_a_code = !code.is_empty()
                && code.len() <= 64
                && code.bytes().all(|one| one.is_ascii_alphabetic());
            let code = if is_a_code { code } else { "an unknown error".to_owned() };
            StoreError::Rejected { operation, name, code, message: omitted(&message) }
        }
        StoreError::ClockOff { .. } => StoreError::ClockOff { message: OMITTED.to_owned() },
        StoreError::NoCredentials { .. } => {
            StoreError::NoCredentials { reason: OMITTED.to_owned() }
        }
        // Other reasons come from the operating system; a parser's reason may quote the response.
        StoreError::Unreachable { endpoint, reason } if reason.starts_with(UNREADABLE) => {
            StoreError::Unreachable { endpoint, reason: UNREADABLE.to_owned() }
        }
        other => other,
    }
}

fn has(labels: &HashMap<String, Vec<String>>, version: &str, label: &str) -> bool {
    labels.get(version).is_some_and(|labels| labels.iter().any(|one| one == label))
}

/// Returns whether `version` is the current one; for None, whether there is none.
fn is_current(labels: &HashMap<String, Vec<String>>, version: Option<&str>) -> bool {
    match version {
        Some(version) => has(labels, version, CURRENT),
        None => !labels.keys().any(|version| has(labels, version, CURRENT)),
    }
}

fn version(entry: SecretVersionsListEntry) -> Option<ValueVersion> {
    let mut stages = entry.version_stages.unwrap_or_default();
    stages.sort();
    Some(ValueVersion {
        id: entry.version_id?,
        stages,
        created: entry.created_date.as_ref().and_then(timestamp),
        last_accessed: entry.last_accessed_date.as_ref().and_then(timestamp),
        kms_keys: entry.kms_key_ids.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `v2 AWSCURRENT, v1 AWSPREVIOUS`
    fn labels(text: &str) -> HashMap<String, Vec<String>> {
        let entries = text.split(", ").filter_map(|entry| entry.split_once(' '));
        entries.map(|(version, label)| (version.to_owned(), vec![label.to_owned()])).collect()
    }

    #[test]
    fn only_a_third_version_is_a_concurrent_change() {
        let put = PutVersion { version: "v2", replaces: Some("v1") };
        for (after, verdict) in [
            ("v2 AWSCURRENT, v1 AWSPREVIOUS", Verdict::Current),
            ("v2 AWSCURRENT", Verdict::Current),
            // The answer from before the write, and an even older one.
            ("v1 AWSCURRENT, v0 AWSPREVIOUS", Verdict::Older),
            ("v0 AWSCURRENT", Verdict::Older),
            ("", Verdict::Older),
            // Another process wrote v3 before this one; the second answer is not complete.
            ("v2 AWSCURRENT, v3 AWSPREVIOUS", Verdict::Replaced("v3".to_owned())),
            ("v3 AWSCURRENT, v1 AWSPREVIOUS", Verdict::Older),
            // Another process wrote v3 after it.
            ("v3 AWSCURRENT, v2 AWSPREVIOUS", Verdict::Moved),
            // Another process went back to the version before.
            ("v1 AWSCURRENT, v2 AWSPREVIOUS", Verdict::Moved),
        ] {
            assert_eq!(put.judge(&labels(after)), verdict, "{after}");
        }
    }

    #[test]
    fn an_error_of_a_call_that_carried_a_value_repeats_none_of_its_words() {
        const VALUE: &str = "hunter2canary";
        let echo = || format!("Value '{VALUE}' at 'secretString' failed");
        let rejected = |code: &str| StoreError::Rejected {
            operation: "PutSecretValue",
            name: Some("goldenpath/a".to_owned()),
            code: code.to_owned(),
            message: echo(),
        };
        for error in [
            StoreError::AccessDenied { operation: "PutSecretValue", message: echo() },
            StoreError::AccessDenied {
                operation: "PutSecretValue",
                message: format!("{} kms:Decrypt", echo()),
            },
            rejected("ValidationException"),
            rejected(VALUE),
            rejected(&VALUE.repeat(10)),
            StoreError::ClockOff { message: echo() },
            StoreError::NoCredentials { reason: echo() },
            StoreError::Unreachable {
                endpoint: "https://x".to_owned(),
                reason: format!("{UNREADABLE}: {}", echo()),
            },
        ] {
            let before = format!("{error:?}");
            assert!(before.contains(VALUE), "{before}");
            let shown = without_aws_message(error);
            assert!(!format!("{shown} {shown:?}").contains(VALUE), "{before} became {shown:?}");
        }
    }

    #[test]
    fn the_code_of_an_error_the_kms_key_and_the_network_s_reason_stay() {
        let rejected = StoreError::Rejected {
            operation: "PutSecretValue",
            name: None,
            code: "ValidationException".to_owned(),
            message: "the KMS key is disabled".to_owned(),
        };
        let shown = without_aws_message(rejected).to_string();
        assert!(shown.contains("ValidationException") && shown.contains("KMS key"), "{shown}");
        let reason = "connection refused".to_owned();
        let unreachable = StoreError::Unreachable { endpoint: "https://x".to_owned(), reason };
        let shown = without_aws_message(unreachable).to_string();
        assert!(shown.contains("connection refused"), "{shown}");
    }
}
