//! Where a file of a GitOps repository, or an object of a cluster, names a Kubernetes secret. YAML is read event by event, so that
//! no alias grows; what is no YAML, such as a template, is read line by line.

use std::collections::BTreeSet;
use std::fmt;

use saphyr_parser::{Event, Parser};

/// A place that names a Kubernetes secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The file with its line, or the object.
    place: String,
    /// The secret's name.
    name: String,
    /// None where the document does not say: it counts for all.
    namespace: Option<String>,
    kind: ResourceKind,
}

/// In which way it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResourceKind {
    /// In a field that takes a secret, called as people call it.
    Field(&'static str),
    /// Somewhere: a weaker sign.
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
            ResourceKind::Mention => "a mention, which is a weaker sign",
        };
        write!(out, "{} ({kind})", self.place)
    }
}

/// What a file says of these secrets.
pub(super) fn references(file: &str, text: &str, names: &BTreeSet<&str>) -> Vec<Reference> {
    let place = |line: usize| format!("{file}:{line}");
    in_yaml(&place, text, names).unwrap_or_else(|| in_lines(&place, text, names))
}

/// What an object of a cluster says of them, in JSON, which is YAML too; the same is said once.
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

/// A scalar that names a secret, with the keys that lead to it.
struct Hit {
    path: Vec<String>,
    line: usize,
    name: String,
    /// It is the name and nothing else.
    is_whole: bool,
}

/// A mapping or sequence that is open, and the key that is next in it.
enum OpenCollection {
    /// None where a key is next.
    Mapping(Option<String>),
    Sequence,
}

/// One document.
#[derive(Default)]
struct Document {
    open: Vec<OpenCollection>,
    hits: Vec<Hit>,
    kind: Option<String>,
    namespace: Option<String>,
}

/// None where it is no YAML.
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
                document.is_done();
            }
            Event::Scalar(value, ..) => document.scalar(&value, span.start.line(), names),
            Event::Alias(_) => document.is_done(),
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
            let hit = Hit {
                path: path.clone(),
                line,
                name: (*name).to_owned(),
                is_whole: value == *name,
            };
            self.hits.push(hit);
        }
        self.is_done();
    }

    /// A value has come to its end: a key is next.
    fn is_done(&mut self) {
        if let Some(OpenCollection::Mapping(key)) = self.open.last_mut() {
            // A mapping in the place of a key ends with none set, and leaves the next value for it.
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
        // What makes or holds the secret is nobody who uses it.
        if matches!(kind, "ExternalSecret" | "ClusterExternalSecret" | "Secret" | "SealedSecret") {
            return Vec::new();
        }
        let of = |hit: Hit| Reference {
            place: place(hit.line),
            kind: hit.kind(kind),
            name: hit.name,
            namespace: self.namespace.clone(),
        };
        self.hits.into_iter().map(of).collect()
    }
}

impl Hit {
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
            // Helm's charts have names of their own for it: existingSecret, auth.secret, secretKeys.
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

/// Of what is no YAML, the lines.
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

/// Whether the name stands there by itself, and not as a part of a longer one.
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
    fn each_field_that_takes_a_secret_is_known() {
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
            ["3 (a mention, which is a weaker sign)"]
        );
    }

    #[test]
    fn another_namespace_a_comment_and_what_makes_the_secret_do_not_count() {
        let elsewhere = "kind: Pod\nmetadata:\n  namespace: other\nspec:\n  imagePullSecrets: [{name: db-creds}]\n";
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
        let text = "kind: A\nmetadata: {namespace: other}\na: db-creds\n---\nkind: B\nmetadata: {namespace: payments}\nargs: [--secret=db-creds]\n";
        assert_eq!(found(text), ["7 (a mention, which is a weaker sign)"]);
    }

    #[test]
    fn templates_are_read_line_by_line_and_keys_that_are_no_words_do_no_harm() {
        let template =
            "{{- if .Values.x }}\nsecretName: db-creds\n# db-creds\n{{ end }}\n  bad: [\n";
        assert_eq!(found(template), ["2 (a mention, which is a weaker sign)"]);
        let strange = "? {a: b}\n: c\n? [d]\n: {secretName: db-creds}\ne: &x {f: *x}\n";
        assert_eq!(found(strange), ["4 (secretName)"]);
    }
}
