//! The configuration of a snapshot: `goldenpath.yaml` and `schemas/`.

use std::path::{Component, Path, PathBuf};

use crate::config;
use crate::config::{
    Config, ConfigError, Enums, Governance, Ownership, Policies, SecretType, SecretTypes,
};
use crate::files;
use crate::manifest::{SCHEMA_FILE_NAME, Schema, SecretRequest};
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
    pub old_folder: Option<String>,
    /// The work tree's folder, from which the configuration's paths on disk start.
    pub root: PathBuf,
    /// The snapshot from which the configuration was read.
    pub rules_from: Snapshot,
    /// The owner of the secrets that this catalog creates in the stores.
    pub catalog_id: String,
    /// The catalog's repository as in the tag of its secrets; None without a remote.
    pub repository: Option<String>,
    /// The content of `goldenpath.yaml`, with defaults for missing fields.
    pub config: Config,
    /// The place of the configuration.
    pub config_file: ConfigFile,
    /// The name of the configuration in messages.
    pub config_name: String,
    /// The text of the configuration, for messages that point into it.
    pub config_text: String,
    /// `store.keyTemplate`, compiled.
    pub key_template: Template,
    /// The lists of allowed values, from the file in `config.enums`.
    pub enums: Enums,
    /// Which teams may request which secrets.
    pub ownership: Ownership,
    /// The requirements of each risk tier, from the file in `config.governance`.
    pub governance: Governance,
    /// The keys of a value for each type.
    pub secret_types: SecretTypes,
    /// The JSON Schema of manifests: the catalog's own, or else the built-in one.
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
    /// outside is read from disk. A bare repository has no files, so a relative path that does not
    /// exist there is one of the commit.
    #[must_use]
    pub fn of(repository: &Repository, config_file: Option<&Path>) -> Self {
        match config_file {
            None => Self::default(),
            Some(path) => match repository.path_inside(path) {
                Some(inside) => Self::Tracked(inside),
                None => Self::on_disk(repository, path),
            },
        }
    }

    fn on_disk(repository: &Repository, path: &Path) -> Self {
        if repository.is_bare() && is_below(path) && !path.exists() {
            Self::Tracked(path.to_string_lossy().replace('\\', "/"))
        } else {
            Self::OnDisk(path.to_path_buf())
        }
    }
}

/// Reports whether a path consists of names alone, so that it leads nowhere else.
fn is_below(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
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
#[expect(missing_docs, reason = "the message of each variant says what it means")]
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
            .map_or_else(ConfigFile::default, |path| ConfigFile::on_disk(repository, path));
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
            Self::read_config_text(repository, rules_from, config_file)?,
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
            Some(text) => {
                let types = SecretTypes::parse(&config.secret_types, &text, &enums)?;
                let with_functions = config.types_with_functions();
                types.check_functions(with_functions, &config.secret_types, &text)?;
                types
            }
            None => check_missing("secretTypes", &config.secret_types, &defaults.secret_types)
                .map(|()| SecretTypes::built_in())?,
        };
        let schema = match read(SCHEMA_FILE_NAME)? {
            Some(text) => Schema::compile(SCHEMA_FILE_NAME, &text, &enums)?,
            None => Schema::built_in(&enums),
        };
        let policies = Policies::compile(&name, &config_text, &config.policies)?;
        Ok(Self {
            moved_to: None,
            old_folder: None,
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
            .map_or_else(ConfigFile::default, |path| ConfigFile::on_disk(repository, path));
        Self::read_config_text(repository, rules_from, &config_file)
    }

    fn read_config_text(
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
        self.is_in_catalog(path) && vcs::is_yaml(Path::new(path))
    }

    /// Reports whether `path` is below a folder of the catalog and not hidden there.
    #[must_use]
    pub fn is_in_catalog(&self, path: &str) -> bool {
        self.folders().any(|folder| below(path, folder).is_some_and(|below| !vcs::is_hidden(below)))
    }

    /// Returns the catalog's folders: one, or those before and after a move.
    ///
    /// A folder inside another one is left out.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let all = [
            Some(self.config.catalog.as_str()),
            self.moved_to.as_deref(),
            self.old_folder.as_deref(),
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
    pub fn is_uninitialized(
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

    /// Returns the keys of a manifest's value: those of its type, or the one of a text.
    #[must_use]
    pub fn secret_type_of(&self, request: &SecretRequest) -> SecretType {
        let secret_type = self.secret_types.of(&request.secret_type);
        match request.value_format.text_key() {
            Some(key) => secret_type.of_text(key),
            None => secret_type,
        }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::manifest::BUILT_IN_SCHEMA;
    use crate::testing::{
        SEED, SEED_PATH, ShownError, cases, codes, error_of, findings, place, seed_with, shown,
    };

    const CONFIG: &str = "goldenpath.yaml";
    const ENUMS: &str = "schemas/metadata/enums.yaml";
    const GOVERNANCE: &str = "schemas/metadata/governance.yaml";
    const SCHEMA: &str = "schemas/secret_request.schema.json";

    const ROW: &str = "{rotation: free, approvals: 1, recoveryWindowDays: 7, maxTtlDays: 9}";

    fn rows(low: &str) -> String {
        format!("tiers:\n  low: {low}\n  medium: {ROW}\n  high: {ROW}\n")
    }

    fn block() -> String {
        format!(
            "# recoveryWindowDays: 3\ntiers:\n  low: {ROW}\n  medium:\n    rotation: free\n    \
             approvals: 1\n    recoveryWindowDays: 3   # too few\n    maxTtlDays: 9\n  \
             high: {ROW}\n"
        )
    }

    /// Asserts the error of one file; of the place, the beginning.
    #[track_caller]
    fn is_an_error(file: &str, text: &str, place: &str, message: &str, help: &str) {
        let error = error_of(&[(SEED_PATH, SEED), (file, text)]);
        assert!(error.message.starts_with(&format!("{file}: ")), "{error:?}");
        assert!(error.message.contains(message), "{error:?}");
        assert!(error.help.contains(help), "{error:?}");
        match place {
            "" => assert_eq!(error.place, "", "{error:?}"),
            _ => assert!(error.place.starts_with(&format!("{file}:{place}")), "{error:?}"),
        }
    }

    #[track_caller]
    fn is_an_error_of_ownership(text: &str, message: &str, help_or_place: &str) {
        let error = error_of(&[(SEED_PATH, SEED), (CONFIG, text)]);
        assert!(error.message.contains(message), "{error:?}");
        let ShownError { help, place, .. } = &error;
        assert!(format!("{help} {place}").contains(help_or_place), "{error:?}");
        assert!(place.starts_with("goldenpath.yaml:"), "{error:?}");
    }

    cases! { a_configuration_that_cannot_be_used_is_an_error_at_its_place(is_an_error):
        an_open_quotation(CONFIG, "catalog: 'x\n", "1:", "invalid YAML", "close the quotation");
        a_wrong_indentation(
            CONFIG, "store:\n  path: b\n c: d\n", "3:2", "invalid YAML", "check the indentation",
        );
        a_tab(CONFIG, "store:\n\tpath: x\n", "2:1", "invalid YAML", "indent with spaces");
        a_second_document(
            CONFIG, "catalog: a\n---\ncatalog: b\n", "2:1", "a second document",
            "keep one document",
        );
        a_duplicate_field(
            CONFIG, "catalog: a\ngitops: {}\ncatalog: b\n", "3:1", "duplicate key `catalog`",
            "keep one of the two",
        );
        a_duplicate_rule(
            CONFIG, "rules:\n  GP102: off\n  GP102: error\n", "3:3", "duplicate key `GP102`",
            "keep one of the two",
        );
        a_duplicate_tier(
            GOVERNANCE, &format!("{}  low: {ROW}\n", rows(ROW)), "5:3", "duplicate key `low`",
            "keep one of the two",
        );
        a_duplicate_key_behind_its_name_in_a_text(
            CONFIG, "store: { path: \"duplicate path: x\", path: y }\n", "1:37",
            "duplicate key `path`", "keep one of the two",
        );
        an_unknown_field(
            CONFIG, "# x\ncatalgo: x\n", "2:1", "unknown field `catalgo`",
            "did you mean `catalog`?",
        );
        an_unknown_field_below_another(
            CONFIG, "store:\n  backnd: local\n", "2:3", "store: unknown field `backnd`",
            "did you mean `backend`?",
        );
        a_field_that_is_like_no_other(
            CONFIG, "colour: blue\n", "1:1", "unknown field `colour`",
            "the fields here are catalog, catalogId, enums",
        );
        a_list(
            CONFIG, "- catalog\n", "1:1", "this is a list, not a mapping", "write a mapping here",
        );
        a_string(
            CONFIG, "hello\n", "1:1", "this is the string \"hello\", not a mapping",
            "write a mapping here",
        );
        a_string_for_a_mapping(
            CONFIG, "store: local\n", "1:8", "store: this is the string \"local\", not a mapping",
            "write a mapping here",
        );
        a_list_for_a_string(
            CONFIG, "catalog: [a]\n", "1:10", "catalog: this is a list, not a string",
            "write a string here",
        );
        an_unknown_backend(
            CONFIG, "store: {backend: gcp}\n", "1:18", "unknown value `gcp`",
            "the values are local, aws",
        );
        a_misspelled_backend(
            CONFIG, "store:\n  backend: awss\n", "2:12", "unknown value `awss`",
            "did you mean `aws`?",
        );
        a_misspelled_level(
            CONFIG, "rules: {GP102: of}\n", "1:16", "unknown value `of`", "did you mean `off`?",
        );
        a_catalog_outside_of_the_repository(
            CONFIG, "# ../x\ncatalog: ../x\n", "2:1",
            "`catalog: ../x` is not a path inside the repository", "without `..`",
        );
        an_empty_catalog(
            CONFIG, "catalog: ''\n", "1:1", "is not a path inside", "give a relative path",
        );
        a_catalog_that_is_the_repository(
            CONFIG, "catalog: .\n", "1:1", "is not a path inside", "give a relative path",
        );
        an_absolute_path(
            CONFIG, "enums: /etc/passwd\n", "1:1", "is not a path inside", "give a relative path",
        );
        a_missing_governance_file(
            CONFIG, "governance: gov.yml\n", "1:1",
            "`governance: gov.yml` names a file that does not exist",
            "remove `governance` to use the built-in file",
        );
        a_missing_enums_file(
            CONFIG, "enums: list.yaml # x\n", "1:1",
            "`enums: list.yaml` names a file that does not exist", "create `list.yaml`",
        );
        a_missing_enums_file_whose_key_is_also_a_value(
            CONFIG, "{store: {path: enums}, enums: list.yaml}\n", "1:24",
            "`enums: list.yaml` names a file that does not exist", "create `list.yaml`",
        );
        an_unknown_variable_of_a_template(
            CONFIG, "store:\n  keyTemplate: '{{ env }}'\n", "2:3",
            "`store.keyTemplate`: `env` is undefined", "use the variables id, name",
        );
        an_open_expression_of_a_template(
            CONFIG, "gitops:\n  file: '{{ id'\n", "2:3", "`gitops.file`: unexpected end",
            "use the variables id, name",
        );
        a_catalog_id_that_no_tag_can_have(
            CONFIG, "catalogId: a!b\n", "1:1", "`catalogId: a!b` cannot be the value of a tag",
            "1 to 256 letters",
        );
        an_open_list_in_enums(ENUMS, "owners: [\n", "1:1", "", "check the indentation");
        a_misspelled_list(
            ENUMS, "ownrs: [a]\n", "1:1", "unknown field `ownrs`", "did you mean `owners`?",
        );
        a_list_for_the_lists(
            ENUMS, "- a\n", "1:1", "this is a list, not a mapping", "write a mapping here",
        );
        a_string_for_a_list(
            ENUMS, "owners: us\n", "1:9", "owners: this is the string \"us\", not a list",
            "write a list here",
        );
        an_empty_list(
            ENUMS, "# owners\nowners: []\n", "2:1", "the list `owners` is empty", "give it a value",
        );
        an_unknown_state(
            ENUMS, "lifecycleStates: [active, retired]\n", "1:27",
            "does not support the value `retired`", "active, deprecated",
        );
        an_unknown_provider(
            ENUMS, "providers: [vault]\n", "1:13", "does not support the value `vault`",
            "aws-secrets-manager",
        );
        an_empty_table(GOVERNANCE, "", "", "missing field `tiers`", "add `tiers:`");
        a_table_without_rows(
            GOVERNANCE, "tiers: {}\n", "1:1", "the risk tier `low` has no row",
            "add `low:` with rotation",
        );
        a_list_for_the_table(
            GOVERNANCE, "tiers: []\n", "1:8", "tiers: this is a list, not a mapping",
            "write a mapping here",
        );
        an_unknown_rotation(
            GOVERNANCE, &rows("{rotation: maybe}"), "2:19", "unknown value `maybe`",
            "required, recommended, free",
        );
        a_row_without_approvals(
            GOVERNANCE, &rows("{rotation: free}"), "2:8", "tiers.low: missing field `approvals`",
            "add `approvals:`",
        );
        a_number_of_approvals_that_is_too_large(
            GOVERNANCE, &rows(&ROW.replace("approvals: 1", "approvals: 300")), "2:36",
            "the integer `300`", "from 0 to 255",
        );
        a_recovery_window_that_is_too_short(
            GOVERNANCE, &block(), "7:5", "the tier `medium` has a recovery window of 3 days",
            "7 to 30 days",
        );
        a_recovery_window_that_is_too_long(
            GOVERNANCE, &rows(&ROW.replace("Days: 7", "Days: 31")), "2:",
            "the tier `low` has a recovery window of 31 days", "7 to 30",
        );
        an_empty_schema(SCHEMA, "", "", "invalid JSON", "delete it to use the built-in schema");
        a_schema_that_is_not_json(
            SCHEMA, "{\n  \"type\": \"object\",\n  ]\n", "3:3",
            "invalid JSON: key must be a string", "fix it",
        );
        a_schema_that_is_a_list(SCHEMA, "[]", "", "not a usable JSON Schema", "fix it");
        a_schema_of_an_unknown_type(
            SCHEMA, "{\"type\": \"objekt\"}", "", "not a usable JSON Schema", "fix it",
        );
        a_schema_on_another_host(
            SCHEMA, "{\"$ref\": \"https://example.com/x\"}", "", "is external", "fix it",
        );
        a_schema_in_another_file(
            SCHEMA, "{\"$ref\": \"file:///etc/passwd\"}", "", "is external", "fix it",
        );
        a_schema_with_an_unknown_reference(
            SCHEMA, "{\"$ref\": \"metadata/enums.yaml#/colours\"}", "", "'/colours' does not exist",
            "fix it",
        );
    }

    cases! { a_mistake_about_owners_and_accounts_is_an_error_at_its_place(is_an_error_of_ownership):
        an_unknown_owner(
            "ownership:\n  services:\n    payments: { owners: [team-paymnts] }\n",
            "there is no owner `team-paymnts`", "did you mean `team-payments`?",
        );
        a_namespace_with_a_capital(
            "ownership:\n  services:\n    payments:\n      namespaces: [Pay]\n",
            "`Pay` cannot be a namespace", "lowercase",
        );
        a_team_without_its_organization(
            "ownership:\n  teams: { app-team: acme }\n", "`acme` is not a code owner",
            "@organization/team",
        );
        an_unknown_field(
            "ownership: { services: { a: { owner: [x] } } }\n", "unknown field `owner`",
            "did you mean `owners`?",
        );
        an_unknown_value("ownership: { unlisted: allow }\n", "unknown value `allow`", "warn, deny");
        an_empty_list_of_comments(
            "ownership:\n  deniedNamespaces:\n    # - kube-*\n", "the list is empty",
            "goldenpath.yaml:2",
        );
        an_empty_list(
            "ownership: { services: { a: { owners: } } }\n", "the list is empty", "omit the key",
        );
        an_account_of_four_digits(
            "store: { accountId: \"1234\" }\n", "`store.accountId: 1234` is not an account ID",
            "12 digits",
        );
        a_cluster_without_a_name(
            "environments: { dev: { cluster: {} } }\n", "has neither `name` nor `context`",
            "`name:`",
        );
    }

    #[test]
    fn the_tiers_of_the_lists_must_be_in_the_table() {
        let error = error_of(&[(ENUMS, "riskTiers: [low, medium, extreme]\n")]);
        assert!(error.message.starts_with(&format!("{GOVERNANCE}: there is no such file")));
        assert!(error.help.contains("add `extreme:` below its `tiers:`"), "{error:?}");
    }

    #[track_caller]
    fn is_all_defaults(config: &str) {
        assert_eq!(codes(&findings(&[(SEED_PATH, SEED), (CONFIG, config)])), [""; 0]);
    }

    cases! { a_configuration_that_says_nothing_is_all_defaults(is_all_defaults):
        empty("");
        of_comments("# nothing\n");
        with_a_byte_order_mark("\u{feff}catalog: catalogs/secrets\r\n");
        with_an_empty_mapping("store:\n");
        with_an_empty_flow_mapping("rules: {}\n");
    }

    #[test]
    fn a_catalogs_own_enums_win_and_are_named_in_the_help() {
        let files = [(SEED_PATH, SEED), (ENUMS, "owners:\n  - red-team\n  - blue-team\n")];
        let found = findings(&files);
        assert_eq!(codes(&found), ["GP105"]);
        assert_eq!(found[0].pointer, "/metadata/owner");
        assert_eq!(found[0].help, format!("the values are red-team, blue-team (from {ENUMS})"));
    }

    #[test]
    fn the_configuration_says_where_the_enums_are() {
        let found = |lists: &str| {
            let config = (CONFIG, "enums: ./lists.yaml\n");
            findings(&[(SEED_PATH, SEED), config, ("lists.yaml", lists)])
        };
        assert_eq!(codes(&found("owners: [team-payments]\n")), [""; 0]);
        let of_others = found("owners: [us, them]\n");
        assert_eq!(of_others[0].help, "the values are us, them (from lists.yaml)");
    }

    #[test]
    fn a_catalogs_own_governance_wins() {
        let row = |rotation: &str, ttl: u32| {
            let rest = "approvals: 1, recoveryWindowDays: 7, maxTtlDays:";
            format!("{{rotation: {rotation}, {rest} {ttl}}}")
        };
        let found = |medium: String| {
            let low = row("free", 9);
            let table = format!("tiers:\n  low: {low}\n  medium: {medium}\n  high: {low}\n");
            let text = seed_with(&[("rotationClass: standard", "rotationClass: none")]);
            findings(&[(SEED_PATH, &text), (GOVERNANCE, &table)])
        };
        let strict = found(row("required", 29));
        let shown: Vec<_> = strict.iter().map(|found| (place(found), found.help.clone())).collect();
        let shown: Vec<_> = shown.iter().map(|(at, help)| (at.as_str(), help.as_str())).collect();
        assert_eq!(codes(&strict), ["GP201", "GP203"]);
        assert_eq!(
            shown,
            [
                ("15:20..15:24", "choose the rotation class `standard` or `high`"),
                ("21:12..21:14", "write 29 or less; the ttl can be renewed later"),
            ]
        );
        assert_eq!(codes(&found(row("free", 30))), [""; 0]);
    }

    #[test]
    fn a_catalogs_own_schema_can_add_a_field() {
        let mut schema: serde_json::Value = serde_json::from_str(BUILT_IN_SCHEMA).unwrap();
        let metadata = &mut schema["properties"]["metadata"];
        metadata["properties"]["costCentre"] =
            serde_json::json!({ "type": "string", "pattern": "^CC-[0-9]+$" });
        metadata["required"].as_array_mut().unwrap().push("costCentre".into());
        let schema = schema.to_string();
        let found = |text: &str| findings(&[(SEED_PATH, text), (SCHEMA, &schema)]);

        let missing = found(SEED);
        assert_eq!(codes(&missing), ["GP101"], "{:?}", shown(&missing));
        assert_eq!(place(&missing[0]), "3:1..3:9");
        assert_eq!(missing[0].message, "`metadata` lacks the field `costCentre`");
        let malformed = found(&seed_with(&[("  owner:", "  costCentre: CC7\n  owner:")]));
        assert_eq!(codes(&malformed), ["GP104"], "{:?}", shown(&malformed));
        assert_eq!(place(&malformed[0]), "6:15..6:18");
        assert!(malformed[0].message.contains("`^CC-[0-9]+$`"), "{:?}", shown(&malformed));
        let complete = found(&seed_with(&[("  owner:", "  costCentre: CC-7\n  owner:")]));
        assert_eq!(codes(&complete), [""; 0]);
    }

    #[test]
    fn a_schema_that_allows_everything_still_requires_a_secret_request() {
        let text = seed_with(&[("name: payments-db-credentials", "name: A_B")]);
        let found = findings(&[(SEED_PATH, &text), (SCHEMA, "{}")]);
        assert_eq!(codes(&found), ["GP104"]);
        assert_eq!(place(&found[0]), "5:9..5:12");
    }
}
