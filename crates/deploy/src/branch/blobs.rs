//! Texts in a repository's object store.

use std::collections::BTreeSet;
use std::fs;

use git2::{Error, ObjectType, Odb, OdbLookupFlags, Oid, Repository};

use super::Aside;

/// From so many new ones on, they go into one pack, as git does with what it fetches (git-config, `transfer.unpackLimit`): a
/// thousand small files cost the disk more than one.
const MANY: usize = 100;

/// Has these texts in the object store, and gives the IDs of their blobs, in their order.
///
/// # Errors
/// What git or the file system refuses.
pub fn store(git: &Repository, texts: &[&str]) -> Result<Vec<Oid>, Error> {
    let id = |text: &&str| Oid::hash_object(ObjectType::Blob, text.as_bytes());
    let ids = texts.iter().map(id).collect::<Result<Vec<_>, _>>()?;
    let odb = git.odb()?;
    odb.refresh()?;
    let is_new = |id: Oid| !odb.exists_ext(id, OdbLookupFlags::NO_REFRESH);
    let new: Vec<&str> =
        texts.iter().zip(&ids).filter(|(_, id)| is_new(**id)).map(|(text, _)| *text).collect();
    let packed = match new.len() >= MANY {
        true => pack(git, &new).unwrap_or_default(),
        false => BTreeSet::new(),
    };
    for (text, _) in texts.iter().zip(&ids).filter(|(_, id)| !packed.contains(id)) {
        // One that is there already is made young again by this, so that no `git gc` takes it away meanwhile.
        git.blob(text.as_bytes())?;
    }
    odb.refresh()?;
    Ok(ids)
}

/// Writes a pack of these texts.
fn pack(git: &Repository, texts: &[&str]) -> Result<BTreeSet<Oid>, Error> {
    let refused = |error: std::io::Error| Error::from_str(&error.to_string());
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
    // A kill leaves nothing where only `git gc` would look, and not for this.
    let aside = Aside::new(git).map_err(refused)?;
    builder.write(aside.path(), 0)?;
    let name = builder.name()?.unwrap_or_default().to_owned();
    let packs = git.commondir().join("objects").join("pack");
    // Git finds a pack by its index, which therefore comes last.
    for file in [format!("pack-{name}.pack"), format!("pack-{name}.idx")] {
        fs::rename(aside.path().join(&file), packs.join(&file)).map_err(refused)?;
    }
    Ok(ids)
}
