//! The configuration of a snapshot: `goldenpath.yaml` and `schemas/`.

use std::path::{Path, PathBuf};

use crate::config;
use crate::config::{Config, ConfigError, Enums, Governance, Ownership, Policies, SecretTypes};
use crate::files;
use crate::manifest::{BUILT_IN_SCHEMA, SCHEMA_FILE_NAME, Schema};
use crate::template::{Output, Template, TemplateError};
use crate::vcs;
use crate::vcs::git::GitError;
use crate::vcs::{Repository, Snapshot, SourceError, Unreadable};

/// The size limit of a configuration file, in bytes.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;

/// The templates that a catalog can have in `templates/`.
const TEMPLATES: [(&str, Output); 4] = [
    ("due.md.j2", Output::Markdown),
    ("external_secret.yaml.j2", Output::Yaml),
    ("plan.md.j2", Output::Markdown),
    ("secret_request.yaml.j2", Output::Yaml),
];

/// The configuration of a snapshot of a repository.
#[derive(Debug)]
pub struct Project {
    /// The catalog's folder after the checked change, if it moves.
    pub moved_to: Option<String>,
    /// The catalog's old folder on the checked branch, if the base has moved it since.
    ///
    /// Changes there are checked too, and belong in the base's folder.
    pub left_behind: Option<String>,
    /// The work tree's folder, from which the configuration's paths on disk start.
    pub root: PathBuf,
    /// The snapshot from which the configuration was read.
    pub rules_from: Snapshot,
    /// The owner of the secrets that this catalog creates in the stores.
    pub catalog_id: String,
    /// The catalog's repository as in the tag of its secrets; None without a remote.
    pub repository: Option<String>,
    pub config: Config,
    /// The place of the configuration.
    pub config_file: ConfigFile,
    /// The name of the configuration in messages.
    pub config_name: String,
    /// The text of the configuration, for messages that point into it.
    pub config_text: String,
    /// `store.keyTemplate`, compiled.
    pub key_template: Template,
    pub enums: Enums,
    /// Which teams may request which secrets.
    pub ownership: Ownership,
    pub governance: Governance,
    /// The keys of a value for each type.
    pub secret_types: SecretTypes,
    pub schema: Schema,
    /// The platform team's own rules.
    pub policies: Policies,
}

/// The place of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigFile {
    /// In the snapshot, by its path from the root.
    ///
    /// Only the default, `goldenpath.yaml`, may be missing.
    Tracked(String),
    /// On disk, independent of the snapshot.
    OnDisk(PathBuf),
}

impl ConfigFile {
    /// Returns the place of a commit's configuration.
    ///
    /// A `config_file` inside the repository means the commit's content of its path; only a file
    /// outside is read from disk.
    #[must_use]
    pub fn of(repository: &Repository, config_file: Option<&Path>) -> Self {
        match config_file {
            None => Self::default(),
            Some(path) => match repository.path_inside(path) {
                Some(inside) => Self::Tracked(inside),
                None => Self::OnDisk(path.to_path_buf()),
            },
        }
    }
}

impl Default for ConfigFile {
    fn default() -> Self {
        Self::Tracked(config::FILE_NAME.to_owned())
    }
}

/// The text of `goldenpath.yaml`, with its parsed content.
#[derive(Debug)]
pub struct ConfigText {
    /// The name in messages.
    pub name: String,
    pub text: String,
    pub config: Config,
}

/// Why a project cannot be opened.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ProjectError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] GitError),
}

impl ProjectError {
    /// Returns the error as one of the rules at the end of a change.
    ///
    /// Such rules would stop every run after the merge.
    #[must_use]
    pub fn in_head(self, head: Snapshot) -> Self {
        match self {
            Self::Config(error) => {
                Self::Config(error.in_snapshot(format!("{head}, the end of this change")))
            }
            other => other,
        }
    }
}

impl Project {
    /// Reads the configuration of a snapshot.
    ///
    /// `config_file` on disk replaces the `goldenpath.yaml` of `rules_from`.
    ///
    /// # Errors
    /// A configuration file that cannot be read or is invalid.
    pub fn open(
        repository: &Repository,
        rules_from: Snapshot,
        config_file: Option<&Path>,
    ) -> Result<Self, ProjectError> {
        let config_file = config_file
            .map_or_else(ConfigFile::default, |path| ConfigFile::OnDisk(path.to_path_buf()));
        Self::open_with(repository, rules_from, &config_file)
    }

    /// Reads the configuration of a snapshot, with the main file from `config_file`.
    ///
    /// # Errors
    /// A configuration file that cannot be read or is invalid.
    pub fn open_with(
        repository: &Repository,
        rules_from: Snapshot,
        config_file: &ConfigFile,
    ) -> Result<Self, ProjectError> {
        Self::of(
            repository,
            rules_from,
            config_file.clone(),
            Self::written(repository, rules_from, config_file)?,
        )
    }

    /// Reads the configuration at `path` of a snapshot; None if there is no such file.
    ///
    /// # Errors
    /// A configuration file that cannot be read or is invalid.
    pub fn open_at(
        repository: &Repository,
        rules_from: Snapshot,
        path: &str,
    ) -> Result<Option<Self>, ProjectError> {
        let Some(text) = read(repository, rules_from, path)? else { return Ok(None) };
        let config = Config::parse(path, &text)?;
        let config_file = ConfigFile::Tracked(path.to_owned());
        Self::of(
            repository,
            rules_from,
            config_file,
            ConfigText { name: path.to_owned(), text, config },
        )
        .map(Some)
    }

    fn of(
        repository: &Repository,
        rules_from: Snapshot,
        config_file: ConfigFile,
        written: ConfigText,
    ) -> Result<Self, ProjectError> {
        let project =
            Self::assemble(|path| read(repository, rules_from, path), &repository.name(), written)?;
        Ok(Self {
            config_file,
            root: repository.root().to_path_buf(),
            rules_from,
            repository: repository.identity(project.config.audit.remote.as_deref())?,
            ..project
        })
    }

    /// Returns the project of rule files that `read` returns by path, outside any repository.
    ///
    /// `folder` is the name of the repository's folder, from which the default catalog ID follows.
    fn assemble(
        read: impl Fn(&str) -> Result<Option<String>, ProjectError>,
        folder: &str,
        written: ConfigText,
    ) -> Result<Self, ProjectError> {
        let ConfigText { name, text: config_text, config } = written;
        // A path in the configuration must exist: a mistake in it would enable the built-in rules.
        let check_missing = |field: &str, path: &str, default: &str| {
            if path == default {
                return Ok(());
            }
            Err(ConfigError::new(
                &name,
                format!("`{field}: {path}` names a file that does not exist"),
                format!("create `{path}`, or remove `{field}` to use the built-in file"),
            )
            .at_field(&config_text, &[field]))
        };
        let defaults = Config::default();
        let enums = match read(&config.enums)? {
            Some(text) => Enums::parse(&config.enums, &text)?,
            None => check_missing("enums", &config.enums, &defaults.enums)
                .map(|()| Enums::built_in())?,
        };
        config.check_names(&enums, &name, &config_text)?;
        let governance = match read(&config.governance)? {
            Some(text) => Governance::parse(&config.governance, &text, &enums)?,
            None => {
                check_missing("governance", &config.governance, &defaults.governance)?;
                let table = Governance::built_in();
                if let Some(tier) =
                    enums.risk_tiers.iter().find(|tier| !table.tiers.contains_key(*tier))
                {
                    let message = format!(
                        "there is no such file, and the built-in table has no row for the risk \
                         tier `{tier}`"
                    );
                    let help = format!(
                        "`goldenpath init` creates the file; then add `{tier}:` below its `tiers:`"
                    );
                    return Err(ConfigError::new(&config.governance, message, help).into());
                }
                table
            }
        };
        let secret_types = match read(&config.secret_types)? {
            Some(text) => SecretTypes::parse(&config.secret_types, &text, &enums)?,
            None => check_missing("secretTypes", &config.secret_types, &defaults.secret_types)
                .map(|()| SecretTypes::built_in())?,
        };
        let schema = match read(SCHEMA_FILE_NAME)? {
            Some(text) => Schema::compile(SCHEMA_FILE_NAME, &text, &enums)?,
            None => Schema::compile("the built-in schema", BUILT_IN_SCHEMA, &enums)?,
        };
        let policies = Policies::compile(&name, &config_text, &config.policies)?;
        Ok(Self {
            moved_to: None,
            left_behind: None,
            config_file: ConfigFile::default(),
            root: PathBuf::new(),
            rules_from: Snapshot::WorkTree,
            repository: None,
            catalog_id: config.catalog_id.clone().unwrap_or_else(|| config::to_catalog_id(folder)),
            key_template: Template::compile(
                "store.keyTemplate",
                &config.store.key_template,
                Output::Text,
            )?,
            ownership: Ownership::new(&config.ownership),
            config,
            config_name: name,
            config_text,
            enums,
            governance,
            secret_types,
            schema,
            policies,
        })
    }

    /// Reads the configuration among `files`, which are texts by path, as [`Project::open`] does.
    #[cfg(test)]
    pub(crate) fn in_memory(files: &[(&str, &str)]) -> Result<Self, ProjectError> {
        let text_at = |path: &str| {
            files.iter().find(|(file, _)| *file == path).map(|(_, text)| (*text).to_owned())
        };
        let text = text_at(config::FILE_NAME).unwrap_or_default();
        let config = Config::parse(config::FILE_NAME, &text)?;
        let written = ConfigText { name: config::FILE_NAME.to_owned(), text, config };
        Self::assemble(|path| Ok(text_at(path)), "platform", written)
    }

    /// Reads only `goldenpath.yaml`, as [`Project::open`] does.
    ///
    /// # Errors
    /// A file that cannot be read or is invalid.
    pub fn configuration(
        repository: &Repository,
        rules_from: Snapshot,
        config_file: Option<&Path>,
    ) -> Result<ConfigText, ProjectError> {
        let config_file = config_file
            .map_or_else(ConfigFile::default, |path| ConfigFile::OnDisk(path.to_path_buf()));
        Self::written(repository, rules_from, &config_file)
    }

    fn written(
        repository: &Repository,
        rules_from: Snapshot,
        config_file: &ConfigFile,
    ) -> Result<ConfigText, ProjectError> {
        let (name, config_text) = match config_file {
            ConfigFile::OnDisk(path) => {
                let name = path.display().to_string();
                let text = files::read_regular(path, MAX_BYTES).map_err(|why| {
                    ConfigError::new(
                        &name,
                        why.to_string(),
                        "name a file that can be read with `--config`",
                    )
                });
                let text = text_of(&name, Ok(text?))?;
                (name, Some(text))
            }
            ConfigFile::Tracked(path) => match read(repository, rules_from, path)? {
                None if path != config::FILE_NAME => {
                    let message =
                        format!("there is no such file in {rules_from}, whose rules apply here");
                    let help =
                        "commit it there first, or set `--config` to a file outside the repository";
                    return Err(ConfigError::new(path, message, help).into());
                }
                text => (path.clone(), text),
            },
        };
        let config = config_text
            .as_deref()
            .map_or_else(|| Ok(Config::default()), |text| Config::parse(&name, text))?;
        Ok(ConfigText { name, text: config_text.unwrap_or_default(), config })
    }

    /// Returns the catalog's template `name` from `templates/`, if it exists.
    ///
    /// # Errors
    /// A template that cannot be read.
    pub fn template(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<Option<String>, ProjectError> {
        Self::template_at(repository, self.rules_from, name)
    }

    /// Returns the template `name` of a snapshot, if it exists.
    ///
    /// # Errors
    /// A template that cannot be read.
    pub fn template_at(
        repository: &Repository,
        snapshot: Snapshot,
        name: &str,
    ) -> Result<Option<String>, ProjectError> {
        read(repository, snapshot, &format!("templates/{name}"))
    }

    /// Reports whether a path, from the repository's root, counts as a manifest.
    #[must_use]
    pub fn is_manifest(&self, path: &str) -> bool {
        self.has_in_catalog(path) && vcs::is_yaml(Path::new(path))
    }

    /// Reports whether `path` is below a folder of the catalog and not hidden there.
    #[must_use]
    pub fn has_in_catalog(&self, path: &str) -> bool {
        self.folders().any(|folder| below(path, folder).is_some_and(|below| !vcs::is_hidden(below)))
    }

    /// Returns the catalog's folders: one, or those before and after a move.
    ///
    /// A folder inside another one is left out.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let all = [
            Some(self.config.catalog.as_str()),
            self.moved_to.as_deref(),
            self.left_behind.as_deref(),
        ];
        let lies_in_another =
            move |folder: &str| all.iter().flatten().any(|other| below(folder, other).is_some());
        all.into_iter().flatten().filter(move |folder| !lies_in_another(folder))
    }

    /// Returns the catalog's folder after the checked change.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.moved_to.as_deref().unwrap_or(&self.config.catalog)
    }

    /// Reports whether a snapshot does not use goldenpath.
    ///
    /// Such a snapshot has no configuration, no rule files and no manifests.
    ///
    /// # Errors
    /// A snapshot that cannot be read.
    pub fn is_blank(
        repository: &Repository,
        snapshot: Snapshot,
        config_file: &ConfigFile,
    ) -> Result<bool, SourceError> {
        if *config_file != ConfigFile::default() {
            return Ok(false);
        }
        let config = Config::default();
        let mut paths: Vec<String> =
            TEMPLATES.iter().map(|(name, _)| format!("templates/{name}")).collect();
        paths.extend(rule_files(&config).map(str::to_owned));
        for path in &paths {
            if repository.read(snapshot, path, MAX_BYTES)?.is_some() {
                return Ok(false);
            }
        }
        Ok(repository
            .blobs_below(snapshot, &config.catalog)?
            .is_none_or(|manifests| manifests.is_empty()))
    }

    /// Checks that the catalog's templates at these paths can be read and parsed.
    ///
    /// # Errors
    /// A template that cannot be read or parsed.
    pub fn check_templates(
        repository: &Repository,
        snapshot: Snapshot,
        is_selected: impl Fn(&str) -> bool,
    ) -> Result<(), ProjectError> {
        for (name, output) in TEMPLATES {
            let path = format!("templates/{name}");
            if is_selected(&path)
                && let Some(text) = read(repository, snapshot, &path)?
            {
                Template::compile(&format!("{path} in {snapshot}"), &text, output)?;
            }
        }
        Ok(())
    }

    /// Returns the texts of all rule files by path; None for a missing one.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn texts(
        &self,
        repository: &Repository,
    ) -> Result<Vec<(String, Option<String>)>, ProjectError> {
        let mut texts = vec![(self.config_name.clone(), Some(self.config_text.clone()))];
        for path in self.rule_files().into_iter().filter(|path| *path != config::FILE_NAME) {
            texts.push((path.to_owned(), read(repository, self.rules_from, path)?));
        }
        Ok(texts)
    }

    /// Returns the files that decide about findings; a change affects every manifest.
    #[must_use]
    pub fn rule_files(&self) -> [&str; 5] {
        rule_files(&self.config)
    }
}

fn rule_files(config: &Config) -> [&str; 5] {
    [config::FILE_NAME, SCHEMA_FILE_NAME, &config.enums, &config.governance, &config.secret_types]
}

/// Returns `path` relative to `folder`, if it is below it.
pub(super) fn below<'path>(path: &'path str, folder: &str) -> Option<&'path str> {
    path.strip_prefix(folder)?.strip_prefix('/')
}

fn read(
    repository: &Repository,
    snapshot: Snapshot,
    path: &str,
) -> Result<Option<String>, ProjectError> {
    match repository.read(snapshot, path, MAX_BYTES)? {
        None => Ok(None),
        Some(bytes) => Ok(Some(text_of(path, bytes)?)),
    }
}

fn text_of(path: &str, bytes: Result<Vec<u8>, Unreadable>) -> Result<String, ConfigError> {
    let bytes = bytes.map_err(|why| {
        let help = match why {
            Unreadable::Object(_) => vcs::GET_OBJECTS,
            _ => "put a regular file of at most 1 MiB there, or remove it",
        };
        ConfigError::new(path, why.to_string(), help)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to() + 1;
        ConfigError::new(path, format!("byte {place} is not UTF-8"), "save the file as UTF-8")
    })
}
