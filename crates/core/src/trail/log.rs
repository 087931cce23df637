//! All records of the audit branch, and the events that they have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use git2::Oid;

use super::record::{RECORDS, path_of, results};
use super::{
    Actor, AuditEvent, AuditRecord, RecordFault, RecordKind, RecordedEvent, RecordedTimes,
};
use crate::config::AuditConfig;
use crate::manifest::SecretId;
use crate::vcs::{Repository, SourceError, visit_branch_files};

/// The records of the audit branch.
#[derive(Debug, Default)]
pub struct AuditLog {
    /// By name, which sorts by time.
    pub records: BTreeMap<String, AuditRecord>,
    /// The files that are not valid records, by path.
    pub invalid: BTreeMap<String, RecordFault>,
}

impl AuditLog {
    /// Adds the records of a commit of the audit branch that it does not have yet.
    ///
    /// # Errors
    /// An object that cannot be read.
    pub fn read(&mut self, git: &git2::Repository, commit: Oid) -> Result<(), SourceError> {
        let Self { records, invalid } = self;
        let is_new = |path: &str| {
            let name = path.rsplit('/').next().unwrap_or_default();
            !records.contains_key(name) || path_of(name).as_deref() != Some(path)
        };
        let mut found = Vec::new();
        visit_branch_files(git, commit, &is_new, &mut |path, content| {
            let record = content
                .ok_or(RecordFault::Path)
                .and_then(|content| AuditRecord::parse(path, content));
            found.push((path.to_owned(), record));
        })?;
        for (path, record) in found {
            match record {
                Ok((name, record)) => _ = records.insert(name, record),
                Err(fault) => _ = invalid.insert(path, fault),
            }
        }
        Ok(())
    }

    /// Reads the audit branch as git or goldenpath has fetched it into a clone.
    ///
    /// The clone may have none, or an older one than the remote.
    ///
    /// # Errors
    /// A branch that cannot be read.
    pub fn fetched(repository: &Repository, config: &AuditConfig) -> Result<Self, SourceError> {
        let mut log = Self::default();
        for (copy, tip) in Self::fetched_tips(repository, config)? {
            log.read(copy.as_ref().unwrap_or(repository.raw()), tip)?;
        }
        Ok(log)
    }

    /// Returns the last commits of the audit branch that a clone has fetched.
    ///
    /// Each comes with the copy that has it; None for the clone itself.
    ///
    /// # Errors
    /// Refs that cannot be read.
    pub fn fetched_tips(
        repository: &Repository,
        config: &AuditConfig,
    ) -> Result<Vec<(Option<git2::Repository>, Oid)>, SourceError> {
        let mut tips = Vec::new();
        let remotes = repository.remotes();
        let remotes = remotes.iter().map(|remote| format!("refs/remotes/{remote}/"));
        for place in remotes.chain(["refs/heads/".to_owned()]) {
            if let Some(tip) = repository.tip_of_ref(&format!("{place}{}", config.branch))? {
                tips.push((None, tip));
            }
        }
        let copies = repository.branch_copies(&config.branch)?;
        tips.extend(copies.into_iter().map(|(copy, tip)| (Some(copy), tip)));
        Ok(tips)
    }

    /// Returns the name of the last record; empty if there is none.
    #[must_use]
    pub fn last(&self) -> &str {
        self.records.last_key_value().map_or("", |(name, _)| name)
    }

    /// Returns a file that shows that the branch is not for records only.
    #[must_use]
    pub fn foreign_file(&self) -> Option<&str> {
        let is_foreign = |path: &&String| !path.starts_with(&format!("{RECORDS}/"));
        self.invalid.keys().find(is_foreign).map(String::as_str)
    }

    /// Returns a record that was altered, or is of a version that is not known, with the fault.
    #[must_use]
    pub fn unreadable(&self) -> Option<(&str, RecordFault)> {
        let mut invalid = self.invalid.iter().map(|(path, fault)| (path.as_str(), *fault));
        invalid.find(|(_, fault)| *fault != RecordFault::Path)
    }

    /// Returns the record of the run that last applied a commit to an environment.
    #[must_use]
    pub fn last_applied(&self, environment: &str) -> Option<&AuditRecord> {
        self.records.values().rev().find(|record| applies_to(record, environment))
    }

    /// Returns the events, sorted by time.
    ///
    /// An action without a result has the result [`results::BEGUN`].
    #[must_use]
    pub fn events(&self) -> Vec<AuditEvent> {
        let mut events = self.events_as_recorded();
        events.sort_by_key(|event| event.time);
        events
    }

    /// Returns the events in the order in which they were recorded, whatever the clocks showed.
    #[must_use]
    pub fn events_as_recorded(&self) -> Vec<AuditEvent> {
        let mut known: HashMap<EventKey<'_>, usize> = HashMap::new();
        for record in self.records.values().filter(|record| record.kind == RecordKind::Outcome) {
            for event in &record.events {
                *known.entry(key_of(record, event)).or_default() += 1;
            }
        }
        let mut events = Vec::new();
        let mut lines = BTreeSet::new();
        for record in self.records.values() {
            for event in &record.events {
                if record.kind == RecordKind::Begin
                    && let Some(count) = known.get_mut(&key_of(record, event))
                    && *count > 0
                {
                    *count -= 1;
                    continue;
                }
                events.push(to_event(record, event));
            }
            for line in record.imported.iter().flat_map(|trail| &trail.lines) {
                if lines.insert(line.as_str())
                    && let Ok(event) = serde_json::from_str::<AuditEvent>(line)
                {
                    events.push(event);
                }
            }
        }
        events
    }

    /// Returns the times that the events show.
    #[must_use]
    pub fn times(&self) -> RecordedTimes {
        RecordedTimes::of(&self.events())
    }

    /// Returns the lines of trails of version 0.1 that are taken over, by file.
    #[must_use]
    pub fn imported_lines(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for trail in self.records.values().flat_map(|record| &record.imported) {
            let lines = files.entry(&trail.file).or_default();
            lines.extend(trail.lines.iter().map(String::as_str));
        }
        files
    }

    /// Reports whether the lines of a trail of version 0.1 are all taken over.
    #[must_use]
    pub fn has_imported(&self, file: &str, text: &str) -> bool {
        let imported = self.imported_lines();
        imported.get(file).is_some_and(|lines| text.lines().all(|line| lines.contains(line)))
    }
}

/// Reports whether a record is of a run that applies a commit to an environment.
#[must_use]
pub fn applies_to(record: &AuditRecord, environment: &str) -> bool {
    record.kind == RecordKind::Begin
        && record.commit.is_some()
        && record.environments.iter().any(|name| name == environment)
}

/// What an action and its result have in common.
type EventKey<'a> = (&'a str, SecretId, &'a str, &'a str, &'a str);

fn key_of<'a>(record: &'a AuditRecord, event: &'a RecordedEvent) -> EventKey<'a> {
    (&record.run, event.id, &event.action, &event.environment, &event.target)
}

fn to_event(record: &AuditRecord, event: &RecordedEvent) -> AuditEvent {
    let RecordedEvent {
        time,
        id,
        action,
        environment,
        target,
        reason,
        result,
        aws,
        secret,
        recovery_days,
    } = event;
    AuditEvent {
        time: time.unwrap_or(record.time),
        id: *id,
        action: action.clone(),
        environment: environment.clone(),
        target: target.clone(),
        reason: reason.clone(),
        result: if record.kind == RecordKind::Begin {
            results::BEGUN.to_owned()
        } else {
            result.clone()
        },
        actor: Actor { aws: aws.clone(), ..record.actor.clone() },
        source: record.source.clone(),
        goldenpath: record.goldenpath.clone(),
        run: record.run.clone(),
        secret: secret.clone(),
        recovery_days: *recovery_days,
        previous: String::new(),
    }
}
