//! One file of a catalog, as far as it could be read.

use std::ops::Range;
use std::sync::OnceLock;

use super::Project;
use crate::config::Cluster;
use crate::manifest::{LifecycleStatus, SecretRequest, StoreKey, StoreKeyError, Violation};
use crate::vcs::{File, Unreadable};
use crate::yaml;
use crate::yaml::{Lines, Node, Place, Problem, ProblemKind};

/// The bytes at the start of a file that say whether it is text.
const BINARY_BYTES: usize = 8000;

/// A file of the catalog.
#[derive(Debug)]
pub struct Entry {
    /// From the repository's root, with `/`.
    pub path: String,
    /// As read, without a byte order mark; what is not UTF-8 is replaced.
    pub text: String,
    /// Whether the run is about this one.
    pub selected: bool,
    pub state: EntryState,
    /// Made when the first place is asked for: most files have nothing wrong.
    lines: OnceLock<Lines>,
}

#[derive(Debug)]
pub enum EntryState {
    Unreadable(Unreadable),
    /// Not the YAML of a manifest; never empty.
    Broken(Vec<Problem>),
    Parsed(Box<Manifest>),
    /// Not a manifest by its name or place; its text is only searched for secrets.
    Text,
}

/// A file that is YAML.
#[derive(Debug)]
pub struct Manifest {
    /// Empty once they have been let go, until somebody asks for them again.
    nodes: OnceLock<Node>,
    claimed_id: Option<String>,
    /// What the schema, or else the typed model, finds wrong; asked only of selected entries.
    pub violations: Vec<Violation>,
    /// None where a violation keeps it from being one.
    pub request: Option<SecretRequest>,
    /// What the request is called in its store, or why it cannot be called that.
    pub store_key: Option<Result<StoreKey, Box<StoreKeyError>>>,
}

impl Entry {
    /// Reads a file, in whatever state it is; `selected` ones are held against the schema.
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

    /// A file that is not a manifest; None for a link, a submodule, or bytes that are not text.
    #[must_use]
    pub fn text(file: File) -> Option<Self> {
        let File { path, bytes } = file;
        let (text, state) = match bytes {
            Err(Unreadable::NotAFile(_)) => return None,
            Err(why) => (String::new(), EntryState::Unreadable(why)),
            Ok(bytes) if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) => {
                (String::from_utf8_lossy(&bytes).into_owned(), EntryState::Text)
            }
            // As git: a NUL among the first bytes says that a file is binary.
            Ok(bytes) if bytes.iter().take(BINARY_BYTES).any(|byte| *byte == 0) => return None,
            Ok(bytes) => (decode(bytes).unwrap_or_else(|(text, _)| text), EntryState::Text),
        };
        Some(Self { path, text, selected: true, state, lines: OnceLock::new() })
    }

    /// The manifest, if the file is YAML.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.state {
            EntryState::Parsed(manifest) => Some(manifest),
            _ => None,
        }
    }

    /// The typed manifest, if it is one.
    #[must_use]
    pub fn request(&self) -> Option<&SecretRequest> {
        self.manifest()?.request.as_ref()
    }

    /// The nodes of the text, if it is YAML.
    #[must_use]
    pub fn root(&self) -> Option<&Node> {
        let nodes = &self.manifest()?.nodes;
        if nodes.get().is_none() {
            // The text is the same, and so is what the parser says of it.
            drop(nodes.set(yaml::parse(&self.text).ok()?));
        }
        nodes.get()
    }

    /// Has `look` see the nodes of the text, if it is YAML, and keeps none that are made for that.
    pub fn glance<T>(&self, look: impl FnOnce(Option<&Node>) -> T) -> T {
        match self.manifest() {
            Some(manifest) if manifest.nodes.get().is_none() => {
                look(yaml::parse(&self.text).ok().as_ref())
            }
            _ => look(self.root()),
        }
    }

    /// Gives the memory of the nodes back. Most files have nothing wrong, and are looked into once; for others the text is
    /// parsed again.
    pub fn let_nodes_go(&mut self) {
        if let EntryState::Parsed(manifest) = &mut self.state {
            drop(manifest.nodes.take());
        }
    }

    /// The ID that the file claims, in whatever state the rest of it is.
    #[must_use]
    pub fn claimed_id(&self) -> Option<&str> {
        self.manifest()?.claimed_id.as_deref()
    }

    /// What its secret is called in the store, if nothing else may be called so. What is decommissioned has no secret any
    /// more, and its successor may take its name.
    #[must_use]
    pub fn claimed_store_key(&self) -> Option<&StoreKey> {
        self.living()?;
        self.manifest()?.store_key.as_ref()?.as_ref().ok()
    }

    /// The Kubernetes Secret that is its own: cluster, namespace and name. What is decommissioned writes nothing any
    /// more, and its successor may take its place.
    #[must_use]
    pub fn claimed_target<'a>(
        &'a self,
        project: &'a Project,
    ) -> Option<(Cluster<'a>, &'a str, &'a str)> {
        let request = self.living()?;
        let cluster = project.config.cluster_of(request.environment.as_str());
        Some((cluster, request.namespace.as_str(), request.k8s_secret_name.as_str()))
    }

    /// Returns the ExternalSecret that is its own: cluster, namespace and the manifest's name, which its name follows
    /// from.
    #[must_use]
    pub fn claimed_external_secret<'a>(
        &'a self,
        project: &'a Project,
    ) -> Option<(Cluster<'a>, &'a str, &'a str)> {
        let request = self.living()?;
        let cluster = project.config.cluster_of(request.environment.as_str());
        Some((cluster, request.namespace.as_str(), request.name.as_str()))
    }

    /// Returns the typed manifest, unless its secret is decommissioned.
    #[must_use]
    pub fn living(&self) -> Option<&SecretRequest> {
        self.request().filter(|request| request.status != LifecycleStatus::Decommissioned)
    }

    /// The place of the bytes `span` of the text.
    #[must_use]
    pub fn place(&self, span: &Range<usize>) -> Place {
        self.lines.get_or_init(|| Lines::of(&self.text)).place(&self.text, span)
    }

    /// What to underline for a JSON pointer: the value there, or the nearest mapping around it by its key.
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
    /// Whether the schema has something against the value at a JSON pointer, which is then told once and not again by
    /// rules on what it means.
    #[must_use]
    pub fn is_at_fault(&self, pointer: &str) -> bool {
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

/// UTF-8 without its byte order mark, or where it stops being UTF-8.
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
                help: match utf16 {
                    true => "the file looks like UTF-16: save it as UTF-8".to_owned(),
                    false => "save the file as UTF-8".to_owned(),
                },
                related: None,
            };
            Err((String::from_utf8_lossy(bytes).into_owned(), problem))
        }
    }
}
