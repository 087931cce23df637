//! The pushed refs that git passes to hooks (githooks, "pre-push", "pre-receive", "update").

use super::HookError;

/// A pushed ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PushedRef {
    pub name: String,
    /// `None` for a new ref.
    pub from: Option<String>,
    pub to: String,
}

/// Parses the input of pre-push or pre-receive. Deleted refs are left out.
///
/// A line of pre-push is `<local ref> <local id> <remote ref> <remote id>`, a line of pre-receive
/// `<old id> <new id> <ref>`; the number of words distinguishes them.
///
/// # Errors
/// A line of another form.
pub(crate) fn of_lines(lines: &str) -> Result<Vec<PushedRef>, HookError> {
    let mut pushed = Vec::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, from, to) = match words.as_slice() {
            [_, local, name, remote] => (*name, *remote, *local),
            [old, new, name] => (*name, *old, *new),
            _ => return Err(HookError::Input { line: line.chars().take(200).collect() }),
        };
        pushed.extend(of_update(name, from, to)?);
    }
    Ok(pushed)
}

/// Parses the arguments of update: the ref's name, and its old and new object ID.
///
/// # Errors
/// Arguments that are not object IDs.
pub(crate) fn of_update(name: &str, from: &str, to: &str) -> Result<Option<PushedRef>, HookError> {
    for id in [from, to] {
        if !matches!(id.len(), 40 | 64) || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(HookError::Input {
                line: format!("{name} {from} {to}").chars().take(200).collect(),
            });
        }
    }
    let some = |id: &str| id.bytes().any(|byte| byte != b'0').then(|| id.to_owned());
    Ok(some(to).map(|to| PushedRef { name: name.to_owned(), from: some(from), to }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const NONE: &str = "0000000000000000000000000000000000000000";

    #[test]
    fn both_forms_are_parsed_without_deleted_refs() {
        let lines = format!(
            "refs/heads/x {B} refs/heads/main {A}\n\n(delete) {NONE} refs/heads/old {A}\n\
             {NONE} {B} refs/heads/new\n"
        );
        let pushed = of_lines(&lines).unwrap();
        let refs: Vec<_> = pushed
            .iter()
            .map(|one| (one.name.as_str(), one.from.as_deref(), one.to.as_str()))
            .collect();
        assert_eq!(refs, [("refs/heads/main", Some(A), B), ("refs/heads/new", None, B)]);
    }

    #[test]
    fn other_forms_are_rejected() {
        for line in ["x", "a b c", "--from-ref x y z", &format!("{A} {B} c d e")] {
            assert!(of_lines(line).is_err(), "{line}");
        }
    }
}
