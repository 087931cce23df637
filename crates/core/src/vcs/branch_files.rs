//! The files of a branch that only gets new ones, in any repository.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::{fs, io};

use git2::{ErrorCode, ObjectType, Oid, Repository as Git, Sort, TreeWalkMode, TreeWalkResult};

use super::clone::{fetch_missing, is_cut, is_partial};
use super::{Repository, SourceError};

/// A commit that changes or removes a file, or adds one that its name does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The ID of the commit.
    pub commit: String,
    /// From the repository's root.
    pub file: String,
    /// Whether the commit removes the file.
    pub is_removal: bool,
}

/// The changes in the history of a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BranchHistory {
    /// The changed and removed files, by commit.
    pub changes: Vec<FileChange>,
    /// The commit at which a shallow clone ends; None if the history is complete.
    pub cut: Option<String>,
}

/// The folder of local copies of remote branches, below goldenpath's own folder.
pub const BRANCH_COPIES: &str = "branches";

/// The prefix of the refs of the branches in those copies.
pub const COPIED_REFS: &str = "refs/goldenpath/";

impl Repository {
    /// Returns the local copies of a branch that goldenpath has fetched, each with its last commit.
    ///
    /// A copy that a killed run left incomplete is not one.
    ///
    /// # Errors
    /// A copy that cannot be read.
    pub fn branch_copies(&self, branch: &str) -> Result<Vec<(Git, Oid)>, SourceError> {
        let folder = self.data_folder().join(BRANCH_COPIES);
        let failed = |why: String| SourceError::Git {
            what: format!("`{}`", folder.display()),
            message: why,
        };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error.to_string())),
        };
        let mut copies = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| failed(error.to_string()))?.path();
            if !path.join("HEAD").is_file() {
                continue;
            }
            let git = match Git::open_bare(&path) {
                Ok(git) => git,
                Err(error) if is_absent(&error) => continue,
                Err(error) => return Err(failed(error.message().to_owned())),
            };
            let tip = match git.refname_to_id(&format!("{COPIED_REFS}{branch}")) {
                Ok(tip) => tip,
                Err(error) if is_absent(&error) => continue,
                Err(error) => return Err(failed(error.message().to_owned())),
            };
            copies.push((git, tip));
        }
        Ok(copies)
    }
}

fn is_absent(error: &git2::Error) -> bool {
    matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec)
}

/// The size limit of a file, in bytes.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// The number of folders in a path that are followed.
const DEEPEST: usize = 8;

/// The mode of a folder (gitformat-index, "mode").
const FOLDER: i32 = 0o040_000;

/// The number of trees that are cached.
const MAX_CACHED_TREES: usize = 64;

/// Calls `visit` with the path and the content of each file of a commit that `is_new`.
///
/// In a partial clone, the missing ones are fetched in one batch. Symbolic links, submodules, files
/// of extreme size and folders of extreme depth have no content.
///
/// # Errors
/// An object that cannot be read: no file is left out.
pub fn visit_branch_files(
    git: &Git,
    commit: Oid,
    is_new: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, Option<&[u8]>),
) -> Result<(), SourceError> {
    let failed = || SourceError::git(format!("commit {commit} of the audit branch"));
    let files: Vec<_> =
        files_of(git, commit)?.into_iter().filter(|(path, _)| is_new(path)).collect();
    if is_partial(git).map_err(failed())? {
        fetch_missing(git, files.iter().filter_map(|(_, id)| *id)).map_err(failed())?;
    }
    let objects = git.odb().map_err(failed())?;
    for (path, id) in files {
        match id {
            Some(id) => {
                let failed = || SourceError::git(format!("`{path}` of the audit branch"));
                if objects.read_header(id).map_err(failed())?.0 > MAX_BYTES {
                    visit(&path, None);
                    continue;
                }
                visit(&path, Some(objects.read(id).map_err(failed())?.data()));
            }
            None => visit(&path, None),
        }
    }
    Ok(())
}

/// Returns the paths of all files of a commit.
///
/// # Errors
/// A tree that cannot be read.
pub fn branch_paths(git: &Git, commit: Oid) -> Result<Vec<String>, SourceError> {
    Ok(files_of(git, commit)?.into_iter().map(|(path, _)| path).collect())
}

/// Returns the paths of the files of a commit, each with its content's ID if it is a regular file.
fn files_of(git: &Git, commit: Oid) -> Result<Vec<(String, Option<Oid>)>, SourceError> {
    let failed = || SourceError::git(format!("commit {commit} of the audit branch"));
    let tree = git.find_commit(commit).and_then(|commit| commit.tree()).map_err(failed())?;
    let mut files = Vec::new();
    tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let is_folder = entry.kind() == Some(ObjectType::Tree);
        let is_deepest = folder.matches('/').count() >= DEEPEST;
        if !is_folder || is_deepest {
            let path = format!("{folder}{}", String::from_utf8_lossy(entry.name_bytes()));
            let is_regular = matches!(entry.filemode(), 0o100_644 | 0o100_755);
            files.push((path, is_regular.then(|| entry.id())));
        }
        if is_folder && is_deepest { TreeWalkResult::Skip } else { TreeWalkResult::Ok }
    })
    .map_err(failed())?;
    Ok(files)
}

/// The entries of a tree by name: the object and the mode of each.
type TreeContent = BTreeMap<Vec<u8>, (Oid, i32)>;

/// The trees that were read last: a commit and its parent share most of theirs.
#[derive(Default)]
struct TreeCache(HashMap<Oid, Rc<TreeContent>>);

impl TreeCache {
    fn read(&mut self, git: &Git, id: Oid) -> Result<Rc<TreeContent>, git2::Error> {
        if let Some(known) = self.0.get(&id) {
            return Ok(Rc::clone(known));
        }
        let tree = git.find_tree(id)?;
        let items = tree.iter().map(|entry| {
            let item = (entry.id(), entry.filemode());
            (entry.name_bytes().to_vec(), item)
        });
        let items: Rc<TreeContent> = Rc::new(items.collect());
        if self.0.len() >= MAX_CACHED_TREES {
            self.0.clear();
        }
        self.0.insert(id, Rc::clone(&items));
        Ok(items)
    }

    /// Calls `visit` with each file of a tree that another lacks, or has with another content.
    ///
    /// It gets the path, and whether the other lacks it. Equal folders are not read: libgit2 would
    /// read all folders of both trees.
    fn compare(
        &mut self,
        git: &Git,
        (before, after): (Oid, Oid),
        visit: &mut dyn FnMut(String, bool),
    ) -> Result<(), git2::Error> {
        let is_folder = |item: (Oid, i32)| item.1 == FOLDER;
        let mut open = vec![(before, Some(after), String::new())];
        while let Some((before, after, folder)) = open.pop() {
            if after == Some(before) {
                continue;
            }
            let before = self.read(git, before)?;
            let after = after.map(|after| self.read(git, after)).transpose()?;
            for (name, item) in before.iter() {
                let other = after.as_ref().and_then(|after| after.get(name)).copied();
                if other == Some(*item) {
                    continue;
                }
                let path = format!("{folder}{}", String::from_utf8_lossy(name));
                let other = other.filter(|other| is_folder(*other) == is_folder(*item));
                if is_folder(*item) {
                    open.push((item.0, other.map(|(id, _)| id), format!("{path}/")));
                } else {
                    visit(path, other.is_none());
                }
            }
        }
        Ok(())
    }
}

/// Returns how the history of a commit changes or removes files below a folder.
///
/// Each commit is compared with all of its parents, since a merge can drop the files of one.
///
/// # Errors
/// An object that cannot be read.
pub fn branch_history(git: &Git, tip: Oid) -> Result<BranchHistory, SourceError> {
    let failed = || SourceError::git("the history of the audit branch");
    let mut walk = git.revwalk().map_err(failed())?;
    walk.set_sorting(Sort::TOPOLOGICAL).and_then(|()| walk.push(tip)).map_err(failed())?;
    let mut history = BranchHistory::default();
    let mut trees = TreeCache::default();
    for id in walk {
        let commit = id.and_then(|id| git.find_commit(id)).map_err(failed())?;
        if is_cut(&commit) {
            history.cut = Some(commit.id().to_string());
        }
        for parent in commit.parent_ids() {
            let before = git.find_commit(parent).map_err(failed())?.tree_id();
            let mut changed = |file: String, is_removal: bool| {
                let commit = commit.id().to_string();
                history.changes.push(FileChange { commit, file, is_removal });
            };
            trees.compare(git, (before, commit.tree_id()), &mut changed).map_err(failed())?;
        }
    }
    Ok(history)
}
