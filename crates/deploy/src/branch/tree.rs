//! Reading paths in a commit's tree, without following links.

use git2::{Blob, ErrorCode, FileMode, ObjectType, Oid, Repository};

use super::MAX_BYTES;
use goldenpath_core::vcs::{fetch_missing, is_partial, read_or_fetch};

/// The item at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeItem {
    /// The tree has no such path.
    Nothing,
    /// A regular file, executable or not.
    File {
        /// The ID of its content in git's object database.
        id: Oid,
        /// As git writes it: 0o100644 or 0o100755.
        mode: i32,
    },
    /// Not a regular file, with the reason for messages.
    Other(String),
}

/// Returns the item at a path.
///
/// # Errors
/// If an object cannot be read.
pub fn find(git: &Repository, tree: Oid, path: &str) -> Result<TreeItem, git2::Error> {
    let mut tree = read_or_fetch(git, || git.find_tree(tree))?;
    let mut rest = path;
    loop {
        let (name, below) = match rest.split_once('/') {
            Some((name, below)) => (name, Some(below)),
            None => (rest, None),
        };
        let Some(entry) = tree.get_name(name).map(|entry| entry.to_owned()) else {
            return Ok(TreeItem::Nothing);
        };
        let what = match (entry.kind(), entry.filemode()) {
            (Some(ObjectType::Tree), _) => "a folder",
            (_, mode) if mode == i32::from(FileMode::Link) => "a symbolic link",
            (Some(ObjectType::Blob), _) => "a file",
            _ => "another repository",
        };
        let (id, mode) = (entry.id(), entry.filemode());
        match (what, below) {
            ("a folder", Some(below)) => {
                rest = below;
                tree = read_or_fetch(git, || git.find_tree(id))?;
            }
            ("a file", None) => return Ok(TreeItem::File { id, mode }),
            (what, None) => return Ok(TreeItem::Other(format!("it is {what}"))),
            (what, Some(below)) => {
                let folder = path.strip_suffix(below).unwrap_or(path).trim_end_matches('/');
                return Ok(TreeItem::Other(format!("`{folder}` on the way to it is {what}")));
            }
        }
    }
}

/// Returns the text of a file of bounded size.
///
/// # Errors
/// The reason, for messages.
pub fn text(git: &Repository, id: Oid) -> Result<String, String> {
    let size = read_or_fetch(git, || git.odb()?.read_header(id))
        .map_err(|error| error.message().to_owned())?
        .0;
    if size as u64 > MAX_BYTES {
        return Err(format!("it has {size} bytes, more than the {MAX_BYTES} that are read"));
    }
    let blob = git.find_blob(id).map_err(|error| error.message().to_owned())?;
    String::from_utf8(blob.content().to_vec()).map_err(|_| "it is not UTF-8".to_owned())
}

/// An item of a repository, as a search finds it.
#[derive(Debug)]
pub enum VisitedItem<'a> {
    /// The content of a file.
    File(&'a [u8]),
    /// A symbolic link to this path of the repository; empty for the root.
    Link(String),
    /// It cannot be read, with the reason for messages.
    Unreadable(String),
}

/// The reason for an object that git did not fetch into a partial clone.
pub const LACKED: &str = "this clone lacks its content";

/// The maximum size of a file that is searched, in bytes.
pub const SEARCH_LIMIT: u64 = 256 * 1024 * 1024;

/// Calls `visitor` with each item whose path `is_selected`; the path of a folder ends with `/`.
///
/// Nothing is left out: what cannot be read, such as a folder that a partial clone lacks, is
/// [`VisitedItem::Unreadable`].
pub fn visit(
    git: &Repository,
    tree: Oid,
    is_selected: &dyn Fn(&str) -> bool,
    visitor: &mut dyn FnMut(&str, VisitedItem<'_>),
) {
    // What cannot be fetched is unreadable below.
    let _ = fetch_selected(git, tree, is_selected);
    let mut open = vec![(String::new(), tree)];
    while let Some((folder, tree)) = open.pop() {
        let tree = match git.find_tree(tree) {
            Ok(tree) => tree,
            Err(error) => {
                let path = if folder.is_empty() { "/" } else { &folder };
                visitor(path, VisitedItem::Unreadable(describe(&error)));
                continue;
            }
        };
        let mut below = Vec::new();
        for entry in &tree {
            let path = format!("{folder}{}", String::from_utf8_lossy(entry.name_bytes()));
            match entry.kind() {
                Some(ObjectType::Tree) => below.push((format!("{path}/"), entry.id())),
                _ if !is_selected(&path) => {}
                Some(ObjectType::Blob) => {
                    let is_link = entry.filemode() == i32::from(FileMode::Link);
                    match read(git, entry.id()) {
                        Err(why) => visitor(&path, VisitedItem::Unreadable(why)),
                        Ok(blob) if is_link => visitor(&path, link(&path, blob.content())),
                        Ok(blob) => visitor(&path, VisitedItem::File(blob.content())),
                    }
                }
                _ => {
                    let why = "it is a submodule: another repository".to_owned();
                    visitor(&path, VisitedItem::Unreadable(why));
                }
            }
        }
        open.extend(below.into_iter().rev());
    }
}

/// Fetches in one batch what a partial clone lacks of the files whose path `is_selected`.
fn fetch_selected(
    git: &Repository,
    tree: Oid,
    is_selected: &dyn Fn(&str) -> bool,
) -> Result<(), git2::Error> {
    if !is_partial(git)? {
        return Ok(());
    }
    let mut open = vec![(String::new(), tree)];
    let mut files = Vec::new();
    while let Some((folder, tree)) = open.pop() {
        for entry in &read_or_fetch(git, || git.find_tree(tree))? {
            let path = format!("{folder}{}", String::from_utf8_lossy(entry.name_bytes()));
            match entry.kind() {
                Some(ObjectType::Tree) => open.push((format!("{path}/"), entry.id())),
                Some(ObjectType::Blob) if is_selected(&path) => files.push(entry.id()),
                _ => {}
            }
        }
    }
    fetch_missing(git, files.into_iter())
}

/// Returns the symbolic link at `path`, which is unreadable if it leaves the repository.
#[must_use]
pub fn link(path: &str, target: &[u8]) -> VisitedItem<'static> {
    let inside = || {
        let target = std::str::from_utf8(target).ok().filter(|target| !target.starts_with('/'))?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        resolve(folder, target)
    };
    inside().map_or_else(
        || {
            let why = "it is a symbolic link that leaves the repository".to_owned();
            VisitedItem::Unreadable(why)
        },
        VisitedItem::Link,
    )
}

/// Returns a path relative to `folder`, from the root; None if it leaves the repository.
#[must_use]
pub fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Reads a blob of bounded size.
fn read(git: &Repository, id: Oid) -> Result<Blob<'_>, String> {
    let header = git.odb().and_then(|odb| odb.read_header(id));
    let size = header.map_err(|error| describe(&error))?.0 as u64;
    if size > SEARCH_LIMIT {
        return Err(format!("it has {size} bytes, more than the {SEARCH_LIMIT} that are searched"));
    }
    git.find_blob(id).map_err(|error| describe(&error))
}

/// Returns why an object cannot be read.
fn describe(error: &git2::Error) -> String {
    match error.code() {
        ErrorCode::NotFound => LACKED.to_owned(),
        _ => error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_resolved_from_its_folder_and_stays_in_the_repository() {
        for (folder, path, expected) in [
            ("a/b", "../../c/d.yaml", Some("c/d.yaml")),
            ("a/b", "./c//d/.", Some("a/b/c/d")),
            ("", "x", Some("x")),
            ("a", "..", Some("")),
            ("a", "../..", None),
            ("a/b", "../../../c", None),
        ] {
            assert_eq!(resolve(folder, path).as_deref(), expected, "{folder} {path}");
        }
        assert!(matches!(link("a/b", b"../c"), VisitedItem::Link(target) if target == "c"));
        for leaves in [&b"/etc/x"[..], b"../../c", b"\xff"] {
            assert!(matches!(link("a/b", leaves), VisitedItem::Unreadable(_)), "{leaves:?}");
        }
    }
}
