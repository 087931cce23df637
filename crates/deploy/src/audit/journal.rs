//! The journal: the actions of a run whose results are not recorded yet, one per line.
//!
//! Each run locks a file of its own under `.git/goldenpath/`. An unlocked file is from a run that
//! was killed. The next run in the same clone records its results.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use goldenpath_core::crash_point;
use goldenpath_core::trail::{AuditRecord, RecordedEvent};

/// The folder's name under `.git/goldenpath/`.
const NAME: &str = "runs";

/// The size limit of a journal, in bytes.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;

pub(super) struct Journal {
    folder: PathBuf,
    own: RefCell<Option<(PathBuf, File)>>,
}

/// The journal of a run that was killed.
pub(super) struct KilledRun {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
    /// The record of the run's results, without events.
    pub(super) header: AuditRecord,
    /// In the order of writing.
    pub(super) events: Vec<RecordedEvent>,
}

impl Journal {
    pub(super) fn new(data_folder: &Path) -> Self {
        Self { folder: data_folder.join(NAME), own: RefCell::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds events. Once written, they survive the end of this process.
    pub(super) fn add(&self, header: &AuditRecord, events: &[RecordedEvent]) -> io::Result<()> {
        let mut own = self.own.borrow_mut();
        let mut lines = String::new();
        let (_, file) = match own.take() {
            Some(kept) => own.insert(kept),
            None => {
                lines = format!("{}\n", serde_json::to_string(header)?);
                own.insert(self.begin()?)
            }
        };
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
        let (file, new) = tempfile::Builder::new()
            .prefix("new-")
            .tempfile_in(&self.folder)?
            .keep()
            .map_err(|kept| kept.error)?;
        // Without locks, another run may record the same events, which is harmless.
        let _ = file.lock();
        let name = new.file_name().map(|name| name.to_string_lossy().replace("new-", RUN));
        let path = self.folder.join(name.unwrap_or_default());
        // Another run looks only at locked files.
        fs::rename(new, &path)?;
        Ok((path, file))
    }

    /// Returns the journals of runs that were killed.
    pub(super) fn killed(&self) -> io::Result<Vec<KilledRun>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let own = self.own.borrow().as_ref().map(|(path, _)| path.clone());
        let mut paths = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<PathBuf>>>()?;
        paths.sort();
        let mut killed = Vec::new();
        let is_run = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(RUN))
        };
        for path in paths.into_iter().filter(|path| is_run(path) && Some(path) != own.as_ref()) {
            if let Ok(file) = OpenOptions::new().read(true).write(true).open(&path)
                && file.try_lock().is_ok()
            {
                match read(&file) {
                    Ok(Some((header, events))) => {
                        killed.push(KilledRun { path, _file: file, header, events });
                    }
                    // It was killed before its first action.
                    Ok(None) => fs::remove_file(&path)?,
                    Err(error) => {
                        let why = format!("`{}`: {error}", path.display());
                        return Err(io::Error::new(error.kind(), why));
                    }
                }
            }
        }
        Ok(killed)
    }

    /// Deletes the run's own journal after all events are recorded.
    pub(super) fn delete(&self) {
        if let Some((path, _)) = self.own.borrow_mut().take() {
            crash_point::point("journal: recorded");
            // The next run detects that the events of a remaining file are recorded.
            let _ = fs::remove_file(path);
        }
    }
}

impl KilledRun {
    /// Deletes the file after all events are recorded.
    pub(super) fn delete(self) {
        let _ = fs::remove_file(self.path);
    }
}

/// The prefix of a journal's name.
const RUN: &str = "run-";

/// Returns the header and the events of a journal; None if the header is not complete.
fn read(mut file: &File) -> io::Result<Option<(AuditRecord, Vec<RecordedEvent>)>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    // A line that a crash truncated is from before the start of its action.
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Ok(None) };
    let unknown = |_| io::Error::new(io::ErrorKind::InvalidData, "another version wrote it");
    let mut lines = bytes[..end].split(|byte| *byte == b'\n');
    let header = serde_json::from_slice(lines.next().unwrap_or_default()).map_err(unknown)?;
    let events = lines.map(|line| serde_json::from_slice(line).map_err(unknown));
    Ok(Some((header, events.collect::<io::Result<_>>()?)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use goldenpath_core::manifest::SecretId;
    use goldenpath_core::trail::{Actor, RecordKind};

    fn header() -> AuditRecord {
        AuditRecord::new(RecordKind::Outcome, "run".to_owned(), Actor::default(), String::new())
    }

    fn event(action: &str) -> RecordedEvent {
        RecordedEvent {
            time: None,
            id: SecretId::first(),
            action: action.to_owned(),
            environment: "dev".to_owned(),
            target: "goldenpath/a".to_owned(),
            reason: "there is no such secret".to_owned(),
            result: "done".to_owned(),
            aws: None,
            secret: None,
            recovery_days: None,
        }
    }

    fn actions(runs: &[KilledRun]) -> Vec<&str> {
        let mut actions: Vec<&str> = runs
            .iter()
            .flat_map(|run| run.events.iter().map(|event| event.action.as_str()))
            .collect();
        actions.sort_unstable();
        actions
    }

    #[test]
    fn a_run_that_goes_on_keeps_its_events_and_one_that_ended_leaves_them_to_the_next() {
        let data_folder = tempfile::tempdir().unwrap();
        let (first, second) = (Journal::new(data_folder.path()), Journal::new(data_folder.path()));
        first.add(&header(), &[event("first")]).unwrap();
        second.add(&header(), &[event("second")]).unwrap();
        assert_eq!(actions(&second.killed().unwrap()), [""; 0]);
        drop(first);
        let third = Journal::new(data_folder.path());
        third.add(&header(), &[event("third")]).unwrap();
        let killed = third.killed().unwrap();
        assert_eq!(actions(&killed), ["first"]);
        assert_eq!(killed[0].header.run, "run");
        for run in killed {
            run.delete();
        }
        third.delete();
        second.delete();
        assert!(Journal::new(data_folder.path()).killed().unwrap().is_empty());
        assert_eq!(fs::read_dir(data_folder.path().join(NAME)).unwrap().count(), 0);
    }

    #[test]
    fn a_line_that_a_crash_cut_off_hides_none_before_it() {
        let data_folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(data_folder.path());
        journal.add(&header(), &[event("whole")]).unwrap();
        let (_, mut file) = journal.own.take().unwrap();
        file.write_all(b"{\"time\":\"2026").unwrap();
        drop(file);
        assert_eq!(actions(&Journal::new(data_folder.path()).killed().unwrap()), ["whole"]);
    }
}
