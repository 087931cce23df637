//! The records of one run: what it is about to do, and what came of it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::journal::{Journal, KilledRun};
use super::pipeline::pipeline;
use super::recovery::{ActionKey, key_of, recovered};
use super::{AuditBranch, CatalogStatuses, MarkDelivery, RecordError};
use super::{checkpoint, marks};
use crate::store::StoreIdentity;
use goldenpath_core::clock;
use goldenpath_core::config::AuditConfig;
use goldenpath_core::crash_point;
use goldenpath_core::manifest::SecretId;
use goldenpath_core::trail::{
    Actor, AuditLog, AuditRecord, RecordKind, RecordedEvent, RecordedLocation, applies_to, results,
};
use goldenpath_core::vcs::Repository;

/// The number of actions in a commit message.
const LISTED: usize = 50;

/// The share of a run that may be spent on asking for newer runs: one part in this many.
const CHECK_SHARE: u32 = 5;

/// The time after which the results so far are recorded.
const BATCH: Duration = Duration::from_secs(60);

/// Records the actions of a run.
pub struct Recorder<'run> {
    repository: &'run Repository,
    config: &'run AuditConfig,
    branch: OnceCell<AuditBranch>,
    journal: Journal,
    run: String,
    /// The actor without the AWS caller, which differs by account.
    actor: Actor,
    source: String,
    applied: Option<AppliedCommit>,
    /// The account behind each environment's store.
    stores: BTreeMap<String, StoreIdentity>,
    /// What stores answered to writes of this run.
    written: RefCell<BTreeMap<SecretId, RecordedLocation>>,
    /// The name of the run's last record; empty before the first.
    previous: RefCell<String>,
    /// The names of the records that the run's first one follows.
    seen: RefCell<BTreeSet<String>>,
    /// Whether the run has recorded anything.
    has_recorded: Cell<bool>,
    /// Announced actions that have no result yet.
    open: RefCell<Vec<RecordedEvent>>,
    /// Results that are not on the branch yet.
    unrecorded: RefCell<Vec<RecordedEvent>>,
    /// Actions that have started.
    started: RefCell<BTreeSet<ActionKey>>,
    /// Why no other action may start.
    stop: RefCell<Option<RecordError>>,
    last_check: Cell<Option<(Instant, Duration)>>,
    last_batch: Cell<Instant>,
}

/// A commit of the catalog, and where it is applied.
#[derive(Debug, Clone)]
pub struct AppliedCommit {
    /// The ID of the commit.
    pub commit: String,
    /// The names of the environments.
    pub environments: Vec<String>,
    /// Why it may be older than the commit applied last; None if it may not.
    pub older_reason: Option<String>,
}

/// An action for a secret.
#[derive(Debug, Clone)]
pub struct RecordedAction {
    /// The ID of the secret's manifest.
    pub id: SecretId,
    /// The action's name in the audit trail.
    pub action: &'static str,
    /// The environment of the secret.
    pub environment: String,
    /// The store key or file.
    pub target: String,
    /// Why the action is done, as in the plan.
    pub reason: String,
    /// The secret's ARN, if it exists in AWS.
    pub arn: Option<String>,
    /// The version of the value that the action writes.
    pub version: Option<String>,
    /// For a deletion: the days for which the secret can be restored.
    pub recovery_days: Option<u8>,
}

/// A manifest to mark `decommissioned`.
#[derive(Debug, Clone)]
pub struct DecommissionMark {
    /// The path of the manifest, from the repository's root.
    pub file: String,
    /// The action to record together with the new status.
    pub action: RecordedAction,
    /// The overridden gates, recorded with it.
    pub overrides: Vec<RecordedAction>,
}

impl DecommissionMark {
    fn recorded_actions(&self) -> impl Iterator<Item = RecordedAction> {
        self.overrides.iter().cloned().chain([self.action.clone()])
    }
}

/// The result of recording.
#[derive(Debug)]
pub struct Recorded {
    /// One result per manifest to mark, in order.
    pub marks: Vec<Result<MarkDelivery, RecordError>>,
    /// The commit of the audit branch; None if there was nothing to record.
    pub commit: Result<Option<String>, RecordError>,
}

impl<'run> Recorder<'run> {
    /// Creates a recorder for a run with the catalog at `source`.
    ///
    /// `applied` is None if no commit is applied, and `stores` has the account behind each
    /// environment's store.
    #[must_use]
    pub fn new(
        repository: &'run Repository,
        config: &'run AuditConfig,
        source: String,
        applied: Option<AppliedCommit>,
        stores: BTreeMap<String, StoreIdentity>,
    ) -> Self {
        let actor = Actor {
            ci: pipeline(|name| std::env::var(name).ok()),
            aws: None,
            git: repository.author(),
        };
        Self {
            repository,
            config,
            branch: OnceCell::new(),
            journal: Journal::new(&repository.data_folder()),
            run: format!("{:016x}", RandomState::new().hash_one(std::process::id())),
            actor,
            source,
            applied,
            stores,
            written: RefCell::default(),
            previous: RefCell::default(),
            seen: RefCell::default(),
            has_recorded: Cell::new(false),
            open: RefCell::default(),
            unrecorded: RefCell::default(),
            started: RefCell::default(),
            stop: RefCell::default(),
            last_check: Cell::default(),
            last_batch: Cell::new(Instant::now()),
        }
    }

    /// Checks that the commit contains the one applied last, for each environment.
    ///
    /// # Errors
    /// [`RecordError::OlderCommit`], or the audit branch cannot be read.
    pub fn check_order(&self) -> Result<(), RecordError> {
        let branch = self.branch()?;
        self.find_older(&branch.log()).map(drop)
    }

    /// Records a run without changes if its commit is not yet the one applied last.
    ///
    /// Nothing is recorded for an older commit, or before the first run with changes. What the
    /// `statuses` of manifests say is recorded, too.
    ///
    /// # Errors
    /// The audit branch cannot be read, or the record cannot be pushed.
    pub fn note_applied(&self, statuses: &CatalogStatuses) -> Result<(), RecordError> {
        let Some(applied) = &self.applied else { return Ok(()) };
        let is_needed = {
            let branch = self.branch()?;
            let log = branch.log();
            let is_last = |environment: &String| {
                let last = log.last_applied(environment);
                last.is_some_and(|last| last.commit.as_ref() == Some(&applied.commit))
            };
            !log.records.is_empty()
                && (!applied.environments.iter().all(is_last)
                    || !statuses.events(&log, &[], true).is_empty())
                && self.find_older(&log).is_ok()
        };
        if is_needed { self.begin_run([], statuses) } else { Ok(()) }
    }

    /// Records that these actions are about to start.
    ///
    /// The results of killed runs are recorded with it, and what the `statuses` of manifests say.
    ///
    /// # Errors
    /// The record cannot be pushed, or another run began to apply a newer commit: then nothing may
    /// be changed.
    pub fn begin_run(
        &self,
        actions: impl IntoIterator<Item = RecordedAction>,
        statuses: &CatalogStatuses,
    ) -> Result<(), RecordError> {
        let mut events: Vec<RecordedEvent> =
            actions.into_iter().map(|action| self.event(action, results::BEGUN)).collect();
        let noted = statuses.events(&self.branch()?.log(), &events, self.applied.is_some());
        events.extend(noted.iter().cloned());
        if let Some(key) = self.signing_key() {
            checkpoint::check_key(self.repository.root(), key)?;
        }
        let killed = self.killed()?;
        let message = self.message("begin", &events);
        let branch = self.branch()?;
        // If the run is killed from here on, the next one records that nothing was started.
        self.write(&[])?;
        let begun = branch.add(
            &mut |log| {
                self.seen.replace(log.records.keys().cloned().collect());
                let mut records = recovered(&killed, log);
                let mut begin = self.record(RecordKind::Begin, events.clone());
                begin.previous = String::new();
                if let Some(applied) = &self.applied {
                    begin.commit = Some(applied.commit.clone());
                    begin.environments.clone_from(&applied.environments);
                    begin.older_reason = self.find_older(log)?;
                }
                records.push(begin);
                Ok(records)
            },
            &message,
        );
        if let Err(error) = begun {
            self.journal.delete();
            return Err(error);
        }
        self.has_recorded.set(true);
        self.set_previous(branch);
        killed.into_iter().for_each(KilledRun::delete);
        crash_point::point("audit: begun");
        self.open.replace(events);
        let done = |event| RecordedEvent {
            time: Some(clock::now()),
            result: results::DONE.to_owned(),
            ..event
        };
        self.finish_actions(noted.into_iter().map(done).collect());
        Ok(())
    }

    /// Returns whether the next action may start, after asking for newer runs from time to time.
    ///
    /// It always asks if `is_final`. Once false, it stays false.
    pub fn may_start(&self, is_final: bool) -> bool {
        if self.stop.borrow().is_some() {
            return false;
        }
        let is_due =
            self.last_check.get().is_none_or(|(last, took)| last.elapsed() >= took * CHECK_SHARE);
        if self.applied.is_some() && (is_due || is_final) {
            let begin = Instant::now();
            if let Err(error) = self.check_newer() {
                self.stop.replace(Some(error));
            }
            self.last_check.set(Some((Instant::now(), begin.elapsed())));
        }
        self.stop.borrow().is_none()
    }

    /// Returns whether no other action may start.
    pub fn is_stopped(&self) -> bool {
        self.stop.borrow().is_some()
    }

    /// Writes the start of actions to the journal.
    ///
    /// # Errors
    /// The journal cannot be written: the actions must not start.
    pub fn begin(
        &self,
        actions: impl IntoIterator<Item = RecordedAction>,
    ) -> Result<(), RecordError> {
        let events: Vec<RecordedEvent> =
            actions.into_iter().map(|action| self.event(action, results::BEGUN)).collect();
        self.started.borrow_mut().extend(events.iter().map(key_of));
        self.write(&events)
    }

    /// Takes the ARN and the version that a store answered to a write, for later events.
    pub fn note_written(&self, id: SecretId, arn: Option<String>, version: Option<String>) {
        let mut written = self.written.borrow_mut();
        let known = written.entry(id).or_default();
        known.arn = arn.or(known.arn.take());
        known.version = version.or(known.version.take());
    }

    /// Writes completed actions to the journal.
    pub fn done(&self, actions: impl IntoIterator<Item = RecordedAction>) {
        let events = actions.into_iter().map(|action| self.event(action, results::DONE));
        self.finish_actions(events.collect());
    }

    /// Writes the failure of actions to the journal.
    pub fn fail(&self, actions: impl IntoIterator<Item = RecordedAction>) {
        let events = actions.into_iter().map(|action| self.event(action, results::FAILED));
        self.finish_actions(events.collect());
    }

    /// Writes that it is not known whether actions were done.
    pub fn interrupt(&self, actions: impl IntoIterator<Item = RecordedAction>) {
        let events = actions.into_iter().map(|action| self.event(action, results::INTERRUPTED));
        self.finish_actions(events.collect());
    }

    fn finish_actions(&self, events: Vec<RecordedEvent>) {
        if let Err(error) = self.write(&events) {
            self.stop.borrow_mut().get_or_insert(error);
        }
        self.unrecorded.borrow_mut().extend(events);
        if self.last_batch.get().elapsed() > BATCH {
            if let Err(error) = self.record_results(Vec::new()) {
                self.stop.borrow_mut().get_or_insert(error);
            }
            self.last_batch.set(Instant::now());
        }
    }

    /// Marks manifests, and records all results.
    pub fn finish(&self, marks: &[DecommissionMark]) -> Recorded {
        let mut marked = marks::Marked { results: Vec::new(), failure: None };
        if !marks.is_empty() && self.may_start(true) && self.begin_marks(marks) {
            let events: Vec<Vec<RecordedEvent>> =
                marks.iter().map(|mark| self.events(mark)).collect();
            let message = self.message("decommission", &events.concat());
            marked = marks::mark(self.repository, self.config, marks, &message);
            let recorded = marked.results.iter().zip(events).flat_map(|(result, events)| {
                let result = match (result, &marked.failure) {
                    (Ok(MarkDelivery::Merged), None) => results::DONE,
                    (Ok(MarkDelivery::Proposed(_)), None) => results::PROPOSED,
                    (Ok(_), Some(_)) => results::INTERRUPTED,
                    (Err(_), _) => results::FAILED,
                };
                let with_result = |event| RecordedEvent { result: result.to_owned(), ..event };
                events.into_iter().map(with_result).collect::<Vec<_>>()
            });
            self.finish_actions(recorded.collect());
        }
        let not_started = self.not_started();
        let commit = match self.record_results(not_started) {
            Ok(commit) => {
                self.journal.delete();
                self.sign(commit)
            }
            Err(error) => Err(error),
        };
        let commit = match (commit, self.stop.take(), marked.failure) {
            (Err(error), ..) | (Ok(_), Some(error), _) | (Ok(_), None, Some(error)) => Err(error),
            (Ok(commit), None, None) => Ok(commit),
        };
        Recorded { marks: marked.results, commit }
    }

    fn events(&self, mark: &DecommissionMark) -> Vec<RecordedEvent> {
        mark.recorded_actions().map(|action| self.event(action, results::DONE)).collect()
    }

    /// Writes the start of marking to the journal. Returns whether it may start.
    fn begin_marks(&self, marks: &[DecommissionMark]) -> bool {
        let actions = marks.iter().flat_map(DecommissionMark::recorded_actions);
        if let Err(error) = self.begin(actions) {
            self.stop.replace(Some(error));
            return false;
        }
        true
    }

    /// Returns the key that signs a checkpoint after this run.
    fn signing_key(&self) -> Option<&str> {
        let key = self.config.signing_key.as_deref().filter(|key| !key.is_empty());
        key.filter(|_| self.applied.is_some())
    }

    /// Signs all records if a key is configured and the run has recorded something.
    fn sign(&self, commit: Option<String>) -> Result<Option<String>, RecordError> {
        if let (Some(key), Some(branch), true) =
            (self.signing_key(), self.branch.get(), self.has_recorded.get())
        {
            checkpoint::create_checkpoint(self.repository, branch, key, &self.source)?;
        }
        Ok(commit)
    }

    /// Returns the announced actions that did not start.
    fn not_started(&self) -> Vec<RecordedEvent> {
        let unrecorded = self.unrecorded.borrow();
        let finished: BTreeSet<ActionKey> = unrecorded.iter().map(key_of).collect();
        let started = self.started.borrow();
        let is_open = |event: &&RecordedEvent| {
            let key = key_of(event);
            !started.contains(&key) && !finished.contains(&key)
        };
        self.open
            .borrow()
            .iter()
            .filter(is_open)
            .map(|event| RecordedEvent {
                time: Some(clock::now()),
                result: results::NOT_STARTED.to_owned(),
                ..event.clone()
            })
            .collect()
    }

    /// Records the results that are not on the branch yet, and those of killed runs.
    fn record_results(&self, more: Vec<RecordedEvent>) -> Result<Option<String>, RecordError> {
        let mut events = self.unrecorded.borrow().clone();
        events.extend(more);
        let killed = self.killed()?;
        if events.is_empty() && killed.is_empty() {
            return Ok(None);
        }
        let message = self.message("record", &events);
        let branch = self.branch()?;
        let commit = branch.add(
            &mut |log| {
                let mut records = recovered(&killed, log);
                if !events.is_empty() {
                    records.push(self.record(RecordKind::Outcome, events.clone()));
                }
                Ok(records)
            },
            &message,
        )?;
        self.has_recorded.set(true);
        self.set_previous(branch);
        killed.into_iter().for_each(KilledRun::delete);
        let mut started = self.started.borrow_mut();
        started.extend(events.iter().map(key_of));
        self.unrecorded.borrow_mut().clear();
        Ok(commit)
    }

    fn branch(&self) -> Result<&AuditBranch, RecordError> {
        if let Some(branch) = self.branch.get() {
            return Ok(branch);
        }
        let branch = AuditBranch::open(self.repository, self.config)?;
        Ok(self.branch.get_or_init(|| branch))
    }

    fn killed(&self) -> Result<Vec<KilledRun>, RecordError> {
        self.journal.killed().map_err(|error| self.journal_error(&error))
    }

    fn set_previous(&self, branch: &AuditBranch) {
        let log = branch.log();
        let own = log.records.iter().rev().find(|(_, record)| record.run == self.run);
        if let Some((name, _)) = own {
            self.previous.replace(name.clone());
        }
    }

    fn record(&self, kind: RecordKind, events: Vec<RecordedEvent>) -> AuditRecord {
        let (run, actor, source) = (self.run.clone(), self.actor.clone(), self.source.clone());
        let previous = self.previous.borrow().clone();
        AuditRecord { events, previous, ..AuditRecord::new(kind, run, actor, source) }
    }

    /// Returns the reason for applying an older commit; None if the commit is not older.
    fn find_older(&self, log: &AuditLog) -> Result<Option<String>, RecordError> {
        let Some(AppliedCommit { commit, environments, older_reason }) = &self.applied else {
            return Ok(None);
        };
        if let Some((file, fault)) = log.unreadable() {
            let branch = self.config.branch.clone();
            return Err(RecordError::Unreadable {
                branch,
                file: file.to_owned(),
                why: fault.as_str(),
            });
        }
        for environment in environments {
            let Some(record) = log.last_applied(environment) else { continue };
            let last = record.commit.clone().unwrap_or_default();
            if self.contains(commit, &last)? {
                continue;
            }
            return older_reason.clone().map(Some).ok_or_else(|| RecordError::OlderCommit {
                environment: environment.clone(),
                commit: commit.clone(),
                last,
                when: when(record),
            });
        }
        Ok(None)
    }

    /// Asks for runs that began after this one, with a commit that this one does not contain.
    fn check_newer(&self) -> Result<(), RecordError> {
        let (Some(applied), Some(branch)) = (&self.applied, self.branch.get()) else {
            return Ok(());
        };
        branch.update()?;
        let (log, seen) = (branch.log(), self.seen.borrow());
        for (_, record) in log.records.iter().filter(|(name, _)| !seen.contains(*name)) {
            let Some(environment) =
                applied.environments.iter().find(|environment| applies_to(record, environment))
            else {
                continue;
            };
            let newer = record.commit.clone().unwrap_or_default();
            // A commit that cannot be compared counts as newer.
            let is_contained = || self.contains(&applied.commit, &newer).unwrap_or_default();
            if record.run == self.run || (record.older_reason.is_none() && is_contained()) {
                continue;
            }
            return Err(RecordError::Superseded {
                environment: environment.clone(),
                commit: applied.commit.clone(),
                newer,
                when: when(record),
            });
        }
        Ok(())
    }

    fn contains(&self, commit: &str, ancestor: &str) -> Result<bool, RecordError> {
        Ok(self.repository.has_ancestor(commit, ancestor, self.config.remote.as_deref())?)
    }

    fn write(&self, events: &[RecordedEvent]) -> Result<(), RecordError> {
        let header = self.record(RecordKind::Outcome, Vec::new());
        self.journal.add(&header, events).map_err(|error| self.journal_error(&error))
    }

    fn journal_error(&self, error: &std::io::Error) -> RecordError {
        let path = self.journal.folder().display().to_string();
        RecordError::Journal { path, why: error.to_string() }
    }

    fn event(&self, action: RecordedAction, result: &str) -> RecordedEvent {
        let RecordedAction { id, environment, target, reason, arn, version, .. } = action;
        let store = self.stores.get(&environment);
        let written = self.written.borrow().get(&id).cloned().unwrap_or_default();
        let secret = store.map(|store| RecordedLocation {
            account: store.account.recorded(),
            region: store.region.clone(),
            arn: arn.or(written.arn),
            version: version.or(written.version.filter(|_| action.action == "create-secret")),
        });
        RecordedEvent {
            time: (result != results::BEGUN).then(clock::now),
            id,
            action: action.action.to_owned(),
            environment,
            target,
            reason,
            result: result.to_owned(),
            aws: store.and_then(|store| store.caller.clone()),
            secret,
            recovery_days: action.recovery_days,
        }
    }

    fn message(&self, verb: &str, events: &[RecordedEvent]) -> String {
        let ids: BTreeSet<SecretId> = events.iter().map(|event| event.id).collect();
        let ids: Vec<String> = ids.iter().map(SecretId::to_string).collect();
        let subject = match ids.as_slice() {
            [] if verb == "begin" => "a run without changes".to_owned(),
            [] => "an earlier run".to_owned(),
            [first, rest @ ..] if rest.len() > 3 => format!("{first} and {} more", rest.len()),
            few => few.join(", "),
        };
        let lines =
            events.iter().map(|event| format!("{} {} {}\n", event.id, event.action, event.target));
        let more = match events.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!("and {more} more\n"),
        };
        let lines: String = lines.take(LISTED).collect();
        format!("goldenpath: {verb} {subject}\n\n{lines}{more}Source: {}\n", self.source)
    }
}

fn when(record: &AuditRecord) -> String {
    format!("{} by {}", record.time.strftime("%Y-%m-%d %H:%M UTC"), record.actor.name())
}
