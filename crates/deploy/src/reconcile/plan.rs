//! A plan: the actions that bring the store and the GitOps repository to what the catalog says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Gate, MissingValue, Orphan, StaleFile, UnreadableAccount};
use crate::audit::{Mark, RecordedAction};
use crate::store::{NewSecret, RotationState, SecretUpdate};
use goldenpath_core::config::Key;
use goldenpath_core::manifest::{SecretId, SecretRequest, StoreKey};
use goldenpath_core::projection::{Projection, TEMPLATE_FILE};
use goldenpath_core::report::finding_rows;
use goldenpath_core::rules::{Finding, Renewal};

/// The actions of a run, grouped by manifest, each manifest's in the order in which they must happen.
#[derive(Debug, Default)]
pub struct Plan {
    /// How many manifests were looked at.
    pub manifests: usize,
    pub actions: Vec<Action>,
    /// A digest of all that was seen of the secrets and projections and that decides what is done.
    pub state: String,
    /// When the values of the secrets were last renewed, for the rules that look at it: no part of what is done.
    pub renewals: BTreeMap<SecretId, Renewal>,
    /// How many secrets of each type are to be rotated by a person, since no function is configured for it.
    pub manual: BTreeMap<String, usize>,
    /// Secrets in use that are there, or will be, and have no value.
    pub awaiting: Vec<MissingValue>,
    /// Secrets of this catalog that no manifest asks for, which stay as they are.
    pub orphans: Vec<Orphan>,
    /// Files of this catalog in the GitOps repositories that no manifest asks for, which stay as they are.
    pub stale: Vec<StaleFile>,
    /// The accounts that could not be looked at: nothing is planned for their environments.
    pub unseen: Vec<UnreadableAccount>,
    /// How many projections differ from what the base's template would give, where a change is
    /// planned for.
    pub projections_differ: usize,
}

/// One step towards what a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub id: SecretId,
    pub environment: String,
    /// The store key, or the projection's file, for showing: the step has what is done.
    pub target: String,
    /// Why it is needed.
    pub reason: String,
    pub step: Step,
}

impl Action {
    /// Returns the action as the audit trail records it.
    #[must_use]
    pub fn deed(&self) -> RecordedAction {
        RecordedAction {
            id: self.id,
            action: self.step.name(),
            environment: self.environment.clone(),
            target: self.target.clone(),
            reason: self.reason.clone(),
        }
    }

    /// Returns the action and the gates that it overrides as the audit trail records them.
    #[must_use]
    pub fn deeds(&self) -> Vec<RecordedAction> {
        let mut deeds = Vec::new();
        if let Step::DeleteSecret { overridden, .. } = &self.step {
            deeds.extend(overridden.iter().map(|(gate, reason)| RecordedAction {
                action: "override-gate",
                target: gate.to_string(),
                reason: reason.clone(),
                ..self.deed()
            }));
        }
        deeds.push(self.deed());
        deeds
    }

    /// Returns the manifest that the action marks `decommissioned`; None for any other action.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        match &self.step {
            Step::MarkDecommissioned { file } => {
                Some(Mark { file: file.clone(), deed: self.deed() })
            }
            _ => None,
        }
    }
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `make`: the keys that a value is made of on the way, if any. No step holds a value.
    CreateSecret {
        key: StoreKey,
        new: NewSecret,
        make: Vec<Key>,
    },
    /// Takes the mark for deletion off.
    RestoreSecret {
        key: StoreKey,
    },
    /// Tags are [`Step::TagSecret`]'s.
    UpdateSecret {
        key: StoreKey,
        update: SecretUpdate,
    },
    TagSecret {
        key: StoreKey,
        tags: BTreeMap<String, String>,
    },
    /// `tag` tells later sweeps that the policy is there.
    PutPolicy {
        key: StoreKey,
        policy: String,
        tag: BTreeMap<String, String>,
    },
    DeletePolicy {
        key: StoreKey,
        tag: BTreeMap<String, String>,
    },
    ConfigureRotation {
        key: StoreKey,
        rotation: RotationState,
    },
    /// `new`: the GitOps repository has no such file yet.
    WriteProjection {
        projection: Projection,
        new: bool,
    },
    RemoveProjection {
        projection: Projection,
    },
    /// Marks the secret for deletion, which comes after so many days. `overridden` are the gates that somebody has passed by,
    /// each with the reason.
    DeleteSecret {
        key: StoreKey,
        days: u8,
        overridden: Vec<(Gate, String)>,
    },
    /// The manifest says that its secret is gone.
    MarkDecommissioned {
        /// From the catalog's repository's root.
        file: String,
    },
    /// Nothing, and the reason says why.
    Blocked(Obstacle),
}

/// Why an action is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Somebody else's thing is in the way: a run that meets it has failed.
    Conflict,
    /// It waits for something; a run that meets it has not failed.
    Waiting,
}

/// What an action does to the world, for counting and for its symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Create,
    Change,
    /// A change that brings back what was on its way out.
    Restore,
    Delete,
    Blocked,
}

impl Effect {
    /// Terraform's, where it has one.
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
    /// The action's name in the plan's JSON.
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
            Self::WriteProjection { .. } => "write-projection",
            Self::RemoveProjection { .. } => "remove-projection",
            Self::DeleteSecret { .. } => "delete-secret",
            Self::MarkDecommissioned { .. } => "mark-decommissioned",
            Self::Blocked(_) => "blocked",
        }
    }
}

impl Action {
    pub(super) fn of(request: &SecretRequest, target: &str, reason: String, step: Step) -> Self {
        let environment = request.environment.to_string();
        Self { id: request.id, environment, target: target.to_owned(), reason, step }
    }

    /// What it does to the world.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match &self.step {
            Step::CreateSecret { .. } | Step::WriteProjection { new: true, .. } => Effect::Create,
            Step::RestoreSecret { .. } => Effect::Restore,
            Step::UpdateSecret { .. }
            | Step::TagSecret { .. }
            | Step::PutPolicy { .. }
            | Step::DeletePolicy { .. }
            | Step::ConfigureRotation { .. }
            | Step::MarkDecommissioned { .. }
            | Step::WriteProjection { .. } => Effect::Change,
            Step::RemoveProjection { .. } | Step::DeleteSecret { .. } => Effect::Delete,
            Step::Blocked(_) => Effect::Blocked,
        }
    }
}

impl Plan {
    /// How many actions have this effect.
    #[must_use]
    pub fn count(&self, effect: Effect) -> usize {
        self.actions.iter().filter(|action| action.effect() == effect).count()
    }

    /// How many actions change what is there, those that bring something back included.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.count(Effect::Change) + self.count(Effect::Restore)
    }

    /// How many secrets are deleted.
    #[must_use]
    pub fn deletions(&self) -> usize {
        self.actions
            .iter()
            .filter(|action| matches!(action.step, Step::DeleteSecret { .. }))
            .count()
    }

    /// What a change of the projection template does, in a line.
    #[must_use]
    pub fn template_change(&self) -> Option<String> {
        match self.projections_differ {
            0 => None,
            1 => Some("template changed: 1 projection differs".to_owned()),
            several => Some(format!("template changed: {several} projections differ")),
        }
    }

    /// Whether there is something to do.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.actions.iter().any(|action| action.effect() != Effect::Blocked)
    }

    /// Whether somebody else's thing is in the way.
    #[must_use]
    pub fn has_conflicts(&self) -> bool {
        self.actions.iter().any(|action| action.step == Step::Blocked(Obstacle::Conflict))
    }

    /// The design's JSON, version 1, with the findings in the catalog that do not keep it from being carried out.
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
            json!({
                "id": awaiting.id,
                "environment": awaiting.environment,
                "target": awaiting.target,
                "heldBack": awaiting.held_back,
            })
        });
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
        let unseen = self.unseen.iter().map(|unseen| {
            json!({
                "environments": unseen.environments,
                "store": unseen.place,
                "message": unseen.error.to_string(),
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
            "orphans": orphans.collect::<Vec<_>>(),
            "staleProjections": stale.collect::<Vec<_>>(),
            "manualRotation": self.manual,
            "failures": unseen.collect::<Vec<_>>(),
            "findings": finding_rows(findings),
        });
        if let Some(message) = self.template_change() {
            json["templateChanged"] = json!({ "file": TEMPLATE_FILE, "projectionsDiffer": self.projections_differ, "message": message });
        }
        json
    }
}
