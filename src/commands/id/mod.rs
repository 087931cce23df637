//! `goldenpath id`

mod applied;
mod renumber;

use std::collections::BTreeMap;

use clap::Subcommand;
use serde_json::{Value as Json, json};

use crate::args::reservation::{ReservationArgs, report_event, reserve_ids, upcoming};
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use goldenpath_core::catalog::{Catalog, Selection};
use goldenpath_core::ids::{
    Allocator, IdHolder, IdStatus, RemoteError, RemoteRefs, ReservationRemote, find_holders,
};
use goldenpath_core::manifest::SecretId;
use goldenpath_core::sanitize::{sanitize_json, sanitize_name};
use goldenpath_core::used_ids::ScanDepth;
use goldenpath_core::vcs::{Repository, Snapshot};

/// List, reserve and change audit IDs
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("id":
    "Print the next free ID" => "goldenpath id next",
    "Show which manifest has which ID" => "goldenpath id list",
    "Change the ID of a manifest that collides" => "goldenpath id renumber",
))]
pub(crate) struct Args {
    #[command(subcommand)]
    command: IdCommand,
}

#[derive(Debug, Subcommand)]
enum IdCommand {
    /// Print the next free ID
    ///
    /// Uses only what this clone knows and reserves nothing; `id reserve` and `new secret` do.
    #[command(after_help = examples!("id":
        "Print the next free ID" => "goldenpath id next",
        "Print it as JSON" => "goldenpath id next --json",
    ))]
    Next {
        /// Print the ID as JSON
        #[arg(long)]
        json: bool,
    },
    /// Reserve IDs so that no other clone gets them
    ///
    /// For manifests that `new secret` does not create. IDs are reserved on the remote, or recorded
    /// in this clone if there is no remote.
    #[command(after_help = examples!("id":
        "Reserve one ID" => "goldenpath id reserve",
        "Reserve five IDs, or fail if the remote does not accept them" =>
            "goldenpath id reserve --count 5 --reserve",
    ))]
    Reserve {
        /// Reserve N IDs
        #[arg(
            long,
            default_value_t = 1,
            value_name = "N",
            value_parser = clap::value_parser!(u16).range(1..=1000)
        )]
        count: u16,
        #[command(flatten)]
        reservation: ReservationArgs,
        /// Print the IDs as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the IDs in use and reserved
    ///
    /// Lists the IDs of manifests in the work tree and on all branches, also of the remote; unused
    /// reservations; and IDs that this clone gave out. IDs of manifests that were deleted from
    /// every branch are not listed and never reused. IDs more than `ids.maxGap` above those of the
    /// default branch are marked, because they do not count.
    #[command(after_help = examples!("id":
        "List all IDs" => "goldenpath id list",
        "List reserved IDs that no branch uses" => "goldenpath id list --unused",
    ))]
    List {
        /// List only reserved IDs that no branch uses
        #[arg(long)]
        unused: bool,
        /// List only what this clone knows, without querying the remote
        #[arg(long)]
        offline: bool,
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    Renumber(renumber::Args),
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    match &args.command {
        IdCommand::Next { json } => next(*json, context),
        IdCommand::Reserve { count, reservation, json } => {
            reserve((*count).into(), *reservation, *json, context)
        }
        IdCommand::List { unused, offline, json } => list(*unused, *offline, *json, context),
        IdCommand::Renumber(args) => renumber::run(args, context),
    }
}

fn next(as_json: bool, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let config = context.configuration(&repository)?;
    let ids = upcoming(&Allocator::of(&repository, &config, None), 1, context)?;
    print_ids(&ids, as_json, |id| json!({ "version": 1, "id": id[0] }), context);
    Ok(Outcome::Done)
}

fn reserve(
    count: usize,
    reservation: ReservationArgs,
    as_json: bool,
    context: &Context,
) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let config = context.configuration(&repository)?;
    let given = reserve_ids(&reservation.allocator(&repository, &config), count, context)?;
    print_ids(
        &given.ids,
        as_json,
        |ids| json!({ "version": 1, "ids": ids, "reservedOn": given.reserved_on }),
        context,
    );
    if !as_json {
        context.streams.message(&match &given.reserved_on {
            Some(remote) => format!("Reserved on {remote}."),
            None => "Recorded in this clone only: there is no remote to reserve on.".to_owned(),
        });
    }
    Ok(Outcome::Done)
}

fn print_ids(
    ids: &[SecretId],
    as_json: bool,
    json: impl Fn(&[SecretId]) -> Json,
    context: &Context,
) {
    if as_json {
        context.streams.result(&format!("{}\n", sanitize_json(&format!("{:#}", json(ids)))));
    } else {
        ids.iter().for_each(|id| context.streams.result(&format!("{id}\n")));
    }
}

fn list(
    only_unused: bool,
    offline: bool,
    as_json: bool,
    context: &Context,
) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    let catalog = Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
    let allocator = Allocator::of(&repository, &project.config, None);
    let remote = if offline { None } else { allocator.remote()? };
    let answer =
        remote.as_ref().and_then(|remote| query(remote, context).map(|answer| (remote, answer)));
    let of_remote = answer.as_ref().map(|(remote, answer)| (remote.name.as_str(), answer));
    let used =
        allocator.used(of_remote, ScanDepth::AtFolders, &|event| report_event(&event, context))?;
    let mut rows = find_holders(&repository, &project.config.catalog, &catalog, of_remote, &used)?;
    if only_unused {
        rows.retain(|row| matches!(row.status, IdStatus::Reserved | IdStatus::Allocated));
    }
    let answer = answer.as_ref().map(|(remote, answer)| (*remote, answer));
    let reserved_by = reserved_by(&rows, answer, context);
    context.streams.end_progress();
    if as_json {
        let rows: Vec<Json> = rows.iter().map(|row| row_as_json(row, &reserved_by)).collect();
        let json = format!("{:#}", json!({ "version": 1, "ids": rows }));
        context.streams.result(&format!("{}\n", sanitize_json(&json)));
    } else {
        let remote = of_remote.map(|(name, _)| name);
        for row in &rows {
            context.streams.result(&row_for_people(row, remote, &reserved_by));
        }
    }
    Ok(Outcome::Done)
}

/// Queries the remote; returns `None` after a warning if that fails.
fn query(remote: &ReservationRemote<'_>, context: &Context) -> Option<RemoteRefs> {
    context.streams.brief_progress(&format!("Reading the IDs of {} …", remote.name));
    match remote.query_and_fetch() {
        Ok(answer) => Some(answer),
        Err(error) => {
            warn_local_only(&error, context);
            None
        }
    }
}

/// Returns who reserved each unused ID, and when.
fn reserved_by(
    rows: &[IdHolder],
    answer: Option<(&ReservationRemote<'_>, &RemoteRefs)>,
    context: &Context,
) -> BTreeMap<SecretId, String> {
    let Some((remote, answer)) = answer else { return BTreeMap::new() };
    let unused = rows.iter().filter(|row| row.status == IdStatus::Reserved);
    let reserved =
        unused.filter_map(|row| Some((row.id, *answer.reserved.get(&row.id)?))).collect();
    remote.reservation_authors(&reserved).unwrap_or_else(|error| {
        warn_local_only(&error, context);
        BTreeMap::new()
    })
}

fn warn_local_only(error: &RemoteError, context: &Context) {
    context.streams.end_progress();
    context.streams.message(&format!("Warning: showing only what this clone knows: {error}."));
}

fn row_for_people(
    row: &IdHolder,
    remote: Option<&str>,
    reserved_by: &BTreeMap<SecretId, String>,
) -> String {
    let what = match row.status {
        IdStatus::Used => {
            let place = row.branch.as_deref().unwrap_or("the work tree");
            let collides = if row.collides { "; another manifest has this ID too" } else { "" };
            let owner = row.owner.as_deref().unwrap_or("no owner");
            format!(
                "{} ({}, on {}{collides})",
                sanitize_name(row.path.as_deref().unwrap_or_default()),
                sanitize_name(owner),
                sanitize_name(place)
            )
        }
        IdStatus::Reserved => {
            let by = reserved_by.get(&row.id).map(|by| format!(" by {by}")).unwrap_or_default();
            format!(
                "not used by any branch (reserved on {}{by})",
                sanitize_name(remote.unwrap_or_default())
            )
        }
        IdStatus::Allocated => "not used by any branch (given out in this clone)".to_owned(),
        IdStatus::Ignored => {
            let place = row
                .branch
                .as_deref()
                .map_or_else(|| "not committed".to_owned(), |at| format!("in commit {at}"));
            format!(
                "{} ({})",
                sanitize_name(row.path.as_deref().unwrap_or_default()),
                sanitize_name(&place)
            )
        }
    };
    let mark = if row.is_above_limit { "; above `ids.maxGap`, does not count" } else { "" };
    format!("{:<10}  {:<9}  {what}{mark}\n", row.id.to_string(), row.status.as_str())
}

fn row_as_json(row: &IdHolder, reserved_by: &BTreeMap<SecretId, String>) -> Json {
    json!({
        "id": row.id,
        "state": row.status.as_str(),
        "path": row.path,
        "branch": row.branch,
        "name": row.name,
        "owner": row.owner,
        "reservedBy": reserved_by.get(&row.id),
        "collides": row.collides,
        "beyondGap": row.is_above_limit,
    })
}
