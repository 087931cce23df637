//! `goldenpath id renumber`

use serde_json::json;

use crate::args::reservation::{ReservationArgs, take, upcoming};
use crate::cli::{Context, Outcome};
use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Entry, FindError, Project, Selection};
use crate::output::diff::{FileDiff, diff_for_people};
use goldenpath_core::fixes;
use goldenpath_core::fixes::Rewrite;
use goldenpath_core::ids::{Allocator, Younger, collisions, renumber};
use goldenpath_core::manifest::SecretId;
use goldenpath_core::rules::Confidential;
use goldenpath_core::vcs::{Branch, Repository, Snapshot};
use goldenpath_core::sanitize::{harmless_json, harmless_name};

/// Change the ID of the younger of two manifests with the same ID
///
/// Run it before the merge: it writes the next free ID into the manifest of the work tree and its
/// file name, preserving comments and formatting. Without MANIFESTS, it changes manifests that
/// collide in the catalog or with a branch of the remote. Commits decide which one is younger;
/// manifests on the default branch keep their IDs.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("id":
    "Show which manifests would get another ID" => "goldenpath id renumber --dry-run",
    "Change the IDs of all manifests that collide" => "goldenpath id renumber",
    "Change the ID of one manifest" => "goldenpath id renumber SEC-0007",
))]
pub(crate) struct Args {
    /// Manifests, by path, or by an ID that only one file has [default: collisions]
    manifests: Vec<String>,
    /// Show the changes without writing them
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    reserving: ReservationArgs,
    /// Print the old and new IDs and paths as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    let mut catalog = Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
    let allocator = args.reserving.allocator(&repository, &project.config);
    let (younger, others_turn) = match args.manifests.as_slice() {
        [] => colliding(&repository, &project, &catalog, &allocator, context)?,
        named => (chosen(&repository, &catalog, named)?, 0),
    };
    if younger.is_empty() {
        if others_turn == 0 {
            context.streams.talk("No two manifests have the same ID.");
        }
        report(&[], args, context);
        return Ok(Outcome::Done);
    }
    // With a stand-in first: whatever cannot be written is refused before a number is taken.
    let ids = upcoming(&allocator, younger.len(), context)?;
    let mut rewrites = rewritten(&mut catalog, &project, &younger, &ids)?;
    let ids = match args.dry_run {
        true => ids,
        false => {
            let given = take(&allocator, younger.len(), context)?.ids;
            if given != ids {
                catalog =
                    Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
                rewrites = rewritten(&mut catalog, &project, &younger, &given)?;
            }
            fixes::write(&repository, &catalog, &rewrites)?;
            given
        }
    };
    let done: Vec<RenumberedSecret<'_>> = younger
        .iter()
        .zip(&ids)
        .zip(&rewrites)
        .map(|((younger, id), rewrite)| RenumberedSecret { younger, id: *id, rewrite })
        .collect();
    if args.dry_run && !args.json {
        for one in &done {
            show(one, &catalog, &project, context);
        }
    }
    report(&done, args, context);
    for one in &done {
        remind(one, &catalog, context);
    }
    Ok(Outcome::Done)
}

/// A manifest with its new ID.
struct RenumberedSecret<'a> {
    younger: &'a Younger,
    id: SecretId,
    rewrite: &'a Rewrite,
}

/// What collides, and how many manifests somebody else has to renumber.
fn colliding(
    repository: &Repository,
    project: &Project,
    catalog: &Catalog,
    allocator: &Allocator<'_>,
    context: &Context,
) -> Result<(Vec<Younger>, usize), Failure> {
    let mut others: Vec<Branch> = repository.branches()?;
    let remote = allocator.remote()?;
    if let Some(remote) = &remote {
        context.streams.glimpse(&format!("Asking {} what its branches hold …", remote.name));
        match remote.branches() {
            // What the remote has now counts, and not what it had when it was last fetched.
            Ok(branches) => {
                let prefix = format!("{}/", remote.name);
                others.retain(|branch| !branch.name.starts_with(&prefix));
                others.extend(branches);
            }
            Err(error) => {
                context.streams.progress_ends();
                context.streams.talk(&format!(
                    "Warning: only branches that were fetched are looked at: {error}."
                ));
            }
        }
    }
    context.streams.progress_ends();
    let target = remote.as_ref().and_then(|remote| repository.branch_of(&remote.name));
    let target = target.or_else(|| repository.upstream_branch());
    let (younger, elder) = collisions(repository, project, catalog, target.as_ref(), &others);
    for one in &elder {
        context.streams.talk(&format!(
            "{} keeps {}: {} on {} is younger and is to be renumbered there, or here by `goldenpath id renumber {}`.",
            harmless_name(&one.path),
            one.id,
            harmless_name(&one.other),
            harmless_name(&one.branch),
            harmless_name(&one.path)
        ));
    }
    Ok((younger, elder.len()))
}

/// The manifests that were named.
fn chosen(
    repository: &Repository,
    catalog: &Catalog,
    names: &[String],
) -> Result<Vec<Younger>, Failure> {
    let mut chosen: Vec<Younger> = Vec::new();
    for name in names {
        let path = match SecretId::parse(name) {
            Ok(_) => match catalog.find(name) {
                Ok(entry) => entry.path.clone(),
                Err(error @ FindError::Several { .. }) => {
                    let help = "name the file whose ID changes";
                    return Err(Failure::usage(error.to_string(), help));
                }
                Err(error) => return Err(error.into()),
            },
            Err(_) => repository.relative(name.as_ref())?,
        };
        let id =
            catalog.at(&path).and_then(Entry::claimed_id).and_then(|id| SecretId::parse(id).ok());
        let Some(id) = id else {
            return Err(Failure::usage(
                format!("`{path}` is no manifest of the catalog that has an ID"),
                "name a manifest, by its path or its ID",
            ));
        };
        if !chosen.iter().any(|known| known.path == path) {
            chosen.push(Younger { path, id, because: "it was named".to_owned() });
        }
    }
    Ok(chosen)
}

fn rewritten(
    catalog: &mut Catalog,
    project: &Project,
    younger: &[Younger],
    ids: &[SecretId],
) -> Result<Vec<Rewrite>, Failure> {
    let rewrites =
        younger.iter().zip(ids).map(|(one, id)| renumber(catalog, project, &one.path, *id));
    Ok(rewrites.collect::<Result<_, _>>()?)
}

fn show(done: &RenumberedSecret<'_>, catalog: &Catalog, project: &Project, context: &Context) {
    let Some(after) = catalog.at(&done.rewrite.path) else { return };
    let before = &done.rewrite.before;
    let (old, new) = Confidential::of_change(before, after, project);
    let difference = FileDiff {
        from: &before.path,
        to: &after.path,
        before: &old.mask(&before.text),
        after: &new.mask(&after.text),
    };
    context.streams.result(&diff_for_people(&difference, context.streams.out));
}

fn report(done: &[RenumberedSecret<'_>], args: &Args, context: &Context) {
    if args.json {
        let rows: Vec<_> = done
            .iter()
            .map(|one| json!({ "from": one.younger.id, "to": one.id, "oldPath": one.younger.path, "path": one.rewrite.path, "reason": one.younger.because }))
            .collect();
        let json =
            format!("{:#}", json!({ "version": 1, "dryRun": args.dry_run, "renumbered": rows }));
        context.streams.result(&format!("{}\n", harmless_json(&json)));
        return;
    }
    for RenumberedSecret { younger, id, rewrite } in done {
        let line = format!(
            "{} → {id} {} ({})\n",
            younger.id,
            harmless_name(&rewrite.path),
            harmless_name(&younger.because)
        );
        match args.dry_run {
            true => context.streams.talk(line.trim_end()),
            false => context.streams.result(&line),
        }
    }
    if args.dry_run && !done.is_empty() {
        context.streams.talk("Nothing was written (--dry-run).");
    }
}

/// Says where the old ID still stands in words: what a comment means is not ours to change.
fn remind(done: &RenumberedSecret<'_>, catalog: &Catalog, context: &Context) {
    let old = done.younger.id.to_string();
    let Some(after) = catalog.at(&done.rewrite.path) else { return };
    if let Some(line) = after.text.lines().position(|line| line.contains(&old)) {
        let path = harmless_name(&after.path);
        context.streams.talk(&format!("Note: {path}:{} still speaks of {old}.", line + 1));
    }
}
