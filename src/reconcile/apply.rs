//! Carrying a plan out: the store first, so that the operator never sees a missing key, then the projections, then one
//! commit. Every step can be killed and run again.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use super::desired::{CATALOG, ID, MANAGED_BY};
use super::{Action, CALLS_IN_FLIGHT, Effect, Plan, ReconcileError, Step, World};
use crate::manifest::{SecretId, StoreKey};
use crate::projection::Projection;
use crate::store::{SecretStore, StoreError};

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
}

/// Does what the plan says and tells `tell` of each step. A failure stops the steps of its own manifest only.
pub async fn apply(world: &World<'_>, plan: &Plan, source: &str, mut tell: impl FnMut(Event<'_>)) -> Applied {
    let mut applied = Applied { blocked: plan.count(Effect::Blocked), ..Applied::default() };
    let mut broken: BTreeSet<SecretId> = BTreeSet::new();

    let mut manifests: BTreeMap<SecretId, Vec<&Action>> = BTreeMap::new();
    for action in plan.actions.iter().filter(|action| is_for_the_store(&action.step)) {
        manifests.entry(action.id).or_default().push(action);
    }
    let mut runs = stream::iter(manifests.into_values())
        .map(|actions| in_the_store(world, actions))
        .buffer_unordered(CALLS_IN_FLIGHT);
    while let Some(results) = runs.next().await {
        for (action, result) in results {
            let result = result.map(|done| done.map_err(ReconcileError::from));
            if !matches!(result, Some(Ok(()))) {
                broken.insert(action.id);
            }
            record(&mut applied, action, result, &mut tell);
        }
    }

    let Some(gitops) = &world.gitops else { return applied };
    let mut written: Vec<(&Action, &Projection)> = Vec::new();
    for action in &plan.actions {
        let Step::WriteProjection { projection, .. } = &action.step else { continue };
        let result = (!broken.contains(&action.id)).then(|| gitops.write(projection).map_err(ReconcileError::from));
        if matches!(result, Some(Ok(()))) {
            written.push((action, projection));
        }
        record(&mut applied, action, result, &mut tell);
    }
    if !written.is_empty() {
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
    applied
}

fn is_for_the_store(step: &Step) -> bool {
    match step {
        Step::CreateSecret { .. } | Step::UpdateSecret { .. } | Step::TagSecret { .. } => true,
        Step::WriteProjection { .. } | Step::Blocked(_) => false,
    }
}

/// One manifest's steps, in their order; None for those after one that failed.
async fn in_the_store<'plan>(
    world: &World<'_>,
    actions: Vec<&'plan Action>,
) -> Vec<(&'plan Action, Option<Result<(), StoreError>>)> {
    let mut results = Vec::new();
    let mut failed = false;
    for action in actions {
        let result = match &action.step {
            _ if failed => None,
            Step::CreateSecret { key, description, tags } => Some(create(world, key, description, tags).await),
            Step::UpdateSecret { key, description } => Some(world.store.set_description(key, description).await),
            Step::TagSecret { key, tags } => Some(world.store.put_tags(key, tags).await),
            Step::WriteProjection { .. } | Step::Blocked(_) => continue,
        };
        failed = !matches!(result, Some(Ok(())));
        results.push((action, result));
    }
    results
}

/// Creates the secret. When it exists already, the answer to an earlier try was lost, or somebody was faster: if its
/// tags are the ones that were to go in, it is ours and done.
async fn create(
    world: &World<'_>,
    key: &StoreKey,
    description: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    match world.store.create(key, description, tags).await {
        Err(error @ StoreError::AlreadyExists { .. }) => {
            let found = world.store.describe(key).await?;
            let ours = found.is_some_and(|found| {
                found.deletion.is_none()
                    && [MANAGED_BY, CATALOG, ID].iter().all(|name| found.tags.get(*name) == tags.get(*name))
            });
            if ours { Ok(()) } else { Err(error) }
        }
        result => result,
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
                Effect::Change | Effect::Blocked => applied.changed += 1,
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
