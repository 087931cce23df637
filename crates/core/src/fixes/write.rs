//! What was mended, onto disk and into the index. First all of it is checked, so that nothing is written where something
//! cannot be; then each file is written whole or not at all.

use std::fs;
use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::Rewrite;
use crate::catalog::Catalog;
use crate::files;
use crate::manifest::MAX_BYTES;
use crate::vcs::{Repository, Snapshot, SourceError};

/// How many files are written at once.
const WRITERS: usize = 32;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Why fixes cannot be written.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum WriteError {
    #[error(
        "`{path}` has changes that are not staged: fixing it would mix them with what is. Nothing was written"
    )]
    #[diagnostic(
        code(goldenpath::fix::mixed),
        help(
            "stage the rest too (`git add {path}`), or put it away first (`git stash push --keep-index`, and \
             `git stash pop` after the commit)"
        )
    )]
    Mixed { path: String },

    #[error("`{path}` has changed since it was checked. Nothing was written")]
    #[diagnostic(code(goldenpath::fix::changed), help("run it again"))]
    Changed { path: String },

    #[error("`{path}` cannot be fixed: {why}. Nothing was written")]
    #[diagnostic(code(goldenpath::fix::refused), help("{help}"))]
    Refused { path: String, why: String, help: String },

    #[error("`{path}` cannot be written: {error}")]
    #[diagnostic(
        code(goldenpath::fix::write),
        help(
            "check the permissions of its folder and the free space, and run it again; what was written before it is \
             whole"
        )
    )]
    Write { path: String, error: io::Error },

    #[error("the files are fixed, but the index does not know: {0}")]
    #[diagnostic(
        code(goldenpath::fix::index),
        help("see that no other git is at work, and `git add` them")
    )]
    Index(SourceError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
}

/// One file as it is to be.
struct PreparedRewrite<'a> {
    from: &'a str,
    to: &'a str,
    old: PathBuf,
    new: PathBuf,
    /// None where only its place changes.
    bytes: Option<Vec<u8>>,
}

/// Writes the files as `catalog` has them now, which has been read from the work tree or from the index. Those from the
/// index are staged, and must not have changes beside what is.
///
/// # Errors
/// [`WriteError`], which says whether anything was written.
pub fn write(
    repository: &Repository,
    catalog: &Catalog,
    rewrites: &[Rewrite],
) -> Result<(), WriteError> {
    let is_staged = catalog.snapshot == Snapshot::Index;
    let ready: Vec<PreparedRewrite<'_>> = rewrites
        .iter()
        .map(|rewrite| PreparedRewrite::check(repository, catalog, rewrite, is_staged))
        .collect::<Result<_, _>>()?;
    // Each waits for the disk, and the disk serves many at once.
    match ThreadPoolBuilder::new().num_threads(WRITERS.min(ready.len())).build() {
        Ok(threads) => threads.install(|| ready.par_iter().try_for_each(PreparedRewrite::write))?,
        Err(_) => ready.iter().try_for_each(PreparedRewrite::write)?,
    }
    let moves: Vec<(&str, &str)> =
        ready.iter().filter(|file| file.from != file.to).map(|file| (file.from, file.to)).collect();
    let index = match (is_staged, moves.is_empty()) {
        (true, _) => {
            let gone: Vec<&str> = moves.iter().map(|(from, _)| *from).collect();
            let changed: Vec<&str> = ready.iter().map(|file| file.to).collect();
            repository.stage(&gone, &changed)
        }
        (false, false) => repository.follow_in_index(&moves),
        (false, true) => Ok(()),
    };
    index.map_err(WriteError::Index)
}

impl<'a> PreparedRewrite<'a> {
    fn check(
        repository: &Repository,
        catalog: &Catalog,
        rewrite: &'a Rewrite,
        is_staged: bool,
    ) -> Result<Self, WriteError> {
        let (from, to, before) =
            (rewrite.before.path.as_str(), rewrite.path.as_str(), &rewrite.before.text);
        let refused = |why: String, help: &str| WriteError::Refused {
            path: from.to_owned(),
            why,
            help: help.to_owned(),
        };
        let place = |path| {
            files::confine(repository.root(), path)
                .map_err(|why| refused(why, "replace the link by a folder"))
        };
        let (old, new) = (place(from)?, place(to)?);
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
        let on_disk = match files::read_below(repository.root(), from, MAX_BYTES) {
            Some(Ok(bytes)) => text_of(bytes),
            _ => None,
        };
        let changed = || match is_staged {
            true => WriteError::Mixed { path: from.to_owned() },
            false => WriteError::Changed { path: from.to_owned() },
        };
        let on_disk = on_disk.ok_or_else(changed)?;
        let (mark, text) = match on_disk.strip_prefix(BYTE_ORDER_MARK) {
            Some(text) => (BYTE_ORDER_MARK, text),
            None => ("", on_disk.as_str()),
        };
        // Where git turns line ends around (core.autocrlf), the disk has what the index has but for those.
        let is_turned = is_staged && text != before && text == turned(before);
        let is_current = is_turned || text == before;
        if !is_current
            || (is_staged
                && !(repository.is_as_staged(from)?
                    && is_what_is_staged(repository, from, before)?))
        {
            return Err(changed());
        }
        if fs::symlink_metadata(&old).is_ok_and(|found| found.permissions().readonly()) {
            return Err(refused(
                "it is read-only".to_owned(),
                &format!("make it writable: chmod u+w {from}"),
            ));
        }
        let after = catalog.at(to).map_or(before, |entry| &entry.text);
        let bytes = (after != before).then(|| {
            let after = if is_turned { turned(after) } else { after.clone() };
            format!("{mark}{after}").into_bytes()
        });
        Ok(Self { from, to, old, new, bytes })
    }

    fn write(&self) -> Result<(), WriteError> {
        let failed = |path: &str| {
            let path = path.to_owned();
            move |error| WriteError::Write { path, error }
        };
        if let Some(bytes) = &self.bytes {
            files::write_whole(&self.old, bytes).map_err(failed(self.from))?;
        }
        if self.old != self.new {
            files::rename_new(&self.old, &self.new).map_err(failed(self.to))?;
        }
        Ok(())
    }
}

fn turned(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// Whether the index still has what was read from it.
fn is_what_is_staged(repository: &Repository, path: &str, text: &str) -> Result<bool, SourceError> {
    let staged = repository.staged_now(path)?.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(staged.is_some_and(|staged| staged.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&staged) == text))
}
