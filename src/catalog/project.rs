//! What a repository's `goldenpath.yaml` and `schemas/` say at one snapshot.

use std::path::{Path, PathBuf};

use crate::config::{self, Config, ConfigError, Enums, Governance, Policies, SecretTypes};
use crate::files;
use crate::git::GitError;
use crate::manifest::{BUILT_IN_SCHEMA, SCHEMA_FILE_NAME, Schema};
use crate::source::{self, Repository, Snapshot, SourceError, Unreadable};
use crate::template::{Output, Template, TemplateError};

/// The bytes of a configuration file that are read at most.
const MAX_BYTES: u64 = 1024 * 1024;

/// The configuration found in a snapshot of a repository.
#[derive(Debug)]
pub struct Project {
    /// The work tree's folder, from which the configuration's paths on disk start.
    pub root: PathBuf,
    /// Where the configuration was read.
    pub rules_from: Snapshot,
    /// Who owns what this catalog makes in the stores.
    pub catalog_id: String,
    /// The repository that the catalog belongs to, as the tag of its secrets says; None in a clone
    /// without a remote.
    pub repository: Option<String>,
    pub config: Config,
    /// What the configuration is called in messages.
    pub config_name: String,
    /// The configuration as written, for messages that point into it.
    pub config_text: String,
    /// `store.keyTemplate`, compiled.
    pub key_template: Template,
    pub enums: Enums,
    pub governance: Governance,
    /// Which keys a value has.
    pub secret_types: SecretTypes,
    pub schema: Schema,
    /// The platform team's own rules.
    pub policies: Policies,
}

/// `goldenpath.yaml` as it is written.
#[derive(Debug)]
pub struct Written {
    /// What it is called in messages.
    pub name: String,
    pub text: String,
    pub config: Config,
}

/// Why there is no project.
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

impl Project {
    /// Reads the configuration of the snapshot `rules_from`; `config_file` is one from disk that replaces its `goldenpath.yaml`.
    ///
    /// # Errors
    /// A configuration file that cannot be read or is wrong.
    pub fn open(
        repository: &Repository,
        rules_from: Snapshot,
        config_file: Option<&Path>,
    ) -> Result<Self, ProjectError> {
        let Written { name, text: config_text, config } = Self::configuration(repository, rules_from, config_file)?;

        // A path that the configuration names must lead somewhere: a slip in it would bring the built-in rules back.
        let named = |field: &str, path: &str, default: &str| match path == default {
            true => Ok(()),
            false => Err(ConfigError::new(
                &name,
                format!("`{field}: {path}` names a file that is not there"),
                format!("write `{path}`, or leave `{field}` out to use what is built in"),
            )
            .at_field(&config_text, &[field])),
        };
        let defaults = Config::default();
        let enums = match read(repository, rules_from, &config.enums)? {
            Some(text) => Enums::parse(&config.enums, &text)?,
            None => named("enums", &config.enums, &defaults.enums).map(|()| Enums::built_in())?,
        };
        config.check_names(&enums, &name, &config_text)?;
        let governance = match read(repository, rules_from, &config.governance)? {
            Some(text) => Governance::parse(&config.governance, &text, &enums)?,
            None => {
                named("governance", &config.governance, &defaults.governance)?;
                let table = Governance::built_in();
                if let Some(tier) = enums.risk_tiers.iter().find(|tier| !table.tiers.contains_key(*tier)) {
                    let message =
                        format!("there is no such file, and the built-in table has no row for the risk tier `{tier}`");
                    let help = format!("`goldenpath init` writes the file; add `{tier}:` below its `tiers:`");
                    return Err(ConfigError::new(&config.governance, message, help).into());
                }
                table
            }
        };
        let secret_types = match read(repository, rules_from, &config.secret_types)? {
            Some(text) => SecretTypes::parse(&config.secret_types, &text, &enums)?,
            None => {
                named("secretTypes", &config.secret_types, &defaults.secret_types).map(|()| SecretTypes::built_in())?
            }
        };
        let schema = match read(repository, rules_from, SCHEMA_FILE_NAME)? {
            Some(text) => Schema::compile(SCHEMA_FILE_NAME, &text, &enums)?,
            None => Schema::compile("the built-in schema", BUILT_IN_SCHEMA, &enums)?,
        };
        let policies = Policies::compile(&name, &config_text, &config.policies)?;
        Ok(Self {
            root: repository.root().to_path_buf(),
            rules_from,
            repository: repository.identity(config.audit.remote.as_deref())?,
            catalog_id: config.catalog_id.clone().unwrap_or_else(|| config::to_catalog_id(&repository.name())),
            key_template: Template::compile("store.keyTemplate", &config.store.key_template, Output::Text)?,
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

    /// Reads `goldenpath.yaml` alone, as [`Project::open`] does.
    ///
    /// # Errors
    /// A file that cannot be read or is wrong.
    pub fn configuration(
        repository: &Repository,
        rules_from: Snapshot,
        config_file: Option<&Path>,
    ) -> Result<Written, ProjectError> {
        let (name, config_text) = match config_file {
            Some(path) => {
                let name = path.display().to_string();
                let text = files::read_regular(path, MAX_BYTES)
                    .map_err(|why| ConfigError::new(&name, why.to_string(), "give `--config` a file that can be read"));
                let text = text_of(&name, Ok(text?))?;
                (name, Some(text))
            }
            None => (config::FILE_NAME.to_owned(), read(repository, rules_from, config::FILE_NAME)?),
        };
        let config = config_text.as_deref().map_or_else(|| Ok(Config::default()), |text| Config::parse(&name, text))?;
        Ok(Written { name, text: config_text.unwrap_or_default(), config })
    }

    /// The catalog's own template of this name from `templates/`, if there is one.
    ///
    /// # Errors
    /// A template that cannot be read.
    pub fn template(&self, repository: &Repository, name: &str) -> Result<Option<String>, ProjectError> {
        read(repository, self.rules_from, &format!("templates/{name}"))
    }

    /// Whether a file of this path, from the repository's root, counts as a manifest.
    #[must_use]
    pub fn is_manifest(&self, path: &str) -> bool {
        self.has_in_catalog(path) && source::is_yaml(Path::new(path))
    }

    /// Whether `path`, from the repository's root, lies below the catalog's folder and is not hidden there.
    #[must_use]
    pub fn has_in_catalog(&self, path: &str) -> bool {
        let below = path.strip_prefix(&self.config.catalog).and_then(|rest| rest.strip_prefix('/'));
        below.is_some_and(|below| !source::is_hidden(below))
    }

    /// All that says how a catalog is read, word for word: each file's path, and None for one that is not there.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn texts(&self, repository: &Repository) -> Result<Vec<(String, Option<String>)>, ProjectError> {
        let mut texts = vec![(self.config_name.clone(), Some(self.config_text.clone()))];
        for path in self.rule_files().into_iter().filter(|path| *path != config::FILE_NAME) {
            texts.push((path.to_owned(), read(repository, self.rules_from, path)?));
        }
        Ok(texts)
    }

    /// The files that decide what is a finding; when one of them changes, every manifest is judged anew.
    #[must_use]
    pub fn rule_files(&self) -> [&str; 5] {
        [config::FILE_NAME, SCHEMA_FILE_NAME, &self.config.enums, &self.config.governance, &self.config.secret_types]
    }
}

fn read(repository: &Repository, snapshot: Snapshot, path: &str) -> Result<Option<String>, ProjectError> {
    match repository.read(snapshot, path, MAX_BYTES)? {
        None => Ok(None),
        Some(bytes) => Ok(Some(text_of(path, bytes)?)),
    }
}

fn text_of(path: &str, bytes: Result<Vec<u8>, Unreadable>) -> Result<String, ConfigError> {
    let bytes = bytes.map_err(|why| {
        let help = match why {
            Unreadable::Object(_) => source::GET_OBJECTS,
            _ => "put a regular file of at most 1 MiB there, or remove it",
        };
        ConfigError::new(path, why.to_string(), help)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to() + 1;
        ConfigError::new(path, format!("byte {place} is not UTF-8"), "save the file as UTF-8")
    })
}
