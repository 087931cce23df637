//! All that is known of one secret, on one screen.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::due::{Reason, day, distance};
use super::row::style;
use super::{Known, Row};
use crate::audit::Event;
use crate::diagnostics::{count, count_of, finding_rows};
use crate::rules::{Finding, Severity};
use crate::terminal::{Look, harmless_name, wrapped};

/// How wide what stands before each part is.
const LABELS: usize = 12;

/// How many findings are told one by one.
const FINDINGS: usize = 3;

/// How many events of the audit trail are told, the youngest first.
const EVENTS: usize = 3;

/// What somebody else says of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<T> {
    /// Nobody was asked.
    LeftOut,
    /// There is nobody to ask.
    Nobody(String),
    /// Asked, and why there is no answer.
    Failed(String),
    Answer(T),
}

/// A secret in its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub place: String,
    /// None where there is no such secret.
    pub found: Option<Found>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub known: Known,
    pub has_value: bool,
    /// The day for which its deletion is planned.
    pub deletion: Option<Timestamp>,
    pub last_changed: Option<Timestamp>,
    pub last_rotated: Option<Timestamp>,
    /// Whose it is, where it is not the manifest's.
    pub stranger: Option<String>,
}

/// A projection in its GitOps repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projected {
    pub place: String,
    pub file: String,
    /// `current`, `missing`, …
    pub state: &'static str,
    /// The same in words.
    pub words: String,
}

/// A reservation of the ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    pub remote: String,
    pub is_reserved: bool,
    /// Who made it, and when.
    pub by: Option<String>,
}

/// What is known of one secret.
#[derive(Debug)]
pub struct Sheet {
    pub row: Row,
    pub now: Timestamp,
    /// None where there is no last commit to compare with.
    pub is_committed: Option<bool>,
    /// When the ID came into the catalog.
    pub catalogued: Option<Timestamp>,
    pub days: Vec<(Timestamp, Reason)>,
    pub store: Told<Stored>,
    pub gitops: Told<Projected>,
    pub reservation: Told<Reserved>,
    /// The audit trail, the oldest first.
    pub trail: Vec<Event>,
    pub findings: Vec<Finding>,
}

impl Sheet {
    /// One JSON object. What was left out is `null`.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let due: Vec<Value> = self
            .days
            .iter()
            .map(|(when, reason)| json!({ "reason": reason.name(), "due": day(*when), "message": reason.words() }))
            .collect();
        json!({
            "version": 1,
            "secret": self.row,
            "committed": self.is_committed,
            "inCatalogSince": self.catalogued.map(day),
            "due": due,
            "store": self.store.as_json(Stored::as_json),
            "gitops": self.gitops.as_json(Projected::as_json),
            "reservation": self.reservation.as_json(Reserved::as_json),
            "audit": self.trail,
            "findings": finding_rows(&self.findings),
        })
    }

    /// For people; at a `width` in columns, with longer lines broken.
    #[must_use]
    pub fn for_people(&self, width: Option<usize>, look: Look) -> String {
        let row = &self.row;
        let mut text = format!(
            "{}  {}  {}\n",
            look.style().bold().apply_to(row.id),
            look.style().bold().apply_to(harmless_name(&row.name)),
            style(row.status, look).apply_to(row.status)
        );
        let facts = [
            format!("{} in {}", row.service, row.environment),
            format!("owner {}", row.owner),
            row.secret_type.clone(),
            format!("{} risk", row.risk_tier),
        ];
        push(&mut text, "", &[facts.join(", ")], width, look, true);
        push(&mut text, "", row.description.as_slice(), width, look, true);
        text.push('\n');
        for (label, lines) in self.parts() {
            push(&mut text, label, &lines, width, look, false);
        }
        text
    }

    fn parts(&self) -> Vec<(&'static str, Vec<String>)> {
        let row = &self.row;
        let mut manifest = vec![row.path.clone()];
        let uncommitted = (self.is_committed == Some(false))
            .then(|| "with changes that are not committed".to_owned());
        let since = self.catalogued.map(|since| format!("in the catalog since {}", day(since)));
        let about: Vec<String> = since.into_iter().chain(uncommitted).collect();
        manifest.extend((!about.is_empty()).then(|| about.join(", ")));
        let due = self.days.iter().map(|(when, reason)| {
            format!("{}, {}: {}", day(*when), distance(*when, self.now), reason.words())
        });
        vec![
            ("Manifest", manifest),
            ("Due", due.collect()),
            (
                "Kubernetes",
                vec![format!("Secret {} in the namespace {}", row.k8s_secret_name, row.namespace)],
            ),
            ("Store", self.store.lines(|stored| stored.lines(row.store_key.as_deref()))),
            ("GitOps", self.gitops.lines(Projected::lines)),
            ("ID", self.reservation.lines(Reserved::lines)),
            ("History", self.history()),
            ("Findings", self.findings()),
        ]
    }

    fn history(&self) -> Vec<String> {
        let told = |event: &Event| {
            format!(
                "{} {} by {}",
                event.time.strftime("%Y-%m-%d %H:%M"),
                event.action,
                event.actor.name()
            )
        };
        let mut lines: Vec<String> = self.trail.iter().rev().take(EVENTS).map(told).collect();
        if self.trail.len() > EVENTS {
            lines.push(format!(
                "and {} more: goldenpath audit show {}",
                self.trail.len() - EVENTS,
                self.row.id
            ));
        }
        lines
    }

    fn findings(&self) -> Vec<String> {
        let (errors, warnings) =
            (count(&self.findings, Severity::Error), count(&self.findings, Severity::Warning));
        let counted = [(errors, "error"), (warnings, "warning")];
        let counted: Vec<String> = counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| count_of(*count, word))
            .collect();
        let mut lines =
            vec![if counted.is_empty() { "none".to_owned() } else { counted.join(", ") }];
        for finding in self.findings.iter().take(FINDINGS) {
            lines.push(format!(
                "{} (line {}): {}",
                finding.rule.code, finding.place.line, finding.message
            ));
        }
        if self.findings.len() > FINDINGS {
            lines.push(format!(
                "and {} more: goldenpath validate {}",
                self.findings.len() - FINDINGS,
                self.row.path
            ));
        }
        lines
    }
}

impl<T> Told<T> {
    fn lines(&self, of: impl Fn(&T) -> Vec<String>) -> Vec<String> {
        match self {
            Self::LeftOut => Vec::new(),
            Self::Nobody(why) => vec![why.clone()],
            Self::Failed(why) => vec![format!("not known: {why}")],
            Self::Answer(answer) => of(answer),
        }
    }

    fn as_json(&self, of: impl Fn(&T) -> Value) -> Value {
        match self {
            Self::LeftOut | Self::Nobody(_) => Value::Null,
            Self::Failed(why) => json!({ "error": why }),
            Self::Answer(answer) => of(answer),
        }
    }
}

impl Stored {
    fn as_json(&self) -> Value {
        let state = match &self.found {
            None => "missing",
            Some(found) if found.stranger.is_some() => "foreign",
            Some(found) if found.deletion.is_some() => "deletion-planned",
            Some(_) => "present",
        };
        let found = self.found.as_ref();
        json!({
            "place": self.place,
            "state": state,
            "hasValue": found.map(|found| found.has_value),
            "created": found.and_then(|found| found.known.created).map(day),
            "lastChanged": found.and_then(|found| found.last_changed).map(day),
            "lastRotated": found.and_then(|found| found.last_rotated).map(day),
            "deletion": found.and_then(|found| found.deletion).map(day),
            "message": found.and_then(|found| found.stranger.as_deref()),
        })
    }

    fn lines(&self, key: Option<&str>) -> Vec<String> {
        let mut lines = vec![self.place.clone()];
        lines.extend(key.map(str::to_owned));
        let Some(found) = &self.found else {
            lines.push("there is no such secret".to_owned());
            return lines;
        };
        if let Some(stranger) = &found.stranger {
            lines.push(format!("a secret of this name is there, and {stranger}"));
            return lines;
        }
        let mut words: Vec<String> = Vec::new();
        let dates = [
            ("created", found.known.created),
            ("changed", found.last_changed),
            ("rotated", found.last_rotated),
        ];
        words.extend(
            dates.into_iter().filter_map(|(word, when)| Some(format!("{word} {}", day(when?)))),
        );
        if !found.has_value {
            words.push("awaiting a value".to_owned());
        }
        lines.push(if words.is_empty() { "there".to_owned() } else { words.join(", ") });
        lines.extend(found.deletion.map(|when| format!("marked for deletion ({})", day(when))));
        lines
    }
}

impl Projected {
    fn as_json(&self) -> Value {
        json!({ "place": self.place, "file": self.file, "state": self.state, "message": self.words })
    }

    fn lines(&self) -> Vec<String> {
        vec![self.place.clone(), self.file.clone(), self.words.clone()]
    }
}

impl Reserved {
    fn as_json(&self) -> Value {
        json!({ "remote": self.remote, "reserved": self.is_reserved, "by": self.by })
    }

    fn lines(&self) -> Vec<String> {
        let by = self.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        vec![match self.is_reserved {
            true => format!("reserved on {}{by}", self.remote),
            false => format!("not reserved on {}: its manifest keeps it", self.remote),
        }]
    }
}

/// Adds lines behind a label; `flush` ones begin at the margin.
fn push(
    text: &mut String,
    label: &str,
    lines: &[String],
    width: Option<usize>,
    look: Look,
    flush: bool,
) {
    let indent = if flush { 0 } else { LABELS };
    let mut label = label;
    for line in lines {
        let line = harmless_name(line);
        let broken = match width {
            Some(width) => wrapped(&line, width.saturating_sub(indent)),
            None => vec![line.into_owned()],
        };
        for line in broken {
            if !flush {
                text.push_str(
                    &look.style().bold().apply_to(format!("{label:<LABELS$}")).to_string(),
                );
            }
            text.push_str(&line);
            text.push('\n');
            label = "";
        }
    }
}
