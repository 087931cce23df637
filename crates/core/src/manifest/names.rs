//! The names in a manifest, each parsed once.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

pub use crate::config::LABEL_LENGTH;
use crate::config::{DESCRIPTION_LENGTH, check_label, check_subdomain};

/// A DNS-1123 label.
///
/// It names a Kubernetes namespace, a service, an environment or a secret.
///
/// Safe as a file name and as a part of a store key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DnsLabel(String);

/// A DNS-1123 subdomain, labels joined by dots: the name of a Kubernetes Secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DnsSubdomain(String);

/// An audit ID such as `SEC-0007`.
///
/// It has at least four digits, without superfluous leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId(u32);

impl<'de> Deserialize<'de> for SecretId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl DnsLabel {
    /// # Errors
    /// A sentence that says why `text` is rejected.
    pub fn parse(text: &str) -> Result<Self, String> {
        check_label(text, LABEL_LENGTH)?;
        Ok(Self(text.to_owned()))
    }

    /// Returns the checked text, at most 63 bytes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DnsSubdomain {
    /// # Errors
    /// A sentence that says why `text` is rejected.
    pub fn parse(text: &str) -> Result<Self, String> {
        check_subdomain(text)?;
        Ok(Self(text.to_owned()))
    }

    /// Returns the checked text, at most 253 bytes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SecretId {
    /// The prefix of every ID.
    pub const PREFIX: &'static str = "SEC-";

    /// The highest possible ID.
    pub const LAST: Self = Self(999_999_999);

    /// Returns the next ID.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the number after the prefix.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// Returns the ID with a number; None for 0 and for more than nine digits.
    #[must_use]
    pub fn of_number(number: u32) -> Option<Self> {
        (1..=999_999_999).contains(&number).then_some(Self(number))
    }

    /// Returns the first ID of a catalog.
    #[must_use]
    pub fn first() -> Self {
        Self(1)
    }

    /// # Errors
    /// A sentence that says why `text` is rejected.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "an ID is `SEC-` and at least four digits, such as SEC-0007";
        let digits = text.strip_prefix(Self::PREFIX).ok_or(FORM)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FORM.to_owned());
        }
        let number: u32 = match digits.parse() {
            Ok(number) if number <= 999_999_999 => number,
            _ => return Err("an ID has at most nine digits".to_owned()),
        };
        match Self(number) {
            Self(0) => Err("IDs start at SEC-0001".to_owned()),
            id if id.to_string() == text => Ok(id),
            id => Err(format!("write this ID as {id}")),
        }
    }

    /// Parses an ID as people type it: `SEC-0007`, `sec-7`, `sec7`, `7`.
    ///
    /// # Errors
    /// A sentence that says why `text` is rejected.
    pub fn parse_typed(text: &str) -> Result<Self, String> {
        let is_prefixed = text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("sec"));
        let digits = if is_prefixed { &text[3..] } else { text };
        let digits = if is_prefixed { digits.strip_prefix('-').unwrap_or(digits) } else { digits };
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let id = digits.parse().ok().filter(|_| is_number).and_then(Self::of_number);
        // The strict form says what is wrong.
        id.map_or_else(|| Self::parse(text), Ok)
    }
}

impl fmt::Display for DnsLabel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for DnsSubdomain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{:04}", Self::PREFIX, self.0)
    }
}

impl Serialize for SecretId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Checks a text for people, such as a description: one line, not empty.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub fn check_one_line(text: &str) -> Result<(), String> {
    match text.chars().find(|character| character.is_control()) {
        Some('\n' | '\r') => Err("keep it to one line".to_owned()),
        Some(character) => {
            Err(format!("the control character U+{:04X} is not allowed here", u32::from(character)))
        }
        None if text.trim().is_empty() => Err("write a text, or omit the field".to_owned()),
        None => Ok(()),
    }
}

/// Checks a description: one line that AWS accepts.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub(super) fn check_description(text: &str) -> Result<(), String> {
    check_one_line(text)?;
    match text.chars().count() {
        length if length > DESCRIPTION_LENGTH => {
            Err(format!("it has {length} characters, the maximum is {DESCRIPTION_LENGTH}"))
        }
        _ => Ok(()),
    }
}

/// Returns the DNS-1123 label closest to `text`, or an empty string.
#[must_use]
pub fn to_label(text: &str) -> String {
    let mut label = String::new();
    for character in text.chars() {
        match character.to_ascii_lowercase() {
            kept @ ('a'..='z' | '0'..='9') => label.push(kept),
            _ if label.is_empty() || label.ends_with('-') => {}
            _ => label.push('-'),
        }
    }
    label.truncate(LABEL_LENGTH);
    label.trim_end_matches('-').to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_kubernetes() {
        for good in ["a", "payments", "3scale", "a-b-c", &"x".repeat(63)] {
            assert!(DnsLabel::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a b", "a/b", "..", "é", "a\n", &"x".repeat(64)] {
            assert!(DnsLabel::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn subdomains_are_labels_and_dots() {
        assert!(DnsSubdomain::parse("tls.example.com").is_ok());
        for bad in ["", ".", "a..b", ".a", "a.", "a.-b", &"x".repeat(254)] {
            assert!(DnsSubdomain::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_has_only_one_spelling() {
        assert_eq!(SecretId::parse("SEC-0007").unwrap().to_string(), "SEC-0007");
        assert_eq!(SecretId::parse("SEC-12345").unwrap().next().to_string(), "SEC-12346");
        assert_eq!(SecretId::parse("SEC-007").unwrap_err(), "write this ID as SEC-0007");
        assert_eq!(SecretId::parse("SEC-00007").unwrap_err(), "write this ID as SEC-0007");
        for typed in ["SEC-0007", "SEC-00007", "sec-7", "Sec-007", "sec7", "7"] {
            assert_eq!(SecretId::parse_typed(typed).unwrap().to_string(), "SEC-0007", "{typed}");
        }
        for bad in
            ["", "sec", "sec-", "-7", "sec--7", "+7", "sec-0", "7a", "sec-1234567890", "séc-7"]
        {
            assert!(SecretId::parse_typed(bad).is_err(), "{bad}");
        }
        for bad in ["", "SEC-", "sec-0007", "SEC-0000", "SEC-1234567890", "SEC-+007", "SEC-0007 "] {
            assert!(SecretId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_suggestion_is_always_a_label_or_empty() {
        for text in
            ["Payments DB", "--x--", "日本", "a/b/../c", &"é-".repeat(90), &"ab-".repeat(40)]
        {
            let label = to_label(text);
            assert!(label.is_empty() || DnsLabel::parse(&label).is_ok(), "{label}");
        }
    }
}
