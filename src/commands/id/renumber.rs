//! `goldenpath id renumber`

use serde_json::json;

use super::applied::find_evidence;
use crate::args::reservation::{ReservationArgs, reserve_ids, upcoming};
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::diff::{FileDiff, diff_for_people};
use goldenpath_core::catalog::{Catalog, Entry, FindError, Project, Selection};
use goldenpath_core::fixes;
use goldenpath_core::fixes::Rewrite;
use goldenpath_core::ids::{self, Allocator, RenumberCandidate, RenumberError, renumber};
use goldenpath_core::manifest::SecretId;
use goldenpath_core::rules::ConfidentialSpans;
use goldenpath_core::sanitize::{sanitize_json, sanitize_name};
use goldenpath_core::vcs::{Branch, Repository, Snapshot};

/// Change the ID of the younger of two manifests with the same ID
///
/// Run it before the merge: it writes the next free ID into the manifest of the work tree and its
/// file name, preserving comments and formatting. Without MANIFESTS, it changes manifests that
/// collide in the catalog or with a branch of the remote. Commits decide which one is younger;
/// manifests on the default branch keep their IDs. A manifest that was applied is refused.
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
    reservation: ReservationArgs,
    /// Print the old and new IDs and paths as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    let mut catalog = Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
    let allocator = args.reservation.allocator(&repository, &project.config);
    let (candidates, kept) = match args.manifests.as_slice() {
        [] => find_collisions(&repository, &project, &catalog, &allocator, context)?,
        names => (find_manifests(&repository, &catalog, names)?, 0),
    };
    if candidates.is_empty() {
        if kept == 0 {
            context.streams.message("No two manifests have the same ID.");
        }
        report(&[], args, context);
        return Ok(Outcome::Done);
    }
    refuse_applied(&repository, &project, &catalog, &candidates, context)?;
    // Prepared with unreserved IDs first, so that a failing rewrite uses no ID.
    let mut ids = upcoming(&allocator, candidates.len(), context)?;
    let mut rewrites = rewrite(&mut catalog, &project, &candidates, &ids)?;
    if !args.dry_run {
        let taken = reserve_ids(&allocator, candidates.len(), context)?.ids;
        if taken != ids {
            catalog = Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
            rewrites = rewrite(&mut catalog, &project, &candidates, &taken)?;
        }
        fixes::write(&repository, &catalog, &rewrites)?;
        ids = taken;
    }
    let done: Vec<RenumberedSecret<'_>> = candidates
        .iter()
        .zip(&ids)
        .zip(&rewrites)
        .map(|((candidate, id), rewrite)| RenumberedSecret { candidate, id: *id, rewrite })
        .collect();
    if args.dry_run && !args.json {
        for one in &done {
            show(one, &catalog, &project, context);
        }
    }
    report(&done, args, context);
    for one in &done {
        note_old_id(one, &catalog, context);
    }
    Ok(Outcome::Done)
}

/// Rejects manifests that were applied: tags, trail and ExternalSecret have their ID.
fn refuse_applied(
    repository: &Repository,
    project: &Project,
    catalog: &Catalog,
    candidates: &[RenumberCandidate],
    context: &Context,
) -> Result<(), Failure> {
    for RenumberCandidate { path, id, .. } in candidates {
        let Some(entry) = catalog.at(path) else { continue };
        if let Some(evidence) = find_evidence(repository, project, catalog, entry, context)? {
            return Err(RenumberError::Applied { path: path.clone(), id: *id, evidence }.into());
        }
    }
    Ok(())
}

/// A manifest with its new ID.
struct RenumberedSecret<'a> {
    candidate: &'a RenumberCandidate,
    id: SecretId,
    rewrite: &'a Rewrite,
}

/// Returns the manifests to renumber here, and how many others keep their ID.
///
/// The younger manifest of such a collision is on another branch.
fn find_collisions(
    repository: &Repository,
    project: &Project,
    catalog: &Catalog,
    allocator: &Allocator<'_>,
    context: &Context,
) -> Result<(Vec<RenumberCandidate>, usize), Failure> {
    let mut others: Vec<Branch> = repository.branches()?;
    let remote = allocator.remote()?;
    if let Some(remote) = &remote {
        context.streams.brief_progress(&format!("Reading the branches of {} …", remote.name));
        match remote.branches() {
            // The branches of the remote replace the state of the last fetch.
            Ok(branches) => {
                let prefix = format!("{}/", remote.name);
                others.retain(|branch| !branch.name.starts_with(&prefix));
                others.extend(branches);
            }
            Err(error) => {
                context.streams.end_progress();
                context
                    .streams
                    .message(&format!("Warning: only fetched branches are checked: {error}."));
            }
        }
    }
    context.streams.end_progress();
    let target = remote.as_ref().and_then(|remote| repository.branch_of(&remote.name));
    let target = target.or_else(|| repository.upstream_branch());
    let (candidates, of_other_branches) =
        ids::find_collisions(repository, project, catalog, target.as_ref(), &others)?;
    for one in &of_other_branches {
        context.streams.message(&format!(
            "{} keeps {}: {} on {} is younger. Renumber it there, or this one with \
             `goldenpath id renumber {}`.",
            sanitize_name(&one.path),
            one.id,
            sanitize_name(&one.other),
            sanitize_name(&one.branch),
            sanitize_name(&one.path)
        ));
    }
    Ok((candidates, of_other_branches.len()))
}

/// Returns the manifests of the given IDs and paths.
fn find_manifests(
    repository: &Repository,
    catalog: &Catalog,
    names: &[String],
) -> Result<Vec<RenumberCandidate>, Failure> {
    let mut found: Vec<RenumberCandidate> = Vec::new();
    for name in names {
        let path = match SecretId::parse_typed(name) {
            Ok(_) => match catalog.find(name) {
                Ok(entry) => entry.path.clone(),
                Err(error @ FindError::Several { .. }) => {
                    let help = "give the path of the file whose ID changes";
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
                format!("`{path}` is not a manifest of the catalog with an ID"),
                "give the path or the ID of a manifest",
            ));
        };
        if !found.iter().any(|known| known.path == path) {
            found.push(RenumberCandidate { path, id, reason: "it was named".to_owned() });
        }
    }
    Ok(found)
}

/// Gives the manifests their new IDs in the catalog, and returns the changed files.
fn rewrite(
    catalog: &mut Catalog,
    project: &Project,
    candidates: &[RenumberCandidate],
    ids: &[SecretId],
) -> Result<Vec<Rewrite>, Failure> {
    let rewrites =
        candidates.iter().zip(ids).map(|(one, id)| renumber(catalog, project, &one.path, *id));
    Ok(rewrites.collect::<Result<_, _>>()?)
}

fn show(done: &RenumberedSecret<'_>, catalog: &Catalog, project: &Project, context: &Context) {
    let Some(after) = catalog.at(&done.rewrite.path) else { return };
    let before = &done.rewrite.before;
    let (old, new) = ConfidentialSpans::of_change(before, after, project);
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
            .map(|RenumberedSecret { candidate, id, rewrite }| {
                json!({
                    "from": candidate.id,
                    "to": id,
                    "oldPath": candidate.path,
                    "path": rewrite.path,
                    "reason": candidate.reason,
                })
            })
            .collect();
        let json =
            format!("{:#}", json!({ "version": 1, "dryRun": args.dry_run, "renumbered": rows }));
        context.streams.result(&format!("{}\n", sanitize_json(&json)));
        return;
    }
    for RenumberedSecret { candidate, id, rewrite } in done {
        let line = format!(
            "{} → {id} {} ({})\n",
            candidate.id,
            sanitize_name(&rewrite.path),
            sanitize_name(&candidate.reason)
        );
        if args.dry_run {
            context.streams.message(line.trim_end());
        } else {
            context.streams.result(&line);
        }
    }
    if args.dry_run && !done.is_empty() {
        context.streams.message("Nothing was written (--dry-run).");
    }
}

/// Notes a line that still has the old ID, such as a comment, which is never changed.
fn note_old_id(done: &RenumberedSecret<'_>, catalog: &Catalog, context: &Context) {
    let old = done.candidate.id.to_string();
    let Some(after) = catalog.at(&done.rewrite.path) else { return };
    if let Some(line) = after.text.lines().position(|line| line.contains(&old)) {
        let path = sanitize_name(&after.path);
        context.streams.message(&format!("Note: {path}:{} still contains {old}.", line + 1));
    }
}
