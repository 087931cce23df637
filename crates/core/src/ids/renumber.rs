//! Renumbering: a new ID for the younger of two manifests with the same one.
//!
//! The ID changes in the text, with comments and layout preserved, and in the file's name.

use std::collections::BTreeMap;

use git2::Oid;
use miette::Diagnostic;

use super::conflicts::{IdConflict, NewManifestId, find_conflicts};
use crate::catalog::{Catalog, Entry, Project};
use crate::fixes::Rewrite;
use crate::manifest::SecretId;
use crate::vcs::{Branch, File, Repository, Snapshot, SourceError, TargetBranch};
use crate::yaml::{Node, NodeValue, Scalar, YamlEdit};

/// Why a manifest cannot be renumbered.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum RenumberError {
    #[error("cannot renumber `{path}`: it has no valid ID")]
    #[diagnostic(
        code(goldenpath::ids::no_id),
        help("`goldenpath validate {path}` shows what is wrong with it")
    )]
    NoId { path: String },

    #[error("cannot change the ID in `{path}`: another part of the file would change too")]
    #[diagnostic(
        code(goldenpath::ids::unwritable),
        help("set `id: {id}` by hand, and rename the file after it")
    )]
    Unwritable { path: String, id: SecretId },

    #[error("cannot renumber `{path}`: it was applied as {id}, {evidence}")]
    #[diagnostic(
        code(goldenpath::ids::applied),
        help(
            "give the other manifest a new ID instead: `goldenpath id renumber PATH`; for a new \
             secret, create a manifest with `goldenpath new secret`"
        )
    )]
    Applied { path: String, id: SecretId, evidence: String },
}

/// A manifest that needs another ID, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenumberCandidate {
    /// The path of the manifest, from the repository's root.
    pub path: String,
    /// The current ID, which an older manifest has too.
    pub id: SecretId,
    /// The manifest that keeps the ID.
    pub reason: String,
}

/// A conflict in which the other branch's manifest must be renumbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherBranchCollision {
    /// The path of the current branch's manifest, which keeps the ID.
    pub path: String,
    /// The ID that both manifests have.
    pub id: SecretId,
    /// The short name of the other branch, such as `origin/payments`.
    pub branch: String,
    /// The path of the manifest on the other branch.
    pub other: String,
}

/// Returns the manifests to renumber, on this branch and on other branches.
///
/// A manifest is in conflict if an older one has its ID, in the same `catalog` or on one of
/// `others`. A manifest on the default branch `target` is older than all others; otherwise the
/// dates of commits decide, and an uncommitted one is the youngest.
///
/// # Errors
/// A repository that cannot be read, or a shallow clone without the common commit.
pub fn find_collisions(
    repository: &Repository,
    project: &Project,
    catalog: &Catalog,
    target: Option<&TargetBranch>,
    others: &[Branch],
) -> Result<(Vec<RenumberCandidate>, Vec<OtherBranchCollision>), SourceError> {
    let head = repository.last_commit()?;
    let (commit, base) =
        (head.and_then(commit_of), target.and_then(|target| commit_of(target.tip)));
    let in_target = |path: &str| base.map_or(Ok(false), |base| repository.has_file(base, path));
    let since = |commit: Option<Oid>, path: &str| match commit {
        Some(commit) => Ok(repository.first_commit_time(commit, path)?.unwrap_or(i64::MAX)),
        None => Ok::<_, SourceError>(i64::MAX),
    };

    let mut by_id: BTreeMap<SecretId, Vec<&Entry>> = BTreeMap::new();
    for entry in &catalog.entries {
        if let Some(id) = entry.claimed_id().and_then(|id| SecretId::parse(id).ok()) {
            by_id.entry(id).or_default().push(entry);
        }
    }
    let mut candidates = Vec::new();
    for (id, entries) in by_id.iter().filter(|(_, entries)| entries.len() > 1) {
        let mut paths = Vec::new();
        for entry in entries.iter() {
            let path = &entry.path;
            paths.push((!in_target(path)?, since(commit, path)?, path.clone()));
        }
        paths.sort();
        let mut paths = paths.into_iter().map(|(_, _, path)| path);
        let reason = format!("{} has it", paths.next().unwrap_or_default());
        candidates.extend(paths.map(|path| RenumberCandidate {
            path,
            id: *id,
            reason: reason.clone(),
        }));
    }

    // The default branch stays as it is: a manifest in conflict with it must change.
    let mut mine: Vec<NewManifestId> = Vec::new();
    for entry in &catalog.entries {
        let is_candidate = candidates.iter().any(|known| known.path == entry.path);
        if !is_candidate && !in_target(&entry.path)? {
            mine.extend(NewManifestId::of(entry));
        }
    }
    let mut of_other_branches = Vec::new();
    for IdConflict { mine, branch, path } in
        find_conflicts(repository, &project.config.catalog, &mine, head, others)?
    {
        let theirs = (!in_target(&path)?, since(Some(branch.tip), &path)?);
        let ours = (true, since(commit, &mine.path)?);
        let (branch, other) = (branch.name, path);
        if theirs <= ours {
            candidates.push(RenumberCandidate {
                reason: format!("{other} on {branch} has it"),
                path: mine.path,
                id: mine.id,
            });
        } else {
            of_other_branches.push(OtherBranchCollision {
                path: mine.path,
                id: mine.id,
                branch,
                other,
            });
        }
    }
    candidates.sort_by(|one, other| one.path.cmp(&other.path));
    Ok((candidates, of_other_branches))
}

impl NewManifestId {
    /// Returns the ID of a manifest in the catalog, if it has one.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Self> {
        let id = SecretId::parse(entry.claimed_id()?).ok()?;
        let name =
            entry.root().and_then(|root| root.string_at("/metadata/name")).map(str::to_owned);
        Some(Self { id, path: entry.path.clone(), name })
    }
}

/// Gives the manifest at `path` the ID `new`; nothing is written to disk.
///
/// The ID changes in every value that equals the old one, and in the file's name.
///
/// # Errors
/// A file without an ID, or with one that cannot be changed in place.
pub fn renumber(
    catalog: &mut Catalog,
    project: &Project,
    path: &str,
    new: SecretId,
) -> Result<Rewrite, RenumberError> {
    let no_id = || RenumberError::NoId { path: path.to_owned() };
    let number = catalog.entries.iter().position(|entry| entry.path == path).ok_or_else(no_id)?;
    let entry = &catalog.entries[number];
    let old =
        entry.claimed_id().and_then(|id| SecretId::parse(id).ok()).ok_or_else(no_id)?.to_string();
    let root = entry.root().ok_or_else(no_id)?;
    let unwritable = || RenumberError::Unwritable { path: path.to_owned(), id: new };
    let mut text = entry.text.clone();
    for pointer in find_values(root, &old) {
        let root = crate::yaml::parse(&text).map_err(|_| unwritable())?;
        let change = YamlEdit::Set { pointer, value: Scalar::String(new.to_string()) };
        text = change.apply(&text, &root).ok_or_else(unwritable)?;
    }
    let to = match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{new}.yaml"),
        None => format!("{new}.yaml"),
    };
    let file = File { path: to.clone(), bytes: Ok(text.into_bytes()) };
    let before = std::mem::replace(&mut catalog.entries[number], Entry::read(file, true, project));
    catalog.entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(Rewrite { before, path: to })
}

/// Returns the pointers to the values that equal `word`.
fn find_values(root: &Node, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), root)];
    while let Some((pointer, node)) = open.pop() {
        match &node.value {
            NodeValue::Mapping(fields) => {
                open.extend(fields.iter().map(|(key, value)| {
                    let name = key.name.replace('~', "~0").replace('/', "~1");
                    (format!("{pointer}/{name}"), value)
                }));
            }
            NodeValue::Sequence(items) => {
                open.extend(
                    items.iter().enumerate().map(|(at, item)| (format!("{pointer}/{at}"), item)),
                );
            }
            NodeValue::String(text) if text == word => found.push(pointer),
            _ => {}
        }
    }
    found
}

fn commit_of(snapshot: Snapshot) -> Option<Oid> {
    match snapshot {
        Snapshot::Commit(commit) => Some(commit),
        _ => None,
    }
}
