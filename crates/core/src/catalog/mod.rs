//! All manifests of a repository at one place in time, with the configuration that judges them.

mod claims;
mod configured_paths;
mod destination;
mod entry;
mod expiry;
mod find;
mod project;
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
pub use rule_files::{ChangedRuleFile, RuleChange, RuleFile, Side};

use crate::catalog::claims::Claims;
use crate::manifest::{MAX_BYTES, SecretId, SecretRequest};
use crate::trail::TrailViolation;
use crate::used_ids;
use crate::used_ids::{Limit, Reservations};
use crate::vcs::{Blob, ChangedPaths, File, Repository, Snapshot, SourceError, Unreadable};

/// The manifests of one snapshot, sorted by path.
#[derive(Debug)]
pub struct Catalog {
    pub snapshot: Snapshot,
    /// Sorted by path.
    pub entries: Vec<Entry>,
    /// Files that are not manifests and may hold a secret: others in the catalog's folder, and rule files. Sorted by path;
    /// empty until [`Catalog::read_texts`].
    pub texts: Vec<Entry>,
    /// The paths of files on disk in the catalog's folder that are not manifests.
    pub other_files: Vec<String>,
    /// The names of all services that the snapshot has folders of, whatever part of it was read.
    pub services: BTreeSet<String>,
    /// What this comes from, where a change is judged.
    pub before: Option<BaseCatalog>,
    /// What the change does to rule files; empty until [`RuleChange::read`].
    pub rule_change: RuleChange,
    /// The paths of manifests whose ttl has run out, each with a time at which the catalog had its ID already; empty
    /// until [`Catalog::look_back`].
    pub outlived: BTreeMap<String, Timestamp>,
}

/// What a change comes from.
#[derive(Debug)]
pub struct ChangeContext<'change> {
    pub change: &'change ChangedPaths,
    pub before: Snapshot,
    /// In whose history an ID that the change brings in must not have been held.
    pub past: Snapshot,
    /// The state of the default branch that new IDs are held against.
    pub base: Option<Snapshot>,
    /// Changes of audit trails that apply did not make.
    pub trails: Vec<TrailViolation>,
}

/// The other side of a change.
#[derive(Debug)]
pub struct BaseCatalog {
    pub snapshot: Snapshot,
    /// The manifests that the change touches or removes, as they were, sorted by path.
    pub entries: Vec<Entry>,
    /// The paths of those that it touches or adds.
    pub changed: BTreeSet<String>,
    /// The catalog's folder after the change, where that moves it.
    pub moved_to: Option<String>,
    /// IDs that the change brings in although history has held them, each with the commit that did last.
    pub used_up: BTreeMap<String, String>,
    /// New IDs that are further above those of the default branch than `ids.maxGap`, and that no
    /// reservation covers.
    pub jumps: BTreeSet<SecretId>,
    /// The highest ID of the default branch; only known where there are jumps.
    pub highest: Option<SecretId>,
    /// Changes of audit trails that apply did not make.
    pub trails: Vec<TrailViolation>,
}

/// Which manifests a run is about. The others are read too, since IDs and targets must be unique across the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    All,
    /// These files, and what lies below these folders; paths from the repository's root.
    Paths(BTreeSet<String>),
}

/// The bytes of a file that is not a manifest that are read at most.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;

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
        paths
            .iter()
            .map(|path| repository.relative(path))
            .collect::<Result<_, _>>()
            .map(Self::Paths)
    }

    fn holds(&self, path: &str) -> bool {
        match self {
            Self::All => true,
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

impl ChangeContext<'_> {
    /// The manifests that the change touches or removes, as they were.
    fn read(&self, repository: &Repository, project: &Project) -> Result<BaseCatalog, SourceError> {
        let mut entries = Vec::new();
        for path in self.change.before.iter().filter(|path| project.is_manifest(path)) {
            if let Some(bytes) = repository.read(self.before, path, MAX_BYTES)? {
                // What nobody can see cannot be compared with; its ID would look new.
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
            used_up: BTreeMap::new(),
            jumps: BTreeSet::new(),
            highest: None,
            trails: self.trails.clone(),
        })
    }

    /// Which of the IDs that are new among `entries` were held before, each with the commit that did last.
    fn used_up(
        &self,
        repository: &Repository,
        project: &Project,
        before: &BaseCatalog,
        entries: &[Entry],
    ) -> Result<BTreeMap<String, String>, SourceError> {
        let known: BTreeSet<&str> = before.entries.iter().filter_map(Entry::claimed_id).collect();
        let changed = |entry: &&Entry| before.changed.contains(&entry.path);
        let new = entries
            .iter()
            .filter(changed)
            .filter_map(Entry::claimed_id)
            .filter(|id| !known.contains(id));
        // A file that waited in the folder to which the catalog moves has used up nothing.
        used_ids::held_before(repository, self.past, &project.config.catalog, new)
    }

    /// Finds which IDs the change gives to files, by their names or claims, that are too far above
    /// the default branch's.
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
        // An ID that is not above the gap by itself is within it of any base: a small catalog is
        // not looked into.
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
    /// Whether a file at `path` is in the catalog after the change, too.
    #[must_use]
    pub fn keeps(&self, path: &str) -> bool {
        self.moved_to.as_deref().is_none_or(|folder| project::below(path, folder).is_some())
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
        step: Option<&ChangeContext<'_>>,
        inspect: impl Fn(&mut Entry) -> Vec<T> + Sync + Send,
    ) -> Result<(Self, Vec<T>), SourceError> {
        let seen = Mutex::new(Vec::new());
        let others = Mutex::new(Vec::new());
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
        let mut services = BTreeSet::new();
        let mut blobs: Option<Vec<Blob<'_>>> = None;
        for folder in project.folders() {
            if let Some(found) = repository.blobs_below(snapshot, folder)? {
                blobs.get_or_insert_default().extend(found);
            }
        }
        let mut entries = match (selection, blobs) {
            (Selection::Paths(_), Some(mut others)) => {
                services = services_of(others.iter().map(|blob| blob.path.as_ref()), project);
                let changed = |path: &str| {
                    before.as_ref().is_some_and(|before| before.changed.contains(path))
                };
                let is_own =
                    |blob: &mut Blob<'_>| selection.holds(&blob.path) || changed(&blob.path);
                let own: Vec<Blob<'_>> = others.extract_if(.., is_own).collect();
                let mut found = repository.load(&own, MAX_BYTES, read);
                found.extend(outside(&found)?);
                let sought = found.iter().chain(before.iter().flat_map(|before| &before.entries));
                let sought = sought.map(|entry| Claims::of(entry, project));
                let sought: BTreeSet<u64> = sought.flat_map(Claims::each).collect();
                let rivals = claims::rivals(repository, project, others, &sought);
                found.extend(repository.load(&rivals, MAX_BYTES, read));
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
            before.used_up = step.used_up(repository, project, before, &entries)?;
            step.find_jumps(repository, project, before, &entries)?;
        }
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        let other_files = others.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((Self { services, other_files, before, ..Self::of(snapshot, entries) }, seen))
    }

    /// Returns a catalog of these entries and of nothing else.
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
            outlived: BTreeMap::new(),
        }
    }

    /// Reads the text files that are not manifests: those of `change` and the rule files that
    /// [`Catalog::rule_change`] has, or all on disk where there is no change. What is not text is left
    /// out.
    ///
    /// # Errors
    /// A repository that cannot be read. A file that cannot be read is an [`Entry`] that says so.
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
                && selection.holds(path)
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

    /// The entries that the run is about.
    pub fn selected(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.selected)
    }

    /// The typed manifests that the run is about; those with findings that keep them from being read are left out.
    pub fn requests(&self) -> impl Iterator<Item = &SecretRequest> {
        self.selected().filter_map(Entry::request)
    }

    /// The manifest or other text at `path`, or the manifest that a change removed from there; a rule
    /// file that is not searched for secrets only where a change touches it.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Entry> {
        found(&self.entries, path)
            .or_else(|| found(&self.texts, path))
            .or_else(|| found(&self.before.as_ref()?.entries, path))
            .or_else(|| self.rule_change.at(path))
    }
}

/// The entry at `path` among `entries`, which are sorted by path.
fn found<'a>(entries: &'a [Entry], path: &str) -> Option<&'a Entry> {
    let place = entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
    entries.get(place)
}

/// Returns the services that manifests at these paths are of, by their folders.
fn services_of<'a>(paths: impl Iterator<Item = &'a str>, project: &Project) -> BTreeSet<String> {
    let mut services = BTreeSet::new();
    let mut last = "";
    for path in paths {
        let below =
            path.strip_prefix(&project.config.catalog).and_then(|rest| rest.strip_prefix('/'));
        let Some((service, _)) = below.and_then(|below| below.split_once('/')) else { continue };
        // One after the other, most are of the same service.
        if service != last {
            services.insert(service.to_owned());
            last = service;
        }
    }
    services
}

/// Where the manifest of this service, environment and ID belongs, from the repository's root.
#[must_use]
pub fn path_of(project: &Project, service: &str, environment: &str, id: SecretId) -> String {
    format!("{}/{service}/{environment}/{id}.yaml", project.folder())
}
