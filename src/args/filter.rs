//! The state of the catalog that `list`, `show`, `due` and `report` read, and their selection.

use std::collections::BTreeSet;
use std::io::{IsTerminal, stdout};

use crate::args::selection::SelectionArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::findings::count_of;
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest::{LifecycleStatus, SecretRequest};
use goldenpath_core::suggest;
use goldenpath_core::vcs::{Repository, Snapshot};

/// The state of the catalog to read.
#[derive(Debug, clap::Args)]
pub(crate) struct SnapshotArgs {
    /// Read the catalog and its configuration at COMMIT instead of the work tree
    #[arg(long = "ref", value_name = "COMMIT")]
    pub(crate) commit: Option<String>,
}

/// Selects manifests by environment, service and owner.
#[derive(Debug, clap::Args)]
pub(crate) struct Filter {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Select manifests of this owner; may be repeated
    #[arg(long = "owner", value_name = "OWNER")]
    owners: Vec<String>,
}

/// Selects manifests by status and risk tier, too.
#[derive(Debug, clap::Args)]
pub(crate) struct FullFilter {
    #[command(flatten)]
    filter: Filter,
    /// Select manifests of this lifecycle status; may be repeated
    #[arg(long = "status", value_name = "STATUS", value_parser = parse_status)]
    statuses: Vec<LifecycleStatus>,
    /// Select manifests of this risk tier; may be repeated
    #[arg(long = "tier", value_name = "TIER")]
    tiers: Vec<String>,
}

impl SnapshotArgs {
    /// Opens the repository and the project of this state.
    pub(crate) fn open(
        &self,
        context: &Context,
    ) -> Result<(Repository, Snapshot, Project), Failure> {
        let (repository, snapshot) = match &self.commit {
            None => (Repository::discover()?, Snapshot::WorkTree),
            Some(commit) => {
                let repository = Repository::discover_any()?.check_format()?;
                let snapshot = repository.commit(commit)?;
                (repository, snapshot)
            }
        };
        let project = context.open(&repository, snapshot)?;
        if snapshot == Snapshot::WorkTree {
            note_left_out(&repository, &project, context)?;
        }
        Ok((repository, snapshot, project))
    }
}

/// Notes files that are not in the work tree, which a person may expect to be left out here too.
fn note_left_out(
    repository: &Repository,
    project: &Project,
    context: &Context,
) -> Result<(), Failure> {
    let folder = project.folder();
    let count = repository.left_out(folder)?.len();
    if count > 0 {
        context.streams.message(&format!(
            "Note: the sparse checkout leaves out {} of {folder}/, read from the index instead.",
            count_of(count, "file")
        ));
    }
    Ok(())
}

impl Filter {
    /// Rejects a name that selects nothing: it is probably misspelled.
    pub(crate) fn check(&self, project: &Project, catalog: &Catalog) -> Result<(), Failure> {
        self.selection.check(project, catalog)?;
        let owners = catalog.requests().map(|request| request.owner.as_str());
        check("--owner", &self.owners, owners, &project.enums.owners)
    }

    pub(crate) fn selects(&self, request: &SecretRequest) -> bool {
        self.selection.selects(request)
            && (self.owners.is_empty() || self.owners.contains(&request.owner))
    }
}

impl FullFilter {
    /// Rejects a name that selects nothing, as [`Filter::check`] does.
    pub(crate) fn check(&self, project: &Project, catalog: &Catalog) -> Result<(), Failure> {
        self.filter.check(project, catalog)?;
        let tiers = catalog.requests().map(|request| request.risk_tier.as_str());
        check("--tier", &self.tiers, tiers, &project.enums.risk_tiers)
    }

    /// Returns whether it selects this environment.
    pub(crate) fn selects_environment(&self, name: &str) -> bool {
        let environments = &self.filter.selection.environments;
        environments.is_empty() || environments.iter().any(|one| one == name)
    }

    /// Returns whether it selects an environment, of which the name may be unknown.
    pub(crate) fn selects_environment_of(&self, name: Option<&str>) -> bool {
        name.map_or(self.filter.selection.environments.is_empty(), |name| {
            self.selects_environment(name)
        })
    }

    pub(crate) fn selects(&self, request: &SecretRequest) -> bool {
        self.filter.selects(request)
            && (self.statuses.is_empty() || self.statuses.contains(&request.status))
            && (self.tiers.is_empty() || self.tiers.contains(&request.risk_tier))
    }
}

/// Rejects a name that neither a manifest nor the enums have.
///
/// Only names of the enums are shown: a manifest may have a secret value in place of a name.
fn check<'a>(
    flag: &str,
    given: &[String],
    used: impl Iterator<Item = &'a str>,
    listed: &[String],
) -> Result<(), Failure> {
    let used: BTreeSet<&str> = used.collect();
    let is_unknown = |name: &&String| !used.contains(name.as_str()) && !listed.contains(name);
    let Some(unknown) = given.iter().find(is_unknown) else { return Ok(()) };
    let suggestion = suggest::did_you_mean(unknown, listed.iter().map(String::as_str));
    let help = suggestion.unwrap_or_else(|| format!("use one of {}", listed.join(", ")));
    Err(Failure::usage(format!("`{flag} {unknown}` selects nothing"), help))
}

/// Notes how many files are left out because they are not valid manifests.
pub(crate) fn note_unreadable(catalog: &Catalog, context: &Context) {
    let unread = catalog.selected().filter(|entry| entry.request().is_none()).count();
    if unread > 0 {
        let files = count_of(unread, "file");
        context.streams.message(&format!(
            "Note: {files} with errors left out; `goldenpath validate` shows the errors."
        ));
    }
}

/// Returns the width that tables are cut to; `None` if stdout is not a terminal.
pub(crate) fn table_width(context: &Context) -> Option<usize> {
    stdout().is_terminal().then_some(context.streams.out.width)
}

/// Parses a lifecycle status.
pub(crate) fn parse_status(text: &str) -> Result<LifecycleStatus, String> {
    LifecycleStatus::parse(text).map_err(|states| {
        suggest::did_you_mean(text, LifecycleStatus::ALL.map(LifecycleStatus::as_str))
            .unwrap_or(states)
    })
}
