//! A plan saved in a file.
//!
//! Digests bind it to the state that it was created from, so that it is applied exactly as it was
//! approved, or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Account, Action, Plan, PlannedStore, ReconcileContext};
use crate::store::SecretStore;
use goldenpath_core::files;

/// The version of the file format.
const VERSION: u64 = 1;

/// The maximum size of a plan in bytes.
///
/// A plan of ten thousand new secrets has a tenth of that.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// A plan with the state at its creation. Digests are SHA-256 in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedPlan {
    /// The version of the program that created it.
    goldenpath: String,
    commit: String,
    /// The selection with which the plan is created again when it is applied.
    pub selection: SavedSelection,
    configuration: String,
    account: String,
    /// The stores and their accounts, for people.
    stores: Vec<PlannedStore>,
    state: String,
    actions: Vec<SavedRow>,
}

/// The selection of the plan, from the flags of `plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedSelection {
    /// `--ref`: the commit as the user named it; None for HEAD.
    #[serde(rename = "ref")]
    pub commit: Option<String>,
    /// `--env`; empty for all environments.
    pub environments: Vec<String>,
    /// `--service`; empty for all services.
    pub services: Vec<String>,
    /// `--id`; empty for all manifests.
    pub ids: Vec<String>,
    /// `I/N`
    pub shard: Option<String>,
    /// `--adopt`: the IDs of manifests that may adopt an unmanaged secret.
    pub adopt: Vec<String>,
    /// `--rebind-catalog`: whether to bind secrets of another repository.
    pub rebind_catalog: bool,
    /// The plain folders that `gitops.path` may name, absolute.
    pub gitops_paths: Vec<String>,
    /// Gates that are overridden, each with the reason.
    pub overrides: BTreeMap<String, String>,
    /// `--recreate`: the IDs of manifests whose lost secret is created again, with the reason.
    pub recreate: BTreeMap<String, String>,
    /// `--recreate-secret`: the IDs of manifests whose Kubernetes Secret may change its type.
    #[serde(default)]
    pub recreate_secret: BTreeMap<String, String>,
    /// `--refresh`: whether to read each resource policy.
    pub refresh: bool,
}

/// An action as displayed, with a digest of its step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedRow {
    id: String,
    action: String,
    environment: String,
    target: String,
    reason: String,
    step: String,
}

/// Why a plan cannot be saved or applied.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum SavedPlanError {
    #[error("cannot apply the plan `{}`: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::saved_plan::unusable),
        help("run `goldenpath plan --out FILE` to create a new plan; do not edit plans")
    )]
    Unusable { path: PathBuf, why: String },

    #[error(
        "cannot apply the plan `{}`: it was created by {made_by}, and this is goldenpath {}",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    #[diagnostic(
        code(goldenpath::saved_plan::version),
        help(
            "run `goldenpath plan --out FILE` to create a new plan, or apply it with the version \
             that created it"
        )
    )]
    Version { path: PathBuf, made_by: String },

    #[error("{what} changed since the plan was created: {how}")]
    #[diagnostic(
        code(goldenpath::saved_plan::changed),
        help("run `goldenpath plan --out FILE` and apply the new plan; nothing was applied")
    )]
    Changed { what: &'static str, how: String },

    #[error("cannot save the plan in `{}`: {why}", path.display())]
    #[diagnostic(code(goldenpath::saved_plan::write), help("choose a file in a writable folder"))]
    Write { path: PathBuf, why: String },
}

impl SavedPlan {
    /// Returns the plan to save.
    ///
    /// `configuration` is a [`digest`] of the catalog's settings, `account` is one of [`places`].
    #[must_use]
    pub fn of(
        plan: &Plan,
        commit: String,
        selection: SavedSelection,
        configuration: String,
        account: String,
    ) -> Self {
        Self {
            goldenpath: env!("CARGO_PKG_VERSION").to_owned(),
            commit,
            selection,
            configuration,
            account,
            stores: plan.stores.clone(),
            state: plan.state.clone(),
            actions: rows(plan),
        }
    }

    /// Writes the plan atomically, readable only by its owner.
    ///
    /// # Errors
    /// [`SavedPlanError::Write`]
    pub fn write(&self, path: &Path) -> Result<(), SavedPlanError> {
        let failed = |why: String| SavedPlanError::Write { path: path.to_path_buf(), why };
        let whole = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
        if whole.symlink_metadata().is_ok_and(|found| !found.is_file()) {
            return Err(failed("it is not a regular file".to_owned()));
        }
        let plan = json!(self);
        let text = format!(
            "{:#}\n",
            json!({ "goldenpathPlan": VERSION, "digest": digest(&plan), "plan": plan })
        );
        files::write_private(&whole, text.as_bytes()).map_err(|error| failed(error.to_string()))
    }

    /// Reads an unchanged plan of this version of goldenpath.
    ///
    /// The digest detects accidents, not attacks: an attacker can write another digest, too.
    ///
    /// # Errors
    /// [`SavedPlanError::Unusable`] and [`SavedPlanError::Version`]
    pub fn read(path: &Path) -> Result<Self, SavedPlanError> {
        let unusable = |why: String| SavedPlanError::Unusable { path: path.to_path_buf(), why };
        let bytes =
            files::read_regular(path, MAX_BYTES).map_err(|why| unusable(why.to_string()))?;
        let mut file: Value = serde_json::from_slice(&bytes).map_err(|error| {
            unusable(format!(
                "it is truncated or not JSON (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        match file.get("goldenpathPlan").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(other) => {
                let made_by = format!("a goldenpath with plan format {other}");
                return Err(SavedPlanError::Version { path: path.to_path_buf(), made_by });
            }
            None => return Err(unusable("goldenpath did not write it".to_owned())),
        }
        let plan = file.get_mut("plan").map(Value::take).unwrap_or_default();
        if file.get("digest").and_then(Value::as_str) != Some(&digest(&plan)) {
            return Err(unusable("it was changed after goldenpath wrote it".to_owned()));
        }
        let made_by = plan.get("goldenpath").and_then(Value::as_str).unwrap_or_default();
        if made_by != env!("CARGO_PKG_VERSION") {
            let made_by = format!("goldenpath {}", made_by.escape_debug());
            return Err(SavedPlanError::Version { path: path.to_path_buf(), made_by });
        }
        serde_json::from_value(plan)
            .map_err(|_| unusable("its fields are not those of a plan".to_owned()))
    }

    /// Returns the choices in the plan that do not come from the catalog, one per line.
    ///
    /// These are adopted secrets, lost secrets that are created again, secrets bound to this
    /// repository, overridden gates with the reason, and plain folders.
    #[must_use]
    pub fn choices(&self) -> Vec<String> {
        let SavedSelection {
            adopt,
            overrides,
            ids,
            rebind_catalog,
            gitops_paths,
            recreate,
            recreate_secret,
            ..
        } = &self.selection;
        let adoptions = adopt.iter().map(|id| format!("adopts the unmanaged secret of {id}"));
        let ids = ids.join(", ");
        let overrides = overrides
            .iter()
            .map(|(gate, reason)| format!("overrides the gate {gate} for {ids}, reason: {reason}"));
        let recreated = recreate
            .iter()
            .map(|(id, reason)| format!("creates the lost secret of {id} again, reason: {reason}"));
        let retyped = recreate_secret.iter().map(|(id, reason)| {
            format!("changes the type of the Kubernetes Secret of {id}, reason: {reason}")
        });
        let rebinding =
            rebind_catalog.then(|| "binds secrets of another repository to this one".to_owned());
        let folders = gitops_paths
            .iter()
            .map(|path| format!("writes ExternalSecrets into the plain folder {path}"));
        adoptions
            .chain(recreated)
            .chain(retyped)
            .chain(overrides)
            .chain(rebinding)
            .chain(folders)
            .collect()
    }

    /// Checks that `name` is still at the plan's commit.
    ///
    /// # Errors
    /// [`SavedPlanError::Changed`]
    pub fn check_commit(&self, name: &str, commit: &str) -> Result<(), SavedPlanError> {
        let short = |commit: &str| commit.chars().take(8).collect::<String>();
        let how = format!(
            "the plan was created from {}, and {name} is at {} now",
            short(&self.commit),
            short(commit)
        );
        check_same(&self.commit, commit, "the commit", how)
    }

    /// Checks that the catalog's settings are the same.
    ///
    /// # Errors
    /// [`SavedPlanError::Changed`]
    pub fn check_configuration(&self, configuration: &str) -> Result<(), SavedPlanError> {
        let how = "goldenpath.yaml, the enums, the governance table, the secret types, the schema \
                   or the projection's template is different";
        check_same(&self.configuration, configuration, "the configuration", how.to_owned())
    }

    /// Checks that stores and GitOps working copies are the same.
    ///
    /// # Errors
    /// [`SavedPlanError::Changed`]
    pub fn check_account(&self, account: &str) -> Result<(), SavedPlanError> {
        let how = "this run uses other stores or GitOps working copies (account, region, endpoint, \
                   role, folder or branch)";
        check_same(&self.account, account, "the account", how.to_owned())
    }

    /// Checks that state and actions are the same.
    ///
    /// # Errors
    /// [`SavedPlanError::Changed`] if secrets, projections or actions differ.
    pub fn check_plan(&self, plan: &Plan) -> Result<(), SavedPlanError> {
        let now = rows(plan);
        let new = now
            .iter()
            .chain(&self.actions)
            .find(|row| !now.contains(row) || !self.actions.contains(row));
        let how = match new {
            Some(row) => format!(
                "{}: `{}` of `{}` is in the saved plan or needed now, but not both",
                row.id, row.action, row.target
            ),
            None => "a secret, its policy or a projection is different".to_owned(),
        };
        check_same(&self.state, &plan.state, "the state", how.clone())?;
        if self.actions == now {
            Ok(())
        } else {
            Err(SavedPlanError::Changed { what: "the list of actions", how })
        }
    }
}

fn check_same(
    then: &str,
    now: &str,
    what: &'static str,
    how: String,
) -> Result<(), SavedPlanError> {
    if then == now { Ok(()) } else { Err(SavedPlanError::Changed { what, how }) }
}

fn rows(plan: &Plan) -> Vec<SavedRow> {
    let row = |action: &Action| SavedRow {
        id: action.id.to_string(),
        action: action.step.name().to_owned(),
        environment: action.environment.clone(),
        target: action.target.clone(),
        reason: action.reason.clone(),
        // The debug format covers fields that are added later.
        step: digest(&json!(format!("{:?}", action.step))),
    };
    plan.actions.iter().map(row).collect()
}

/// Returns the SHA-256 of the value's JSON in hexadecimal.
#[must_use]
pub fn digest(value: &Value) -> String {
    Sha256::digest(value.to_string().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns where a run writes: stores, their accounts and GitOps working copies.
#[must_use]
pub fn places(context: &ReconcileContext<'_>) -> Value {
    let store = |account: &Account| {
        let identity = account.store.identity();
        let account_number = identity.account.recorded();
        json!([account.environments, account.store.place(), account_number, identity.region])
    };
    let stores: Vec<Value> = context.accounts.iter().map(store).collect();
    let gitops: Vec<Value> =
        context.gitops.iter().map(|(of, copy)| json!([of, copy.place()])).collect();
    json!([stores, gitops])
}
