//! A plan: the actions that bring stores and GitOps repositories up to date.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    Gate, MissingValue, Orphan, PlannedStore, StaleFile, UnfinishedReplica, UnreadableAccount,
};
use crate::audit::{DecommissionMark, RecordedAction};
use crate::store::{NewSecret, RotationState, SecretUpdate};
use goldenpath_core::config::{KeyDefinition, ReplicaRegion};
use goldenpath_core::manifest::{SecretId, SecretRequest, StoreKey, ValueFormat};
use goldenpath_core::projection::{Projection, TEMPLATE_FILE};
use goldenpath_core::report::finding_rows;
use goldenpath_core::rules::{ConsumerLosses, Finding, OldKeys, Renewal, UnrequestedPolicies};

/// The actions of a run, grouped by manifest, in the order of execution.
#[derive(Debug, Default)]
pub struct Plan {
    /// The number of manifests that were compared.
    pub manifests: usize,
    /// Each with one step; blocked ones are included.
    pub actions: Vec<Action>,
    /// A digest of the state of secrets and projections that determines the actions.
    pub state: String,
    /// The last renewal of each value, for the rules. It is not part of `state`.
    pub renewals: BTreeMap<SecretId, Renewal>,
    /// Changed Kubernetes Secrets that may be in use, for the rules. It is not part of `state`.
    pub losses: ConsumerLosses,
    /// The accounts of the secrets under the key that AWS manages, for the rules.
    ///
    /// It is not part of `state`.
    pub default_keys: BTreeMap<SecretId, String>,
    /// Values that an old KMS key still decrypts, for the rules: read with `--refresh` alone.
    ///
    /// It is not part of `state`.
    pub old_keys: OldKeys,
    /// Resource policies that no manifest asks for, for the rules: read with `--refresh` alone.
    pub policies: UnrequestedPolicies,
    /// The number of secrets by type with manual rotation: no function is configured.
    pub manual: BTreeMap<String, usize>,
    /// Secrets in use without a value, existing or planned.
    pub awaiting: Vec<MissingValue>,
    /// Replicas that do not have the state of their secret. They are not part of `state`.
    pub unfinished_replicas: Vec<UnfinishedReplica>,
    /// Secrets of this catalog without a manifest. They are not changed.
    pub orphans: Vec<Orphan>,
    /// Files of this catalog in GitOps repositories without a manifest.
    ///
    /// They are not changed.
    pub stale: Vec<StaleFile>,
    /// The accounts that could not be read: nothing is planned for their environments.
    pub unreadable_accounts: Vec<UnreadableAccount>,
    /// The stores of the run, with their accounts.
    pub stores: Vec<PlannedStore>,
    /// Why the audit trail could not be read, although secrets are to be created.
    pub unread_trail: Option<String>,
    /// The number of planned projections that differ from those of the base's template.
    pub differing_projections: usize,
}

/// The actions on replicas, as recorded.
pub(super) const ADD_REPLICA: &str = "add-replica";
pub(super) const REMOVE_REPLICA: &str = "remove-replica";

/// The action that records why a lost secret is created again.
const RECREATE: &str = "recreate-secret";

/// The action that records why the type of a Kubernetes Secret changes.
const RETYPE: &str = "recreate-kubernetes-secret";

/// A planned change for one manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The ID of the manifest.
    pub id: SecretId,
    /// The environment of the manifest.
    pub environment: String,
    /// The store key or the projection's file, for display only.
    pub target: String,
    /// The reason for the action.
    pub reason: String,
    /// The change itself.
    pub step: Step,
    /// The secret's ARN, if it exists in AWS.
    pub arn: Option<String>,
    /// The change of a file's text, for display only.
    pub text_change: Option<TextChange>,
}

/// The text of a file before and after a change, without what looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextChange {
    /// The committed text.
    pub before: String,
    /// The text that is written.
    pub after: String,
}

impl Action {
    /// Returns the action as the audit trail records it.
    #[must_use]
    pub fn recorded_action(&self) -> RecordedAction {
        RecordedAction {
            id: self.id,
            action: self.step.name(),
            environment: self.environment.clone(),
            target: self.target.clone(),
            reason: self.reason.clone(),
            arn: self.arn.clone(),
            version: None,
            recovery_days: match self.step {
                Step::DeleteSecret { days, .. } => Some(days),
                _ => None,
            },
        }
    }

    /// Returns the action and its overridden gates for the audit trail.
    #[must_use]
    pub fn recorded_actions(&self) -> Vec<RecordedAction> {
        let mut actions = Vec::new();
        let overridden = match &self.step {
            Step::DeleteSecret { overridden, .. }
            | Step::RemoveReplica { overridden, .. }
            | Step::MarkDecommissioned { overridden, .. } => overridden.as_slice(),
            _ => &[],
        };
        actions.extend(overridden.iter().map(|(gate, reason)| RecordedAction {
            action: "override-gate",
            target: gate.to_string(),
            reason: reason.clone(),
            recovery_days: None,
            ..self.recorded_action()
        }));
        let forced = match &self.step {
            Step::CreateSecret { recreate, .. } => recreate.as_ref().map(|why| (RECREATE, why)),
            Step::WriteProjection { retype, .. } => retype.as_ref().map(|why| (RETYPE, why)),
            _ => None,
        };
        if let Some((action, reason)) = forced {
            actions.push(RecordedAction {
                action,
                reason: reason.clone(),
                ..self.recorded_action()
            });
        }
        actions.push(self.recorded_action());
        actions
    }

    /// Returns the manifest to mark `decommissioned`; None for any other action.
    #[must_use]
    pub fn decommission_mark(&self) -> Option<DecommissionMark> {
        match &self.step {
            Step::MarkDecommissioned { file, .. } => {
                let mut overrides = self.recorded_actions();
                overrides.pop(); // the action itself
                Some(DecommissionMark {
                    file: file.clone(),
                    action: self.recorded_action(),
                    overrides,
                })
            }
            _ => None,
        }
    }
}

/// The change of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `generate` has the keys of a value to generate, if any. No step contains a value.
    CreateSecret {
        /// The secret's name in the store.
        key: StoreKey,
        /// Its description, tags and KMS key.
        new: NewSecret,
        /// Empty if the secret gets no value.
        generate: Vec<KeyDefinition>,
        /// How the generated value is stored.
        format: ValueFormat,
        /// Why a secret that was lost is created again (`--recreate`).
        recreate: Option<String>,
    },
    /// Removes the mark for deletion.
    RestoreSecret {
        /// The secret's name in the store.
        key: StoreKey,
    },
    /// Changes everything but tags ([`Step::TagSecret`]).
    UpdateSecret {
        /// The secret's name in the store.
        key: StoreKey,
        /// The properties that differ.
        update: SecretUpdate,
        /// Whether a value must be encrypted with a new KMS key.
        has_value: bool,
    },
    /// Adds tags, or sets their values; no tag is removed.
    TagSecret {
        /// The secret's name in the store.
        key: StoreKey,
        /// Values by name, only those that differ.
        tags: BTreeMap<String, String>,
    },
    /// `tag` records the policy for later sweeps.
    PutPolicy {
        /// The secret's name in the store.
        key: StoreKey,
        /// The whole resource policy, as JSON.
        policy: String,
        /// The name of the tag, and the digest of the policy.
        tag: BTreeMap<String, String>,
    },
    /// Deletes the resource policy.
    DeletePolicy {
        /// The secret's name in the store.
        key: StoreKey,
        /// The name of the tag, and the digest that means no policy.
        tag: BTreeMap<String, String>,
    },
    /// Sets who rotates the secret and the interval, without rotating now.
    ConfigureRotation {
        /// The secret's name in the store.
        key: StoreKey,
        /// The function, the service or the partner, and the interval in days.
        rotation: RotationState,
    },
    /// Cancels the rotation; its rules stay (CancelRotateSecret).
    CancelRotation {
        /// The secret's name in the store.
        key: StoreKey,
    },
    /// Adds a replica, or tries again to create one that failed.
    AddReplica {
        /// The secret's name in the store.
        key: StoreKey,
        /// The region, and the key of the replica.
        replica: ReplicaRegion,
    },
    /// Removes a replica, which the store deletes at once.
    ///
    /// `overridden` has the overridden gates, each with the reason.
    RemoveReplica {
        /// The secret's name in the store.
        key: StoreKey,
        /// The region of the replica.
        region: String,
        /// Empty if all gates are open.
        overridden: Vec<(Gate, String)>,
    },
    /// `new` is true if the file does not exist yet.
    WriteProjection {
        /// The file's path and its text.
        projection: Projection,
        /// Whether it counts as created, and not as changed.
        new: bool,
        /// Why the type of the Kubernetes Secret changes (`--recreate-secret`).
        retype: Option<String>,
    },
    /// Removes the file of a projection, and its line in the kustomization.
    RemoveProjection {
        /// The file's path and its text.
        projection: Projection,
    },
    /// Marks the secret for deletion after `days` days.
    ///
    /// `overridden` has the overridden gates, each with the reason.
    DeleteSecret {
        /// The secret's name in the store.
        key: StoreKey,
        /// The recovery window of the risk tier, 7 to 30.
        days: u8,
        /// Empty if all gates are open.
        overridden: Vec<(Gate, String)>,
    },
    /// Records the decommission request, from which the cooling-off period counts.
    RecordRequest,
    /// Sets the manifest's status to `decommissioned`.
    MarkDecommissioned {
        /// The path from the root of the catalog's repository.
        file: String,
        /// Empty if the audit trail proves that the secret is gone.
        overridden: Vec<(Gate, String)>,
    },
    /// No change; the action's reason says why.
    Blocked(BlockReason),
}

/// Why an action is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockReason {
    /// A foreign secret or file is in the way: the run fails.
    Conflict,
    /// It waits for a condition: the run does not fail.
    Waiting,
}

/// The effect of an action, for counts and symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// A secret, a replica or a projection is created.
    Create,
    /// A secret, a projection or a manifest is changed.
    Change,
    /// A change that restores a secret that was marked for deletion.
    Restore,
    /// A secret is marked for deletion, or a replica or a projection is removed.
    Delete,
    /// Nothing changes.
    Blocked,
}

impl Effect {
    /// Returns the symbol, that of Terraform where it has one.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Change => "~",
            Self::Restore => "↻",
            Self::Delete => "-",
            Self::Blocked => "!",
        }
    }
}

impl Step {
    /// Returns the action's name in the plan's JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateSecret { .. } => "create-secret",
            Self::RestoreSecret { .. } => "restore-secret",
            Self::UpdateSecret { .. } => "update-secret",
            Self::TagSecret { .. } => "tag-secret",
            Self::PutPolicy { .. } => "put-policy",
            Self::DeletePolicy { .. } => "delete-policy",
            Self::ConfigureRotation { .. } => "configure-rotation",
            Self::CancelRotation { .. } => "cancel-rotation",
            Self::AddReplica { .. } => ADD_REPLICA,
            Self::RemoveReplica { .. } => REMOVE_REPLICA,
            Self::WriteProjection { .. } => "write-projection",
            Self::RemoveProjection { .. } => "remove-projection",
            Self::DeleteSecret { .. } => "delete-secret",
            Self::RecordRequest => "record-request",
            Self::MarkDecommissioned { .. } => "mark-decommissioned",
            Self::Blocked(_) => "blocked",
        }
    }
}

impl Action {
    pub(super) fn of(request: &SecretRequest, target: &str, reason: String, step: Step) -> Self {
        let environment = request.environment.to_string();
        Self {
            id: request.id,
            environment,
            target: target.to_owned(),
            reason,
            step,
            arn: None,
            text_change: None,
        }
    }

    /// Returns the action's effect.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match &self.step {
            Step::CreateSecret { .. }
            | Step::AddReplica { .. }
            | Step::WriteProjection { new: true, .. } => Effect::Create,
            Step::RestoreSecret { .. } => Effect::Restore,
            Step::UpdateSecret { .. }
            | Step::TagSecret { .. }
            | Step::PutPolicy { .. }
            | Step::DeletePolicy { .. }
            | Step::ConfigureRotation { .. }
            | Step::CancelRotation { .. }
            | Step::RecordRequest
            | Step::MarkDecommissioned { .. }
            | Step::WriteProjection { .. } => Effect::Change,
            Step::RemoveProjection { .. }
            | Step::RemoveReplica { .. }
            | Step::DeleteSecret { .. } => Effect::Delete,
            Step::Blocked(_) => Effect::Blocked,
        }
    }
}

impl Plan {
    /// Returns the number of actions with this effect.
    #[must_use]
    pub fn count(&self, effect: Effect) -> usize {
        self.actions.iter().filter(|action| action.effect() == effect).count()
    }

    /// Returns the number of changes, including restored secrets.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.count(Effect::Change) + self.count(Effect::Restore)
    }

    /// Returns the number of secrets that are deleted, here or in the region of a replica.
    #[must_use]
    pub fn deletions(&self) -> usize {
        let is_deletion = |action: &&Action| {
            matches!(action.step, Step::DeleteSecret { .. } | Step::RemoveReplica { .. })
        };
        let deleted = self.actions.iter().filter(is_deletion).map(|action| action.id);
        deleted.collect::<BTreeSet<_>>().len()
    }

    /// Returns what is deleted, by kind: `1 secret, 2 ExternalSecrets`. Empty if nothing is.
    #[must_use]
    pub fn deletions_by_kind(&self) -> String {
        let count = |is_kind: fn(&Step) -> bool| {
            self.actions.iter().filter(|action| is_kind(&action.step)).count()
        };
        let kinds = [
            (count(|step| matches!(step, Step::DeleteSecret { .. })), "secret"),
            (count(|step| matches!(step, Step::RemoveReplica { .. })), "replica"),
            (count(|step| matches!(step, Step::RemoveProjection { .. })), "ExternalSecret"),
        ];
        let parts = kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, kind)| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {kind}{plural}")
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// Returns a line about a changed projection template, if it has an effect.
    #[must_use]
    pub fn template_change(&self) -> Option<String> {
        match self.differing_projections {
            0 => None,
            1 => Some("template changed: 1 projection differs".to_owned()),
            several => Some(format!("template changed: {several} projections differ")),
        }
    }

    /// Returns whether the plan has actions that are not blocked.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.actions.iter().any(|action| action.effect() != Effect::Blocked)
    }

    /// Returns whether a foreign secret or file blocks an action.
    #[must_use]
    pub fn has_conflicts(&self) -> bool {
        self.actions.iter().any(|action| action.step == Step::Blocked(BlockReason::Conflict))
    }

    /// Returns the plan as JSON, version 1, with the findings that do not prevent it.
    #[must_use]
    pub fn to_json(&self, findings: &[Finding]) -> Value {
        let actions: Vec<Value> = self
            .actions
            .iter()
            .map(|action| {
                json!({
                    "id": action.id,
                    "action": action.step.name(),
                    "environment": action.environment,
                    "target": action.target,
                    "reason": action.reason,
                })
            })
            .collect();
        let awaiting = self.awaiting.iter().map(|awaiting| {
            let mut row = json!({
                "id": awaiting.id,
                "environment": awaiting.environment,
                "target": awaiting.target,
                "heldBack": awaiting.held_back,
            });
            if awaiting.rotation_held_back {
                row["rotationHeldBack"] = json!(true);
            }
            row
        });
        let replicas = self.unfinished_replicas.iter().map(UnfinishedReplica::as_json);
        let orphans = self.orphans.iter().map(|orphan| {
            json!({
                "id": orphan.id,
                "environment": orphan.environment,
                "target": orphan.target,
                "store": orphan.place,
                "reason": orphan.reason,
            })
        });
        let stale = self.stale.iter().map(|stale| {
            json!({
                "id": stale.id,
                "target": stale.target,
                "gitops": stale.place,
                "reason": stale.reason,
            })
        });
        let failures = self.unreadable_accounts.iter().map(|account| {
            json!({
                "environments": account.environments,
                "store": account.place,
                "message": account.error.to_string(),
            })
        });
        let mut json = json!({
            "version": 1,
            "summary": {
                "manifests": self.manifests,
                "create": self.count(Effect::Create),
                "change": self.changes(),
                "delete": self.count(Effect::Delete),
                "blocked": self.count(Effect::Blocked),
                "awaitingValue": self.awaiting.len(),
            },
            "actions": actions,
            "awaitingValue": awaiting.collect::<Vec<_>>(),
            "unfinishedReplicas": replicas.collect::<Vec<_>>(),
            "orphans": orphans.collect::<Vec<_>>(),
            "staleProjections": stale.collect::<Vec<_>>(),
            "manualRotation": self.manual,
            "failures": failures.collect::<Vec<_>>(),
            "findings": finding_rows(findings),
            "stores": self.stores,
        });
        if let Some(why) = &self.unread_trail {
            json["auditTrailUnread"] = json!(why);
        }
        if let Some(message) = self.template_change() {
            json["templateChanged"] = json!({
                "file": TEMPLATE_FILE,
                "projectionsDiffer": self.differing_projections,
                "message": message,
            });
        }
        json
    }
}
