//! Records the actions of a run in the catalog's repository.
//!
//! One commit has the audit trail and the manifests that are marked `decommissioned`. Before that,
//! a journal under `.git/goldenpath/` has each action from before its start, so that the next run
//! in the same clone records the actions of a run that was killed.

mod journal;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::thread;

use miette::Diagnostic;

use crate::branch;
use crate::branch::{
    BranchError, Checkout, CommitEntry, FileEdit, RemoteBranch, RemotePlace, TreeItem,
};
use goldenpath_core::config::AuditConfig;
use goldenpath_core::files;
use goldenpath_core::manifest::{LifecycleStatus, SecretId};
use goldenpath_core::trail;
use goldenpath_core::trail::{Actor, AuditEvent, Trail};
use goldenpath_core::vcs::Repository;
use goldenpath_core::vcs::git::Protocols;
use goldenpath_core::yaml::{Scalar, YamlEdit};

use journal::Journal;

/// The repository's name in messages.
const WHAT: &str = "the catalog's repository";

/// The results of an action.
const DONE: &str = "done";
const INTERRUPTED: &str = "interrupted";

/// The results that only the journal has.
const BEGUN: &str = "begun";
const FAILED: &str = "failed";

/// The number of actions in a commit message.
const LISTED: usize = 50;

/// Records the actions of a run.
pub struct Recorder<'run> {
    repository: &'run Repository,
    config: &'run AuditConfig,
    journal: Journal,
    /// The actor without the AWS caller, which differs by account.
    actor: Actor,
    source: String,
    /// The AWS caller by environment.
    callers: BTreeMap<String, String>,
    failed: RefCell<Option<RecordError>>,
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
}

/// A manifest to mark `decommissioned`.
#[derive(Debug, Clone)]
pub struct DecommissionMark {
    /// The path of the manifest, from the repository's root.
    pub file: String,
    /// The action to record together with the new status.
    pub action: RecordedAction,
}

/// Why an action is not recorded.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum RecordError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Branch(#[from] BranchError),

    #[error("cannot write the audit journal in `{path}`: {why}")]
    #[diagnostic(
        code(goldenpath::audit::journal),
        help("check the folder's permissions and the free disk space; actions are still applied")
    )]
    Journal { path: String, why: String },

    #[error("cannot write `{file}`: {why}")]
    #[diagnostic(
        code(goldenpath::audit::write),
        help("fix the cause and run `goldenpath apply` again")
    )]
    Write { file: String, why: String },

    #[error("cannot set the status of `{file}` to `decommissioned`: {why}")]
    #[diagnostic(
        code(goldenpath::audit::mark),
        help("fix the cause and run `goldenpath apply` again")
    )]
    Mark { file: String, why: String },

    #[error(
        "the catalog's repository has no remote{}",
        name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default()
    )]
    #[diagnostic(
        code(goldenpath::audit::no_remote),
        help("set `audit.remote` in goldenpath.yaml, or run `git remote add`")
    )]
    NoRemote { name: Option<String> },
}

impl RecordError {
    /// Returns whether the clone is in a state that allows no commit.
    pub fn is_about_checkout(&self) -> bool {
        matches!(self, Self::Branch(BranchError::NotReady { .. }))
    }
}

/// The result of recording.
#[derive(Debug)]
pub struct Recorded {
    /// One result per manifest to mark, in order.
    pub marks: Vec<Result<(), RecordError>>,
    /// The commit; None if there was nothing to record.
    pub commit: Result<Option<String>, RecordError>,
}

impl<'run> Recorder<'run> {
    /// Creates a recorder for a run with the catalog at `source`.
    ///
    /// `callers` has the AWS caller by environment.
    #[must_use]
    pub fn new(
        repository: &'run Repository,
        config: &'run AuditConfig,
        source: String,
        callers: BTreeMap<String, String>,
    ) -> Self {
        let actor = Actor {
            ci: pipeline(|name| std::env::var(name).ok()),
            aws: None,
            git: repository.author(),
        };
        let journal = Journal::new(&repository.data_folder());
        Self { repository, config, journal, actor, source, callers, failed: RefCell::default() }
    }

    /// Writes the start of an action to the journal.
    pub fn begin(&self, action: RecordedAction) {
        self.write(&[AuditEvent { result: BEGUN.to_owned(), ..self.event(action) }]);
    }

    /// Writes completed actions to the journal.
    pub fn done(&self, actions: impl IntoIterator<Item = RecordedAction>) {
        let events: Vec<AuditEvent> =
            actions.into_iter().map(|action| self.event(action)).collect();
        self.write(&events);
    }

    /// Writes the failure of an action to the journal: it is not recorded.
    pub fn fail(&self, action: RecordedAction) {
        self.write(&[AuditEvent { result: FAILED.to_owned(), ..self.event(action) }]);
    }

    fn write(&self, events: &[AuditEvent]) {
        if let Err(error) = self.journal.add(events) {
            // The error is reported once, at the end.
            let path = self.journal.folder().display().to_string();
            self.failed
                .borrow_mut()
                .get_or_insert(RecordError::Journal { path, why: error.to_string() });
        }
    }

    fn event(&self, action: RecordedAction) -> AuditEvent {
        let RecordedAction { id, action, environment, target, reason } = action;
        let aws = self.callers.get(&environment).cloned();
        AuditEvent {
            time: jiff::Timestamp::now(),
            id,
            action: action.to_owned(),
            environment,
            target,
            reason,
            result: DONE.to_owned(),
            actor: Actor { aws, ..self.actor.clone() },
            source: self.source.clone(),
            goldenpath: env!("CARGO_PKG_VERSION").to_owned(),
            previous: String::new(),
        }
    }

    /// Commits the journal's events and marks manifests.
    pub fn finish(&self, marks: &[DecommissionMark]) -> Recorded {
        let unmarked = || marks.iter().map(|_| Ok(())).collect();
        let open = match self.journal.open() {
            Ok(open) => open,
            Err(error) => {
                let path = self.journal.folder().display().to_string();
                let error = RecordError::Journal { path, why: error.to_string() };
                return Recorded { marks: unmarked(), commit: Err(error) };
            }
        };
        let events = find_finished(&open.events);
        if events.is_empty() && marks.is_empty() {
            open.delete();
            return Recorded {
                marks: unmarked(),
                commit: self.failed.take().map_or(Ok(None), Err),
            };
        }
        let marked: Vec<AuditEvent> =
            marks.iter().map(|mark| self.event(mark.action.clone())).collect();
        let (results, commit) = if self.config.push {
            self.push(&events, marks, &marked)
        } else {
            self.commit(&events, marks, &marked)
        };
        if commit.is_ok() {
            open.delete();
        }
        let commit = match self.failed.take() {
            Some(error) if commit.is_ok() => Err(error),
            _ => commit,
        };
        Recorded { marks: results, commit }
    }

    /// Commits to the branch that is checked out.
    fn commit(
        &self,
        events: &[AuditEvent],
        marks: &[DecommissionMark],
        marked: &[AuditEvent],
    ) -> RecordResults {
        let unmarked = || marks.iter().map(|_| Ok(())).collect();
        let root = self.repository.root();
        let opened = git2::Repository::open(root)
            .map_err(|error| BranchError::Commit {
                path: root.to_path_buf(),
                why: error.message().to_owned(),
            })
            .and_then(|git| Checkout::new(WHAT, root.to_path_buf(), Some(git)));
        let checkout = match opened {
            Ok(checkout) => checkout,
            Err(error) => return (unmarked(), Err(error.into())),
        };
        let files: Vec<String> = marks.iter().map(|mark| mark.file.clone()).collect();
        let trails: Vec<String> =
            by_id(events.iter().chain(marked)).keys().map(|id| trail::file_of(*id)).collect();
        let touched: Vec<&str> = files.iter().chain(&trails).map(String::as_str).collect();
        let _lock = match checkout.lock(&touched, || ()) {
            Ok(held) => held,
            Err(error) => return (unmarked(), Err(error.into())),
        };
        let committed = |file: &str| {
            let (git, tree) = checkout.head_tree()?;
            match branch::find(git, tree, file) {
                Ok(TreeItem::File { id, .. }) => branch::text(git, id).ok(),
                _ => None,
            }
        };
        let disk = |file: &str| {
            let read = files::read_below(root, file, trail::MAX_BYTES).and_then(Result::ok);
            read.and_then(|bytes| String::from_utf8(bytes).ok())
        };
        let write_by = |file: &str, text: &str, write: fn(&Path, &[u8]) -> io::Result<()>| {
            let why = |why: String| RecordError::Write { file: file.to_owned(), why };
            let path = files::join_below(root, file).map_err(why)?;
            write(&path, text.as_bytes()).map_err(|error| why(error.to_string()))
        };
        let write = |file: &str, text: &str| write_by(file, text, files::write_atomic);

        let (mut marked_files, mut trails) = (Vec::new(), Vec::new());
        let mut results = Vec::new();
        for DecommissionMark { file, .. } in marks {
            let reject =
                |why: &str| RecordError::Mark { file: file.to_owned(), why: why.to_owned() };
            let done =
                committed(file).ok_or_else(|| reject("it is not committed")).and_then(|held| {
                    let changed = mark_decommissioned(file, &held)?;
                    match disk(file) {
                        Some(text) if text == held => write(file, &changed),
                        // A run that was killed wrote it.
                        Some(text) if text == changed => Ok(()),
                        _ => Err(reject("it has uncommitted changes")),
                    }
                });
            if done.is_ok() {
                marked_files.push(file);
            }
            results.push(done);
        }
        let done =
            results.iter().zip(marked).filter(|(result, _)| result.is_ok()).map(|(_, event)| event);
        let recorded: Vec<&AuditEvent> = events.iter().chain(done).collect();
        for (id, events) in by_id(recorded.iter().copied()) {
            let file = trail::file_of(id);
            let (held, disk) =
                (committed(&file).unwrap_or_default(), disk(&file).unwrap_or_default());
            // Events that a killed run added stay. Events of the last commit are never removed.
            let mut trail = Trail::of(if disk.starts_with(&held) { disk } else { held });
            add(&mut trail, &events);
            trails.push((file, trail));
        }
        // Writes files and creates blobs concurrently.
        let texts: Vec<&str> = trails.iter().map(|(_, trail)| trail.text()).collect();
        let store = || git2::Repository::open(root).and_then(|git| branch::store(&git, &texts));
        let (blobs, done) = thread::scope(|scope| {
            let blobs = thread::Builder::new().spawn_scoped(scope, store);
            // The commit has the same content, so the files need no fsync.
            let write = |(file, trail): &(String, Trail)| {
                write_by(file, trail.text(), files::write_unsynced)
            };
            let done = files::map_in_parallel(trails.iter().collect(), write);
            (blobs.ok().and_then(|blobs| blobs.join().ok()?.ok()).unwrap_or_default(), done)
        });
        if let Some(error) = done.into_iter().find_map(Result::err) {
            return (results, Err(error));
        }
        let marked = marked_files.iter().map(|file| CommitEntry::OnDisk(file));
        let trails = trails.iter().enumerate().map(|(number, (file, trail))| {
            let blob = blobs.get(number).copied();
            CommitEntry::Written { file, text: trail.text(), blob }
        });
        let entries: Vec<CommitEntry<'_>> = marked.chain(trails).collect();
        let commit = checkout.commit(&entries, &self.message(&recorded));
        (results, commit.map_err(RecordError::from))
    }

    /// Pushes to a remote's branch, on top of its current commit.
    fn push(
        &self,
        events: &[AuditEvent],
        marks: &[DecommissionMark],
        marked: &[AuditEvent],
    ) -> RecordResults {
        let unmarked = || marks.iter().map(|_| Ok(())).collect();
        let remote = self.repository.remote_url(self.config.remote.as_deref());
        let Some(url) = remote else {
            return (unmarked(), Err(RecordError::NoRemote { name: self.config.remote.clone() }));
        };
        let place = RemotePlace { url, branch: self.config.branch.clone() };
        let (root, data_folder) = (self.repository.root(), self.repository.data_folder());
        // The URL comes from git's configuration, which is the user's.
        let remote =
            match RemoteBranch::open(WHAT, &place, root, &data_folder, Protocols::Configured) {
                Ok(remote) => remote,
                Err(error) => return (unmarked(), Err(error.into())),
            };
        let held = |file: &str| match remote.find(file) {
            Ok(TreeItem::File { id, .. }) => remote.text(id).ok(),
            _ => None,
        };
        let mut results = Vec::new();
        let commit = remote.change(&mut || {
            let mut edits = Vec::new();
            results = marks
                .iter()
                .map(|DecommissionMark { file, .. }| {
                    let reject = |why: &str| RecordError::Mark {
                        file: file.to_owned(),
                        why: why.to_owned(),
                    };
                    let text = held(file).ok_or_else(|| reject("it is not on the branch"))?;
                    edits.push(FileEdit {
                        file: file.to_owned(),
                        text: Some(mark_decommissioned(file, &text)?),
                    });
                    Ok(())
                })
                .collect();
            let done = results
                .iter()
                .zip(marked)
                .filter(|(result, _)| result.is_ok())
                .map(|(_, event)| event);
            let recorded: Vec<&AuditEvent> = events.iter().chain(done).collect();
            for (id, events) in by_id(recorded.iter().copied()) {
                let file = trail::file_of(id);
                let before = held(&file).unwrap_or_default();
                let mut trail = Trail::of(before.clone());
                add(&mut trail, &events);
                if trail.text() != before {
                    edits.push(FileEdit { file, text: Some(trail.text().to_owned()) });
                }
            }
            (!edits.is_empty()).then(|| (edits, self.message(&recorded)))
        });
        (results, commit.map_err(RecordError::from))
    }

    fn message(&self, events: &[&AuditEvent]) -> String {
        let ids: Vec<String> =
            by_id(events.iter().copied()).keys().map(SecretId::to_string).collect();
        let subject = match ids.as_slice() {
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
        format!("goldenpath: record {subject}\n\n{lines}{more}Source: {}\n", self.source)
    }
}

/// Returns completed and interrupted events.
///
/// The outcome of an interrupted one is unknown.
fn find_finished(events: &[AuditEvent]) -> Vec<AuditEvent> {
    let is_of = |one: &AuditEvent, other: &AuditEvent| {
        one.id == other.id
            && one.action == other.action
            && one.target == other.target
            && one.source == other.source
            // Each version of a value is an action of its own, distinguished by its reason.
            && (one.reason == other.reason || !one.action.ends_with("-value"))
    };
    let mut all = Vec::new();
    for (index, event) in events.iter().enumerate() {
        match event.result.as_str() {
            DONE => all.push(event.clone()),
            BEGUN
                if !events[index + 1..]
                    .iter()
                    .any(|later| later.result != BEGUN && is_of(later, event)) =>
            {
                all.push(AuditEvent { result: INTERRUPTED.to_owned(), ..event.clone() });
            }
            _ => {}
        }
    }
    all
}

type RecordResults = (Vec<Result<(), RecordError>>, Result<Option<String>, RecordError>);

fn by_id<'event>(
    events: impl IntoIterator<Item = &'event AuditEvent>,
) -> BTreeMap<SecretId, Vec<&'event AuditEvent>> {
    let mut all: BTreeMap<SecretId, Vec<&AuditEvent>> = BTreeMap::new();
    for event in events {
        all.entry(event.id).or_default().push(event);
    }
    all
}

/// Adds events to a trail.
///
/// A secret is marked `decommissioned` once: a run that was killed may have recorded it already.
fn add(trail: &mut Trail, events: &[&AuditEvent]) {
    const MARK: &str = "mark-decommissioned";
    let is_marked = trail.events().any(|event| event.action == MARK);
    trail.add(events.iter().copied().filter(|event| !(is_marked && event.action == MARK)));
}

/// Returns a manifest's text with the status `decommissioned`, otherwise unchanged.
fn mark_decommissioned(file: &str, text: &str) -> Result<String, RecordError> {
    const POINTER: &str = "/spec/lifecycle/status";
    let reject = |why: String| RecordError::Mark { file: file.to_owned(), why };
    let root =
        goldenpath_core::yaml::parse(text).map_err(|_| reject("it cannot be parsed".to_owned()))?;
    match root.string_at(POINTER) {
        Some(status) if status == LifecycleStatus::DecommissionRequested.as_str() => {}
        Some(status) if status == LifecycleStatus::Decommissioned.as_str() => {
            return Ok(text.to_owned());
        }
        status => {
            return Err(reject(format!("its status is `{}` now", status.unwrap_or("missing"))));
        }
    }
    let value = Scalar::String(LifecycleStatus::Decommissioned.as_str().to_owned());
    let change = YamlEdit::Set { pointer: POINTER.to_owned(), value };
    change
        .apply(text, &root)
        .ok_or_else(|| reject("its status cannot be edited in place".to_owned()))
}

/// Returns the pipeline run that this process is part of, if any.
fn pipeline(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let initiator = |name: &str| set(name).map(|who| format!(" by {who}")).unwrap_or_default();
    let github = || {
        let (repository, run) = (set("GITHUB_REPOSITORY")?, set("GITHUB_RUN_ID")?);
        Some(format!("GitHub Actions, {repository} run {run}{}", initiator("GITHUB_ACTOR")))
    };
    let gitlab =
        || Some(format!("GitLab CI, {}{}", set("CI_JOB_URL")?, initiator("GITLAB_USER_LOGIN")));
    let codebuild = || {
        Some(format!(
            "CodeBuild, {}{}",
            set("CODEBUILD_BUILD_ID")?,
            initiator("CODEBUILD_INITIATOR")
        ))
    };
    let jenkins = || Some(format!("Jenkins, {}", set("BUILD_URL")?));
    let all = github().or_else(gitlab).or_else(codebuild).or_else(jenkins)?;
    Some(all.chars().filter(|character| !character.is_control()).take(500).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_run_is_recorded_with_its_initiator() {
        let of = |variables: &[(&str, &str)]| {
            pipeline(|name| {
                variables
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        let github = [
            ("GITHUB_REPOSITORY", "acme/platform"),
            ("GITHUB_RUN_ID", "77"),
            ("GITHUB_ACTOR", "ann"),
        ];
        assert_eq!(of(&github).unwrap(), "GitHub Actions, acme/platform run 77 by ann");
        assert_eq!(of(&[("CI_JOB_URL", "https://x/1")]).unwrap(), "GitLab CI, https://x/1");
        assert_eq!(of(&[("GITHUB_RUN_ID", "77")]), None);
    }

    #[test]
    fn a_pipeline_s_name_is_one_line_of_bounded_length() {
        let url = format!("https://x/\u{1b}[2J\n{}", "a".repeat(600));
        let shown = pipeline(|name| (name == "CI_JOB_URL").then(|| url.clone())).unwrap();
        assert!(shown.starts_with("GitLab CI, https://x/[2Jaa"), "{shown}");
        assert_eq!(shown.chars().count(), 500);
    }

    /// `create a begun`: an action, its reason, and how it went.
    fn event(line: &str) -> AuditEvent {
        let [action, reason, result] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        AuditEvent {
            time: jiff::Timestamp::UNIX_EPOCH,
            id: SecretId::first(),
            action: action.to_owned(),
            environment: "dev".to_owned(),
            target: "goldenpath/a".to_owned(),
            reason: reason.to_owned(),
            result: result.to_owned(),
            actor: Actor::default(),
            source: "acme at commit 0123".to_owned(),
            goldenpath: "0.1.0".to_owned(),
            previous: String::new(),
        }
    }

    /// What is recorded of a journal with these lines, in the same form.
    fn recorded(lines: &[&str]) -> Vec<String> {
        let events: Vec<AuditEvent> = lines.iter().map(|line| event(line)).collect();
        let shown =
            |event: AuditEvent| format!("{} {} {}", event.action, event.reason, event.result);
        find_finished(&events).into_iter().map(shown).collect()
    }

    #[test]
    fn what_was_done_is_recorded_and_what_failed_is_not() {
        assert_eq!(recorded(&["create a begun", "create a done"]), ["create a done"]);
        assert_eq!(recorded(&["create a begun", "create a failed"]), [""; 0]);
        assert_eq!(recorded(&[]), [""; 0]);
    }

    #[test]
    fn what_was_begun_and_neither_done_nor_failed_after_that_was_interrupted() {
        assert_eq!(recorded(&["create a begun"]), ["create a interrupted"]);
        // Another reason is the same action, planned again.
        assert_eq!(recorded(&["create a begun", "create b done"]), ["create b done"]);
        assert_eq!(
            recorded(&["create a begun", "delete a done"]),
            ["create a interrupted", "delete a done"]
        );
        assert_eq!(
            recorded(&["create a begun", "create a failed", "create a begun"]),
            ["create a interrupted"]
        );
    }

    #[test]
    fn each_version_of_a_value_is_an_action_of_its_own() {
        assert_eq!(
            recorded(&["set-value v1 begun", "set-value v2 begun", "set-value v2 done"]),
            ["set-value v1 interrupted", "set-value v2 done"]
        );
    }

    #[test]
    fn the_end_of_a_manifest_is_recorded_once() {
        let mut trail = Trail::default();
        for reason in ["a", "b"] {
            let mark = event(&format!("mark-decommissioned {reason} done"));
            add(&mut trail, &[&mark, &event(&format!("put-policy {reason} done"))]);
        }
        let actions: Vec<String> = trail.events().map(|event| event.action).collect();
        assert_eq!(actions, ["mark-decommissioned", "put-policy", "put-policy"]);
    }

    #[test]
    fn marking_a_manifest_changes_only_its_status() {
        let text = "spec: # x\n  lifecycle: { status: \"decommission_requested\" } # y\n";
        assert_eq!(
            mark_decommissioned("f", text).unwrap(),
            text.replace("decommission_requested", "decommissioned")
        );
        assert_eq!(
            mark_decommissioned("f", &mark_decommissioned("f", text).unwrap()).unwrap(),
            mark_decommissioned("f", text).unwrap()
        );
        let error = mark_decommissioned("f", &text.replace("decommission_requested", "deprecated"))
            .unwrap_err();
        assert!(error.to_string().contains("its status is `deprecated` now"), "{error}");
    }
}
