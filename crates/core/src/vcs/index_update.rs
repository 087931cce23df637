//! Staging: files of the work tree that are written to the index.
//!
//! The `git` program writes the index, as libgit2 does not know split and sparse ones.

use std::collections::HashMap;
use std::fmt::Write;

use git2::Oid;

use super::index::{Index, IndexStatus};
use super::{Repository, SourceError};
use crate::vcs::git::LOCAL;

/// The number of paths in the arguments of one `git` program.
const MAX_PATHS: usize = 500;

impl Repository {
    /// Reports whether the index has a file at `path`, or a side of a conflict.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn is_in_index(&self, path: &str) -> Result<bool, SourceError> {
        let index = self.index()?;
        Ok(index.has(path) || index.is_unmerged(path))
    }

    /// Reports whether the index has a conflict at `path`.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn is_in_conflict(&self, path: &str) -> Result<bool, SourceError> {
        Ok(self.index()?.is_unmerged(path))
    }

    /// Returns the staged content at `path` from a new read; None if it is not a file.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn read_staged(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let index = self.read_index()?;
        let file = index.at(path).filter(|file| file.mode & 0o170_000 == 0o100_000);
        file.map(|file| self.read_blob(file.id)).transpose()
    }

    /// Reports whether the file on disk equals the staged one.
    ///
    /// Line endings that git converts do not count as a difference.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn matches_staged(&self, path: &str) -> Result<bool, SourceError> {
        let pathspec = format!(":(top,literal){path}");
        let options = ["--no-optional-locks", "status", "--porcelain", "-z", "--no-renames"];
        let arguments = [&options[..], &["--untracked-files=all", "--", &pathspec]].concat();
        let listed = self.list_files(&format!("the status of `{path}`"), &arguments)?;
        // The second letter is that of the work tree (git-status, "Short Format").
        Ok(listed.iter().all(|file| file.as_bytes().get(1) == Some(&b' ')))
    }

    /// Checks that no other process is changing the index.
    ///
    /// # Errors
    /// Another process has locked it, or was killed.
    pub fn check_index_unlocked(&self) -> Result<(), SourceError> {
        let lock = self.git_folder().join("index.lock");
        // In a hook of `git commit --all`, git has locked it for its temporary index.
        let is_temporary = self.temporary_index.is_some();
        if lock.exists() && !is_temporary { Err(SourceError::Locked { lock }) } else { Ok(()) }
    }

    /// Moves files in the index, as `git mv` does: their staged content stays.
    ///
    /// A file that is not in the index stays untracked.
    ///
    /// # Errors
    /// An index that cannot be read or written.
    pub fn move_in_index(&self, moves: &[(&str, &str)]) -> Result<(), SourceError> {
        // Read again: changes that another process has staged since must stay.
        let index = self.read_index()?;
        let staged = moves.iter().filter_map(|(from, to)| Some((*from, *to, index.at(from)?)));
        let staged: Vec<_> = staged.collect();
        let whole = self.whole_ids(staged.iter().map(|(from, ..)| *from))?;
        let mut lines = String::new();
        for (from, to, file) in staged {
            let id = whole.get(from).cloned().unwrap_or_else(|| file.id.to_string());
            remove(&mut lines, &id, from);
            add(&mut lines, file.mode, &id, to);
        }
        self.update_index(&["--index-info"], &lines)
    }

    /// Returns the IDs of staged files in git's own index, if they are longer than in snapshots.
    fn whole_ids<'a>(
        &self,
        paths: impl Iterator<Item = &'a str>,
    ) -> Result<HashMap<String, String>, SourceError> {
        let mut ids = HashMap::new();
        if !self.has_long_ids() {
            return Ok(ids);
        }
        let paths: Vec<String> = paths.map(|path| format!(":(top,literal){path}")).collect();
        for paths in paths.chunks(MAX_PATHS) {
            let options = ["ls-files", "--stage", "-z", "--full-name", "--"];
            let paths = paths.iter().map(String::as_str);
            let arguments: Vec<&str> = options.into_iter().chain(paths).collect();
            for line in self.list_files("the index", &arguments)? {
                // `<mode> <id> <stage>\t<path>` (git-ls-files, "Output").
                let unreadable = || SourceError::Git {
                    what: "the index".to_owned(),
                    message: format!("`git ls-files` printed {line:?}"),
                };
                let (entry, path) = line.split_once('\t').ok_or_else(unreadable)?;
                let id = entry.split(' ').nth(1).ok_or_else(unreadable)?;
                ids.insert(path.to_owned(), id.to_owned());
            }
        }
        Ok(ids)
    }

    /// Stages the `changed` files as they are on disk, and removes the `gone` ones.
    ///
    /// # Errors
    /// An index that cannot be read or written, or a file that cannot be read.
    pub fn stage(&self, gone: &[&str], changed: &[&str]) -> Result<(), SourceError> {
        let list =
            |paths: &[&str]| paths.iter().map(|path| format!("{path}\0")).collect::<String>();
        self.update_index(&["--add", "--stdin"], &list(changed))?;
        self.update_index(&["--force-remove", "--stdin"], &list(gone))
    }

    /// Puts files into the index by the IDs of their contents, and removes others.
    ///
    /// # Errors
    /// An index that cannot be written.
    pub fn set_staged(&self, files: &[(&str, Option<(Oid, u32)>)]) -> Result<(), SourceError> {
        let mut lines = String::new();
        for (path, content) in files {
            match content {
                Some((id, mode)) => add(&mut lines, *mode, &id.to_string(), path),
                None => remove(&mut lines, &Oid::ZERO_SHA1.to_string(), path),
            }
        }
        self.update_index(&["--index-info"], &lines)
    }

    fn update_index(&self, options: &[&str], input: &str) -> Result<(), SourceError> {
        if input.is_empty() {
            return Ok(());
        }
        let arguments = [&["update-index", "-z"], options].concat();
        let failed =
            |message: String| SourceError::Git { what: "or write the index".to_owned(), message };
        match self.index_program().run_with_input(&arguments, input.as_bytes(), LOCAL) {
            Ok(done) if done.success => Ok(()),
            Ok(done) => Err(failed(done.stderr)),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

/// Adds the line that sets a path (git-update-index, "--index-info").
fn add(lines: &mut String, mode: u32, id: &str, path: &str) {
    // Writing to a string cannot fail.
    let _ = write!(lines, "{mode:o} {id} 0\t{path}\0");
}

/// Adds the line that removes a path (git-update-index, "--index-info").
///
/// It has as many zeros as `id` has digits.
fn remove(lines: &mut String, id: &str, path: &str) {
    // Writing to a string cannot fail.
    let _ = write!(lines, "0 {} 0\t{path}\0", "0".repeat(id.len()));
}

impl Index {
    /// Reports whether the next commit has a file at `path`, or it was announced.
    fn has(&self, path: &str) -> bool {
        self.entry(path).is_some_and(|file| file.status != IndexStatus::Unmerged)
    }
}
