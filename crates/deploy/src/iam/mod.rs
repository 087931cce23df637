//! The least IAM roles that a configuration needs: policies, and who may assume them.
//!
//! Everything follows from `goldenpath.yaml`, the enums and the remote's URL, without a call to
//! AWS. Actions, resources and condition keys are those of AWS's Service Authorization Reference.

mod conditions;
mod documents;
mod keys;
mod location;
mod roles;
mod simulation;
mod statements;
mod trust;

use serde_json::Value;

pub use documents::{to_cloudformation, to_json, to_terraform};
pub use roles::{IamError, derive_roles};
pub use simulation::PermissionProbe;
pub use trust::PipelineRepository;

/// What a role is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolePurpose {
    /// Reading for `plan`, `due`, `list`, `report` and `show`.
    Plan,
    /// `apply`.
    Apply,
    /// The commands below `value`.
    Value,
    /// The operator that reads values into a cluster.
    Operator,
    /// `apply --adopt` and `apply --rebind-catalog`.
    Adopt,
}

impl RolePurpose {
    /// Returns the word for it, as in `--for`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Value => "value",
            Self::Operator => "operator",
            Self::Adopt => "adopt",
        }
    }
}

/// A role with its policy and trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IamRole {
    /// Its name in IAM, without path.
    pub name: String,
    /// Its account; None if the configuration does not say it.
    pub account: Option<String>,
    /// The environments whose secrets it uses, in the order of the enums.
    pub environments: Vec<String>,
    /// The policy that allows the calls.
    pub policy: Value,
    /// The policy that says who may assume it.
    pub trust: Value,
}

/// The roles of one purpose, and what a person must know about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IamRoles {
    /// At least one.
    pub roles: Vec<IamRole>,
    /// What is missing in the configuration, and what to replace.
    pub notes: Vec<String>,
}
