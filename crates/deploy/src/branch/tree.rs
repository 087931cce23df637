//! Reading paths in a commit's tree, without following links.

use git2::{FileMode, ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

use super::MAX_BYTES;

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
    let mut tree = git.find_tree(tree)?;
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
                tree = git.find_tree(id)?;
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
    let size = git
        .odb()
        .and_then(|odb| odb.read_header(id))
        .map_err(|error| error.message().to_owned())?
        .0;
    if size as u64 > MAX_BYTES {
        return Err(format!("it has {size} bytes, more than the {MAX_BYTES} that are read"));
    }
    let blob = git.find_blob(id).map_err(|error| error.message().to_owned())?;
    String::from_utf8(blob.content().to_vec()).map_err(|_| "it is not UTF-8".to_owned())
}

/// Calls `visitor` with the path and text of each file that `is_selected`.
///
/// Files that cannot be read or have no text are skipped.
pub fn visit(
    git: &Repository,
    tree: Oid,
    is_selected: &dyn Fn(&str) -> bool,
    visitor: &mut dyn FnMut(&str, &str),
) {
    let Ok(tree) = git.find_tree(tree) else { return };
    // The walk ends early if an object cannot be read.
    let _ = tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let is_file =
            entry.kind() == Some(ObjectType::Blob) && entry.filemode() != i32::from(FileMode::Link);
        if is_file && let Ok(name) = entry.name() {
            let path = format!("{folder}{name}");
            if is_selected(&path)
                && let Ok(text) = text(git, entry.id())
            {
                visitor(&path, &text);
            }
        }
        TreeWalkResult::Ok
    });
}
