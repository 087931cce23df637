//! Answers, from prompts, flags or a file → template, or the manifest that is copied → manifest → file.

mod answers;
mod answers_file;
mod constraint;
mod copy;
mod defaults;
mod draft;
mod field;
pub mod pre_commit_config;

use std::path::{Path, PathBuf};

use miette::Diagnostic;

pub use answers::Answers;
pub use answers_file::{AnswersError, AnswersFile, MAX_ANSWERS_BYTES};
pub use constraint::{AnswerVerdict, Constraint};
pub use copy::{CopyError, Original};
pub use draft::{AnswerOrigin, Draft, InvalidAnswer};
pub use field::Field;

use crate::catalog::{Catalog, Entry, Project, path_of};
use crate::config::ConfigError;
use crate::files;
use crate::manifest::SecretId;
use crate::report::count;
use crate::rules::{Finding, RuleSet, Severity};
use crate::template;
use crate::template::{Output, TemplateError};
use crate::vcs::File;

/// The template's name; a catalog's own copy under `templates/` wins over the one built in.
pub const TEMPLATE: &str = "secret_request.yaml.j2";

const BUILT_IN: &str = template::built_in::SECRET_REQUEST;

/// A manifest that is ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewManifest {
    pub id: SecretId,
    /// From the repository's root.
    pub path: String,
    pub text: String,
}

/// What a manifest is made from.
#[derive(Debug, Clone)]
pub enum Model {
    /// The catalog's own template, or without one the built-in one.
    Template(Option<String>),
    Copy(Box<Original>),
}

/// Why no manifest was made.
#[derive(Debug, thiserror::Error, Diagnostic)]
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
    #[error("the template `{TEMPLATE}` made no SecretRequest with the answers given: {why}")]
    #[diagnostic(
        code(goldenpath::scaffold::template),
        help("compare `templates/{TEMPLATE}` with the built-in one")
    )]
    NotTheAnswers { why: String },
    #[error("`{path}` cannot be written: {why}")]
    #[diagnostic(
        code(goldenpath::scaffold::write),
        help("check the folder's permissions and the free space")
    )]
    Write { path: String, why: String },
}

/// Makes the manifests of `answers`, one an environment, with the IDs of `ids` in their order, and judges them by every
/// rule beside the manifests of `catalog`. Only without a finding of severity error are they fit to be written.
///
/// The catalog comes from a [`Constraint`], or from an earlier call, whose manifests these take the place of.
///
/// # Errors
/// A template that does not render, or not to a manifest that says what was answered.
pub fn make(
    answers: &Answers,
    ids: &[SecretId],
    model: &Model,
    project: &Project,
    mut catalog: Catalog,
) -> Result<(Vec<NewManifest>, Vec<Finding>, Catalog), ScaffoldError> {
    let mut made = Vec::new();
    catalog.entries.retain(|entry| !entry.selected);
    for (environment, &id) in answers.environments.iter().zip(ids) {
        let text = match model {
            Model::Copy(original) => original.copied(answers, id, environment)?,
            Model::Template(own) => {
                let variables = answers.variables(id, environment, project);
                template::render(
                    TEMPLATE,
                    own.as_deref().unwrap_or(BUILT_IN),
                    Output::Yaml,
                    &variables,
                )?
            }
        };
        let file = File { path: String::new(), bytes: Ok(text.clone().into_bytes()) };
        let mut entry = Entry::read(file, true, project);
        // What is no request the rules have findings for, at their places in what was made.
        if let Some(request) = entry.request() {
            answers
                .check(request, id, environment, project)
                .map_err(|why| ScaffoldError::NotTheAnswers { why })?;
        }
        entry.path = path_of(project, &answers.service, environment, id);
        made.push(NewManifest { id, path: entry.path.clone(), text });
        catalog.entries.push(entry);
    }
    catalog.entries.sort_by(|one, other| one.path.cmp(&other.path));
    let (catalog, findings) = RuleSet::of(project)?.check(catalog)?;
    // A rule that is off finds nothing, and what is no request must not be written all the same.
    if is_fit(&findings) && catalog.selected().any(|entry| entry.request().is_none()) {
        let why = "it is none of those that goldenpath knows, whatever the rules say".to_owned();
        return Err(ScaffoldError::NotTheAnswers { why });
    }
    Ok((made, findings, catalog))
}

/// Whether findings keep the manifests from being written.
#[must_use]
pub fn is_fit(findings: &[Finding]) -> bool {
    count(findings, Severity::Error) == 0
}

/// Writes the manifests, whole and to places where nothing was; should one fail, those before it are taken back.
///
/// # Errors
/// What the file system refuses; nothing is left written then.
pub fn write(manifests: &[NewManifest], project: &Project) -> Result<(), ScaffoldError> {
    let mut written: Vec<PathBuf> = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    for manifest in manifests {
        let result = files::confine(&project.root, &manifest.path).and_then(|path| {
            folders.extend(missing_folders(&path));
            files::write_new(&path, manifest.text.as_bytes()).map_err(|error| error.to_string())?;
            Ok(path)
        });
        match result {
            Ok(path) => written.push(path),
            Err(why) => {
                // Best effort: the error to tell is the one that came first. A folder that holds something else stays.
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

/// The folders around `path` that are not there yet, the outer before the inner.
fn missing_folders(path: &Path) -> Vec<PathBuf> {
    let missing = path.ancestors().skip(1).take_while(|folder| folder.symlink_metadata().is_err());
    let mut folders: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
    folders.reverse();
    folders
}
