//! Consumers: what mentions a Kubernetes Secret in a GitOps repository.
//!
//! A mention is the whole name, anywhere in any file, in any syntax. It counts unless it is proven
//! to be elsewhere, and what cannot be read is reported.

mod document;
mod names;
mod paths;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use memchr::memchr_iter;
use memchr::memmem::Finder;

use crate::branch::{VisitedItem, resolve};
use crate::gitops::Target;
use document::{DocumentObject, documents, object_of};
use goldenpath_core::manifest::SecretId;
use goldenpath_core::projection;
use names::{ComposedName, opaque_reason, readings};
use paths::{PathGraph, folder_of, is_kustomization};
use words::each_word;

pub(super) use names::find_whole;

/// The kind of our manifests, which are in the same repository if it is the catalog's.
const MANIFEST_KIND: &str = "SecretRequest";

/// A GitOps repository that was searched for the names of Kubernetes Secrets.
pub(super) struct ConsumerSearch<'t> {
    target: &'t Target,
    /// The number of files that were read completely.
    files: usize,
    /// The path of each item that was not read, with the reason.
    unread: BTreeMap<String, String>,
    mentions: Vec<Mention>,
    /// By name: the places of templates that could compose it.
    composed: BTreeMap<String, Vec<MentionPlace>>,
    paths: PathGraph,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MentionPlace {
    file: String,
    line: usize,
}

/// A mention of a Kubernetes Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    place: MentionPlace,
    name: String,
    object: DocumentObject,
}

/// What mentions one Kubernetes Secret.
pub(super) struct Consumers<'s> {
    /// The number of files that were read completely.
    pub(super) files: usize,
    pub(super) mentions: Vec<&'s Mention>,
    /// What was not read.
    pub(super) unread: Vec<UnreadItem>,
    /// The places of templates that could compose the name.
    pub(super) composed: Vec<String>,
}

/// An item that was not read.
pub(super) struct UnreadItem {
    path: String,
    pub(super) why: String,
}

impl fmt::Display for UnreadItem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.path, self.why)
    }
}

impl fmt::Display for MentionPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file, self.line)
    }
}

impl fmt::Display for Mention {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(out)?;
        self.object.shown.as_ref().map_or(Ok(()), |object| write!(out, " ({object})"))
    }
}

impl<'t> ConsumerSearch<'t> {
    /// Searches the repository for these names.
    pub(super) fn of(target: &'t Target, names: &BTreeSet<&str>) -> Self {
        let mut search = Self {
            target,
            files: 0,
            unread: BTreeMap::new(),
            mentions: Vec::new(),
            composed: BTreeMap::new(),
            paths: PathGraph::default(),
        };
        let finders: Vec<Finder<'_>> = names.iter().map(Finder::new).collect();
        let (mut own, mut listed) = (BTreeSet::new(), Vec::new());
        target.visit(&mut |path, item| {
            search.paths.add(path, &item);
            let bytes = match item {
                VisitedItem::Link(_) => return,
                VisitedItem::Unreadable(why) => {
                    search.unread.insert(path.to_owned(), why);
                    return;
                }
                VisitedItem::File(bytes) => bytes,
            };
            if let Some(why) = opaque_reason(bytes) {
                search.unread.insert(path.to_owned(), why.to_owned());
                return;
            }
            search.files += 1;
            if is_trail(path) || is_own(bytes) {
                own.insert(path.to_owned());
            } else if is_kustomization(path) {
                listed.push((path.to_owned(), bytes.to_vec()));
            } else {
                readings(bytes).iter().for_each(|text| search.add(path, text, &finders));
            }
        });
        // The entries of our own files in a kustomization are ours, too.
        for (path, bytes) in listed {
            for text in readings(&bytes) {
                search.add(&path, &without_entries(&path, &text, &own), &finders);
            }
        }
        search
    }

    /// Adds the first mention of each name in each document of a file.
    fn add(&mut self, path: &str, text: &[u8], finders: &[Finder<'_>]) {
        let place = |at: usize| MentionPlace {
            file: path.to_owned(),
            line: 1 + memchr_iter(b'\n', &text[..at]).count(),
        };
        let found: Vec<(usize, &Finder<'_>)> = finders
            .iter()
            .flat_map(|name| find_whole(text, name).map(move |at| (at, name)))
            .collect();
        for range in if found.is_empty() { Vec::new() } else { documents(text) } {
            let mut seen = BTreeSet::new();
            let mut object = None;
            for (at, name) in found.iter().filter(|(at, _)| range.contains(at)) {
                if !seen.insert(name.needle()) {
                    continue;
                }
                let object = object
                    .get_or_insert_with(|| object_of(&text[range.clone()]).unwrap_or_default());
                if object.kind != MANIFEST_KIND {
                    let name = String::from_utf8_lossy(name.needle()).into_owned();
                    self.mentions.push(Mention { place: place(*at), name, object: object.clone() });
                }
            }
        }
        let composed = ComposedName::all(text);
        for name in finders.iter().map(Finder::needle).filter(|_| !composed.is_empty()) {
            if let Some(first) = composed.iter().find(|one| one.may_be(name)) {
                let name = String::from_utf8_lossy(name).into_owned();
                self.composed.entry(name).or_default().push(place(first.at));
            }
        }
    }

    /// Returns what mentions a Kubernetes Secret in its namespace.
    ///
    /// `roots` are the folders that deploy to its cluster; empty for the whole repository.
    /// `file` is the path of its ExternalSecret.
    pub(super) fn consumers(
        &self,
        name: &str,
        namespace: &str,
        roots: &[&str],
        file: &str,
    ) -> Consumers<'_> {
        // A root can be empty once the last ExternalSecret in it is removed.
        let has_file =
            |root: &str| file.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        let mut unread = Vec::new();
        let reached = if roots.is_empty() {
            None
        } else {
            let reached = self.paths.reached(self.target, roots, &has_file);
            reached.map_err(|root| unread.push(missing_root(root))).ok()
        };
        let is_reached = |file: &str| reached.as_ref().is_none_or(|reached| reached.contains(file));
        let is_elsewhere = |mention: &Mention| {
            let other = mention.object.namespace.as_deref();
            other.is_some_and(|other| other != namespace)
                && !self.paths.may_move(self.target, &mention.place.file, namespace)
        };
        let named = self.mentions.iter().filter(|mention| mention.name == name);
        let mentions = named
            .filter(|mention| is_reached(&mention.place.file) && !is_elsewhere(mention))
            .collect();
        let not_read = self.unread.iter().filter(|(path, _)| is_reached(path));
        unread.extend(
            not_read.map(|(path, why)| UnreadItem { path: path.clone(), why: why.clone() }),
        );
        let composed = self.composed.get(name).into_iter().flatten();
        let composed =
            composed.filter(|place| is_reached(&place.file)).map(ToString::to_string).collect();
        Consumers { files: self.files, mentions, unread, composed }
    }
}

fn missing_root(root: &str) -> UnreadItem {
    let why = "`gitops.roots` names it, and the repository does not have it".to_owned();
    UnreadItem { path: root.to_owned(), why }
}

/// Returns whether a file is an audit trail, which the catalog's repository may have.
fn is_trail(path: &str) -> bool {
    let name = path.strip_prefix("audit/").and_then(|name| name.strip_suffix(".jsonl"));
    name.is_some_and(|name| SecretId::parse(name).is_ok())
}

/// Returns whether a file is one of our projections, and nothing else.
fn is_own(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(projection::is_projection)
        && object_of(bytes).is_some_and(|object| object.kind == "ExternalSecret")
}

/// Returns a kustomization's text without the names of our own files in it.
fn without_entries(path: &str, text: &[u8], own: &BTreeSet<String>) -> Vec<u8> {
    let mut blank = text.to_vec();
    let Ok(text) = std::str::from_utf8(text) else { return blank };
    each_word(text, &mut |word| {
        let file = resolve(folder_of(path), word.text);
        if file.is_some_and(|file| own.contains(&file)) {
            blank[word.at..word.at + word.text.len()].fill(b' ');
        }
    });
    blank
}

/// The number of places in a message.
const SHOWN: usize = 3;

/// Lists the first places and counts the rest.
pub(super) fn list_places(places: &[impl ToString]) -> String {
    let mut shown: Vec<String> = places.iter().take(SHOWN).map(ToString::to_string).collect();
    if places.len() > SHOWN {
        shown.push(format!("and {} more", places.len() - SHOWN));
    }
    shown.join(", ")
}
