//! What `list` and its relatives share: which state of the catalog is read, and which of its manifests are asked for.

use std::collections::BTreeSet;
use std::io::{IsTerminal, stdout};

use crate::cli::{Context, SelectionArgs};
use crate::failure::Failure;
use crate::output::findings::count_of;
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest::{LifecycleStatus, SecretRequest};
use goldenpath_core::suggest;
use goldenpath_core::vcs::{Repository, Snapshot};

/// Which state of the catalog is read.
#[derive(Debug, clap::Args)]
pub(crate) struct SnapshotArgs {
    /// Read the catalog and its configuration at COMMIT instead of the work tree
    #[arg(long = "ref", value_name = "COMMIT")]
    pub(crate) commit: Option<String>,
}

/// Which manifests are asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Filter {
    #[command(flatten)]
    pub(crate) narrow: SelectionArgs,
    /// Select manifests of this owner; may be repeated
    #[arg(long = "owner", value_name = "OWNER")]
    owners: Vec<String>,
}

/// Which manifests are asked for, by what they say of themselves too.
#[derive(Debug, clap::Args)]
pub(crate) struct FullFilter {
    #[command(flatten)]
    filter: Filter,
    /// Select manifests of this lifecycle status; may be repeated
    #[arg(long = "status", value_name = "STATUS", value_parser = status)]
    statuses: Vec<LifecycleStatus>,
    /// Select manifests of this risk tier; may be repeated
    #[arg(long = "tier", value_name = "TIER")]
    tiers: Vec<String>,
}

impl SnapshotArgs {
    pub(crate) fn open(
        &self,
        context: &Context,
    ) -> Result<(Repository, Snapshot, Project), Failure> {
        let (repository, snapshot) = match &self.commit {
            None => (Repository::discover()?, Snapshot::WorkTree),
            Some(commit) => {
                let repository = Repository::discover_any()?;
                let snapshot = repository.commit(commit)?;
                (repository, snapshot)
            }
        };
        let project = context.open(&repository, snapshot)?;
        Ok((repository, snapshot, project))
    }
}

impl Filter {
    /// Refuses a name that selects nothing: most likely it is misspelt.
    pub(crate) fn check(&self, project: &Project, catalog: &Catalog) -> Result<(), Failure> {
        self.narrow.check(project, catalog)?;
        let owners = catalog.requests().map(|request| request.owner.as_str());
        check("--owner", &self.owners, owners, &project.enums.owners)
    }

    pub(crate) fn holds(&self, request: &SecretRequest) -> bool {
        self.narrow.holds(request)
            && (self.owners.is_empty() || self.owners.contains(&request.owner))
    }
}

impl FullFilter {
    /// As [`Filter::check`].
    pub(crate) fn check(&self, project: &Project, catalog: &Catalog) -> Result<(), Failure> {
        self.filter.check(project, catalog)?;
        let tiers = catalog.requests().map(|request| request.risk_tier.as_str());
        check("--tier", &self.tiers, tiers, &project.enums.risk_tiers)
    }

    pub(crate) fn holds(&self, request: &SecretRequest) -> bool {
        self.filter.holds(request)
            && (self.statuses.is_empty() || self.statuses.contains(&request.status))
            && (self.tiers.is_empty() || self.tiers.contains(&request.risk_tier))
    }
}

/// Refuses a name that neither a manifest has nor the enums list. Only the enums' are shown: a manifest may have a value in
/// the place of a name.
fn check<'a>(
    flag: &str,
    given: &[String],
    used: impl Iterator<Item = &'a str>,
    listed: &[String],
) -> Result<(), Failure> {
    let used: BTreeSet<&str> = used.collect();
    let is_unknown = |name: &&String| !used.contains(name.as_str()) && !listed.contains(name);
    let Some(unknown) = given.iter().find(is_unknown) else { return Ok(()) };
    let near = suggest::did_you_mean(unknown, listed.iter().map(String::as_str));
    let help = near.unwrap_or_else(|| format!("there are {}", listed.join(", ")));
    Err(Failure::usage(format!("`{flag} {unknown}` selects nothing"), help))
}

/// Says how many files cannot be shown, since they are no readable manifests.
pub(crate) fn note_unread(catalog: &Catalog, context: &Context) {
    let unread = catalog.selected().filter(|entry| entry.request().is_none()).count();
    if unread > 0 {
        let files = count_of(unread, "file");
        context.streams.talk(&format!(
            "Note: {files} with errors left out; `goldenpath validate` shows them."
        ));
    }
}

/// The width that a table is cut to; None where no terminal shows it.
pub(crate) fn table_width(context: &Context) -> Option<usize> {
    stdout().is_terminal().then_some(context.streams.out.width)
}

/// A lifecycle status as an argument.
pub(crate) fn status(text: &str) -> Result<LifecycleStatus, String> {
    LifecycleStatus::parse(text).map_err(|states| {
        suggest::did_you_mean(text, LifecycleStatus::ALL.map(LifecycleStatus::as_str))
            .unwrap_or(states)
    })
}
