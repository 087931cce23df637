//! Writes fixed manifests to disk and to the index.
//!
//! All files are checked first, so that nothing is written if one of them cannot be. Each file is
//! replaced atomically.

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

/// The number of files written concurrently.
const WRITERS: usize = 32;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Why fixes cannot be written.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum WriteError {
    #[error(
        "cannot fix `{path}`: it has unstaged changes, which the fix would mix with the staged \
         ones. Nothing was written"
    )]
    #[diagnostic(
        code(goldenpath::fix::mixed),
        help(
            "stage the rest too (`git add {path}`), or stash it (`git stash push --keep-index`, \
             and `git stash pop` after the commit)"
        )
    )]
    Mixed { path: String },

    #[error("cannot fix `{path}`: it changed after the check. Nothing was written")]
    #[diagnostic(code(goldenpath::fix::changed), help("run the command again"))]
    Changed { path: String },

    #[error("cannot fix `{path}`: {why}. Nothing was written")]
    #[diagnostic(code(goldenpath::fix::refused), help("{help}"))]
    Refused { path: String, why: String, help: String },

    #[error("cannot write `{path}`: {error}")]
    #[diagnostic(
        code(goldenpath::fix::write),
        help(
            "check the permissions of its folder and the free space, and run the command again; \
             files written earlier are complete"
        )
    )]
    Write { path: String, error: io::Error },

    #[error("fixed the files, but cannot update the index: {0}")]
    #[diagnostic(
        code(goldenpath::fix::index),
        help("`git add` the files when no other git process is running")
    )]
    Index(SourceError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
}

/// A file that is ready to be written.
struct PreparedRewrite<'a> {
    from: &'a str,
    to: &'a str,
    old: PathBuf,
    new: PathBuf,
    /// None if the file only moves.
    bytes: Option<Vec<u8>>,
}

/// Writes the changed files of `catalog`.
///
/// The catalog was read from the work tree or from the index. Files from the index are staged,
/// and must not have unstaged changes.
///
/// # Errors
/// A file cannot be written; the message says whether others were.
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
    if is_staged || ready.iter().any(|file| file.from != file.to) {
        // The files on disk must not change for an index that cannot.
        repository.check_index_unlocked()?;
    }
    // Writing waits for the disk, which serves many requests concurrently.
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
        (false, false) => repository.move_in_index(&moves),
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
            files::join_below(repository.root(), path)
                .map_err(|why| refused(why, "replace the link with a folder"))
        };
        let (old, new) = (place(from)?, place(to)?);
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
        let on_disk = match files::read_below(repository.root(), from, MAX_BYTES) {
            Some(Ok(bytes)) => text_of(bytes),
            _ => None,
        };
        let changed = || {
            let path = from.to_owned();
            if is_staged { WriteError::Mixed { path } } else { WriteError::Changed { path } }
        };
        if on_disk.is_none() && !repository.left_out(from)?.is_empty() {
            let folder = from.rsplit_once('/').map_or(from, |(folder, _)| folder);
            return Err(refused(
                "the sparse checkout leaves it out".to_owned(),
                &format!("git sparse-checkout add {folder}"),
            ));
        }
        let on_disk = on_disk.ok_or_else(changed)?;
        let (mark, text) = match on_disk.strip_prefix(BYTE_ORDER_MARK) {
            Some(text) => (BYTE_ORDER_MARK, text),
            None => ("", on_disk.as_str()),
        };
        // With core.autocrlf, the file on disk differs from the index only in line endings.
        let is_crlf = is_staged && text != before && text == with_crlf(before);
        let is_current = is_crlf || text == before;
        if !is_current
            || (is_staged
                && !(repository.matches_staged(from)? && matches_index(repository, from, before)?))
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
            let after = if is_crlf { with_crlf(after) } else { after.clone() };
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
            files::write_atomic(&self.old, bytes).map_err(failed(self.from))?;
        }
        if self.old != self.new {
            files::rename_new(&self.old, &self.new).map_err(failed(self.to))?;
        }
        Ok(())
    }
}

fn with_crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// Returns whether the index still has the text that was read from it.
fn matches_index(repository: &Repository, path: &str, text: &str) -> Result<bool, SourceError> {
    let staged = repository.read_staged(path)?.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(staged.is_some_and(|staged| staged.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&staged) == text))
}
