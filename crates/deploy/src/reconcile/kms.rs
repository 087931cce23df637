//! The KMS keys of secrets and of the versions of their values.

use crate::store::{SecretStore, Store, StoreError, StoredSecret};
use goldenpath_core::arn;
use goldenpath_core::arn::Arn;
use goldenpath_core::config::{Backend, Config};
use goldenpath_core::manifest::{SecretRequest, StoreKey};
use goldenpath_core::rules::OldKey;

/// The key that AWS manages, as it names it for a version (ListSecretVersionIds, "Examples").
const DEFAULT_OF_VERSION: &str = "DefaultEncryptionKey";

/// Whether two names are of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyMatch {
    Same,
    Different,
    /// An alias and an ID: only KMS knows.
    Unknown,
}

/// Returns whether both name the same key.
///
/// An ID or alias may be given alone or as part of an ARN, and a store returns the form that was
/// set (DescribeSecret, `KmsKeyId`: "the key ID or alias ARN").
pub(super) fn is_same_key(wanted: &str, found: Option<&str>) -> bool {
    compare_keys(Some(wanted), found) == KeyMatch::Same
}

fn compare_keys(one: Option<&str>, other: Option<&str>) -> KeyMatch {
    let (one, other) = match (named(one), named(other)) {
        (None, None) => return KeyMatch::Same,
        (Some(one), Some(other)) => (one, other),
        _ => return KeyMatch::Different,
    };
    let is_same = match (Arn::parse(one), Arn::parse(other)) {
        (Some(_), Some(_)) => one == other,
        _ => short(one) == short(other),
    };
    match is_same {
        true => KeyMatch::Same,
        false if is_alias(one) == is_alias(other) => KeyMatch::Different,
        false => KeyMatch::Unknown,
    }
}

/// Returns a key; None for the one that AWS manages.
fn named(key: Option<&str>) -> Option<&str> {
    key.filter(|key| *key != DEFAULT_OF_VERSION && !arn::is_default_kms_key(Some(key)))
}

fn short(key: &str) -> &str {
    let resource = Arn::parse(key).map_or(key, |arn| arn.resource);
    resource.strip_prefix("key/").unwrap_or(resource)
}

fn is_alias(key: &str) -> bool {
    short(key).starts_with("alias/")
}

/// Returns the account of a secret in AWS that is encrypted with the key that AWS manages.
///
/// None with a customer's key, or if the account is not known.
#[must_use]
pub fn account_of_default_key(
    config: &Config,
    request: &SecretRequest,
    actual: Option<&StoredSecret>,
) -> Option<String> {
    let environment = request.environment.as_str();
    let store = config.store_of(environment);
    let key = store.kms_key_id.as_deref();
    let key = key.or(actual.and_then(|found| found.kms_key.as_deref()));
    let of_arn = actual.and_then(|found| arn::account(found.arn.as_deref()?));
    of_arn
        .or(config.account_of(environment))
        .filter(|_| store.backend == Some(Backend::Aws) && arn::is_default_kms_key(key))
        .map(str::to_owned)
}

/// Returns the old key with which the current value can still be decrypted.
///
/// None if there is no such key, or if the store does not say by which keys.
///
/// # Errors
/// If the store cannot be reached or rejects the call.
pub async fn find_old_key(
    store: &Store,
    key: &StoreKey,
    wanted: Option<&str>,
) -> Result<Option<OldKey>, StoreError> {
    Ok(old_key(&current_keys(store, key).await?, wanted))
}

fn old_key(keys: &[String], wanted: Option<&str>) -> Option<OldKey> {
    let matches = |key: &&String, expected| compare_keys(wanted, Some(key)) == expected;
    let old = keys.iter().find(|key| matches(key, KeyMatch::Different))?;
    let is_exclusive = keys.iter().all(|key| matches(&key, KeyMatch::Different));
    let shown = if named(Some(old)).is_none() { "the account's default" } else { old };
    Some(OldKey { key: shown.to_owned(), is_exclusive })
}

/// Returns whether one of these keys is certainly another one than `wanted`.
pub(super) fn has_old_key(keys: &[String], wanted: &str) -> bool {
    old_key(keys, Some(wanted)).is_some()
}

/// Returns the keys of the current version; none if the store does not name them.
pub(super) async fn current_keys(store: &Store, key: &StoreKey) -> Result<Vec<String>, StoreError> {
    let versions = store.versions(key).await?;
    let current = versions.into_iter().find(|version| version.is_current());
    Ok(current.map(|version| version.kms_keys).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn a_key_is_the_same_by_id_alias_and_arn() {
        let arn = format!("arn:aws:kms:eu-west-2:123456789012:key/{ID}");
        let other = format!("arn:aws:kms:us-east-1:123456789012:key/{ID}");
        let alias = "arn:aws:kms:eu-west-2:123456789012:alias/secrets";
        for (one, two) in
            [(ID, ID), (ID, &arn), (&arn, ID), ("alias/secrets", alias), (alias, "alias/secrets")]
        {
            assert!(is_same_key(one, Some(two)), "{one} {two}");
        }
        for (one, two) in [
            (ID, None),
            ("alias/secrets", Some("alias/other")),
            (&arn, Some(other.as_str())),
            (ID, Some(alias)),
        ] {
            assert!(!is_same_key(one, two), "{one} {two:?}");
        }
        let default = "arn:aws:kms:eu-west-2:123456789012:alias/aws/secretsmanager";
        for wanted in ["", "alias/aws/secretsmanager", default] {
            for found in [None, Some(""), Some("alias/aws/secretsmanager"), Some(default)] {
                assert!(is_same_key(wanted, found), "{wanted} {found:?}");
            }
            assert!(!is_same_key(wanted, Some("alias/secrets")), "{wanted}");
        }
    }

    #[test]
    fn a_version_is_under_an_old_key_if_that_is_certain() {
        let other = "arn:aws:kms:eu-west-2:123456789012:key/00000000-0000-0000-0000-000000000000";
        let find = |keys: &[&str], wanted| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            old_key(&keys, wanted).map(|old| (old.key, old.is_exclusive))
        };
        let default = "the account's default".to_owned();
        assert_eq!(find(&[DEFAULT_OF_VERSION], Some(ID)), Some((default.clone(), true)));
        assert_eq!(find(&[DEFAULT_OF_VERSION, ID], Some(ID)), Some((default, false)));
        assert_eq!(find(&[other], Some(ID)), Some((other.to_owned(), true)));
        assert_eq!(find(&[other], Some("")), Some((other.to_owned(), true)));
        for (keys, wanted) in [
            (&[] as &[&str], Some(ID)),
            (&[ID], Some(ID)),
            (&[DEFAULT_OF_VERSION], Some("alias/aws/secretsmanager")),
            // Only KMS knows which key an alias is of.
            (&[other], Some("alias/secrets")),
        ] {
            assert_eq!(find(keys, wanted), None, "{keys:?}");
        }
    }
}
