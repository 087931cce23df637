//! Atomic file writes, reads up to a size limit, file locks and confined paths.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use tempfile::{NamedTempFile, TempPath};

use crate::crash_point;

/// The prefix of temporary files.
pub const TEMPORARY: &str = ".goldenpath-";

/// The number of concurrent writers: the disk serializes more of them.
const WRITERS: usize = 4;

/// The time to wait for another process's lock before reporting it.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// The time to wait for a lock at all: several queued runs on a slow network.
pub const LOCK_LIMIT: Duration = Duration::from_secs(300);

/// Replaces the file at `path` with `bytes`, creating its folders.
///
/// The bytes go to a temporary file in the same folder, are flushed to disk and renamed into place:
/// a reader, or a crash, sees either the old or the new file. Permissions of an existing file are
/// preserved.
///
/// # Errors
/// Any error of the file system; the temporary file is removed.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_in_batch(path, bytes)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Writes one file of a batch like [`write_atomic`].
///
/// The new name is durable only after [`sync_folder`].
///
/// # Errors
/// Any error of the file system; the temporary file is removed.
pub fn write_in_batch(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    write_temporary(folder, path, bytes)?.persist(path).map_err(|error| error.error)?;
    crash_point::point("file: renamed");
    Ok(())
}

/// A whole file, durable on disk, under a temporary name.
///
/// Removed on drop unless it is named.
#[derive(Debug)]
pub struct StagedFile(TempPath);

/// Writes the bytes of the file at `path` into `folder`, on the same file system.
///
/// # Errors
/// Any error of the file system; the temporary file is removed.
pub fn stage(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<StagedFile> {
    Ok(StagedFile(write_temporary(folder, path, bytes)?.into_temp_path()))
}

impl StagedFile {
    /// Renames it to `path`, as [`write_in_batch`] does.
    ///
    /// # Errors
    /// Any error of the file system; the temporary file is removed.
    pub fn name(self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        self.0.persist(path).map_err(|error| error.error)?;
        crash_point::point("file: renamed");
        Ok(())
    }
}

/// Writes a file like [`write_atomic`], but never replaces an existing one.
///
/// Where the platform supports it, the bytes get a name only once they are complete, so that even a
/// kill leaves no temporary file.
///
/// # Errors
/// Any error of the file system; [`io::ErrorKind::AlreadyExists`] if the file exists.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    if !write_unnamed(folder, path, bytes)? {
        write_temporary(folder, path, bytes)?
            .persist_noclobber(path)
            .map_err(|error| error.error)?;
    }
    sync_folder(folder)
}

/// Writes a file like [`write_atomic`], with permissions for its owner only.
///
/// # Errors
/// Any error of the file system.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // By default a temporary file is readable by its owner only.
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Writes a file like [`write_new`], with permissions for its owner only.
///
/// New folders get such permissions too.
///
/// # Errors
/// Any error of the file system.
pub fn write_new_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut folders = fs::DirBuilder::new();
    folders.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
    folders.create(folder)?;
    // By default a temporary file is readable by its owner only.
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Writes a file without a name (`O_TMPFILE`), and then links it to its path.
///
/// Returns false, with nothing written, if this is not supported here.
#[cfg(target_os = "linux")]
fn write_unnamed(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<bool> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
    use rustix::io::Errno;

    // The default mode of a new file; the umask narrows it.
    let mode = Mode::from_raw_mode(0o666);
    let mut file = match open(folder, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, mode) {
        Ok(file) => File::from(file),
        // The file system does not support it, or the kernel reads the flag as `O_DIRECTORY`.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    file.write_all(bytes)?;
    file.sync_all()?;
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    match linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Err(Errno::EXIST.into()),
        // No /proc, or no second link allowed: the caller's fallback reports a real error.
        Err(_) => Ok(false),
    }
}

#[cfg(not(target_os = "linux"))]
fn write_unnamed(_: &Path, _: &Path, _: &[u8]) -> io::Result<bool> {
    Ok(false)
}

/// Writes a file like [`write_atomic`], for contents that can be generated again.
///
/// Readers see whole files, but a crash may lose the file: nothing is flushed to disk.
///
/// # Errors
/// Any error of the file system.
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_temporary(folder, path, bytes)?.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Renames `from` to `to`, creating folders; never replaces an existing file.
///
/// # Errors
/// Any error of the file system; [`io::ErrorKind::AlreadyExists`] if `to` is another file.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // On a case-insensitive file system, a file is its own obstacle when only the case changes.
    let is_itself =
        || from.canonicalize().ok().is_some_and(|from| to.canonicalize().ok() == Some(from));
    if to.symlink_metadata().is_ok() && !is_itself() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)?;
    sync_folder(from.parent().unwrap_or(Path::new(".")))?;
    sync_folder(folder)
}

/// Removes an existing file.
///
/// # Errors
/// Any error of the file system.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    crash_point::point("file: removed");
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Maps `all` with a few threads, preserving order.
///
/// The work mostly waits for the disk.
pub fn map_in_parallel<T: Send, R: Send>(
    all: Vec<T>,
    work: impl Fn(T) -> R + Send + Sync,
) -> Vec<R> {
    match rayon::ThreadPoolBuilder::new().num_threads(WRITERS.min(all.len())).build() {
        Ok(pool) => pool.install(|| all.into_par_iter().map(work).collect()),
        Err(_) => all.into_iter().map(work).collect(),
    }
}

/// Writes the bytes, durable on disk, under a temporary name next to `path`.
fn write_temporary(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let temporary = create_temporary(folder, path, bytes)?;
    crash_point::point("file: bytes written");
    temporary.as_file().sync_all()?;
    crash_point::point("file: bytes on disk");
    Ok(temporary)
}

fn create_temporary(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The default mode of a new file is 0o666, narrowed by the process's umask.
        let new = || fs::Permissions::from_mode(0o666);
        builder.permissions(fs::metadata(path).map_or_else(|_| new(), |found| found.permissions()));
    }
    crash_point::point("file: folder created");
    let mut temporary = builder.tempfile_in(folder)?;
    crash_point::point("file: temporary file created");
    temporary.write_all(bytes)?;
    Ok(temporary)
}

/// Removes temporary files of killed runs.
///
/// The caller ensures that no other process writes there.
pub fn remove_temporary(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_temporary = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        if is_temporary && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            // Best effort: a leftover file does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes renames in a folder durable.
///
/// Does nothing where folders cannot be opened (Windows).
///
/// # Errors
/// Any error of the file system.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    crash_point::point("file: folder on disk");
    Ok(())
}

/// Locks an open file, waiting until no other process holds the lock.
///
/// The operating system releases the lock when the process ends, for whatever reason. Calls
/// `waiting` when the wait gets long.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] if another process holds the lock for too long; any error of the
/// file system.
pub fn lock(file: &File, waiting: impl FnOnce()) -> io::Result<()> {
    let begin = Instant::now();
    let mut waiting = Some(waiting);
    let mut pause = Duration::from_millis(1);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            // Some network file systems have no locks. There, runs are not isolated from each
            // other.
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

/// Why a file cannot be read as a regular file of bounded size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum Unreadable {
    #[error("the file has {size} bytes, more than the limit of {limit}")]
    TooLarge { size: u64, limit: u64 },
    #[error("this is a {0}, not a regular file")]
    NotAFile(&'static str),
    /// The first folder of the path that is a symbolic link.
    #[error("its folder `{0}` is a symbolic link, which goldenpath does not follow")]
    BehindSymlink(String),
    #[error("its name is not UTF-8")]
    Name,
    #[error("git cannot read its content: {0}")]
    Object(String),
    #[error("the file cannot be read: {0}")]
    Io(String),
}

/// Reads a regular file of at most `limit` bytes.
///
/// Does not follow a symbolic link or wait for a FIFO or device, so that a hostile repository can
/// neither point outside itself nor block the reader.
///
/// # Errors
/// [`Unreadable`], which names the actual kind of the path.
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

/// Reads an opened file; `path` is called if it could not be opened.
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
    // One byte more than expected: a short read then proves the end, without a second read.
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
            // The file grew concurrently: read the rest, up to one byte past the limit.
            let most = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
            bytes.resize(most.min(bytes.len() * 2), 0);
            if length >= most {
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
    if fs::symlink_metadata(path)?.is_symlink() {
        Err(io::Error::other("this is a symbolic link"))
    } else {
        File::open(path)
    }
}

/// Reads `relative` below `root` like [`read_regular`].
///
/// No folder of the path may be a symbolic link. Returns None if the file does not exist.
#[must_use]
pub fn read_below(root: &Path, relative: &str, limit: u64) -> Option<Result<Vec<u8>, Unreadable>> {
    if let Err(link) = check_no_symlinks(root, relative) {
        return Some(Err(link));
    }
    let path = root.join(relative);
    path.symlink_metadata().is_ok().then(|| read_regular(&path, limit))
}

/// Checks that no folder from `root` to `relative` is a symbolic link.
///
/// # Errors
/// [`Unreadable::BehindSymlink`] with the first symbolic link.
pub fn check_no_symlinks(root: &Path, relative: &str) -> Result<(), Unreadable> {
    for (slash, _) in relative.match_indices('/') {
        let folder = &relative[..slash];
        if root.join(folder).symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(Unreadable::BehindSymlink(folder.to_owned()));
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

/// Joins `relative` to `root`, rejecting paths that would leave it.
///
/// Rejects `..`, an absolute path, and a folder that is a symbolic link.
///
/// # Errors
/// A sentence that names the rejected part.
pub fn join_below(root: &Path, relative: &str) -> Result<PathBuf, String> {
    let mut path = root.to_path_buf();
    for part in Path::new(relative).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => continue,
            _ => return Err(format!("`{relative}` is outside `{}`", root.display())),
        }
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(format!(
                "`{}` is a symbolic link; goldenpath does not write through it",
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
    fn writing_a_whole_file_replaces_it_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.yaml");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_never_replaces_an_existing_one() {
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
        // Some file systems do not support it.
        if write_unnamed(folder.path(), &path, b"one").unwrap() {
            assert_eq!(fs::read(&path).unwrap(), b"one");
            let mode = |path| fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&ordinary));
        }
    }

    #[test]
    fn a_path_that_leaves_the_root_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        assert!(join_below(folder.path(), "a/../../b").is_err());
        assert!(join_below(folder.path(), "/etc/passwd").is_err());
        assert_eq!(join_below(folder.path(), "./a/b").unwrap(), folder.path().join("a/b"));
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_neither_read_nor_written_through() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("out")).unwrap();
        assert!(join_below(folder.path(), "out/hosts").unwrap_err().contains("symbolic link"));
        assert_eq!(
            read_regular(&folder.path().join("out"), 10),
            Err(Unreadable::NotAFile("symbolic link"))
        );
        let expected = Some(Err(Unreadable::BehindSymlink("out".to_owned())));
        assert_eq!(read_below(folder.path(), "out/hosts", 10_000), expected);
        assert_eq!(read_below(folder.path(), "nothing/here", 10), None);
    }
}
