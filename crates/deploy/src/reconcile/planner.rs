//! Looking at the stores and the GitOps working copies → a plan. Writes nothing.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::decommission;
use super::desired;
use super::desired::{DesiredSecret, MANAGED_BY, OURS, POLICY, VALUE_SINCE, interval};
use super::diff::{PolicySeen, in_the_way, secret_actions};
use super::gates::Gates;
use super::missing_values::{MissingValue, awaits_value};
use super::renewal::renewal;
use super::saved_plan::digest;
use super::{Account, Action, Obstacle, Plan, ReconcileError, SecretSubject, Step, World, orphans};
use crate::gitops::FileState;
use crate::store::{SecretStore, StoreError, StoredSecret};
use goldenpath_core::manifest::LifecycleStatus;
use goldenpath_core::rules;

/// What is known of one secret.
struct ObservedState<'sweep> {
    /// From the sweep where that shows it as it should be; None where there is none.
    secret: Option<Cow<'sweep, StoredSecret>>,
    /// None where it was not asked for.
    policy: Option<Option<String>>,
}

/// How far looking has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many secrets stand in the lists that came by now.
    Read(usize),
    /// So many of all manifests have been held against what is there.
    Looked { done: usize, all: usize },
}

/// What apply would do for the selected manifests that `holds` lets through. Reads the stores and
/// the GitOps working copies, and writes nothing. An account that cannot be looked at stands in the plan with the reason,
/// and the others are planned for all the same. `tell` hears how far it is.
///
/// # Errors
/// A working copy that cannot be read, or a projection that cannot be rendered.
pub async fn plan(
    world: &World<'_>,
    holds: impl Fn(SecretSubject<'_>) -> bool,
    tell: &dyn Fn(Progress),
) -> Result<Plan, ReconcileError> {
    let desired = desired::all(world.catalog, world.project, &world.template, |request| {
        holds(SecretSubject::of(request))
    })?;
    check_files_differ(world, &desired)?;
    let mut plan = Plan { manifests: desired.len(), ..Plan::default() };
    let mut swept = Vec::new();
    let in_lists = Cell::new(0);
    let read = |more| {
        in_lists.set(in_lists.get() + more);
        tell(Progress::Read(in_lists.get()));
    };
    let read: &dyn Fn(usize) = &read;
    let mut sweeps = stream::iter(&world.accounts)
        .map(|account| async move { (account, account.store.sweep(MANAGED_BY, read).await) })
        .buffered(world.options.parallelism.looking);
    while let Some((account, result)) = sweeps.next().await {
        match result {
            Ok(secrets) => {
                let by_name: HashMap<_, _> =
                    secrets.into_iter().map(|found| (found.name.clone(), found)).collect();
                swept.push((account, by_name));
            }
            Err(error) => plan.unseen.push(account.unseen(error.into())),
        }
    }

    // What the first call that fails says holds for the account: the others would say the same.
    let failures: Vec<RefCell<Option<StoreError>>> =
        swept.iter().map(|_| RefCell::default()).collect();
    let home = |wish: &DesiredSecret<'_>| {
        swept.iter().position(|(account, _)| {
            account.environments.contains(wish.request.environment.as_str())
        })
    };
    let (swept, failures) = (&swept, &failures);
    let look = |wish| async move {
        let index = home(wish)?;
        let (account, secrets) = &swept[index];
        if failures[index].borrow().is_some() {
            return None;
        }
        match look_at(world, account, wish, secrets.get(wish.key.as_str())).await {
            Ok(seen) => Some(seen),
            Err(error) => {
                failures[index].borrow_mut().get_or_insert(error);
                None
            }
        }
    };
    // As they come, so that one that takes long keeps no other waiting.
    let mut looks = stream::iter(desired.iter().enumerate())
        .map(|(place, wish)| async move { (place, look(wish).await) })
        .buffer_unordered(world.options.parallelism.looking);
    let mut seen: Vec<Option<ObservedState<'_>>> = desired.iter().map(|_| None).collect();
    let mut done = 0;
    while let Some((place, found)) = looks.next().await {
        seen[place] = found;
        done += 1;
        tell(Progress::Looked { done, all: desired.len() });
    }
    drop(looks);
    for ((account, _), failure) in swept.iter().zip(failures) {
        plan.unseen.extend(failure.take().map(|error| account.unseen(error.into())));
    }

    let mut gates = Gates::of(world);
    let mut state = Vec::new();
    for (wish, seen) in desired.iter().zip(seen) {
        let environment = wish.request.environment.as_str();
        let is_unseen = plan.unseen.iter().any(|unseen| unseen.environments.contains(environment));
        let Some(seen) = seen.filter(|_| !is_unseen) else { continue };
        let actual = seen.actual();
        // A secret that is not ours is for its owner to rotate.
        let ours = actual
            .filter(|found| in_the_way(wish, found, world.takeover(wish.request.id)).is_none());
        plan.renewals.extend(
            ours.and_then(|found| renewal(found, world.options.now))
                .map(|renewal| (wish.request.id, renewal)),
        );
        if wish.request.status.is_in_use()
            && wish.rotation.is_none()
            && ours.is_none_or(|found| found.rotation.is_none())
            && interval(wish.request, world.project).is_some()
        {
            *plan.manual.entry(wish.request.secret_type.clone()).or_default() += 1;
        }
        let Next { mut actions, file, mut awaiting } = next(world, wish, &seen, &mut gates).await?;
        // A digest each, so that ten thousand take no room.
        state.push(digest(&json!([wish.request.id, seen.that_decides(wish), format!("{file:?}")])));
        // A key or a file's name may be made of a field with a value in it, where GP501 is not to refuse that.
        let told = actions.iter_mut().flat_map(|action| [&mut action.target, &mut action.reason]);
        let told = told.chain(awaiting.iter_mut().map(|awaiting| &mut awaiting.target));
        rules::conceal(wish.entry, world.project, told);
        plan.awaiting.extend(awaiting);
        plan.actions.extend(actions);
    }
    plan.state = digest(&json!(state));
    plan.orphans = orphans::all(world, swept, &holds);
    plan.stale = orphans::stale(world, &holds);
    Ok(plan)
}

impl ObservedState<'_> {
    fn actual(&self) -> Option<&StoredSecret> {
        self.secret.as_deref()
    }

    /// What of it decides what is done: not what others note on the secret, nor when it was last read.
    fn that_decides(&self, wish: &DesiredSecret<'_>) -> Value {
        let secret = self.actual().map(|found| {
            // When the value was renewed is no more of that than the value.
            let decides = |name: &str| name.starts_with(OURS) && name != VALUE_SINCE;
            let ours =
                found.tags.iter().filter(|(name, _)| decides(name)).collect::<BTreeMap<_, _>>();
            json!([
                found.arn,
                wish.request.description.as_ref().and(found.description.as_ref()),
                ours,
                wish.kms_key.as_ref().and(found.kms_key.as_ref()),
                found.rotation.as_ref().map(|rotation| json!([rotation.function, rotation.days])),
                found.deletion.map(|when| when.to_string()),
            ])
        });
        json!([secret, self.policy])
    }

    fn policy(&self) -> PolicySeen<'_> {
        match &self.policy {
            None => PolicySeen::Unread,
            Some(policy) => PolicySeen::Read(policy.as_deref()),
        }
    }
}

/// The secret as it is. A sweep may be minutes old, so whatever it does not show as it should be is asked for again
/// (ListSecrets, "might not reflect changes from the last five minutes").
async fn look_at<'sweep>(
    world: &World<'_>,
    account: &Account,
    wish: &DesiredSecret<'_>,
    swept: Option<&'sweep StoredSecret>,
) -> Result<ObservedState<'sweep>, StoreError> {
    let takeover = world.takeover(wish.request.id);
    let is_done = match (wish.request.status, swept) {
        // Nothing is asked of it.
        (LifecycleStatus::Decommissioned, _) => {
            return Ok(ObservedState { secret: None, policy: None });
        }
        // Before it is deleted, what is true now is looked at.
        (LifecycleStatus::DecommissionRequested, _) => false,
        (LifecycleStatus::Active | LifecycleStatus::Deprecated, found) => {
            found.is_some_and(|swept| {
                secret_actions(wish, found, PolicySeen::Unread, takeover).is_empty()
                // Where the projection waits for the value, its absence is something different too.
                && (swept.has_value() || !world.project.config.external_secret.wait_for_value)
            })
        }
    };
    let secret = match swept.filter(|_| is_done) {
        Some(found) => Some(Cow::Borrowed(found)),
        None => account.store.describe(&wish.key).await?.map(Cow::Owned),
    };
    let mut seen = ObservedState { secret, policy: None };
    let wanted = wish.policy.as_ref().filter(|_| wish.request.status.is_in_use());
    if let (Some(wanted), Some(found)) = (wanted, seen.actual())
        && in_the_way(wish, found, takeover).is_none()
        // One that is marked for deletion is not told of (GetResourcePolicy, "InvalidRequestException").
        && found.deletion.is_none()
        && (world.options.refresh || found.tags.get(POLICY) != Some(&wanted.digest))
    {
        seen.policy = Some(account.store.policy(&wish.key).await?);
    }
    Ok(seen)
}

/// What comes next for one manifest.
#[derive(Default)]
struct Next {
    actions: Vec<Action>,
    /// What was found of the projection, where that was looked at.
    file: Option<FileState>,
    awaiting: Option<MissingValue>,
}

async fn next(
    world: &World<'_>,
    wish: &DesiredSecret<'_>,
    seen: &ObservedState<'_>,
    gates: &mut Gates,
) -> Result<Next, ReconcileError> {
    let actual = seen.actual();
    match wish.request.status {
        LifecycleStatus::Active | LifecycleStatus::Deprecated => {}
        LifecycleStatus::Decommissioned => return Ok(Next::default()),
        // What decides there is in the actions' reasons.
        LifecycleStatus::DecommissionRequested => {
            let actions = decommission::actions(world, wish, actual, gates).await?;
            return Ok(Next { actions, ..Next::default() });
        }
    }
    let mut actions = secret_actions(wish, actual, seen.policy(), world.takeover(wish.request.id));
    let blocked = actions.iter().any(|action| matches!(action.step, Step::Blocked(_)));
    if blocked {
        return Ok(Next { actions, ..Next::default() });
    }
    let gitops = world.gitops(wish.request.environment.as_str());
    let file = gitops.map(|gitops| gitops.state(&wish.projection)).transpose()?;
    let awaits = awaits_value(actual, &actions);
    let waits = awaits && world.project.config.external_secret.wait_for_value;
    // One that is there already stays, and is kept as the manifest says.
    let held_back = waits && file == Some(FileState::Missing);
    actions.extend(
        file.clone().filter(|_| !held_back).and_then(|state| projection_action(wish, state)),
    );
    let awaiting = awaits.then(|| MissingValue {
        id: wish.request.id,
        environment: wish.request.environment.to_string(),
        target: wish.key.to_string(),
        held_back,
        can_be_generated: !wish.make.is_empty(),
    });
    Ok(Next { actions, file, awaiting })
}

fn projection_action(wish: &DesiredSecret<'_>, state: FileState) -> Option<Action> {
    let (reason, new) = match state {
        FileState::Current => return None,
        FileState::Missing => ("there is no such file", true),
        FileState::Outdated => ("the file is not what the manifest says now", false),
        FileState::Uncommitted => ("the file is written and not committed", false),
        FileState::Unlisted => ("the kustomization beside it does not list it", false),
        FileState::Unlistable(why) => {
            let step = Step::Blocked(Obstacle::Conflict);
            return Some(Action::of(wish.request, &wish.projection.file, why, step));
        }
        FileState::Foreign(why) => {
            let reason = format!("a file stands there already: {why}; move it away");
            let step = Step::Blocked(Obstacle::Conflict);
            return Some(Action::of(wish.request, &wish.projection.file, reason, step));
        }
    };
    let step = Step::WriteProjection { projection: wish.projection.clone(), new };
    Some(Action::of(wish.request, &wish.projection.file, reason.to_owned(), step))
}

/// Two manifests in one file would overwrite each other for ever.
fn check_files_differ(
    world: &World<'_>,
    desired: &[DesiredSecret<'_>],
) -> Result<(), ReconcileError> {
    let mut owners: BTreeMap<(Option<usize>, &str), &DesiredSecret<'_>> = BTreeMap::new();
    for wish in desired {
        let place =
            (world.gitops_index(wish.request.environment.as_str()), wish.projection.file.as_str());
        if let Some(other) = owners.insert(place, wish) {
            let ids = format!("{} and {}", other.request.id, wish.request.id);
            return Err(ReconcileError::SameFile { file: wish.projection.file.clone(), ids });
        }
    }
    Ok(())
}
