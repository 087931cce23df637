//! Carrying a plan out: of each manifest the store first, so that the operator never sees a missing key, then the
//! projection; and when all are through, one commit. Every step can be killed and run again.

use std::collections::BTreeMap;

use futures_util::future;
use futures_util::stream::{self, StreamExt};

use super::{Action, Effect, Plan, ReconcileError, Step, World, step};
use crate::gitops::{GitopsError, Held, WorkingCopy};
use crate::manifest::SecretId;
use crate::projection::Projection;

/// What a person is told while it happens.
pub enum Event<'run> {
    Done(&'run Action),
    Failed(&'run Action, ReconcileError),
    /// Not tried, because a step before it failed.
    Skipped(&'run Action),
    /// Another run is at work in this working copy.
    Waiting(&'run WorkingCopy),
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
    let held = hold(world, plan, &mut applied, &mut tell);

    let mut manifests: BTreeMap<SecretId, Vec<&Action>> = BTreeMap::new();
    for action in plan.actions.iter().filter(|action| action.effect() != Effect::Blocked) {
        manifests.entry(action.id).or_default().push(action);
    }
    applied.not_begun = manifests.values().map(Vec::len).sum();
    let mut runs = stream::iter(manifests.into_values())
        .take_while(|_| future::ready(!is_stopping()))
        .map(|actions| one_manifest(world, &held, actions))
        .buffer_unordered(world.options.parallelism.changing);
    let mut written: BTreeMap<usize, Written<'_>> = BTreeMap::new();
    while let Some(results) = runs.next().await {
        for (action, result) in results {
            applied.not_begun -= 1;
            if let (Step::WriteProjection { projection, .. }, Some(Ok(()))) = (&action.step, &result)
                && let Some(index) = world.gitops_index(&action.environment)
            {
                written.entry(index).or_default().insert(action.id, projection);
            }
            record(&mut applied, action, result, &mut tell);
        }
    }
    drop(runs);

    for (index, written) in written {
        let projections: Vec<&Projection> = written.values().copied().collect();
        match world.gitops[index].1.commit(&projections, &message(&written, world, source)) {
            Ok(Some(commit)) => tell(Event::Committed(commit)),
            Ok(None) => {}
            Err(error) => {
                applied.failed += 1;
                tell(Event::CommitFailed(error.into()));
            }
        }
    }
    applied
}

/// The projections that were written into one working copy.
type Written<'plan> = BTreeMap<SecretId, &'plan Projection>;

/// The working copies that projections go to, each kept for this run, by their place in the world.
fn hold<'world>(
    world: &'world World<'_>,
    plan: &Plan,
    applied: &mut Applied,
    tell: &mut impl FnMut(Event<'_>),
) -> BTreeMap<usize, (&'world WorkingCopy, Held)> {
    let mut held = BTreeMap::new();
    for (index, (environments, gitops)) in world.gitops.iter().enumerate() {
        let own = plan.actions.iter().filter(|action| environments.contains(action.environment.as_str()));
        let projections = own.filter_map(|action| match &action.step {
            Step::WriteProjection { projection, .. } => Some(projection),
            _ => None,
        });
        let projections: Vec<&Projection> = projections.collect();
        if projections.is_empty() {
            continue;
        }
        match gitops.hold(&projections, || tell(Event::Waiting(gitops))) {
            Ok(kept) => _ = held.insert(index, (gitops, kept)),
            Err(error) => {
                applied.failed += 1;
                tell(Event::CommitFailed(error.into()));
            }
        }
    }
    held
}

/// One manifest's steps, in their order; None for those that are not tried, because one before it failed.
async fn one_manifest<'plan>(
    world: &World<'_>,
    held: &BTreeMap<usize, (&WorkingCopy, Held)>,
    actions: Vec<&'plan Action>,
) -> Vec<(&'plan Action, Option<Result<(), ReconcileError>>)> {
    let copy_of = |action: &Action| held.get(&world.gitops_index(&action.environment)?);
    let mut results = Vec::new();
    let (mut failed, mut broken) = (false, false);
    for action in actions {
        let result = match &action.step {
            Step::WriteProjection { projection, .. } => match copy_of(action).filter(|_| !broken) {
                Some((copy, _)) => Some(write(copy, projection).await.map_err(ReconcileError::from)),
                None => None,
            },
            step => match world.store(&action.environment).filter(|_| !failed) {
                Some(store) => step::in_the_store(store, step).await.map(|done| done.map_err(ReconcileError::from)),
                None => None,
            },
        };
        failed = !matches!(result, Some(Ok(())));
        // Who rotates a secret, and whether that can be configured yet, keeps nobody from using it.
        broken |= failed && !matches!(action.step, Step::ConfigureRotation { .. });
        results.push((action, result));
    }
    results
}

/// Writes a projection's file while calls for other manifests are on their way: the disk is waited for elsewhere.
async fn write(copy: &WorkingCopy, projection: &Projection) -> Result<(), GitopsError> {
    let write = copy.prepare(projection)?;
    match tokio::task::spawn_blocking(move || write.run()).await {
        Ok(done) => done.map(|()| copy.stage(projection)),
        Err(stopped) => Err(GitopsError::Write { file: projection.file.clone(), why: stopped.to_string() }),
    }
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

fn message(written: &Written<'_>, world: &World<'_>, source: &str) -> String {
    let ids: Vec<String> = written.keys().map(ToString::to_string).collect();
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
