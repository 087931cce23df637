//! Finds the whole name of a Kubernetes Secret in bytes of any syntax.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;
use memchr::memmem::{Finder, find, find_iter};

/// A file with one of these beginnings has no readable text.
const OPAQUE: [(&[u8], &str); 9] = [
    (b"version https://git-lfs.github.com/spec/", "its content is in Git LFS"),
    (b"\0GITCRYPT\0", "it is encrypted"),
    (b"$ANSIBLE_VAULT;", "it is encrypted"),
    (b"age-encryption.org/", "it is encrypted"),
    (b"\x1f\x8b", "it is compressed"),
    (b"PK\x03\x04", "it is compressed"),
    (b"\xfd7zXZ\0", "it is compressed"),
    (b"\x28\xb5\x2f\xfd", "it is compressed"),
    (b"BZh", "it is compressed"),
];

/// The beginning and the end of a part that a template fills in.
///
/// These are Go templates, variables of Flux and the shell, of Kubernetes, and of `printf`.
const HOLES: [(&[u8], &[u8]); 4] = [(b"{{", b"}}"), (b"${", b"}"), (b"$(", b")"), (b"%s", b"")];

/// The maximum length of a template's expression, in bytes.
const MAX_HOLE: usize = 512;

/// Returns why a file has no readable text, if so.
pub(super) fn opaque_reason(bytes: &[u8]) -> Option<&'static str> {
    OPAQUE.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, why)| *why)
}

/// Returns the readings of a file: its bytes, and what UTF-16 or UTF-32 has in ASCII.
pub(super) fn readings(bytes: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let mut readings = vec![Cow::from(bytes)];
    if memchr(0, bytes).is_some() {
        let narrow: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
        readings.push(narrow.into());
    }
    readings
}

/// Returns where the text has the name as a whole: not as part of a longer DNS label.
pub(in crate::reconcile) fn find_whole(
    text: &[u8],
    name: &Finder<'_>,
) -> impl Iterator<Item = usize> {
    let length = name.needle().len();
    name.find_iter(text).filter(move |at| {
        let after = text.get(at + length);
        begins_label(&text[..*at]) && !after.is_some_and(|byte| is_label(*byte))
    })
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// Returns whether a label begins after this text.
fn begins_label(before: &[u8]) -> bool {
    !before.last().is_some_and(|byte| is_label(*byte)) || ends_with_escape(before)
}

/// Returns whether the text ends with an escaped character, such as `\n`, `\u0026` or `%2F`.
fn ends_with_escape(before: &[u8]) -> bool {
    let has_digits = |start: &[u8], digits: usize| {
        let Some(at) = before.len().checked_sub(digits) else { return false };
        before[..at].ends_with(start) && before[at..].iter().all(u8::is_ascii_hexdigit)
    };
    let is_letter = || {
        let last = before.last().is_some_and(|byte| b"0abefnrtv".contains(byte));
        last && before[..before.len() - 1].ends_with(b"\\")
    };
    is_letter()
        || has_digits(b"%", 2)
        || has_digits(br"\x", 2)
        || has_digits(br"\u", 4)
        || has_digits(br"\U", 8)
}

/// A name that a template completes, such as `{{ .Release.Name }}-db`.
pub(super) struct ComposedName<'t> {
    /// Where the template is in the text.
    pub(super) at: usize,
    before: &'t [u8],
    after: &'t [u8],
}

impl<'t> ComposedName<'t> {
    /// Returns the names with templates in a text.
    pub(super) fn all(text: &'t [u8]) -> Vec<Self> {
        let mut all = Vec::new();
        for (open, close) in HOLES {
            for start in find_iter(text, open) {
                let inner = start + open.len();
                let window = &text[inner..text.len().min(inner + MAX_HOLE)];
                let Some(end) = find(window, close).map(|end| inner + end + close.len()) else {
                    continue;
                };
                let (before, after) = (label_before(text, start), label_after(text, end));
                let (before, after) = (&text[before], &text[after]);
                if !before.is_empty() || !after.is_empty() {
                    all.push(Self { at: start, before, after });
                }
            }
        }
        all
    }

    /// Returns whether it could be this name.
    pub(super) fn may_be(&self, name: &[u8]) -> bool {
        let is_joined = self.before.ends_with(b"-") || self.after.starts_with(b"-");
        is_joined
            && name.starts_with(self.before)
            && name.ends_with(self.after)
            && self.before.len() + self.after.len() < name.len()
    }
}

/// Returns the part of a name before a template; empty if another template is before it.
fn label_before(text: &[u8], end: usize) -> Range<usize> {
    let start = text[..end].iter().rposition(|byte| !is_label(*byte) && *byte != b'.');
    let start = start.map_or(0, |at| at + 1);
    let is_of_printf = text[..start].ends_with(b"%") && text[start..].starts_with(b"s");
    let closes = |close: &[u8]| !close.is_empty() && text[..start].ends_with(close);
    let is_free = is_of_printf || HOLES.iter().any(|(_, close)| closes(close));
    if is_free { end..end } else { start..end }
}

/// Returns the part of a name after a template; empty if another template is after it.
fn label_after(text: &[u8], start: usize) -> Range<usize> {
    let length = text[start..].iter().position(|byte| !is_label(*byte) && *byte != b'.');
    let end = length.map_or(text.len(), |length| start + length);
    let is_free = HOLES.iter().any(|(open, _)| text[end..].starts_with(open));
    if is_free { start..start } else { start..end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: impl AsRef<[u8]>) -> bool {
        let name = Finder::new("db-creds");
        readings(text.as_ref()).iter().any(|text| find_whole(text, &name).next().is_some())
    }

    #[test]
    fn a_whole_name_counts_in_any_syntax() {
        for text in [
            "db-creds",
            "db-creds:\n  mountPath: /etc/db\n",
            "secret/db-creds",
            "db-creds.password",
            "payments.db-creds.svc",
            "x=db-creds,y",
            "\"db-creds\"",
            "name: {{ default \"db-creds\" .Values.secret }}",
            "# db-creds",
            "other-db-creds db-creds",
            "db-creds_old",
            r#"values: "a: b\ndb-creds: c""#,
            r"a\u0026db-creds",
            r"a\x2Fdb-creds",
            "path%2Fdb-creds",
        ] {
            assert!(finds(text), "{text}");
        }
    }

    #[test]
    fn a_part_of_a_longer_name_does_not_count() {
        for text in ["other-db-creds", "db-creds-two", "xdb-creds", "db-creds2", "DB-CREDS", "db"] {
            assert!(!finds(text), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_utf_8_is_searched_too() {
        assert!(finds(b"caf\xe9: db-creds"));
        let little: Vec<u8> =
            "\u{feff}name: db-creds".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "name: db-creds".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(finds(little) && finds(big));
        assert!(finds(b"\0x\0db-creds\0y"));
    }

    #[test]
    fn a_template_that_could_complete_the_name_is_recognized() {
        let may_be = |text: &str| {
            ComposedName::all(text.as_bytes()).iter().any(|one| one.may_be(b"payments-db-creds"))
        };
        for text in [
            "{{ .Release.Name }}-db-creds",
            "name: payments-{{ .Values.kind }}",
            "payments-${KIND}-creds",
            "$(APP)-db-creds",
            "printf \"%s-%s-creds\" .a .b",
            "{{ .a }}-{{ .b }}-creds",
        ] {
            assert!(may_be(text), "{text}");
        }
        for text in [
            "{{ .Release.Name }}",
            "{{ .Release.Name }}-db",
            "web-{{ .Values.kind }}",
            "{{ .Values.image }}:payments-db",
            "payments-db-creds{{ .x }}",
        ] {
            assert!(!may_be(text), "{text}");
        }
    }
}
