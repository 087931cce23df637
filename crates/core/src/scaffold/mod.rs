//! Creates manifests from answers.
//!
//! Answers come from prompts, flags or a file. The text comes from a template or from a copied
//! manifest.

mod answers;
mod answers_file;
mod config_schema;
mod constraint;
mod copy;
mod defaults;
mod draft;
mod edit;
mod field;
mod modeline;
pub mod pre_commit_config;

use std::path::{Path, PathBuf};

use miette::Diagnostic;

pub use answers::Answers;
pub use answers_file::{AnswersError, AnswersFile, MAX_ANSWERS_BYTES};
pub use config_schema::{CONFIG_SCHEMA_FILE_NAME, config_schema};
pub use constraint::{AnswerVerdict, Constraint};
pub use copy::{CopyError, Original};
pub use draft::{AnswerOrigin, Draft, InvalidAnswer};
pub use edit::{EDITABLE, Edit, EditError, FieldChange, edit, field_value};
pub use field::Field;

use crate::catalog::{Catalog, Entry, Project, path_of};
use crate::config::ConfigError;
use crate::files;
use crate::manifest::{SCHEMA_FILE_NAME, SecretId};
use crate::report::count;
use crate::rules::{Finding, RuleSet, Severity};
use crate::template;
use crate::template::{Output, TemplateError};
use crate::vcs::File;

/// The template's name. A copy in the catalog's `templates/` overrides it.
pub const TEMPLATE: &str = "secret_request.yaml.j2";

const BUILT_IN: &str = template::built_in::SECRET_REQUEST;

/// A manifest that is ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewManifest {
    /// The ID in `text` and in the file's name.
    pub id: SecretId,
    /// Relative to the repository's root.
    pub path: String,
    /// The content of the file, a YAML document.
    pub text: String,
}

/// The source of a new manifest's text.
#[derive(Debug, Clone)]
pub enum ManifestSource {
    /// The catalog's own template, or the built-in one if None.
    Template(Option<String>),
    /// An existing manifest.
    Copy(Box<Original>),
}

/// The reason why no manifest was created.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum ScaffoldError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Copy(#[from] CopyError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Answers(#[from] AnswersError),
    #[error("the template `{TEMPLATE}` did not render the given answers to a SecretRequest: {why}")]
    #[diagnostic(
        code(goldenpath::scaffold::template),
        help("compare `templates/{TEMPLATE}` with the built-in one")
    )]
    NotTheAnswers { why: String },
    #[error("cannot write `{path}`: {why}")]
    #[diagnostic(
        code(goldenpath::scaffold::write),
        help("check the folder's permissions and the free space")
    )]
    Write { path: String, why: String },
}

/// Creates one manifest per environment, and checks them with all rules.
///
/// The manifests get the IDs of `ids` in order.
///
/// The rules see the manifests of `catalog` too. If a finding is an error, the manifests must not
/// be written. The catalog comes from a [`Constraint`] or from an earlier call; manifests of an
/// earlier call are replaced.
///
/// # Errors
/// The template does not render, or its result does not have the answered values.
pub fn create_manifests(
    answers: &Answers,
    ids: &[SecretId],
    source: &ManifestSource,
    project: &Project,
    mut catalog: Catalog,
) -> Result<(Vec<NewManifest>, Vec<Finding>, Catalog), ScaffoldError> {
    let mut created = Vec::new();
    catalog.entries.retain(|entry| !entry.selected);
    for (environment, &id) in answers.environments.iter().zip(ids) {
        let text = match source {
            ManifestSource::Copy(original) => original.render_copy(answers, id, environment)?,
            ManifestSource::Template(own) => {
                let variables = answers.variables(id, environment, project);
                template::render(
                    TEMPLATE,
                    own.as_deref().unwrap_or(BUILT_IN),
                    Output::Yaml,
                    &variables,
                )?
            }
        };
        let path = path_of(project, &answers.service, environment, id);
        let text = if project.schema.is_own() {
            modeline::add(&text, &path, SCHEMA_FILE_NAME)
        } else {
            text
        };
        let file = File { path: String::new(), bytes: Ok(text.clone().into_bytes()) };
        let mut entry = Entry::read(file, true, project);
        // If the result is not a SecretRequest, the rules report the details.
        if let Some(request) = entry.request() {
            answers
                .check(request, id, environment, project)
                .map_err(|why| ScaffoldError::NotTheAnswers { why })?;
        }
        entry.path = path;
        created.push(NewManifest { id, path: entry.path.clone(), text });
        catalog.entries.push(entry);
    }
    catalog.entries.sort_by(|one, other| one.path.cmp(&other.path));
    let (catalog, findings) = RuleSet::of(project)?.check(catalog)?;
    // A disabled rule reports nothing, but only a SecretRequest may be written.
    if allows_writing(&findings) && catalog.selected().any(|entry| entry.request().is_none()) {
        let why = "the result is not a valid SecretRequest, and the rule for it is off".to_owned();
        return Err(ScaffoldError::NotTheAnswers { why });
    }
    Ok((created, findings, catalog))
}

/// Returns whether the findings allow writing the manifests.
#[must_use]
pub fn allows_writing(findings: &[Finding]) -> bool {
    count(findings, Severity::Error) == 0
}

/// Writes the manifests atomically, and never over an existing file.
///
/// # Errors
/// A file cannot be written; then the files written before it are removed.
pub fn write(manifests: &[NewManifest], project: &Project) -> Result<(), ScaffoldError> {
    let mut written: Vec<PathBuf> = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    for manifest in manifests {
        let result = files::join_below(&project.root, &manifest.path).and_then(|path| {
            folders.extend(missing_folders(&path));
            files::write_new(&path, manifest.text.as_bytes()).map_err(|error| error.to_string())?;
            Ok(path)
        });
        match result {
            Ok(path) => written.push(path),
            Err(why) => {
                // Best effort: report the first error. Folders with other files stay.
                for path in written {
                    let _ = std::fs::remove_file(path);
                }
                for folder in folders.iter().rev() {
                    let _ = std::fs::remove_dir(folder);
                }
                return Err(ScaffoldError::Write { path: manifest.path.clone(), why });
            }
        }
    }
    Ok(())
}

/// Returns the missing parent folders of `path`, outermost first.
fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let missing = path.ancestors().skip(1).take_while(|folder| folder.symlink_metadata().is_err());
    let mut folders: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
    folders.reverse();
    folders
}
