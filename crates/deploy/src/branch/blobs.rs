//! Storing texts as blobs in a repository's object store.

use std::collections::BTreeSet;
use std::fs;

use git2::{Error, ObjectType, Odb, OdbLookupFlags, Oid, Repository};

use super::PrivateDir;

/// The number of new blobs from which they are written as one pack.
///
/// Git does the same when it fetches (git-config, `transfer.unpackLimit`): a thousand small files
/// take longer to write than one.
const PACK_LIMIT: usize = 100;

/// Stores these texts, and returns the IDs of their blobs in the same order.
///
/// # Errors
/// If git or the file system reports an error.
pub fn store(git: &Repository, texts: &[&str]) -> Result<Vec<Oid>, Error> {
    let id = |text: &&str| Oid::hash_object(ObjectType::Blob, text.as_bytes());
    let ids = texts.iter().map(id).collect::<Result<Vec<_>, _>>()?;
    let odb = git.odb()?;
    odb.refresh()?;
    let is_new = |id: Oid| !odb.exists_ext(id, OdbLookupFlags::NO_REFRESH);
    let new: Vec<&str> =
        texts.iter().zip(&ids).filter(|(_, id)| is_new(**id)).map(|(text, _)| *text).collect();
    let packed =
        if new.len() >= PACK_LIMIT { pack(git, &new).unwrap_or_default() } else { BTreeSet::new() };
    for (text, _) in texts.iter().zip(&ids).filter(|(_, id)| !packed.contains(id)) {
        // This also updates the time of an existing blob, so that no `git gc` deletes it.
        git.blob(text.as_bytes())?;
    }
    odb.refresh()?;
    Ok(ids)
}

/// Writes these texts as one pack, and returns the IDs of their blobs.
fn pack(git: &Repository, texts: &[&str]) -> Result<BTreeSet<Oid>, Error> {
    let failed = |error: std::io::Error| Error::from_str(&error.to_string());
    let memory = Odb::new()?;
    memory.add_new_mempack_backend(1)?;
    let write = |text: &&str| memory.write(ObjectType::Blob, text.as_bytes());
    let ids = texts.iter().map(write).collect::<Result<BTreeSet<_>, _>>()?;
    let memory = Repository::from_odb(memory)?;
    let mut builder = memory.packbuilder()?;
    builder.set_threads(0); // as many as there are processors
    for id in &ids {
        builder.insert_object(*id, None)?;
    }
    // A killed run leaves nothing in git's own folders, where nothing would clean it up.
    let private = PrivateDir::new(git).map_err(failed)?;
    builder.write(private.path(), 0)?;
    let name = builder.name()?.unwrap_or_default().to_owned();
    let packs = git.commondir().join("objects").join("pack");
    // Git finds a pack by its index, so the index is moved last.
    for file in [format!("pack-{name}.pack"), format!("pack-{name}.idx")] {
        fs::rename(private.path().join(&file), packs.join(&file)).map_err(failed)?;
    }
    Ok(ids)
}
