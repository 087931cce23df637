//! Projections that no manifest asks for any more. They are shown and never removed: only intent removes.

use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

use crate::branch;
use crate::manifest::SecretId;
use crate::projection;

/// A file that goldenpath wrote for a catalog's manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stale {
    pub id: SecretId,
    /// From the GitOps repository's root.
    pub file: String,
}

/// The files of this catalog in a tree that `is_wanted` does not know. What cannot be read is nobody's.
pub(super) fn all(git: &Repository, tree: Oid, catalog_id: &str, is_wanted: &dyn Fn(&str) -> bool) -> Vec<Stale> {
    let mut found = Vec::new();
    let Ok(tree) = git.find_tree(tree) else { return found };
    // A walk that ends early has met what cannot be read; what it found until then counts.
    let _ = tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let name = entry.name().unwrap_or_default();
        let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        if is_yaml && entry.kind() == Some(ObjectType::Blob) {
            let file = format!("{folder}{name}");
            if !is_wanted(&file)
                && let Ok(text) = branch::text(git, entry.id())
                && let Some(id) = projection::owner(&text, catalog_id)
            {
                found.push(Stale { id, file });
            }
        }
        TreeWalkResult::Ok
    });
    found
}
