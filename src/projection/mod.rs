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

/// An ExternalSecret, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// From the GitOps repository's root, with `/`.
    pub file: String,
    /// YAML, with a header that says whose file it is.
    pub text: String,
    /// How the header begins: with the manifest's ID and the catalog.
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
        let mark = mark(request.id, &project.catalog_id);
        let text = format!("{mark}Change the SecretRequest, not this file.\n{body}");
        Ok(Self { file: file_of(request, project)?, text, mark })
    }

    /// Whether a file's text is a projection, of whatever age, that goldenpath wrote for the same manifest.
    #[must_use]
    pub fn is_of_the_same_manifest(&self, text: &str) -> bool {
        text.starts_with(&self.mark)
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

/// The manifest of this catalog that a file is the projection of, as its first line says.
#[must_use]
pub fn owner(text: &str, catalog_id: &str) -> Option<SecretId> {
    let owner = text.strip_prefix(HEADER)?.strip_prefix(": ")?.split(' ').next()?;
    SecretId::parse(owner).ok().filter(|id| text.starts_with(&mark(*id, catalog_id)))
}

/// Whether a file is a projection, of whatever manifest and catalog.
#[must_use]
pub fn is_one(text: &str) -> bool {
    text.starts_with(HEADER)
}

fn mark(id: SecretId, catalog_id: &str) -> String {
    format!("{HEADER}: {id} of {catalog_id}. ")
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
