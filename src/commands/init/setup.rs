//! A file that init creates, changes or keeps.

use std::path::{Path, PathBuf};

use goldenpath_core::config::FILE_NAME;
use goldenpath_core::files;
use goldenpath_core::vcs::{Repository, Snapshot};

use crate::failure::Failure;
use crate::output::diff::{FileDiff, diff_for_people};
use crate::output::style::TerminalStyle;

/// The largest existing file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetupChange {
    Created,
    /// Generated parts are newer; the others stay.
    Updated,
    /// With --force.
    Replaced,
    HookAdded,
    Kept,
    Unchanged,
}

impl SetupChange {
    /// Returns the words for after the change and for before it.
    fn words(self) -> [&'static str; 2] {
        match self {
            Self::Created => ["created", "create"],
            Self::Updated => ["updated", "update"],
            Self::Replaced => ["replaced", "replace"],
            Self::HookAdded => ["added the hook to", "add the hook to"],
            Self::Kept => ["kept your", "keep your"],
            Self::Unchanged => ["unchanged", "unchanged"],
        }
    }

    fn is_written(self) -> bool {
        !matches!(self, Self::Kept | Self::Unchanged)
    }
}

/// A file that init creates, changes or keeps.
#[derive(Debug)]
pub(super) struct SetupFile {
    /// From the repository's root.
    pub(super) path: String,
    change: SetupChange,
    before: Option<String>,
    text: String,
    /// None before [`SetupFile::find_target`], and for a file that is not written.
    target: Option<PathBuf>,
}

impl SetupFile {
    pub(super) fn new(
        path: &str,
        change: SetupChange,
        before: Option<String>,
        text: String,
    ) -> Self {
        Self { path: path.to_owned(), change, before, text, target: None }
    }

    pub(super) fn is_written(&self) -> bool {
        self.change.is_written()
    }

    /// Finds the place to write to, if its folders exist or can be created.
    pub(super) fn find_target(&mut self, root: &Path) -> Result<(), Failure> {
        if self.is_written() {
            self.target = Some(target(root, &self.path)?);
        }
        Ok(())
    }

    pub(super) fn write(&self) -> Result<(), Failure> {
        let Some(target) = &self.target else { return Ok(()) };
        files::write_atomic(target, self.text.as_bytes())
            .map_err(|error| Failure::io(&format!("cannot write `{}`", self.path), &error))
    }

    /// Returns the line for after the change.
    pub(super) fn done(&self) -> String {
        format!("{} {}\n", self.change.words()[0], self.path)
    }

    /// Returns what would happen: the diff of an existing file, or the settings of a new
    /// configuration.
    pub(super) fn preview(&self, terminal: TerminalStyle) -> String {
        let mut shown = format!("{} {}\n", self.change.words()[1], self.path);
        match &self.before {
            Some(before) if self.is_written() => {
                let (from, after) = (self.path.as_str(), self.text.as_str());
                let difference = FileDiff { from, to: from, before, after };
                shown.push_str(&diff_for_people(&difference, terminal));
            }
            None if self.path == FILE_NAME => {
                let settings = self.text.lines().filter(|line| {
                    let text = line.trim_start();
                    !text.is_empty() && !text.starts_with('#')
                });
                shown.extend(settings.map(|line| format!("    {line}\n")));
            }
            _ => {}
        }
        shown
    }
}

/// Returns whether a file is on disk or left out by a sparse checkout.
pub(super) fn is_there(repository: &Repository, path: &str) -> bool {
    repository.root().join(path).symlink_metadata().is_ok()
        || !matches!(repository.read(Snapshot::WorkTree, path, MAX_BYTES), Ok(None))
}

/// Returns the text of a file, also if a sparse checkout leaves it out; None without one.
pub(super) fn read(repository: &Repository, path: &str) -> Result<Option<String>, Failure> {
    let on_disk = repository.root().join(path);
    if on_disk.symlink_metadata().is_err() {
        let left_out = repository.read(Snapshot::WorkTree, path, MAX_BYTES)?;
        return Ok(match left_out {
            Some(Ok(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            // What is in the way is reported before anything is written.
            Some(Err(_)) | None => None,
        });
    }
    let help = "move it away: init does not replace a file that it cannot read";
    let bytes = files::read_regular(&on_disk, MAX_BYTES)
        .map_err(|why| Failure::usage(format!("{path}: {why}"), help))?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| Failure::usage(format!("{path}: the file is not UTF-8"), help))
}

/// Returns the place to write `path` to, if its folders exist or can be created.
fn target(root: &Path, path: &str) -> Result<PathBuf, Failure> {
    let target = files::join_below(root, path)
        .map_err(|why| Failure::usage(why, "replace the link with a folder"))?;
    let in_the_way = target.ancestors().skip(1).find(|folder| folder.symlink_metadata().is_ok());
    match in_the_way.filter(|folder| !folder.is_dir()) {
        Some(file) => {
            let file = file.strip_prefix(root).unwrap_or(file).display();
            let message = format!("cannot write `{path}`: `{file}` is a file, not a folder");
            Err(Failure::usage(message, format!("move `{file}` away")))
        }
        None => Ok(target),
    }
}
