//! The names that Kubernetes accepts: DNS-1123 names, and the names and values of labels.

/// The maximum length of a DNS-1123 label, in bytes.
pub const LABEL_LENGTH: usize = 63;

/// The maximum length of a DNS-1123 subdomain, in bytes.
pub const SUBDOMAIN_LENGTH: usize = 253;

/// Checks a DNS-1123 label of at most `limit` bytes.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub(crate) fn check_label(text: &str, limit: usize) -> Result<(), String> {
    const ALLOWED: &str = "use lowercase letters, digits and hyphens";
    if text.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if let Some(character) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        let what = match character {
            'A'..='Z' => format!("the capital `{character}`"),
            ' ' => "a space".to_owned(),
            _ if character.is_control() => "a control character".to_owned(),
            _ => format!("`{character}`"),
        };
        return Err(format!("{what} is not allowed in a DNS-1123 name: {ALLOWED}"));
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err("a name starts and ends with a letter or digit".to_owned());
    }
    if text.len() > limit {
        return Err(too_long(text, limit));
    }
    Ok(())
}

/// Checks a DNS-1123 subdomain.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub(crate) fn check_subdomain(text: &str) -> Result<(), String> {
    if text.len() > SUBDOMAIN_LENGTH {
        return Err(too_long(text, SUBDOMAIN_LENGTH));
    }
    for label in text.split('.') {
        if label.is_empty() && !text.is_empty() {
            return Err("there must be a name on both sides of a dot".to_owned());
        }
        check_label(label, SUBDOMAIN_LENGTH)?;
    }
    Ok(())
}

/// Checks the name of a label or annotation, such as `example.com/team` (`IsQualifiedName`).
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub(super) fn check_qualified_name(text: &str) -> Result<(), String> {
    let (domain, name) = match text.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, text),
    };
    if let Some(domain) = domain {
        check_subdomain(domain).map_err(|why| format!("in front of the slash: {why}"))?;
    }
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    check_label_value(name)
}

/// Checks the value of a label (`IsValidLabelValue`).
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub(super) fn check_label_value(text: &str) -> Result<(), String> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric();
    let is_allowed = |byte: u8| is_letter(byte) || b"-_.".contains(&byte);
    let ends = [text.bytes().next(), text.bytes().last()];
    if !text.bytes().all(is_allowed) || ends.into_iter().flatten().any(|byte| !is_letter(byte)) {
        return Err("use letters, digits and -_. between letters or digits".to_owned());
    }
    if text.len() > LABEL_LENGTH { Err(too_long(text, LABEL_LENGTH)) } else { Ok(()) }
}

fn too_long(text: &str, limit: usize) -> String {
    format!("the name has {} characters, the maximum is {limit}", text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_labels_and_annotations_are_those_of_kubernetes() {
        for good in ["team", "example.com/team", "a", "A.b_c-d", "argocd.argoproj.io/sync-wave"] {
            assert_eq!(check_qualified_name(good), Ok(()), "{good}");
        }
        for bad in ["", "/a", "a/", "Example.com/a", "a/b/c", "-a", "a_", "a b", "é"] {
            assert!(check_qualified_name(bad).is_err(), "{bad}");
        }
        assert!(check_qualified_name(&format!("a.b/{}", "x".repeat(64))).is_err());
    }

    #[test]
    fn the_values_of_labels_are_those_of_kubernetes() {
        for good in ["", "a", "team-payments", "1.2_3"] {
            assert_eq!(check_label_value(good), Ok(()), "{good}");
        }
        for bad in ["-a", "a.", "a b", "R&D", "a/b", &"x".repeat(64)] {
            assert!(check_label_value(bad).is_err(), "{bad}");
        }
    }
}
