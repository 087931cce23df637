//! The reservation of IDs by `new secret` and `id`, and its messages.

use crate::context::Context;
use crate::failure::Failure;
use goldenpath_core::config::{Config, Reserve};
use goldenpath_core::ids::{AllocatedIds, Allocator, AllocatorEvent};
use goldenpath_core::manifest::SecretId;
use goldenpath_core::rules::ID_JUMP;
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

    /// Returns the allocator with the choice of the flags, or else of the configuration.
    pub(crate) fn allocator<'r>(
        self,
        repository: &'r Repository,
        config: &'r Config,
    ) -> Allocator<'r> {
        Allocator::of(repository, config, self.choice())
    }
}

/// Returns the next free IDs, as far as this clone knows.
pub(crate) fn upcoming(
    allocator: &Allocator<'_>,
    count: usize,
    context: &Context,
) -> Result<Vec<SecretId>, Failure> {
    let ids = allocator.upcoming(count, &|event| report_event(&event, context));
    context.streams.end_progress();
    Ok(ids?)
}

/// Reserves the next free IDs.
pub(crate) fn reserve_ids(
    allocator: &Allocator<'_>,
    count: usize,
    context: &Context,
) -> Result<AllocatedIds, Failure> {
    let taken = allocator.allocate(count, &|event| report_event(&event, context));
    context.streams.end_progress();
    Ok(taken?)
}

/// Prints an event of the allocator.
pub(crate) fn report_event(event: &AllocatorEvent<'_>, context: &Context) {
    let streams = &context.streams;
    match event {
        AllocatorEvent::Reading { commits } => {
            streams.progress(&format!("Reading the IDs of {commits} commits …"));
        }
        AllocatorEvent::Waiting => {
            streams.progress("Waiting for another goldenpath process to reserve IDs …")
        }
        AllocatorEvent::Querying { remote } => {
            streams.brief_progress(&format!("Reading the reserved IDs from {remote} …"))
        }
        AllocatorEvent::Contended { remote } => {
            streams.brief_progress(&format!("Lost a reservation race on {remote}; trying again …"))
        }
        AllocatorEvent::Unreserved(error) => {
            streams.end_progress();
            streams.message(&format!(
                "Warning: the ID is not reserved: {error}.\nAnother clone may get the same ID; \
                 `goldenpath id renumber` fixes that before the merge."
            ));
        }
        AllocatorEvent::AboveLimit { used, reserved } => {
            streams.end_progress();
            streams.message_once(&describe_ids_above_limit(used, reserved));
        }
        AllocatorEvent::PastLimit { id, used } => {
            streams.end_progress();
            let highest =
                used.highest().and_then(|highest| Some((highest, used.origins.get(&highest)?)));
            let since =
                highest.map(|(highest, origin)| format!(", because {highest} is used: {origin}"));
            streams.message_once(&format!(
                "Warning: {id} is more than {gap} (`ids.maxGap`) above {base} itself{since}.\n\
                 If that manifest will not be merged, delete its branch or ref and \
                 .git/goldenpath/ids, which caches it. Otherwise merge the open manifests first: \
                 until then, {rule} rejects {id} wherever its reservation is not known.",
                rule = ID_JUMP.code,
                gap = used.limit.max_gap,
                base = highest_of(used),
                since = since.unwrap_or_default(),
            ));
        }
        AllocatorEvent::Shallow => {
            streams.end_progress();
            streams.message_once(
                "Warning: this clone is shallow. IDs that were deleted before the start of its \
                 history are unknown; `git fetch --unshallow` fetches them.",
            );
        }
    }
}

/// How many ignored IDs a warning lists.
const MAX_LISTED: usize = 5;

/// Returns the warning about IDs above the limit.
fn describe_ids_above_limit(used: &UsedIds, reserved: &[SecretId]) -> String {
    let files = used.above_limit().map(|(id, origin)| format!("  {id}  {origin}\n"));
    let refs = reserved.iter().map(|id| format!("  {id}  reserved as {RESERVATIONS}{id}\n"));
    let lines: Vec<String> = files.chain(refs).collect();
    let listed: String = lines.iter().take(MAX_LISTED).map(String::as_str).collect();
    let more = match lines.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!("  and {more} more: see `goldenpath id list`\n"),
    };
    format!(
        "Warning: these IDs do not count, because they are more than {} (`ids.maxGap`) above \
         {}:\n{listed}{more}If an ID is right, merge its manifest or raise `ids.maxGap`; \
         otherwise delete its file, branch or ref, and .git/goldenpath/ids, which caches it.",
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
