//! Symbolic links and submodules in place of a folder, in the index or a commit.
//!
//! No check would see the manifests behind them, so they count as unreadable files, as in the work
//! tree.

use git2::{Oid, Tree};

use super::index::Index;
use super::snapshot::{Blob, SUBMODULE, SYMBOLIC_LINK};
use super::{Repository, Snapshot, SourceError};

/// The limit of links that are followed; Linux stops after 40.
const MOST_LINKS: usize = 40;

/// The limit of a link's target, in bytes (Linux's `PATH_MAX`).
const LONGEST_PATH: u64 = 4096;

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
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn hides_folder(&self, snapshot: Snapshot, path: &str) -> Result<bool, SourceError> {
        let Some(files) = self.files(snapshot)? else { return Ok(false) };
        match files.at(self, path)? {
            LinkedFolder::Submodule(_) => Ok(true),
            LinkedFolder::Link(_) => self.leads_to_folder(&files, path),
            LinkedFolder::Nothing | LinkedFolder::Folder | LinkedFolder::File => Ok(false),
        }
    }

    /// Returns the link or submodule in place of `folder` or of a parent folder.
    ///
    /// It counts wherever it leads.
    pub(super) fn in_place_of(
        &self,
        snapshot: Snapshot,
        folder: &str,
    ) -> Result<Option<Blob<'_>>, SourceError> {
        let Some(files) = self.files(snapshot)? else { return Ok(None) };
        for folder in above(folder).chain([folder]) {
            let (id, mode) = match files.at(self, folder)? {
                LinkedFolder::Link(id) => (id, SYMBOLIC_LINK),
                LinkedFolder::Submodule(id) => (id, SUBMODULE),
                LinkedFolder::Nothing | LinkedFolder::Folder | LinkedFolder::File => continue,
            };
            return Ok(Some(Blob { path: folder.to_owned().into(), id, mode, noted_size: 0 }));
        }
        Ok(None)
    }

    /// Returns the path of the link or submodule that hides `folder` in a snapshot.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn hides(&self, snapshot: Snapshot, folder: &str) -> Result<Option<String>, SourceError> {
        Ok(self.in_place_of(snapshot, folder)?.map(|blob| blob.path.into_owned()))
    }

    fn files(&self, snapshot: Snapshot) -> Result<Option<Files<'_>>, SourceError> {
        match snapshot {
            Snapshot::WorkTree => Ok(None),
            Snapshot::Index => self.index().map(|index| Some(Files::Index(index))),
            Snapshot::Commit(_) | Snapshot::Merge(_) => {
                self.tree(snapshot).map(|tree| Some(Files::Tree(tree)))
            }
        }
    }

    fn leads_to_folder(&self, files: &Files<'_>, link: &str) -> Result<bool, SourceError> {
        let mut path = link.to_owned();
        for _ in 0..MOST_LINKS {
            path = match files.at(self, &path)? {
                LinkedFolder::Folder | LinkedFolder::Submodule(_) => return Ok(true),
                LinkedFolder::File => return Ok(false),
                // A part of its path may be a symbolic link too.
                LinkedFolder::Nothing => {
                    for folder in above(&path) {
                        if matches!(files.at(self, folder)?, LinkedFolder::Link(_)) {
                            return Ok(true);
                        }
                    }
                    return Ok(false);
                }
                LinkedFolder::Link(id) => {
                    let target = self.read_blob_up_to(id, LONGEST_PATH)?;
                    let target = target.and_then(|target| String::from_utf8(target).ok());
                    match target.and_then(|target| resolve_target(&path, &target)) {
                        Some(target) if !target.is_empty() => target,
                        // The root, outside the repository, or unknown.
                        _ => return Ok(true),
                    }
                }
            };
        }
        Ok(true)
    }
}

impl Files<'_> {
    fn at(&self, repository: &Repository, path: &str) -> Result<LinkedFolder, SourceError> {
        Ok(match self {
            Self::Index(index) => match index.at(path) {
                Some(held) => of_mode(held.mode, held.id),
                None if index.below(path).next().is_some() => LinkedFolder::Folder,
                None => LinkedFolder::Nothing,
            },
            Self::Tree(tree) => match repository.item_at(tree, path)? {
                Some(item) if item.is_folder() => LinkedFolder::Folder,
                Some(item) => of_mode(item.mode, item.id),
                None => LinkedFolder::Nothing,
            },
        })
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
