//! What a store knows of a secret, and what it is told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;

/// A secret's metadata as a store holds it. Never its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredSecret {
    /// As the store has it; a secret that is not ours may have a name that is no [`StoreKey`](goldenpath_core::manifest::StoreKey).
    pub name: String,
    /// What it is called across accounts and regions; the local store has no such name.
    pub arn: Option<String>,
    /// None where it was never given; AWS leaves an empty one out too.
    pub description: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// The key that it is encrypted with, in the words in which it was given; None for the account's own
    /// (DescribeSecret, `KmsKeyId`).
    pub kms_key: Option<String>,
    /// None where it is not rotated.
    pub rotation: Option<RotationState>,
    pub created: Option<Timestamp>,
    /// Present when the secret is marked for deletion: the end of its recovery window (`DeletedDate`), until which it can be
    /// restored.
    pub deletion: Option<Timestamp>,
    /// The day on which somebody read the value last; None where nobody did, or where the store does not know.
    pub last_accessed: Option<Timestamp>,
    /// The version of the value that readers get; None while there is no value.
    pub current_version: Option<String>,
    /// When the store rotated the value last.
    pub last_rotated: Option<Timestamp>,
    /// When anything of it was changed last, value, description or tags.
    pub last_changed: Option<Timestamp>,
}

/// A rotation by a function, every so many days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationState {
    /// The ARN of the Lambda function.
    pub function: String,
    /// None where the store has a schedule of another kind (`ScheduleExpression`).
    pub days: Option<u16>,
}

impl StoredSecret {
    /// Whether there is a value to use.
    #[must_use]
    pub fn has_value(&self) -> bool {
        self.current_version.is_some()
    }
}

/// A version of a secret's value, without the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueVersion {
    pub id: String,
    /// Its staging labels, sorted: [`CURRENT`], [`PREVIOUS`] and those of others. Without any, the store may remove it.
    pub stages: Vec<String>,
    pub created: Option<Timestamp>,
    /// The day on which somebody read it last.
    pub last_accessed: Option<Timestamp>,
}

/// The staging label of the version that readers get.
pub const CURRENT: &str = "AWSCURRENT";

/// The staging label of the version that was current before.
pub const PREVIOUS: &str = "AWSPREVIOUS";

impl ValueVersion {
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.stages.iter().any(|stage| stage == CURRENT)
    }

    #[must_use]
    pub fn is_previous(&self) -> bool {
        self.stages.iter().any(|stage| stage == PREVIOUS)
    }
}

/// A value as it is stored.
#[derive(Debug)]
pub struct StoredValue {
    /// The version that it is.
    pub version: String,
    /// None for bytes that are no text (`SecretBinary`).
    pub text: Option<SecretString>,
}

/// What a secret is created with, in one call, so that it is ours from its first moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSecret {
    pub description: String,
    pub tags: BTreeMap<String, String>,
    /// None for the account's own key.
    pub kms_key: Option<String>,
}

/// What is changed of a secret; None stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretUpdate {
    pub description: Option<String>,
    pub kms_key: Option<String>,
}
