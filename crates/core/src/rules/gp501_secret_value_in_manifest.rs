//! A secret's value is never stored in Git.
//!
//! ## What it does
//! Searches the whole text of a file for values of secrets, including comments and broken YAML:
//!
//! - tokens with a known prefix (patterns from gitleaks, MIT License), private keys, JSON Web
//!   Tokens;
//! - passwords in URLs, connection strings, `.netrc` and `.pgpass` lines, command lines (`curl -u`,
//!   `mysql -p`), and defaults of Terraform variables;
//! - text after a name such as `password`, `token`, `apiKey` or `value`, in a field or a comment;
//! - passwords in sentences, in six languages, and after the word for one in some others (`la
//!   contraseña es …`);
//! - long random strings, unless their format or the text in front of them marks them as a hash, an
//!   identifier, public or encrypted.
//!
//! It also searches the other text files in the catalog's folder, up to 1 MiB each, and the rule
//! files. On a change, only changed files are searched. Binary files and links are skipped; a file
//! that cannot be searched is reported.
//!
//! ## Limits
//! On the corpus of `tests/fixtures/secret_corpus` the rule finds more than 97 % of the leaks, and
//! reports fewer than 2 % of the harmless texts. It misses values that look like words. Expect
//! higher error rates on other texts.
//!
//! Placeholders (`<password>`, `${PASSWORD}`, `changeme`, `***`) are not values. The example keys
//! in the AWS documentation are reported. No message, code excerpt or plan shows the value.
//!
//! ## Why is this bad?
//! Git keeps every version in every clone: removing a value from the file does not revoke it. A
//! manifest says which secret is needed. The value belongs in the store, with access control and
//! rotation.
//!
//! ## Example
//! ```yaml
//! metadata:
//!   description: "Card payments (old password: Tr0ub4dor)"
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   description: Card payments
//! ```

use super::redaction::find_secrets;
use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, EntryState, Project};
use crate::yaml::{Node, NodeValue};

pub(super) const RULE: Rule = Rule {
    code: "GP501",
    name: "secret-value-in-manifest",
    severity: Severity::Error,
    source: include_str!("gp501_secret_value_in_manifest.rs"),
    check: RuleCheck::Entry(check),
};

/// The number of locations reported per file. All are masked.
const MOST: usize = 100;

const HELP: &str = "remove it from the file. If it was ever committed, it is in Git's history and \
                    must be considered leaked: rotate it at its issuer, and clean the history. \
                    Values belong in the store, never in Git";

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let matches = find_secrets(entry, project);
    for (number, secret) in matches.iter().take(MOST).enumerate() {
        // Underline only the first line of a key with several lines.
        let text = &entry.text[secret.span.clone()];
        let line = text.split(['\n', '\r']).next().unwrap_or_default().trim_end();
        let span = secret.span.start..secret.span.start + line.len();
        let pointer = entry.root().map(|root| pointer_to(root, span.start)).unwrap_or_default();
        let mut message = format!("this looks like {}; never store a value in Git", secret.what);
        if number + 1 == MOST && matches.len() > MOST {
            message.push_str(&format!("; {} more places look like secrets", matches.len() - MOST));
        }
        sink.at_span(entry, span, &pointer, message, HELP.to_owned());
    }
}

/// Reports a file that is not a manifest and could not be searched.
pub(super) fn report_unreadable(entry: &Entry, sink: &mut Sink<'_>) {
    if let EntryState::Unreadable(why) = &entry.state {
        let help = "make it readable, or move it out of the catalog's folder".to_owned();
        sink.at_span(entry, 0..0, "", format!("cannot search this file for secrets: {why}"), help);
    }
}

/// Returns the pointer of the field that contains byte `at`; empty in a comment.
fn pointer_to(root: &Node, at: usize) -> String {
    let mut pointer = String::new();
    let mut node = root;
    loop {
        let next = match &node.value {
            NodeValue::Mapping(entries) => entries
                .iter()
                .find(|(key, value)| key.span.contains(&at) || value.span.contains(&at))
                .map(|(key, value)| {
                    (key.name.replace('~', "~0").replace('/', "~1"), key.span.contains(&at), value)
                }),
            NodeValue::Sequence(items) => {
                let found = items.iter().enumerate().find(|(_, item)| item.span.contains(&at));
                found.map(|(number, item)| (number.to_string(), false, item))
            }
            _ => return pointer,
        };
        match next {
            // In a mapping, but in none of its fields: a comment.
            None => return String::new(),
            Some((token, is_key, value)) => {
                pointer.push('/');
                pointer.push_str(&token);
                if is_key {
                    return pointer;
                }
                node = value;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use crate::testing::{cases, findings_in, seed_with, shown};

    /// Asserts that a message never hides its own words, of which `value` is one.
    #[track_caller]
    fn hides_no_word_of_its_own(value: &str) {
        let edit = format!("  password: {value}\n  ttlDays: thirty ");
        let found = findings_in(&seed_with(&[("  ttlDays: 30 ", &edit)]));
        let secret = found.iter().find(|found| found.rule.code == "GP501").expect("a finding");
        assert_eq!(secret.message, "this looks like a password; never store a value in Git");
        assert!(secret.help.starts_with("remove it from the file."), "{}", secret.help);
        assert!(found.len() > 1, "other rules have findings, too");
        for found in &found {
            let own: String = found.message.split('`').step_by(2).collect();
            assert!(!own.contains("[hidden]"), "{:?}", shown(std::slice::from_ref(found)));
        }
    }

    cases! { a_message_never_hides_its_own_words(hides_no_word_of_its_own):
        password("password");
        secret("secret");
        looks("looks");
        value("value");
        store("store");
        stored("stored");
        this("this");
        field("field");
        never("never");
        url("url");
        gp501("GP501");
    }
}
