//! The file is small enough to be a manifest.
//!
//! ## What it does
//! Rejects files in the catalog that are larger than 256 KiB, without reading them.
//!
//! ## Why is this bad?
//! A SecretRequest has a few hundred bytes. A large file is something else: a dump, a log, or an
//! attempt to make the check itself fail.
//!
//! ## Example
//! ```text
//! catalogs/secrets/payments/dev/backup.yaml   (10 MB)
//! ```
//!
//! ## Use instead
//! ```text
//! catalogs/secrets/payments/dev/SEC-0007.yaml (600 bytes)
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, EntryState, Project};
use crate::vcs::Unreadable;

pub(super) const RULE: Rule = Rule {
    code: "GP003",
    name: "too-large",
    severity: Severity::Error,
    source: include_str!("gp003_too_large.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, _: &Project, sink: &mut Sink<'_>) {
    if let EntryState::Unreadable(why @ Unreadable::TooLarge { .. }) = &entry.state {
        sink.at_span(
            entry,
            0..0,
            "",
            why.to_string(),
            "remove this file from the catalog: a SecretRequest has a few hundred bytes".to_owned(),
        );
    }
}
