//! Applies a plan: secrets first, then projections, then one commit.
//!
//! This order ensures that the operator never sees a missing key. Each step can be interrupted and
//! run again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;
use futures_util::stream::{self, StreamExt};

use super::{Action, Effect, Plan, ReconcileContext, ReconcileError, Step, execution};
use crate::audit::{
    CatalogStatuses, DecommissionMark, MarkDelivery, RecordError, Recorded, Recorder,
};
use crate::gitops::{ProjectionChange, PublishEvent, Published, Target};
use crate::store::{SecretCreation, Store};
use goldenpath_core::manifest::SecretId;

/// Something to report while a plan is applied.
pub enum ApplyEvent<'run> {
    /// The action succeeded.
    Done(&'run Action),
    /// The action failed, with the cause.
    Failed(&'run Action, ReconcileError),
    /// Not tried, because an earlier step failed.
    Skipped(&'run Action),
    /// Another process is writing to this place.
    Waiting(String),
    /// The number of files that are written but not committed.
    Written(usize),
    /// The ID of the commit in a GitOps repository.
    Committed {
        /// The commit's ID.
        commit: String,
        /// The repository and the branch.
        place: String,
        /// Whether the commit is pushed; a working copy is not.
        is_pushed: bool,
    },
    /// The projections are written, and the commit failed.
    CommitFailed(ReconcileError),
    /// The manifests that are marked wait for a review, at this URL if there is a pull request.
    Proposed(Option<String>),
    /// The actions are recorded in this commit of the audit branch.
    Recorded(String),
    /// The run stopped, or its results could not be recorded.
    RecordFailed(ReconcileError),
}

/// The number of actions by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Created secrets and projections.
    pub created: usize,
    /// Changed secrets, projections and manifests, and restored secrets.
    pub changed: usize,
    /// Secrets marked for deletion, and removed projections.
    pub deleted: usize,
    /// Failed actions.
    pub failed: usize,
    /// Not tried, because an earlier step of the manifest failed.
    pub skipped: usize,
    /// Not tried, because the plan says so ([`Step::Blocked`]).
    pub blocked: usize,
    /// Not tried, because the run was stopped.
    pub not_started: usize,
    /// Manifests whose change waits for a review.
    pub proposed: usize,
}

/// The progress of the manifests of a run.
#[derive(Default)]
struct ManifestProgress {
    started: BTreeSet<SecretId>,
    /// Manifests with a failed step that blocks the projection.
    failed: BTreeSet<SecretId>,
}

/// Applies a plan and reports each step.
///
/// The actions are recorded before the first of them starts. A failure stops only the later steps
/// of the same manifest. When `is_stopping` returns true, the manifests in progress are completed,
/// including projection and commit, and no other is started.
///
/// # Errors
/// The actions cannot be recorded: nothing is changed.
pub async fn apply(
    context: &ReconcileContext<'_>,
    plan: &Plan,
    source: &str,
    recorder: &Recorder<'_>,
    is_stopping: &dyn Fn() -> bool,
    mut report: impl FnMut(ApplyEvent<'_>),
) -> Result<Applied, RecordError> {
    let planned = plan.actions.iter().filter(|action| !matches!(action.step, Step::Blocked(_)));
    let statuses = CatalogStatuses::of(context.catalog);
    recorder.begin_run(planned.flat_map(Action::recorded_actions), &statuses)?;
    let is_stopping = &|| is_stopping() || recorder.is_stopped();
    let mut report = |event: ApplyEvent<'_>| {
        match &event {
            ApplyEvent::Done(action) if !matches!(action.step, Step::MarkDecommissioned { .. }) => {
                recorder.done(action.recorded_actions())
            }
            // The call may have arrived, although its answer did not.
            ApplyEvent::Failed(action, ReconcileError::Store(error))
                if error.may_have_arrived() =>
            {
                recorder.interrupt(action.recorded_actions())
            }
            ApplyEvent::Failed(action, _)
                if !matches!(action.step, Step::MarkDecommissioned { .. }) =>
            {
                recorder.fail(action.recorded_actions());
            }
            _ => {}
        }
        report(event);
    };
    let mut applied = Applied { blocked: plan.count(Effect::Blocked), ..Applied::default() };
    let mut progress = ManifestProgress::default();

    let mut manifests: BTreeMap<SecretId, Vec<&Action>> = BTreeMap::new();
    for action in plan.actions.iter().filter(|action| is_store_step(&action.step)) {
        manifests.entry(action.id).or_default().push(action);
    }
    let store_steps: BTreeMap<SecretId, usize> =
        manifests.iter().map(|(id, steps)| (*id, steps.len())).collect();
    if !store_steps.is_empty() {
        for (environments, gitops) in &context.gitops {
            let of_it = plan
                .actions
                .iter()
                .filter(|action| environments.contains(action.environment.as_str()));
            let written = of_it.filter_map(|action| match &action.step {
                Step::WriteProjection { projection, .. } => Some(projection),
                _ => None,
            });
            gitops.prepare(&written.collect::<Vec<_>>());
        }
    }
    let unusable = UnusableStores::default();
    let mut runs = stream::iter(manifests.into_values())
        .take_while(|_| future::ready(!is_stopping()))
        .map(|actions| apply_manifest(context, recorder, &unusable, actions))
        .buffer_unordered(context.options.parallelism.writes);
    while let Some(results) = runs.next().await {
        if let Some((action, _)) = results.first() {
            let steps = store_steps.get(&action.id).copied().unwrap_or_default();
            let not_started = steps.saturating_sub(results.len());
            applied.not_started += not_started;
            if not_started > 0 {
                progress.failed.insert(action.id);
            }
        }
        for (action, result) in results {
            progress.started.insert(action.id);
            // A secret can be used without rotation, and with the replicas that it has.
            if !matches!(result, Some(Ok(())))
                && !matches!(
                    action.step,
                    Step::ConfigureRotation { .. }
                        | Step::CancelRotation { .. }
                        | Step::AddReplica { .. }
                        | Step::RemoveReplica { .. }
                )
            {
                progress.failed.insert(action.id);
            }
            count_and_report(&mut applied, action, result, &mut report);
        }
    }

    applied.not_started += store_steps
        .iter()
        .filter(|(id, _)| !progress.started.contains(*id))
        .map(|(_, steps)| steps)
        .sum::<usize>();
    // Manifests that only need a projection start now.
    let projected =
        plan.actions.iter().map(|action| action.id).filter(|id| !store_steps.contains_key(id));
    if !is_stopping() {
        progress.started.extend(projected);
    }

    for (environments, gitops) in context.gitops.iter().filter(|_| recorder.may_start(true)) {
        let own: Vec<&Action> = plan
            .actions
            .iter()
            .filter(|action| environments.contains(action.environment.as_str()))
            .collect();
        publish_projections(
            context,
            gitops,
            &own,
            &progress,
            (source, recorder),
            &mut applied,
            &mut report,
        );
    }
    for action in plan.actions.iter().filter(|action| action.step == Step::RecordRequest) {
        if !progress.started.contains(&action.id) || recorder.is_stopped() {
            applied.not_started += 1;
            continue;
        }
        let result = recorder.begin(action.recorded_actions()).map_err(ReconcileError::from);
        count_and_report(&mut applied, action, Some(result), &mut report);
    }
    let is_mark = |action: &&Action| matches!(action.step, Step::MarkDecommissioned { .. });
    let marks: Vec<&Action> = plan.actions.iter().filter(is_mark).collect();
    let (marks, not_started) = if is_stopping() { (Vec::new(), marks.len()) } else { (marks, 0) };
    applied.not_started += not_started;
    finish_recording(recorder, &marks, &mut applied, &mut report);
    Ok(applied)
}

/// Records the applied actions and marks manifests whose secrets are deleted.
pub fn finish_recording(
    recorder: &Recorder<'_>,
    marks: &[&Action],
    applied: &mut Applied,
    report: &mut impl FnMut(ApplyEvent<'_>),
) {
    let manifests: Vec<DecommissionMark> =
        marks.iter().filter_map(|action| action.decommission_mark()).collect();
    let Recorded { marks: results, commit } = recorder.finish(&manifests);
    applied.not_started += marks.len().saturating_sub(results.len());
    let mut proposed = None;
    for (action, result) in marks.iter().zip(results) {
        match result {
            // An error that affects all of them is reported once.
            Ok(_) if commit.is_err() => applied.failed += 1,
            Ok(MarkDelivery::Proposed(request)) => {
                applied.proposed += 1;
                proposed = Some(request);
            }
            Ok(MarkDelivery::Merged) => count_and_report(applied, action, Some(Ok(())), report),
            Err(error) => count_and_report(applied, action, Some(Err(error.into())), report),
        }
    }
    if let Some(request) = proposed {
        report(ApplyEvent::Proposed(request));
    }
    match commit {
        Ok(Some(commit)) => report(ApplyEvent::Recorded(commit)),
        Ok(None) => {}
        Err(error) => {
            applied.failed = applied.failed.max(1);
            report(ApplyEvent::RecordFailed(error.into()));
        }
    }
}

/// Writes and commits the projections of one GitOps repository.
///
/// A projection counts as done after the commit.
fn publish_projections(
    context: &ReconcileContext<'_>,
    gitops: &Target,
    actions: &[&Action],
    progress: &ManifestProgress,
    (source, recorder): (&str, &Recorder<'_>),
    applied: &mut Applied,
    report: &mut impl FnMut(ApplyEvent<'_>),
) {
    let mut open: Vec<(&Action, ProjectionChange<'_>)> = Vec::new();
    for action in actions {
        let change = match &action.step {
            Step::WriteProjection { projection, .. } => ProjectionChange::Write(projection),
            Step::RemoveProjection { projection } => ProjectionChange::Remove(projection),
            _ => continue,
        };
        match (progress.started.contains(&action.id), progress.failed.contains(&action.id)) {
            (false, _) => applied.not_started += 1,
            (true, true) => count_and_report(applied, action, None, report),
            (true, false) => match recorder.begin(action.recorded_actions()) {
                Ok(()) => open.push((action, change)),
                Err(error) => count_and_report(applied, action, Some(Err(error.into())), report),
            },
        }
    }
    if open.is_empty() {
        return;
    }
    let changes: Vec<ProjectionChange<'_>> = open.iter().map(|(_, change)| *change).collect();
    let commit_message = |indices: &[usize]| {
        let changes: Vec<_> =
            indices.iter().map(|index| (open[*index].0.id, open[*index].1)).collect();
        message(&changes, context, source)
    };
    let mut report_event = |news| match news {
        PublishEvent::Waiting => report(ApplyEvent::Waiting(gitops.place())),
        PublishEvent::Written(files) => report(ApplyEvent::Written(files)),
    };
    let Published { written, commit } =
        gitops.publish(&changes, &commit_message, &mut report_event);
    for ((action, _), result) in open.iter().zip(written) {
        match result {
            // An error that affects all of them is reported once.
            Ok(()) if commit.is_err() => {
                // The file may be written, or the push may have arrived.
                recorder.interrupt(action.recorded_actions());
                applied.failed += 1;
            }
            result => count_and_report(
                applied,
                action,
                Some(result.map_err(ReconcileError::from)),
                report,
            ),
        }
    }
    match commit {
        Ok(Some(commit)) => report(ApplyEvent::Committed {
            commit,
            place: gitops.place(),
            is_pushed: matches!(gitops, Target::Remote(_)),
        }),
        Ok(None) => {}
        Err(error) => report(ApplyEvent::CommitFailed(error.into())),
    }
}

fn is_store_step(step: &Step) -> bool {
    match step {
        Step::WriteProjection { .. }
        | Step::RemoveProjection { .. }
        | Step::RecordRequest
        | Step::MarkDecommissioned { .. }
        | Step::Blocked(_) => false,
        Step::CreateSecret { .. }
        | Step::RestoreSecret { .. }
        | Step::UpdateSecret { .. }
        | Step::TagSecret { .. }
        | Step::PutPolicy { .. }
        | Step::DeletePolicy { .. }
        | Step::ConfigureRotation { .. }
        | Step::CancelRotation { .. }
        | Step::AddReplica { .. }
        | Step::RemoveReplica { .. }
        | Step::DeleteSecret { .. } => true,
    }
}

/// The stores whose credentials have failed: no further manifest is started there.
#[derive(Default)]
struct UnusableStores(RefCell<Vec<*const Store>>);

impl UnusableStores {
    fn has(&self, store: &Store) -> bool {
        self.0.borrow().iter().any(|known| std::ptr::eq(*known, store))
    }

    /// Adds a store; returns false if it was known.
    fn add(&self, store: &Store) -> bool {
        let is_new = !self.has(store);
        self.0.borrow_mut().push(store);
        is_new
    }
}

/// Applies one manifest's steps in order. Steps after a failure have no result.
///
/// The result ends early where the store's credentials have failed for another manifest: that is
/// one failure, and not one of each manifest.
async fn apply_manifest<'plan>(
    context: &ReconcileContext<'_>,
    recorder: &Recorder<'_>,
    unusable: &UnusableStores,
    actions: Vec<&'plan Action>,
) -> Vec<(&'plan Action, Option<Result<(), ReconcileError>>)> {
    let mut results = Vec::new();
    let (mut failed, mut has_failed_replica) = (false, false);
    for action in actions {
        let is_deletion =
            matches!(action.step, Step::DeleteSecret { .. } | Step::RemoveReplica { .. });
        // A replica is not missed by those in other regions. None is removed before all are added.
        let is_addition = matches!(action.step, Step::AddReplica { .. });
        let may_start = !failed && (is_addition || !has_failed_replica);
        let store = context.store(&action.environment);
        if may_start && store.is_some_and(|store| unusable.has(store)) {
            return results;
        }
        let result = match store.filter(|_| may_start) {
            Some(store) if recorder.may_start(is_deletion) => {
                apply_action(context, recorder, store, action).await
            }
            _ => None,
        };
        if let (Some(store), Some(Err(ReconcileError::Store(error)))) = (store, &result)
            && error.stops_store()
            && !unusable.add(store)
        {
            recorder.fail(action.recorded_actions());
            return results;
        }
        match result {
            Some(Ok(())) => {}
            Some(Err(_)) if is_addition => has_failed_replica = true,
            _ => failed = true,
        }
        results.push((action, result));
    }
    results
}

/// Applies one step in a store. Returns None for other steps.
async fn apply_action(
    context: &ReconcileContext<'_>,
    recorder: &Recorder<'_>,
    store: &Store,
    action: &Action,
) -> Option<Result<(), ReconcileError>> {
    if let Err(error) = recorder.begin(action.recorded_actions()) {
        return Some(Err(error.into()));
    }
    let result = match execution::check(context, store, action).await {
        Ok(()) => execution::apply_in_store(store, &action.step).await?,
        Err(error) => Err(error),
    };
    let result = result.map(|SecretCreation { arn, version }| {
        recorder.note_written(action.id, arn, version);
    });
    Some(result.map_err(ReconcileError::from))
}

fn count_and_report(
    applied: &mut Applied,
    action: &Action,
    result: Option<Result<(), ReconcileError>>,
    report: &mut impl FnMut(ApplyEvent<'_>),
) {
    match result {
        Some(Ok(())) => {
            match action.effect() {
                Effect::Create => applied.created += 1,
                Effect::Delete => applied.deleted += 1,
                Effect::Change | Effect::Restore | Effect::Blocked => applied.changed += 1,
            }
            report(ApplyEvent::Done(action));
        }
        Some(Err(error)) => {
            applied.failed += 1;
            report(ApplyEvent::Failed(action, error));
        }
        None => {
            applied.skipped += 1;
            report(ApplyEvent::Skipped(action));
        }
    }
}

fn message(
    changes: &[(SecretId, ProjectionChange<'_>)],
    context: &ReconcileContext<'_>,
    source: &str,
) -> String {
    let ids: Vec<String> = changes.iter().map(|(id, _)| id.to_string()).collect();
    let count = |word: &str, removes: bool| match changes
        .iter()
        .filter(|(_, change)| matches!(change, ProjectionChange::Remove(_)) == removes)
        .count()
    {
        0 => None,
        1 => Some(format!("{word} 1 ExternalSecret")),
        several => Some(format!("{word} {several} ExternalSecrets")),
    };
    let counts: Vec<String> =
        [count("write", false), count("remove", true)].into_iter().flatten().collect();
    let subject = match ids.as_slice() {
        [first, rest @ ..] if rest.len() > 3 => format!("{first} and {} more", rest.len()),
        few => few.join(", "),
    };
    format!(
        "goldenpath: {} ({subject})\n\nIDs: {}\nSource: {} at {source}\n",
        counts.join(", "),
        ids.join(", "),
        context.project.catalog_id
    )
}
