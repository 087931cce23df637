//! `goldenpath report`

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::args::audit_trail::read_events;
use crate::args::due_window::DueWindow;
use crate::args::filter::{Filter, SnapshotArgs};
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::findings::count_of;
use goldenpath_core::files;
use goldenpath_core::manifest::{SecretId, SecretRequest};
use goldenpath_core::trail::{AuditEvent, RecordedTimes};
use goldenpath_deploy::inventory;
use goldenpath_deploy::inventory::DueList;
use goldenpath_deploy::inventory::page::{CatalogPage, MARK, TimelineEvent};

/// The largest existing page that is checked for goldenpath's mark, in bytes.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Write the catalog as one HTML page
///
/// The page shows the lifecycle as a picture, due dates and every secret. It can be searched and
/// sorted, works with the keyboard, in light and dark and in print, and loads nothing from the
/// network, so that any file server can serve it.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("report":
    "Write site/index.html" => "goldenpath report --out site",
    "Write one service's page from git alone" =>
        "goldenpath report --out site --service payments --offline",
))]
pub(crate) struct Args {
    /// Write index.html into DIR, which is created if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    window: DueWindow,
    #[command(flatten)]
    at: SnapshotArgs,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let (repository, snapshot, project) = args.at.open(context)?;
    let is_selected = |request: &SecretRequest| args.filter.selects(request);
    let (catalog, rows) = inventory::read(&repository, &project, snapshot, is_selected)?;
    args.filter.check(&project, &catalog)?;
    let place = files::join_below(&args.out, "index.html")
        .map_err(|why| Failure::usage(why, "give `--out` a folder that is not a link"))?;
    if place.symlink_metadata().is_ok() {
        let found = files::read_regular(&place, MAX_BYTES);
        if !found.is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(MARK)) {
            return Err(Failure::usage(
                format!("cannot replace `{}`: goldenpath did not write it", place.display()),
                "give `--out` another folder, or move the file away",
            ));
        }
    }
    block_on(async {
        let events = read_events(&repository, &project, args.window.offline, context)?;
        let recorded = RecordedTimes::of(&events);
        let dates = args
            .window
            .read(&args.filter, &repository, &project, &catalog, recorded, context)
            .await?;
        let (catalog_id, now, within) =
            (project.catalog_id.clone(), context.now, args.window.within);
        let (due, unknown) = dates.due(within, &args.filter, &project, &catalog, context)?;
        let unreachable_stores = dates.unreachable_stores;
        let due_list = DueList { catalog_id, now, within, due, unknown, unreachable_stores };
        let moment = |event: AuditEvent| TimelineEvent {
            time: event.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            words: format!(
                "{} {}: {} (by {})",
                event.action,
                event.target,
                event.reason,
                event.actor.name()
            ),
        };
        let mut timelines: BTreeMap<SecretId, Vec<TimelineEvent>> =
            rows.iter().map(|row| (row.id, Vec::new())).collect();
        for event in events {
            if let Some(timeline) = timelines.get_mut(&event.id) {
                timeline.push(moment(event));
            }
        }
        let report = CatalogPage {
            at: snapshot.to_string(),
            timelines,
            rows,
            due_list,
            unread: catalog.selected().filter(|entry| entry.request().is_none()).count(),
        };
        let page = report.page()?;
        let failed = |error| Failure::io(&format!("cannot write `{}`", place.display()), &error);
        fs::create_dir_all(&args.out).map_err(failed)?;
        files::write_atomic(&place, page.as_bytes()).map_err(failed)?;
        context.streams.result(&format!("{}\n", place.display()));
        context
            .streams
            .message(&format!("Wrote a page with {}.", count_of(report.rows.len(), "secret")));
        Ok(Outcome::Done)
    })
}
