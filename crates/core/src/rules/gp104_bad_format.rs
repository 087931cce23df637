//! Every name and number is in the form that Kubernetes and AWS take.
//!
//! ## What it does
//! Checks IDs (`SEC-` and at least four digits), names (DNS-1123), the bounds of `ttlDays`, the ARNs of principals (roles,
//! users and roots of accounts, without wildcards), and the store key that follows from the manifest: AWS Secrets Manager
//! takes letters, digits and `/_+=.@-`, 512 of them at most, and a name that ends in a hyphen and six characters can be
//! mistaken for a part of an ARN.
//!
//! ## Why is this bad?
//! The pull request would merge, and then the API server or AWS would refuse it, with nobody watching.
//!
//! ## Example
//! ```yaml
//! metadata:
//!   name: Payments_DB
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   name: payments-db
//! ```
//!
//! ## Fix
//! `validate --fix` writes a value in lower case, or an ID in upper case and with its four digits, where that is all
//! that is wrong. With `--unsafe-fixes` it writes the nearest name that is allowed (`pay_ments` becomes `pay-ments`).

use super::{Fix, Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::manifest::{DnsSubdomain, SecretId, StoreKeyError, ViolationKind, to_label};

pub(super) const RULE: Rule = Rule {
    code: "GP104",
    name: "bad-format",
    severity: Severity::Error,
    source: include_str!("gp104_bad_format.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, _: &Project, sink: &mut Sink<'_>) {
    let (Some(manifest), Some(root)) = (entry.manifest(), entry.root()) else { return };
    for violation in &manifest.violations {
        let ViolationKind::BadFormat { reason } = &violation.kind else { continue };
        let (field, is_item) = field_at(&violation.pointer);
        let text = root.string_at(&violation.pointer);
        let help = help(field, text);
        let name = match field {
            "" => "the manifest".to_owned(),
            field if is_item => format!("an item of `{field}`"),
            field => format!("`{field}`"),
        };
        let fix = text.and_then(|text| fix(field, &violation.pointer, text));
        sink.at(
            entry,
            &violation.pointer,
            format!("{name} is not in the right form: {reason}"),
            help,
        )
        .mended_by(fix);
    }
    if let Some(Err(error)) = &manifest.store_key
        && let StoreKeyError::Refused { key, reason } = error.as_ref()
    {
        let message =
            format!("the store key `{key}` that follows from `name` is not allowed: {reason}");
        let help =
            "choose another name, such as one with one letter more in its last word".to_owned();
        sink.at(entry, "/metadata/name", message, help);
    }
}

fn fix(field: &str, pointer: &str, text: &str) -> Option<Fix> {
    let as_id = || {
        let digits = text
            .get(..SecretId::PREFIX.len())
            .filter(|start| start.eq_ignore_ascii_case(SecretId::PREFIX));
        let digits = text[digits?.len()..].trim_start_matches('0');
        let id = format!("{}{digits:0>4}", SecretId::PREFIX);
        SecretId::parse(&id).is_ok().then_some(id)
    };
    // A word's case is what is wrong with it, or something else is, and then there is more than one answer.
    let (value, is_certain) = match (field, text.to_lowercase(), to_label(text)) {
        ("description", ..) => return None,
        (list, ..) if is_principals(list) => return None,
        ("id", ..) => (as_id()?, true),
        (_, lower, _)
            if lower != text && (DnsSubdomain::parse(&lower).is_ok() || !is_name(field)) =>
        {
            (lower, true)
        }
        (_, _, label) if is_name(field) && DnsSubdomain::parse(&label).is_ok() => (label, false),
        _ => return None,
    };
    let message = format!("write `{value}` for `{text}`");
    (value != text).then(|| Fix::set(pointer, &value, message).safe_if(is_certain))
}

/// The field that a JSON pointer leads to, and whether it leads to an item of that.
fn field_at(pointer: &str) -> (&str, bool) {
    let mut parts = pointer.rsplit('/');
    let last = parts.next().unwrap_or_default();
    match last.parse::<usize>() {
        Ok(_) => (parts.next().unwrap_or_default(), true),
        Err(_) => (last, false),
    }
}

fn is_principals(field: &str) -> bool {
    matches!(field, "readPrincipals" | "writePrincipals" | "breakGlassPrincipals")
}

fn is_name(field: &str) -> bool {
    matches!(field, "name" | "service" | "namespace" | "k8sSecretName")
}

fn help(name: &str, text: Option<&str>) -> String {
    let suggestion = text.map(to_label).filter(|label| DnsSubdomain::parse(label).is_ok());
    match (name, suggestion) {
        ("id", _) => "`goldenpath new secret` takes the next free ID".to_owned(),
        ("ttlDays", _) => "give a number of days between 1 and 3650".to_owned(),
        ("description", _) => "keep it to one line of plain text".to_owned(),
        (list, _) if is_principals(list) => {
            "write the ARN of a role, a user or an account's root: arn:aws:iam::123456789012:role/payments".to_owned()
        }
        (name, Some(label)) if is_name(name) && Some(label.as_str()) != text => format!("write it as `{label}`"),
        _ => "see `schemas/secret_request.schema.json` for the form".to_owned(),
    }
}
