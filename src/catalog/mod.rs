//! All manifests of a repository at one place in time, with the configuration that judges them.

mod age;
mod claims;
mod entry;
mod locations;
mod project;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use rayon::prelude::*;

pub use entry::{Entry, Manifest, State};
pub use project::{Project, ProjectError};

use self::claims::Claims;
use crate::manifest::{MAX_BYTES, SecretId, SecretRequest};
use crate::source::{Blob, Change, File, Repository, Snapshot, SourceError, Unreadable};

/// The manifests of one snapshot, sorted by path.
#[derive(Debug)]
pub struct Catalog {
    pub snapshot: Snapshot,
    /// Sorted by path.
    pub entries: Vec<Entry>,
    /// What this comes from, where a change is judged.
    pub before: Option<Before>,
    /// The paths of manifests whose ttl has run out, each with a time at which the catalog had its ID already; empty
    /// until [`Catalog::look_back`].
    pub outlived: BTreeMap<String, Timestamp>,
}

/// What a change comes from.
#[derive(Debug)]
pub struct Step<'change> {
    pub change: &'change Change,
    pub before: Snapshot,
    /// In whose history an ID that the change brings in must not have been held.
    pub past: Snapshot,
}

/// The other side of a change.
#[derive(Debug)]
pub struct Before {
    pub snapshot: Snapshot,
    /// The manifests that the change touches or removes, as they were, sorted by path.
    pub entries: Vec<Entry>,
    /// The paths of those that it touches or adds.
    pub changed: BTreeSet<String>,
    /// IDs that the change brings in although history has held them, each with the commit that did last.
    pub used_up: BTreeMap<String, String>,
}

/// Which manifests a run is about. The others are read too, since IDs and targets must be unique across the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    All,
    /// These files, and what lies below these folders; paths from the repository's root.
    Paths(BTreeSet<String>),
}

/// Up to how many paths each is held against each file of a catalog; beyond it, they are looked up.
const FEW_PATHS: usize = 8;

impl Selection {
    /// What a person names on the command line: relative to the current folder; nothing is everything.
    ///
    /// # Errors
    /// A path that does not exist or lies outside the repository.
    pub fn of(repository: &Repository, paths: &[PathBuf]) -> Result<Self, SourceError> {
        if paths.is_empty() {
            return Ok(Self::All);
        }
        paths.iter().map(|path| repository.relative(path)).collect::<Result<_, _>>().map(Self::Paths)
    }

    fn holds(&self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Paths(paths) if paths.len() <= FEW_PATHS => {
                paths.iter().any(|selected| match path.strip_prefix(selected.as_str()) {
                    Some(below) => below.is_empty() || below.starts_with('/') || selected.is_empty(),
                    None => false,
                })
            }
            Self::Paths(paths) => {
                paths.contains("")
                    || paths.contains(path)
                    || path.match_indices('/').any(|(slash, _)| paths.contains(&path[..slash]))
            }
        }
    }
}

impl Step<'_> {
    /// The manifests that the change touches or removes, as they were.
    fn read(&self, repository: &Repository, project: &Project) -> Result<Before, SourceError> {
        let mut entries = Vec::new();
        for path in self.change.before.iter().filter(|path| project.is_manifest(path)) {
            if let Some(bytes) = repository.read(self.before, path, MAX_BYTES)? {
                // What nobody can see cannot be compared with; its ID would look new.
                if let Err(Unreadable::Object(message)) = bytes {
                    return Err(SourceError::Git { what: format!("`{path}` in {}", self.before), message });
                }
                entries.push(Entry::read(File { path: path.clone(), bytes }, false, project));
            }
        }
        Ok(Before { snapshot: self.before, entries, changed: self.change.after.clone(), used_up: BTreeMap::new() })
    }

    /// Which of the IDs that are new among `entries` were held before, each with the commit that did last.
    fn used_up(
        &self,
        repository: &Repository,
        project: &Project,
        before: &Before,
        entries: &[Entry],
    ) -> Result<BTreeMap<String, String>, SourceError> {
        let known: BTreeSet<&str> = before.entries.iter().filter_map(Entry::claimed_id).collect();
        let changed = |entry: &&Entry| before.changed.contains(&entry.path);
        let new = entries.iter().filter(changed).filter_map(Entry::claimed_id).filter(|id| !known.contains(id));
        let names: BTreeSet<String> = new.map(|id| format!("{id}.yaml")).collect();
        let held = repository.held_in_history(self.past, &project.config.catalog, &names)?;
        Ok(held.into_iter().map(|(name, commit)| (name.trim_end_matches(".yaml").to_owned(), commit)).collect())
    }
}

impl Catalog {
    /// Reads a snapshot: every manifest of the catalog, and the selected files that lie outside it.
    ///
    /// # Errors
    /// A repository that cannot be read. What is wrong with a file stands in its [`Entry`].
    pub fn load(
        repository: &Repository,
        project: &Project,
        snapshot: Snapshot,
        selection: &Selection,
    ) -> Result<Self, SourceError> {
        let let_go = |entry: &mut Entry| -> Vec<()> {
            entry.let_nodes_go();
            Vec::new()
        };
        Ok(Self::inspect(repository, project, snapshot, selection, None, let_go)?.0)
    }

    /// As [`Catalog::load`], and hands each entry to `inspect` as soon as it is read, in parallel. What that returns comes
    /// back in no order.
    ///
    /// Of what is not selected in the index or a commit, only that is read which the step touches, or which claims for
    /// itself what one of the others does.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn inspect<T: Send>(
        repository: &Repository,
        project: &Project,
        snapshot: Snapshot,
        selection: &Selection,
        step: Option<&Step<'_>>,
        inspect: impl Fn(&mut Entry) -> Vec<T> + Sync + Send,
    ) -> Result<(Self, Vec<T>), SourceError> {
        let folder = &project.config.catalog;
        let seen = Mutex::new(Vec::new());
        let read = |file: File| {
            let selected = selection.holds(&file.path);
            let mut entry = Entry::read(file, selected, project);
            let of_entry = inspect(&mut entry);
            if !of_entry.is_empty() {
                seen.lock().unwrap_or_else(PoisonError::into_inner).extend(of_entry);
            }
            entry
        };
        // What is selected and lies outside of the catalog.
        let outside = |known: &[Entry]| -> Result<Vec<Entry>, SourceError> {
            let Selection::Paths(paths) = selection else { return Ok(Vec::new()) };
            let known: BTreeSet<&str> = known.iter().map(|entry| entry.path.as_str()).collect();
            let mut named = Vec::new();
            for path in paths.iter().filter(|path| !known.contains(path.as_str())) {
                let on_disk = project.root.join(path);
                if on_disk.is_dir() && !on_disk.is_symlink() {
                    continue;
                }
                if let Some(bytes) = repository.read(snapshot, path, MAX_BYTES)? {
                    named.push(read(File { path: path.clone(), bytes }));
                }
            }
            Ok(named)
        };
        let mut before = step.map(|step| step.read(repository, project)).transpose()?;
        let mut entries = match (selection, repository.blobs_below(snapshot, folder)?) {
            (Selection::Paths(_), Some(mut others)) => {
                let changed = |path: &str| before.as_ref().is_some_and(|before| before.changed.contains(path));
                let is_own = |blob: &mut Blob<'_>| selection.holds(&blob.path) || changed(&blob.path);
                let own: Vec<Blob<'_>> = others.extract_if(.., is_own).collect();
                let mut found = repository.load(&own, MAX_BYTES, read);
                found.extend(outside(&found)?);
                let sought = found.iter().chain(before.iter().flat_map(|before| &before.entries)).map(Claims::of);
                let sought: BTreeSet<u64> = sought.flat_map(Claims::each).collect();
                let rivals = claims::rivals(repository, project, others, &sought);
                found.extend(repository.load(&rivals, MAX_BYTES, read));
                found
            }
            _ => {
                let mut found = repository.load_below(snapshot, folder, MAX_BYTES, read)?;
                found.extend(outside(&found)?);
                found
            }
        };
        entries.par_sort_unstable_by(|one, other| one.path.cmp(&other.path));
        if let (Some(before), Some(step)) = (&mut before, step) {
            before.used_up = step.used_up(repository, project, before, &entries)?;
        }
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((Self { snapshot, entries, before, outlived: BTreeMap::new() }, seen))
    }

    /// The entries that the run is about.
    pub fn selected(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.selected)
    }

    /// The typed manifests that the run is about; those with findings that keep them from being read are left out.
    pub fn requests(&self) -> impl Iterator<Item = &SecretRequest> {
        self.selected().filter_map(Entry::request)
    }

    /// The entry at `path`, or what a change removed from there.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Entry> {
        found(&self.entries, path).or_else(|| found(&self.before.as_ref()?.entries, path))
    }
}

/// The entry at `path` among `entries`, which are sorted by path.
fn found<'a>(entries: &'a [Entry], path: &str) -> Option<&'a Entry> {
    let place = entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
    entries.get(place)
}

/// Where the manifest of this service, environment and ID belongs, from the repository's root.
#[must_use]
pub fn path_of(project: &Project, service: &str, environment: &str, id: SecretId) -> String {
    format!("{}/{service}/{environment}/{id}.yaml", project.config.catalog)
}
