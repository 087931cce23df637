//! Projections without a manifest. They are reported and never removed.

use git2::{Oid, Repository};

use crate::branch;
use crate::branch::VisitedItem;
use goldenpath_core::manifest::SecretId;
use goldenpath_core::projection;

/// A file that goldenpath wrote for a catalog's manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaleProjection {
    /// The ID of the manifest for which the file was written.
    pub id: SecretId,
    /// Relative to the GitOps repository's root.
    pub file: String,
}

/// Returns the files of this catalog in a tree that are not `is_wanted`.
pub(super) fn find_stale(
    git: &Repository,
    tree: Oid,
    catalog_id: &str,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Vec<StaleProjection> {
    let mut found = Vec::new();
    let is_unwanted =
        |file: &str| (file.ends_with(".yaml") || file.ends_with(".yml")) && !is_wanted(file);
    branch::visit(git, tree, &is_unwanted, &mut |file, item| {
        // A file without a readable first line is not known to be ours.
        let VisitedItem::File(bytes) = item else { return };
        let owner =
            std::str::from_utf8(bytes).ok().and_then(|text| projection::owner(text, catalog_id));
        found.extend(owner.map(|id| StaleProjection { id, file: file.to_owned() }));
    });
    found
}
