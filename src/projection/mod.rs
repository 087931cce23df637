//! A manifest → its ExternalSecret (the seed's section 3).

use miette::Diagnostic;
use serde::Serialize;

use crate::catalog::Project;
use crate::manifest::{self, SecretId, SecretRequest, StoreKey, StoreKeyError};
use crate::template::{self, Output, TemplateError};

/// The template's name; a catalog's own copy under `templates/` wins over the one built in.
pub const TEMPLATE: &str = "external_secret.yaml.j2";

const BUILT_IN: &str = include_str!("../../templates/external_secret.yaml.j2");

/// How every projection begins, and so how a file of ours is told from one of somebody else's.
const HEADER: &str = "# Managed by goldenpath";

/// How the line goes on behind the manifest's ID and the catalog.
const ADVICE: &str = ". Change the SecretRequest, not this file.";

/// An ExternalSecret, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// From the GitOps repository's root, with `/`.
    pub file: String,
    /// YAML, with a header that says whose file it is.
    pub text: String,
    /// The header: it has the manifest's ID and the catalog.
    mark: String,
}

/// Why a manifest has no projection.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ProjectionError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    StoreKey(#[from] StoreKeyError),
    #[error("the template `{template}` made something else than an ExternalSecret of {id}: {why}")]
    #[diagnostic(
        code(goldenpath::projection),
        help("compare `templates/{template}` with the built-in one; `goldenpath render` shows what it makes")
    )]
    Changed { template: &'static str, id: String, why: String },
}

impl ProjectionError {
    /// The same with `reword` done to what it quotes of a manifest.
    #[must_use]
    pub fn reworded(mut self, reword: impl Fn(&mut String)) -> Self {
        match &mut self {
            Self::Changed { why, .. } => reword(why),
            Self::StoreKey(StoreKeyError::Refused { key, .. }) => reword(key),
            Self::StoreKey(StoreKeyError::Template(_)) | Self::Template(_) => {}
        }
        self
    }
}

/// The template's variables: the manifest's fields and what the configuration adds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Variables<'a> {
    #[serde(flatten)]
    request: &'a SecretRequest,
    store_key: &'a str,
    api_version: &'a str,
    refresh_interval: &'a str,
    store_name: &'a str,
    store_kind: &'a str,
}

impl Projection {
    /// Renders the projection of `request`; `own_template` is the catalog's, where it has one.
    ///
    /// # Errors
    /// A template that does not render, or whose result is not this manifest's ExternalSecret.
    pub fn of(request: &SecretRequest, project: &Project, own_template: Option<&str>) -> Result<Self, ProjectionError> {
        let config = &project.config;
        let key = StoreKey::of(request, &project.key_template)?;
        let variables = Variables {
            request,
            store_key: key.as_str(),
            api_version: &config.external_secret.api_version,
            refresh_interval: &config.external_secret.refresh_interval,
            store_name: &config.external_secret.store_name,
            store_kind: &config.external_secret.store_kind,
        };
        let body = template::render(TEMPLATE, own_template.unwrap_or(BUILT_IN), Output::Yaml, &variables)?;
        check(&body, request, &key).map_err(|why| ProjectionError::Changed {
            template: TEMPLATE,
            id: request.id.to_string(),
            why,
        })?;
        // An ID is unique in its catalog alone, and catalogs may share a GitOps repository.
        let mark = format!("{HEADER}: {} of {}{ADVICE}", request.id, project.catalog_id);
        Ok(Self { file: file_of(request, project)?, text: format!("{mark}\n{body}"), mark })
    }

    /// Whether a file's text is a projection, of whatever age, that goldenpath wrote for the same manifest.
    #[must_use]
    pub fn is_of_the_same_manifest(&self, text: &str) -> bool {
        text.strip_prefix(&self.mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(['\r', '\n']))
    }
}

/// The file of a manifest's projection, from the GitOps repository's root.
///
/// # Errors
/// A template that does not render.
pub fn file_of(request: &SecretRequest, project: &Project) -> Result<String, ProjectionError> {
    let gitops = project.config.gitops_of(request.environment.as_str());
    Ok(template::render("gitops.file", &gitops.file, Output::Text, request)?)
}

/// The manifest and the catalog that a file is the projection of, as its first line says; None for any other file.
#[must_use]
pub fn owner(text: &str) -> Option<(SecretId, &str)> {
    let owner = text.lines().next()?.strip_prefix(HEADER)?.strip_prefix(": ")?.strip_suffix(ADVICE)?;
    let (id, catalog) = owner.split_once(" of ")?;
    Some((SecretId::parse(id).ok()?, catalog))
}

/// Reads the result back: whatever the template does, these must be as the manifest says.
fn check(body: &str, request: &SecretRequest, key: &StoreKey) -> Result<(), String> {
    let root = manifest::parse(body).map_err(|problems| {
        problems.first().map_or_else(String::new, |problem| {
            let place = manifest::place(body, &problem.span);
            format!("line {}: {}", place.line, problem.message)
        })
    })?;
    let expected = [
        ("/kind", "ExternalSecret"),
        ("/metadata/namespace", request.namespace.as_str()),
        ("/spec/target/name", request.k8s_secret_name.as_str()),
    ];
    for (pointer, value) in expected {
        match root.string_at(pointer) {
            Some(found) if found == value => {}
            found => return Err(format!("`{pointer}` is `{}` instead of `{value}`", found.unwrap_or("missing"))),
        }
    }
    match mentions(&root, key.as_str()) {
        true => Ok(()),
        false => Err(format!("it does not mention the store key `{key}`")),
    }
}

fn mentions(node: &manifest::Node, text: &str) -> bool {
    match &node.value {
        manifest::Value::String(value) => value == text,
        manifest::Value::Sequence(items) => items.iter().any(|item| mentions(item, text)),
        manifest::Value::Mapping(entries) => entries.iter().any(|(_, value)| mentions(value, text)),
        _ => false,
    }
}
