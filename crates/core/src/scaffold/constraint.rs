//! Checks answers with the rules that apply to the field of the manifest.

use serde_json::{Value, json};

use super::{Draft, Field};
use crate::catalog::{Catalog, Entry, Project, path_of};
use crate::config::ConfigError;
use crate::manifest::{LifecycleStatus, SecretId};
use crate::rules::{RuleSet, Severity};
use crate::vcs::File;

/// The rules, and the catalog that a new manifest is added to.
#[derive(Debug)]
pub struct Constraint<'project> {
    project: &'project Project,
    rules: RuleSet<'project>,
    catalog: Catalog,
}

/// The verdict of the rules on an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerVerdict {
    /// No rule reports it.
    Accepted,
    /// A rule warns: the problem, and the help.
    Questionable(String),
    /// A rule rejects it: the problem, and the help.
    Rejected(String),
}

/// Placeholder for unanswered fields.
///
/// No rule rejects another field because of it, and no store key or Kubernetes Secret contains it.
const UNANSWERED: &str = "unanswered";

/// The ID of manifests that are only checked. Findings about it are ignored.
const NO_ID: &str = "SEC-999999999";

impl<'project> Constraint<'project> {
    /// Creates the constraint on answers for a catalog.
    ///
    /// # Errors
    /// `rules` in `goldenpath.yaml` contains an unknown rule.
    pub fn new(project: &'project Project, mut catalog: Catalog) -> Result<Self, ConfigError> {
        for entry in &mut catalog.entries {
            entry.selected = false;
        }
        Ok(Self { project, rules: RuleSet::of(project)?, catalog })
    }

    /// Checks an answer of `draft` with the rules that `validate` applies to the field.
    ///
    /// The rules also see the other answers and the catalog. Policies are skipped: they need the
    /// whole manifest.
    pub fn check_answer(&mut self, draft: &Draft, field: Field) -> AnswerVerdict {
        // The service decides which namespaces are allowed. Until it is answered, assume one that
        // may use this namespace. If there is none, ignore the rules on namespaces.
        let mut assumed = draft.clone();
        let mut is_service_open = false;
        if let (Field::Namespace, None, Some(namespace)) =
            (field, draft.get(Field::Service), draft.get(field))
        {
            match self.project.ownership.services_with_namespace(namespace).next() {
                Some(holder) => assumed.answer(Field::Service, holder, super::AnswerOrigin::Asked),
                None => is_service_open = true,
            }
        }
        let draft = &assumed;
        let mut environments: Vec<&str> = draft.all(Field::Environment).collect();
        if environments.is_empty() {
            environments.push(UNANSWERED);
        }
        for environment in environments {
            let entry = self.manifest(draft, environment);
            let place = self.catalog.entries.partition_point(|other| other.path < entry.path);
            self.catalog.entries.insert(place, entry);
        }
        let findings = self.rules.preview(&self.catalog);
        self.catalog.entries.retain(|entry| !entry.selected);
        let of_field = || {
            let found = findings.iter().filter(|finding| finding.pointer == field.pointer());
            found.filter(|finding| !is_service_open || !finding.rule.is_about_namespaces())
        };
        let rejected = of_field().find(|finding| finding.severity == Severity::Error);
        let text =
            |finding: &crate::rules::Finding| format!("{}; {}", finding.message, finding.help);
        match (rejected, of_field().next()) {
            (Some(finding), _) => AnswerVerdict::Rejected(text(finding)),
            (None, Some(finding)) => AnswerVerdict::Questionable(text(finding)),
            (None, None) => AnswerVerdict::Accepted,
        }
    }

    /// Returns whether a question accepts a value that no list or manifest has.
    pub fn accepts_new_value(&mut self, field: Field) -> bool {
        let mut draft = Draft::default();
        draft.answer(field, UNANSWERED, super::AnswerOrigin::Asked);
        !matches!(self.check_answer(&draft, field), AnswerVerdict::Rejected(_))
    }

    /// Returns the project.
    #[must_use]
    pub fn project(&self) -> &'project Project {
        self.project
    }

    /// Returns the catalog, without a new manifest.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Returns the catalog, and consumes the constraint.
    #[must_use]
    pub fn into_catalog(self) -> Catalog {
        self.catalog
    }

    /// Returns the manifest of the answers so far, for one environment.
    fn manifest(&self, draft: &Draft, environment: &str) -> Entry {
        let mut manifest = json!({ "apiVersion": "goldenpath.io/v1", "kind": "SecretRequest" });
        set(&mut manifest, "/metadata/id", NO_ID.into());
        set(&mut manifest, "/spec/provider", super::answers::provider(self.project).into());
        set(&mut manifest, "/spec/lifecycle/status", LifecycleStatus::Active.as_str().into());
        for field in Field::ALL {
            let value = match (field, draft.get(field)) {
                (Field::Environment, _) => environment.into(),
                (Field::Description | Field::ValueFormat | Field::ValueKey, None | Some("")) => {
                    continue;
                }
                (Field::TtlDays, None) => 1.into(),
                (Field::TtlDays, Some(days)) => {
                    days.parse::<i64>().map_or_else(|_| days.into(), Value::from)
                }
                (_, None) => UNANSWERED.into(),
                (_, Some(answer)) => answer.into(),
            };
            set(&mut manifest, field.pointer(), value);
        }
        let file = File { path: String::new(), bytes: Ok(manifest.to_string().into_bytes()) };
        let mut entry = Entry::read(file, true, self.project);
        if let Ok(id) = SecretId::parse(NO_ID) {
            entry.path = path_of(
                self.project,
                draft.get(Field::Service).unwrap_or(UNANSWERED),
                environment,
                id,
            );
        }
        entry
    }
}

/// Sets the value at a JSON pointer, and creates the parent mappings.
fn set(manifest: &mut Value, pointer: &str, value: Value) {
    let place = pointer.split('/').skip(1).fold(manifest, |mapping, name| &mut mapping[name]);
    *place = value;
}
