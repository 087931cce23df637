//! Changes of rule files, which decide about findings and destinations.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

use super::project::MAX_BYTES;
use super::{ConfigFile, Entry, EntryState, Project};
use crate::config;
use crate::config::{
    BUILT_IN_ENUMS, BUILT_IN_GOVERNANCE, BUILT_IN_SECRET_TYPES, CODE_OWNERS_PLACES, CodeOwners,
    KeyChange, additions, key_changes, parse_tree,
};
use crate::manifest::{BUILT_IN_SCHEMA, SCHEMA_FILE_NAME};
use crate::vcs::{ChangedPaths, File, Repository, Snapshot, SourceError, Unreadable};

/// The folders in which every file is a rule file.
const FOLDERS: [&str; 2] = ["schemas", "templates"];

/// The path of a manifest of a new service, below the catalog's folder.
const NEW_MANIFEST: &str = "any-service/any-environment/SEC-0000.yaml";

/// The limit of changes of owners in a message.
const MOST_OWNERS: usize = 10;

/// A change of rule files.
#[derive(Debug, Default)]
pub struct RuleChange {
    /// The files with a different meaning, sorted by path.
    pub files: Vec<RuleFile>,
    /// Whether manifests change as well.
    ///
    /// A catalog that moves as a whole, with every file unchanged, does not count.
    pub manifests: bool,
}

/// A changed rule file.
#[derive(Debug)]
pub struct RuleFile {
    /// The path after the change, or before it if the file was removed.
    pub path: String,
    /// The file before the change; None if it is new.
    pub before: Option<Entry>,
    /// The file after the change; None if it was removed.
    pub after: Option<Entry>,
    /// Whether it is a configuration, which decides where values go.
    pub is_config: bool,
    /// The keys, owners or text in which both sides differ.
    pub changed: ChangedRuleFile,
    /// The names that it adds to its lists and tables.
    added: BTreeSet<String>,
}

/// The difference in a rule file.
#[derive(Debug)]
pub enum ChangedRuleFile {
    /// Its keys; never empty.
    Keys(Vec<KeyChange>),
    /// The owners of the catalog or of rule files, as text; never empty.
    Owners(Vec<String>),
    /// Its text, as it has no keys.
    Text,
}

/// The purpose of a rule file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Config,
    Enums,
    Governance,
    SecretTypes,
    Schema,
    Other,
}

/// One side of a change: the rules of `project`, with files from `snapshot`.
#[derive(Debug, Clone, Copy)]
pub struct RuleSnapshot<'a> {
    /// The configuration that names the rule files.
    pub project: &'a Project,
    /// The state that the files are read from.
    pub snapshot: Snapshot,
}

impl RuleChange {
    /// Returns which rule files differ between two snapshots, byte by byte.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn changed_files(
        repository: &Repository,
        project: &Project,
        before: Snapshot,
        after: Snapshot,
    ) -> Result<ChangedPaths, SourceError> {
        let mut under: Vec<&str> = roles(project).into_iter().map(|(_, path)| path).collect();
        under.extend(FOLDERS);
        under.extend(CODE_OWNERS_PLACES.as_flattened());
        under.sort_unstable();
        under.dedup();
        repository.change(Some(before), after, &under)
    }

    /// Reports whether `changed_paths` has a file that [`Project::open`] reads.
    #[must_use]
    pub fn affects_project(project: &Project, changed_paths: &ChangedPaths) -> bool {
        // A folder in a file's path can become a symbolic link.
        let is_changed = |path: &str| {
            changed_paths.contains(path)
                || path.match_indices('/').any(|(at, _)| changed_paths.contains(&path[..at]))
        };
        roles(project).into_iter().any(|(_, path)| is_changed(path))
    }

    /// Reads the rule files of `changed_paths` on both sides.
    ///
    /// # Errors
    /// A file that git has not fetched, or a repository that cannot be read.
    pub fn read(
        repository: &Repository,
        changed_paths: &ChangedPaths,
        old: RuleSnapshot<'_>,
        new: RuleSnapshot<'_>,
    ) -> Result<Self, SourceError> {
        let mut files = role_files(repository, old, new)?;
        let own: BTreeSet<String> = files.iter().map(|file| file.path.clone()).collect();
        let of_a_role = |path: &str| {
            roles(old.project).into_iter().chain(roles(new.project)).any(|(_, own)| own == path)
        };
        let others = changed_paths
            .before
            .union(&changed_paths.after)
            .filter(|path| !own.contains(*path) && !of_a_role(path));
        for path in others {
            if CODE_OWNERS_PLACES.as_flattened().contains(&path.as_str()) {
                continue;
            }
            files.extend(RuleFile::compare(repository, Role::Other, (old, path), (new, path))?);
        }
        files.extend(owner_files(repository, changed_paths, old, new)?);
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { files, manifests: false })
    }

    /// Returns the rule file at `path` after the change, or before its removal.
    pub(super) fn at(&self, path: &str) -> Option<&Entry> {
        self.files.iter().find(|file| file.path == path)?.current_entry()
    }

    /// Returns the files that add `name` to one of their lists or tables.
    pub fn files_that_add<'a>(&'a self, name: &str) -> Vec<&'a str> {
        self.files
            .iter()
            .filter(|file| file.added.contains(name))
            .map(|file| file.path.as_str())
            .collect()
    }

    /// Returns all names that the files add to their lists and tables.
    #[must_use]
    pub fn added(&self) -> BTreeSet<String> {
        self.files.iter().flat_map(|file| &file.added).cloned().collect()
    }

    /// Returns the differences of the files that [`Project::open`] reads.
    ///
    /// # Errors
    /// A file that git has not fetched, or a repository that cannot be read.
    pub fn between_projects(
        repository: &Repository,
        old: RuleSnapshot<'_>,
        new: RuleSnapshot<'_>,
    ) -> Result<Self, SourceError> {
        Ok(Self { files: role_files(repository, old, new)?, manifests: false })
    }

    /// Reports whether a file that [`Project::open`] reads differs, byte by byte.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn differs_between(
        repository: &Repository,
        project: &Project,
        one: Snapshot,
        other: Snapshot,
    ) -> Result<bool, SourceError> {
        for path in project.rule_files() {
            let read = |snapshot| repository.read(snapshot, path, MAX_BYTES);
            let is_same = match (read(one)?, read(other)?) {
                (None, None) => true,
                (Some(Ok(one)), Some(Ok(other))) => one == other,
                _ => false,
            };
            if !is_same {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl RuleFile {
    /// Returns the text into which findings point.
    #[must_use]
    pub fn current_entry(&self) -> Option<&Entry> {
        self.after.as_ref().or(self.before.as_ref())
    }

    /// Compares an old file with a new one; None if their meaning is equal.
    fn compare(
        repository: &Repository,
        role: Role,
        (old, old_path): (RuleSnapshot<'_>, &str),
        (new, new_path): (RuleSnapshot<'_>, &str),
    ) -> Result<Option<Self>, SourceError> {
        let (before, after) =
            (entry(repository, old, old_path)?, entry(repository, new, new_path)?);
        let is_text = role == Role::Other && !has_keys(new_path);
        let trees = (!is_text).then(|| {
            tree(role, old_path, before.as_ref()).zip(tree(role, new_path, after.as_ref()))
        });
        let changed = match trees.flatten() {
            Some((old, new)) => {
                let changes = key_changes(&old, &new);
                if changes.is_empty() {
                    return Ok(None);
                }
                ChangedRuleFile::Keys(changes)
            }
            // The bytes are equal, or neither file exists.
            None if is_same(before.as_ref(), after.as_ref()) => return Ok(None),
            None => ChangedRuleFile::Text,
        };
        let path = if after.is_some() { new_path } else { old_path }.to_owned();
        let added = match &changed {
            ChangedRuleFile::Keys(changes) => additions(changes),
            ChangedRuleFile::Owners(_) | ChangedRuleFile::Text => BTreeSet::new(),
        };
        Ok(Some(Self { path, before, after, is_config: role == Role::Config, changed, added }))
    }
}

fn is_same(before: Option<&Entry>, after: Option<&Entry>) -> bool {
    match (before, after) {
        (None, None) => true,
        (Some(before), Some(after)) => {
            let is_readable = |entry: &Entry| !matches!(entry.state, EntryState::Unreadable(_));
            is_readable(before) && is_readable(after) && before.text == after.text
        }
        _ => false,
    }
}

/// Returns the files that [`Project::open`] reads, with their purpose.
fn roles(project: &Project) -> Vec<(Role, &str)> {
    let config = &project.config;
    let mut roles = vec![
        (Role::Config, config::FILE_NAME),
        (Role::Schema, SCHEMA_FILE_NAME),
        (Role::Enums, config.enums.as_str()),
        (Role::Governance, config.governance.as_str()),
        (Role::SecretTypes, config.secret_types.as_str()),
    ];
    if let ConfigFile::Tracked(path) = &project.config_file
        && path != config::FILE_NAME
    {
        roles.push((Role::Config, path));
    }
    roles
}

/// Returns the differences of the files that [`Project::open`] reads.
///
/// They are paired by purpose, since the configuration names some of them.
fn role_files(
    repository: &Repository,
    old: RuleSnapshot<'_>,
    new: RuleSnapshot<'_>,
) -> Result<Vec<RuleFile>, SourceError> {
    let mut files: Vec<RuleFile> = Vec::new();
    for ((role, old_path), (_, new_path)) in roles(old.project).into_iter().zip(roles(new.project))
    {
        files.extend(RuleFile::compare(repository, role, (old, old_path), (new, new_path))?);
    }
    Ok(files)
}

fn entry(
    repository: &Repository,
    side: RuleSnapshot<'_>,
    path: &str,
) -> Result<Option<Entry>, SourceError> {
    let Some(bytes) = repository.read(side.snapshot, path, MAX_BYTES)? else { return Ok(None) };
    // A file that git has not fetched cannot be compared.
    if let Err(Unreadable::Object(message)) = bytes {
        return Err(SourceError::Git { what: format!("`{path}` in {}", side.snapshot), message });
    }
    Ok(Some(Entry::read(File { path: path.to_owned(), bytes }, false, side.project)))
}

fn has_keys(path: &str) -> bool {
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Returns the keys and values of a file, completed by the built-in ones.
///
/// None if the file cannot be compared by keys.
fn tree(role: Role, path: &str, entry: Option<&Entry>) -> Option<Value> {
    let empty = || Value::Object(Map::new());
    let own = match entry {
        None => None,
        Some(entry) if matches!(entry.state, EntryState::Unreadable(_)) => return None,
        Some(entry) => Some(parse_tree(path, &entry.text)?),
    };
    let built_in = |text: &str| parse_tree("built-in.yaml", text);
    match role {
        Role::Config | Role::Other => Some(own.unwrap_or_else(empty)),
        Role::Schema => own.or_else(|| parse_tree(SCHEMA_FILE_NAME, BUILT_IN_SCHEMA)),
        Role::Governance => own.or_else(|| built_in(BUILT_IN_GOVERNANCE)),
        // The built-in list replaces a missing one.
        Role::Enums => Some(merge_over(built_in(BUILT_IN_ENUMS)?, own.unwrap_or_else(empty))),
        Role::SecretTypes => {
            let mut all = built_in(BUILT_IN_SECRET_TYPES)?;
            let own = own.and_then(|mut own| Some(own.get_mut("secretTypes")?.take()));
            if let (Some(types), Some(own)) = (all.get_mut("secretTypes"), own) {
                *types = merge_over(types.take(), own);
            }
            Some(all)
        }
    }
}

/// Returns `all` with the keys of `own` that have a value.
fn merge_over(mut all: Value, own: Value) -> Value {
    match (&mut all, own) {
        (Value::Object(all), Value::Object(own)) => {
            all.extend(own.into_iter().filter(|(_, value)| !value.is_null()))
        }
        (_, Value::Null) => {}
        (all, own) => *all = own,
    }
    all
}

/// Returns the CODEOWNERS files that change owners of the catalog or of rule files.
fn owner_files(
    repository: &Repository,
    changed_paths: &ChangedPaths,
    old: RuleSnapshot<'_>,
    new: RuleSnapshot<'_>,
) -> Result<Vec<RuleFile>, SourceError> {
    let places: BTreeSet<&str> = CODE_OWNERS_PLACES.as_flattened().iter().copied().collect();
    let changed: Vec<&str> =
        places.iter().copied().filter(|path| changed_paths.contains(path)).collect();
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let subjects = owned_paths(repository, changed_paths, old, new)?;
    let mut files = Vec::new();
    for path in changed {
        let (before, after) = (entry(repository, old, path)?, entry(repository, new, path)?);
        let is_unreadable =
            after.as_ref().is_some_and(|entry| matches!(entry.state, EntryState::Unreadable(_)));
        let mut owners = Vec::new();
        for forge in CODE_OWNERS_PLACES.iter().filter(|forge| forge.contains(&path)) {
            let (one, other) = (
                find_first_file(repository, forge, old)?,
                find_first_file(repository, forge, new)?,
            );
            // A file that the forge ignores because of another one changes nothing.
            if one.as_ref().is_none_or(|(at, _)| *at != path)
                && other.as_ref().is_none_or(|(at, _)| *at != path)
            {
                continue;
            }
            let parse = |found: Option<(&str, Entry)>| {
                found.map(|(_, entry)| CodeOwners::parse(&entry.text)).unwrap_or_default()
            };
            let (one, other) = (parse(one), parse(other));
            for sections in [false, true] {
                owners.extend(subjects.iter().filter_map(|(subject, name)| {
                    let (one, other) =
                        (one.owners(subject, sections), other.owners(subject, sections));
                    let shown = |owners: &[String]| {
                        if owners.is_empty() { "no owner".to_owned() } else { owners.join(" ") }
                    };
                    (one != other)
                        .then(|| format!("`{name}` ({} → {})", shown(&one), shown(&other)))
                }));
            }
            let is_meant = |pattern: &str| {
                let folders =
                    [old.project.folder(), new.project.folder()].into_iter().chain(FOLDERS);
                folders.into_iter().any(|folder| may_match_below(pattern, folder))
            };
            owners.extend(
                one.changed_patterns(&other, is_meant)
                    .into_iter()
                    .map(|pattern| format!("the line `{pattern}`")),
            );
        }
        let mut seen = BTreeSet::new();
        owners.retain(|one| seen.insert(one.clone()));
        if owners.len() > MOST_OWNERS {
            let more = owners.split_off(MOST_OWNERS).len();
            owners.push(format!("and {more} more"));
        }
        let changed = match (is_unreadable, owners.is_empty()) {
            (true, _) => ChangedRuleFile::Text,
            (false, true) => continue,
            (false, false) => ChangedRuleFile::Owners(owners),
        };
        let added = BTreeSet::new();
        files.push(RuleFile {
            path: path.to_owned(),
            before,
            after,
            is_config: false,
            changed,
            added,
        });
    }
    Ok(files)
}

/// Returns the file that a forge reads, with its path.
fn find_first_file<'a>(
    repository: &Repository,
    places: &[&'a str],
    side: RuleSnapshot<'_>,
) -> Result<Option<(&'a str, Entry)>, SourceError> {
    for place in places {
        if let Some(found) = entry(repository, side, place)? {
            return Ok(Some((place, found)));
        }
    }
    Ok(None)
}

/// Returns paths of rule files and of the catalog's folders, with their names.
///
/// Each path represents files that must have an owner.
fn owned_paths(
    repository: &Repository,
    changed_paths: &ChangedPaths,
    old: RuleSnapshot<'_>,
    new: RuleSnapshot<'_>,
) -> Result<Vec<(String, String)>, SourceError> {
    let mut rule_files: BTreeSet<String> =
        changed_paths.before.union(&changed_paths.after).cloned().collect();
    rule_files.extend(FOLDERS.map(|folder| format!("{folder}/any-file")));
    let mut manifests: BTreeSet<String> = BTreeSet::new();
    for side in [old, new] {
        rule_files.extend(roles(side.project).into_iter().map(|(_, path)| path.to_owned()));
        for place in CODE_OWNERS_PLACES.as_flattened() {
            if repository.read(side.snapshot, place, MAX_BYTES)?.is_some() {
                rule_files.insert((*place).to_owned());
            }
        }
        let catalog = side.project.folder();
        manifests.insert(format!("{catalog}/{NEW_MANIFEST}"));
        for blob in repository.blobs_below(side.snapshot, catalog)?.unwrap_or_default() {
            manifests.insert(blob.path.into_owned());
        }
    }
    let mut folders: BTreeSet<String> = BTreeSet::new();
    let mut subjects: Vec<(String, String)> =
        rule_files.into_iter().map(|path| (path.clone(), path)).collect();
    for path in manifests {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        if folders.insert(folder.clone()) {
            let name = match path.strip_suffix(NEW_MANIFEST) {
                Some(catalog) => catalog.to_owned(),
                None => format!("{folder}/"),
            };
            subjects.push((path, name));
        }
    }
    Ok(subjects)
}

/// Reports whether a CODEOWNERS pattern can match below a folder in a new path.
///
/// The owners of existing files do not show such a pattern.
fn may_match_below(pattern: &str, folder: &str) -> bool {
    let is_wild = |part: &&str| part.contains(['*', '?', '[', '\\']);
    let parts: Vec<&str> = pattern.trim_matches('/').split('/').collect();
    if let ([name], false) = (&parts[..], pattern.starts_with('/')) {
        // A name alone matches in every folder. The default for all files, and files of another
        // kind, are not specific to the folder.
        let of_a_kind = name.strip_prefix("*.").filter(|kind| !is_wild(kind));
        return *name != "*"
            && of_a_kind.is_none_or(|kind| ["yaml", "yml", "json", "j2"].contains(&kind));
    }
    let literal = parts.iter().take_while(|part| !is_wild(part)).count();
    let folder: Vec<&str> = folder.split('/').collect();
    let is_on_the_way = parts.iter().take(literal).zip(&folder).all(|(one, other)| one == other);
    is_on_the_way
        && if literal < folder.len() { literal < parts.len() } else { parts.len() > folder.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_can_match_below_a_folder_is_distinguished_from_others() {
        for pattern in [
            "/catalogs/secrets/new/",
            "catalogs/secrets/new/",
            "**/billing/",
            "/catalogs/*/billing/",
            "SEC-0042*",
            "/catalogs/**/prod/",
            "prod/",
            "/cat*/secrets/bill*/",
            "*.yaml",
        ] {
            assert!(may_match_below(pattern, "catalogs/secrets"), "{pattern}");
        }
        for pattern in
            ["*", "*.md", "/src/", "/src/**/prod/", "/docs/*", "/catalogs/other/*", "/catalogs/"]
        {
            assert!(!may_match_below(pattern, "catalogs/secrets"), "{pattern}");
        }
    }
}
