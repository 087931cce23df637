//! One file of a catalog, parsed as far as possible.

use std::ops::Range;
use std::sync::OnceLock;

use super::Project;
use crate::config::Cluster;
use crate::manifest::{LifecycleStatus, SecretRequest, StoreKey, StoreKeyError, Violation};
use crate::vcs::{File, Unreadable};
use crate::yaml;
use crate::yaml::{Lines, Node, Place, Problem, ProblemKind};

/// The number of bytes at the start of a file that decide whether it is text.
const BINARY_BYTES: usize = 8000;

/// A file of the catalog.
#[derive(Debug)]
pub struct Entry {
    /// From the repository's root, with `/`.
    pub path: String,
    /// The content without a byte order mark; invalid UTF-8 is replaced.
    pub text: String,
    /// Whether the run checks this file.
    pub selected: bool,
    /// The result of reading and parsing it.
    pub state: EntryState,
    /// Built for the first position: most files have no findings.
    lines: OnceLock<Lines>,
}

/// How far a file could be read.
#[derive(Debug)]
pub enum EntryState {
    /// The content could not be read, or is too large.
    Unreadable(Unreadable),
    /// Not a manifest's YAML; never empty.
    Broken(Vec<Problem>),
    /// A YAML document of plain data, valid or not by the schema.
    Parsed(Box<Manifest>),
    /// Not a manifest by its name or place: its text is only searched for secrets.
    Text,
}

/// A file that is YAML.
#[derive(Debug)]
pub struct Manifest {
    /// Empty after they were dropped, until they are needed again.
    nodes: OnceLock<Node>,
    claimed_id: Option<String>,
    /// Violations of the schema, or else of the typed model; only if selected.
    pub violations: Vec<Violation>,
    /// None if a violation prevents it.
    pub request: Option<SecretRequest>,
    /// The secret's name in its store, or why it has none.
    pub store_key: Option<Result<StoreKey, Box<StoreKeyError>>>,
}

impl Entry {
    /// Reads a file in any state; the schema is applied to `selected` ones only.
    #[must_use]
    pub fn read(file: File, selected: bool, project: &Project) -> Self {
        let File { path, bytes } = file;
        let (text, state) = match bytes {
            Err(why) => (String::new(), EntryState::Unreadable(why)),
            Ok(bytes) => match decode(bytes) {
                Err((text, problem)) => (text, EntryState::Broken(vec![problem])),
                Ok(text) => match yaml::parse(&text) {
                    Err(problems) => (text, EntryState::Broken(problems)),
                    Ok(root) => (
                        text,
                        EntryState::Parsed(Box::new(Manifest::read(root, selected, project))),
                    ),
                },
            },
        };
        Self { path, text, selected, state, lines: OnceLock::new() }
    }

    /// Reads a file that is not a manifest; None for links, submodules and binaries.
    #[must_use]
    pub fn text(file: File) -> Option<Self> {
        let File { path, bytes } = file;
        let (text, state) = match bytes {
            Err(Unreadable::NotAFile(_)) => return None,
            Err(why) => (String::new(), EntryState::Unreadable(why)),
            Ok(bytes) if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) => {
                (String::from_utf8_lossy(&bytes).into_owned(), EntryState::Text)
            }
            // As in git: a NUL among the first bytes marks a binary file.
            Ok(bytes) if bytes.iter().take(BINARY_BYTES).any(|byte| *byte == 0) => return None,
            Ok(bytes) => (decode(bytes).unwrap_or_else(|(text, _)| text), EntryState::Text),
        };
        Some(Self { path, text, selected: true, state, lines: OnceLock::new() })
    }

    /// Returns the manifest, if the file is YAML.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.state {
            EntryState::Parsed(manifest) => Some(manifest),
            _ => None,
        }
    }

    /// Returns the typed manifest, if it is valid.
    #[must_use]
    pub fn request(&self) -> Option<&SecretRequest> {
        self.manifest()?.request.as_ref()
    }

    /// Returns the nodes of the text, if it is YAML.
    #[must_use]
    pub fn root(&self) -> Option<&Node> {
        let nodes = &self.manifest()?.nodes;
        if nodes.get().is_none() {
            // The same text was parsed before, so parsing succeeds again.
            drop(nodes.set(yaml::parse(&self.text).ok()?));
        }
        nodes.get()
    }

    /// Calls `work` with the nodes of the text, and does not keep new ones.
    pub fn with_nodes<T>(&self, work: impl FnOnce(Option<&Node>) -> T) -> T {
        match self.manifest() {
            Some(manifest) if manifest.nodes.get().is_none() => {
                work(yaml::parse(&self.text).ok().as_ref())
            }
            _ => work(self.root()),
        }
    }

    /// Frees the memory of the nodes; they are parsed again if needed.
    ///
    /// Most files have no findings, so their nodes are used only once.
    pub fn drop_nodes(&mut self) {
        if let EntryState::Parsed(manifest) = &mut self.state {
            drop(manifest.nodes.take());
        }
    }

    /// Returns the ID in `metadata.id`, even if the rest of the file is invalid.
    #[must_use]
    pub fn claimed_id(&self) -> Option<&str> {
        self.manifest()?.claimed_id.as_deref()
    }

    /// Returns the secret's name in the store, which must be unique.
    ///
    /// A decommissioned manifest has no secret, so its successor may use its name.
    #[must_use]
    pub fn claimed_store_key(&self) -> Option<&StoreKey> {
        self.request_unless_decommissioned()?;
        self.manifest()?.store_key.as_ref()?.as_ref().ok()
    }

    /// Returns cluster, namespace and name of the manifest's own Kubernetes Secret.
    ///
    /// A decommissioned manifest has none, so its successor may use its place.
    #[must_use]
    pub fn claimed_target<'a>(
        &'a self,
        project: &'a Project,
    ) -> Option<(Cluster<'a>, &'a str, &'a str)> {
        let request = self.request_unless_decommissioned()?;
        let cluster = project.config.cluster_of(request.environment.as_str());
        Some((cluster, request.namespace.as_str(), request.k8s_secret_name.as_str()))
    }

    /// Returns cluster, namespace and name of the manifest's own ExternalSecret.
    ///
    /// The name is that of the manifest, from which that of the ExternalSecret follows.
    #[must_use]
    pub fn claimed_external_secret<'a>(
        &'a self,
        project: &'a Project,
    ) -> Option<(Cluster<'a>, &'a str, &'a str)> {
        let request = self.request_unless_decommissioned()?;
        let cluster = project.config.cluster_of(request.environment.as_str());
        Some((cluster, request.namespace.as_str(), request.name.as_str()))
    }

    /// Returns the typed manifest, unless its secret is decommissioned.
    #[must_use]
    pub fn request_unless_decommissioned(&self) -> Option<&SecretRequest> {
        self.request().filter(|request| request.status != LifecycleStatus::Decommissioned)
    }

    /// Returns the place of the bytes `span` of the text.
    #[must_use]
    pub fn place(&self, span: &Range<usize>) -> Place {
        self.lines.get_or_init(|| Lines::of(&self.text)).place(&self.text, span)
    }

    /// Returns the bytes to underline for a JSON pointer.
    ///
    /// They are the value, or the key of the nearest mapping around it.
    #[must_use]
    pub fn span(&self, pointer: &str) -> Range<usize> {
        let Some(root) = self.root() else { return 0..0 };
        match root.at(pointer) {
            Some((_, node)) if !is_collection(node) && !node.span.is_empty() => node.span.clone(),
            Some((Some(key), _)) => key.span.clone(),
            Some((None, node)) => first_line(&self.text, node.span.start),
            None => pointer.rsplit_once('/').map_or(0..0, |(parent, _)| self.span(parent)),
        }
    }
}

impl Manifest {
    /// Reports whether the schema has a violation at a JSON pointer.
    ///
    /// Other rules then do not report the value again.
    #[must_use]
    pub fn has_violation(&self, pointer: &str) -> bool {
        self.violations.iter().any(|violation| violation.pointer == pointer)
    }

    fn read(root: Node, selected: bool, project: &Project) -> Self {
        let mut violations = if selected { project.schema.violations(&root) } else { Vec::new() };
        let request = match SecretRequest::read(&root) {
            Ok(request) => Some(request),
            Err(violation) => {
                if selected && violations.is_empty() {
                    violations.push(violation);
                }
                None
            }
        };
        let store_key = request
            .as_ref()
            .map(|request| StoreKey::of(request, &project.key_template).map_err(Box::new));
        let claimed_id = root.string_at("/metadata/id").map(str::to_owned);
        Self { nodes: root.into(), claimed_id, violations, request, store_key }
    }
}

fn is_collection(node: &Node) -> bool {
    matches!(node.value, crate::yaml::NodeValue::Mapping(_) | crate::yaml::NodeValue::Sequence(_))
}

fn first_line(text: &str, start: usize) -> Range<usize> {
    let line = text[start..].split(['\n', '\r']).next().unwrap_or_default();
    start..start + line.trim_end().len()
}

/// Decodes UTF-8 without a byte order mark; an error is at the invalid byte.
fn decode(bytes: Vec<u8>) -> Result<String, (String, Problem)> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
            let problem = Problem {
                kind: ProblemKind::Invalid,
                span: start..start,
                message: format!("byte {} is not UTF-8", start + 1),
                help: if utf16 {
                    "the file looks like UTF-16: save it as UTF-8".to_owned()
                } else {
                    "save the file as UTF-8".to_owned()
                },
                related: None,
            };
            Err((String::from_utf8_lossy(bytes).into_owned(), problem))
        }
    }
}
