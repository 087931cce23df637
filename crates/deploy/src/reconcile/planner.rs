//! Creates a plan from the stores and the GitOps working copies. It writes nothing.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::consumer_losses;
use super::decommission;
use super::desired;
use super::desired::{DesiredSecret, MANAGED_BY, OURS, POLICY, VALUE_SINCE, interval};
use super::diff::{ObservedPolicy, find_obstacle, secret_actions};
use super::gates::Gates;
use super::missing_values::{MissingValue, awaits_value};
use super::renewal::renewal;
use super::saved_plan::digest;
use super::{
    Account, Action, BlockReason, Plan, ReconcileContext, ReconcileError, SecretSubject, Step,
    orphans,
};
use crate::gitops::FileState;
use crate::store::{SecretStore, StoreError, StoredSecret};
use goldenpath_core::manifest::LifecycleStatus;
use goldenpath_core::rules;

/// The observed state of one secret.
struct ObservedState<'sweep> {
    /// Borrowed from the sweep if up to date; None if the secret does not exist.
    secret: Option<Cow<'sweep, StoredSecret>>,
    /// None if the policy was not read.
    policy: Option<Option<String>>,
}

/// The progress of planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanProgress {
    /// The number of secrets read from lists.
    Read(usize),
    /// The number of manifests compared with their secrets.
    Compared {
        /// The number so far.
        done: usize,
        /// The number of selected manifests.
        all: usize,
    },
}

/// Returns the plan for the selected manifests.
///
/// `is_selected` filters the manifests. An account that cannot be read is in the plan with its
/// error, and the others are still planned. `report` receives the progress.
///
/// # Errors
/// Fails if a working copy cannot be read or a projection cannot be rendered.
pub async fn plan(
    context: &ReconcileContext<'_>,
    is_selected: impl Fn(SecretSubject<'_>) -> bool,
    report: &dyn Fn(PlanProgress),
) -> Result<Plan, ReconcileError> {
    let all_desired =
        desired::desired_secrets(context.catalog, context.project, &context.template, |request| {
            is_selected(SecretSubject::of(request))
        })?;
    check_files_differ(context, &all_desired)?;
    let mut plan = Plan { manifests: all_desired.len(), ..Plan::default() };
    let mut swept = Vec::new();
    let in_lists = Cell::new(0);
    let read = |more| {
        in_lists.set(in_lists.get() + more);
        report(PlanProgress::Read(in_lists.get()));
    };
    let read: &dyn Fn(usize) = &read;
    let mut sweeps = stream::iter(&context.accounts)
        .map(|account| async move { (account, account.store.sweep(MANAGED_BY, read).await) })
        .buffered(context.options.parallelism.reads);
    while let Some((account, result)) = sweeps.next().await {
        match result {
            Ok(secrets) => {
                let by_name: HashMap<_, _> =
                    secrets.into_iter().map(|found| (found.name.clone(), found)).collect();
                swept.push((account, by_name));
            }
            Err(error) => plan.unreadable_accounts.push(account.to_unreadable(error.into())),
        }
    }

    // The first error counts for the account: later calls would fail in the same way.
    let failures: Vec<RefCell<Option<StoreError>>> =
        swept.iter().map(|_| RefCell::default()).collect();
    let account_index = |desired: &DesiredSecret<'_>| {
        swept.iter().position(|(account, _)| {
            account.environments.contains(desired.request.environment.as_str())
        })
    };
    let (swept, failures) = (&swept, &failures);
    let observe_one = |desired| async move {
        let index = account_index(desired)?;
        let (account, secrets) = &swept[index];
        if failures[index].borrow().is_some() {
            return None;
        }
        match observe(context, account, desired, secrets.get(desired.key.as_str())).await {
            Ok(seen) => Some(seen),
            Err(error) => {
                failures[index].borrow_mut().get_or_insert(error);
                None
            }
        }
    };
    // Unordered, so that a slow call does not delay the others.
    let mut observations = stream::iter(all_desired.iter().enumerate())
        .map(|(place, desired)| async move { (place, observe_one(desired).await) })
        .buffer_unordered(context.options.parallelism.reads);
    let mut seen: Vec<Option<ObservedState<'_>>> = all_desired.iter().map(|_| None).collect();
    let mut done = 0;
    while let Some((place, found)) = observations.next().await {
        seen[place] = found;
        done += 1;
        report(PlanProgress::Compared { done, all: all_desired.len() });
    }
    drop(observations);
    for ((account, _), failure) in swept.iter().zip(failures) {
        plan.unreadable_accounts
            .extend(failure.take().map(|error| account.to_unreadable(error.into())));
    }

    let mut gates = Gates::of(context);
    let mut state = Vec::new();
    for (desired, seen) in all_desired.iter().zip(seen) {
        let environment = desired.request.environment.as_str();
        let is_unseen = plan
            .unreadable_accounts
            .iter()
            .any(|account| account.environments.contains(environment));
        let Some(seen) = seen.filter(|_| !is_unseen) else { continue };
        let actual = seen.actual();
        // A secret that is not ours is for its owner to rotate.
        let ours = actual.filter(|found| {
            find_obstacle(desired, found, context.takeover(desired.request.id)).is_none()
        });
        plan.renewals.extend(
            ours.and_then(|found| renewal(found, context.options.now))
                .map(|renewal| (desired.request.id, renewal)),
        );
        if desired.request.status.is_in_use()
            && desired.rotation.is_none()
            && ours.is_none_or(|found| found.rotation.is_none())
            && interval(desired.request, context.project).is_some()
        {
            *plan.manual.entry(desired.request.secret_type.clone()).or_default() += 1;
        }
        let ManifestPlan { mut actions, file, mut awaiting } =
            plan_manifest(context, desired, &seen, &mut gates).await?;
        // A digest per secret saves memory.
        state.push(digest(&json!([
            desired.request.id,
            seen.relevant_state(desired),
            format!("{file:?}")
        ])));
        // A key or file name may contain a secret value from a field if GP501 is not an error.
        let texts = actions.iter_mut().flat_map(|action| [&mut action.target, &mut action.reason]);
        let texts = texts.chain(awaiting.iter_mut().map(|awaiting| &mut awaiting.target));
        rules::redact_texts(desired.entry, context.project, texts);
        plan.awaiting.extend(awaiting);
        plan.actions.extend(actions);
    }
    plan.losses = consumer_losses::find_losses(context, &all_desired, &plan.actions)?;
    plan.state = digest(&json!(state));
    plan.orphans = orphans::find_orphans(context, swept, &is_selected);
    plan.stale = orphans::find_stale_files(context, &is_selected);
    Ok(plan)
}

impl ObservedState<'_> {
    fn actual(&self) -> Option<&StoredSecret> {
        self.secret.as_deref()
    }

    /// Returns the part of the state that determines the actions.
    ///
    /// It excludes foreign tags and the time of the last read.
    fn relevant_state(&self, desired: &DesiredSecret<'_>) -> Value {
        let secret = self.actual().map(|found| {
            // A renewed value does not change the plan.
            let is_relevant = |name: &str| name.starts_with(OURS) && name != VALUE_SINCE;
            let ours =
                found.tags.iter().filter(|(name, _)| is_relevant(name)).collect::<BTreeMap<_, _>>();
            json!([
                found.arn,
                desired.request.description.as_ref().and(found.description.as_ref()),
                ours,
                desired.kms_key.as_ref().and(found.kms_key.as_ref()),
                found.rotation.as_ref().map(|rotation| json!([rotation.function, rotation.days])),
                found.deletion.map(|when| when.to_string()),
            ])
        });
        json!([secret, self.policy])
    }

    fn policy(&self) -> ObservedPolicy<'_> {
        match &self.policy {
            None => ObservedPolicy::Unread,
            Some(policy) => ObservedPolicy::Read(policy.as_deref()),
        }
    }
}

/// Returns the current state of a secret.
///
/// A sweep may be minutes old, so a secret that differs from its manifest is described again
/// (ListSecrets, "might not reflect changes from the last five minutes").
async fn observe<'sweep>(
    context: &ReconcileContext<'_>,
    account: &Account,
    desired: &DesiredSecret<'_>,
    swept: Option<&'sweep StoredSecret>,
) -> Result<ObservedState<'sweep>, StoreError> {
    let takeover = context.takeover(desired.request.id);
    let is_done = match (desired.request.status, swept) {
        // A decommissioned manifest requests nothing.
        (LifecycleStatus::Decommissioned, _) => {
            return Ok(ObservedState { secret: None, policy: None });
        }
        // A deletion needs the current state.
        (LifecycleStatus::DecommissionRequested, _) => false,
        (LifecycleStatus::Active | LifecycleStatus::Deprecated, found) => {
            found.is_some_and(|swept| {
                secret_actions(desired, found, ObservedPolicy::Unread, takeover).is_empty()
                // If the projection waits for the value, a missing value is a difference, too.
                && (swept.has_value() || !context.project.config.external_secret.wait_for_value)
            })
        }
    };
    let secret = match swept.filter(|_| is_done) {
        Some(found) => Some(Cow::Borrowed(found)),
        None => account.store.describe(&desired.key).await?.map(Cow::Owned),
    };
    let mut seen = ObservedState { secret, policy: None };
    let wanted = desired.policy.as_ref().filter(|_| desired.request.status.is_in_use());
    if let (Some(wanted), Some(found)) = (wanted, seen.actual())
        && find_obstacle(desired, found, takeover).is_none()
        // AWS rejects the call for a secret that is marked for deletion (GetResourcePolicy,
        // "InvalidRequestException").
        && found.deletion.is_none()
        && (context.options.refresh || found.tags.get(POLICY) != Some(&wanted.digest))
    {
        seen.policy = Some(account.store.policy(&desired.key).await?);
    }
    Ok(seen)
}

/// The next actions for one manifest.
#[derive(Default)]
struct ManifestPlan {
    actions: Vec<Action>,
    /// The state of the projection's file, if it was read.
    file: Option<FileState>,
    awaiting: Option<MissingValue>,
}

async fn plan_manifest<'run>(
    context: &'run ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    seen: &ObservedState<'_>,
    gates: &mut Gates<'run>,
) -> Result<ManifestPlan, ReconcileError> {
    let actual = seen.actual();
    match desired.request.status {
        LifecycleStatus::Active | LifecycleStatus::Deprecated => {}
        LifecycleStatus::Decommissioned => return Ok(ManifestPlan::default()),
        // The relevant state is in the actions' reasons.
        LifecycleStatus::DecommissionRequested => {
            let actions = decommission::actions(context, desired, actual, gates).await?;
            return Ok(ManifestPlan { actions, ..ManifestPlan::default() });
        }
    }
    let mut actions =
        secret_actions(desired, actual, seen.policy(), context.takeover(desired.request.id));
    let blocked = actions.iter().any(|action| matches!(action.step, Step::Blocked(_)));
    if blocked {
        return Ok(ManifestPlan { actions, ..ManifestPlan::default() });
    }
    let gitops = context.gitops(desired.request.environment.as_str());
    let file = gitops.map(|gitops| gitops.state(&desired.projection)).transpose()?;
    let awaits = awaits_value(actual, &actions);
    let waits = awaits && context.project.config.external_secret.wait_for_value;
    // An existing projection stays and is kept up to date.
    let held_back = waits && file == Some(FileState::Missing);
    actions.extend(
        file.clone().filter(|_| !held_back).and_then(|state| projection_action(desired, state)),
    );
    let awaiting = awaits.then(|| MissingValue {
        id: desired.request.id,
        environment: desired.request.environment.to_string(),
        target: desired.key.to_string(),
        held_back,
        can_be_generated: !desired.generate.is_empty(),
    });
    Ok(ManifestPlan { actions, file, awaiting })
}

fn projection_action(desired: &DesiredSecret<'_>, state: FileState) -> Option<Action> {
    let (reason, new) = match state {
        FileState::Current => return None,
        FileState::Missing => ("the file does not exist", true),
        FileState::Outdated => ("the file is out of date", false),
        FileState::Uncommitted => ("the file is not committed", false),
        FileState::Unlisted => ("the kustomization in its folder does not list it", false),
        FileState::Unlistable(why) => {
            let step = Step::Blocked(BlockReason::Conflict);
            return Some(Action::of(desired.request, &desired.projection.file, why, step));
        }
        FileState::Foreign(why) => {
            let reason = format!("another file exists at this path: {why}; move it away");
            let step = Step::Blocked(BlockReason::Conflict);
            return Some(Action::of(desired.request, &desired.projection.file, reason, step));
        }
    };
    let step = Step::WriteProjection { projection: desired.projection.clone(), new };
    Some(Action::of(desired.request, &desired.projection.file, reason.to_owned(), step))
}

/// Rejects two manifests with the same file: each run would overwrite one of them.
fn check_files_differ(
    context: &ReconcileContext<'_>,
    all_desired: &[DesiredSecret<'_>],
) -> Result<(), ReconcileError> {
    let mut owners: BTreeMap<(Option<usize>, &str), &DesiredSecret<'_>> = BTreeMap::new();
    for desired in all_desired {
        let place = (
            context.gitops_index(desired.request.environment.as_str()),
            desired.projection.file.as_str(),
        );
        if let Some(other) = owners.insert(place, desired) {
            let ids = format!("{} and {}", other.request.id, desired.request.id);
            return Err(ReconcileError::SameFile { file: desired.projection.file.clone(), ids });
        }
    }
    Ok(())
}
