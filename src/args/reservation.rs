//! What `new secret` and `id` share: reserving or not, and what is told while IDs are taken.

use crate::cli::Context;
use crate::failure::Failure;
use goldenpath_core::config::{Config, Reserve};
use goldenpath_core::ids::{AllocatedIds, Allocator, AllocatorEvent};
use goldenpath_core::manifest::SecretId;
use goldenpath_core::used_ids::{RESERVATIONS, UsedIds};
use goldenpath_core::vcs::Repository;

/// Whether IDs are reserved on the remote.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct ReservationArgs {
    /// Reserve the ID on the remote or fail [default: from `ids.reserve`]
    #[arg(long, conflicts_with = "no_reserve")]
    reserve: bool,
    /// Use the next ID of this clone without contacting the remote
    #[arg(long)]
    no_reserve: bool,
}

impl ReservationArgs {
    fn choice(self) -> Option<Reserve> {
        match self {
            Self { reserve: true, .. } => Some(Reserve::Always),
            Self { no_reserve: true, .. } => Some(Reserve::Never),
            _ => None,
        }
    }

    pub(crate) fn allocator<'r>(
        self,
        repository: &'r Repository,
        config: &'r Config,
    ) -> Allocator<'r> {
        Allocator::of(repository, &config.catalog, &config.ids, self.choice())
    }
}

/// The IDs that would be given out next, as far as this clone knows.
pub(crate) fn upcoming(
    allocator: &Allocator<'_>,
    count: usize,
    context: &Context,
) -> Result<Vec<SecretId>, Failure> {
    let ids = allocator.upcoming(count, &|news| tell(&news, context));
    context.streams.progress_ends();
    Ok(ids?)
}

/// Takes IDs for good.
pub(crate) fn take(
    allocator: &Allocator<'_>,
    count: usize,
    context: &Context,
) -> Result<AllocatedIds, Failure> {
    let given = allocator.take(count, &|news| tell(&news, context));
    context.streams.progress_ends();
    Ok(given?)
}

/// Says what goes on, where that is of use.
pub(crate) fn tell(news: &AllocatorEvent<'_>, context: &Context) {
    let streams = &context.streams;
    match news {
        AllocatorEvent::Reading { commits } => {
            streams.progress(&format!(
                "Reading the history, for every ID that it ever held: {commits} commits …"
            ));
        }
        AllocatorEvent::Waiting => {
            streams.progress("Another goldenpath in this clone takes IDs; waiting for it …")
        }
        AllocatorEvent::Asking { remote } => {
            streams.glimpse(&format!("Asking {remote} which IDs are taken …"))
        }
        AllocatorEvent::Contended { remote } => {
            streams.glimpse(&format!("Others take IDs on {remote} too; trying again …"))
        }
        AllocatorEvent::Unreserved(error) => {
            streams.progress_ends();
            streams.talk(&format!(
                "Warning: the ID is not reserved: {error}.\nSomebody else may get the same one; `goldenpath id renumber` \
                 mends that before the merge."
            ));
        }
        AllocatorEvent::Beyond { used, reserved } => {
            streams.progress_ends();
            streams.talk_once(&beyond(used, reserved));
        }
        AllocatorEvent::PastLimit { id, used } => {
            streams.progress_ends();
            let highest =
                used.highest().and_then(|highest| Some((highest, used.origins.get(&highest)?)));
            let since =
                highest.map(|(highest, origin)| format!(", since {highest} is used: {origin}"));
            streams.talk_once(&format!(
                "Warning: {id} is more than {gap} (`ids.maxGap`) above {base} itself{since}.\nWhere that is not \
                 to be merged, delete the branch or ref that has it, and .git/goldenpath/ids, which remembers it. \
                 Otherwise merge what is open first: until then GP409 refuses {id} wherever its reservation is not known.",
                gap = used.limit.max_gap,
                base = highest_of(used),
                since = since.unwrap_or_default(),
            ));
        }
        AllocatorEvent::Cut => {
            streams.progress_ends();
            streams.talk_once(
                "Warning: this clone is shallow. An ID that was used and deleted before its history begins is not seen; \
                 `git fetch --unshallow` brings it.",
            );
        }
    }
}

/// How many IDs that do not count are named.
const NAMED: usize = 5;

/// What does not count, where it is, and what to do.
fn beyond(used: &UsedIds, reserved: &[SecretId]) -> String {
    let files = used.beyond().map(|(id, origin)| format!("  {id}  {origin}\n"));
    let refs = reserved.iter().map(|id| format!("  {id}  reserved as {RESERVATIONS}{id}\n"));
    let lines: Vec<String> = files.chain(refs).collect();
    let named: String = lines.iter().take(NAMED).map(String::as_str).collect();
    let more = match lines.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("  and {more} more, which `goldenpath id list` shows\n"),
    };
    format!(
        "Warning: these IDs do not count, since they are more than {} (`ids.maxGap`) above {}:\n{named}{more}Where one is \
         right, merge its manifest or raise `ids.maxGap`; otherwise delete the file, branch or ref that has it, and \
         .git/goldenpath/ids, which remembers it.",
        used.limit.max_gap,
        highest_of(used)
    )
}

fn highest_of(used: &UsedIds) -> String {
    match used.limit.base {
        Some(base) => format!("{base}, the highest of the default branch"),
        None => "zero: the default branch has no manifest".to_owned(),
    }
}
