//! A plan: the actions that bring the store and the GitOps repository to what the catalog says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::diagnostics::finding_rows;
use crate::manifest::{SecretId, StoreKey};
use crate::projection::Projection;
use crate::rules::{Finding, Renewal};

/// The actions of a run, grouped by manifest, each manifest's in the order in which they must happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// How many manifests were looked at.
    pub manifests: usize,
    pub actions: Vec<Action>,
    /// When the values of the secrets were last renewed, for the rules that look at it: no part of what is done.
    pub renewals: BTreeMap<SecretId, Renewal>,
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

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    CreateSecret {
        key: StoreKey,
        description: String,
        tags: BTreeMap<String, String>,
    },
    /// Only the description; tags are [`Step::TagSecret`]'s.
    UpdateSecret {
        key: StoreKey,
        description: String,
    },
    TagSecret {
        key: StoreKey,
        tags: BTreeMap<String, String>,
    },
    /// `new`: the GitOps repository has no such file yet.
    WriteProjection {
        projection: Projection,
        new: bool,
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
    Blocked,
}

impl Step {
    /// The action's name in the plan's JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateSecret { .. } => "create-secret",
            Self::UpdateSecret { .. } => "update-secret",
            Self::TagSecret { .. } => "tag-secret",
            Self::WriteProjection { .. } => "write-projection",
            Self::Blocked(_) => "blocked",
        }
    }
}

impl Action {
    /// What it does to the world.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match &self.step {
            Step::CreateSecret { .. } | Step::WriteProjection { new: true, .. } => Effect::Create,
            Step::UpdateSecret { .. } | Step::TagSecret { .. } | Step::WriteProjection { .. } => Effect::Change,
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
        json!({
            "version": 1,
            "summary": {
                "manifests": self.manifests,
                "create": self.count(Effect::Create),
                "change": self.count(Effect::Change),
                "blocked": self.count(Effect::Blocked),
            },
            "actions": actions,
            "findings": finding_rows(findings),
        })
    }
}
