//! The JSON Schema of a SecretRequest with the catalog's enums: JSON → violations.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, Retrieve, Uri, ValidationError, Validator};
use serde_json::{Value, json};

use super::bundled_schema::update_lists;
use super::json_view::Nodes;
use super::names::{DnsLabel, DnsSubdomain, SecretId, check_one_line};
use crate::arn;
use crate::config;
use crate::config::{ConfigError, Enums};
use crate::yaml::Node;

/// The built-in schema, which `init` writes unchanged.
pub const BUILT_IN: &str = include_str!("../../schemas/secret_request.schema.json");

/// The path of a catalog's own schema, from the repository's root.
pub const FILE_NAME: &str = "schemas/secret_request.schema.json";

/// The schema's reference to the enums, whatever file they come from.
const ENUMS_REFERENCE: &str = "metadata/enums.yaml";

/// A violation of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer to the invalid value.
    ///
    /// For a missing or unknown field, it points to the mapping.
    pub pointer: String,
    /// The constraint that is violated.
    pub kind: ViolationKind,
}

/// A kind of violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViolationKind {
    /// A mandatory field is missing.
    Missing {
        /// The name of the field in the mapping.
        field: String,
    },
    /// A field is not in the schema at this location.
    Unknown {
        /// The name of the field in the mapping.
        field: String,
        /// The names that the mapping may have.
        known: Vec<String>,
    },
    /// A value has another JSON type.
    WrongType {
        /// The name of the required type, such as `integer`.
        expected: String,
    },
    /// A string does not have the required format.
    BadFormat {
        /// A sentence that says why it is rejected.
        reason: String,
    },
    /// A value is not one of a list.
    NotInEnum {
        /// The list, in the order of the schema or the enums.
        allowed: Vec<String>,
    },
}

/// Compiles a schema.
type Compile = Box<dyn FnOnce() -> Compiled + Send>;

/// A schema, ready for use.
#[derive(Debug)]
struct Compiled {
    source: Value,
    validator: Validator<Nodes>,
    /// Whether the lists in the file differ from the enums.
    is_stale: bool,
}

/// The schema of a catalog's manifests.
#[derive(Debug)]
pub struct Schema {
    compiled: Arc<LazyLock<Compiled, Compile>>,
    /// Whether it is a file of the catalog.
    is_own: bool,
    /// Computed only for a manifest with a field that is unknown at its location.
    mapping_by_field: OnceLock<HashMap<String, Option<String>>>,
}

/// Checks a text. The error is a sentence that says why it is rejected.
type FormatCheck = fn(&str) -> Result<(), String>;

/// The schema's own formats and their constraints.
const FORMATS: [(&str, FormatCheck); 6] = [
    ("secret-id", |text| SecretId::parse(text).map(drop)),
    ("dns-1123-label", |text| DnsLabel::parse(text).map(drop)),
    ("dns-1123-subdomain", |text| DnsSubdomain::parse(text).map(drop)),
    ("one-line", check_one_line),
    ("iam-principal", arn::check_principal),
    ("secret-key", config::check_key),
];

impl Compiled {
    fn of(path: &str, text: &str, enums: &Enums) -> Result<Self, ConfigError> {
        let mut source = parse(path, text)?;
        // The lists of the file may be older.
        let is_stale = update_lists(&mut source, enums);
        let mut options = jsonschema::options_for::<Nodes>()
            .with_draft(Draft::Draft202012)
            .with_base_uri("https://goldenpath.io/schemas/secret_request.schema.json")
            .with_retriever(EnumsDocument(enums_document(enums)))
            .should_validate_formats(true);
        for (name, check) in FORMATS {
            options = options.with_format(name, move |text| check(text).is_ok());
        }
        let validator = options.build(&source).map_err(|error| {
            ConfigError::new(
                path,
                format!("not a usable JSON Schema: {error}"),
                "fix it, or delete it to use the built-in schema",
            )
        })?;
        Ok(Self { source, validator, is_stale })
    }
}

/// Parses the text of a schema.
pub(super) fn parse(path: &str, text: &str) -> Result<Value, ConfigError> {
    serde_json::from_str(text).map_err(|error| {
        ConfigError::new(
            path,
            format!("invalid JSON: {error}"),
            "fix it, or delete it to use the built-in schema",
        )
        .at_position(text, error.line(), error.column())
    })
}

impl Schema {
    /// Compiles the built-in schema, with references to `enums`, in a thread of its own.
    ///
    /// That takes as long as reading the index of ten thousand files, and most runs do both.
    #[must_use]
    pub fn built_in(enums: &Enums) -> Self {
        let enums = enums.clone();
        #[expect(clippy::expect_used, reason = "any list of texts is a valid enum")]
        let compile = move || {
            Compiled::of("the built-in schema", BUILT_IN, &enums).expect("the built-in schema")
        };
        let schema = Self::new(Box::new(compile), false);
        let compiled = Arc::clone(&schema.compiled);
        // Without a thread, the first use compiles it.
        drop(thread::Builder::new().spawn(move || {
            LazyLock::force(&compiled);
        }));
        schema
    }

    /// Compiles the JSON Schema `text` of the file at `path`.
    ///
    /// Its references to `metadata/enums.yaml` resolve to `enums`.
    ///
    /// # Errors
    /// The text is not JSON, or not a JSON Schema.
    pub fn compile(path: &str, text: &str, enums: &Enums) -> Result<Self, ConfigError> {
        let compiled = Compiled::of(path, text, enums)?;
        Ok(Self::new(Box::new(move || compiled), true))
    }

    fn new(compile: Compile, is_own: bool) -> Self {
        let compiled = Arc::new(LazyLock::new(compile));
        Self { compiled, is_own, mapping_by_field: OnceLock::new() }
    }

    /// Returns whether it is a file of the catalog, which editors can read too.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.is_own
    }

    /// Returns whether the generated lists in a catalog's own schema differ from its enums. Only
    /// other programs read those: goldenpath itself checks with the enums.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.compiled.is_stale
    }

    /// Returns all violations, unordered, at most one of each kind per pointer.
    #[must_use]
    pub fn violations(&self, manifest: &Node) -> Vec<Violation> {
        if self.compiled.validator.is_valid(manifest) {
            return Vec::new();
        }
        // A name that violates its format also violates the pattern and the length next to it. The
        // format's reason is the clearest; the map keeps one per pointer.
        let mut formats: BTreeMap<String, String> = BTreeMap::new();
        let mut violations = Vec::new();
        for error in self.compiled.validator.iter_errors(manifest) {
            let pointer = error.instance_path().as_str().to_owned();
            match self.kinds(&error, &pointer) {
                Kinds::Format { reason, best } => {
                    if best || !formats.contains_key(&pointer) {
                        formats.insert(pointer, reason);
                    }
                }
                Kinds::Others(kinds) => {
                    violations.extend(
                        kinds.into_iter().map(|kind| Violation { pointer: pointer.clone(), kind }),
                    );
                }
            }
        }
        violations.extend(formats.into_iter().map(|(pointer, reason)| Violation {
            pointer,
            kind: ViolationKind::BadFormat { reason },
        }));
        violations
    }

    fn kinds(&self, error: &ValidationError<'_>, pointer: &str) -> Kinds {
        let others = |kind| Kinds::Others(vec![kind]);
        match error.kind() {
            ValidationErrorKind::Required { property } => others(ViolationKind::Missing {
                field: property.as_str().unwrap_or_default().to_owned(),
            }),
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let known = self.fields_at(pointer);
                let unknown = |field: &String| ViolationKind::Unknown {
                    field: field.clone(),
                    known: known.clone(),
                };
                Kinds::Others(unexpected.iter().map(unknown).collect())
            }
            ValidationErrorKind::Type { kind } => {
                others(ViolationKind::WrongType { expected: type_names(kind) })
            }
            ValidationErrorKind::Enum { options } => match error.instance().as_ref() {
                Value::String(_) => others(ViolationKind::NotInEnum { allowed: strings(options) }),
                _ => others(ViolationKind::WrongType { expected: "string".to_owned() }),
            },
            ValidationErrorKind::Constant { expected_value } => {
                let allowed = expected_value
                    .as_str()
                    .map_or_else(|| expected_value.to_string(), str::to_owned);
                others(ViolationKind::NotInEnum { allowed: vec![allowed] })
            }
            ValidationErrorKind::Format { format } => {
                let text = error.instance().as_str().unwrap_or_default();
                let known = FORMATS.iter().find(|(name, _)| name == format);
                let reason = known.and_then(|(_, check)| check(text).err());
                Kinds::Format {
                    reason: reason.unwrap_or_else(|| format!("this is not a {format}")),
                    best: true,
                }
            }
            ValidationErrorKind::Minimum { limit } => {
                Kinds::plain(format!("the minimum is {limit}"))
            }
            ValidationErrorKind::Maximum { limit } => {
                Kinds::plain(format!("the maximum is {limit}"))
            }
            ValidationErrorKind::MaxLength { limit } => {
                Kinds::plain(format!("the maximum is {limit} characters"))
            }
            ValidationErrorKind::MaxItems { limit } => {
                Kinds::plain(format!("the maximum is {limit} items"))
            }
            ValidationErrorKind::Pattern { pattern } => {
                Kinds::plain(format!("this does not match the pattern `{pattern}`"))
            }
            // A catalog's own schema may use any keyword.
            other => {
                Kinds::plain(format!("the schema's `{}` does not allow this", other.keyword()))
            }
        }
    }

    /// Returns the pointer to the only mapping with a field of this name.
    ///
    /// Returns None if no mapping, or several, have such a field.
    #[must_use]
    pub fn mapping_with_field(&self, field: &str) -> Option<&str> {
        let mapping_by_field = self.mapping_by_field.get_or_init(|| {
            let mut mapping_by_field = HashMap::new();
            collect_mappings(&self.compiled.source, "", &mut mapping_by_field);
            mapping_by_field
        });
        mapping_by_field.get(field)?.as_deref()
    }

    /// Returns the schema's fields for the mapping at `pointer`.
    fn fields_at(&self, pointer: &str) -> Vec<String> {
        let mut schema = &self.compiled.source;
        for field in pointer.split('/').skip(1) {
            schema = &schema["properties"][field];
        }
        schema["properties"]
            .as_object()
            .map(|fields| fields.keys().cloned().collect())
            .unwrap_or_default()
    }
}

/// Records the location of each field in the mapping of `schema`, recursively.
///
/// Records None for a name that occurs in several mappings.
fn collect_mappings(
    schema: &Value,
    pointer: &str,
    mapping_by_field: &mut HashMap<String, Option<String>>,
) {
    for (field, below) in schema["properties"].as_object().into_iter().flatten() {
        mapping_by_field
            .entry(field.clone())
            .and_modify(|home| *home = None)
            .or_insert_with(|| Some(pointer.to_owned()));
        collect_mappings(
            below,
            &format!("{pointer}/{}", field.replace('~', "~0").replace('/', "~1")),
            mapping_by_field,
        );
    }
}

enum Kinds {
    /// `best`: the reason comes from goldenpath's own check.
    Format {
        reason: String,
        best: bool,
    },
    Others(Vec<ViolationKind>),
}

impl Kinds {
    fn plain(reason: String) -> Self {
        Self::Format { reason, best: false }
    }
}

fn type_names(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(several) => {
            several.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn strings(options: &Value) -> Vec<String> {
    let text = |option: &Value| option.as_str().map_or_else(|| option.to_string(), str::to_owned);
    options.as_array().map(|options| options.iter().map(text).collect()).unwrap_or_default()
}

/// Returns the enums as a document of schemas: `#/owners` is `{"enum": […]}`.
fn enums_document(enums: &Enums) -> Value {
    match serde_json::to_value(enums) {
        Ok(Value::Object(lists)) => {
            lists.into_iter().map(|(name, list)| (name, json!({ "enum": list }))).collect()
        }
        _ => Value::Null,
    }
}

struct EnumsDocument(Value);

impl Retrieve for EnumsDocument {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        if uri.as_str().ends_with(ENUMS_REFERENCE) {
            Ok(self.0.clone())
        } else {
            Err(format!("the reference `{uri}` is external: only `{ENUMS_REFERENCE}` is allowed")
                .into())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    fn violations(edit: impl FnOnce(&mut Value)) -> Vec<Violation> {
        violations_of(&Schema::built_in(&Enums::built_in()), edit)
    }

    fn violations_of(schema: &Schema, edit: impl FnOnce(&mut Value)) -> Vec<Violation> {
        let mut manifest = json!({
            "apiVersion": "goldenpath.io/v1", "kind": "SecretRequest",
            "metadata": { "id": "SEC-0007", "name": "payments-db-credentials",
                          "owner": "team-payments",
                          "service": "payments", "environment": "dev" },
            "spec": { "provider": "aws-secrets-manager", "secretType": "database-credentials",
                      "risk": { "tier": "medium" }, "rotation": { "rotationClass": "standard" },
                      "lifecycle": { "status": "active" },
                      "access": { "namespace": "payments", "k8sSecretName": "payments-db-creds" },
                      "ttlDays": 30 }
        });
        edit(&mut manifest);
        let manifest = parse(&manifest.to_string()).unwrap();
        schema.violations(&manifest)
    }

    #[test]
    fn the_built_in_schema_compiles_with_any_enums() {
        let mut enums = Enums::built_in();
        enums.owners = Vec::new();
        enums.risk_tiers = ["", "", "\u{0}\"", "medium"].map(str::to_owned).to_vec();
        let schema = Schema::built_in(&enums);
        let found = violations_of(&schema, |_| {});
        let kind = ViolationKind::NotInEnum { allowed: Vec::new() };
        assert_eq!(found, [Violation { pointer: "/metadata/owner".to_owned(), kind }]);
    }

    #[test]
    fn the_seeds_manifest_has_no_violations() {
        assert_eq!(violations(|_| {}), []);
    }

    #[test]
    fn each_kind_of_mistake_is_reported_once() {
        let one = |edit: fn(&mut Value)| {
            let found = violations(edit);
            assert_eq!(found.len(), 1, "{found:?}");
            (found[0].pointer.clone(), found[0].kind.clone())
        };
        let (pointer, kind) = one(|m| m["spec"]["risk"] = json!({}));
        assert_eq!(
            (pointer.as_str(), kind),
            ("/spec/risk", ViolationKind::Missing { field: "tier".into() })
        );
        let (pointer, kind) = one(|m| m["spec"]["risk"]["teir"] = json!("low"));
        let known = vec!["tier".to_owned()];
        assert_eq!(
            (pointer.as_str(), kind),
            ("/spec/risk", ViolationKind::Unknown { field: "teir".into(), known })
        );
        let (pointer, kind) = one(|m| m["spec"]["ttlDays"] = json!("30"));
        assert_eq!(
            (pointer.as_str(), kind),
            ("/spec/ttlDays", ViolationKind::WrongType { expected: "integer".into() })
        );
        let (_, kind) = one(|m| m["metadata"]["owner"] = Value::Null);
        assert_eq!(kind, ViolationKind::WrongType { expected: "string".into() });
        let (_, kind) = one(|m| m["metadata"]["environment"] = json!("production"));
        assert!(matches!(
            kind,
            ViolationKind::NotInEnum { allowed } if allowed.contains(&"prod".to_owned())
        ));
        // A name that is too long and has a capital violates format, pattern and length: one
        // violation.
        let (_, kind) = one(|m| m["metadata"]["name"] = json!("X".repeat(80)));
        assert!(matches!(kind, ViolationKind::BadFormat { reason } if reason.contains("capital")));
    }

    #[test]
    fn a_field_has_a_home_if_only_one_mapping_has_its_name() {
        let built_in = Schema::compile(FILE_NAME, BUILT_IN, &Enums::built_in()).unwrap();
        for (field, home) in [
            ("kind", ""),
            ("owner", "/metadata"),
            ("risk", "/spec"),
            ("tier", "/spec/risk"),
            ("namespace", "/spec/access"),
        ] {
            assert_eq!(built_in.mapping_with_field(field), Some(home));
        }
        assert_eq!(built_in.mapping_with_field("colour"), None);
        let ambiguous =
            r#"{"properties": {"a": {"properties": {"x": {}}}, "b": {"properties": {"x": {}}}}}"#;
        assert_eq!(
            Schema::compile(FILE_NAME, ambiguous, &Enums::built_in())
                .unwrap()
                .mapping_with_field("x"),
            None
        );
    }

    #[test]
    fn a_schema_with_an_external_reference_is_rejected() {
        let schema = r#"{"$ref": "https://example.com/x.json"}"#;
        let error = Schema::compile(FILE_NAME, schema, &Enums::built_in()).unwrap_err();
        assert!(error.to_string().contains("is external"), "{error}");
    }
}
