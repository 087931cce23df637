//! The journal: events of a run that are not recorded yet, one per line.
//!
//! Each run locks a file of its own under `.git/goldenpath/`. An unlocked file is from a run that
//! was killed. The next run records it.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use goldenpath_core::crash_point;
use goldenpath_core::trail::{AuditEvent, MAX_BYTES};

/// The folder's name under `.git/goldenpath/`.
const NAME: &str = "unrecorded";

pub(super) struct Journal {
    folder: PathBuf,
    own: RefCell<Option<(PathBuf, File)>>,
}

/// The events to record.
pub(super) struct OpenJournal {
    files: Vec<(PathBuf, File)>,
    /// In the order of writing, events of killed runs first.
    pub(super) events: Vec<AuditEvent>,
}

impl Journal {
    pub(super) fn new(data_folder: &Path) -> Self {
        Self { folder: data_folder.join(NAME), own: RefCell::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds events. Once written, they survive the end of this process.
    pub(super) fn add(&self, events: &[AuditEvent]) -> io::Result<()> {
        let mut own = self.own.borrow_mut();
        let (_, file) = match own.take() {
            Some(kept) => own.insert(kept),
            None => own.insert(self.begin()?),
        };
        let mut lines = String::new();
        for event in events {
            lines.push_str(&serde_json::to_string(event)?);
            lines.push('\n');
        }
        file.write_all(lines.as_bytes())?;
        crash_point::point("journal: noted");
        Ok(())
    }

    fn begin(&self) -> io::Result<(PathBuf, File)> {
        fs::create_dir_all(&self.folder)?;
        let (file, path) = tempfile::Builder::new()
            .prefix("run-")
            .tempfile_in(&self.folder)?
            .keep()
            .map_err(|kept| kept.error)?;
        // Without locks, another run may record the same events, which is harmless.
        let _ = file.lock();
        Ok((path, file))
    }

    /// Takes the events of this run and of killed ones.
    pub(super) fn open(&self) -> io::Result<OpenJournal> {
        let mut open = OpenJournal { files: Vec::new(), events: Vec::new() };
        let own = self.own.borrow_mut().take();
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(open),
            Err(error) => return Err(error),
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| own.as_ref().is_none_or(|(own, _)| own != path))
        {
            if let Ok(file) = OpenOptions::new().read(true).write(true).open(&path)
                && file.try_lock().is_ok()
            {
                open.take(path, file)?;
            }
        }
        if let Some((path, file)) = own {
            open.take(path, file)?;
        }
        Ok(open)
    }
}

impl OpenJournal {
    fn take(&mut self, path: PathBuf, mut file: File) -> io::Result<()> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        Read::by_ref(&mut file).take(MAX_BYTES).read_to_end(&mut bytes)?;
        // A line that a crash truncated is from before the start of its action.
        self.events.extend(
            bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()),
        );
        self.files.push((path, file));
        Ok(())
    }

    /// Deletes the files after all events are recorded.
    pub(super) fn delete(self) {
        crash_point::point("journal: recorded");
        for (path, _) in self.files {
            // The next run detects that the events of a remaining file are recorded.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use goldenpath_core::manifest::SecretId;
    use goldenpath_core::trail::Actor;

    fn event(action: &str) -> AuditEvent {
        AuditEvent {
            time: jiff::Timestamp::UNIX_EPOCH,
            id: SecretId::first(),
            action: action.to_owned(),
            environment: "dev".to_owned(),
            target: "goldenpath/a".to_owned(),
            reason: "there is no such secret".to_owned(),
            result: "done".to_owned(),
            actor: Actor::default(),
            source: "acme at commit 0123".to_owned(),
            goldenpath: "0.1.0".to_owned(),
            previous: String::new(),
        }
    }

    fn actions(open: &OpenJournal) -> Vec<&str> {
        open.events.iter().map(|event| event.action.as_str()).collect()
    }

    #[test]
    fn a_run_that_goes_on_keeps_its_events_and_one_that_ended_leaves_them_to_the_next() {
        let data_folder = tempfile::tempdir().unwrap();
        let (first, second) = (Journal::new(data_folder.path()), Journal::new(data_folder.path()));
        first.add(&[event("first")]).unwrap();
        second.add(&[event("second")]).unwrap();
        assert_eq!(actions(&second.open().unwrap()), ["second"]);
        drop(first);
        // What nothing has forgotten is there for the next run, the own last.
        let third = Journal::new(data_folder.path());
        third.add(&[event("third")]).unwrap();
        third.add(&[event("fourth")]).unwrap();
        let open = third.open().unwrap();
        let mut found = actions(&open);
        assert_eq!(found.split_off(2), ["third", "fourth"]);
        found.sort_unstable();
        assert_eq!(found, ["first", "second"]);
        open.delete();
        assert!(Journal::new(data_folder.path()).open().unwrap().events.is_empty());
    }

    #[test]
    fn a_line_that_a_crash_cut_off_hides_none_before_it() {
        let data_folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(data_folder.path());
        journal.add(&[event("whole")]).unwrap();
        let (path, mut file) = journal.own.take().unwrap();
        file.write_all(b"{\"time\":\"2026").unwrap();
        drop(file);
        assert!(path.exists());
        assert_eq!(actions(&Journal::new(data_folder.path()).open().unwrap()), ["whole"]);
    }
}
