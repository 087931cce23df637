//! Carrying a plan out: the store first, so that the operator never sees a missing key, then the projections, then one
//! commit. Every step can be killed and run again.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;
use futures_util::stream::{self, StreamExt};

use super::{Action, Effect, Plan, ReconcileError, Step, World, step};
use crate::gitops::WorkingCopy;
use crate::manifest::SecretId;
use crate::projection::Projection;
use crate::store::StoreError;

/// How many projections are written before a person is told of them.
const WRITTEN_AT_ONCE: usize = 64;

/// What a person is told while it happens.
pub enum Event<'run> {
    Done(&'run Action),
    Failed(&'run Action, ReconcileError),
    /// Not tried, because a step before it failed.
    Skipped(&'run Action),
    Committed(String),
    CommitFailed(ReconcileError),
}

/// What became of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    pub created: usize,
    pub changed: usize,
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
    is_stopping: &dyn Fn() -> bool,
    mut tell: impl FnMut(Event<'_>),
) -> Applied {
    let mut applied = Applied { blocked: plan.count(Effect::Blocked), ..Applied::default() };
    let mut course = Course::default();

    let mut manifests: BTreeMap<SecretId, Vec<&Action>> = BTreeMap::new();
    for action in plan.actions.iter().filter(|action| is_for_the_store(&action.step)) {
        manifests.entry(action.id).or_default().push(action);
    }
    let of_the_store: BTreeMap<SecretId, usize> = manifests.iter().map(|(id, steps)| (*id, steps.len())).collect();
    let mut runs = stream::iter(manifests.into_values())
        .take_while(|_| future::ready(!is_stopping()))
        .map(|actions| one_manifest(world, actions))
        .buffer_unordered(world.options.parallelism.changing);
    while let Some(results) = runs.next().await {
        for (action, result) in results {
            course.begun.insert(action.id);
            let result = result.map(|done| done.map_err(ReconcileError::from));
            // Who rotates a secret, and whether that can be configured yet, keeps nobody from using it.
            if !matches!(result, Some(Ok(()))) && !matches!(action.step, Step::ConfigureRotation { .. }) {
                course.broken.insert(action.id);
            }
            record(&mut applied, action, result, &mut tell);
        }
    }

    applied.not_begun +=
        of_the_store.iter().filter(|(id, _)| !course.begun.contains(*id)).map(|(_, steps)| steps).sum::<usize>();
    // Those that only need a projection begin now.
    let projected = plan.actions.iter().map(|action| action.id).filter(|id| !of_the_store.contains_key(id));
    if !is_stopping() {
        course.begun.extend(projected);
    }

    for (environments, gitops) in &world.gitops {
        let own: Vec<&Action> =
            plan.actions.iter().filter(|action| environments.contains(action.environment.as_str())).collect();
        project(world, gitops, &own, &course, source, &mut applied, &mut tell);
    }
    applied
}

/// Writes the projections that belong into one working copy, and commits them.
fn project(
    world: &World<'_>,
    gitops: &WorkingCopy,
    actions: &[&Action],
    course: &Course,
    source: &str,
    applied: &mut Applied,
    tell: &mut impl FnMut(Event<'_>),
) {
    let mut wanted: Vec<(&Action, &Projection)> = Vec::new();
    for action in actions {
        let Step::WriteProjection { projection, .. } = &action.step else { continue };
        match (course.begun.contains(&action.id), course.broken.contains(&action.id)) {
            (false, _) => applied.not_begun += 1,
            (true, true) => record(applied, action, None, tell),
            (true, false) => wanted.push((action, projection)),
        }
    }
    let projections: Vec<&Projection> = wanted.iter().map(|(_, projection)| *projection).collect();
    if wanted.is_empty() {
        return;
    }
    let _held = match gitops.hold(&projections) {
        Ok(held) => held,
        Err(error) => {
            applied.failed += 1;
            tell(Event::CommitFailed(error.into()));
            wanted.iter().for_each(|(action, _)| record(applied, action, None, tell));
            return;
        }
    };
    let mut written: Vec<(&Action, &Projection)> = Vec::new();
    for some in wanted.chunks(WRITTEN_AT_ONCE) {
        let projections: Vec<&Projection> = some.iter().map(|(_, projection)| *projection).collect();
        for ((action, projection), result) in some.iter().zip(gitops.write_all(&projections)) {
            if result.is_ok() {
                written.push((action, projection));
            }
            record(applied, action, Some(result.map_err(ReconcileError::from)), tell);
        }
    }
    if written.is_empty() {
        return;
    }
    let projections: Vec<&Projection> = written.iter().map(|(_, projection)| *projection).collect();
    match gitops.commit(&projections, &message(&written, world, source)) {
        Ok(Some(commit)) => tell(Event::Committed(commit)),
        Ok(None) => {}
        Err(error) => {
            applied.failed += 1;
            tell(Event::CommitFailed(error.into()));
        }
    }
}

fn is_for_the_store(step: &Step) -> bool {
    !matches!(step, Step::WriteProjection { .. } | Step::Blocked(_))
}

/// One manifest's steps, in their order; None for those after one that failed.
async fn one_manifest<'plan>(
    world: &World<'_>,
    actions: Vec<&'plan Action>,
) -> Vec<(&'plan Action, Option<Result<(), StoreError>>)> {
    let mut results = Vec::new();
    let mut failed = false;
    for action in actions {
        let result = match world.store(&action.environment).filter(|_| !failed) {
            Some(store) => step::in_the_store(store, &action.step).await,
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
    tell: &mut impl FnMut(Event<'_>),
) {
    match result {
        Some(Ok(())) => {
            match action.effect() {
                Effect::Create => applied.created += 1,
                Effect::Change | Effect::Restore | Effect::Blocked => applied.changed += 1,
            }
            tell(Event::Done(action));
        }
        Some(Err(error)) => {
            applied.failed += 1;
            tell(Event::Failed(action, error));
        }
        None => {
            applied.skipped += 1;
            tell(Event::Skipped(action));
        }
    }
}

fn message(written: &[(&Action, &Projection)], world: &World<'_>, source: &str) -> String {
    let ids: Vec<String> = written.iter().map(|(action, _)| action.id.to_string()).collect();
    let count = match ids.len() {
        1 => "1 ExternalSecret".to_owned(),
        several => format!("{several} ExternalSecrets"),
    };
    let subject = match ids.as_slice() {
        [first, rest @ ..] if rest.len() > 3 => format!("{first} and {} more", rest.len()),
        few => few.join(", "),
    };
    format!(
        "goldenpath: write {count} ({subject})\n\nIDs: {}\nSource: {} at {source}\n",
        ids.join(", "),
        world.project.catalog_id
    )
}
