//! Decodes base64 text, whose content is searched instead of its randomness.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::sentences::{ValueKind, is_password};
use super::{field_names, find_secrets_in_message};

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// Decodes base64 of printable text.
///
/// Twelve random bytes are practically never all printable.
pub(super) fn decode_text(word: &str) -> Option<String> {
    let bytes = STANDARD.decode(word).or_else(|_| URL_SAFE.decode(word)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let is_printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(is_printable).then_some(text)
}

/// Returns whether a decoded text contains a secret, or is `user:password`.
pub(super) fn contains_secret(text: &str) -> bool {
    let pair = text
        .trim_end()
        .split_once(':')
        .filter(|(user, _)| !user.is_empty() && !user.contains(char::is_whitespace));
    let is_pair = pair.is_some_and(|(_, password)| {
        !field_names::is_placeholder(password)
            && !password.contains(char::is_whitespace)
            && is_password(password, true, ValueKind::Password)
    });
    is_pair || !find_secrets_in_message(text).is_empty()
}
