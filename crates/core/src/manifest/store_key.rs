//! The name of a secret in its store.

use std::fmt;

use super::SecretRequest;
use crate::config;
use crate::template::{Template, TemplateError};

/// A valid name in AWS Secrets Manager that does not resemble a part of an ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey(String);

/// Why a manifest has no store key.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum StoreKeyError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Template(#[from] TemplateError),
    #[error("the store key `{key}` is not allowed: {reason}")]
    #[diagnostic(code(goldenpath::store_key))]
    Refused { key: String, reason: String },
}

impl StoreKey {
    /// Returns the key of a manifest by `store.keyTemplate`.
    ///
    /// # Errors
    /// A template that does not render, or a result that AWS would reject or misread.
    pub fn of(request: &SecretRequest, key_template: &Template) -> Result<Self, StoreKeyError> {
        let key = match key_template.fill(|name| request.variable(name)) {
            Some(key) => {
                debug_assert_eq!(Some(&key), key_template.render(request).ok().as_ref());
                key
            }
            None => key_template.render(request)?,
        };
        Self::parse(&key).map_err(|reason| StoreKeyError::Refused { key, reason })
    }

    /// # Errors
    /// A sentence that says why `text` is rejected.
    pub fn parse(text: &str) -> Result<Self, String> {
        config::check_store_key(text)?;
        if ends_like_an_arn(text) {
            return Err(
                "it ends in a hyphen and six characters, which AWS reads as a part of an ARN"
                    .to_owned(),
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the name as the store has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether a name ends in a hyphen and six characters.
///
/// Secrets Manager appends such a suffix to a name to form its ARN (CreateSecret, `Name`).
fn ends_like_an_arn(text: &str) -> bool {
    text.len() > 7
        && text.is_char_boundary(text.len() - 7)
        && text[text.len() - 7..]
            .strip_prefix('-')
            .is_some_and(|end| end.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

impl fmt::Display for StoreKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_looks_like_the_end_of_an_arn_is_rejected() {
        for bad in [
            "goldenpath/a/dev/a-secret",
            "x-ABC123",
            "",
            "a//b",
            "/",
            "//a",
            "/a/",
            "a b",
            "é",
            &"x".repeat(513),
        ] {
            assert!(StoreKey::parse(bad).is_err(), "{bad}");
        }
        for good in [
            "goldenpath/payments/dev/payments-db-credentials",
            "a-secrets",
            "a-b-c-d",
            "-secret",
            "secret",
            "/goldenpath/payments/dev/payments-db",
        ] {
            assert!(StoreKey::parse(good).is_ok(), "{good}");
        }
    }
}
