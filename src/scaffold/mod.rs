//! Answers, from prompts or flags → template → manifest → file.

mod answers;
mod field;
pub mod hook;
mod prompt;

use std::path::PathBuf;

use miette::Diagnostic;

pub use answers::{Answers, Draft};
pub use field::Field;
pub use prompt::ask;

use crate::catalog::{Catalog, Entry, Project, path_of};
use crate::config::ConfigError;
use crate::diagnostics::count;
use crate::files;
use crate::manifest::SecretId;
use crate::rules::{Finding, RuleSet, Severity};
use crate::source::File;
use crate::template::{self, Output, TemplateError};

/// The template's name; a catalog's own copy under `templates/` wins over the one built in.
pub const TEMPLATE: &str = "secret_request.yaml.j2";

const BUILT_IN: &str = include_str!("../../templates/secret_request.yaml.j2");

/// A manifest that is ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewManifest {
    pub id: SecretId,
    /// From the repository's root.
    pub path: String,
    pub text: String,
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
    #[error("the template `{TEMPLATE}` made no SecretRequest with the answers given: {why}")]
    #[diagnostic(code(goldenpath::scaffold::template), help("compare `templates/{TEMPLATE}` with the built-in one"))]
    NotTheAnswers { why: String },
    #[error("`{path}` cannot be written: {why}")]
    #[diagnostic(code(goldenpath::scaffold::write), help("check the folder's permissions and the free space"))]
    Write { path: String, why: String },
}

/// Makes the manifests of `answers`, one an environment, with the IDs from `first_id` on, and judges them by every rule
/// beside the manifests of `catalog`. Only without a finding of severity error are they fit to be written.
///
/// # Errors
/// A template that does not render, or not to a manifest that says what was answered.
pub fn make(
    answers: &Answers,
    first_id: SecretId,
    project: &Project,
    catalog: Catalog,
    own_template: Option<&str>,
) -> Result<(Vec<NewManifest>, Vec<Finding>, Catalog), ScaffoldError> {
    let mut made = Vec::new();
    let mut id = first_id;
    let mut catalog = catalog;
    for entry in &mut catalog.entries {
        entry.selected = false;
    }
    for environment in &answers.environments {
        let variables = answers.variables(id, environment, project);
        let text = template::render(TEMPLATE, own_template.unwrap_or(BUILT_IN), Output::Yaml, &variables)?;
        let file = File { path: String::new(), bytes: Ok(text.clone().into_bytes()) };
        let mut entry = Entry::read(file, true, project);
        // What is no request the rules have findings for, at their places in what the template made.
        if let Some(request) = entry.request() {
            answers.check(request, id, environment, project).map_err(|why| ScaffoldError::NotTheAnswers { why })?;
        }
        entry.path = path_of(project, &answers.service, environment, id);
        made.push(NewManifest { id, path: entry.path.clone(), text });
        catalog.entries.push(entry);
        id = id.next();
    }
    let (catalog, findings) = RuleSet::of(project)?.check(catalog)?;
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
    for manifest in manifests {
        let result = files::confine(&project.root, &manifest.path).and_then(|path| {
            files::write_new(&path, manifest.text.as_bytes()).map_err(|error| error.to_string())?;
            Ok(path)
        });
        match result {
            Ok(path) => written.push(path),
            Err(why) => {
                for path in written {
                    // Best effort: the error to tell is the one that came first.
                    let _ = std::fs::remove_file(path);
                }
                return Err(ScaffoldError::Write { path: manifest.path.clone(), why });
            }
        }
    }
    Ok(())
}
