//! Which files of a GitOps repository name which others, by paths in any syntax.
//!
//! It errs on the side of more: a word that could be a path of the repository counts as one. Paths
//! are relative to the file's folder, as for kustomize and Helm, or to the root, as for Argo CD and
//! Flux.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::document::deploys_root;
use super::names::readings;
use super::words::{Word, each_word, is_one_word};
use crate::branch::{VisitedItem, resolve};
use crate::gitops::Target;
use goldenpath_core::config::KUSTOMIZATIONS;
use memchr::memmem::find;

/// The items of a repository by path, and the paths that each names.
///
/// The paths in files are read when they are needed.
#[derive(Default)]
pub(super) struct PathGraph {
    items: ItemPaths,
    contents: OnceCell<NamedPaths>,
}

/// The paths in files.
struct NamedPaths {
    files: BTreeMap<String, FileFacts>,
    /// The files that name each path.
    named_by: BTreeMap<String, Vec<String>>,
}

/// The paths of a repository's items.
#[derive(Debug, Default)]
struct ItemPaths {
    /// With a `/` at the end of a folder that cannot be read.
    all: BTreeSet<String>,
    /// Items whose content is elsewhere or unknown: links, submodules, unreadable folders.
    opaque: BTreeSet<String>,
    /// The names of all items and folders.
    names: HashSet<String>,
}

/// What a file says about other files.
#[derive(Debug, Default)]
struct FileFacts {
    /// The paths that it names; a folder means everything below it.
    names: BTreeSet<String>,
    /// None unless it configures kustomize, or an object that runs it.
    kustomization: Option<KustomizationFacts>,
    /// Whether it is a patch or a transformer that can change a namespace.
    changes_namespaces: bool,
}

/// Objects of Argo CD and Flux that deploy a path of a repository.
const DEPLOYERS: [&str; 4] = ["Application", "ApplicationSet", "Kustomization", "HelmRelease"];

/// The maximum nesting of components in a kustomization.
const MAX_COMPONENTS: usize = 8;

/// What a kustomization says about namespaces.
#[derive(Debug, Default)]
struct KustomizationFacts {
    namespaces: BTreeSet<String>,
    is_component: bool,
    /// Whether a namespace comes from a template, or from transformers.
    is_unclear: bool,
}

impl ItemPaths {
    fn add(&mut self, path: &str, item: &VisitedItem<'_>) {
        self.all.insert(path.to_owned());
        if !matches!(item, VisitedItem::File(_)) {
            self.opaque.insert(path.to_owned());
        }
        for name in path.split('/').filter(|name| !self.names.contains(*name)).collect::<Vec<_>>() {
            self.names.insert(name.to_owned());
        }
    }

    /// Returns whether a word may be a path: most words of a text have no name of an item in them.
    fn may_have(&self, path: &str) -> bool {
        let is_above = |part: &str| matches!(part, "" | "." | "..");
        path.split('/').any(|part| !is_above(part) && self.names.contains(part))
            || path.split('/').all(is_above)
    }

    /// Returns the item or folder at a path, or the opaque item on the way to it.
    fn at(&self, path: &str) -> Option<String> {
        if path.is_empty() || self.all.contains(path) || self.has_folder(path) {
            return Some(path.to_owned());
        }
        self.opaque_above(path)
    }

    fn has_folder(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.all.range(folder.clone()..).next().is_some_and(|next| next.starts_with(&folder))
    }

    /// Returns the opaque item that has a path in it.
    fn opaque_above(&self, path: &str) -> Option<String> {
        let above = path.match_indices('/').map(|(slash, _)| &path[..slash]).chain([path]);
        let forms = above.flat_map(|above| [above.to_owned(), format!("{above}/")]);
        forms.chain(["/".to_owned()]).find(|form| self.opaque.contains(form))
    }

    /// Returns the items at and below a path; all for the root.
    fn below(&self, path: &str) -> Vec<&str> {
        if path.is_empty() {
            return self.all.iter().map(String::as_str).collect();
        }
        let folder = format!("{path}/");
        let below = self.all.range(folder.clone()..).take_while(|item| item.starts_with(&folder));
        let opaque = self.opaque_above(path).and_then(|item| self.all.get(&item));
        self.all.get(path).into_iter().chain(below).chain(opaque).map(String::as_str).collect()
    }
}

impl NamedPaths {
    /// Reads the repository for the paths in its files.
    fn read(target: &Target, items: &ItemPaths) -> Self {
        let mut files = BTreeMap::new();
        target.visit(&mut |path, item| {
            let facts = match item {
                VisitedItem::File(bytes) => FileFacts::of(path, bytes, items),
                VisitedItem::Link(to) => {
                    FileFacts { names: items.at(&to).into_iter().collect(), ..FileFacts::default() }
                }
                VisitedItem::Unreadable(_) => FileFacts::default(),
            };
            files.insert(path.to_owned(), facts);
        });
        let mut named_by: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (path, facts) in &files {
            for name in &facts.names {
                named_by.entry(name.clone()).or_default().push(path.clone());
            }
        }
        Self { files, named_by }
    }

    /// Returns the file and those that name it, directly or not.
    fn files_that_reach<'g>(&'g self, file: &'g str) -> BTreeSet<&'g str> {
        let mut found = BTreeSet::from([file]);
        let mut open = vec![file];
        while let Some(path) = open.pop() {
            let above = path.match_indices('/').map(|(slash, _)| &path[..slash]).chain(["", path]);
            for other in above.filter_map(|above| self.named_by.get(above)).flatten() {
                if found.insert(other) {
                    open.push(other);
                }
            }
        }
        found
    }

    fn moves_to(&self, file: &str, namespace: &str) -> bool {
        let facts = self.files.get(file).filter(|facts| facts.kustomization.is_some());
        facts.is_some_and(|facts| self.sets_namespace(facts, namespace, MAX_COMPONENTS))
    }

    /// Returns whether a kustomization, its patches or its components could set a namespace.
    fn sets_namespace(&self, facts: &FileFacts, namespace: &str, depth: usize) -> bool {
        let own = facts.kustomization.as_ref();
        let is_component =
            |part: &FileFacts| part.kustomization.as_ref().is_some_and(|own| own.is_component);
        let part_sets = |part: &FileFacts| {
            let inside = || depth == 0 || self.sets_namespace(part, namespace, depth - 1);
            part.changes_namespaces || (is_component(part) && inside())
        };
        facts.changes_namespaces
            || own.is_some_and(|own| own.is_unclear || own.namespaces.contains(namespace))
            || facts.names.iter().flat_map(|name| self.direct_parts(name)).any(part_sets)
    }

    /// Returns the file at a path, or the kustomization of the folder there.
    fn direct_parts<'g>(&'g self, path: &str) -> impl Iterator<Item = &'g FileFacts> {
        let kustomizations = KUSTOMIZATIONS.map(|name| format!("{path}/{name}"));
        let paths = std::iter::once(path.to_owned()).chain(kustomizations);
        paths.filter_map(|path| self.files.get(&path)).collect::<Vec<_>>().into_iter()
    }
}

impl PathGraph {
    /// Adds an item of the repository.
    pub(super) fn add(&mut self, path: &str, item: &VisitedItem<'_>) {
        self.items.add(path, item);
    }

    fn contents(&self, target: &Target) -> &NamedPaths {
        self.contents.get_or_init(|| NamedPaths::read(target, &self.items))
    }

    /// Returns the items below `roots` and those that they name, directly or not.
    ///
    /// # Errors
    /// The first root that the repository does not have, unless it `may_be_empty`.
    pub(super) fn reached<'g>(
        &'g self,
        target: &Target,
        roots: &[&'g str],
        may_be_empty: &dyn Fn(&str) -> bool,
    ) -> Result<BTreeSet<&'g str>, &'g str> {
        let is_missing = |root: &str| self.items.below(root).is_empty() && !may_be_empty(root);
        if let Some(root) = roots.iter().find(|root| is_missing(root)) {
            return Err(root);
        }
        let contents = self.contents(target);
        let mut reached = BTreeSet::new();
        // A path with other characters is not recognized in a text.
        let strange = self.items.all.iter().map(String::as_str).filter(|path| !is_one_word(path));
        let (mut open, mut seen): (Vec<&str>, BTreeSet<&str>) =
            (roots.iter().copied().chain(strange).collect(), BTreeSet::new());
        while let Some(path) = open.pop() {
            if !seen.insert(path) {
                continue;
            }
            for item in self.items.below(path) {
                if reached.insert(item) {
                    let names = contents.files.get(item).into_iter().flat_map(|facts| &facts.names);
                    open.extend(names.map(String::as_str));
                }
            }
        }
        Ok(reached)
    }

    /// Returns whether kustomize could move an object of a file to a namespace.
    pub(super) fn may_move(&self, target: &Target, file: &str, namespace: &str) -> bool {
        let contents = self.contents(target);
        let moves = |other: &str| !is_one_word(other) || contents.moves_to(other, namespace);
        contents.files_that_reach(file).into_iter().any(moves)
    }
}

/// Returns whether a file has one of kustomize's names.
pub(super) fn is_kustomization(path: &str) -> bool {
    KUSTOMIZATIONS.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// Returns the folder of a file; empty for the root.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl FileFacts {
    fn of(path: &str, bytes: &[u8], items: &ItemPaths) -> Self {
        let mut facts = Self::default();
        for text in readings(bytes) {
            let has = |words: &str| find(&text, words.as_bytes()).is_some();
            facts.changes_namespaces |= has("/metadata/namespace")
                || has("NamespaceTransformer")
                || (has("fieldPaths") && has("metadata.namespace"));
            // In objects of kustomize and Flux, and in Applications of Argo CD.
            if is_kustomization(path)
                || has("kustomize.")
                || has("kustomize:")
                || has("kustomize\"")
            {
                let own = facts.kustomization.get_or_insert_default();
                own.is_component |= has("Component");
                own.is_unclear |= has("transformers");
            }
            if has("kustomize.toolkit.fluxcd.io") && deploys_root(&text) {
                facts.names.insert(String::new());
            }
            facts.add_words(folder_of(path), &String::from_utf8_lossy(&text), items);
        }
        facts
    }

    fn add_words(&mut self, folder: &str, text: &str, items: &ItemPaths) {
        let (mut deploys, mut names_root, mut above) = (false, false, Vec::new());
        each_word(text, &mut |word| {
            let is_path = word.has_key("path") || word.has_key("chart");
            deploys |= word.has_key("kind") && DEPLOYERS.contains(&word.text);
            if let (true, Some(own)) = (word.has_key("namespace"), &mut self.kustomization) {
                own.is_unclear |= word.is_cut;
                own.namespaces.insert(word.text.to_owned());
            }
            let place = literal_part(&word);
            names_root |= is_path && matches!(place, "" | ".");
            if place.starts_with("..") {
                above.push(place.to_owned());
            }
            self.names.extend(named_by(&word, place, is_path, folder, items));
        });
        if deploys && names_root {
            self.names.insert(String::new());
        }
        // A chart's values are relative to the chart, which the same file names.
        let relative = |folder: &String| {
            let places = above.iter().filter_map(|place| resolve(folder, place));
            places.filter_map(|place| items.at(&place)).collect::<Vec<_>>()
        };
        let more: Vec<String> = self.names.iter().flat_map(relative).collect();
        self.names.extend(more);
    }
}

/// Returns the part of a path that is literal, without a `/` at its end.
fn literal_part<'t>(word: &Word<'t>) -> &'t str {
    let text =
        if word.is_cut && !word.text.ends_with('/') { folder_of(word.text) } else { word.text };
    text.trim_end_matches('/')
}

/// Returns the items that a word names.
fn named_by(
    word: &Word<'_>,
    place: &str,
    is_path: bool,
    folder: &str,
    items: &ItemPaths,
) -> Vec<String> {
    if matches!(place, "" | ".") || !items.may_have(place) {
        return Vec::new();
    }
    let mut places = vec![resolve(folder, place)];
    // A single word is a path from the root only where a path is expected.
    if is_path || place.contains('/') || word.text.contains('/') {
        places.push(resolve("", place));
    }
    if let Some((_, place)) = place.rsplit_once("//") {
        places.push(resolve("", place));
    }
    if let Some((_, place)) = place.split_once('/').filter(|_| word.has_source) {
        places.push(resolve("", place));
    }
    places.into_iter().flatten().filter_map(|place| items.at(&place)).collect()
}
