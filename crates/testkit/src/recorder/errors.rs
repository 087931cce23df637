//! Errors of Secrets Manager: the code, and the text as AWS sends it.

/// An error's code and text.
pub type AwsError = (&'static str, &'static str);

/// What AWS says of a secret that does not exist, or is not visible yet.
pub const NOT_FOUND: AwsError =
    ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");

/// What AWS says of a secret without a current version.
pub const NO_VALUE: AwsError = (
    "ResourceNotFoundException",
    "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
);

/// What AWS says of a write to a deleted secret, and of a read of its value or policy.
pub const MARKED_FOR_DELETION: AwsError = (
    "InvalidRequestException",
    "You can't perform this operation on the secret because it was marked for deletion.",
);

/// What CreateSecret says if the name is that of a deleted secret.
pub const SCHEDULED_FOR_DELETION: AwsError = (
    "InvalidRequestException",
    "You can't create this secret because a secret with this name is already scheduled for \
     deletion.",
);

/// What AWS says of a replica that is there already.
pub(super) const ALREADY_REPLICATED: AwsError =
    ("InvalidParameterException", "The secret is already replicated to this region.");

/// What AWS says of the removal of a replica that is not there.
pub(super) const NOT_REPLICATED: AwsError =
    ("InvalidParameterException", "The secret is not replicated to this region.");

/// What RotateSecret says if nothing rotates the secret.
pub(super) const NO_FUNCTION: AwsError =
    ("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.");

/// What AWS says of a token for the next page that has expired.
pub const INVALID_TOKEN: AwsError =
    ("InvalidNextTokenException", "The NextToken value is invalid.");

/// What AWS says of a call over a rate.
pub const THROTTLED: AwsError = ("ThrottlingException", "Rate exceeded");

/// What AWS says of its own failure.
pub const INTERNAL: AwsError = ("InternalServiceError", "An error occurred on the server side.");

/// What AWS says of a call over a quota, such as the number of versions.
pub const OVER_QUOTA: AwsError = (
    "LimitExceededException",
    "The request failed because it would exceed one of the Secrets Manager quotas.",
);
