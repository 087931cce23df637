//! The YAML document of a mention: which object it is, and in which namespace.

use std::ops::Range;

use goldenpath_core::manifest::{DnsLabel, DnsSubdomain};
use goldenpath_core::yaml;
use goldenpath_core::yaml::Node;
use memchr::memchr_iter;
use memchr::memmem::find;

/// The maximum size of a document that is parsed, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// Group and kind of the objects that use Secrets of their own namespace alone.
const WORKLOADS: [(&str, &str); 10] = [
    ("", "Pod"),
    ("", "ReplicationController"),
    ("", "ServiceAccount"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"),
    ("batch", "Job"),
    ("batch", "CronJob"),
    ("networking.k8s.io", "Ingress"),
];

/// The object of a YAML document.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct DocumentObject {
    pub(super) kind: String,
    /// Kind and name, such as `Deployment web`.
    pub(super) shown: Option<String>,
    /// The literal namespace of a workload; None for anything else.
    pub(super) namespace: Option<String>,
}

/// Splits a file at the lines that separate YAML documents.
pub(super) fn documents(text: &[u8]) -> Vec<Range<usize>> {
    let mut documents = Vec::new();
    let mut start = 0;
    for line in memchr_iter(b'\n', text).map(|end| end + 1) {
        let rest = &text[line..];
        let is_separator =
            rest.starts_with(b"---") && rest.get(3).is_none_or(|byte| byte.is_ascii_whitespace());
        if is_separator {
            documents.push(start..line);
            start = line;
        }
    }
    documents.push(start..text.len());
    documents
}

/// Returns the object of a document; None if it is not plain YAML.
pub(super) fn object_of(document: &[u8]) -> Option<DocumentObject> {
    let root = parse(document)?;
    let kind = root.string_at("/kind").unwrap_or_default();
    let name = root.string_at("/metadata/name").filter(|name| DnsSubdomain::parse(name).is_ok());
    let is_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Some(DocumentObject {
        kind: kind.to_owned(),
        shown: name.filter(|_| is_kind).map(|name| format!("{kind} {name}")),
        namespace: workload_namespace(&root, kind),
    })
}

/// Returns whether a text may have a Kustomization of Flux without a path: it deploys the root.
pub(super) fn deploys_root(text: &[u8]) -> bool {
    let is_flux = |document: &&[u8]| find(document, b"kustomize.toolkit.fluxcd.io").is_some();
    let documents = documents(text).into_iter().map(|range| &text[range]);
    documents.filter(is_flux).any(|document| match parse(document) {
        None => true,
        Some(root) => {
            let version = root.string_at("/apiVersion").unwrap_or_default();
            let is_one = version.starts_with("kustomize.toolkit.fluxcd.io/");
            is_one && root.string_at("/spec/path").is_none()
        }
    })
}

fn parse(document: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(document).ok().filter(|text| text.len() <= MAX_BYTES)?;
    yaml::parse_configuration(text).ok()
}

fn workload_namespace(root: &Node, kind: &str) -> Option<String> {
    let version = root.string_at("/apiVersion")?;
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let namespace = root.string_at("/metadata/namespace")?;
    let is_literal = DnsLabel::parse(namespace).is_ok();
    (is_literal && WORKLOADS.contains(&(group, kind))).then(|| namespace.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_split_at_its_separators_alone() {
        let text = b"---\na: 1\n--- # two\nb: |\n  ---\n---x: 1\n---";
        let parts: Vec<&str> = documents(text)
            .into_iter()
            .map(|range| std::str::from_utf8(&text[range]).unwrap())
            .collect();
        assert_eq!(parts, ["---\na: 1\n", "--- # two\nb: |\n  ---\n---x: 1\n", "---"]);
    }

    #[test]
    fn only_a_workload_with_a_literal_namespace_has_one() {
        let namespace = |version: &str, kind: &str, namespace: &str| {
            let text = format!(
                "apiVersion: {version}\nkind: {kind}\nmetadata: {{ name: web, namespace: \
                 {namespace} }}\n"
            );
            object_of(text.as_bytes()).and_then(|object| object.namespace)
        };
        assert_eq!(namespace("apps/v1", "Deployment", "billing").as_deref(), Some("billing"));
        assert_eq!(namespace("v1", "Pod", "\"billing\"").as_deref(), Some("billing"));
        for (version, kind, name) in [
            ("argoproj.io/v1alpha1", "Application", "argocd"),
            ("v1", "ConfigMap", "billing"),
            ("example.com/v1", "Deployment", "billing"),
            ("apps/v1", "Deployment", "\"{{ .Release.Namespace }}\""),
            ("apps/v1", "Deployment", "${NAMESPACE}"),
            ("apps/v1", "Deployment", "{{ .Release.Namespace }}"),
        ] {
            assert_eq!(namespace(version, kind, name), None, "{kind} {name}");
        }
        let text = b"apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n";
        let object = object_of(text).unwrap();
        assert_eq!((object.shown.as_deref(), object.namespace), (Some("Deployment web"), None));
        assert_eq!(object_of(b"{{- if .Values.x }}\nkind: Pod\n{{ end }}\n  bad: [\n"), None);
    }
}
