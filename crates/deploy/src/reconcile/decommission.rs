//! Decommissions a secret: projection, gates, deletion, then the manifest's status.
//!
//! The projection is removed, the gates are checked, the secret is marked for deletion, and after
//! its recovery window the manifest is marked `decommissioned`.

use super::absence::{Absence, find_absence, find_wrong_account, recorded_deletion};
use super::desired::DesiredSecret;
use super::diff::{ObservedPolicy, find_obstacle, owner_of, tag_action};
use super::gates::{Gates, PRUNE_QUESTION, day};
use super::ownership::{AllowedTakeovers, SecretOwnership};
use super::replicas::removal_before_deletion;
use super::{Action, BlockReason, Gate, ReconcileContext, ReconcileError, Step};
use crate::gitops::FileState;
use crate::store::{StoreIdentity, StoredSecret};

/// Returns the next decommission step, or the reasons why it is blocked.
///
/// `other` is the ARN of a secret in another account or region that has the manifest's tags.
pub(super) async fn actions<'run>(
    context: &'run ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    actual: Option<&StoredSecret>,
    (identity, other): (&StoreIdentity, Option<&str>),
    gates: &mut Gates<'run>,
) -> Result<Vec<Action>, ReconcileError> {
    let (key, file) = (desired.key.as_str(), desired.projection.file.as_str());
    let action =
        |target: &str, reason: String, step| Action::of(desired.request, target, reason, step);
    let waits = |reason: String| action(key, reason, Step::Blocked(BlockReason::Waiting));
    if let Some(why) = identity.unknown_reason() {
        return Ok(vec![waits(why)]);
    }
    let gitops = context.gitops(desired.request.environment.as_str());
    let removal = match gitops.map(|gitops| gitops.removal(&desired.projection)).transpose()? {
        None | Some(FileState::Missing) => None,
        Some(FileState::Unlistable(why)) => {
            return Ok(vec![action(file, why, Step::Blocked(BlockReason::Conflict))]);
        }
        Some(_) => {
            let step = Step::RemoveProjection { projection: desired.projection.clone() };
            Some(action(
                file,
                "decommission requested: remove the ExternalSecret first".to_owned(),
                step,
            ))
        }
    };
    let Some(found) = actual else {
        let end = || mark_action(context, desired, identity, other);
        return Ok(vec![removal.unwrap_or_else(end)]);
    };
    let takeover =
        AllowedTakeovers { unmanaged: false, repository: context.options.rebind_catalog };
    if let Some(reason) = find_obstacle(desired, found, takeover) {
        let conflict = action(key, reason, Step::Blocked(BlockReason::Conflict));
        // The ExternalSecret may have the same foreign owner as the secret.
        let removal = removal.filter(|_| owner_of(desired, found) == SecretOwnership::Unmanaged);
        return Ok(removal.into_iter().chain([conflict]).collect());
    }
    // A secret of another repository is bound to this one first. The next run deletes it.
    if find_obstacle(desired, found, AllowedTakeovers::default()).is_some() {
        let tags = tag_action(desired, found, ObservedPolicy::Unread);
        return Ok(removal.into_iter().chain(tags).collect());
    }
    if let Some(service) = &found.owning_service {
        let reason = format!(
            "the AWS service `{service}` owns the secret, and deletes it with what it belongs to"
        );
        let blocked = action(key, reason, Step::Blocked(BlockReason::Waiting));
        return Ok(removal.into_iter().chain([blocked]).collect());
    }
    if found.deletion.is_some() {
        let when = match recorded_deletion(context, desired, identity) {
            Ok(Some(end)) => format!("AWS deletes it on {} at the earliest", day(end)),
            Err(why) => format!("the day is unknown, since the audit trail cannot be read: {why}"),
            Ok(None) => {
                "the audit trail does not say by whom, so the day of its deletion is unknown"
                    .to_owned()
            }
        };
        let words = format!(
            "marked for deletion: {when}; until then, `goldenpath lifecycle set {} deprecated` \
             restores it",
            desired.request.id
        );
        return Ok(removal.into_iter().chain([waits(words)]).collect());
    }
    let verdicts = gates.check(context, desired, found).await;
    let is_overridden = |gate| context.options.overrides.contains_key(&gate);
    let closed = verdicts.iter().filter(|verdict| !verdict.is_open && !is_overridden(verdict.gate));
    let mut blocked: Vec<Action> =
        closed.map(|verdict| waits(format!("gate {}: {}", verdict.gate, verdict.words))).collect();
    if removal.is_some() && blocked.is_empty() {
        blocked.push(waits(format!(
            "the ExternalSecret is removed first; the next run deletes the secret; {PRUNE_QUESTION}"
        )));
    }
    if removal.is_some() || !blocked.is_empty() {
        // The removal of the ExternalSecret is a record of the request, too.
        let requested = context.requested.get(&desired.request.id);
        let has_no_record = requested.is_some_and(|request| request.recorded == Ok(None));
        let record = (removal.is_none() && has_no_record).then(|| {
            let reason = "decommission requested: the cooling-off period begins".to_owned();
            action(&desired.entry.path, reason, Step::RecordRequest)
        });
        return Ok(removal.into_iter().chain(record).chain(blocked).collect());
    }
    let mut overridden = Vec::new();
    let mut seen = Vec::new();
    for verdict in verdicts {
        match context.options.overrides.get(&verdict.gate).filter(|_| !verdict.is_open) {
            None => seen.push(verdict.words),
            Some(reason) => {
                seen.push(format!(
                    "gate {} overridden ({reason}): {}",
                    verdict.gate, verdict.words
                ));
                overridden.push((verdict.gate, reason.clone()));
            }
        }
    }
    let days = context
        .project
        .governance
        .tiers
        .get(&desired.request.risk_tier)
        .map_or(30, |tier| tier.recovery_window_days);
    let mut actions = removal_before_deletion(desired, found, &overridden);
    // An override is recorded with the first deletion.
    let overridden = if actions.is_empty() { overridden } else { Vec::new() };
    let reason = format!("{}; can be restored for {days} days", seen.join("; "));
    let step = Step::DeleteSecret { key: desired.key.clone(), days, overridden };
    actions.push(action(key, reason, step));
    Ok(actions)
}

/// Returns the action that marks the manifest of an absent secret, or why it is blocked.
fn mark_action(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    identity: &StoreIdentity,
    other: Option<&str>,
) -> Action {
    let file = desired.entry.path.as_str();
    let environment = desired.request.environment.as_str();
    let mark = |reason: String, overridden| {
        let step = Step::MarkDecommissioned { file: file.to_owned(), overridden };
        Action::of(desired.request, file, reason, step)
    };
    let closed = match find_absence(context, desired, identity, other) {
        Absence::Deleted { on, end } => {
            let (on, end) = (day(on), day(end));
            return mark(
                format!("deleted by goldenpath on {on}, and its recovery window ended on {end}"),
                Vec::new(),
            );
        }
        Absence::NeverCreated => match find_wrong_account(context, environment, identity) {
            None => return mark("never created".to_owned(), Vec::new()),
            Some(why) => why,
        },
        Absence::Unexplained(why) | Absence::Elsewhere(why) | Absence::Uncertain(why) => {
            format!("{} does not have the secret, but {why}", identity.name())
        }
        Absence::Unread(why) => format!("the audit trail cannot be read: {why}"),
    };
    match context.options.overrides.get(&Gate::Absence) {
        Some(reason) => mark(
            format!("gate {} overridden ({reason}): {closed}", Gate::Absence),
            vec![(Gate::Absence, reason.clone())],
        ),
        None => {
            let words = format!("gate {}: {closed}", Gate::Absence);
            let step = Step::Blocked(BlockReason::Waiting);
            Action::of(desired.request, desired.key.as_str(), words, step)
        }
    }
}
