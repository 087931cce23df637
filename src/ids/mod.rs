//! The next audit ID: one above the highest that the work tree, the index or any ref has ever held.

use std::path::Path;

use rayon::prelude::*;

use crate::catalog::{Catalog, Project};
use crate::manifest::{self, MAX_BYTES, SecretId};
use crate::source::{Repository, SourceError};

/// The lowest ID above every one in use, in the work tree's `catalog`, the index, and all local and remote-tracking refs,
/// and above every one that their history has held. A file counts by its name and by the ID that it claims, whichever is
/// higher, however broken it is otherwise; one that is long gone counts by its name.
///
/// # Errors
/// A repository that cannot be read.
pub fn next(repository: &Repository, project: &Project, catalog: &Catalog) -> Result<SecretId, SourceError> {
    let mut highest = catalog
        .entries
        .iter()
        .flat_map(|entry| [id_of_file_name(&entry.path), entry.claimed_id().and_then(|id| SecretId::parse(id).ok())])
        .max()
        .flatten();
    let mut contents: Vec<Vec<u8>> = Vec::new();
    repository.visit_all_refs(&project.config.catalog, MAX_BYTES, |name, bytes| {
        highest = highest.max(id_of_file_name(name));
        contents.push(bytes.to_vec());
    })?;
    repository.visit_past(&project.config.catalog, |name| highest = highest.max(id_of_file_name(name)))?;
    let claimed = contents.par_iter().filter_map(|bytes| claimed_id(bytes)).max();
    Ok(highest.max(claimed).map_or_else(SecretId::first, SecretId::next))
}

fn id_of_file_name(path: &str) -> Option<SecretId> {
    SecretId::parse(Path::new(path).file_stem()?.to_str()?).ok()
}

fn claimed_id(bytes: &[u8]) -> Option<SecretId> {
    let root = manifest::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    SecretId::parse(root.string_at("/metadata/id")?).ok()
}
