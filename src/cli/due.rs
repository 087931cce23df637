//! `goldenpath due`

use std::collections::BTreeSet;

use clap::ValueEnum;
use jiff::SignedDuration;

use super::deprecating::{Branching, ask_for_the_end};
use super::filtering::{At, Filter, note_unread, table_width};
use super::reconciling::block_on;
use super::{Context, Failure, Outcome};
use crate::catalog::{Catalog, Project, Selection};
use crate::inventory::{Agenda, Calendar, DUE_TEMPLATE, Unasked};
use crate::reconcile::{self, Account};
use crate::source::{Repository, Snapshot, SourceError};
use crate::terminal::harmless_json;

/// Show what is due: ttls that run out, rotations, and secrets that have been deprecated for long
///
/// A ttl counts from the secret's creation, as its store tells, or else from the day on which its ID came into the catalog;
/// a rotation from when the store last rotated or changed the secret. Nothing is changed, and no value is read.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// How far ahead to look, in days or weeks: 14d, 2w
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = days)]
    within: u32,
    /// Exit with 1 when something is overdue, or is due within that time
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    fail_on: FailOn,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    at: At,
    /// Ask no store: what git tells
    #[arg(long)]
    offline: bool,
    /// Prepare a branch that takes each secret whose ttl has run out, or that has been deprecated for long, one step on
    ///
    /// active → deprecated → decommission_requested, in one commit on the branch that merges go to, or else on the last
    /// commit. The work tree is not touched, and nothing is pushed.
    #[arg(long, conflicts_with_all = ["commit", "format", "fail_on"])]
    decommission: bool,
    #[command(flatten)]
    branching: Branching,
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

pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (repository, snapshot, project) = match args.decommission {
        false => args.at.open(context)?,
        true => {
            let repository = Repository::discover()?;
            let base = repository.upstream().map_or_else(|| repository.head(), Ok)?;
            let project = context.open(&repository, base)?;
            (repository, base, project)
        }
    };
    if args.decommission {
        args.branching.check(&repository, context)?;
    }
    let mut catalog = Catalog::load(&repository, &project, snapshot, &Selection::All)?;
    args.filter.check(&project, &catalog)?;
    note_unread(&catalog, context);
    let line = match snapshot {
        Snapshot::WorkTree => match repository.head() {
            Ok(head) => Some(head),
            Err(SourceError::NoCommit) => None,
            Err(error) => return Err(error.into()),
        },
        other => Some(other),
    };
    let mut calendar = line.map(|line| Calendar::of(&repository, &project, &catalog, line)).unwrap_or_default();
    if repository.is_shallow() {
        context.streams.talk(
            "Note: this clone is shallow. What was there when its history begins counts from then; \
             `git fetch --unshallow` brings the rest.",
        );
    }
    block_on(async {
        let unseen = match args.offline {
            true => Vec::new(),
            false => ask(args, &project, &catalog, &mut calendar, context).await,
        };
        let ahead = if args.decommission { 0 } else { args.within };
        let until = context.now.checked_add(SignedDuration::from_hours(i64::from(ahead) * 24));
        let until = until.map_err(|_| Failure::usage("`--within` reaches beyond the calendar", "give fewer days"))?;
        let due = calendar.due(&catalog, &project, |request| args.filter.holds(request), until);
        for account in &unseen {
            context.streams.talk(&format!("Not asked: {}: {}.", account.environments, account.message));
        }
        if args.decommission {
            return ask_for_the_end(&args.branching, &repository, &project, &mut catalog, &due, context);
        }
        let agenda =
            Agenda { catalog_id: project.catalog_id.clone(), now: context.now, within: args.within, due, unseen };
        context.streams.result(&match args.format {
            Format::Text => agenda.for_people(table_width(context), context.streams.out),
            Format::Json => format!("{}\n", harmless_json(&format!("{:#}", agenda.as_json()))),
            Format::Markdown => agenda.as_markdown(project.template(&repository, DUE_TEMPLATE)?.as_deref())?,
        });
        Ok(args.outcome(&agenda))
    })
}

impl Args {
    fn outcome(&self, agenda: &Agenda) -> Outcome {
        let (overdue, soon) = agenda.split();
        let fails = match self.fail_on {
            FailOn::None => false,
            // What is there in a store that was not asked is not known.
            FailOn::Overdue => !overdue.is_empty() || !agenda.unseen.is_empty(),
            FailOn::Soon => !overdue.is_empty() || !soon.is_empty() || !agenda.unseen.is_empty(),
        };
        if fails { Outcome::Failed } else { Outcome::Done }
    }
}

/// Has the stores tell what they know. What comes back could not be asked.
async fn ask(
    args: &Args,
    project: &Project,
    catalog: &Catalog,
    calendar: &mut Calendar,
    context: &Context,
) -> Vec<Unasked> {
    if !project.config.names_a_backend() {
        context
            .streams
            .talk("Note: `store.backend` is not set, so no store tells of rotations, and ttls count from the catalog.");
        return Vec::new();
    }
    let in_use = |request: &&crate::manifest::SecretRequest| request.status.is_in_use() && args.filter.holds(request);
    let environments: BTreeSet<String> =
        catalog.requests().filter(in_use).map(|request| request.environment.to_string()).collect();
    let (accounts, mut unseen) = Account::open(&project.config, &project.root, environments).await;
    let bar = context.streams.bar_begins();
    let read = std::cell::Cell::new(0);
    let tell = |more| {
        read.set(read.get() + more);
        if let Some(bar) = &bar {
            bar.count("Secrets read:", read.get());
        }
    };
    let holds = |request: &crate::manifest::SecretRequest| in_use(&request);
    let (known, silent) = reconcile::known(project, catalog, &accounts, holds, &tell).await;
    context.streams.bar_ends();
    calendar.known = known;
    unseen.extend(silent);
    unseen.iter().map(|unseen| Unasked { environments: unseen.names(), message: unseen.error.to_string() }).collect()
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
