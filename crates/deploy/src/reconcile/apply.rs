//! Carrying a plan out: the store first, so that the operator never sees a missing key, then the projections, then one
//! commit. Every step can be killed and run again.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;
use futures_util::stream::{self, StreamExt};

use super::{Action, Effect, Plan, ReconcileError, Step, World, execution};
use crate::audit::{Mark, RecordError, Recorded, Recorder};
use crate::gitops::{ProjectionChange, PublishEvent, Published, Target};
use crate::store::StoreError;
use goldenpath_core::manifest::SecretId;

/// What a person is told while it happens.
pub enum ApplyEvent<'run> {
    Done(&'run Action),
    Failed(&'run Action, ReconcileError),
    /// Not tried, because a step before it failed.
    Skipped(&'run Action),
    /// Another run is at work in this place.
    Waiting(String),
    /// So many files are written, and not yet committed.
    Written(usize),
    Committed(String),
    CommitFailed(ReconcileError),
    /// What was done is recorded in this commit of the catalog.
    Recorded(String),
    /// It is not, since the clone is in a state in which nothing can be committed; a later run in it will.
    Unrecorded(RecordError),
    RecordFailed(ReconcileError),
}

/// What became of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    pub created: usize,
    pub changed: usize,
    pub deleted: usize,
    pub failed: usize,
    pub skipped: usize,
    pub blocked: usize,
    /// Not tried, because the run was to stop.
    pub not_begun: usize,
}

/// How far the manifests of a run have come.
#[derive(Default)]
struct Course {
    begun: BTreeSet<SecretId>,
    /// A step failed that the projection waits for.
    broken: BTreeSet<SecretId>,
}

/// Does what the plan says and tells `tell` of each step. A failure stops the steps of its own manifest only. From the
/// moment on that `is_stopping`, what is begun is brought to its end, projection and commit included, and no other
/// manifest is begun.
pub async fn apply(
    world: &World<'_>,
    plan: &Plan,
    source: &str,
    recorder: &Recorder<'_>,
    is_stopping: &dyn Fn() -> bool,
    mut tell: impl FnMut(ApplyEvent<'_>),
) -> Applied {
    let mut tell = |event: ApplyEvent<'_>| {
        match &event {
            ApplyEvent::Done(action) if !matches!(action.step, Step::MarkDecommissioned { .. }) => {
                recorder.done(action.deeds())
            }
            ApplyEvent::Failed(action, _) => recorder.fail(action.deed()),
            _ => {}
        }
        tell(event);
    };
    let mut applied = Applied { blocked: plan.count(Effect::Blocked), ..Applied::default() };
    let mut course = Course::default();

    let mut manifests: BTreeMap<SecretId, Vec<&Action>> = BTreeMap::new();
    for action in plan.actions.iter().filter(|action| is_for_the_store(&action.step)) {
        manifests.entry(action.id).or_default().push(action);
    }
    let of_the_store: BTreeMap<SecretId, usize> =
        manifests.iter().map(|(id, steps)| (*id, steps.len())).collect();
    if !of_the_store.is_empty() {
        for (environments, gitops) in &world.gitops {
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
    let mut runs = stream::iter(manifests.into_values())
        .take_while(|_| future::ready(!is_stopping()))
        .map(|actions| one_manifest(world, recorder, actions))
        .buffer_unordered(world.options.parallelism.changing);
    while let Some(results) = runs.next().await {
        for (action, result) in results {
            course.begun.insert(action.id);
            let result = result.map(|done| done.map_err(ReconcileError::from));
            // Who rotates a secret, and whether that can be configured yet, keeps nobody from using it.
            if !matches!(result, Some(Ok(())))
                && !matches!(action.step, Step::ConfigureRotation { .. })
            {
                course.broken.insert(action.id);
            }
            record(&mut applied, action, result, &mut tell);
        }
    }

    applied.not_begun += of_the_store
        .iter()
        .filter(|(id, _)| !course.begun.contains(*id))
        .map(|(_, steps)| steps)
        .sum::<usize>();
    // Those that only need a projection begin now.
    let projected =
        plan.actions.iter().map(|action| action.id).filter(|id| !of_the_store.contains_key(id));
    if !is_stopping() {
        course.begun.extend(projected);
    }

    for (environments, gitops) in &world.gitops {
        let own: Vec<&Action> = plan
            .actions
            .iter()
            .filter(|action| environments.contains(action.environment.as_str()))
            .collect();
        project(world, gitops, &own, &course, (source, recorder), &mut applied, &mut tell);
    }
    let is_mark = |action: &&Action| matches!(action.step, Step::MarkDecommissioned { .. });
    let marks: Vec<&Action> = plan.actions.iter().filter(is_mark).collect();
    let (marks, not_begun) = if is_stopping() { (Vec::new(), marks.len()) } else { (marks, 0) };
    applied.not_begun += not_begun;
    conclude(recorder, &marks, &mut applied, &mut tell);
    applied
}

/// Records what was done, with manifests whose secrets are gone.
pub fn conclude(
    recorder: &Recorder<'_>,
    marks: &[&Action],
    applied: &mut Applied,
    tell: &mut impl FnMut(ApplyEvent<'_>),
) {
    let manifests: Vec<Mark> = marks.iter().filter_map(|action| action.mark()).collect();
    let Recorded { marks: results, commit } = recorder.finish(&manifests);
    for (action, result) in marks.iter().zip(results) {
        match result {
            // What keeps all of it from being recorded is told once.
            Ok(()) if commit.is_err() => applied.failed += 1,
            result => record(applied, action, Some(result.map_err(ReconcileError::from)), tell),
        }
    }
    match commit {
        Ok(Some(commit)) => tell(ApplyEvent::Recorded(commit)),
        Ok(None) => {}
        // Nothing but the trail waits, and a later run or a person can put it there.
        Err(error) if marks.is_empty() && error.is_about_the_checkout() => {
            tell(ApplyEvent::Unrecorded(error))
        }
        Err(error) => {
            applied.failed = applied.failed.max(1);
            tell(ApplyEvent::RecordFailed(error.into()));
        }
    }
}

/// Writes and commits the projections that belong into one GitOps repository. Each is done when the commit is.
fn project(
    world: &World<'_>,
    gitops: &Target,
    actions: &[&Action],
    course: &Course,
    (source, recorder): (&str, &Recorder<'_>),
    applied: &mut Applied,
    tell: &mut impl FnMut(ApplyEvent<'_>),
) {
    let mut open: Vec<(&Action, ProjectionChange<'_>)> = Vec::new();
    for action in actions {
        let change = match &action.step {
            Step::WriteProjection { projection, .. } => ProjectionChange::Write(projection),
            Step::RemoveProjection { projection } => ProjectionChange::Remove(projection),
            _ => continue,
        };
        match (course.begun.contains(&action.id), course.broken.contains(&action.id)) {
            (false, _) => applied.not_begun += 1,
            (true, true) => record(applied, action, None, tell),
            (true, false) => {
                recorder.begin(action.deed());
                open.push((action, change));
            }
        }
    }
    if open.is_empty() {
        return;
    }
    let changes: Vec<ProjectionChange<'_>> = open.iter().map(|(_, change)| *change).collect();
    let words = |indices: &[usize]| {
        let made: Vec<_> =
            indices.iter().map(|index| (open[*index].0.id, open[*index].1)).collect();
        message(&made, world, source)
    };
    let mut hear = |news| match news {
        PublishEvent::Waiting => tell(ApplyEvent::Waiting(gitops.place())),
        PublishEvent::Written(files) => tell(ApplyEvent::Written(files)),
    };
    let Published { written, commit } = gitops.publish(&changes, &words, &mut hear);
    for ((action, _), result) in open.iter().zip(written) {
        match result {
            // What keeps all of them from being committed is told once.
            Ok(()) if commit.is_err() => {
                recorder.fail(action.deed());
                applied.failed += 1;
            }
            result => record(applied, action, Some(result.map_err(ReconcileError::from)), tell),
        }
    }
    match commit {
        Ok(Some(commit)) => tell(ApplyEvent::Committed(commit)),
        Ok(None) => {}
        Err(error) => tell(ApplyEvent::CommitFailed(error.into())),
    }
}

fn is_for_the_store(step: &Step) -> bool {
    match step {
        Step::WriteProjection { .. }
        | Step::RemoveProjection { .. }
        | Step::MarkDecommissioned { .. }
        | Step::Blocked(_) => false,
        Step::CreateSecret { .. }
        | Step::RestoreSecret { .. }
        | Step::UpdateSecret { .. }
        | Step::TagSecret { .. }
        | Step::PutPolicy { .. }
        | Step::DeletePolicy { .. }
        | Step::ConfigureRotation { .. }
        | Step::DeleteSecret { .. } => true,
    }
}

/// One manifest's steps, in their order; None for those after one that failed.
async fn one_manifest<'plan>(
    world: &World<'_>,
    recorder: &Recorder<'_>,
    actions: Vec<&'plan Action>,
) -> Vec<(&'plan Action, Option<Result<(), StoreError>>)> {
    let mut results = Vec::new();
    let mut failed = false;
    for action in actions {
        let result = match world.store(&action.environment).filter(|_| !failed) {
            Some(store) => {
                recorder.begin(action.deed());
                match execution::check(world, store, action).await {
                    Ok(()) => execution::in_the_store(store, &action.step).await,
                    Err(refused) => Some(Err(refused)),
                }
            }
            None => None,
        };
        failed = !matches!(result, Some(Ok(())));
        results.push((action, result));
    }
    results
}

fn record(
    applied: &mut Applied,
    action: &Action,
    result: Option<Result<(), ReconcileError>>,
    tell: &mut impl FnMut(ApplyEvent<'_>),
) {
    match result {
        Some(Ok(())) => {
            match action.effect() {
                Effect::Create => applied.created += 1,
                Effect::Delete => applied.deleted += 1,
                Effect::Change | Effect::Restore | Effect::Blocked => applied.changed += 1,
            }
            tell(ApplyEvent::Done(action));
        }
        Some(Err(error)) => {
            applied.failed += 1;
            tell(ApplyEvent::Failed(action, error));
        }
        None => {
            applied.skipped += 1;
            tell(ApplyEvent::Skipped(action));
        }
    }
}

fn message(made: &[(SecretId, ProjectionChange<'_>)], world: &World<'_>, source: &str) -> String {
    let ids: Vec<String> = made.iter().map(|(id, _)| id.to_string()).collect();
    let count = |word: &str, removes: bool| match made
        .iter()
        .filter(|(_, change)| matches!(change, ProjectionChange::Remove(_)) == removes)
        .count()
    {
        0 => None,
        1 => Some(format!("{word} 1 ExternalSecret")),
        several => Some(format!("{word} {several} ExternalSecrets")),
    };
    let what: Vec<String> =
        [count("write", false), count("remove", true)].into_iter().flatten().collect();
    let subject = match ids.as_slice() {
        [first, rest @ ..] if rest.len() > 3 => format!("{first} and {} more", rest.len()),
        few => few.join(", "),
    };
    format!(
        "goldenpath: {} ({subject})\n\nIDs: {}\nSource: {} at {source}\n",
        what.join(", "),
        ids.join(", "),
        world.project.catalog_id
    )
}
