//! Desired state against actual state: what is missing or different, and what is in the way.

use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::desired::{self, CATALOG, Desired, ID, MANAGED_BY};
use super::renewal::renewal;
use super::{Action, CALLS_IN_FLIGHT, Obstacle, Plan, ReconcileError, Step, World};
use crate::gitops::FileState;
use crate::manifest::{LifecycleStatus, SecretId, SecretRequest};
use crate::rules::{self, Renewal};
use crate::store::{SecretStore, StoredSecret};

/// What apply would do for the selected manifests that `holds` lets through. Reads the store and the GitOps working
/// copy, and writes nothing.
///
/// # Errors
/// A store or a working copy that cannot be read, or a projection that cannot be rendered.
pub async fn plan(world: &World<'_>, holds: impl Fn(&SecretRequest) -> bool) -> Result<Plan, ReconcileError> {
    let desired = desired::all(world.catalog, world.project, world.template.as_deref(), holds)?;
    check_files_differ(&desired)?;
    let swept: HashMap<String, StoredSecret> =
        world.store.sweep().await?.into_iter().map(|secret| (secret.name.clone(), secret)).collect();
    let (world, swept) = (&world, &swept);
    let looked: Vec<(SecretId, Option<Renewal>, Vec<Action>)> = stream::iter(&desired)
        .map(|wish| async move {
            let actual = actual(world, wish, swept.get(wish.key.as_str())).await?;
            // Somebody else's secret is somebody else's to rotate.
            let ours = actual.as_ref().filter(|found| in_the_way(wish, found).is_none());
            let mut actions = actions(world, wish, actual.as_ref())?;
            // A key or a file's name may be made of a field with a value in it, where GP501 is not to refuse that.
            let told = actions.iter_mut().flat_map(|action| [&mut action.target, &mut action.reason]);
            rules::conceal(wish.entry, world.project, told);
            Ok::<_, ReconcileError>((wish.request.id, ours.and_then(renewal), actions))
        })
        .buffered(CALLS_IN_FLIGHT)
        .try_collect()
        .await?;
    let mut plan = Plan { manifests: desired.len(), ..Plan::default() };
    for (id, renewal, actions) in looked {
        plan.renewals.extend(renewal.map(|renewal| (id, renewal)));
        plan.actions.extend(actions);
    }
    Ok(plan)
}

/// The secret as it is. A sweep may be minutes old, so whatever it does not show as it should be is asked for again
/// (ListSecrets, "may not be included").
async fn actual(
    world: &World<'_>,
    wish: &Desired<'_>,
    swept: Option<&StoredSecret>,
) -> Result<Option<StoredSecret>, ReconcileError> {
    match swept {
        Some(found) if secret_actions(wish, Some(found)).is_empty() => Ok(Some(found.clone())),
        _ => Ok(world.store.describe(&wish.key).await?),
    }
}

fn actions(
    world: &World<'_>,
    wish: &Desired<'_>,
    actual: Option<&StoredSecret>,
) -> Result<Vec<Action>, ReconcileError> {
    match wish.request.status {
        LifecycleStatus::Active | LifecycleStatus::Deprecated => {}
        LifecycleStatus::Decommissioned => return Ok(Vec::new()),
        LifecycleStatus::DecommissionRequested if actual.is_none() => return Ok(Vec::new()),
        LifecycleStatus::DecommissionRequested => {
            let reason = "decommissioning is requested, and this version of goldenpath takes nothing down".to_owned();
            return Ok(vec![action(wish, wish.key.as_str(), reason, Step::Blocked(Obstacle::Waiting))]);
        }
    }
    let mut actions = secret_actions(wish, actual);
    let blocked = actions.iter().any(|action| matches!(action.step, Step::Blocked(_)));
    if let Some(gitops) = world.gitops.as_ref().filter(|_| !blocked) {
        let state = gitops.state(&wish.projection)?;
        actions.extend(projection_action(wish, state));
    }
    Ok(actions)
}

/// What the secret needs: at most one of create, blocked, or an update and a tagging.
fn secret_actions(wish: &Desired<'_>, actual: Option<&StoredSecret>) -> Vec<Action> {
    let key = wish.key.as_str();
    let Some(found) = actual else {
        let (description, tags) = (wish.description.clone(), wish.tags.clone());
        let step = Step::CreateSecret { key: wish.key.clone(), description, tags };
        return vec![action(wish, key, "there is no such secret".to_owned(), step)];
    };
    if let Some(reason) = in_the_way(wish, found) {
        return vec![action(wish, key, reason, Step::Blocked(Obstacle::Conflict))];
    }
    let mut actions = Vec::new();
    if let Some(description) =
        wish.request.description.as_ref().filter(|wanted| found.description.as_ref() != Some(*wanted))
    {
        let step = Step::UpdateSecret { key: wish.key.clone(), description: description.clone() };
        actions.push(action(wish, key, "the description differs".to_owned(), step));
    }
    let tags: BTreeMap<String, String> = wish
        .tags
        .iter()
        .filter(|(name, value)| found.tags.get(*name) != Some(*value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !tags.is_empty() {
        let changes: Vec<String> = tags
            .iter()
            .map(|(name, value)| match found.tags.get(name) {
                Some(old) => format!("{name}: {old} → {value}"),
                None => format!("{name}: {value} is missing"),
            })
            .collect();
        actions.push(action(wish, key, changes.join(", "), Step::TagSecret { key: wish.key.clone(), tags }));
    }
    actions
}

/// Why a secret that exists must not be touched for this manifest, if so.
fn in_the_way(wish: &Desired<'_>, found: &StoredSecret) -> Option<String> {
    let tag = |name: &str| found.tags.get(name).map(String::as_str);
    if tag(MANAGED_BY) != Some("goldenpath") {
        return Some("a secret of this name exists that goldenpath did not make".to_owned());
    }
    if tag(CATALOG) != wish.tags.get(CATALOG).map(String::as_str) {
        let owner = tag(CATALOG).unwrap_or("none");
        return Some(format!("a secret of this name exists and belongs to another catalog ({owner})"));
    }
    let id = wish.request.id.to_string();
    if tag(ID).is_some_and(|owner| owner != id) {
        return Some(format!("a secret of this name exists and belongs to {}", tag(ID).unwrap_or_default()));
    }
    found.deletion.map(|when| {
        let when = when.strftime("%Y-%m-%d");
        format!("the secret is marked for deletion ({when}); restore it in the store, then run apply again")
    })
}

fn projection_action(wish: &Desired<'_>, state: FileState) -> Option<Action> {
    let (reason, new) = match state {
        FileState::Current => return None,
        FileState::Missing => ("there is no such file", true),
        FileState::Outdated => ("the file is not what the manifest says now", false),
        FileState::Uncommitted => ("the file is written and not committed", false),
        FileState::Foreign(why) => {
            let reason = format!("a file stands there already: {why}; move it away");
            return Some(action(wish, &wish.projection.file, reason, Step::Blocked(Obstacle::Conflict)));
        }
    };
    let step = Step::WriteProjection { projection: wish.projection.clone(), new };
    Some(action(wish, &wish.projection.file, reason.to_owned(), step))
}

fn action(wish: &Desired<'_>, target: &str, reason: String, step: Step) -> Action {
    let environment = wish.request.environment.to_string();
    Action { id: wish.request.id, environment, target: target.to_owned(), reason, step }
}

/// Two manifests in one file would overwrite each other for ever.
fn check_files_differ(desired: &[Desired<'_>]) -> Result<(), ReconcileError> {
    let mut owners: HashMap<&str, &Desired<'_>> = HashMap::new();
    for wish in desired {
        if let Some(other) = owners.insert(&wish.projection.file, wish) {
            let ids = format!("{} and {}", other.request.id, wish.request.id);
            return Err(ReconcileError::SameFile { file: wish.projection.file.clone(), ids });
        }
    }
    Ok(())
}
