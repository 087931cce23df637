//! Secrets that a user names by ID or name.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::str::FromStr;

use super::plan::PlanArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::prompt::{Prompter, Question};
use goldenpath_core::catalog::{Catalog, Entry, FindError};
use goldenpath_core::manifest::{SecretId, SecretRequest};

/// What a user typed to name a secret: its ID in any form, or its name.
#[derive(Debug, Clone)]
pub(crate) enum IdOrName {
    Id(SecretId),
    Name(String),
}

impl FromStr for IdOrName {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(SecretId::parse_typed(word).map_or_else(|_| Self::Name(word.to_owned()), Self::Id))
    }
}

impl IdOrName {
    /// Returns the ID, which needs no manifest if the user typed it.
    ///
    /// # Errors
    /// No manifest has the name, or several do.
    pub(crate) fn resolve(&self, catalog: &Catalog) -> Result<SecretId, FindError> {
        let name = match self {
            Self::Id(id) => return Ok(*id),
            Self::Name(name) => name,
        };
        let id = catalog.find(name)?.request().map(|request| request.id);
        id.ok_or_else(|| FindError::Unknown {
            id: name.clone(),
            help: "give the ID, such as SEC-0007".to_owned(),
        })
    }
}

/// Asks for a manifest of the catalog, and returns its ID.
///
/// # Errors
/// There is no terminal, the catalog is empty, or the user cancels.
pub(crate) fn choose(catalog: &Catalog, context: &Context) -> Result<String, Failure> {
    let Some(prompter) = Prompter::on_terminal(context.streams.err) else {
        return Err(Failure::usage(
            "no secret is named",
            "give its ID, such as SEC-0007, or its name; `goldenpath list` lists all",
        ));
    };
    let mut requests: Vec<&SecretRequest> = catalog.requests().collect();
    if requests.is_empty() {
        return Err(Failure::usage(
            "the catalog has no valid manifest",
            "run `goldenpath new secret` to create one",
        ));
    }
    requests.sort_by_key(|request| request.id);
    let rows: Vec<String> = requests
        .iter()
        .map(|one| format!("{}  {} ({}, {})", one.id, one.name, one.service, one.environment))
        .collect();
    let question = Question { words: "Secret", suggestions: &rows, ..Question::default() };
    let chosen = prompter.one(&question, |_| Ok(()))?;
    Ok(requests[chosen].id.to_string())
}

/// The secrets that the arguments of `plan` and `apply` name.
#[derive(Debug)]
pub(crate) struct NamedSecrets {
    /// Selected by `--id`; all, if it is empty.
    pub(crate) ids: BTreeSet<SecretId>,
    pub(crate) adopt: BTreeSet<SecretId>,
    pub(crate) recreate: BTreeSet<SecretId>,
    pub(crate) recreate_secret: BTreeSet<SecretId>,
}

impl NamedSecrets {
    /// Rejects an ID or name that no selected manifest has: it is probably misspelled.
    pub(super) fn of(args: &PlanArgs, catalog: &Catalog) -> Result<Self, Failure> {
        let is_selected = |id: SecretId| {
            let id = id.to_string();
            let has_id = |entry: &&Entry| entry.claimed_id() == Some(id.as_str());
            let found = catalog.entries.iter().filter(has_id).filter_map(Entry::request);
            found.into_iter().any(|one| args.selection.selects(one))
        };
        let resolve = |flag: &str, words: &[IdOrName], help: &str| {
            let mut ids = BTreeSet::new();
            for word in words {
                let id = word.resolve(catalog)?;
                if !is_selected(id) {
                    return Err(Failure::usage(
                        format!("`{flag} {id}`: no selected manifest has this ID"),
                        help,
                    ));
                }
                ids.insert(id);
            }
            Ok(ids)
        };
        Ok(Self {
            adopt: resolve(
                "--adopt",
                &args.adopt,
                "give the ID of a manifest whose secret already exists",
            )?,
            recreate: resolve(
                "--recreate",
                &args.recreate,
                "give the ID of a manifest whose secret was lost",
            )?,
            recreate_secret: resolve(
                "--recreate-secret",
                &args.recreate_secret,
                "give the ID of a manifest whose Kubernetes Secret changes its type",
            )?,
            ids: resolve(
                "--id",
                &args.ids,
                "`goldenpath id list` shows the IDs and their manifests",
            )?,
        })
    }
}
