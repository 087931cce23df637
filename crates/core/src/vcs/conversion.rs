//! Objects, refs and index of repositories in a format that libgit2 does not read.
//!
//! The `git` program reads them. A view, which is a temporary git folder, gets the refs as
//! `packed-refs`. For the object format sha256 it also gets an index and, as far as they are
//! needed, the objects: each under the first 40 digits of its ID, which git accepts in place of
//! the whole ID. Converted objects stay below `.git/goldenpath/`, and are never converted again.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use git2::{IndexEntry, IndexTime, Oid};

use super::SourceError;
use crate::files;

/// A format that libgit2 does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ForeignFormat {
    /// What the repository has: `objects of the format sha256`.
    pub(super) what: &'static str,
    /// The command that converts the repository.
    pub(super) help: &'static str,
    /// Whether the IDs of objects have another length.
    pub(super) has_long_ids: bool,
}

impl ForeignFormat {
    /// The object format sha256.
    pub(super) const SHA256: Self = Self {
        what: "objects of the format sha256",
        help: "git init --object-format=sha1 ../converted && git fast-export --all | git -C \
               ../converted fast-import",
        has_long_ids: true,
    };

    /// The ref format reftable.
    pub(super) const REFTABLE: Self = Self {
        what: "refs of the format reftable",
        help: "git refs migrate --ref-format=files",
        has_long_ids: false,
    };

    /// Returns the error of a command that writes to the repository at `dir`.
    pub(super) fn error(self, dir: &Path) -> SourceError {
        let (dir, what, help) = (dir.to_path_buf(), self.what.to_owned(), self.help);
        SourceError::Format { dir, what, help }
    }
}

/// The file of a view that names the git folder whose objects are converted.
const SOURCE: &str = "converted-from";

/// The number of hexadecimal digits of an ID in a view.
const DIGITS: usize = 40;

/// The number of digits and of bytes of an ID in the object format sha256.
const LONG_DIGITS: usize = 64;
const LONG_BYTES: usize = 32;

/// The flags of an entry in the output of `git ls-files --debug` (read-cache.h).
const INTENT_TO_ADD: u32 = 1 << 29;
const SKIP_WORKTREE: u32 = 1 << 30;

/// Parses an object ID of git's output; a long one by its first 40 digits.
#[must_use]
pub fn parse_id(text: &str) -> Option<Oid> {
    let is_long = text.len() == LONG_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = if is_long { text.get(..DIGITS)? } else { text };
    digits.parse().ok()
}

/// Returns a revision with a long ID at its start cut to the ID in a view.
pub(super) fn local_spec(spec: &str) -> Option<(&str, String)> {
    let digits = spec.bytes().take_while(u8::is_ascii_hexdigit).count();
    let (id, rest) = spec.split_at_checked(LONG_DIGITS)?;
    (digits == LONG_DIGITS).then(|| (id, format!("{}{rest}", &id[..DIGITS])))
}

/// Reads a repository by the `git` program.
pub(super) struct GitReader {
    git_folder: PathBuf,
}

impl GitReader {
    pub(super) fn new(git_folder: &Path) -> Self {
        Self { git_folder: git_folder.to_path_buf() }
    }

    /// Returns the reader of a view's repository; None if its objects are not converted.
    pub(super) fn of_view(git: &git2::Repository) -> Result<Option<Self>, git2::Error> {
        match fs::read_to_string(git.path().join(SOURCE)) {
            Ok(folder) => Ok(Some(Self { git_folder: PathBuf::from(folder) })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(git2::Error::from_str(&format!("cannot read `{SOURCE}`: {error}"))),
        }
    }

    /// Runs git, which gets its whole environment: a hook's objects may be in quarantine.
    fn run(&self, arguments: &[&str], input: &[u8]) -> io::Result<Vec<u8>> {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.git_folder).args(arguments).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let output = thread::scope(|scope| {
            // git answers while it reads; one that stops early has its own error.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
            child.wait_with_output()
        })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(io::Error::other(format!("`git {}` failed: {said}", arguments.join(" "))))
    }

    fn text(&self, arguments: &[&str]) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.run(arguments, b"")?).into_owned())
    }

    /// Returns the commit at HEAD; None before the first commit.
    fn head(&self) -> io::Result<Option<String>> {
        // `rev-parse --verify --quiet` fails without a word before the first commit.
        match self.text(&["rev-list", "--max-count=1", "--ignore-missing", "HEAD"]) {
            Ok(id) => Ok(Some(id.trim().to_owned()).filter(|id| !id.is_empty())),
            Err(error) => match self.text(&["symbolic-ref", "--quiet", "HEAD"]) {
                // The branch has no commit yet.
                Ok(branch) if !self.has_ref(branch.trim())? => Ok(None),
                _ => Err(error),
            },
        }
    }

    fn has_ref(&self, name: &str) -> io::Result<bool> {
        Ok(self.text(&["for-each-ref", "--format=%(refname)", name])?.trim() == name)
    }

    /// Writes HEAD and all refs into a view, and the stash's log.
    pub(super) fn write_refs(&self, view: &Path) -> io::Result<()> {
        let head = match self.text(&["symbolic-ref", "--quiet", "HEAD"]) {
            Ok(branch) => format!("ref: {}\n", branch.trim()),
            Err(_) => self.head()?.map(|id| format!("{}\n", cut(&id))).unwrap_or_default(),
        };
        fs::write(view.join("HEAD"), head)?;
        fs::create_dir_all(view.join("refs"))?;
        let listed = self.text(&["for-each-ref", "--format=%(objectname) %(refname) %(symref)"])?;
        let mut packed = String::new();
        for line in listed.lines() {
            let mut words = line.split(' ');
            let (Some(id), Some(name), target) = (words.next(), words.next(), words.next()) else {
                return Err(io::Error::other(format!("`git for-each-ref` printed {line:?}")));
            };
            match target.filter(|target| !target.is_empty()) {
                Some(target) => {
                    let file = files::join_below(view, name).map_err(io::Error::other)?;
                    fs::create_dir_all(file.parent().unwrap_or(view))?;
                    fs::write(file, format!("ref: {target}\n"))?;
                }
                None => packed.push_str(&format!("{} {name}\n", cut(id))),
            }
        }
        fs::write(view.join("packed-refs"), packed)?;
        if self.has_ref("refs/stash")? {
            let stashes = self.text(&["reflog", "show", "--format=%H", "refs/stash"])?;
            fs::create_dir_all(view.join("logs/refs"))?;
            let zero = "0".repeat(DIGITS);
            let line = |id: &str| format!("{zero} {} stash <stash> 0 +0000\tstash\n", cut(id));
            // A log begins with the oldest entry.
            let log: String = stashes.lines().rev().map(line).collect();
            fs::write(view.join("logs/refs/stash"), log)?;
        }
        Ok(())
    }

    /// Makes a view convert objects, kept in the folder `objects`, with all commits of all refs.
    pub(super) fn start_conversion(&self, view: &Path, objects: &Path) -> io::Result<()> {
        fs::create_dir_all(objects)?;
        fs::write(view.join(SOURCE), self.git_folder.to_string_lossy().as_bytes())?;
        let shallow =
            self.text(&["rev-parse", "--path-format=absolute", "--git-path", "shallow"])?;
        match fs::read_to_string(shallow.trim_end_matches('\n')) {
            Ok(ends) => {
                let ends: String = ends.lines().map(|id| format!("{}\n", cut(id))).collect();
                fs::write(view.join("shallow"), ends)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let head = self.head()?;
        let listed = ["for-each-ref", "--format=%(objecttype) %(objectname)"];
        let tags = self.text(&listed)?;
        let tags = tags.lines().filter_map(|line| line.strip_prefix("tag "));
        self.convert(objects, tags.map(|id| cut(id).to_owned()).collect())?;
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        self.convert_commits(objects, &[&["--all"], &head[..]].concat())
    }

    /// Converts the commits that `git rev-list` prints for these arguments.
    pub(super) fn convert_commits(&self, objects: &Path, arguments: &[&str]) -> io::Result<()> {
        let commits = self.text(&[&["rev-list"], arguments].concat())?;
        self.convert(objects, commits.lines().map(|id| cut(id).to_owned()).collect())
    }

    /// Converts the objects with these IDs, and the folders in those that are folders.
    ///
    /// What the repository lacks stays missing.
    pub(super) fn convert(&self, objects: &Path, ids: BTreeSet<String>) -> io::Result<()> {
        let mut open = ids;
        loop {
            open.retain(|id| !place_of(objects, id).exists());
            if open.is_empty() {
                return Ok(());
            }
            let names: String = open.iter().map(|id| format!("{id}\n")).collect();
            let answer = self.run(&["cat-file", "--batch"], names.as_bytes())?;
            let mut rest = answer.as_slice();
            let mut next = BTreeSet::new();
            while !rest.is_empty() {
                let unreadable = || io::Error::other("cannot read the output of `git cat-file`");
                let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(unreadable)?;
                let header = String::from_utf8_lossy(&rest[..end]).into_owned();
                rest = &rest[end + 1..];
                let mut words = header.split(' ');
                let (id, kind) = (words.next(), words.next());
                let (Some(id), Some(kind), Some(size)) = (id, kind, words.next()) else {
                    // `<name> missing`
                    continue;
                };
                let size: usize = size.parse().map_err(|_| unreadable())?;
                let content = rest.get(..size).ok_or_else(unreadable)?;
                rest = rest.get(size + 1..).ok_or_else(unreadable)?;
                let content = rewrite(kind, content, &mut next).ok_or_else(unreadable)?;
                files::write_unsynced(&place_of(objects, cut(id)), &loose(kind, &content))?;
            }
            open = next;
        }
    }

    /// Writes the index of git's environment into a view, in place of an older one.
    pub(super) fn write_index(&self, view: &Path) -> io::Result<()> {
        let listed = self.run(&["ls-files", "--stage", "--debug", "-z"], b"")?;
        let unreadable = || io::Error::other("cannot read the output of `git ls-files`");
        let failed = |error: git2::Error| io::Error::other(error.message().to_owned());
        let mut index = git2::Index::open(&view.join("index")).map_err(failed)?;
        // It may have been written before.
        index.clear().map_err(failed)?;
        let mut rest = listed.as_slice();
        while !rest.is_empty() {
            // `<mode> <id> <stage>\t<path>\0`, and five lines of `git ls-files --debug`.
            let tab = rest.iter().position(|byte| *byte == b'\t').ok_or_else(unreadable)?;
            let head = String::from_utf8_lossy(&rest[..tab]).into_owned();
            rest = &rest[tab + 1..];
            let end = rest.iter().position(|byte| *byte == 0).ok_or_else(unreadable)?;
            let path = rest[..end].to_vec();
            rest = &rest[end + 1..];
            let mut flags = 0;
            for _ in 0..5 {
                let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(unreadable)?;
                let line = String::from_utf8_lossy(&rest[..end]).into_owned();
                rest = &rest[end + 1..];
                if let Some((_, bits)) = line.split_once("flags: ") {
                    flags = u32::from_str_radix(bits.trim(), 16).map_err(|_| unreadable())?;
                }
            }
            let words: Vec<&str> = head.split(' ').collect();
            let [mode, id, stage] = words[..] else { return Err(unreadable()) };
            let mode = u32::from_str_radix(mode, 8).map_err(|_| unreadable())?;
            let stage: u16 = stage.parse().map_err(|_| unreadable())?;
            let bit = |flag: u32, extended: u16| if flags & flag == 0 { 0 } else { extended };
            let zero = IndexTime::new(0, 0);
            let entry = IndexEntry {
                ctime: zero,
                mtime: zero,
                dev: 0,
                ino: 0,
                mode,
                uid: 0,
                gid: 0,
                file_size: 0,
                id: parse_id(id).ok_or_else(unreadable)?,
                flags: stage << 12,
                // As in the index (gitformat-index).
                flags_extended: bit(INTENT_TO_ADD, 1 << 13) | bit(SKIP_WORKTREE, 1 << 14),
                path,
            };
            index.add(&entry).map_err(failed)?;
        }
        index.write().map_err(failed)
    }
}

/// Returns the ID in a view.
fn cut(id: &str) -> &str {
    id.get(..DIGITS).unwrap_or(id)
}

fn place_of(objects: &Path, id: &str) -> PathBuf {
    let (folder, file) = id.split_at_checked(2).unwrap_or((id, ""));
    objects.join(folder).join(file)
}

/// Returns an object's content with the IDs of a view, and adds the folders in it to `folders`.
///
/// None for an object that git would not write.
fn rewrite(kind: &str, content: &[u8], folders: &mut BTreeSet<String>) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(content.len());
    let mut rest = content;
    match kind {
        "tree" => {
            while !rest.is_empty() {
                let name = rest.iter().position(|byte| *byte == 0)? + 1;
                let (entry, after) = rest.split_at_checked(name + LONG_BYTES)?;
                let id = Oid::from_bytes(entry.get(name..name + DIGITS / 2)?).ok()?;
                text.extend_from_slice(&entry[..name]);
                text.extend_from_slice(id.as_bytes());
                if entry.starts_with(b"40000 ") {
                    folders.insert(id.to_string());
                }
                rest = after;
            }
        }
        // Only the first lines have IDs: `tree`, `parent` and, of a tag, `object`.
        "commit" | "tag" => {
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = std::str::from_utf8(&rest[..end]).ok();
                let Some((key, id)) = line.and_then(|line| line.split_once(' ')) else { break };
                if !["tree", "parent", "object"].contains(&key) || id.len() != LONG_DIGITS {
                    break;
                }
                text.extend_from_slice(format!("{key} {}\n", cut(id)).as_bytes());
                rest = &rest[end + 1..];
            }
            text.extend_from_slice(rest);
        }
        _ => text.extend_from_slice(content),
    }
    Some(text)
}

/// Returns the file of a loose object, without compression (RFC 1950, RFC 1951).
fn loose(kind: &str, content: &[u8]) -> Vec<u8> {
    let plain = [format!("{kind} {}\0", content.len()).as_bytes(), content].concat();
    let mut file = vec![0x78, 0x01];
    let mut blocks = plain.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        file.push(u8::from(blocks.peek().is_none()));
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in plain {
        low = (low + u32::from(byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    file.extend_from_slice(&((high << 16) | low).to_be_bytes());
    file
}
