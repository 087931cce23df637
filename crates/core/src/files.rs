//! Whole files: written entirely or not at all, read up to a limit.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use tempfile::{NamedTempFile, TempPath};

use crate::crash_point;

/// How the names of temporary files begin.
pub const TEMPORARY: &str = ".goldenpath-";

/// How many files are written at once: more of them wait for each other at the disk.
const WRITERS: usize = 4;

/// How long another process may hold a lock before somebody is told that it is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// How long it may hold one at all: many runs that wait for a slow network, one after the other.
pub const LOCK_LIMIT: Duration = Duration::from_secs(300);

/// Replaces the file at `path` with `bytes`, creating its folders.
///
/// The bytes go to a temporary file beside it, are flushed to disk and renamed into place, so that a reader or
/// a crash sees the old file or the new one and nothing between. Permissions of a file that was there are kept.
///
/// # Errors
/// Whatever the file system refuses; the temporary file is gone by then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_one_of_many(path, bytes)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// As [`write_whole`] for one file of many: that it has its name now is safe on disk after [`sync_folder`].
///
/// # Errors
/// Whatever the file system refuses; the temporary file is gone by then.
pub fn write_one_of_many(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    staged(folder, path, bytes)?.persist(path).map_err(|error| error.error)?;
    crash_point::point("file: renamed");
    Ok(())
}

/// A whole file, safe on disk, that has its name still to come. Without one it goes when this does.
#[derive(Debug)]
pub struct Staged(TempPath);

/// Writes what is to be the file at `path` into `folder`, which is on the same file system.
///
/// # Errors
/// Whatever the file system refuses; the temporary file is gone by then.
pub fn stage(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<Staged> {
    Ok(Staged(staged(folder, path, bytes)?.into_temp_path()))
}

impl Staged {
    /// Gives it its name, as [`write_one_of_many`] does.
    ///
    /// # Errors
    /// Whatever the file system refuses; the temporary file is gone by then.
    pub fn name(self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        self.0.persist(path).map_err(|error| error.error)?;
        crash_point::point("file: renamed");
        Ok(())
    }
}

/// As [`write_whole`], but an existing file is an error of kind [`io::ErrorKind::AlreadyExists`]. Where the platform can,
/// the bytes have no name until they are all there, so that not even a kill leaves anything behind.
///
/// # Errors
/// Whatever the file system refuses.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    if !write_nameless(folder, path, bytes)? {
        staged(folder, path, bytes)?.persist_noclobber(path).map_err(|error| error.error)?;
    }
    sync_folder(folder)
}

/// As [`write_whole`], for the owner's eyes alone, whatever the permissions of a file that was there.
///
/// # Errors
/// Whatever the file system refuses.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Where nothing else is asked for, a temporary file is one that nobody else may read.
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// As [`write_new`], for the owner's eyes alone; so are folders that are made for it.
///
/// # Errors
/// Whatever the file system refuses.
pub fn write_new_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut folders = fs::DirBuilder::new();
    folders.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
    folders.create(folder)?;
    // Where nothing else is asked for, a temporary file is one that nobody else may read.
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Writes a file that has no name (open(2), `O_TMPFILE`), and then gives it one. False where that cannot be done here,
/// and nothing is.
#[cfg(target_os = "linux")]
fn write_nameless(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<bool> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
    use rustix::io::Errno;

    // As for any file that a program creates; the umask narrows it.
    let mode = Mode::from_raw_mode(0o666);
    let mut file = match open(folder, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, mode) {
        Ok(file) => File::from(file),
        // The file system has no such files, or the kernel takes the flag for that of a folder.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    file.write_all(bytes)?;
    file.sync_all()?;
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    match linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Err(Errno::EXIST.into()),
        // There is no /proc, or no second name allowed: whatever it is, the other way has its own say.
        Err(_) => Ok(false),
    }
}

#[cfg(not(target_os = "linux"))]
fn write_nameless(_: &Path, _: &Path, _: &[u8]) -> io::Result<bool> {
    Ok(false)
}

/// As [`write_whole`] for what can be made again: readers see it whole, and a crash may lose it.
///
/// # Errors
/// Whatever the file system refuses.
pub fn write_forgettable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    temporary(folder, path, bytes)?.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Gives the file at `from` another path, creating its folders. What is there already is never replaced.
///
/// # Errors
/// Whatever the file system refuses; [`io::ErrorKind::AlreadyExists`] where something else is there.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Where case makes no difference, a file is in the way of its own new name.
    let is_itself =
        || from.canonicalize().ok().is_some_and(|from| to.canonicalize().ok() == Some(from));
    if to.symlink_metadata().is_ok() && !is_itself() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)?;
    sync_folder(from.parent().unwrap_or(Path::new(".")))?;
    sync_folder(folder)
}

/// Removes a file that is there.
///
/// # Errors
/// Whatever the file system refuses.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    crash_point::point("file: removed");
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Does the work for each, a few at a time, and gives the results in their order: what waits for the disk is done sooner so.
pub fn few_at_once<T: Send, R: Send>(all: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    match rayon::ThreadPoolBuilder::new().num_threads(WRITERS.min(all.len())).build() {
        Ok(pool) => pool.install(|| all.into_par_iter().map(work).collect()),
        Err(_) => all.into_iter().map(work).collect(),
    }
}

/// The bytes, safe on disk under a temporary name beside `path`.
fn staged(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let temporary = temporary(folder, path, bytes)?;
    crash_point::point("file: bytes written");
    temporary.as_file().sync_all()?;
    crash_point::point("file: bytes on disk");
    Ok(temporary)
}

fn temporary(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A new file asks for 0o666, which the process's umask then narrows, as for any file that a program creates.
        let new = || fs::Permissions::from_mode(0o666);
        builder.permissions(fs::metadata(path).map_or_else(|_| new(), |found| found.permissions()));
    }
    crash_point::point("file: folder made");
    let mut temporary = builder.tempfile_in(folder)?;
    crash_point::point("file: temporary file made");
    temporary.write_all(bytes)?;
    Ok(temporary)
}

/// Removes the temporary files in a folder: those that killed runs have left, where nobody else is writing.
pub fn remove_temporary(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_temporary = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        if is_temporary && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            // Best effort: it is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes renames in the folder themselves durable; where folders cannot be opened (Windows) there is nothing to do.
///
/// # Errors
/// Whatever the file system refuses.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    crash_point::point("file: folder on disk");
    Ok(())
}

/// Locks an open file, once no other process holds it; the operating system lets go of it when this one ends, however that
/// happens. `waiting` hears when it takes long.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] where another process never lets go; what the file system refuses.
pub fn lock(file: &File, waiting: impl FnOnce()) -> io::Result<()> {
    let begin = Instant::now();
    let mut waiting = Some(waiting);
    let mut pause = Duration::from_millis(1);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            // Some network file systems have no locks. There, runs are not kept apart.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Ok(());
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if begin.elapsed() > LOCK_LIMIT {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if begin.elapsed() > LOCK_PATIENCE
            && let Some(waiting) = waiting.take()
        {
            waiting();
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Why a file could not be read as a regular file of bounded size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the file has {size} bytes, more than the {limit} that are read")]
    TooLarge { size: u64, limit: u64 },
    #[error("this is a {0}, not a regular file")]
    NotAFile(&'static str),
    /// The folder that is a link, as the path names it.
    #[error(
        "the folder `{0}` on the way to it is a symbolic link, which goldenpath does not follow"
    )]
    BehindALink(String),
    #[error("its name is not UTF-8")]
    Name,
    #[error("git cannot read its content: {0}")]
    Object(String),
    #[error("the file cannot be read: {0}")]
    Io(String),
}

/// Reads a regular file of at most `limit` bytes. A symbolic link is not followed, and a FIFO or device is not waited
/// for, so that a hostile repository can neither point out of itself nor make a reader hang.
///
/// # Errors
/// [`Unreadable`], which says what the path is instead.
pub fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, Unreadable> {
    read_opened(open_without_following(path), || path.to_path_buf(), limit)
}

/// A folder whose files are read by their names, so that the way to it is walked once.
#[derive(Debug)]
pub struct OpenFolder<'path> {
    path: &'path Path,
    /// None where it cannot be opened; then each file's error says why.
    #[cfg(unix)]
    opened: Option<std::os::fd::OwnedFd>,
}

impl<'path> OpenFolder<'path> {
    /// Opens the folder at `path`.
    #[must_use]
    pub fn open(path: &'path Path) -> Self {
        #[cfg(unix)]
        {
            use rustix::fs::{Mode, OFlags, open};
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Self { path, opened: open(path, flags, Mode::empty()).ok() }
        }
        #[cfg(not(unix))]
        Self { path }
    }

    /// Reads the file called `name` as [`read_regular`] does.
    ///
    /// # Errors
    /// [`Unreadable`], which says what the path is instead.
    pub fn read_regular(&self, name: &OsStr, limit: u64) -> Result<Vec<u8>, Unreadable> {
        #[cfg(unix)]
        if let Some(folder) = &self.opened {
            let opened = rustix::fs::openat(folder, name, FLAGS, rustix::fs::Mode::empty());
            let opened = opened.map(File::from).map_err(io::Error::from);
            return read_opened(opened, || self.path.join(name), limit);
        }
        read_regular(&self.path.join(name), limit)
    }
}

/// Reads an opened file; `path` is asked for where it could not be opened.
fn read_opened(
    opened: io::Result<File>,
    path: impl FnOnce() -> PathBuf,
    limit: u64,
) -> Result<Vec<u8>, Unreadable> {
    let io = |error: io::Error| Unreadable::Io(error.to_string());
    let mut file = match opened {
        Ok(file) => file,
        Err(error) => {
            return Err(match fs::symlink_metadata(path()) {
                Ok(found) if !found.is_file() => Unreadable::NotAFile(kind_of(found.file_type())),
                _ => io(error),
            });
        }
    };
    let found = file.metadata().map_err(io)?;
    if !found.is_file() {
        return Err(Unreadable::NotAFile(kind_of(found.file_type())));
    }
    if found.len() > limit {
        return Err(Unreadable::TooLarge { size: found.len(), limit });
    }
    // One byte more than there should be: a read that stops short of it has seen the end, and needs no second one.
    let expected = usize::try_from(found.len()).unwrap_or(0);
    let mut bytes = vec![0; expected + 1];
    let mut length = 0;
    loop {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(io(error)),
        }
        if length == expected {
            break;
        }
        if length > expected {
            // It grew meanwhile: the rest of it, up to the limit and one.
            let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
            bytes.resize(room.min(bytes.len() * 2), 0);
            if length >= room {
                return Err(Unreadable::TooLarge { size: length as u64, limit });
            }
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// How a file is opened that no link may lead to, and that may be a FIFO.
#[cfg(unix)]
const FLAGS: rustix::fs::OFlags = rustix::fs::OFlags::RDONLY
    .union(rustix::fs::OFlags::NOFOLLOW)
    .union(rustix::fs::OFlags::NONBLOCK)
    .union(rustix::fs::OFlags::CLOEXEC);

#[cfg(unix)]
fn open_without_following(path: &Path) -> io::Result<File> {
    Ok(File::from(rustix::fs::open(path, FLAGS, rustix::fs::Mode::empty())?))
}

#[cfg(not(unix))]
fn open_without_following(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path)?.is_symlink() {
        true => Err(io::Error::other("this is a symbolic link")),
        false => File::open(path),
    }
}

/// As [`read_regular`] for `relative` below `root`: no folder on the way may be a symbolic link either. None where
/// nothing is there.
#[must_use]
pub fn read_below(root: &Path, relative: &str, limit: u64) -> Option<Result<Vec<u8>, Unreadable>> {
    if let Err(link) = follows_no_link(root, relative) {
        return Some(Err(link));
    }
    let path = root.join(relative);
    path.symlink_metadata().is_ok().then(|| read_regular(&path, limit))
}

/// Whether no folder on the way from `root` to `relative` is a symbolic link.
///
/// # Errors
/// [`Unreadable::BehindALink`], with the first that is.
pub fn follows_no_link(root: &Path, relative: &str) -> Result<(), Unreadable> {
    for (slash, _) in relative.match_indices('/') {
        let folder = &relative[..slash];
        if root.join(folder).symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(Unreadable::BehindALink(folder.to_owned()));
        }
    }
    Ok(())
}

fn kind_of(kind: fs::FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "FIFO";
        }
        if kind.is_socket() {
            return "socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "device";
        }
    }
    if kind.is_dir() {
        "folder"
    } else if kind.is_symlink() {
        "symbolic link"
    } else {
        "special file"
    }
}

/// Joins `relative` to `root`, refusing what would leave it: `..`, an absolute path, or a folder on the way that
/// is a symbolic link.
///
/// # Errors
/// A sentence that names the offending part.
pub fn confine(root: &Path, relative: &str) -> Result<PathBuf, String> {
    let mut path = root.to_path_buf();
    for part in Path::new(relative).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => continue,
            _ => return Err(format!("`{relative}` leaves `{}`", root.display())),
        }
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(format!(
                "`{}` is a symbolic link; goldenpath writes through none",
                path.display()
            ));
        }
    }
    Ok(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_replaces_and_leaves_no_temporary_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.yaml");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_never_replaces_one_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.yaml");
        write_new(&path, b"one").unwrap();
        assert_eq!(write_new(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_nameless_file_gets_its_name_and_the_mode_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, ordinary) = (folder.path().join("b.yaml"), folder.path().join("c.yaml"));
        fs::write(&ordinary, b"one").unwrap();
        // Some file systems have no such files.
        if write_nameless(folder.path(), &path, b"one").unwrap() {
            assert_eq!(fs::read(&path).unwrap(), b"one");
            let mode = |path| fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&ordinary));
        }
    }

    #[test]
    fn a_path_that_leaves_the_root_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(confine(folder.path(), "a/../../b").is_err());
        assert!(confine(folder.path(), "/etc/passwd").is_err());
        assert_eq!(confine(folder.path(), "./a/b").unwrap(), folder.path().join("a/b"));
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_neither_read_nor_written_through() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("out")).unwrap();
        assert!(confine(folder.path(), "out/hosts").unwrap_err().contains("symbolic link"));
        assert_eq!(
            read_regular(&folder.path().join("out"), 10),
            Err(Unreadable::NotAFile("symbolic link"))
        );
        let behind = Some(Err(Unreadable::BehindALink("out".to_owned())));
        assert_eq!(read_below(folder.path(), "out/hosts", 10_000), behind);
        assert_eq!(read_below(folder.path(), "nothing/here", 10), None);
    }
}
