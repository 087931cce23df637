//! Checks of a catalog or of a change. Commands, hooks and editors call [`check`].

mod additions;
mod range;

use std::collections::BTreeSet;

use rayon::prelude::*;

pub use additions::report_additions;
pub use range::Range;

use crate::catalog::{
    Catalog, ChangeContext, ConfigFile, Entry, Project, ProjectError, RuleChange, RuleSnapshot,
    Selection,
};
use crate::config::ConfigError;
use crate::fixes::{self, FixContext};
use crate::ids::NewManifestId;
use crate::manifest::{SCHEMA_FILE_NAME, SecretId, has_older_lists};
use crate::projection::{self, Projection, ProjectionError, ProjectionTemplate};
use crate::report::count;
use crate::rules::{self, Finding, RuleSet, Severity};
use crate::scaffold::CONFIG_SCHEMA_FILE_NAME;
use crate::template::TemplateError;
use crate::vcs::{ChangedPaths, Repository, Snapshot, SourceError};
use range::CheckScope;

/// The largest schema that is read, in bytes.
const MAX_SCHEMA_BYTES: u64 = 1024 * 1024;

/// A note during a check.
#[derive(Debug)]
pub enum Note<'a> {
    /// A file is checked.
    Checking {
        /// From the repository's root.
        path: &'a str,
    },
    /// No manifest of the folder `catalog` is selected.
    NothingSelected {
        /// From the repository's root.
        catalog: &'a str,
        /// Whether the index is checked, and not the work tree.
        is_staged: bool,
    },
    /// The manifest at `path` uses a value that `files` of the upstream branch lack.
    NotUpstream {
        /// From the repository's root.
        path: &'a str,
        /// The name, such as an owner of the enums.
        value: &'a str,
        /// The paths of the rule files, joined by `and`.
        files: &'a str,
        /// The short name of the upstream branch, such as `origin/main`.
        branch: &'a str,
    },
    /// The ttl of manifests may have expired: this clone does not know since when they exist.
    UnknownAge {
        /// The number of manifests.
        count: usize,
        /// The path of the first one.
        first: &'a str,
    },
    /// New IDs may have been used before: history is cut, and the clone has no audit trail.
    UnknownIds {
        /// The number of manifests.
        count: usize,
        /// The path of the first one.
        first: &'a str,
    },
    /// The lists in a schema of the catalog differ from its enums.
    StaleSchema {
        /// The path of the schema.
        path: &'static str,
        /// Its kind, as `goldenpath schema` has it.
        kind: &'static str,
    },
    /// The rules of the upstream branch cannot be read.
    UpstreamUnknown {
        /// The short name of the upstream branch, such as `origin/main`.
        branch: &'a str,
        /// Why they cannot be read.
        error: &'a CheckError,
    },
}

/// Receives the notes of a check.
pub trait Reporter {
    /// Receives one note, on the thread that called [`check`].
    fn note(&self, note: &Note<'_>);
}

/// Why a check cannot run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum CheckError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Projection(#[from] ProjectionError),
}

impl From<SourceError> for CheckError {
    fn from(error: SourceError) -> Self {
        Self::Project(error.into())
    }
}

impl From<ConfigError> for CheckError {
    fn from(error: ConfigError) -> Self {
        Self::Project(error.into())
    }
}

impl From<TemplateError> for CheckError {
    fn from(error: TemplateError) -> Self {
        Self::Project(error.into())
    }
}

/// The files of a check, and the findings.
pub struct Checked {
    /// The configuration by which the files were checked.
    pub project: Project,
    /// The checked files, with the state before the change, if any.
    pub catalog: Catalog,
    /// Sorted by path, and by position within a file.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// Returns the IDs of the manifests that the change adds or modifies.
    #[must_use]
    pub fn changed_ids(&self) -> BTreeSet<SecretId> {
        let before = self.catalog.before.as_ref();
        let is_changed =
            |entry: &&Entry| before.is_none_or(|before| before.changed.contains(&entry.path));
        let changed = self.catalog.selected().filter(is_changed).filter_map(Entry::request);
        changed.map(|request| request.id).collect()
    }

    /// Returns the manifests that the change adds with a new ID.
    pub fn new_ids(&self) -> Vec<NewManifestId> {
        let before = self.catalog.before.as_ref();
        let is_changed =
            |entry: &&Entry| before.is_none_or(|before| before.changed.contains(&entry.path));
        let had = |mine: &NewManifestId| {
            let id = mine.id.to_string();
            before.is_some_and(|before| {
                before.entries.iter().any(|entry| entry.claimed_id() == Some(&id))
            })
        };
        self.catalog
            .selected()
            .filter(is_changed)
            .filter_map(NewManifestId::of)
            .filter(|mine| !had(mine))
            .collect()
    }
}

/// Reads a range and checks it.
///
/// For the work tree and the index, `selection` limits the files.
///
/// # Errors
/// A repository or a configuration that cannot be read; a projection template that does not render.
pub fn check(
    repository: &Repository,
    range: &Range,
    selection: &Selection,
    reporter: &dyn Reporter,
) -> Result<Checked, CheckError> {
    let config = ConfigFile::of(repository, range.config.as_deref());
    let range = &match range.origin() {
        Some(_) => range.clone().with_rules(repository, &config)?,
        None => range.clone(),
    };
    let mut project = match range.origin() {
        Some(_) => Project::open_with(repository, range.rules_from, &config)?,
        None => Project::open(repository, range.rules_from, range.config.as_deref())?,
    };
    let mut head = None;
    let mut rule_change = RuleChange::default();
    if let Some(origin) = range.origin() {
        (rule_change, head) = read_rule_change(repository, range, origin, &mut project)?;
        if head.is_none() {
            project.old_folder = find_old_folder(repository, range, origin, &project)?;
        }
    }
    let rules = RuleSet::of(&project)?;
    let scope = match range.after {
        Snapshot::WorkTree => None,
        _ => Some(range.change(repository, &project)?),
    };
    let used_ids_tip = |before| range.used_ids_tip.unwrap_or(before);
    let base = match range.after {
        Snapshot::Index => repository.default_tip().or(range.before),
        _ => Some(range.rules_from),
    };
    let step = match scope.as_ref().zip(range.before) {
        None => None,
        Some((scope, before)) => {
            let trails = range.find_trail_violations(repository, &project)?;
            Some(ChangeContext {
                change: &scope.change,
                before,
                used_ids_tip: used_ids_tip(before),
                base,
                trails,
            })
        }
    };
    let selected = match &scope {
        None => selection,
        Some(CheckScope { selection: changed, .. }) => {
            let named = range.after == Snapshot::Index
                && *selection != Selection::All
                && *changed != Selection::All;
            if named { selection } else { changed }
        }
    };
    let mut checked = rules.read(repository, range.after, selected, step.as_ref())?;
    rule_change.manifests = scope.as_ref().is_some_and(|scope| scope.has_manifests);
    checked.catalog.rule_change = rule_change;
    rules.read_texts(
        &mut checked,
        repository,
        selection,
        scope.as_ref().map(|scope| &scope.change),
    )?;
    let catalog = &checked.catalog;
    if *selection == Selection::All && scope.is_none() {
        catalog.check_folder(repository, &project)?;
    }
    if *selection != Selection::All && catalog.selected().next().is_none() {
        let folder = &project.config.catalog;
        let is_staged = range.after == Snapshot::Index;
        reporter.note(&Note::NothingSelected { catalog: folder, is_staged });
    }
    for entry in catalog.selected() {
        reporter.note(&Note::Checking { path: &entry.path });
    }
    if let Some(history_tip) = range.history_tip {
        rules.find_expired(&mut checked, repository, history_tip, None, range.now)?;
        let unknown_ages = &checked.catalog.unknown_ages;
        if let Some(first) = unknown_ages.first() {
            reporter.note(&Note::UnknownAge { count: unknown_ages.len(), first });
        }
    }
    let unknown_ids = checked.catalog.before.as_ref().map(|before| &before.unknown_ids);
    if let Some(ids) = unknown_ids
        && let Some(first) = ids.first()
    {
        reporter.note(&Note::UnknownIds { count: ids.len(), first });
    }
    let (catalog, mut findings) = rules.finish(checked)?;
    let is_of_a_rule_file =
        |finding: &Finding| catalog.rule_change.files.iter().any(|file| file.path == finding.path);
    if let Some(head) = head.filter(|_| !findings.iter().all(is_of_a_rule_file)) {
        let by_its_rules = RuleSet::of(&head)?;
        let checked = by_its_rules.read(repository, range.after, selected, step.as_ref())?;
        let (_, by_head) = by_its_rules.finish(checked)?;
        rules.note_additions(&mut findings, &catalog, &by_head);
    }
    if range.after == Snapshot::WorkTree {
        note_stale_schemas(repository, &project, reporter)?;
    }
    if matches!(range.after, Snapshot::WorkTree | Snapshot::Index) {
        report_additions(
            repository,
            range.after,
            (&project, &config),
            catalog.selected(),
            reporter,
        );
    }
    fixes::check_fixes(&mut findings, &catalog, &project, &FixContext::of(repository));
    // A catalog with errors is not applied, and needs other fixes first.
    if count(&findings, Severity::Error) == 0 {
        check_template(repository, range, &project, &catalog)?;
    }
    Ok(Checked { project, catalog, findings })
}

/// Notes the schemas of the work tree whose lists differ from the enums.
fn note_stale_schemas(
    repository: &Repository,
    project: &Project,
    reporter: &dyn Reporter,
) -> Result<(), SourceError> {
    if project.schema.is_stale() {
        reporter.note(&Note::StaleSchema { path: SCHEMA_FILE_NAME, kind: "manifest" });
    }
    let path = CONFIG_SCHEMA_FILE_NAME;
    // Only editors read this one: a file that is not text is theirs to report.
    let text = match repository.read(Snapshot::WorkTree, path, MAX_SCHEMA_BYTES)? {
        Some(Ok(bytes)) => String::from_utf8(bytes).unwrap_or_default(),
        Some(Err(_)) | None => return Ok(()),
    };
    if has_older_lists(&text, &project.enums) {
        reporter.note(&Note::StaleSchema { path, kind: "config" });
    }
    Ok(())
}

/// Returns the catalog's old folder on a branch that the base has moved since.
///
/// The change itself does not touch the configuration. None if both folders are the same.
fn find_old_folder(
    repository: &Repository,
    range: &Range,
    origin: Snapshot,
    project: &Project,
) -> Result<Option<String>, CheckError> {
    let own = if origin != range.rules_from {
        Some(origin)
    } else {
        // The result of a merge has the base's configuration, and the merged commit its own.
        range.trails.tip.filter(|tip| *tip != range.after)
    };
    let Some(own) = own else { return Ok(None) };
    match Project::open_with(repository, own, &project.config_file) {
        Ok(own) => Ok(Some(own.config.catalog).filter(|folder| *folder != project.config.catalog)),
        Err(ProjectError::Source(error)) => Err(error.into()),
        // Old rules that this version rejects name no folder.
        Err(_) => Ok(None),
    }
}

/// Reads the changes of rule files, and the head's rules if active ones change.
///
/// A catalog that moves is checked in both of its folders.
fn read_rule_change(
    repository: &Repository,
    range: &Range,
    origin: Snapshot,
    project: &mut Project,
) -> Result<(RuleChange, Option<Project>), CheckError> {
    let changed = RuleChange::changed_files(repository, project, origin, range.after)?;
    if changed == ChangedPaths::default() {
        return Ok((RuleChange::default(), None));
    }
    // A head with unreadable rules would stop every run after the merge.
    let in_head = |error: ProjectError| CheckError::from(error.in_head(range.after));
    let mut head = None;
    if RuleChange::affects_project(project, &changed) {
        let opened =
            Project::open_with(repository, range.after, &project.config_file).map_err(in_head)?;
        RuleSet::of(&opened).map_err(|error| in_head(error.into()))?;
        if opened.config.catalog != project.config.catalog {
            project.moved_to = Some(opened.config.catalog.clone());
        }
        head = Some(opened);
    }
    Project::check_templates(repository, range.after, |path| changed.contains(path))
        .map_err(in_head)?;
    let old = RuleSnapshot { project, snapshot: origin };
    let new = RuleSnapshot { project: head.as_ref().unwrap_or(project), snapshot: range.after };
    Ok((RuleChange::read(repository, &changed, old, new)?, head))
}

/// Renders the projections of the checked manifests if the catalog has a template.
///
/// If the change touches the template, it renders those of all manifests.
fn check_template(
    repository: &Repository,
    range: &Range,
    project: &Project,
    catalog: &Catalog,
) -> Result<(), CheckError> {
    let Some(own) = Project::template_at(repository, range.after, projection::TEMPLATE)? else {
        return Ok(());
    };
    let template = ProjectionTemplate::compile(Some(&own))?;
    let before = match range.before {
        Some(before) => Project::template_at(repository, before, projection::TEMPLATE)?,
        None => Some(own.clone()),
    };
    let whole = if before.as_ref() == Some(&own) {
        None
    } else {
        Some(RuleSet::of(project)?.read(repository, range.after, &Selection::All, None)?.catalog)
    };
    let entries: Vec<&Entry> = whole.as_ref().unwrap_or(catalog).selected().collect();
    let refusal = entries.par_iter().find_map_first(|entry| {
        let error = Projection::of(entry.request()?, project, &template).err()?;
        Some(error.map_texts(|text| rules::redact_texts(entry, project, [text])))
    });
    refusal.map_or(Ok(()), |error| Err(error.into()))
}
