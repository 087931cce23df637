//! A value is never stored in Git.
//!
//! ## What it does
//! Looks for values of secrets in the whole text of a file, comments included, also where the file is broken otherwise:
//!
//! - tokens that their issuer made recognizable, by the prefixes of gitleaks (MIT License), private keys, JSON Web Tokens;
//! - passwords in URLs, connection strings, `.netrc` and `.pgpass` lines, command lines (`curl -u`, `mysql -p`), and
//!   defaults of Terraform's variables;
//! - what follows a name such as `password`, `token`, `apiKey` or `value`, in a field or a comment;
//! - passwords in sentences, in six languages, and after the word for one in some others (`la contraseña es …`);
//! - long random texts, unless their form or what precedes them says that they are a hash, an identifier, public or
//!   encrypted.
//!
//! It also searches the other text files in the catalog's folder, up to 1 MiB each, and the rule files. In a change, these
//! are the files that it touches. Binary files and links are skipped; a file that cannot be searched is reported.
//!
//! ## Limits
//! On the corpus of `tests/fixtures/secret_corpus` the rule finds more than 97 % of the leaks, and reports fewer than 2 % of
//! the harmless texts. It misses values that look like words, and other people's text will have higher rates of both errors.
//!
//! Placeholders (`<password>`, `${PASSWORD}`, `changeme`, `***`) are not values; the example keys of AWS's
//! documentation are reported. No message, no drawing and no plan shows what was found.
//!
//! ## Why is this bad?
//! Git keeps everything, in every clone, for ever: taking a value out of the file does not take it back. A manifest says
//! which secret is needed; its value goes into the store, where access is controlled and rotation is possible.
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

use super::redaction::{CODE, leaks};
use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, EntryState, Project};
use crate::yaml::{Node, NodeValue};

pub(super) const RULE: Rule = Rule {
    code: CODE,
    name: "secret-value-in-manifest",
    severity: Severity::Error,
    source: include_str!("gp501_secret_value_in_manifest.rs"),
    check: RuleCheck::Entry(check),
};

/// How many places in one file are worth telling; all are hidden.
const MOST: usize = 100;

const HELP: &str = "take it out of the file. If it was ever committed, it is in Git's history and must be considered \
                    leaked: rotate it where it was issued, and clean the history. The value goes into the store, \
                    never into Git";

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let leaks = leaks(entry, project);
    for (number, leak) in leaks.iter().take(MOST).enumerate() {
        // A key of many lines is underlined in its first.
        let text = &entry.text[leak.span.clone()];
        let line = text.split(['\n', '\r']).next().unwrap_or_default().trim_end();
        let span = leak.span.start..leak.span.start + line.len();
        let pointer = entry.root().map(|root| pointer_to(root, span.start)).unwrap_or_default();
        let mut message =
            format!("this looks like {}, and a value is never stored in Git", leak.what);
        if number + 1 == MOST && leaks.len() > MOST {
            message.push_str(&format!("; {} more places look like secrets", leaks.len() - MOST));
        }
        sink.over(entry, span, &pointer, message, HELP.to_owned());
    }
}

/// Reports a file that is not a manifest and could not be searched.
pub(super) fn report_unreadable(entry: &Entry, sink: &mut Sink<'_>) {
    if let EntryState::Unreadable(why) = &entry.state {
        let help = "make it readable, or move it out of the catalog's folder".to_owned();
        sink.over(entry, 0..0, "", format!("cannot search this file for secrets: {why}"), help);
    }
}

/// JSON pointer to the field in whose name or value the byte `at` stands; empty for a comment.
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
            // In a mapping and in none of its fields: a comment between them.
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
