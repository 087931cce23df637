//! A GitOps repository that is pushed to. What is needed of it is fetched into a bare repository of our own; commits are made
//! on what the remote has and exist nowhere else, so that nothing half-done can stay behind.

mod cache;
mod push;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use git2::{ObjectType, Oid, Repository};

use super::kustomization::{Kustomization, Listing, NAMES, split};
use super::tree::{self, Found};
use super::{FileState, GitopsError};
use crate::git::without_password;
use crate::projection::Projection;
use cache::Cache;

/// Which repository, and which branch of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePlace {
    /// A URL as `git` takes it, or a path from the catalog's root.
    pub url: String,
    /// None for the one that the repository's HEAD is on.
    pub branch: Option<String>,
}

/// The kustomization of a folder, or why it cannot be read; None where there is none.
type Beside = Option<Result<Kustomization, String>>;

/// A branch of a repository somewhere else, as it was when it was last asked.
pub struct Remote {
    cache: Cache,
    branch: String,
    /// The branch's commit; None where the repository is empty.
    head: Cell<Option<Oid>>,
    /// The kustomizations that were looked at in that commit, by folder.
    folders: RefCell<HashMap<String, Rc<Beside>>>,
}

impl Remote {
    /// Asks the repository for its branch, and fetches what is not known of it. `root` is the catalog's, and `memory` the
    /// folder for what runs leave to later ones.
    ///
    /// # Errors
    /// A repository that does not answer or has no such branch, and what the file system refuses.
    pub fn open(place: &RemotePlace, root: &Path, memory: &Path) -> Result<Self, GitopsError> {
        let target = match is_path(&place.url) {
            true => root.join(&place.url).display().to_string(),
            false => place.url.clone(),
        };
        let cache = Cache::open(target, without_password(&place.url), &memory.join("gitops"))?;
        let (branch, head) = cache.look(place.branch.as_deref())?;
        Ok(Self { cache, branch, head: Cell::new(head), folders: RefCell::default() })
    }

    pub(super) fn place(&self) -> String {
        format!("{} (branch {})", self.cache.name, self.branch)
    }

    /// What stands where `projection` belongs, the kustomization beside it not looked at.
    pub(super) fn state(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        super::check_path(&projection.file)?;
        let leaves = projection.file.split('/').any(|part| matches!(part, "" | "." | ".."));
        if leaves {
            return Err(GitopsError::Path { why: format!("`{}` leaves the repository", projection.file) });
        }
        let git = &self.cache.git;
        let found = self.tree().and_then(|tree| tree::find(git, tree, &projection.file));
        Ok(match found.map_err(|error| self.cache.broken(&error))? {
            Found::Nothing => FileState::Missing,
            Found::Other(why) => FileState::Foreign(why),
            Found::File { id, .. } if is_text(id, &projection.text) => FileState::Current,
            Found::File { id, .. } => match tree::text(git, id) {
                // As it is where git turns line ends around.
                Ok(text) if text.replace("\r\n", "\n") == projection.text => FileState::Current,
                Ok(text) if projection.is_of_the_same_manifest(&text) => FileState::Outdated,
                Ok(_) => FileState::Foreign("it was not written by goldenpath for this ID of this catalog".to_owned()),
                Err(why) => FileState::Foreign(why),
            },
        })
    }

    /// What the kustomization beside a file says of it.
    pub(super) fn listing(&self, file: &str) -> Listing {
        let (folder, name) = split(file);
        match &*self.beside(folder) {
            None => Listing::Fine,
            Some(Err(why)) => Listing::Obstacle(why.clone()),
            Some(Ok(kustomization)) => kustomization.listing(name),
        }
    }

    /// The tree of the branch's commit.
    pub(super) fn head_tree(&self) -> Option<(&Repository, Oid)> {
        Some((&self.cache.git, self.tree().ok()?))
    }

    /// The kustomization beside the projections of a folder.
    fn beside(&self, folder: &str) -> Rc<Beside> {
        let known = self.folders.borrow().get(folder).cloned();
        known.unwrap_or_else(|| {
            let found = Rc::new(self.read_beside(folder));
            self.folders.borrow_mut().insert(folder.to_owned(), Rc::clone(&found));
            found
        })
    }

    fn read_beside(&self, folder: &str) -> Beside {
        let git = &self.cache.git;
        let tree = self.tree().ok()?;
        NAMES.iter().find_map(|name| {
            let file = format!("{folder}{name}");
            let text = match tree::find(git, tree, &file) {
                // What stands in the folder's way keeps the projection from being written, which says so.
                Ok(Found::Nothing) => return None,
                Ok(Found::Other(why)) => Err(why),
                Ok(Found::File { id, .. }) => tree::text(git, id),
                Err(error) => Err(error.message().to_owned()),
            };
            let text = text.map_err(|why| format!("`{file}` beside it cannot be read: {why}"));
            Some(text.and_then(|text| Kustomization::parse(&file, text)))
        })
    }

    fn tree(&self) -> Result<Oid, git2::Error> {
        self.cache.tree_of(self.head.get())
    }

    /// Takes another commit for the branch's.
    fn moves_to(&self, head: Option<Oid>) {
        self.head.set(head);
        self.folders.borrow_mut().clear();
    }
}

fn is_text(id: Oid, text: &str) -> bool {
    Oid::hash_object(ObjectType::Blob, text.as_bytes()).is_ok_and(|wanted| wanted == id)
}

/// Whether git takes it for a path on this machine (git-clone, "GIT URLS").
fn is_path(url: &str) -> bool {
    let is_scp_like = url.find(':').is_some_and(|colon| !url[..colon].contains('/'));
    !url.contains("://") && !is_scp_like
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_a_url() {
        for path in ["../gitops.git", "/srv/git/gitops.git", "gitops", "./a:b"] {
            assert!(is_path(path), "{path}");
        }
        for url in ["https://host/a.git", "git@host:a/b.git", "file:///srv/a", "host:a", "codecommit::us-east-1://a"] {
            assert!(!is_path(url), "{url}");
        }
    }
}
