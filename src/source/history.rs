//! What the branches hold, whether checked out or not.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use git2::Oid;

use super::manifest_files::is_yaml;
use super::{Repository, Snapshot, SourceError};

impl Repository {
    /// Calls `visit` with the name and the bytes of every YAML file below `under` that the index or any ref holds:
    /// branches, remote-tracking branches, tags and whatever else points to a commit. Each version of a file comes
    /// once, however many refs hold it; one larger than `limit` comes without bytes.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn visit_all_refs(
        &self,
        under: &str,
        limit: u64,
        mut visit: impl FnMut(&str, &[u8]),
    ) -> Result<(), SourceError> {
        let objects = self.git.odb().map_err(SourceError::git("the object database"))?;
        let mut trees: HashSet<Oid> = HashSet::new();
        // By name too: the same bytes may lie under two IDs.
        let mut blobs: HashSet<(Oid, String)> = HashSet::new();
        let mut take = |path: &str, id: Oid| {
            let name = path.rsplit('/').next().unwrap_or_default();
            if !blobs.insert((id, name.to_owned())) {
                return;
            }
            let small = objects.read_header(id).is_ok_and(|(size, _)| size as u64 <= limit);
            match small.then(|| objects.read(id)) {
                Some(Ok(object)) => visit(name, object.data()),
                // A shallow or partial clone lacks objects; the file's name still counts.
                _ => visit(name, &[]),
            }
        };

        for held in self.index()?.below(under).filter(|held| is_yaml(Path::new(held.path.as_ref()))) {
            take(&held.path, held.id);
        }

        let references = self.git.references().map_err(SourceError::git("the refs"))?;
        for reference in references.flatten().chain(self.git.head().ok()) {
            // A ref that points to no commit (a blob, a broken ref) holds no catalog.
            let Ok(tree) = reference.peel_to_tree() else { continue };
            let Ok(entry) = tree.get_path(Path::new(under)) else { continue };
            if let Ok(catalog) = self.git.find_tree(entry.id()) {
                self.each_yaml(&catalog, under, &mut |tree| trees.insert(tree), &mut |path, id, _| take(&path, id));
            }
        }
        Ok(())
    }

    /// Which of the file `names` the history of `from` has held anywhere below the folder `under`, each with the ID of
    /// the youngest commit that did. Without names nothing is walked.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn held_in_history(
        &self,
        from: Snapshot,
        under: &str,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, SourceError> {
        let mut held = BTreeMap::new();
        if let (Snapshot::Commit(from), false) = (from, names.is_empty()) {
            self.walk_history(&[from], under, |name, commit| {
                if names.contains(name) && !held.contains_key(name) {
                    held.insert(name.to_owned(), commit.to_string());
                }
            })?;
        }
        Ok(held)
    }

    /// Calls `visit` with the name of every YAML file that any commit behind any ref has held below `under`, in files
    /// that are long gone, too.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn visit_past(&self, under: &str, mut visit: impl FnMut(&str)) -> Result<(), SourceError> {
        let references = self.git.references().map_err(SourceError::git("the refs"))?;
        let tips =
            references.flatten().chain(self.git.head().ok()).filter_map(|reference| reference.peel_to_commit().ok());
        let tips: Vec<Oid> = tips.map(|commit| commit.id()).collect();
        self.walk_history(&tips, under, |name, _| visit(name))
    }

    /// Calls `visit` with names of files and the commit that holds them, the youngest first. A file comes as often as
    /// its folder changed.
    fn walk_history(&self, tips: &[Oid], under: &str, mut visit: impl FnMut(&str, Oid)) -> Result<(), SourceError> {
        let failed = || SourceError::git("the history");
        let mut walk = self.git.revwalk().map_err(failed())?;
        for tip in tips {
            walk.push(*tip).map_err(failed())?;
        }
        let mut trees: HashSet<Oid> = HashSet::new();
        for commit in walk {
            // A shallow clone ends somewhere; what it lacks cannot be asked.
            let Ok(commit) = commit.and_then(|id| self.git.find_commit(id)) else { break };
            let Ok(entry) = commit.tree().and_then(|tree| tree.get_path(Path::new(under))) else { continue };
            let Ok(catalog) = self.git.find_tree(entry.id()) else { continue };
            // A tree that was seen holds nothing new, and most trees of most commits were.
            self.each_yaml(&catalog, under, &mut |tree| trees.insert(tree), &mut |path, _, _| {
                visit(path.rsplit('/').next().unwrap_or_default(), commit.id());
            });
        }
        Ok(())
    }
}
