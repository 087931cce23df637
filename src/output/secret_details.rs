//! Renders the details of one secret on one screen.

use console::measure_text_width;
use goldenpath_core::report::count;
use goldenpath_core::rules::Severity;
use goldenpath_core::sanitize::sanitize_name;
use goldenpath_core::trail::{AuditEvent, is_note};
use goldenpath_deploy::inventory::{
    DueDate, Lookup, Projected, Reserved, SecretDetails, Stored, day, distance,
};

use super::findings::count_of;
use super::secret_table::status_style;
use super::style::{TerminalStyle, with_less_indent, wrap};

/// The width of the labels in columns.
const LABELS: usize = 12;

/// The maximum number of findings.
const FINDINGS: usize = 3;

/// The maximum number of audit events, the latest first.
const EVENTS: usize = 3;

/// Renders the details. A `width` in columns wraps longer lines.
#[must_use]
pub(crate) fn render_details(
    details: &SecretDetails,
    width: Option<usize>,
    terminal: TerminalStyle,
) -> String {
    let row = &details.row;
    let mut text = format!(
        "{}  {}  {}\n",
        terminal.style().bold().apply_to(row.id),
        terminal.style().bold().apply_to(sanitize_name(&row.name)),
        status_style(row.status, terminal).apply_to(row.status)
    );
    let facts = [
        format!("{} in {}", row.service, row.environment),
        format!("owner {}", row.owner),
        row.secret_type.clone(),
        format!("{} risk", row.risk_tier),
    ];
    push(&mut text, "", &[facts.join(", ")], width, terminal, true);
    push(&mut text, "", row.description.as_slice(), width, terminal, true);
    text.push('\n');
    for (label, lines) in parts(details) {
        push(&mut text, label, &lines, width, terminal, false);
    }
    text
}

fn parts(details: &SecretDetails) -> Vec<(&'static str, Vec<String>)> {
    let row = &details.row;
    let mut manifest = vec![row.path.clone()];
    let uncommitted =
        (details.is_committed == Some(false)).then(|| "with uncommitted changes".to_owned());
    let since = details.catalogued.map(|since| format!("in the catalog since {}", day(since)));
    let about: Vec<String> = since.into_iter().chain(uncommitted).collect();
    manifest.extend((!about.is_empty()).then(|| about.join(", ")));
    let due = details.dates.known.iter().map(|DueDate { when, reason, .. }| {
        format!("{}, {}: {}", day(*when), distance(*when, details.now), reason.describe())
    });
    let unknown =
        details.dates.unknown.iter().map(|reason| format!("unknown: {}", reason.describe()));
    vec![
        ("Manifest", manifest),
        ("Due", due.chain(unknown).collect()),
        (
            "Kubernetes",
            vec![format!("Secret {} in the namespace {}", row.k8s_secret_name, row.namespace)],
        ),
        ("Store", lines(&details.store, |stored| stored_lines(stored, row.store_key.as_deref()))),
        ("GitOps", lines(&details.gitops, projected_lines)),
        ("ID", lines(&details.reservation, reserved_lines)),
        ("History", history(details)),
        ("Findings", findings(details)),
    ]
}

fn history(details: &SecretDetails) -> Vec<String> {
    let line = |event: &AuditEvent| {
        format!(
            "{} {} by {}",
            event.time.strftime("%Y-%m-%d %H:%M"),
            event.action,
            event.actor.name()
        )
    };
    // What only notes a status changed nothing.
    let changes: Vec<&AuditEvent> =
        details.trail.iter().filter(|event| !is_note(&event.action)).collect();
    let mut lines: Vec<String> = changes.iter().rev().take(EVENTS).map(|one| line(one)).collect();
    if changes.len() > EVENTS {
        lines.push(format!(
            "and {} more: goldenpath audit show {}",
            changes.len() - EVENTS,
            details.row.id
        ));
    }
    lines
}

fn findings(details: &SecretDetails) -> Vec<String> {
    let (errors, warnings) =
        (count(&details.findings, Severity::Error), count(&details.findings, Severity::Warning));
    let counted = [(errors, "error"), (warnings, "warning")];
    let counted: Vec<String> = counted
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| count_of(*count, word))
        .collect();
    let mut lines = vec![if counted.is_empty() { "none".to_owned() } else { counted.join(", ") }];
    for finding in details.findings.iter().take(FINDINGS) {
        lines.push(format!(
            "{} (line {}): {}",
            finding.rule.code, finding.place.line, finding.message
        ));
    }
    if details.findings.len() > FINDINGS {
        lines.push(format!(
            "and {} more: goldenpath validate {}",
            details.findings.len() - FINDINGS,
            details.row.path
        ));
    }
    lines
}

fn lines<T>(lookup: &Lookup<T>, of: impl Fn(&T) -> Vec<String>) -> Vec<String> {
    match lookup {
        Lookup::NotQueried => Vec::new(),
        Lookup::Unavailable(why) => vec![why.clone()],
        Lookup::Failed(why) => vec![format!("not known: {why}")],
        Lookup::Answer(answer) => of(answer),
    }
}

fn stored_lines(stored: &Stored, key: Option<&str>) -> Vec<String> {
    let mut lines = vec![stored.place.clone()];
    lines.extend(key.map(str::to_owned));
    let Some(found) = &stored.found else {
        lines.push("the secret does not exist".to_owned());
        return lines;
    };
    if let Some(reason) = &found.foreign_reason {
        lines.push(format!("a secret with this name exists, but {reason}"));
        return lines;
    }
    let mut words: Vec<String> = Vec::new();
    let dates = [
        ("created", found.dates.created),
        ("changed", found.last_changed),
        ("rotated", found.last_rotated),
    ];
    words.extend(
        dates.into_iter().filter_map(|(word, when)| Some(format!("{word} {}", day(when?)))),
    );
    if !found.has_value {
        words.push("awaiting a value".to_owned());
    }
    lines.push(if words.is_empty() { "exists".to_owned() } else { words.join(", ") });
    lines.extend(found.deletion.map(|when| format!("marked for deletion ({})", day(when))));
    for replica in found.replicas.iter().flatten() {
        let read = match replica.last_accessed {
            Some(last) => format!("last read {}", day(last)),
            None => "never read".to_owned(),
        };
        lines.push(format!("replica in {}, {read}, {}", replica.region, replica.describe_status()));
    }
    if let Err(why) = &found.old_key {
        lines.push(format!("the KMS key of the value is not known: {why}"));
    }
    if let Err(why) = &found.policy {
        lines.push(format!("the resource policy is not known: {why}"));
    }
    lines
}

fn projected_lines(projected: &Projected) -> Vec<String> {
    vec![projected.place.clone(), projected.file.clone(), projected.words.clone()]
}

fn reserved_lines(reserved: &Reserved) -> Vec<String> {
    let by = reserved.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    vec![if reserved.is_reserved {
        format!("reserved on {}{by}", reserved.remote)
    } else {
        format!("not reserved on {}; its manifest uses it", reserved.remote)
    }]
}

/// Adds lines after a label. If `flush`, they start at the margin.
fn push(
    text: &mut String,
    label: &str,
    lines: &[String],
    width: Option<usize>,
    terminal: TerminalStyle,
    flush: bool,
) {
    let indent = if flush { 0 } else { LABELS };
    let mut label = label;
    for line in lines {
        let line = sanitize_name(line);
        let broken = match width {
            Some(width) => wrap(&line, width.saturating_sub(indent)),
            None => vec![line.into_owned()],
        };
        for line in broken {
            let is_too_long =
                width.is_some_and(|width| measure_text_width(&line) > width.saturating_sub(indent));
            let needs_no_label = flush || is_too_long && label.is_empty();
            if !needs_no_label {
                let label =
                    if is_too_long { label.to_owned() } else { format!("{label:<LABELS$}") };
                text.push_str(&terminal.style().bold().apply_to(label).to_string());
            }
            if is_too_long {
                // A long path gets a line of its own, with less indentation if need be.
                if !label.is_empty() {
                    text.push('\n');
                }
                let line = format!("{}{line}", " ".repeat(indent));
                text.push_str(&with_less_indent(&line, width.unwrap_or(usize::MAX)));
            } else {
                text.push_str(&line);
            }
            text.push('\n');
            label = "";
        }
    }
}
