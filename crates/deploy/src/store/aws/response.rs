//! The conversion of API responses to a secret's metadata.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::primitives::DateTime;
use aws_sdk_secretsmanager::types::{
    ExternalSecretRotationMetadataItem, ReplicationStatusType, RotationRulesType, SecretListEntry,
    StatusType, Tag,
};
use jiff::Timestamp;

use super::error::readable;
use crate::store::{CURRENT, Replica, ReplicaStatus, RotationState, StoredSecret};
use goldenpath_core::arn;
use goldenpath_core::config::Rotator;
use goldenpath_core::manifest::StoreKey;

/// Converts an entry of ListSecrets; None for one without a name.
///
/// AWS's model allows such an entry, but AWS sends none.
pub(super) fn listed(entry: SecretListEntry) -> Option<StoredSecret> {
    let rotator = rotator(
        entry.rotation_lambda_arn.as_deref(),
        entry.external_secret_rotation_role_arn.as_deref(),
        entry.external_secret_rotation_metadata.as_deref().unwrap_or_default(),
    );
    let rotation = rotation(entry.rotation_enabled, rotator, entry.rotation_rules.as_ref());
    let arn = entry.arn;
    Some(StoredSecret {
        name: entry.name?,
        arn: arn.clone(),
        description: entry.description,
        tags: tag_map(entry.tags.unwrap_or_default()),
        kms_key: entry.kms_key_id,
        rotation,
        created: entry.created_date.as_ref().and_then(timestamp),
        deletion: entry.deleted_date.as_ref().and_then(timestamp),
        current_version: current(entry.secret_versions_to_stages.as_ref()),
        last_rotated: entry.last_rotated_date.as_ref().and_then(timestamp),
        last_changed: entry.last_changed_date.as_ref().and_then(timestamp),
        replica_of: replica_of(entry.primary_region.as_deref(), arn.as_deref()),
        last_accessed: entry.last_accessed_date.as_ref().and_then(timestamp),
        // ListSecrets does not say.
        replicas: None,
        external_type: entry.r#type.filter(|text| !text.is_empty()),
        owning_service: entry.owning_service.filter(|text| !text.is_empty()),
    })
}

pub(super) fn described(found: DescribeSecretOutput, key: &StoreKey) -> StoredSecret {
    StoredSecret {
        arn: found.arn().map(str::to_owned),
        kms_key: found.kms_key_id().map(str::to_owned),
        rotation: rotation(
            found.rotation_enabled(),
            rotator(
                found.rotation_lambda_arn(),
                found.external_secret_rotation_role_arn(),
                found.external_secret_rotation_metadata(),
            ),
            found.rotation_rules(),
        ),
        external_type: found.r#type().filter(|text| !text.is_empty()).map(str::to_owned),
        owning_service: found.owning_service().filter(|text| !text.is_empty()).map(str::to_owned),
        created: found.created_date().and_then(timestamp),
        deletion: found.deleted_date().and_then(timestamp),
        current_version: current(found.version_ids_to_stages()),
        last_rotated: found.last_rotated_date().and_then(timestamp),
        last_changed: found.last_changed_date().and_then(timestamp),
        replica_of: replica_of(found.primary_region(), found.arn()),
        replicas: Some(found.replication_status().iter().filter_map(replica).collect()),
        last_accessed: found.last_accessed_date().and_then(timestamp),
        tags: tag_map(found.tags().to_vec()),
        description: found.description().map(str::to_owned),
        name: found.name().unwrap_or(key.as_str()).to_owned(),
    }
}

/// Returns the region of the primary secret, if the one with this ARN is in another region.
///
/// AWS names the primary's region on the primary, too.
fn replica_of(primary: Option<&str>, arn: Option<&str>) -> Option<String> {
    let own = arn.and_then(arn::region);
    primary.filter(|primary| !primary.is_empty() && own != Some(*primary)).map(str::to_owned)
}

/// Converts an entry of the replication status; None for one without a region.
///
/// AWS's model allows such an entry, but AWS sends none.
pub(super) fn replica(found: &ReplicationStatusType) -> Option<Replica> {
    Some(Replica {
        region: found.region()?.to_owned(),
        kms_key: found.kms_key_id().map(str::to_owned),
        status: match found.status() {
            Some(StatusType::InSync) => ReplicaStatus::InSync,
            Some(StatusType::InProgress) => ReplicaStatus::InProgress,
            Some(StatusType::Failed) => ReplicaStatus::Failed,
            _ => ReplicaStatus::Unknown,
        },
        message: found.status_message().map(readable).filter(|message| !message.is_empty()),
        last_accessed: found.last_accessed_date().and_then(timestamp),
    })
}

/// Returns the rotation, if it is enabled.
///
/// A secret keeps its rules when its rotation is canceled (CancelRotateSecret).
fn rotation(
    enabled: Option<bool>,
    rotator: Rotator,
    rules: Option<&RotationRulesType>,
) -> Option<RotationState> {
    if enabled != Some(true) {
        return None;
    }
    // AWS also returns days for an expression that is in days.
    let days = rules.filter(|rules| rules.schedule_expression().is_none());
    let days = days
        .and_then(RotationRulesType::automatically_after_days)
        .and_then(|days| u16::try_from(days).ok());
    Some(RotationState { rotator, days })
}

/// Returns who rotates a secret whose rotation is enabled.
fn rotator(
    function: Option<&str>,
    role: Option<&str>,
    metadata: &[ExternalSecretRotationMetadataItem],
) -> Rotator {
    let is_set = |text: &&str| !text.is_empty();
    match (function.filter(is_set), role.filter(is_set)) {
        (Some(function), _) => Rotator::Function(function.to_owned()),
        (None, Some(role)) => {
            let items = metadata.iter().filter_map(|item| Some((item.key()?, item.value()?)));
            let items = items.map(|(key, value)| (key.to_owned(), value.to_owned()));
            Rotator::Partner { role: role.to_owned(), metadata: items.collect() }
        }
        (None, None) => Rotator::OwningService,
    }
}

/// Returns the current version (GetSecretValue, `VersionStage`).
fn current(versions: Option<&HashMap<String, Vec<String>>>) -> Option<String> {
    let is_current = |stages: &[String]| stages.iter().any(|stage| stage == CURRENT);
    versions?.iter().find(|(_, stages)| is_current(stages)).map(|(id, _)| id.clone())
}

pub(super) fn tag_list(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn tag_map(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

pub(super) fn timestamp(date: &DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(date.as_nanos()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
        assert!(!secret.has_value());
    }

    #[test]
    fn a_replica_keeps_its_status_and_a_status_of_another_kind_is_unknown() {
        let entry = |status: &str| {
            let entry = ReplicationStatusType::builder().region("eu-west-1").status(status.into());
            replica(&entry.status_message("a\nb").build()).unwrap()
        };
        for (status, expected) in [
            ("InSync", ReplicaStatus::InSync),
            ("InProgress", ReplicaStatus::InProgress),
            ("Failed", ReplicaStatus::Failed),
            ("Detached", ReplicaStatus::Unknown),
            ("OfTomorrow", ReplicaStatus::Unknown),
        ] {
            assert_eq!(entry(status).status, expected, "{status}");
        }
        assert_eq!(entry("Failed").describe_status(), "failed: a b");
        assert_eq!(entry("InSync").describe_status(), "in sync");
        assert_eq!(replica(&ReplicationStatusType::builder().build()), None);
    }

    #[test]
    fn only_a_current_version_is_a_value() {
        let versions = |stages: &[&str]| {
            let stages = stages.iter().map(|stage| (*stage).to_owned()).collect();
            HashMap::from([("7a1c".to_owned(), stages)])
        };
        assert_eq!(
            current(Some(&versions(&["AWSPENDING", "AWSCURRENT"]))).as_deref(),
            Some("7a1c")
        );
        // A rotation that did not finish leaves a pending version, and no value.
        assert_eq!(current(Some(&versions(&["AWSPENDING"]))), None);
        assert_eq!(current(Some(&HashMap::new())), None);
        assert_eq!(current(None), None);
    }

    #[test]
    fn a_disabled_rotation_is_none_and_an_expression_has_no_days() {
        let days = RotationRulesType::builder().automatically_after_days(30).build();
        let scheduled =
            RotationRulesType::builder().schedule_expression("cron(0 8 1 * ? *)").build();
        let function = || Rotator::Function("arn:f".to_owned());
        assert_eq!(rotation(Some(false), function(), Some(&days)), None);
        let rotation = |rules| rotation(Some(true), function(), Some(rules));
        assert_eq!(rotation(&days), Some(RotationState { rotator: function(), days: Some(30) }));
        assert_eq!(rotation(&scheduled), Some(RotationState { rotator: function(), days: None }));
    }

    #[test]
    fn a_rotation_without_a_function_is_a_partners_or_a_services() {
        let item = ExternalSecretRotationMetadataItem::builder();
        let items = [item.key("apiVersion").value("v65.0").build()];
        let metadata = [("apiVersion".to_owned(), "v65.0".to_owned())].into();
        assert_eq!(
            rotator(None, Some("arn:role"), &items),
            Rotator::Partner { role: "arn:role".to_owned(), metadata }
        );
        assert_eq!(rotator(None, None, &[]), Rotator::OwningService);
        assert_eq!(rotator(Some("arn:f"), None, &[]), Rotator::Function("arn:f".to_owned()));
    }
}
