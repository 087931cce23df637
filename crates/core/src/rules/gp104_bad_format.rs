//! Every name and number has the format that Kubernetes and AWS accept.
//!
//! ## What it does
//! Checks IDs (`SEC-` and at least four digits), names (DNS-1123), the bounds of `ttlDays`, the
//! ARNs of principals (roles, users and account roots, without wildcards), and the store key
//! derived from the manifest. AWS Secrets Manager accepts letters, digits and `/_+=.@-`, at most
//! 512 characters. A name that ends in a hyphen and six characters is rejected: it can be mistaken
//! for part of an ARN.
//!
//! ## Why is this bad?
//! The pull request would merge, and the API server or AWS would reject the request afterwards,
//! when the author no longer watches.
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
//! `validate --fix` converts a value to lower case, or an ID to upper case with four digits, if
//! nothing else is wrong. With `--unsafe-fixes` it writes the nearest valid name (`pay_ments`
//! becomes `pay-ments`).

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
        .fixed_by(fix);
    }
    if let Some(Err(error)) = &manifest.store_key
        && let StoreKeyError::Refused { key, reason } = error.as_ref()
    {
        let message =
            format!("the store key `{key}`, derived from `name`, is not allowed: {reason}");
        let help =
            "choose another name, for example with one more letter in its last word".to_owned();
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
    // Wrong case has one correction. For anything else, several are possible.
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

/// Returns the field at a JSON pointer, and whether the pointer is to an item.
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
            "write the ARN of a role, a user or an account's root: \
             arn:aws:iam::123456789012:role/payments"
                .to_owned()
        }
        (name, Some(label)) if is_name(name) && Some(label.as_str()) != text => {
            format!("write it as `{label}`")
        }
        _ => "see `schemas/secret_request.schema.json` for the form".to_owned(),
    }
}
