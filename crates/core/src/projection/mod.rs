//! The ExternalSecret of a manifest (the seed's section 3).

mod template_check;

use std::collections::BTreeMap;

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::Serialize;

use crate::catalog::Project;
use crate::config::{
    CreationPolicy, DecodingStrategy, DeletionPolicy, KubernetesSecret, KubernetesSecretType,
    MergePolicy, RefreshPolicy,
};
use crate::manifest::{SecretId, SecretRequest, StoreKey, StoreKeyError};
use crate::projection::template_check::TemplateViolation;
use crate::template;
use crate::template::{Output, Template, TemplateError};
use crate::yaml;

/// The template's name.
///
/// A catalog's copy under `templates/` overrides the built-in one.
pub const TEMPLATE: &str = "external_secret.yaml.j2";

/// The path of a catalog's own template, from the repository's root.
pub const TEMPLATE_FILE: &str = "templates/external_secret.yaml.j2";

const BUILT_IN: &str = template::built_in::EXTERNAL_SECRET;

/// The beginning of every projection, which distinguishes it from unmanaged files.
const HEADER: &str = "# Managed by goldenpath";

const TEXT_HELP: &str = "the value is a text (`value.format: text`): render `data` with `valueKey` \
                         where it is set, as the built-in template does";

/// A rendered ExternalSecret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// Path from the GitOps repository's root, with `/`.
    pub file: String,
    /// YAML, with a header that names the manifest and the catalog.
    pub text: String,
    /// The beginning of the header: the manifest's ID and the catalog.
    header_start: String,
}

/// Why a manifest has no projection.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum ProjectionError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    StoreKey(#[from] StoreKeyError),
    // On its own line, a long pointer is not broken.
    #[error("cannot use `{TEMPLATE_FILE}` for {id}:\n{what}")]
    #[diagnostic(code(goldenpath::projection))]
    Refused {
        id: String,
        what: String,
        #[help]
        help: String,
        /// The rendered text; None if its excerpt contains a possible secret.
        #[source_code]
        rendered: Option<NamedSource<String>>,
        #[label("not allowed")]
        place: Option<SourceSpan>,
    },
}

impl ProjectionError {
    /// Applies `reword` to all text quoted from a manifest.
    #[must_use]
    pub fn map_texts(mut self, reword: impl Fn(&mut String)) -> Self {
        match &mut self {
            Self::Refused { what, rendered, place, .. } => {
                reword(what);
                let mut text =
                    rendered.as_ref().map(|rendered| rendered.inner().clone()).unwrap_or_default();
                let before = text.clone();
                reword(&mut text);
                if text != before {
                    (*rendered, *place) = (None, None);
                }
            }
            Self::StoreKey(StoreKeyError::Refused { key, .. }) => reword(key),
            Self::StoreKey(StoreKeyError::Template(_)) | Self::Template(_) => {}
        }
        self
    }
}

/// The template's variables.
///
/// They are the manifest's fields and some of the configuration.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProjectionVariables<'a> {
    #[serde(flatten)]
    request: &'a SecretRequest,
    store_key: &'a str,
    /// The only key of a text; None for a JSON object.
    value_key: Option<&'a str>,
    api_version: &'a str,
    refresh_interval: &'a str,
    refresh_policy: Option<RefreshPolicy>,
    store_name: &'a str,
    store_kind: &'a str,
    creation_policy: CreationPolicy,
    deletion_policy: Option<DeletionPolicy>,
    /// Ours and the configured ones; empty for none.
    labels: BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
    server_defaults: bool,
    /// None for a Secret of type Opaque with the keys of the value.
    secret_template: Option<SecretTemplate>,
    decoding_strategy: Option<DecodingStrategy>,
    immutable: bool,
}

/// `spec.target.template`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretTemplate {
    r#type: KubernetesSecretType,
    /// Empty for the keys of the value.
    data: BTreeMap<String, String>,
    merge_policy: MergePolicy,
}

impl SecretTemplate {
    /// Returns the template of a Secret; None if it would change nothing.
    fn of(shape: &KubernetesSecret) -> Option<Self> {
        let data = shape.data();
        let is_plain = shape.r#type == KubernetesSecretType::Opaque && data.is_empty();
        let merge_policy = shape.merge_policy;
        (!is_plain).then_some(Self { r#type: shape.r#type, data, merge_policy })
    }
}

/// The catalog's own template, and the built-in one that limits its changes.
#[derive(Debug)]
pub struct ProjectionTemplate {
    built_in: Template,
    own: Option<Template>,
    /// Whether `own` is older than values that are texts.
    lacks_value_key: bool,
}

impl ProjectionTemplate {
    /// Compiles `own`, the catalog's template, if it has one.
    ///
    /// # Errors
    /// [`TemplateError`] for a syntax error.
    pub fn compile(own: Option<&str>) -> Result<Self, TemplateError> {
        let compile = |source: &str| Template::compile(TEMPLATE, source, Output::Yaml);
        let lacks_value_key = own.is_some_and(|source| !source.contains("valueKey"));
        Ok(Self {
            built_in: compile(BUILT_IN)?,
            own: own.map(compile).transpose()?,
            lacks_value_key,
        })
    }

    fn render(
        &self,
        id: SecretId,
        variables: &ProjectionVariables<'_>,
    ) -> Result<String, ProjectionError> {
        let built_in = self.built_in.render(variables)?;
        let Some(own) = &self.own else { return Ok(built_in) };
        let body = own.render(variables)?;
        match template_check::check(&built_in, &body) {
            Ok(()) => Ok(body),
            Err(TemplateViolation { what, help, span }) => Err(ProjectionError::Refused {
                id: id.to_string(),
                what,
                help: if self.lacks_value_key && variables.value_key.is_some() {
                    TEXT_HELP.to_owned()
                } else {
                    help
                },
                rendered: Some(NamedSource::new(
                    format!("the ExternalSecret of {id}, as rendered"),
                    body,
                )),
                place: Some(span.into()),
            }),
        }
    }
}

impl Projection {
    /// Renders the projection of `request`.
    ///
    /// # Errors
    /// A template that does not render, or whose result has changes to the built-in one that are
    /// not allowed.
    pub fn of(
        request: &SecretRequest,
        project: &Project,
        template: &ProjectionTemplate,
    ) -> Result<Self, ProjectionError> {
        let config = project.config.external_secret_of(request.environment.as_str());
        let key = StoreKey::of(request, &project.key_template)?;
        let shape = project.secret_type_of(request).kubernetes.unwrap_or_default();
        let variables = ProjectionVariables {
            request,
            store_key: key.as_str(),
            value_key: request.value_format.text_key(),
            api_version: &config.api_version,
            refresh_interval: &config.refresh_interval,
            refresh_policy: config.refresh_policy,
            store_name: &config.store_name,
            store_kind: &config.store_kind,
            creation_policy: config.creation_policy,
            deletion_policy: config.deletion_policy,
            labels: labels(request, config.labels.as_ref()),
            annotations: &config.annotations,
            server_defaults: config.server_defaults,
            secret_template: SecretTemplate::of(&shape),
            decoding_strategy: shape.decoding_strategy,
            immutable: shape.immutable,
        };
        let body = template.render(request.id, &variables)?;
        // An ID is unique only in its catalog, and catalogs may share a GitOps repository.
        let header_start = header_start(request.id, &project.catalog_id);
        let text = format!("{header_start}Change the SecretRequest, not this file.\n{body}");
        Ok(Self { file: file_of(request, project)?, text, header_start })
    }

    /// Returns the types, if the earlier projection `text` is of the same Kubernetes Secret with
    /// another type.
    #[must_use]
    pub fn find_retype(&self, text: &str) -> Option<SecretRetype> {
        let [old_namespace, old_name, old] = target(text)?;
        let [namespace, name, new] = target(&self.text)?;
        let is_same = (old_namespace, old_name) == (namespace, name);
        (is_same && old != new).then_some(SecretRetype { old, new })
    }

    /// Returns whether a text is a projection, current or older, of the same manifest.
    #[must_use]
    pub fn has_same_manifest(&self, text: &str) -> bool {
        text.starts_with(&self.header_start)
    }
}

/// Returns goldenpath's labels and the configured ones; none without a configured table.
fn labels(
    request: &SecretRequest,
    configured: Option<&BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let Some(configured) = configured else { return BTreeMap::new() };
    let own = [
        ("id", request.id.to_string()),
        ("owner", request.owner.clone()),
        ("service", request.service.to_string()),
        ("environment", request.environment.to_string()),
    ];
    let own = own.map(|(name, value)| (format!("goldenpath.io/{name}"), value));
    configured.clone().into_iter().chain(own).collect()
}

/// The type of a Kubernetes Secret, and the one that it would get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRetype {
    /// The type in the earlier projection.
    pub old: String,
    /// The type in this one.
    pub new: String,
}

/// Returns the namespace, the name and the type of the Kubernetes Secret of a projection.
///
/// None for a text that is not YAML: the operator cannot have read it either.
fn target(text: &str) -> Option<[String; 3]> {
    let root = yaml::parse(text).ok()?;
    let at = |pointer: &str| root.string_at(pointer).map(str::to_owned);
    let kind = at("/spec/target/template/type");
    let kind = kind.unwrap_or_else(|| KubernetesSecretType::Opaque.name().to_owned());
    Some([at("/metadata/namespace")?, at("/spec/target/name")?, kind])
}

/// Returns the path of a manifest's projection, from the GitOps repository's root.
///
/// # Errors
/// A template that does not render.
pub fn file_of(request: &SecretRequest, project: &Project) -> Result<String, ProjectionError> {
    let gitops = project.config.gitops_of(request.environment.as_str());
    Ok(template::render("gitops.file", &gitops.file, Output::Text, request)?)
}

/// Returns the manifest of this catalog that a projection's first line names.
#[must_use]
pub fn owner(text: &str, catalog_id: &str) -> Option<SecretId> {
    let owner = text.strip_prefix(HEADER)?.strip_prefix(": ")?.split(' ').next()?;
    SecretId::parse(owner).ok().filter(|id| text.starts_with(&header_start(*id, catalog_id)))
}

/// Returns whether a file is a projection, of any manifest and catalog.
#[must_use]
pub fn is_projection(text: &str) -> bool {
    text.starts_with(HEADER)
}

fn header_start(id: SecretId, catalog_id: &str) -> String {
    format!("{HEADER}: {id} of {catalog_id}. ")
}
