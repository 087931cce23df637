//! A plan in a file: what was seen when it was made is bound to it by digests, so that it is applied as it was read by
//! those who agreed to it, or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Action, Plan, World};
use crate::store::{SecretStore, StoreError};
use goldenpath_core::files;

/// The version of the file's shape.
const VERSION: u64 = 1;

/// The bytes of a plan that are read at most; one of ten thousand new secrets has a tenth of that.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// What a plan was made from, and what it does. The digests are SHA-256 in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Saved {
    /// The version of the program that made it.
    goldenpath: String,
    commit: String,
    pub selection: Selected,
    configuration: String,
    account: String,
    state: String,
    actions: Vec<SavedRow>,
}

/// The part of the catalog that the plan is about, as the flags of `plan` had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selected {
    #[serde(rename = "ref")]
    pub commit: Option<String>,
    pub environments: Vec<String>,
    pub services: Vec<String>,
    pub ids: Vec<String>,
    /// `I/N`
    pub shard: Option<String>,
    pub adopt: Vec<String>,
    pub rebind_catalog: bool,
    /// The plain folders that `gitops.path` may be, absolute.
    pub gitops_paths: Vec<String>,
    /// Gates that are overridden, each with the reason.
    pub overrides: BTreeMap<String, String>,
    pub refresh: bool,
}

/// An action as it is shown, and a digest of what is done.
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

/// Why a saved plan is not applied.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SavedError {
    #[error("`{}` is not a plan that can be applied: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::saved_plan::unusable),
        help("`goldenpath plan --out FILE` makes one; a plan is not to be edited")
    )]
    Unusable { path: PathBuf, why: String },

    #[error("`{}` was made by {made_by}, and this is goldenpath {}", path.display(), env!("CARGO_PKG_VERSION"))]
    #[diagnostic(
        code(goldenpath::saved_plan::version),
        help("apply it with the goldenpath that made it, or make a new plan with this one")
    )]
    Version { path: PathBuf, made_by: String },

    #[error("{what} changed since the plan was made: {how}")]
    #[diagnostic(
        code(goldenpath::saved_plan::changed),
        help(
            "nothing was applied; make a new plan with `goldenpath plan --out FILE`, and apply that one"
        )
    )]
    Changed { what: &'static str, how: String },

    #[error("the plan cannot be saved in `{}`: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::saved_plan::write),
        help("name a file, new or old, in a folder that can be written to")
    )]
    Write { path: PathBuf, why: String },
}

impl Saved {
    /// The plan as it is saved. `configuration` is a [`digest`] of all that says how the catalog is read, `account` of
    /// [`places`].
    #[must_use]
    pub fn of(
        plan: &Plan,
        commit: String,
        selection: Selected,
        configuration: String,
        account: String,
    ) -> Self {
        Self {
            goldenpath: env!("CARGO_PKG_VERSION").to_owned(),
            commit,
            selection,
            configuration,
            account,
            state: plan.state.clone(),
            actions: rows(plan),
        }
    }

    /// Writes it, whole and for its owner alone to read.
    ///
    /// # Errors
    /// [`SavedError::Write`]
    pub fn write(&self, path: &Path) -> Result<(), SavedError> {
        let failed = |why: String| SavedError::Write { path: path.to_path_buf(), why };
        let whole = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
        if whole.symlink_metadata().is_ok_and(|found| !found.is_file()) {
            return Err(failed("something is there that is no regular file".to_owned()));
        }
        let plan = json!(self);
        let text = format!(
            "{:#}\n",
            json!({ "goldenpathPlan": VERSION, "digest": digest(&plan), "plan": plan })
        );
        files::write_private(&whole, text.as_bytes()).map_err(|error| failed(error.to_string()))
    }

    /// Reads one that is as it was written, by this version of goldenpath. The digest finds accidents: who may write
    /// the file may write another digest too.
    ///
    /// # Errors
    /// [`SavedError::Unusable`] and [`SavedError::Version`]
    pub fn read(path: &Path) -> Result<Self, SavedError> {
        let unusable = |why: String| SavedError::Unusable { path: path.to_path_buf(), why };
        let bytes =
            files::read_regular(path, MAX_BYTES).map_err(|why| unusable(why.to_string()))?;
        let mut file: Value = serde_json::from_slice(&bytes).map_err(|error| {
            unusable(format!(
                "it is cut off or no JSON (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        match file.get("goldenpathPlan").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(other) => {
                let made_by = format!("a goldenpath with plans of version {other}");
                return Err(SavedError::Version { path: path.to_path_buf(), made_by });
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
            return Err(SavedError::Version { path: path.to_path_buf(), made_by });
        }
        serde_json::from_value(plan)
            .map_err(|_| unusable("its fields are not those of a plan".to_owned()))
    }

    /// Returns what whoever saved the plan chose beyond what the catalog asks for, a line each:
    /// secrets that are adopted or bound to this repository, gates that are overridden, with the
    /// reason, and plain folders.
    #[must_use]
    pub fn choices(&self) -> Vec<String> {
        let Selected { adopt, overrides, ids, rebind_catalog, gitops_paths, .. } = &self.selection;
        let adoptions = adopt
            .iter()
            .map(|id| format!("adopts the secret of {id}, which goldenpath did not create"));
        let ids = ids.join(", ");
        let overrides = overrides
            .iter()
            .map(|(gate, reason)| format!("overrides the gate {gate} for {ids}, reason: {reason}"));
        let rebinding =
            rebind_catalog.then(|| "binds secrets of another repository to this one".to_owned());
        let folders = gitops_paths
            .iter()
            .map(|path| format!("writes ExternalSecrets into the plain folder {path}"));
        adoptions.chain(overrides).chain(rebinding).chain(folders).collect()
    }

    /// # Errors
    /// [`SavedError::Changed`] where what is read now, `name`, is at another commit.
    pub fn check_commit(&self, name: &str, commit: &str) -> Result<(), SavedError> {
        let short = |commit: &str| commit.chars().take(8).collect::<String>();
        let how = format!(
            "it was made from {}, and {name} is at {} now",
            short(&self.commit),
            short(commit)
        );
        same(&self.commit, commit, "the commit", how)
    }

    /// # Errors
    /// [`SavedError::Changed`]
    pub fn check_configuration(&self, configuration: &str) -> Result<(), SavedError> {
        let how = "goldenpath.yaml, the enums, the governance table, the secret types, the schema or the projection's template is another";
        same(&self.configuration, configuration, "the configuration", how.to_owned())
    }

    /// # Errors
    /// [`SavedError::Changed`]
    pub fn check_account(&self, account: &str) -> Result<(), SavedError> {
        let how = "the stores or the GitOps working copies that are reached now are others (account, region, endpoint, \
                   role, folder or branch)";
        same(&self.account, account, "the account", how.to_owned())
    }

    /// # Errors
    /// [`SavedError::Changed`] where the secrets or the projections are not as they were, or something else would be done.
    pub fn check_plan(&self, plan: &Plan) -> Result<(), SavedError> {
        let now = rows(plan);
        let new = now
            .iter()
            .chain(&self.actions)
            .find(|row| !now.contains(row) || !self.actions.contains(row));
        let how = match new {
            Some(row) => format!(
                "for {}, `{}` of `{}` is not both planned and needed",
                row.id, row.action, row.target
            ),
            None => "a secret, its policy or a projection is not as it was seen".to_owned(),
        };
        same(&self.state, &plan.state, "the state", how.clone())?;
        if self.actions == now {
            Ok(())
        } else {
            Err(SavedError::Changed { what: "what is to be done", how })
        }
    }
}

fn same(then: &str, now: &str, what: &'static str, how: String) -> Result<(), SavedError> {
    if then == now { Ok(()) } else { Err(SavedError::Changed { what, how }) }
}

fn rows(plan: &Plan) -> Vec<SavedRow> {
    let row = |action: &Action| SavedRow {
        id: action.id.to_string(),
        action: action.step.name().to_owned(),
        environment: action.environment.clone(),
        target: action.target.clone(),
        reason: action.reason.clone(),
        // Whatever a step comes to hold, this has it.
        step: digest(&json!(format!("{:?}", action.step))),
    };
    plan.actions.iter().map(row).collect()
}

/// SHA-256 of the value's JSON, in hexadecimal digits.
#[must_use]
pub fn digest(value: &Value) -> String {
    Sha256::digest(value.to_string().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a run writes: its stores, with the accounts that they are in, and its GitOps working copies.
///
/// # Errors
/// An account that does not say which it is.
pub async fn places(world: &World<'_>) -> Result<Value, StoreError> {
    let mut stores = Vec::new();
    for account in &world.accounts {
        stores.push(json!([
            account.environments,
            account.store.place(),
            account.store.identity().await?
        ]));
    }
    let gitops: Vec<Value> =
        world.gitops.iter().map(|(of, copy)| json!([of, copy.place()])).collect();
    Ok(json!([stores, gitops]))
}
