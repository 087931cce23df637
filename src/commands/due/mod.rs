//! `goldenpath due`

mod branch;

use clap::ValueEnum;

use super::due::branch::{BranchArgs, create_branch};
use crate::args::audit_trail::read_events;
use crate::args::due_window::DueWindow;
use crate::args::filter::{Filter, SnapshotArgs, note_unreadable, table_width};
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::due_list::render_due_list;
use goldenpath_core::catalog::{Catalog, Selection};
use goldenpath_core::sanitize::sanitize_json;
use goldenpath_core::trail::RecordedTimes;
use goldenpath_core::vcs::Repository;
use goldenpath_deploy::inventory::{DUE_TEMPLATE, DueList};

/// Show due reviews, rotations and long-deprecated secrets
///
/// A ttl starts at the secret's creation in its store, or else on the day its ID entered the
/// catalog, by git or by the audit trail; a rotation starts when the store last rotated or changed
/// the secret. What neither knows is listed as unknown. Nothing is changed, and no value is read.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("due":
    "Show what is due within two weeks" => "goldenpath due",
    "Fail a scheduled job if something is overdue" => "goldenpath due --fail-on overdue",
    "Write the body of an issue" => "goldenpath due --within 30d --format markdown",
    "Prepare a branch that decommissions what is overdue" => "goldenpath due --decommission",
))]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    window: DueWindow,
    /// Exit with 1 if something is overdue, or due within the time of --within
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    fail_on: FailOn,
    /// Set how to print the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    at: SnapshotArgs,
    /// Create a branch that moves each due secret one lifecycle step on
    ///
    /// A secret is due if its ttl has run out or it has been deprecated for long. The steps are
    /// active → deprecated → decommission_requested, in one commit on the default branch, or else
    /// on the last commit. The work tree is not changed, and nothing is pushed.
    #[arg(long, conflicts_with_all = ["commit", "format", "fail_on"])]
    decommission: bool,
    #[command(flatten)]
    branch: BranchArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum FailOn {
    #[default]
    None,
    Overdue,
    Soon,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// Tables, cut to the terminal's width
    #[default]
    Text,
    /// One JSON object
    Json,
    /// The body of an issue
    Markdown,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (repository, snapshot, project) = if args.decommission {
        let repository = Repository::discover()?;
        let base = repository.upstream().map_or_else(|| repository.head(), Ok)?;
        let project = context.open(&repository, base)?;
        (repository, base, project)
    } else {
        args.at.open(context)?
    };
    if args.decommission {
        args.branch.check(&repository, context)?;
    }
    let mut catalog = Catalog::load(&repository, &project, snapshot, &Selection::All)?;
    catalog.check_folder(&repository, &project)?;
    args.filter.check(&project, &catalog)?;
    note_unreadable(&catalog, context);
    block_on(async {
        let events = read_events(&repository, &project, args.window.offline, context)?;
        let recorded = RecordedTimes::of(&events);
        let dates = args
            .window
            .read(&args.filter, &repository, &project, &catalog, recorded, context)
            .await?;
        let days = if args.decommission { 0 } else { args.window.within };
        let (mut due, unknown) = dates.due(days, &args.filter, &project, &catalog, context)?;
        if args.decommission {
            // The date of a commit alone may be wrong.
            due.retain(|due| due.date.confirmed <= context.now);
            return create_branch(&args.branch, &repository, &project, &mut catalog, &due, context);
        }
        let (catalog_id, now, within) =
            (project.catalog_id.clone(), context.now, args.window.within);
        let unreachable_stores = dates.unreachable_stores;
        let list = DueList { catalog_id, now, within, due, unknown, unreachable_stores };
        context.streams.result(&match args.format {
            Format::Text => render_due_list(&list, table_width(context), context.streams.out),
            Format::Json => format!("{}\n", sanitize_json(&format!("{:#}", list.as_json()))),
            Format::Markdown => {
                list.as_markdown(project.template(&repository, DUE_TEMPLATE)?.as_deref())?
            }
        });
        Ok(args.outcome(&list))
    })
}

impl Args {
    fn outcome(&self, list: &DueList) -> Outcome {
        let (overdue, soon) = list.split();
        // A store that was not queried may have overdue secrets, and an unknown date may be past.
        let may_be_due =
            !overdue.is_empty() || !list.unreachable_stores.is_empty() || !list.unknown.is_empty();
        let fails = match self.fail_on {
            FailOn::None => false,
            FailOn::Overdue => may_be_due,
            FailOn::Soon => may_be_due || !soon.is_empty(),
        };
        if fails { Outcome::Failed } else { Outcome::Done }
    }
}
