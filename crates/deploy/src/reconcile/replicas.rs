//! The replicas of a secret in other regions.
//!
//! A replica is removed only if goldenpath added it, by the audit trail, and if it is not read any
//! more: AWS deletes it at once, without a recovery window (DeleteSecret).

use serde_json::{Value, json};

use super::desired::DesiredSecret;
use super::gates::{GateVerdict, replica_last_accessed};
use super::kms::has_old_key;
use super::plan::ADD_REPLICA;
use super::{Action, BlockReason, Gate, ReconcileContext, Step};
use crate::store::{Replica, ReplicaStatus, StoreIdentity, StoredSecret};
use goldenpath_core::arn;
use goldenpath_core::config::ReplicaRegion;
use goldenpath_core::manifest::SecretId;
use goldenpath_core::trail::results;

/// A replica that does not have the state of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedReplica {
    /// The ID of the manifest.
    pub id: SecretId,
    /// The environment of the manifest.
    pub environment: String,
    /// The secret's name in the store, for display only.
    pub target: String,
    /// The replica.
    pub replica: Replica,
}

impl UnfinishedReplica {
    /// Returns the unfinished replicas of a secret; `found` is None if it is not ours.
    pub(super) fn all_of(desired: &DesiredSecret<'_>, found: Option<&StoredSecret>) -> Vec<Self> {
        let replicas = found.and_then(|found| found.replicas.as_deref()).unwrap_or_default();
        let unfinished = replicas.iter().filter(|one| one.status != ReplicaStatus::InSync);
        let of = |replica: &Replica| Self {
            id: desired.request.id,
            environment: desired.request.environment.to_string(),
            target: desired.key.to_string(),
            replica: replica.clone(),
        };
        unfinished.map(of).collect()
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "id": self.id,
            "environment": self.environment,
            "target": self.target,
            "region": self.replica.region,
            "status": self.replica.status.as_str(),
            "message": self.replica.message,
        })
    }
}

/// Returns the part of the replicas' state that determines the actions.
pub(super) fn relevant_state(found: &StoredSecret) -> Value {
    let replicas = found.replicas.iter().flatten().map(|replica| {
        let is_failed = replica.status == ReplicaStatus::Failed;
        json!([replica.region, replica.kms_key, is_failed])
    });
    replicas.collect()
}

/// Returns the actions that add and remove replicas, in this order.
///
/// `actual` is None for a secret that is created.
pub(super) fn replica_actions(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    actual: Option<&StoredSecret>,
    identity: &StoreIdentity,
) -> Vec<Action> {
    let Some(wanted) = &desired.replicas else { return Vec::new() };
    let own = actual.and_then(|found| arn::region(found.arn.as_deref()?));
    let own = own.or(identity.region.as_deref());
    let there = actual.and_then(|found| found.replicas.as_deref()).unwrap_or_default();
    let find = |region: &str| there.iter().find(|replica| replica.region == region);
    let additions = wanted.iter().filter_map(|one| addition(desired, one, own, find(&one.region)));
    let is_unwanted = |replica: &&Replica| !wanted.iter().any(|one| one.region == replica.region);
    let unwanted = there.iter().filter(is_unwanted);
    let removals = unwanted.flat_map(|replica| removal(context, desired, replica, identity));
    additions.chain(removals).collect()
}

/// Returns the action for a replica that the configuration lists, if it is not as it should be.
fn addition(
    desired: &DesiredSecret<'_>,
    wanted: &ReplicaRegion,
    own: Option<&str>,
    found: Option<&Replica>,
) -> Option<Action> {
    let region = &wanted.region;
    let action = |reason: String, step| Some(action(desired, region, reason, step));
    if let Some(why) = own.and_then(|own| wanted.find_objection(own)) {
        let reason = format!("the replica cannot be added: {why}; correct `replicaRegions`");
        return action(reason, Step::Blocked(BlockReason::Conflict));
    }
    let add = || Step::AddReplica { key: desired.key.clone(), replica: wanted.clone() };
    match found {
        None => {
            let key = match wanted.kms_key_id.as_deref() {
                key if arn::is_default_kms_key(key) => "the key that AWS manages there",
                key => key.unwrap_or_default(),
            };
            action(format!("no replica in {region} yet; it is encrypted with {key}"), add())
        }
        Some(found) if found.status == ReplicaStatus::Failed => {
            let why = found.message.as_deref().unwrap_or("AWS gives no reason");
            action(format!("the replica in {region} failed ({why}); it is tried again"), add())
        }
        Some(found) => {
            let (wanted, current) = (wanted.kms_key_id.as_deref()?, found.kms_key.as_deref());
            let current = current.unwrap_or_default();
            if !has_old_key(&[current.to_owned()], wanted) {
                return None;
            }
            // Removing and adding it again would leave the region without the secret meanwhile.
            let wanted = if wanted.is_empty() { "alias/aws/secretsmanager" } else { wanted };
            let shown = |key| {
                if arn::is_default_kms_key(Some(key)) { "the account's default" } else { key }
            };
            let reason = format!(
                "KMS key of the replica in {region}: {} → {}; change it in place, since goldenpath \
                 removes no replica that is used: `aws secretsmanager update-secret --region \
                 {region} --secret-id {} --kms-key-id {wanted}`",
                shown(current),
                shown(wanted),
                desired.key
            );
            action(reason, Step::Blocked(BlockReason::Conflict))
        }
    }
}

/// Returns the action that removes a replica, or one for each gate that keeps it.
fn removal(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    replica: &Replica,
    identity: &StoreIdentity,
) -> Vec<Action> {
    let region = &replica.region;
    if let Some(why) = identity.unknown_reason() {
        return vec![action(desired, region, why, Step::Blocked(BlockReason::Waiting))];
    }
    let verdicts = [
        origin(context, desired, region, identity),
        replica_last_accessed(context, desired, replica),
    ];
    let reason_of = |gate: Gate| context.options.overrides.get(&gate);
    let is_closed = |verdict: &&GateVerdict| !verdict.is_open && reason_of(verdict.gate).is_none();
    let closed: Vec<Action> = verdicts
        .iter()
        .filter(is_closed)
        .map(|verdict| {
            let words = format!(
                "`replicaRegions` does not list {region}; gate {}: {}",
                verdict.gate, verdict.words
            );
            action(desired, region, words, Step::Blocked(BlockReason::Waiting))
        })
        .collect();
    if !closed.is_empty() {
        return closed;
    }
    let (mut overridden, mut seen) = (Vec::new(), Vec::new());
    for GateVerdict { gate, is_open, words } in verdicts {
        match reason_of(gate).filter(|_| !is_open) {
            None => seen.push(words),
            Some(reason) => {
                seen.push(format!("gate {gate} overridden ({reason}): {words}"));
                overridden.push((gate, reason.clone()));
            }
        }
    }
    let seen = seen.join("; ");
    let reason =
        format!("`replicaRegions` does not list {region}; {seen}; AWS deletes the replica at once");
    let (key, region) = (desired.key.clone(), region.clone());
    let step = Step::RemoveReplica { key, region, overridden };
    vec![action(desired, &replica.region, reason, step)]
}

/// Returns the actions that remove all replicas of a secret before it is deleted.
///
/// AWS deletes no secret that still has replicas (DeleteSecret). The gates of the deletion are
/// open, or `overridden`.
pub(super) fn removal_before_deletion(
    desired: &DesiredSecret<'_>,
    found: &StoredSecret,
    overridden: &[(Gate, String)],
) -> Vec<Action> {
    let replicas = found.replicas.iter().flatten().enumerate();
    let remove = |(index, replica): (usize, &Replica)| {
        let region = &replica.region;
        let reason = "the secret is deleted after its replicas; AWS deletes a replica at once, \
                      and a restore of the secret adds it again if `replicaRegions` lists it"
            .to_owned();
        // An override is recorded with the first deletion.
        let overridden = if index == 0 { overridden.to_vec() } else { Vec::new() };
        let (key, region_name) = (desired.key.clone(), region.clone());
        let step = Step::RemoveReplica { key, region: region_name, overridden };
        action(desired, region, reason, step)
    };
    replicas.map(remove).collect()
}

/// Returns whether goldenpath added the replica, by the audit trail.
fn origin(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    region: &str,
    identity: &StoreIdentity,
) -> GateVerdict {
    let (is_open, words) = match context.recorded.replicas_of(desired.request.id) {
        Err(why) => (false, format!("the audit trail cannot be read: {why}")),
        Ok(events) => {
            let (target, account) = (target(desired, region), identity.account.recorded());
            let last = events.iter().rfind(|event| {
                let secret = event.secret.as_ref();
                event.target == target
                    // A removal that is not known to be done changes nothing about the origin.
                    && (event.action == ADD_REPLICA || event.result == results::DONE)
                    && secret.is_some_and(|secret| {
                        secret.account == account && secret.region == identity.region
                    })
            });
            match last {
                Some(event) if event.action == ADD_REPLICA => {
                    let when = event.time.strftime("%Y-%m-%d");
                    (true, format!("goldenpath added the replica on {when}"))
                }
                _ => (false, "by the audit trail, goldenpath did not add this replica".to_owned()),
            }
        }
    };
    GateVerdict { gate: Gate::ReplicaOrigin, is_open, words }
}

fn action(desired: &DesiredSecret<'_>, region: &str, reason: String, step: Step) -> Action {
    Action::of(desired.request, &target(desired, region), reason, step)
}

/// Returns the name of a replica in plans and in the audit trail. Names have no spaces.
fn target(desired: &DesiredSecret<'_>, region: &str) -> String {
    format!("{} in {region}", desired.key)
}
