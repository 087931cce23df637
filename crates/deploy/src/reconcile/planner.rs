//! Creates a plan from the stores and the GitOps working copies. It writes nothing.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::absence::{Absence, find_absence};
use super::consumer_losses;
use super::decommission;
use super::desired;
use super::desired::{
    DesiredRotation, DesiredSecret, ID, MANAGED_BY, OURS, POLICY, VALUE_SINCE, interval,
};
use super::diff::{ObservedPolicy, action, create, find_obstacle, owner_of, secret_actions};
use super::gates::Gates;
use super::kms::{account_of_default_key, find_old_key, is_same_key};
use super::missing_values::{MissingValue, awaits_value};
use super::renewal::renewal;
use super::replicas::{UnfinishedReplica, replica_actions};
use super::resource_policy::find_unrequested_policy;
use super::rotation::{is_held_back as is_rotation_held_back, rotation_action};
use super::saved_plan::digest;
use super::{
    Account, Action, BlockReason, ExpectedTags, Plan, ReconcileContext, ReconcileError,
    SecretOwnership, SecretSubject, Step, TextChange, orphans, replicas,
};
use crate::gitops::FileState;
use crate::store::{SecretStore, StoreAccount, StoreError, StoreIdentity, StoredSecret};
use goldenpath_core::manifest::LifecycleStatus;
use goldenpath_core::projection::SecretRetype;
use goldenpath_core::rules;
use goldenpath_core::rules::OldKey;

/// The observed state of one secret.
struct ObservedState<'sweep> {
    /// Borrowed from the sweep if up to date; None if the secret does not exist.
    secret: Option<Cow<'sweep, StoredSecret>>,
    /// None if the policy was not read.
    policy: Option<Option<String>>,
    /// The old KMS key of the value; None if it was not read.
    old_key: Option<OldKey>,
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
            Err(error @ StoreError::WrongAccount { .. }) => return Err(error.into()),
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
        match failure.take() {
            Some(error @ StoreError::WrongAccount { .. }) => return Err(error.into()),
            Some(error) => plan.unreadable_accounts.push(account.to_unreadable(error.into())),
            None => {}
        }
    }

    let mut gates = Gates::of(context);
    let (mut state, mut text_changes) = (Vec::new(), 0);
    for (desired, seen) in all_desired.iter().zip(seen) {
        let environment = desired.request.environment.as_str();
        let is_unseen = plan
            .unreadable_accounts
            .iter()
            .any(|account| account.environments.contains(environment));
        let Some(seen) = seen.filter(|_| !is_unseen) else { continue };
        let actual = seen.actual();
        let Some(place) = account_index(desired) else { continue };
        let identity = swept[place].0.store.identity();
        let other = || find_elsewhere(context, swept, place, desired);
        let other = if actual.is_none() { other() } else { None };
        // A secret that is not ours is for its owner to rotate.
        let ours = actual.filter(|found| {
            find_obstacle(desired, found, context.takeover(desired.request.id)).is_none()
        });
        plan.renewals.extend(
            ours.and_then(|found| renewal(found, context.options.now))
                .map(|renewal| (desired.request.id, renewal)),
        );
        if desired.request.status.is_in_use() {
            let account = account_of_default_key(&context.project.config, desired.request, actual);
            plan.default_keys.extend(account.map(|account| (desired.request.id, account)));
        }
        if desired.policy.is_none() {
            let policy = seen.policy.as_ref().and_then(|policy| policy.as_deref());
            let found = find_unrequested_policy(policy);
            plan.policies.extend(found.map(|policy| (desired.request.id, policy)));
        }
        plan.unfinished_replicas.extend(UnfinishedReplica::all_of(desired, ours));
        plan.old_keys.extend(seen.old_key.clone().map(|old| (desired.request.id, old)));
        if desired.request.status.is_in_use()
            && desired.rotation == DesiredRotation::Manual
            && ours.is_none_or(|found| found.rotation.is_none())
            && interval(desired.request, context.project).is_some()
        {
            *plan.manual.entry(desired.request.secret_type.clone()).or_default() += 1;
        }
        let ManifestPlan { mut actions, file, mut awaiting } =
            plan_manifest(context, desired, &seen, (&identity, other), &mut gates).await?;
        for action in &mut actions {
            action.arn = actual.and_then(|found| found.arn.clone());
        }
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
        for action in &mut actions {
            if text_changes < MAX_TEXT_CHANGES {
                action.text_change = find_text_change(context, desired, &action.step);
                text_changes += usize::from(action.text_change.is_some());
            }
        }
        plan.awaiting.extend(awaiting);
        plan.actions.extend(actions);
    }
    plan.stores = context.accounts.iter().map(Account::to_planned).collect();
    let creates = |action: &Action| matches!(action.step, Step::CreateSecret { .. });
    if plan.actions.iter().any(creates) {
        plan.unread_trail = context.recorded.branch().err().map(str::to_owned);
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
                found
                    .rotation
                    .as_ref()
                    .map(|rotation| { json!([format!("{:?}", rotation.rotator), rotation.days]) }),
                found.deletion.map(|when| when.to_string()),
                desired.has_relevant_replicas().then(|| replicas::relevant_state(found)),
                desired.external_type.as_ref().and(found.external_type.as_ref()),
                found.owning_service,
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
            return Ok(ObservedState { secret: None, policy: None, old_key: None });
        }
        // A deletion needs the current state.
        (LifecycleStatus::DecommissionRequested, _) => false,
        (LifecycleStatus::Active | LifecycleStatus::Deprecated, found) => {
            found.is_some_and(|swept| {
                secret_actions(desired, found, ObservedPolicy::Unread, takeover).is_empty()
                && rotation_action(desired, found).is_none()
                // The list does not name replicas.
                && desired.replicas.is_none()
                && !context.options.refresh
                // The list may lag behind the value.
                && swept.has_value()
            })
        }
    };
    let secret = match swept.filter(|_| is_done) {
        Some(found) => Some(Cow::Borrowed(found)),
        None => {
            let (request, options) = (desired.request, &context.options);
            let config = context.project.config.store_of(request.environment.as_str());
            let secret = (request.id, &desired.key);
            let found =
                context.recorded.describe(&account.store, &config, secret, options.now).await?;
            found.map(Cow::Owned)
        }
    };
    let mut seen = ObservedState { secret, policy: None, old_key: None };
    let is_outdated = |found: &StoredSecret| {
        let wanted = desired.policy.as_ref();
        wanted.is_some_and(|wanted| found.tags.get(POLICY) != Some(&wanted.digest))
    };
    if let Some(found) = seen.actual().filter(|_| desired.request.status.is_in_use())
        && find_obstacle(desired, found, takeover).is_none()
        // AWS rejects the call for a secret that is marked for deletion (GetResourcePolicy,
        // "InvalidRequestException").
        && found.deletion.is_none()
        && (context.options.refresh || is_outdated(found))
    {
        seen.policy = Some(account.store.policy(&desired.key).await?);
    }
    if context.options.refresh
        && desired.request.status.is_in_use()
        && let (Some(wanted), Some(found)) = (desired.kms_key.as_deref(), seen.actual())
        && find_obstacle(desired, found, takeover).is_none()
        && found.has_value()
        && found.deletion.is_none()
        // Otherwise the plan changes the key.
        && is_same_key(wanted, found.kms_key.as_deref())
    {
        seen.old_key = find_old_key(&account.store, &desired.key, Some(wanted)).await?;
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
    (identity, other): (&StoreIdentity, Option<&str>),
    gates: &mut Gates<'run>,
) -> Result<ManifestPlan, ReconcileError> {
    let actual = seen.actual();
    match desired.request.status {
        LifecycleStatus::Active | LifecycleStatus::Deprecated => {}
        LifecycleStatus::Decommissioned => return Ok(ManifestPlan::default()),
        // The relevant state is in the actions' reasons.
        LifecycleStatus::DecommissionRequested => {
            // Until the secret is deleted, nothing gives it new values.
            let ours = actual
                .filter(|found| owner_of(desired, found).is_ours() && found.deletion.is_none());
            let cancel = ours.and_then(|found| rotation_action(desired, Some(found)));
            let store = (identity, other);
            let next = decommission::actions(context, desired, actual, store, gates).await?;
            let actions = cancel.into_iter().chain(next).collect();
            return Ok(ManifestPlan { actions, ..ManifestPlan::default() });
        }
    }
    let mut actions = match actual {
        None if desired.refusal.is_none() && !desired.is_service_owned => {
            create_actions(context, desired, identity, other)
        }
        _ => secret_actions(desired, actual, seen.policy(), context.takeover(desired.request.id)),
    };
    let blocked = actions.iter().any(|action| matches!(action.step, Step::Blocked(_)));
    if blocked {
        return Ok(ManifestPlan { actions, ..ManifestPlan::default() });
    }
    actions.extend(rotation_action(desired, actual));
    actions.extend(replica_actions(context, desired, actual, identity));
    let gitops = context.gitops(desired.request.environment.as_str());
    let file = gitops.map(|gitops| gitops.state(&desired.projection)).transpose()?;
    let awaits = awaits_value(actual, &actions);
    let environment = desired.request.environment.as_str();
    let external = context.project.config.external_secret_of(environment);
    let waits = awaits && external.wait_for_value;
    // An existing projection stays and is kept up to date.
    let held_back = waits && file == Some(FileState::Missing);
    actions.extend(
        file.clone()
            .filter(|_| !held_back)
            .and_then(|state| projection_action(context, desired, state)),
    );
    let awaiting = awaits.then(|| MissingValue {
        id: desired.request.id,
        environment: desired.request.environment.to_string(),
        target: desired.key.to_string(),
        held_back,
        rotation_held_back: is_rotation_held_back(desired, actual),
        can_be_generated: !desired.generate.is_empty(),
    });
    Ok(ManifestPlan { actions, file, awaiting })
}

/// Returns the actions that create an absent secret, or why it is not created again.
fn create_actions(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    identity: &StoreIdentity,
    other: Option<&str>,
) -> Vec<Action> {
    // A local store is for trials: whoever removes its file begins again.
    if matches!(identity.account, StoreAccount::Local(_)) {
        return create(desired, None);
    }
    let id = desired.request.id;
    let recreate = context.options.recreate.get(&id).map(String::as_str);
    let reason = match find_absence(context, desired, identity, other) {
        // Without the trail, nothing is applied.
        Absence::NeverCreated
        | Absence::Uncertain(_)
        | Absence::Deleted { .. }
        | Absence::Unread(_) => {
            return create(desired, None);
        }
        Absence::Unexplained(_) | Absence::Elsewhere(_) if recreate.is_some() => {
            return create(desired, recreate);
        }
        Absence::Unexplained(why) => format!(
            "deleted outside goldenpath, or in another account: {} does not have the secret, but \
             {why}; `goldenpath apply --recreate {id} --reason TEXT` creates it again, without \
             its value",
            identity.name()
        ),
        Absence::Elsewhere(why) => format!(
            "not created in {}: {why}; correct the account and the region of the environment, or \
             `store.keyTemplate`; `goldenpath apply --recreate {id} --reason TEXT` creates a \
             second one",
            identity.name()
        ),
    };
    vec![action(desired, reason, Step::Blocked(BlockReason::Conflict))]
}

/// Returns the ARN of a manifest's secret in another account or region than that at `place`, or
/// with another name.
fn find_elsewhere<'sweep>(
    context: &ReconcileContext<'_>,
    swept: &'sweep [(&Account, HashMap<String, StoredSecret>)],
    place: usize,
    desired: &DesiredSecret<'_>,
) -> Option<&'sweep str> {
    let id = desired.request.id;
    let tag = id.to_string();
    let expected = ExpectedTags::of(context.project, Some(id));
    let secrets = swept.iter().enumerate().flat_map(|(index, (_, secrets))| {
        let is_other =
            move |secret: &&StoredSecret| index != place || secret.name != desired.key.as_str();
        secrets.values().filter(is_other)
    });
    let mut own = secrets.filter(|secret| {
        secret.tags.get(ID) == Some(&tag) && SecretOwnership::of(secret, &expected).is_ours()
    });
    own.find_map(|secret| secret.arn.as_deref())
}

fn projection_action(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    state: FileState,
) -> Option<Action> {
    let (reason, new) = match state {
        FileState::Retyped(SecretRetype { old, new }) => {
            let id = desired.request.id;
            let (namespace, name) = (&desired.request.namespace, &desired.request.k8s_secret_name);
            let kubectl = format!("`kubectl delete secret {name} -n {namespace}`");
            let retype = context.options.recreate_secret.get(&id).cloned();
            let reason = if retype.is_some() {
                format!(
                    "the type of the Kubernetes Secret becomes {new}; the operator creates it \
                     again after {kubectl}"
                )
            } else {
                format!(
                    "the type of the Kubernetes Secret `{name}` would change from {old} to {new}, \
                     which Kubernetes rejects; `goldenpath apply --recreate-secret {id} --reason \
                     TEXT` writes it, and the operator creates the Secret again after {kubectl}"
                )
            };
            let step = match retype {
                Some(_) => {
                    let projection = desired.projection.clone();
                    Step::WriteProjection { projection, new: false, retype }
                }
                None => Step::Blocked(BlockReason::Conflict),
            };
            return Some(Action::of(desired.request, &desired.projection.file, reason, step));
        }
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
    let projection = desired.projection.clone();
    let step = Step::WriteProjection { projection, new, retype: None };
    Some(Action::of(desired.request, &desired.projection.file, reason.to_owned(), step))
}

/// How many changed texts a plan holds: a changed template changes all of them in the same way.
const MAX_TEXT_CHANGES: usize = 20;

/// Returns the change of a projection's text, if it exists with another text.
fn find_text_change(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    step: &Step,
) -> Option<TextChange> {
    let Step::WriteProjection { projection, new: false, .. } = step else { return None };
    let index = context.gitops_index(desired.request.environment.as_str())?;
    let (_, target) = context.gitops.get(index)?;
    // It is for display: what cannot be read is an error of the step itself.
    let before = target.published_text(&projection.file).ok().flatten()?;
    let masked = |text: &str| {
        let mut text = rules::mask_secrets(text);
        rules::redact_texts(desired.entry, context.project, [&mut text]);
        text
    };
    let change = TextChange { before: masked(&before), after: masked(&projection.text) };
    (change.before != change.after).then_some(change)
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
