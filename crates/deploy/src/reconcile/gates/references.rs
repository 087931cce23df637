//! Finds references to a Kubernetes Secret in a GitOps file or a cluster's object.
//!
//! YAML is read event by event, so that aliases are not expanded. Other files, such as templates,
//! are read line by line.

use std::collections::BTreeSet;
use std::fmt;

use saphyr_parser::{Event, Parser};

/// A reference to a Kubernetes Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The file with its line, or the object.
    place: String,
    /// The secret's name.
    name: String,
    /// None if the document has no namespace: the reference counts for all.
    namespace: Option<String>,
    kind: ResourceKind,
}

/// The kind of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResourceKind {
    /// In a field for Secrets, with the field's common name.
    Field(&'static str),
    /// In any other text, which is weaker evidence.
    Mention,
}

impl Reference {
    pub(super) fn is_of(&self, name: &str, namespace: &str) -> bool {
        self.name == name && self.namespace.as_deref().is_none_or(|one| one == namespace)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ResourceKind::Field(kind) => kind,
            ResourceKind::Mention => "a mention, which is weaker evidence",
        };
        write!(out, "{} ({kind})", self.place)
    }
}

/// Returns the references to these Secrets in a file.
pub(super) fn references(file: &str, text: &str, names: &BTreeSet<&str>) -> Vec<Reference> {
    let place = |line: usize| format!("{file}:{line}");
    in_yaml(&place, text, names).unwrap_or_else(|| in_lines(&place, text, names))
}

/// Returns the distinct references in a cluster's object, given as JSON.
#[cfg(feature = "live-cluster")]
pub(super) fn of_object(object: &str, json: &str, names: &BTreeSet<&str>) -> Vec<Reference> {
    let place = |_| object.to_owned();
    let mut found = in_yaml(&place, json, names).unwrap_or_else(|| in_lines(&place, json, names));
    let mut seen = Vec::new();
    found.retain(|one| {
        let is_new = !seen.contains(one);
        seen.extend(is_new.then(|| one.clone()));
        is_new
    });
    found
}

/// A scalar with a Secret's name, and the keys of its path.
struct NameMatch {
    path: Vec<String>,
    line: usize,
    name: String,
    /// Whether the scalar is exactly the name.
    is_whole: bool,
}

/// An open mapping or sequence, with the current key.
enum OpenCollection {
    /// None if a key is next.
    Mapping(Option<String>),
    Sequence,
}

/// One YAML document.
#[derive(Default)]
struct Document {
    open: Vec<OpenCollection>,
    matches: Vec<NameMatch>,
    kind: Option<String>,
    namespace: Option<String>,
}

/// Returns the references in YAML; None if the text is not YAML.
fn in_yaml(
    place: &dyn Fn(usize) -> String,
    text: &str,
    names: &BTreeSet<&str>,
) -> Option<Vec<Reference>> {
    let mut found = Vec::new();
    let mut document = Document::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        match event {
            Event::DocumentStart(_) => document = Document::default(),
            Event::DocumentEnd => found.extend(std::mem::take(&mut document).references(place)),
            Event::MappingStart(..) => document.open.push(OpenCollection::Mapping(None)),
            Event::SequenceStart(..) => document.open.push(OpenCollection::Sequence),
            Event::MappingEnd | Event::SequenceEnd => {
                document.open.pop();
                document.end_value();
            }
            Event::Scalar(value, ..) => document.scalar(&value, span.start.line(), names),
            Event::Alias(_) => document.end_value(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
    }
    Some(found)
}

impl Document {
    fn scalar(&mut self, value: &str, line: usize, names: &BTreeSet<&str>) {
        if let Some(OpenCollection::Mapping(key @ None)) = self.open.last_mut() {
            *key = Some(value.to_owned());
            return;
        }
        let path = self.path();
        match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["kind"] => self.kind = Some(value.to_owned()),
            ["metadata", "namespace"] => self.namespace = Some(value.to_owned()),
            _ => {}
        }
        for name in names.iter().filter(|name| has_word(value, name)) {
            let hit = NameMatch {
                path: path.clone(),
                line,
                name: (*name).to_owned(),
                is_whole: value == *name,
            };
            self.matches.push(hit);
        }
        self.end_value();
    }

    /// Ends a value: a key is next.
    fn end_value(&mut self) {
        if let Some(OpenCollection::Mapping(key)) = self.open.last_mut() {
            // A mapping as a key ends without a current key: its value is next.
            *key = if key.is_some() { None } else { Some(String::new()) };
        }
    }

    fn path(&self) -> Vec<String> {
        let name = |open: &OpenCollection| match open {
            OpenCollection::Mapping(key) => key.clone().unwrap_or_default(),
            OpenCollection::Sequence => "[]".to_owned(),
        };
        self.open.iter().map(name).collect()
    }

    fn references(self, place: &dyn Fn(usize) -> String) -> Vec<Reference> {
        let kind = self.kind.as_deref().unwrap_or_default();
        // Objects that create the Secret do not use it.
        if matches!(kind, "ExternalSecret" | "ClusterExternalSecret" | "Secret" | "SealedSecret") {
            return Vec::new();
        }
        let of = |hit: NameMatch| Reference {
            place: place(hit.line),
            kind: hit.kind(kind),
            name: hit.name,
            namespace: self.namespace.clone(),
        };
        self.matches.into_iter().map(of).collect()
    }
}

impl NameMatch {
    fn kind(&self, document: &str) -> ResourceKind {
        if !self.is_whole {
            return ResourceKind::Mention;
        }
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let field = match path[..] {
            [.., "secretKeyRef", "name"] => "env",
            [.., "secretRef", "name"] => "envFrom",
            [.., "sources", "[]", "secret", "name"] => "projected volume",
            [.., "secret", "secretName"] => "volume",
            [.., "imagePullSecrets", "[]", "name"] | [.., "imagePullSecrets", "[]"] => {
                "imagePullSecrets"
            }
            [.., "tls", "[]", "secretName"] => "Ingress TLS",
            [.., "secrets", "[]", "name"] if document == "ServiceAccount" => "service account",
            [.., field, "name"] if field.ends_with("SecretRef") => "CSI or operator",
            [.., "secretName"] => "secretName",
            // Helm charts use their own names: existingSecret, auth.secret, secretKeys.
            [.., last] if document.is_empty() && last.to_ascii_lowercase().contains("secret") => {
                "Helm values"
            }
            [.., before, "name"]
                if document.is_empty() && before.to_ascii_lowercase().contains("secret") =>
            {
                "Helm values"
            }
            _ => return ResourceKind::Mention,
        };
        ResourceKind::Field(field)
    }
}

/// Returns the lines of a text that is not YAML with a Secret's name.
fn in_lines(place: &dyn Fn(usize) -> String, text: &str, names: &BTreeSet<&str>) -> Vec<Reference> {
    let mention = |line: usize, name: &str| Reference {
        place: place(line + 1),
        name: name.to_owned(),
        namespace: None,
        kind: ResourceKind::Mention,
    };
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim_start().starts_with('#'))
        .flat_map(|(number, line)| {
            names
                .iter()
                .filter(|name| has_word(line, name))
                .map(move |name| (number, *name))
                .collect::<Vec<_>>()
        })
        .map(|(number, name)| mention(number, name))
        .collect()
}

/// Returns whether the text has the name as a whole word.
fn has_word(text: &str, name: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '-';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let names = BTreeSet::from(["db-creds"]);
        let found = references("f.yaml", text, &names);
        found
            .iter()
            .filter(|one| one.is_of("db-creds", "payments"))
            .map(|one| one.to_string()[7..].to_owned())
            .collect()
    }

    #[test]
    fn each_field_for_secrets_is_recognized() {
        let pod = "\
kind: Deployment
metadata: { namespace: payments }
spec:
  template:
    spec:
      imagePullSecrets: [{ name: db-creds }]
      containers:
        - env:
            - name: X
              valueFrom: { secretKeyRef: { name: db-creds, key: x } }
          envFrom:
            - secretRef: { name: db-creds }
      volumes:
        - secret: { secretName: db-creds }
        - projected:
            sources:
              - secret: { name: db-creds }
        - csi: { nodePublishSecretRef: { name: db-creds } }
        - name: other-db-creds
        - name: db-creds-two
";
        assert_eq!(
            found(pod),
            [
                "6 (imagePullSecrets)",
                "10 (env)",
                "12 (envFrom)",
                "14 (volume)",
                "17 (projected volume)",
                "18 (CSI or operator)"
            ]
        );
        assert_eq!(
            found("kind: Ingress\nspec:\n  tls:\n    - secretName: db-creds\n"),
            ["4 (Ingress TLS)"]
        );
        assert_eq!(
            found("kind: ServiceAccount\nsecrets:\n- name: db-creds\n"),
            ["3 (service account)"]
        );
        assert_eq!(found("auth:\n  existingSecret: db-creds\n"), ["2 (Helm values)"]);
        assert_eq!(
            found("image:\n  pullSecrets:\n  - db-creds\n"),
            ["3 (a mention, which is weaker evidence)"]
        );
    }

    #[test]
    fn another_namespace_a_comment_and_the_external_secret_do_not_count() {
        let elsewhere = "kind: Pod\nmetadata:\n  namespace: other\nspec:\n  \
                         imagePullSecrets: [{name: db-creds}]\n";
        assert_eq!(found(elsewhere), [""; 0]);
        assert_eq!(
            found(&elsewhere.replace("  namespace: other\n", "  name: x\n")),
            ["5 (imagePullSecrets)"]
        );
        assert_eq!(found("# db-creds\na: b # db-creds\n"), [""; 0]);
        assert_eq!(found("kind: ExternalSecret\nspec:\n  target:\n    name: db-creds\n"), [""; 0]);
    }

    #[test]
    fn a_name_counts_wherever_it_stands_as_a_whole_and_not_as_a_part_of_another() {
        for text in [
            "db-creds",
            "secret/db-creds",
            "db-creds.password",
            "payments.db-creds.svc",
            "x=db-creds,y",
            "(db-creds)",
            "\"db-creds\"",
            "--secret=db-creds:/etc",
            "other-db-creds db-creds",
            "db-creds_old",
        ] {
            assert!(has_word(text, "db-creds"), "{text}");
        }
        for text in
            ["other-db-creds", "db-creds-two", "xdb-creds", "db-creds2", "DB-CREDS", "db", ""]
        {
            assert!(!has_word(text, "db-creds"), "{text}");
        }
    }

    #[test]
    fn each_document_of_a_file_has_its_own_namespace() {
        let text = "kind: A\nmetadata: {namespace: other}\na: db-creds\n---\nkind: B\n\
                    metadata: {namespace: payments}\nargs: [--secret=db-creds]\n";
        assert_eq!(found(text), ["7 (a mention, which is weaker evidence)"]);
    }

    #[test]
    fn templates_are_read_line_by_line_and_complex_keys_are_accepted() {
        let template =
            "{{- if .Values.x }}\nsecretName: db-creds\n# db-creds\n{{ end }}\n  bad: [\n";
        assert_eq!(found(template), ["2 (a mention, which is weaker evidence)"]);
        let strange = "? {a: b}\n: c\n? [d]\n: {secretName: db-creds}\ne: &x {f: *x}\n";
        assert_eq!(found(strange), ["4 (secretName)"]);
    }
}
