//! The limits of AWS Secrets Manager that a configuration or a manifest can exceed.
//!
//! Source: Secrets Manager API Reference and "AWS Secrets Manager quotas".

use std::ops::RangeInclusive;

/// The maximum length of a secret's name, in bytes (CreateSecret, `Name`).
const NAME_LENGTH: usize = 512;

/// The maximum length of a description, in characters (CreateSecret, `Description`).
pub const DESCRIPTION_LENGTH: usize = 2048;

/// The maximum length of a resource policy, in characters (PutResourcePolicy, `ResourcePolicy`).
pub const POLICY_LENGTH: usize = 20_480;

/// The maximum number of tags of a secret; AWS's own do not count (quotas, "Labels and tags").
pub const TAGS: usize = 50;

/// The days between two rotations (API type `RotationRulesType`, `AutomaticallyAfterDays`).
pub const ROTATION_DAYS: RangeInclusive<u16> = 1..=1000;

/// The maximum length of a tag's value, in characters (API type `Tag`).
const TAG_VALUE_LENGTH: usize = 256;

/// Returns whether AWS allows a character in the name of a secret.
#[must_use]
pub fn is_store_key_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "/_+=.@-".contains(character)
}

/// Checks the name of a secret, except that it must not end like an ARN.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub fn check_store_key(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > NAME_LENGTH {
        return Err(format!("it has {} characters, 1 to {NAME_LENGTH} are allowed", text.len()));
    }
    if let Some(character) = text.chars().find(|character| !is_store_key_character(*character)) {
        return Err(format!(
            "`{}` is not allowed in it: AWS allows letters, digits and /_+=.@-",
            character.escape_debug()
        ));
    }
    // AWS allows a slash at the start, as in the names of Parameter Store.
    if text.strip_prefix('/').unwrap_or(text).split('/').any(str::is_empty) {
        return Err("a part between two slashes is empty".to_owned());
    }
    Ok(())
}

/// Returns whether all AWS services allow a character in tags (tag naming limits).
///
/// These are letters, digits, spaces and `_ . : / = + - @`.
fn is_tag_character(character: char) -> bool {
    character.is_alphanumeric() || " _.:/=+-@".contains(character)
}

/// Checks the value of a tag by AWS's limits.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub fn check_tag_value(text: &str) -> Result<(), String> {
    match text.chars().find(|character| !is_tag_character(*character)) {
        Some(character) => Err(format!(
            "`{}` is not allowed in it: AWS allows letters, digits, spaces and _.:/=+-@",
            character.escape_debug()
        )),
        None if text.chars().count() > TAG_VALUE_LENGTH => Err(format!(
            "it has {} characters, the maximum is {TAG_VALUE_LENGTH}",
            text.chars().count()
        )),
        None => Ok(()),
    }
}

/// Returns the valid catalog ID closest to a repository's name.
#[must_use]
pub fn to_catalog_id(name: &str) -> String {
    name.chars().take(TAG_VALUE_LENGTH).map(|c| if is_tag_character(c) { c } else { '-' }).collect()
}
