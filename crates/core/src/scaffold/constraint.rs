//! The one constraint on an answer, whoever gives it: what the rules would say of the manifest's field.

use serde_json::{Value, json};

use super::{Draft, Field};
use crate::catalog::{Catalog, Entry, Project, path_of};
use crate::config::ConfigError;
use crate::manifest::{LifecycleStatus, SecretId};
use crate::rules::{RuleSet, Severity};
use crate::vcs::File;

/// The rules, and the catalog beside which a new manifest is to stand.
#[derive(Debug)]
pub struct Constraint<'project> {
    project: &'project Project,
    rules: RuleSet<'project>,
    catalog: Catalog,
}

/// What the rules say of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerVerdict {
    Fit,
    /// A rule warns.
    Doubtful(String),
    /// A rule refuses it: what is wrong, and how to mend it.
    Wrong(String),
}

/// Stands in the manifest for what is not answered yet. No rule has anything against it that is told of another field,
/// and as part of a store key or a Kubernetes Secret it is nobody's.
const UNANSWERED: &str = "unanswered";

/// The ID of a manifest that is only tried. No rule is asked about it.
const NO_ID: &str = "SEC-999999999";

/// The rules that say which service may use a namespace.
const OF_SERVICE: [&str; 2] = ["GP206", "GP207"];

impl<'project> Constraint<'project> {
    /// # Errors
    /// `rules` in `goldenpath.yaml` names a rule that does not exist.
    pub fn new(project: &'project Project, mut catalog: Catalog) -> Result<Self, ConfigError> {
        for entry in &mut catalog.entries {
            entry.selected = false;
        }
        Ok(Self { project, rules: RuleSet::of(project)?, catalog })
    }

    /// Judges an answer of `draft` by the very rules that `validate` applies to the manifest's field, with the other
    /// answers and the catalog beside it. Policies are left to the whole manifest.
    pub fn judge(&mut self, draft: &Draft, field: Field) -> AnswerVerdict {
        // Who may use a namespace depends on the service: until that is answered, it is one that may, or else it is
        // open.
        let mut tried = draft.clone();
        let mut is_service_open = false;
        if let (Field::Namespace, None, Some(namespace)) =
            (field, draft.get(Field::Service), draft.get(field))
        {
            match self.project.ownership.holders(namespace).next() {
                Some(holder) => tried.answer(Field::Service, holder, super::AnswerOrigin::Asked),
                None => is_service_open = true,
            }
        }
        let draft = &tried;
        let mut environments: Vec<&str> = draft.all(Field::Environment).collect();
        if environments.is_empty() {
            environments.push(UNANSWERED);
        }
        for environment in environments {
            let entry = self.tried(draft, environment);
            let place = self.catalog.entries.partition_point(|other| other.path < entry.path);
            self.catalog.entries.insert(place, entry);
        }
        let findings = self.rules.preview(&self.catalog);
        self.catalog.entries.retain(|entry| !entry.selected);
        let of_field = || {
            let found = findings.iter().filter(|finding| finding.pointer == field.pointer());
            found.filter(|finding| !is_service_open || !OF_SERVICE.contains(&finding.rule.code))
        };
        let refuses = of_field().find(|finding| finding.severity == Severity::Error);
        let says =
            |finding: &crate::rules::Finding| format!("{}; {}", finding.message, finding.help);
        match (refuses, of_field().next()) {
            (Some(finding), _) => AnswerVerdict::Wrong(says(finding)),
            (None, Some(finding)) => AnswerVerdict::Doubtful(says(finding)),
            (None, None) => AnswerVerdict::Fit,
        }
    }

    /// Whether a question takes an answer that nobody has given before and no list holds.
    pub fn takes_new(&mut self, field: Field) -> bool {
        let mut draft = Draft::default();
        draft.answer(field, UNANSWERED, super::AnswerOrigin::Asked);
        !matches!(self.judge(&draft, field), AnswerVerdict::Wrong(_))
    }

    #[must_use]
    pub fn project(&self) -> &'project Project {
        self.project
    }

    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    #[must_use]
    pub fn into_catalog(self) -> Catalog {
        self.catalog
    }

    /// The manifest of the answers so far in one environment.
    fn tried(&self, draft: &Draft, environment: &str) -> Entry {
        let mut manifest = json!({ "apiVersion": "goldenpath.io/v1", "kind": "SecretRequest" });
        put(&mut manifest, "/metadata/id", NO_ID.into());
        put(&mut manifest, "/spec/provider", super::answers::provider(self.project).into());
        put(&mut manifest, "/spec/lifecycle/status", LifecycleStatus::Active.as_str().into());
        for field in Field::ALL {
            let value = match (field, draft.get(field)) {
                (Field::Environment, _) => environment.into(),
                (Field::Description, None | Some("")) => continue,
                (Field::TtlDays, None) => 1.into(),
                (Field::TtlDays, Some(days)) => {
                    days.parse::<i64>().map_or_else(|_| days.into(), Value::from)
                }
                (_, None) => UNANSWERED.into(),
                (_, Some(answer)) => answer.into(),
            };
            put(&mut manifest, field.pointer(), value);
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

/// Puts a value where a JSON pointer leads, and makes the mappings on the way.
fn put(manifest: &mut Value, pointer: &str, value: Value) {
    let place = pointer.split('/').skip(1).fold(manifest, |mapping, name| &mut mapping[name]);
    *place = value;
}
