//! All manifests of a repository in one state, with the configuration that applies.

mod claims;
mod configured_paths;
mod destination;
mod entry;
mod expiry;
mod find;
mod project;
mod rotation;
mod rule_files;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use rayon::prelude::*;

pub use destination::{Destination, DestinationDifference};
pub use entry::{Entry, EntryState, Manifest};
pub use find::FindError;
pub use project::{ConfigFile, Project, ProjectError};
pub use rule_files::{ChangedRuleFile, RuleChange, RuleFile, RuleSnapshot};

use crate::catalog::claims::Claims;
use crate::manifest::{MAX_BYTES, SecretId, SecretRequest};
use crate::trail::TrailViolation;
use crate::used_ids;
use crate::used_ids::{EarlierUse, Limit, Reservations};
use crate::vcs::{Blob, ChangedPaths, File, Repository, Snapshot, SourceError, Unreadable};

/// The manifests of one snapshot, sorted by path.
#[derive(Debug)]
pub struct Catalog {
    /// The state that the entries were read from.
    pub snapshot: Snapshot,
    /// Sorted by path.
    pub entries: Vec<Entry>,
    /// Files that are not manifests and may contain a secret, sorted by path.
    ///
    /// These are others in the catalog's folder, and rule files. Empty until
    /// [`Catalog::read_texts`].
    pub texts: Vec<Entry>,
    /// The paths of files on disk in the catalog's folder that are not manifests.
    pub other_files: Vec<String>,
    /// The names of all services with folders in the snapshot, whether read or not.
    pub services: BTreeSet<String>,
    /// The state before a change, if a change is checked.
    pub before: Option<BaseCatalog>,
    /// The change of rule files; empty until [`RuleChange::read`].
    pub rule_change: RuleChange,
    /// The paths of manifests with an expired ttl.
    ///
    /// Each comes with a time at which the catalog already had its ID. Empty until
    /// [`Catalog::find_expired`].
    pub expired: BTreeMap<String, Timestamp>,
    /// The paths of manifests whose ttl may have expired.
    ///
    /// History is cut, and the audit trail has no event of them. Empty until
    /// [`Catalog::find_expired`].
    pub unknown_ages: BTreeSet<String>,
}

/// A change that is checked, with the commits that it is compared with.
#[derive(Debug)]
pub struct ChangeContext<'change> {
    /// The files that the change modifies, adds or removes.
    pub change: &'change ChangedPaths,
    /// The state that the change starts from.
    pub before: Snapshot,
    /// The commit whose history must not have the new IDs.
    pub used_ids_tip: Snapshot,
    /// The state of the default branch with which new IDs are compared.
    pub base: Option<Snapshot>,
    /// Changes of audit trails that `apply` did not make.
    pub trails: Vec<TrailViolation>,
}

/// The state before a change.
#[derive(Debug)]
pub struct BaseCatalog {
    /// The commit or tree of that state.
    pub snapshot: Snapshot,
    /// The old manifests that the change modifies or removes, sorted by path.
    pub entries: Vec<Entry>,
    /// The paths of files that the change modifies or adds.
    pub changed: BTreeSet<String>,
    /// The catalog's folder after the change, if it moves.
    pub moved_to: Option<String>,
    /// New IDs that history or, where it is cut, the audit trail already has.
    pub reused_ids: BTreeMap<String, EarlierUse>,
    /// The paths of manifests with new IDs that may have been used before.
    ///
    /// History is cut, and the clone has no audit trail.
    pub unknown_ids: BTreeSet<String>,
    /// New IDs more than `ids.maxGap` above the default branch's, if not reserved.
    pub jumps: BTreeSet<SecretId>,
    /// The highest ID of the default branch; only set if there are jumps.
    pub highest: Option<SecretId>,
    /// Changes of audit trails that `apply` did not make.
    pub trails: Vec<TrailViolation>,
}

/// The manifests that a run checks.
///
/// The others are read too, since IDs and targets must be unique in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Every manifest in the catalog's folder.
    All,
    /// These files, and those below these folders; paths from the repository's root.
    Paths(BTreeSet<String>),
    /// A file that is not saved, in place of the one on disk, if any.
    Buffer(Buffer),
}

/// The unsaved text of a file, such as in an editor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    /// From the repository's root, with `/`.
    pub path: String,
    /// The text, of any encoding and size.
    pub bytes: Vec<u8>,
}

/// The size limit of a file that is not a manifest, in bytes.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;

/// The line of a manifest that says what it is, as an extended regular expression.
const KIND_LINE: &str = "^kind:[[:space:]]*[\"']?SecretRequest[\"']?[[:space:]]*(#.*)?$";

/// The number of paths up to which comparing each is faster than a lookup.
const FEW_PATHS: usize = 8;

impl Selection {
    /// Creates the selection of command-line arguments; without any, all is selected.
    ///
    /// They are relative to the current folder.
    ///
    /// # Errors
    /// A path that does not exist or is outside the repository.
    pub fn of(repository: &Repository, paths: &[PathBuf]) -> Result<Self, SourceError> {
        if paths.is_empty() {
            return Ok(Self::All);
        }
        paths
            .iter()
            .map(|path| repository.relative(path))
            .collect::<Result<_, _>>()
            .map(Self::Paths)
    }

    fn contains(&self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Buffer(buffer) => buffer.path == path,
            Self::Paths(paths) if paths.len() <= FEW_PATHS => {
                paths.iter().any(|selected| match path.strip_prefix(selected.as_str()) {
                    Some(below) => {
                        below.is_empty() || below.starts_with('/') || selected.is_empty()
                    }
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

impl Buffer {
    /// Returns it as a file, or its error if it is too large.
    fn file(&self) -> File {
        let size = self.bytes.len() as u64;
        let bytes = if size > MAX_BYTES {
            Err(Unreadable::TooLarge { size, limit: MAX_BYTES })
        } else {
            Ok(self.bytes.clone())
        };
        File { path: self.path.clone(), bytes }
    }
}

impl ChangeContext<'_> {
    /// Reads the old manifests that the change modifies or removes.
    fn read(&self, repository: &Repository, project: &Project) -> Result<BaseCatalog, SourceError> {
        let mut entries = Vec::new();
        for path in self.change.before.iter().filter(|path| project.is_manifest(path)) {
            if let Some(bytes) = repository.read(self.before, path, MAX_BYTES)? {
                // An unreadable file cannot be compared; its ID would seem new.
                if let Err(Unreadable::Object(message)) = bytes {
                    return Err(SourceError::Git {
                        what: format!("`{path}` in {}", self.before),
                        message,
                    });
                }
                entries.push(Entry::read(File { path: path.clone(), bytes }, false, project));
            }
        }
        Ok(BaseCatalog {
            snapshot: self.before,
            entries,
            changed: self.change.after.clone(),
            moved_to: project.moved_to.clone(),
            reused_ids: BTreeMap::new(),
            unknown_ids: BTreeSet::new(),
            jumps: BTreeSet::new(),
            highest: None,
            trails: self.trails.clone(),
        })
    }

    /// Finds the new IDs of `entries` that were used before.
    fn find_reused_ids(
        &self,
        repository: &Repository,
        project: &Project,
        before: &mut BaseCatalog,
        entries: &[Entry],
    ) -> Result<(), SourceError> {
        let known: BTreeSet<&str> = before.entries.iter().filter_map(Entry::claimed_id).collect();
        let changed = entries.iter().filter(|entry| before.changed.contains(&entry.path));
        let new: Vec<(&str, &Entry)> = changed
            .filter_map(|entry| Some((entry.claimed_id()?, entry)))
            .filter(|(id, _)| !known.contains(id))
            .collect();
        let ids = new.iter().map(|(id, _)| (*id).to_owned()).collect();
        // A file that was already in the folder to which the catalog moves has used no ID.
        let scope = (project.config.catalog.as_str(), &project.config.audit);
        let uses = used_ids::find_earlier_uses(repository, self.used_ids_tip, scope, &ids)?;
        let unknown = new.iter().filter(|(id, _)| uses.unknown.contains(*id));
        let unknown = unknown.map(|(_, entry)| entry.path.clone()).collect();
        (before.reused_ids, before.unknown_ids) = (uses.found, unknown);
        Ok(())
    }

    /// Finds the new IDs, in names and manifests, too far above the default branch's.
    fn find_jumps(
        &self,
        repository: &Repository,
        project: &Project,
        before: &mut BaseCatalog,
        entries: &[Entry],
    ) -> Result<(), SourceError> {
        let ids = |entry: &Entry| {
            let claimed = entry.claimed_id().and_then(|id| SecretId::parse(id).ok());
            claimed.into_iter().chain(used_ids::of_file_name(&entry.path))
        };
        let known: BTreeSet<SecretId> = before.entries.iter().flat_map(ids).collect();
        let changed = entries.iter().filter(|entry| before.changed.contains(&entry.path));
        let max_gap = project.config.ids.max_gap;
        // An ID that is not larger than the gap is within it of any base, so a small catalog is not
        // read.
        let far = |id: &SecretId| id.number() > max_gap && !known.contains(id);
        let new: BTreeSet<SecretId> = changed.flat_map(ids).filter(far).collect();
        let Some(base) = self.base.filter(|_| !new.is_empty()) else { return Ok(()) };
        let Some(highest) = used_ids::highest_at(repository, base, &project.config.catalog)? else {
            return Ok(());
        };
        let (limit, reservations) =
            (Limit { base: Some(highest), max_gap }, Reservations::read(repository)?);
        before.jumps = new.into_iter().filter(|id| !limit.allows(*id, &reservations)).collect();
        before.highest = Some(highest);
        Ok(())
    }
}

impl BaseCatalog {
    /// Reports whether a file at `path` is still in the catalog after the change.
    #[must_use]
    pub fn retains(&self, path: &str) -> bool {
        self.moved_to.as_deref().is_none_or(|folder| project::below(path, folder).is_some())
    }
}

impl Catalog {
    /// Reads a snapshot: all manifests of the catalog, and selected files outside it.
    ///
    /// # Errors
    /// A repository that cannot be read. An error of a file is in its [`Entry`].
    pub fn load(
        repository: &Repository,
        project: &Project,
        snapshot: Snapshot,
        selection: &Selection,
    ) -> Result<Self, SourceError> {
        let drop_nodes = |entry: &mut Entry| -> Vec<()> {
            entry.drop_nodes();
            Vec::new()
        };
        Ok(Self::load_with(repository, project, snapshot, selection, None, drop_nodes)?.0)
    }

    /// Reads a snapshot as [`Catalog::load`] does, and calls `inspect` with each entry.
    ///
    /// `inspect` is called in parallel as soon as an entry is read; its results are returned in no
    /// order.
    ///
    /// In the index or a commit, an entry that is not selected is read only if the change touches
    /// it, or if it has the same unique claim as one of the others.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn load_with<T: Send>(
        repository: &Repository,
        project: &Project,
        snapshot: Snapshot,
        selection: &Selection,
        step: Option<&ChangeContext<'_>>,
        inspect: impl Fn(&mut Entry) -> Vec<T> + Sync + Send,
    ) -> Result<(Self, Vec<T>), SourceError> {
        let seen = Mutex::new(Vec::new());
        let others = Mutex::new(Vec::new());
        let read = |file: File| {
            let selected = selection.contains(&file.path);
            let file = match selection {
                Selection::Buffer(buffer) if selected => buffer.file(),
                _ => file,
            };
            let mut entry = Entry::read(file, selected, project);
            let of_entry = inspect(&mut entry);
            if !of_entry.is_empty() {
                seen.lock().unwrap_or_else(PoisonError::into_inner).extend(of_entry);
            }
            entry
        };
        // The selected files outside the catalog.
        let outside = |known: &[Entry]| -> Result<Vec<Entry>, SourceError> {
            let known: BTreeSet<&str> = known.iter().map(|entry| entry.path.as_str()).collect();
            let paths = match selection {
                Selection::All => return Ok(Vec::new()),
                Selection::Paths(paths) => paths,
                Selection::Buffer(buffer) if known.contains(buffer.path.as_str()) => {
                    return Ok(Vec::new());
                }
                Selection::Buffer(buffer) => return Ok(vec![read(buffer.file())]),
            };
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
        let mut services = BTreeSet::new();
        let mut blobs: Option<Vec<Blob<'_>>> = None;
        for folder in project.folders() {
            if let Some(found) = repository.blobs_below(snapshot, folder)? {
                match &mut blobs {
                    Some(blobs) => blobs.extend(found),
                    None => blobs = Some(found),
                }
            }
        }
        let mut entries = match (selection, blobs) {
            (Selection::Paths(_), Some(mut others)) => {
                services = services_of(others.iter().map(|blob| blob.path.as_ref()), project);
                let changed = |path: &str| {
                    before.as_ref().is_some_and(|before| before.changed.contains(path))
                };
                let is_own =
                    |blob: &mut Blob<'_>| selection.contains(&blob.path) || changed(&blob.path);
                let own: Vec<Blob<'_>> = others.extract_if(.., is_own).collect();
                let mut found = repository.load(&own, MAX_BYTES, read)?;
                found.extend(outside(&found)?);
                let sought = found.iter().chain(before.iter().flat_map(|before| &before.entries));
                let sought = sought.map(|entry| Claims::of(entry, project));
                let sought: BTreeSet<u64> = sought.flat_map(Claims::hashes).collect();
                let claimants = claims::find_claimants(repository, project, &others, &sought)?;
                found.extend(repository.load(&claimants, MAX_BYTES, read)?);
                found
            }
            _ => {
                let mut found = Vec::new();
                for folder in project.folders() {
                    found
                        .extend(repository.load_below(snapshot, folder, MAX_BYTES, &others, read)?);
                }
                found.extend(outside(&found)?);
                found
            }
        };
        entries.par_sort_unstable_by(|one, other| one.path.cmp(&other.path));
        services.extend(services_of(entries.iter().map(|entry| entry.path.as_str()), project));
        if let (Some(before), Some(step)) = (&mut before, step) {
            step.find_reused_ids(repository, project, before, &entries)?;
            step.find_jumps(repository, project, before, &entries)?;
        }
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        let other_files = others.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((Self { services, other_files, before, ..Self::of(snapshot, entries) }, seen))
    }

    /// Refuses an empty catalog where other tracked files are manifests.
    ///
    /// Otherwise a wrong `catalog`, or a configuration in another folder, would look like a
    /// catalog without problems.
    ///
    /// # Errors
    /// [`SourceError::Misplaced`], or a repository that cannot be read.
    pub fn check_folder(
        &self,
        repository: &Repository,
        project: &Project,
    ) -> Result<(), SourceError> {
        if !self.entries.is_empty() {
            return Ok(());
        }
        let manifests = repository.find_yaml_files(self.snapshot, KIND_LINE)?;
        let count = manifests.len();
        match manifests.into_iter().next() {
            None => Ok(()),
            Some(first) => {
                Err(SourceError::Misplaced { folder: project.folder().to_owned(), first, count })
            }
        }
    }

    /// Returns a catalog with only these entries.
    #[must_use]
    pub fn of(snapshot: Snapshot, mut entries: Vec<Entry>) -> Self {
        entries.par_sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Self {
            snapshot,
            entries,
            services: BTreeSet::new(),
            texts: Vec::new(),
            other_files: Vec::new(),
            before: None,
            rule_change: RuleChange::default(),
            expired: BTreeMap::new(),
            unknown_ages: BTreeSet::new(),
        }
    }

    /// Reads the text files that are not manifests; binary files are left out.
    ///
    /// They are those of `change` and the rule files in [`Catalog::rule_change`], or all on disk if
    /// there is no change.
    ///
    /// # Errors
    /// A repository that cannot be read. A file that cannot be read is an [`Entry`] with the error.
    pub fn read_texts(
        &mut self,
        repository: &Repository,
        project: &Project,
        selection: &Selection,
        change: Option<&ChangedPaths>,
    ) -> Result<(), SourceError> {
        let rule_files = project.rule_files();
        let changed = || self.rule_change.files.iter().map(|file| file.path.as_str());
        let paths: BTreeSet<&str> = match change {
            Some(change) => change.after.iter().map(String::as_str).chain(changed()).collect(),
            None => self.other_files.iter().map(String::as_str).chain(rule_files).collect(),
        };
        let is_in_a_folder = |path: &str| {
            project
                .folders()
                .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
        };
        let counts = |path: &str| {
            (is_in_a_folder(path)
                || rule_files.contains(&path)
                || changed().any(|file| file == path))
                && !project.is_manifest(path)
                && selection.contains(path)
                && self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).is_err()
        };
        let mut texts = Vec::new();
        for path in paths.into_iter().filter(|path| counts(path)) {
            if let Some(bytes) = repository.read(self.snapshot, path, MAX_TEXT_BYTES)? {
                texts.extend(Entry::text(File { path: path.to_owned(), bytes }));
            }
        }
        self.texts = texts;
        Ok(())
    }

    /// Returns the entries that the run checks.
    pub fn selected(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.selected)
    }

    /// Returns the valid manifests that the run checks, typed.
    pub fn requests(&self) -> impl Iterator<Item = &SecretRequest> {
        self.selected().filter_map(Entry::request)
    }

    /// Returns the manifest or text at `path`, or the manifest that a change removed.
    ///
    /// A rule file that is not searched for secrets is included only if the change touches it.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Entry> {
        find_entry(&self.entries, path)
            .or_else(|| find_entry(&self.texts, path))
            .or_else(|| find_entry(&self.before.as_ref()?.entries, path))
            .or_else(|| self.rule_change.at(path))
    }
}

/// Returns the entry at `path` among `entries`, which are sorted by path.
fn find_entry<'a>(entries: &'a [Entry], path: &str) -> Option<&'a Entry> {
    let place = entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
    entries.get(place)
}

/// Returns the services of manifests at these paths, by their folders.
pub(crate) fn services_of<'a>(
    paths: impl Iterator<Item = &'a str>,
    project: &Project,
) -> BTreeSet<String> {
    let mut services = BTreeSet::new();
    let mut last = "";
    for path in paths {
        let below =
            path.strip_prefix(&project.config.catalog).and_then(|rest| rest.strip_prefix('/'));
        let Some(below) = below else { continue };
        // The paths are sorted, so most have the same service as the one before.
        if below.strip_prefix(last).is_some_and(|rest| rest.starts_with('/')) {
            continue;
        }
        if let Some((service, _)) = below.split_once('/') {
            services.insert(service.to_owned());
            last = service;
        }
    }
    services
}

/// Returns the path of a manifest from its service, environment and ID.
#[must_use]
pub fn path_of(project: &Project, service: &str, environment: &str, id: SecretId) -> String {
    format!("{}/{service}/{environment}/{id}.yaml", project.folder())
}
