//! The files of the audit trail in history. They only ever grow, so what a commit does to one is looked at.

use std::collections::BTreeMap;
use std::path::Path;

use git2::{Commit, Oid, Sort, Tree};

use super::{Repository, Snapshot, SourceError};
use crate::files;

/// The folder, which has no others below it.
const FOLDER: &str = "audit";

/// What a commit did to a file of the trail that was there.
pub struct TrailChange<'a> {
    pub commit: Oid,
    pub file: &'a str,
    /// The text in one of its parents.
    pub before: &'a str,
    /// None where it is gone.
    pub after: Option<&'a str>,
}

impl Repository {
    /// The text of a trail: of a commit what it holds, and otherwise what is on disk.
    #[must_use]
    pub fn trail(&self, snapshot: Snapshot, file: &str, limit: u64) -> Option<String> {
        let Snapshot::Commit(_) = snapshot else {
            let bytes = files::read_below(self.root(), file, limit)?.ok()?;
            return Some(String::from_utf8_lossy(&bytes).into_owned());
        };
        let entry = self.tree(snapshot).ok()?.get_path(Path::new(file)).ok()?;
        self.text(entry.id())
    }

    /// The texts of all trails in the commit at HEAD, by their paths; none before the first commit.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn trails_at_head(&self) -> Result<BTreeMap<String, String>, SourceError> {
        let Ok(head) = self.git.head().and_then(|head| head.peel_to_commit()) else { return Ok(BTreeMap::new()) };
        Ok(self.folder_of(&head).map(|folder| self.texts(&folder)).unwrap_or_default())
    }

    /// Calls `visit` with each change of a file of the trail by a commit up to HEAD, against all its parents, since a merge may
    /// drop what one of them has.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn visit_trail_changes(&self, visit: &mut dyn FnMut(TrailChange<'_>)) -> Result<(), SourceError> {
        let Ok(head) = self.git.head().and_then(|head| head.peel_to_commit()) else { return Ok(()) };
        let mut walk = self.git.revwalk().map_err(SourceError::git("the history"))?;
        walk.set_sorting(Sort::TOPOLOGICAL)
            .and_then(|()| walk.push(head.id()))
            .map_err(SourceError::git("the history"))?;
        for id in walk.flatten() {
            let Ok(commit) = self.git.find_commit(id) else { continue };
            let after = self.folder_of(&commit);
            // What lies beyond the end of a shallow clone is not there.
            for parent in commit.parent_ids().filter_map(|parent| self.git.find_commit(parent).ok()) {
                let Some(before) = self.folder_of(&parent) else { continue };
                if after.as_ref().map(Tree::id) == Some(before.id()) {
                    continue;
                }
                for entry in &before {
                    let Ok(name) = entry.name() else { continue };
                    let now = after.as_ref().and_then(|after| after.get_name(name)).map(|now| now.id());
                    if now == Some(entry.id()) {
                        continue;
                    }
                    let Some(old) = self.text(entry.id()) else { continue };
                    let new = now.and_then(|now| self.text(now));
                    let file = format!("{FOLDER}/{name}");
                    visit(TrailChange { commit: id, file: &file, before: &old, after: new.as_deref() });
                }
            }
        }
        Ok(())
    }

    fn folder_of(&self, commit: &Commit<'_>) -> Option<Tree<'_>> {
        let entry = commit.tree().ok()?.get_path(Path::new(FOLDER)).ok()?;
        self.git.find_tree(entry.id()).ok()
    }

    fn texts(&self, folder: &Tree<'_>) -> BTreeMap<String, String> {
        let text =
            |entry: git2::TreeEntry<'_>| Some((format!("{FOLDER}/{}", entry.name().ok()?), self.text(entry.id())?));
        folder.iter().filter_map(text).collect()
    }

    fn text(&self, blob: Oid) -> Option<String> {
        let blob = self.git.find_blob(blob).ok()?;
        Some(String::from_utf8_lossy(blob.content()).into_owned())
    }
}
