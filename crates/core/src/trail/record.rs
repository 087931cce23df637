//! One file of the audit branch: the actions of a run, or their results.
//!
//! A record's name has its time and the SHA-256 of its content, so a changed record no longer fits
//! its name, and records of concurrent runs never conflict.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Actor, RecordedLocation};
use crate::clock;
use crate::manifest::SecretId;

/// The folder of the records on the audit branch.
pub const RECORDS: &str = "events";

/// The version of the format.
const VERSION: u32 = 1;

/// The form of the time in a record's name.
const TIME: &str = "%Y%m%dT%H%M%S%6fZ";

/// The number of characters of [`TIME`].
const TIME_LENGTH: usize = 22;

/// The number of hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// The results of an action.
pub mod results {
    /// The action is planned, and no result is recorded: it may have been done.
    pub const BEGUN: &str = "begun";
    /// The action was done.
    pub const DONE: &str = "done";
    /// The action failed, and changed nothing.
    pub const FAILED: &str = "failed";
    /// A killed run started the action; it may have been done.
    pub const INTERRUPTED: &str = "interrupted";
    /// The action was planned, and the run ended without starting it.
    pub const NOT_STARTED: &str = "not-started";
    /// The change is on a branch that waits for a review.
    pub const PROPOSED: &str = "proposed";
}

/// A file of the audit branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditRecord {
    /// The version of this format.
    pub version: u32,
    /// What the record says.
    pub kind: RecordKind,
    /// A random ID, the same in all records of a run.
    pub run: String,
    /// The time at which it was written, in UTC.
    pub time: Timestamp,
    /// Who ran the command.
    pub actor: Actor,
    /// The catalog and its commit, as text.
    pub source: String,
    /// The catalog's commit that is applied; None for a run that applies no commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The environments to which the commit is applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// Why a commit is applied that does not contain the one applied last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_reason: Option<String>,
    /// The version of goldenpath.
    pub goldenpath: String,
    /// The name of the record before it: the run's own, or else the last one on the branch.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub previous: String,
    /// The actions that are about to start, or their results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<RecordedEvent>,
    /// The trails of version 0.1 that are taken over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imported: Vec<ImportedTrail>,
    /// The signed statement of a checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// These actions are about to start.
    Begin,
    /// These actions have a result.
    Outcome,
    /// These trails of version 0.1 are taken over.
    Import,
    /// All records up to here are signed.
    Checkpoint,
}

/// An action of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordedEvent {
    /// The time of the result; None in a record of kind `begin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The ID of the secret's manifest.
    pub id: SecretId,
    /// The action as in the plan, or `override-gate`.
    pub action: String,
    /// The environment of the secret.
    pub environment: String,
    /// The store key or the file.
    pub target: String,
    /// The reason for the action.
    pub reason: String,
    /// One of [`results`].
    pub result: String,
    /// The caller's identity in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<String>,
    /// The secret in its store, as far as known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<RecordedLocation>,
    /// For a deletion: the days for which the secret can be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_days: Option<u8>,
}

/// A trail of version 0.1, `audit/<ID>.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportedTrail {
    /// The path, from the root of the catalog's repository.
    pub file: String,
    /// Its lines, as they are.
    pub lines: Vec<String>,
}

/// A statement about all records of a commit of the audit branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Checkpoint {
    /// The commit of the audit branch.
    pub commit: String,
    /// The number of records in it.
    pub count: usize,
    /// The SHA-256 of the sorted names of the records, one a line, in hexadecimal digits.
    pub root: String,
    /// The time of the statement.
    pub time: Timestamp,
    /// The SSH signature of [`Checkpoint::statement`], armored.
    pub signature: String,
}

/// Why the file of a record is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFault {
    /// The path is not that of a record.
    Path,
    /// The content has another SHA-256 than the name says.
    Hash,
    /// The content is not a record of a known version.
    Content,
}

impl AuditRecord {
    /// Creates a record without actions, of the current version.
    #[must_use]
    pub fn new(kind: RecordKind, run: String, actor: Actor, source: String) -> Self {
        Self {
            version: VERSION,
            kind,
            run,
            time: clock::now(),
            actor,
            source,
            commit: None,
            environments: Vec::new(),
            older_reason: None,
            goldenpath: env!("CARGO_PKG_VERSION").to_owned(),
            previous: String::new(),
            events: Vec::new(),
            imported: Vec::new(),
            checkpoint: None,
        }
    }

    /// Returns the record's name and text.
    ///
    /// The name sorts after the name `last` even if the clock is behind the one of that record.
    #[must_use]
    pub fn to_file(&self, last: &str) -> (String, String) {
        // A record has only text, numbers and times, so it can always be JSON.
        let text = format!("{}\n", serde_json::to_string(self).unwrap_or_default());
        let after = time_of(last)
            .and_then(|last| last.checked_add(jiff::SignedDuration::from_micros(1)).ok());
        let time = after.map_or(self.time, |after| after.max(self.time));
        (format!("{}-{}.json", time.strftime(TIME), sha256(text.as_bytes())), text)
    }

    /// Parses the file at a path of the audit branch. Returns its name and the record.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<(String, Self), RecordFault> {
        let name = path.rsplit('/').next().unwrap_or_default();
        if path_of(name).as_deref() != Some(path) {
            return Err(RecordFault::Path);
        }
        let digits = name.get(TIME_LENGTH + 1..TIME_LENGTH + 1 + DIGITS);
        if digits != Some(sha256(bytes).as_str()) {
            return Err(RecordFault::Hash);
        }
        match serde_json::from_slice::<Self>(bytes) {
            Ok(record) if record.version == VERSION && record.fits_its_kind() => {
                Ok((name.to_owned(), record))
            }
            _ => Err(RecordFault::Content),
        }
    }
}

impl AuditRecord {
    /// Reports whether the record has only what its kind allows.
    fn fits_its_kind(&self) -> bool {
        let has_events = !self.events.is_empty();
        let (is_import, is_signed) = (!self.imported.is_empty(), self.checkpoint.is_some());
        let is_hash = |id: &String| {
            matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let has_order =
            self.commit.is_some() || self.older_reason.is_some() || !self.environments.is_empty();
        match self.kind {
            RecordKind::Begin => !is_import && !is_signed && self.commit.iter().all(is_hash),
            RecordKind::Outcome => !is_import && !is_signed && !has_order,
            RecordKind::Import => is_import && !is_signed && !has_order && !has_events,
            RecordKind::Checkpoint => is_signed && !is_import && !has_order && !has_events,
        }
    }
}

impl Checkpoint {
    /// Returns the text that is signed.
    #[must_use]
    pub fn statement(&self) -> String {
        let Self { commit, count, root, time, .. } = self;
        format!(
            "goldenpath audit checkpoint\ncommit {commit}\nrecords {count}\nroot {root}\ntime \
             {time}\n"
        )
    }

    /// Returns the root of records with these sorted names.
    #[must_use]
    pub fn root_of<'name>(names: impl Iterator<Item = &'name str>) -> String {
        let mut digest = Sha256::new();
        for name in names {
            digest.update(name.as_bytes());
            digest.update(b"\n");
        }
        hex(&digest.finalize())
    }
}

impl RecordFault {
    /// Returns the fault, as plain text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Path => "it is not an audit record",
            Self::Hash => "it was altered: its name has the hash of another content",
            Self::Content => "it is not a record of a version that this goldenpath knows",
        }
    }
}

/// Returns the path of a record on the audit branch; None if the name is not one.
#[must_use]
pub fn path_of(name: &str) -> Option<String> {
    time_of(name)?;
    let rest = name.get(TIME_LENGTH..)?.strip_prefix('-')?.strip_suffix(".json")?;
    let is_hash =
        rest.len() == DIGITS && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let (year, month, day) = (&name[..4], &name[4..6], &name[6..8]);
    is_hash.then(|| format!("{RECORDS}/{year}/{month}/{day}/{name}"))
}

/// Returns the time in a record's name.
fn time_of(name: &str) -> Option<Timestamp> {
    let text = name.get(..TIME_LENGTH)?;
    let is_valid = text.bytes().enumerate().all(|(at, byte)| match at {
        8 => byte == b'T',
        21 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    });
    if !is_valid {
        return None;
    }
    let digits = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let field = |range| digits(range).and_then(|number| i8::try_from(number).ok());
    let date =
        jiff::civil::Date::new(i16::try_from(digits(0..4)?).ok()?, field(4..6)?, field(6..8)?)
            .ok()?;
    let nanoseconds = i32::try_from(digits(15..21)? * 1000).ok()?;
    let time = jiff::civil::Time::new(field(9..11)?, field(11..13)?, field(13..15)?, nanoseconds);
    let time = jiff::tz::TimeZone::UTC.to_timestamp(date.to_datetime(time.ok()?)).ok()?;
    Some(time)
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record(kind: RecordKind) -> AuditRecord {
        AuditRecord::new(kind, "run".to_owned(), Actor::default(), "acme".to_owned())
    }

    #[test]
    fn a_record_is_read_from_its_own_path_and_content_alone() {
        let (name, text) = record(RecordKind::Begin).to_file("");
        let path = path_of(&name).unwrap();
        assert_eq!(AuditRecord::parse(&path, text.as_bytes()).unwrap().0, name);
        let altered = text.replace("acme", "evil");
        assert_eq!(AuditRecord::parse(&path, altered.as_bytes()), Err(RecordFault::Hash));
        let moved = path.replace("events/2", "events/1");
        assert_eq!(AuditRecord::parse(&moved, text.as_bytes()), Err(RecordFault::Path));
        assert_eq!(AuditRecord::parse("events/x.json", text.as_bytes()), Err(RecordFault::Path));
    }

    #[test]
    fn no_name_makes_a_time_that_does_not_exist() {
        let hash = "0".repeat(64);
        for time in ["20261125T996199000000Z", "20261331T000000000000Z", "2026-1-1T00000000-000Z"] {
            assert_eq!(path_of(&format!("{time}-{hash}.json")), None, "{time}");
        }
        let path = path_of(&format!("20261125T091118000000Z-{hash}.json")).unwrap();
        assert!(path.starts_with("events/2026/11/25/20261125T"), "{path}");
    }

    #[test]
    fn a_record_sorts_after_the_last_one_even_if_the_clock_is_behind() {
        let (last, _) = record(RecordKind::Begin).to_file("");
        let earlier = AuditRecord { time: Timestamp::UNIX_EPOCH, ..record(RecordKind::Outcome) };
        let (name, _) = earlier.to_file(&last);
        assert!(name > last, "{name} {last}");
    }

    #[test]
    fn a_record_with_more_than_its_kind_allows_is_not_one() {
        let event = RecordedEvent {
            time: None,
            id: SecretId::first(),
            action: "delete-secret".to_owned(),
            environment: "dev".to_owned(),
            target: "a".to_owned(),
            reason: String::new(),
            result: results::DONE.to_owned(),
            aws: None,
            secret: None,
            recovery_days: None,
        };
        for forged in [
            AuditRecord { events: vec![event.clone()], ..record(RecordKind::Checkpoint) },
            AuditRecord { events: vec![event], ..record(RecordKind::Import) },
            AuditRecord { commit: Some("zzz".to_owned()), ..record(RecordKind::Begin) },
            AuditRecord { commit: Some("0".repeat(40)), ..record(RecordKind::Outcome) },
        ] {
            let (name, text) = forged.to_file("");
            let parsed = AuditRecord::parse(&path_of(&name).unwrap(), text.as_bytes());
            assert_eq!(parsed, Err(RecordFault::Content), "{text}");
        }
    }
}
