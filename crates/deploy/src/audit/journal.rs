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
    pub(super) fn new(memory: &Path) -> Self {
        Self { folder: memory.join(NAME), own: RefCell::default() }
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
