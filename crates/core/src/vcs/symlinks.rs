//! Symbolic links and submodules in place of a folder, in the index or a commit.
//!
//! No check would see the manifests behind them, so they count as unreadable files, as in the work
//! tree.

use std::path::Path;

use git2::{ObjectType, Oid, Tree};

use super::index::Index;
use super::snapshot::{Blob, SUBMODULE, SYMBOLIC_LINK};
use super::{Repository, Snapshot};

/// The limit of links that are followed; Linux stops after 40.
const MOST_LINKS: usize = 40;

/// The limit of a link's target, in bytes (Linux's `PATH_MAX`).
const LONGEST_PATH: usize = 4096;

/// The kind of entry at a path of a snapshot.
enum LinkedFolder {
    Nothing,
    Folder,
    Link(Oid),
    Submodule(Oid),
    File,
}

/// The index, or the tree of a commit.
enum Files<'git> {
    Index(&'git Index),
    Tree(Tree<'git>),
}

impl Repository {
    /// Reports whether `path` is a submodule, or a link to a folder or outside.
    ///
    /// "Outside" is out of the repository. It is false for the work tree, whose walk finds them.
    #[must_use]
    pub fn hides_folder(&self, snapshot: Snapshot, path: &str) -> bool {
        self.files(snapshot).is_some_and(|files| match files.at(path) {
            LinkedFolder::Submodule(_) => true,
            LinkedFolder::Link(_) => self.leads_to_folder(&files, path),
            LinkedFolder::Nothing | LinkedFolder::Folder | LinkedFolder::File => false,
        })
    }

    /// Returns the link or submodule in place of `folder` or of a parent folder.
    ///
    /// It counts wherever it leads.
    pub(super) fn in_place_of(&self, snapshot: Snapshot, folder: &str) -> Option<Blob<'_>> {
        let files = self.files(snapshot)?;
        above(folder).chain([folder]).find_map(|folder| match files.at(folder) {
            LinkedFolder::Link(id) => Some(Blob {
                path: folder.to_owned().into(),
                id,
                mode: SYMBOLIC_LINK,
                noted_size: 0,
            }),
            LinkedFolder::Submodule(id) => {
                Some(Blob { path: folder.to_owned().into(), id, mode: SUBMODULE, noted_size: 0 })
            }
            LinkedFolder::Nothing | LinkedFolder::Folder | LinkedFolder::File => None,
        })
    }

    /// Returns the path of the link or submodule that hides `folder` in a snapshot.
    #[must_use]
    pub fn hides(&self, snapshot: Snapshot, folder: &str) -> Option<String> {
        self.in_place_of(snapshot, folder).map(|blob| blob.path.into_owned())
    }

    fn files(&self, snapshot: Snapshot) -> Option<Files<'_>> {
        match snapshot {
            Snapshot::WorkTree => None,
            Snapshot::Index => self.index().map(Files::Index).ok(),
            Snapshot::Commit(_) | Snapshot::Merge(_) => self.tree(snapshot).map(Files::Tree).ok(),
        }
    }

    fn leads_to_folder(&self, files: &Files<'_>, link: &str) -> bool {
        let mut path = link.to_owned();
        for _ in 0..MOST_LINKS {
            path = match files.at(&path) {
                LinkedFolder::Folder | LinkedFolder::Submodule(_) => return true,
                LinkedFolder::File => return false,
                // A part of its path may be a symbolic link too.
                LinkedFolder::Nothing => {
                    return above(&path)
                        .any(|folder| matches!(files.at(folder), LinkedFolder::Link(_)));
                }
                LinkedFolder::Link(id) => {
                    match self.target(id).map(|target| resolve_target(&path, &target)) {
                        Some(Some(target)) if target.is_empty() => return true,
                        Some(Some(target)) => target,
                        // Outside the repository, or unknown.
                        Some(None) | None => return true,
                    }
                }
            };
        }
        true
    }

    fn target(&self, link: Oid) -> Option<String> {
        let objects = self.git.odb().ok()?;
        let (size, _) = objects.read_header(link).ok()?;
        if size > LONGEST_PATH {
            return None;
        }
        String::from_utf8(objects.read(link).ok()?.data().to_vec()).ok()
    }
}

impl Files<'_> {
    fn at(&self, path: &str) -> LinkedFolder {
        match self {
            Self::Index(index) => match index.at(path) {
                Some(held) => of_mode(held.mode, held.id),
                None if index.below(path).next().is_some() => LinkedFolder::Folder,
                None => LinkedFolder::Nothing,
            },
            Self::Tree(tree) => match tree.get_path(Path::new(path)) {
                Ok(entry) if entry.kind() == Some(ObjectType::Tree) => LinkedFolder::Folder,
                Ok(entry) => of_mode(entry.filemode().unsigned_abs(), entry.id()),
                Err(_) => LinkedFolder::Nothing,
            },
        }
    }
}

fn of_mode(mode: u32, id: Oid) -> LinkedFolder {
    match mode {
        SYMBOLIC_LINK => LinkedFolder::Link(id),
        SUBMODULE => LinkedFolder::Submodule(id),
        _ => LinkedFolder::File,
    }
}

/// Returns the parent folders of `path`.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(slash, _)| &path[..slash])
}

/// Resolves the target of a link, from the repository's root; None outside it.
fn resolve_target(link: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::resolve_target;

    #[test]
    fn a_link_leads_from_its_own_folder() {
        for (link, target, expected) in [
            ("a/b/link", "c", Some("a/b/c")),
            ("a/b/link", "../c/./d/", Some("a/c/d")),
            ("link", ".", Some("")),
            ("a/link", "..", Some("")),
            ("a/link", "../..", None),
            ("a/link", "../../repository/a", None),
            ("a/link", "/a", None),
        ] {
            assert_eq!(resolve_target(link, target).as_deref(), expected, "{link} -> {target}");
        }
    }
}
