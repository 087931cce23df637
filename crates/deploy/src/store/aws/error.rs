//! The conversion of the SDK's errors to readable ones.

use std::env;
use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use super::role::RejectedRole;
use crate::store::StoreError;
use goldenpath_core::manifest::StoreKey;

/// The reason if a response is not one of Secrets Manager's.
pub(super) const UNREADABLE: &str = "its response cannot be parsed";

/// The codes of AWS's own failures (API Reference, "Common Errors").
pub(super) const INTERNAL: [&str; 4] =
    ["InternalServiceError", "InternalFailure", "ServiceUnavailable", "RequestTimeout"];

/// The maximum length of a message from outside, in characters.
const MAX_MESSAGE: usize = 400;

/// A call that failed.
pub(super) struct Call<'a> {
    /// The API's name, which is also the IAM action's after `secretsmanager:`.
    pub operation: &'static str,
    pub key: Option<&'a StoreKey>,
    pub endpoint: &'a str,
    /// The role that is assumed for the call.
    pub role: Option<&'a str>,
}

impl Call<'_> {
    pub(super) fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> StoreError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match &error {
            SdkError::ServiceError(answer) => match answer.err().code() {
                Some(code) => {
                    self.rejected(code, answer.err().message().unwrap_or("AWS gave no reason"))
                }
                None => {
                    let status = answer.raw().status().as_u16();
                    self.unreachable(format!(
                        "the server there is not Secrets Manager; it answered with status \
                             {status}"
                    ))
                }
            },
            SdkError::DispatchFailure(_) => {
                match (self.role_rejected(&error), credentials_error(&error)) {
                    (Some(rejected), _) => rejected,
                    (None, Some(reason)) => StoreError::NoCredentials { reason },
                    (None, None) => self.unreachable(innermost(&error)),
                }
            }
            SdkError::TimeoutError(_) => self.unreachable(innermost(&error)),
            SdkError::ResponseError(_) => {
                self.unreachable(format!("{UNREADABLE}: {}", innermost(&error)))
            }
            _ => StoreError::Rejected {
                operation: self.operation,
                name: self.key.map(StoreKey::to_string),
                code: "not sent".to_owned(),
                message: innermost(&error),
            },
        }
    }

    /// Converts an error response by its code.
    ///
    /// Source: Secrets Manager API Reference, each operation's errors and "Common Errors".
    fn rejected(&self, code: &str, message: &str) -> StoreError {
        let operation = self.operation;
        let name = self.key.map(StoreKey::to_string);
        match (code, name) {
            ("ResourceExistsException", Some(name)) => StoreError::AlreadyExists { name },
            // In RotateSecret, the missing resource may be the function (RotateSecret, "Errors").
            ("ResourceNotFoundException", Some(name)) if operation != "RotateSecret" => {
                StoreError::NotFound { name }
            }
            ("AccessDeniedException" | "AccessDenied" | "NotAuthorized", _) => {
                StoreError::AccessDenied { operation, message: readable(message) }
            }
            ("RequestExpired" | "RequestInTheFuture" | "RequestTimeTooSkewed", _) => {
                StoreError::ClockOff { message: first_sentence(message) }
            }
            ("InvalidSignatureException" | "SignatureDoesNotMatch", _)
                if is_about_time(message) =>
            {
                StoreError::ClockOff { message: first_sentence(message) }
            }
            (
                "ExpiredToken"
                | "ExpiredTokenException"
                | "IncompleteSignature"
                | "InvalidAccessKeyId"
                | "InvalidClientTokenId"
                | "InvalidSignatureException"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "SignatureDoesNotMatch"
                | "UnrecognizedClientException",
                _,
            ) => StoreError::NoCredentials {
                reason: format!("{} ({})", first_sentence(message), readable(code)),
            },
            (
                "Throttling"
                | "ThrottlingException"
                | "ThrottledException"
                | "RequestThrottled"
                | "RequestThrottledException"
                | "RequestLimitExceeded"
                | "TooManyRequestsException",
                _,
            ) => StoreError::Throttled { operation },
            (code, name) => StoreError::Rejected {
                operation,
                name,
                code: readable(code),
                message: readable(message),
            },
        }
    }

    /// Returns STS's error, if a role could not be assumed.
    fn role_rejected(&self, error: &(dyn Error + 'static)) -> Option<StoreError> {
        let own = chain(error).filter_map(|link| link.downcast_ref::<RejectedRole>()).last();
        // That of the AWS profile is assumed by the SDK.
        let rejected = match own {
            Some(own) => &own.source,
            None => chain(error).find_map(|link| link.downcast_ref::<AssumeRoleError>())?,
        };
        let message = rejected.message().unwrap_or("AWS gave no reason");
        let role = match own {
            Some(own) => own.role.clone(),
            None => role_in(message).or(self.role).unwrap_or("of the AWS profile").to_owned(),
        };
        Some(StoreError::RoleRefused {
            role: readable(&role),
            code: readable(rejected.code().unwrap_or("no code")),
            message: first_sentence(message),
        })
    }

    /// Returns the error of a write whose earlier tries may have arrived.
    ///
    /// An error that says the state of the secret, such as that it exists, stays as it is.
    pub(super) fn without_result(&self, last: StoreError) -> StoreError {
        match last {
            StoreError::AccessDenied { .. }
            | StoreError::ClockOff { .. }
            | StoreError::NoCredentials { .. }
            | StoreError::RoleRefused { .. }
            | StoreError::Throttled { .. } => {
                self.unreachable(format!("an earlier try may have arrived; then {last}"))
            }
            StoreError::Rejected { ref code, .. } if INTERNAL.contains(&code.as_str()) => {
                self.unreachable(last.to_string())
            }
            last => last,
        }
    }

    fn unreachable(&self, reason: String) -> StoreError {
        StoreError::Unreachable { endpoint: self.endpoint.to_owned(), reason }
    }
}

/// Replaces the error for a function that Secrets Manager may not invoke.
///
/// AWS returns it as a missing permission, but it is one of the function, not of the caller.
pub(super) fn about_function(error: StoreError, function: &str) -> StoreError {
    match error {
        StoreError::AccessDenied { message, .. } | StoreError::Rejected { message, .. }
            if message.contains("cannot invoke") =>
        {
            StoreError::FunctionNotInvokable { function: function.to_owned(), message }
        }
        other => other,
    }
}

/// Returns the ARN of the role that a message of STS names.
fn role_in(message: &str) -> Option<&str> {
    let mut words = message.split_whitespace();
    words.find(|word| word.starts_with("arn:") && word.contains(":role/"))
}

/// Returns whether a signature was rejected for its time.
///
/// Source: AWS Signature Version 4, "Troubleshoot signed requests".
fn is_about_time(message: &str) -> bool {
    ["Signature expired", "Signature not yet current"]
        .iter()
        .any(|words| message.starts_with(words))
}

/// Returns the first sentence of a message.
///
/// For a wrong signature, AWS appends the whole canonical request, with the session token: only
/// the first sentence is safe to show.
fn first_sentence(message: &str) -> String {
    let first = message.split(['\n', '\'', '"']).next().unwrap_or_default();
    readable(first.split_once(". ").map_or(first, |(sentence, _)| sentence))
}

/// Returns the reason if fetching credentials failed.
///
/// The innermost error counts: that of a role may only wrap another one.
pub(super) fn credentials_error(error: &(dyn Error + 'static)) -> Option<String> {
    let found = chain(error).filter_map(|link| link.downcast_ref::<CredentialsError>()).last()?;
    if let CredentialsError::CredentialsNotLoaded(_) = found {
        let profile = env::var("AWS_PROFILE")
            .map(|name| format!(" `{}`", readable(&name)))
            .unwrap_or_default();
        return Some(format!(
            "none were found in the environment, the AWS profile{profile}, a web identity, the \
             container or the instance"
        ));
    }
    // The first link only says that credentials could not be loaded.
    let mut links: Vec<String> = chain(found).skip(1).map(ToString::to_string).collect();
    if links.is_empty() {
        links.push(found.to_string());
    }
    let mut reason = String::new();
    for (index, link) in links.iter().enumerate() {
        // The SDK appends the stderr of a credential process, which may contain anything.
        let link = link.split_once(" Stderr:").map_or(link.as_str(), |(link, _)| link);
        // Some links repeat the next one.
        let is_repeated = links.get(index + 1).is_some_and(|next| link.contains(next.as_str()));
        if !is_repeated || reason.is_empty() && index + 1 == links.len() {
            reason.push_str(if reason.is_empty() { "" } else { ": " });
            reason.push_str(link);
        }
    }
    Some(readable(&reason))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&link| link.source())
}

/// Returns the innermost cause, which is the specific one.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(|link| readable(&link.to_string())).unwrap_or_default()
}

/// Returns a message from outside as one short line without control characters.
///
/// So it can neither overwrite a terminal nor fill it.
pub(super) fn readable(message: &str) -> String {
    let words =
        message.split(|character: char| character.is_whitespace() || character.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rejected(code: &str, message: &str) -> StoreError {
        let key = StoreKey::parse("goldenpath/payments/dev/db").unwrap();
        Call { operation: "CreateSecret", key: Some(&key), endpoint: "https://x", role: None }
            .rejected(code, message)
    }

    #[test]
    fn an_error_response_is_converted_by_its_code() {
        assert!(matches!(
            rejected("ResourceExistsException", ""),
            StoreError::AlreadyExists { .. }
        ));
        assert!(matches!(rejected("ResourceNotFoundException", ""), StoreError::NotFound { .. }));
        assert!(matches!(rejected("ThrottlingException", ""), StoreError::Throttled { .. }));
        let denied =
            miette::Report::new(rejected("AccessDeniedException", "User: arn:x is not authorized"));
        let help = denied.help().unwrap().to_string();
        assert!(
            help.contains("`secretsmanager:CreateSecret` and `secretsmanager:TagResource`"),
            "{help}"
        );
        let denied =
            miette::Report::new(rejected("AccessDeniedException", "Access to KMS is not allowed"));
        let help = denied.help().unwrap().to_string();
        let actions = "`kms:GenerateDataKey`, `kms:Encrypt` and `kms:Decrypt` on the key";
        assert!(help.contains(actions), "{help}");
        let other = rejected("InvalidRequestException", "it is scheduled\nfor deletion\u{1b}[2J");
        assert_eq!(
            other.to_string(),
            "AWS rejected CreateSecret of `goldenpath/payments/dev/db`: it is scheduled for \
             deletion [2J (InvalidRequestException)"
        );
    }

    #[test]
    fn a_missing_function_is_not_reported_as_a_missing_secret() {
        let key = StoreKey::parse("goldenpath/payments/dev/db").unwrap();
        let call =
            |operation| Call { operation, key: Some(&key), endpoint: "https://x", role: None };
        let refused = |operation| call(operation).rejected("ResourceNotFoundException", "Lambda f");
        assert!(matches!(refused("DescribeSecret"), StoreError::NotFound { .. }));
        let error = refused("RotateSecret");
        assert!(matches!(error, StoreError::Rejected { .. }), "{error:?}");
        assert!(error.to_string().contains("Lambda f"), "{error}");
    }

    #[test]
    fn a_function_that_may_not_be_invoked_gets_the_command_that_permits_it() {
        let function = "arn:aws:lambda:eu-west-2:123456789012:function:rotate:live";
        let message = "Secrets Manager cannot invoke the specified Lambda function. Ensure that \
            the function policy grants access to the principal secretsmanager.amazonaws.com.";
        let error = about_function(rejected("AccessDeniedException", message), function);
        assert!(error.to_string().contains(message), "{error}");
        let help = miette::Report::new(error).help().unwrap().to_string();
        let command = format!(
            "aws lambda add-permission --region eu-west-2 --function-name {function} \
             --statement-id goldenpath-rotation --action lambda:InvokeFunction \
             --principal secretsmanager.amazonaws.com --source-account 123456789012"
        );
        assert!(help.contains(&command), "{help}");

        let denied = about_function(rejected("AccessDeniedException", "no"), function);
        assert!(matches!(denied, StoreError::AccessDenied { .. }), "{denied:?}");
    }

    #[test]
    fn the_standard_error_of_a_credential_process_is_not_shown() {
        let failed = CredentialsError::provider_error(
            "the process ended with exit status: 1. Stderr: token=hunter2",
        );
        let shown = credentials_error(&failed).unwrap();
        assert!(shown.contains("exit status: 1") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_wrong_signature_does_not_show_the_session_token() {
        let message = "The request signature we calculated does not match the signature you \
            provided. Check your AWS Secret Access Key.\n\nThe Canonical String for this request \
            should have been\n'POST\n/\n\nx-amz-security-token:hunter2'";
        let error = rejected("InvalidSignatureException", message);
        assert!(matches!(error, StoreError::NoCredentials { .. }));
        assert!(
            !format!("{error:?}").contains("hunter2")
                && error.to_string().contains("does not match"),
            "{error}"
        );
    }

    #[test]
    fn a_message_from_outside_is_one_line_of_bounded_length() {
        assert_eq!(readable(" a\r\n\tb\u{7}c "), "a b c");
        assert_eq!(readable(&"ä".repeat(1000)).chars().count(), MAX_MESSAGE + 1);
    }
}
