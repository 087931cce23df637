//! What `due` and `report` share: when something is due, as git and the stores tell.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::filter::Filter;
use crate::cli::Context;
use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest::{LifecycleStatus, SecretId, SecretRequest};
use goldenpath_core::vcs::{Repository, Snapshot, SourceError};
use goldenpath_deploy::inventory::{Calendar, Due, StoreDates, UnreachableStore};
use goldenpath_deploy::reconcile;
use goldenpath_deploy::reconcile::{Account, UnreadableAccount};

/// How far to look, and whom to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct DueWindow {
    /// Show what is due within TIME, in days or weeks: 14d, 2w
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = days)]
    pub(crate) within: u32,
    /// Use only git's history, without querying the stores
    #[arg(long)]
    offline: bool,
}

/// What was found out.
pub(crate) struct DueDates {
    calendar: Calendar,
    /// The stores that could not be asked.
    pub(crate) unseen: Vec<UnreachableStore>,
}

impl DueWindow {
    /// Looks into history and asks the stores. Those that cannot be asked are told of.
    pub(crate) async fn look(
        &self,
        filter: &Filter,
        repository: &Repository,
        project: &Project,
        catalog: &Catalog,
        context: &Context,
    ) -> Result<DueDates, Failure> {
        let line = match catalog.snapshot {
            Snapshot::WorkTree => match repository.head() {
                Ok(head) => Some(head),
                Err(SourceError::NoCommit) => None,
                Err(error) => return Err(error.into()),
            },
            other => Some(other),
        };
        let mut calendar = line
            .map(|line| {
                Calendar::of(repository, project, catalog, line, |request| filter.holds(request))
            })
            .unwrap_or_default();
        if repository.is_shallow() {
            context.streams.talk(
                "Note: this clone is shallow. What was there when its history begins counts from then; \
                 `git fetch --unshallow` brings the rest.",
            );
        }
        let unseen = match self.offline {
            true => Vec::new(),
            false if !project.config.names_a_backend() => {
                context.streams.talk(
                    "Note: `store.backend` is not set, so no store tells of rotations, and ttls count from the catalog.",
                );
                Vec::new()
            }
            false => {
                project.check_locations(repository)?;
                let holds = |request: &SecretRequest| filter.holds(request);
                let (known, unseen) = ask_stores(holds, project, catalog, context).await;
                calendar.known = known;
                unseen
            }
        };
        Ok(DueDates { calendar, unseen })
    }
}

impl DueDates {
    /// What is due by now, and in so many days.
    pub(crate) fn due(
        &self,
        days: u32,
        filter: &Filter,
        project: &Project,
        catalog: &Catalog,
        context: &Context,
    ) -> Result<Vec<Due>, Failure> {
        let until = context.now.checked_add(SignedDuration::from_hours(i64::from(days) * 24));
        let until = until.map_err(|_| {
            Failure::usage("`--within` reaches beyond the calendar", "give fewer days")
        })?;
        Ok(self.calendar.due(catalog, project, |request| filter.holds(request), until))
    }
}

/// Has the stores tell what they know of the secrets of the manifests that `holds` lets through, with those stores that could not
/// be asked, which are told of.
pub(crate) async fn ask_stores(
    holds: impl Fn(&SecretRequest) -> bool,
    project: &Project,
    catalog: &Catalog,
    context: &Context,
) -> (BTreeMap<SecretId, StoreDates>, Vec<UnreachableStore>) {
    let there = |request: &&SecretRequest| {
        request.status != LifecycleStatus::Decommissioned && holds(request)
    };
    let environments: BTreeSet<String> =
        catalog.requests().filter(there).map(|request| request.environment.to_string()).collect();
    let (accounts, mut unseen) = Account::open(&project.config, &project.root, environments).await;
    let bar = context.streams.bar_begins();
    let read = Cell::new(0);
    let tell = |more| {
        read.set(read.get() + more);
        if let Some(bar) = &bar {
            bar.count("Secrets read:", read.get());
        }
    };
    let there = |request: &SecretRequest| there(&request);
    let (known, silent) =
        reconcile::known(project, catalog, &accounts, context.now, there, &tell).await;
    context.streams.bar_ends();
    unseen.extend(silent);
    let unasked = |unseen: &UnreadableAccount| UnreachableStore {
        environments: unseen.names(),
        message: unseen.error.to_string(),
    };
    let unasked: Vec<UnreachableStore> = unseen.iter().map(unasked).collect();
    for account in &unasked {
        context.streams.talk(&format!("Not asked: {}: {}.", account.environments, account.message));
    }
    (known, unasked)
}

/// `14d`, `2w`: a number of days.
fn days(text: &str) -> Result<u32, String> {
    const FORM: &str = "give days or weeks, such as 14d or 2w";
    let (number, unit) = match text.strip_suffix('d') {
        Some(number) => (number, 1),
        None => (text.strip_suffix('w').ok_or(FORM)?, 7),
    };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FORM.to_owned());
    }
    let days = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    days.filter(|days| *days <= 36_500).ok_or_else(|| "a hundred years are the most".to_owned())
}
