//! `goldenpath list`

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::args::audit_trail::read_events;
use crate::args::due_window::query_stores;
use crate::args::filter::{FullFilter, SnapshotArgs, note_unreadable, table_width};
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::secret_table::{render_removed, render_table, render_unmanaged};
use goldenpath_core::catalog::Project;
use goldenpath_core::manifest::SecretRequest;
use goldenpath_core::sanitize::sanitize_json;
use goldenpath_core::vcs::Snapshot;
use goldenpath_deploy::inventory;
use goldenpath_deploy::inventory::{
    RemovedSecret, StoreDates, as_csv, as_json, find_removed, removed_csv,
};
use goldenpath_deploy::reconcile::{Account, UnmanagedSecret, find_unmanaged, unmanaged_csv};

/// List the secrets of the catalog
///
/// Lists the manifests of the work tree by ID. Stores are queried only with --awaiting-value and
/// --unmanaged, and the audit branch only with --removed.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("list":
    "List one service's secrets in production" =>
        "goldenpath list --service payments --env prod",
    "Export all fields to a spreadsheet" => "goldenpath list --format csv > catalog.csv",
    "List secrets without a value" => "goldenpath list --awaiting-value",
    "List secrets whose manifests were removed" => "goldenpath list --removed",
))]
pub(crate) struct Args {
    #[command(flatten)]
    filter: FullFilter,
    /// Query the stores and list only existing secrets without a value
    ///
    /// Exits with 1 if a store cannot be queried.
    #[arg(long)]
    awaiting_value: bool,
    /// Query the stores and list secrets with a name like ours that are unmanaged
    ///
    /// These are the secrets below the text before the first variable of `store.keyTemplate` that
    /// have none of goldenpath's tags. Only --env selects. Exits with 1 if a store cannot be
    /// queried.
    #[arg(
        long,
        conflicts_with_all = ["awaiting_value", "services", "owners", "statuses", "tiers"]
    )]
    unmanaged: bool,
    /// List IDs whose manifests were removed, with the last recorded action of each
    ///
    /// Reads git's history and the audit branch, which is fetched. Only --env selects.
    #[arg(
        long,
        conflicts_with_all = ["awaiting_value", "unmanaged", "services", "owners", "statuses"],
        conflicts_with = "tiers"
    )]
    removed: bool,
    /// Read the audit branch as it was fetched last
    #[arg(long, requires = "removed")]
    offline: bool,
    #[command(flatten)]
    at: SnapshotArgs,
    /// Set how to print the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A table, cut to the terminal's width
    #[default]
    Table,
    /// One JSON object, with every field
    Json,
    /// RFC 4180, for spreadsheets, with every field
    Csv,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (repository, snapshot, project) = args.at.open(context)?;
    let is_selected = |request: &SecretRequest| args.filter.selects(request);
    let (catalog, mut rows) = inventory::read(&repository, &project, snapshot, is_selected)?;
    args.filter.check(&project, &catalog)?;
    note_unreadable(&catalog, context);
    let streams = &context.streams;
    if args.removed {
        let events = read_events(&repository, &project, args.offline, context)?;
        let tip =
            if snapshot == Snapshot::WorkTree { repository.last_commit()? } else { Some(snapshot) };
        let mut removed = find_removed(&repository, &project, &catalog, tip, events)?;
        removed.retain(|one| args.filter.selects_environment_of(one.environment()));
        list_removed(&removed, args.format, context);
        if repository.is_shallow() {
            streams.message(
                "Note: this clone's history is cut, so removed manifests that were never applied \
                 are missing here. `git fetch --unshallow` fetches the history.",
            );
        }
        return Ok(Outcome::Done);
    }
    let mut outcome = Outcome::Done;
    if args.awaiting_value || args.unmanaged {
        if !project.config.has_backend() {
            let flag = if args.unmanaged { "--unmanaged" } else { "--awaiting-value" };
            return Err(Failure::usage(
                "cannot query the stores: `store.backend` is not set",
                format!("set it in goldenpath.yaml, or leave out `{flag}`"),
            ));
        }
        project.check_locations(&repository)?;
    }
    if args.unmanaged {
        return block_on(list_unmanaged(args, &project, context));
    }
    if args.awaiting_value {
        outcome = block_on(async {
            let in_use =
                |request: &SecretRequest| is_selected(request) && request.status.is_in_use();
            let (known, unreachable) = query_stores(in_use, &project, &catalog, context).await?;
            let awaits = |known: &StoreDates| !known.has_value && known.deletion.is_none();
            rows.retain_mut(|row| {
                row.has_value = known.get(&row.id).map(|known| known.has_value);
                known.get(&row.id).is_some_and(awaits)
            });
            Ok(if unreachable.is_empty() { Outcome::Done } else { Outcome::Failed })
        })?;
    }
    match args.format {
        Format::Table if rows.is_empty() && args.awaiting_value => {
            if outcome == Outcome::Done {
                streams.message("No secret awaits a value.");
            }
        }
        Format::Table if rows.is_empty() => streams.message("No manifest is selected."),
        Format::Table => streams.result(&render_table(&rows, table_width(context), streams.out)),
        Format::Json => {
            streams.result(&format!("{}\n", sanitize_json(&format!("{:#}", as_json(&rows)))))
        }
        Format::Csv => streams.result(&as_csv(&rows)),
    }
    Ok(outcome)
}

fn list_removed(removed: &[RemovedSecret], format: Format, context: &Context) {
    let streams = &context.streams;
    match format {
        Format::Table if removed.is_empty() => streams.message("No manifest was removed."),
        Format::Table => {
            streams.result(&render_removed(removed, table_width(context), streams.out));
            streams.message("`goldenpath audit show ID` shows the history of one.");
        }
        Format::Json => {
            let rows: Vec<Value> = removed.iter().map(RemovedSecret::as_json).collect();
            let json = json!({ "version": 1, "removed": rows });
            streams.result(&format!("{}\n", sanitize_json(&format!("{json:#}"))));
        }
        Format::Csv => streams.result(&removed_csv(removed)),
    }
}

async fn list_unmanaged(
    args: &Args,
    project: &Project,
    context: &Context,
) -> Result<Outcome, Failure> {
    let is_selected = |name: &&String| args.filter.selects_environment(name);
    let environments = project.enums.environments.iter().filter(is_selected).cloned().collect();
    let (accounts, mut unreadable) =
        Account::open(&project.config, &project.root, environments).await?;
    let (secrets, more) = find_unmanaged(project, &accounts, &|_| {}).await;
    unreadable.extend(more);
    let streams = &context.streams;
    for account in &unreadable {
        streams.message(&format!("Not queried: {}: {}.", account.names(), account.error));
    }
    match args.format {
        Format::Table if secrets.is_empty() => {
            if unreadable.is_empty() {
                streams.message("No unmanaged secret has a name like ours.");
            }
        }
        Format::Table => {
            streams.result(&render_unmanaged(&secrets, table_width(context), streams.out));
        }
        Format::Json => {
            let rows: Vec<Value> = secrets.iter().map(UnmanagedSecret::as_json).collect();
            let json = json!({ "version": 1, "unmanaged": rows });
            streams.result(&format!("{}\n", sanitize_json(&format!("{json:#}"))));
        }
        Format::Csv => streams.result(&unmanaged_csv(&secrets)),
    }
    Ok(if unreadable.is_empty() { Outcome::Done } else { Outcome::Failed })
}
