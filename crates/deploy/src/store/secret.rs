//! A secret's metadata in a store, and the changes to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;

use goldenpath_core::config::Rotator;

/// A secret's metadata as a store has it, without its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredSecret {
    /// The name as the store has it.
    ///
    /// That of an unmanaged secret need not be a
    /// [`StoreKey`](goldenpath_core::manifest::StoreKey).
    pub name: String,
    /// The name across accounts and regions; the local store has none.
    pub arn: Option<String>,
    /// None if it was never set; AWS leaves out an empty one, too.
    pub description: Option<String>,
    /// Values by name.
    pub tags: BTreeMap<String, String>,
    /// The KMS key, as it was set; None for the account's default key.
    ///
    /// Source: DescribeSecret, `KmsKeyId`.
    pub kms_key: Option<String>,
    /// None if it is not rotated.
    pub rotation: Option<RotationState>,
    /// None if the store does not know.
    pub created: Option<Timestamp>,
    /// The end of the recovery window (`DeletedDate`), if marked for deletion.
    pub deletion: Option<Timestamp>,
    /// The day of the last access to the value, if there was one and the store knows.
    pub last_accessed: Option<Timestamp>,
    /// The version of the value that readers get; None if there is no value.
    pub current_version: Option<String>,
    /// When the store rotated the value last.
    pub last_rotated: Option<Timestamp>,
    /// When the value, description or tags were changed last.
    pub last_changed: Option<Timestamp>,
    /// The region of the secret that this one is a replica of; None if it is none.
    ///
    /// Source: DescribeSecret, `PrimaryRegion`.
    pub replica_of: Option<String>,
    /// The replicas in other regions; None if they are not known, as in a list.
    ///
    /// Source: DescribeSecret, `ReplicationStatus`.
    pub replicas: Option<Vec<Replica>>,
    /// The partner's name for its type; None unless a partner holds the credential.
    ///
    /// Source: DescribeSecret, `Type`.
    pub external_type: Option<String>,
    /// The AWS service that created the secret and owns it; None if none does.
    ///
    /// Source: DescribeSecret, `OwningService`.
    pub owning_service: Option<String>,
}

/// A copy of a secret in another region, as the store reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Such as `eu-west-1`.
    pub region: String,
    /// The KMS key, as it was set; None for the account's default key.
    pub kms_key: Option<String>,
    /// Whether it has the state of the secret.
    pub status: ReplicaStatus,
    /// What the store says about the status.
    pub message: Option<String>,
    /// The day of the last access to the value in this region; None if there was none.
    pub last_accessed: Option<Timestamp>,
}

/// Whether a replica has the state of its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaStatus {
    /// It has the same value and metadata.
    InSync,
    /// It is on its way.
    InProgress,
    /// It could not be created or updated.
    Failed,
    /// The store reports another status, or none.
    Unknown,
}

impl ReplicaStatus {
    /// Returns the status in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::InProgress => "in progress",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl Replica {
    /// Returns the status in words, with what the store says about one that is not in sync.
    #[must_use]
    pub fn describe_status(&self) -> String {
        match &self.message {
            Some(message) if self.status != ReplicaStatus::InSync => {
                format!("{}: {message}", self.status.as_str())
            }
            _ => self.status.as_str().to_owned(),
        }
    }
}

/// A rotation at an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationState {
    /// Who rotates the value.
    pub rotator: Rotator,
    /// The interval in days; None for another kind of schedule (`ScheduleExpression`).
    pub days: Option<u16>,
}

impl StoredSecret {
    /// Returns whether the secret has a current value.
    #[must_use]
    pub fn has_value(&self) -> bool {
        self.current_version.is_some()
    }
}

/// A version of a secret's value, without the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueVersion {
    /// Unique among the versions of the secret (`VersionId`).
    pub id: String,
    /// The staging labels, sorted: [`CURRENT`], [`PREVIOUS`] and other programs' ones.
    ///
    /// The store may remove a version without a label.
    pub stages: Vec<String>,
    /// None if the store does not know.
    pub created: Option<Timestamp>,
    /// The day of the last access.
    pub last_accessed: Option<Timestamp>,
    /// The KMS keys that decrypt it; empty if the store does not say (`KmsKeyIds`).
    pub kms_keys: Vec<String>,
}

/// The staging label of the version that readers get.
pub const CURRENT: &str = "AWSCURRENT";

/// The staging label of the version that was current before.
pub const PREVIOUS: &str = "AWSPREVIOUS";

impl ValueVersion {
    /// Returns whether readers get this version.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.stages.iter().any(|stage| stage == CURRENT)
    }

    /// Returns whether this version was current before.
    #[must_use]
    pub fn is_previous(&self) -> bool {
        self.stages.iter().any(|stage| stage == PREVIOUS)
    }
}

/// A value in a store.
#[derive(Debug)]
pub struct StoredValue {
    /// The version's ID.
    pub version: String,
    /// None for binary values (`SecretBinary`).
    pub text: Option<SecretString>,
}

/// What a store answered to the creation of a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretCreation {
    /// The ARN; None in the local store.
    pub arn: Option<String>,
    /// The version of the value; None without a value.
    pub version: Option<String>,
}

/// The properties of a new secret, set in one call so that it has an owner at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSecret {
    /// The manifest's, or else its name, service, environment and ID.
    pub description: String,
    /// Values by name, including the owner's tags.
    pub tags: BTreeMap<String, String>,
    /// None for the account's default key.
    pub kms_key: Option<String>,
    /// The partner's name for its type; None unless a partner holds the credential.
    pub external_type: Option<String>,
}

/// The properties of a secret to change; None leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretUpdate {
    /// The new description.
    pub description: Option<String>,
    /// The new KMS key.
    pub kms_key: Option<String>,
    /// The partner's new name for its type.
    pub external_type: Option<String>,
}
