//! `goldenpath list`

use clap::ValueEnum;

use super::filtering::{At, FullFilter, note_unread, table_width};
use super::{Context, Failure, Outcome};
use crate::inventory::{self, as_csv, as_json, as_table};
use crate::manifest::SecretRequest;
use crate::terminal::harmless_json;

/// Show the catalog, by service, environment, owner, status and tier
///
/// By ID, as the manifests in the work tree say; neither a store nor a GitOps repository is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    filter: FullFilter,
    #[command(flatten)]
    at: At,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// In columns, cut to the terminal's width
    #[default]
    Table,
    /// One JSON object, with every field
    Json,
    /// RFC 4180, for spreadsheets, with every field
    Csv,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (repository, snapshot, project) = args.at.open(context)?;
    let holds = |request: &SecretRequest| args.filter.holds(request);
    let (catalog, rows) = inventory::read(&repository, &project, snapshot, holds)?;
    args.filter.check(&project, &catalog)?;
    note_unread(&catalog, context);
    let streams = &context.streams;
    match args.format {
        Format::Table if rows.is_empty() => streams.talk("No manifest is selected."),
        Format::Table => streams.result(&as_table(&rows, table_width(context), streams.out)),
        Format::Json => streams.result(&format!("{}\n", harmless_json(&format!("{:#}", as_json(&rows))))),
        Format::Csv => streams.result(&as_csv(&rows)),
    }
    Ok(Outcome::Done)
}
