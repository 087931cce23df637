//! The due dates of `due` and `report`, from git and the stores.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::duration::parse_days;
use super::filter::Filter;
use crate::context::Context;
use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest::{LifecycleStatus, SecretId, SecretRequest};
use goldenpath_core::trail::RecordedTimes;
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::inventory::{Due, StartDates, StoreDates, UnknownDue, UnreachableStore};
use goldenpath_deploy::reconcile;
use goldenpath_deploy::reconcile::{Account, UnreadableAccount};

/// The time window, and whether stores are queried.
#[derive(Debug, clap::Args)]
pub(crate) struct DueWindow {
    /// Show what is due within TIME, in days or weeks: 14d, 2w
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = parse_days)]
    pub(crate) within: u32,
    /// Use only git's history and the audit trail as fetched last, without the stores
    #[arg(long)]
    pub(crate) offline: bool,
}

/// The dates from git, the audit trail and the stores.
pub(crate) struct DueDates {
    start_dates: StartDates,
    /// The stores that could not be queried.
    pub(crate) unreachable_stores: Vec<UnreachableStore>,
}

impl DueWindow {
    /// Reads the history and queries the stores. `recorded` is from the audit trail.
    ///
    /// Reports stores that cannot be queried.
    pub(crate) async fn read(
        &self,
        filter: &Filter,
        repository: &Repository,
        project: &Project,
        catalog: &Catalog,
        recorded: RecordedTimes,
        context: &Context,
    ) -> Result<DueDates, Failure> {
        let tip = match catalog.snapshot {
            Snapshot::WorkTree => repository.last_commit()?,
            other => Some(other),
        };
        let mut start_dates = tip
            .map(|tip| {
                let is_selected = |request: &SecretRequest| filter.selects(request);
                StartDates::of(repository, project, catalog, tip, recorded, is_selected)
            })
            .transpose()?
            .unwrap_or_default();
        if repository.is_shallow() {
            context.streams.message(
                "Note: this clone is shallow. What is older than its history counts from the audit \
                 trail; `git fetch --unshallow` fetches the rest.",
            );
        }
        let unreachable_stores = if self.offline {
            Vec::new()
        } else if project.config.has_backend() {
            project.check_locations(repository)?;
            let is_selected = |request: &SecretRequest| filter.selects(request);
            let (known, unreachable_stores) =
                query_stores(is_selected, project, catalog, context).await?;
            start_dates.store_dates = known;
            unreachable_stores
        } else {
            context.streams.message(
                "Note: `store.backend` is not set, so rotations are unknown, and ttls count from \
                 the catalog.",
            );
            Vec::new()
        };
        Ok(DueDates { start_dates, unreachable_stores })
    }
}

impl DueDates {
    /// Returns what is overdue or due within `days`, and what is unknown.
    pub(crate) fn due(
        &self,
        days: u32,
        filter: &Filter,
        project: &Project,
        catalog: &Catalog,
        context: &Context,
    ) -> Result<(Vec<Due>, Vec<UnknownDue>), Failure> {
        let until = context.now.checked_add(SignedDuration::from_hours(i64::from(days) * 24));
        let until = until.map_err(|_| {
            Failure::usage("`--within` is beyond the last date of the calendar", "give fewer days")
        })?;
        Ok(self.start_dates.due(catalog, project, |request| filter.selects(request), until))
    }
}

/// Queries the stores for the dates of the secrets that `is_selected` selects.
///
/// Reports and returns the stores that could not be queried.
pub(crate) async fn query_stores(
    is_selected: impl Fn(&SecretRequest) -> bool,
    project: &Project,
    catalog: &Catalog,
    context: &Context,
) -> Result<(BTreeMap<SecretId, StoreDates>, Vec<UnreachableStore>), Failure> {
    let exists = |request: &&SecretRequest| {
        request.status != LifecycleStatus::Decommissioned && is_selected(request)
    };
    let environments: BTreeSet<String> =
        catalog.requests().filter(exists).map(|request| request.environment.to_string()).collect();
    let (accounts, mut unreadable_accounts) =
        Account::open(&project.config, &project.root, environments).await?;
    let bar = context.streams.start_bar();
    let read = Cell::new(0);
    let report = |more| {
        read.set(read.get() + more);
        if let Some(bar) = &bar {
            bar.count("Secrets read:", read.get());
        }
    };
    let exists = |request: &SecretRequest| exists(&request);
    let (known, unreadable) =
        reconcile::read_store_dates(project, catalog, &accounts, context.now, exists, &report)
            .await;
    context.streams.end_bar();
    unreadable_accounts.extend(unreadable);
    let unreachable = |account: &UnreadableAccount| UnreachableStore {
        environments: account.names(),
        message: account.error.to_string(),
    };
    let unreachable: Vec<UnreachableStore> = unreadable_accounts.iter().map(unreachable).collect();
    for account in &unreachable {
        let UnreachableStore { environments, message } = account;
        context.streams.message(&format!("Not queried: {environments}: {message}."));
    }
    Ok((known, unreachable))
}
