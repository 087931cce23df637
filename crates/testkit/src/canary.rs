//! A random value, and a search for it in files, git objects and processes, in any encoding.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// The length of a substring that counts as a leak: a truncated message leaks a part of a value.
const PIECE: usize = 10;

/// A unique random text that a search recognizes in any encoding.
pub struct Canary {
    pub text: String,
    forms: Vec<&'static str>,
    pieces: AhoCorasick,
}

impl Canary {
    /// Returns a random text with characters that JSON, URLs, dotenv files and terminals escape.
    pub fn new() -> Self {
        let mut random = [0; 32];
        getrandom::fill(&mut random).expect("random bytes");
        let letter =
            |byte: &u8| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[usize::from(byte % 32)]);
        let mut letters = random.iter().map(letter);
        let mut text = String::new();
        for special in ['"', 'ü', '\\', '…', '🔑', '+', '/', '%'] {
            text.extend(letters.by_ref().take(2));
            text.push(special);
        }
        text.extend(letters);
        Self::of(&text)
    }

    /// Returns a canary for a given text.
    pub fn of(text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let pieces = characters
            .windows(PIECE.min(characters.len()))
            .map(|piece| piece.iter().collect::<String>());
        let (forms, patterns): (Vec<_>, Vec<_>) = pieces.flat_map(|piece| forms(&piece)).unzip();
        let pieces =
            AhoCorasick::builder().ascii_case_insensitive(true).build(patterns).expect("patterns");
        Self { text: text.to_owned(), forms, pieces }
    }

    /// Returns the encodings in which `bytes` contain the text or a part of it.
    pub fn forms_in(&self, bytes: &[u8]) -> BTreeSet<&'static str> {
        self.pieces.find_overlapping_iter(bytes).map(|found| self.forms[found.pattern()]).collect()
    }

    pub fn is_in(&self, bytes: impl AsRef<[u8]>) -> bool {
        self.pieces.is_match(bytes.as_ref())
    }

    /// Returns the files below a folder whose name or content contains the text, and the git
    /// repositories whose packed objects contain it.
    pub fn files_below(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for path in everything_below(folder) {
            let shown = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            let content = match path.read_link() {
                Ok(target) => target.into_os_string().into_encoded_bytes(),
                Err(_) if path.is_file() => fs::read(&path).expect("a file of the test's own"),
                Err(_) => Vec::new(),
            };
            let is_repository = path.join("HEAD").is_file() && path.join("objects").is_dir();
            let objects = if is_repository { git_objects(&path) } else { Vec::new() };
            for (what, bytes) in
                [("the name of", shown.as_bytes()), ("", &content), ("the objects of", &objects)]
            {
                let forms = self.forms_in(bytes);
                if !forms.is_empty() {
                    found.push(format!("{what} {shown}: {forms:?}").trim_start().to_owned());
                }
            }
        }
        found
    }

    /// Returns the `/proc` files of a process and its descendants that contain the text: arguments
    /// and environments.
    pub fn in_what_is_seen_of(&self, process: u32) -> Vec<String> {
        let mut found = Vec::new();
        for process in family(process) {
            for file in ["cmdline", "environ"] {
                let path = format!("/proc/{process}/{file}");
                // A process that has ended in the meantime has no such file.
                if self.is_in(fs::read(&path).unwrap_or_default()) {
                    found.push(path);
                }
            }
        }
        found
    }

    /// Returns the places in a process's memory that contain the text.
    pub fn in_memory(&self, memory: &[(String, Vec<u8>)]) -> Vec<String> {
        let mut found = Vec::new();
        for (place, bytes) in memory {
            let places: BTreeSet<_> =
                self.pieces.find_overlapping_iter(bytes).map(|one| one.start()).collect();
            if let (Some(first), Some(last)) = (places.first(), places.last()) {
                let around =
                    &bytes[first.saturating_sub(80)..(last + 80).min(first + 400).min(bytes.len())];
                let around =
                    String::from_utf8_lossy(around).replace(|one: char| one.is_control(), ".");
                let forms = self.forms_in(bytes);
                found.push(format!(
                    "{place}+{first:x}, {} places, {forms:?}: {around}",
                    places.len()
                ));
            }
        }
        found
    }
}

/// Returns the writable memory of a process, without blocks of zeros.
///
/// None if this user may not read it.
pub fn memory_of(process: u32) -> Option<Vec<(String, Vec<u8>)>> {
    const BLOCK: u64 = 64 * 1024;
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    let mut taken: Vec<(String, Vec<u8>)> = Vec::new();
    let mut block = vec![0; usize::try_from(BLOCK).expect("it fits")];
    for line in maps.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (from, to) = fields[0].split_once('-').expect("a range of addresses");
        let [from, to] =
            [from, to].map(|number| u64::from_str_radix(number, 16).expect("an address"));
        if !fields[1].starts_with("rw") || fields.last() == Some(&"[vvar]") {
            continue;
        }
        let mut follows = false;
        for at in (from..to).step_by(usize::try_from(BLOCK).expect("it fits")) {
            let bytes = &mut block[..usize::try_from(BLOCK.min(to - at)).expect("it fits")];
            // Some addresses are mapped and cannot be read.
            let has_some =
                memory.read_exact_at(bytes, at).is_ok() && bytes.iter().any(|byte| *byte != 0);
            match (has_some, follows, taken.last_mut()) {
                (false, ..) => {}
                (true, true, Some((_, before))) => before.extend_from_slice(bytes),
                (true, ..) => {
                    let map = fields.get(5).copied().unwrap_or("allocated");
                    taken.push((format!("{map} {at:x}"), bytes.to_vec()));
                }
            }
            follows = has_some;
        }
    }
    Some(taken)
}

/// Returns a text in each encoding that a program might write; the search ignores case.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let join = |each: &dyn Fn(u8) -> String| text.bytes().map(each).collect::<String>();
    let units: Vec<u16> = text.encode_utf16().collect();
    let json = serde_json::to_string(text).expect("JSON");
    let numbers: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
    let in_url = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02x}")
        }
    };
    let mut forms = vec![
        ("as it is", text.to_owned()),
        ("JSON", json[1..json.len() - 1].to_owned()),
        ("JSON in JSON", json[1..json.len() - 1].replace('\\', "\\\\").replace('"', "\\\"")),
        ("JSON, all escaped", units.iter().map(|unit| format!("\\u{unit:04x}")).collect()),
        ("Rust's {:?}", text.escape_debug().to_string()),
        ("URL", join(&in_url)),
        ("URL, all escaped", join(&|byte| format!("%{byte:02x}"))),
        ("hexadecimal", join(&|byte| format!("{byte:02x}"))),
        ("numbers", numbers.join(", ")),
        ("numbers", numbers.join(",")),
    ];
    for before in 0..3 {
        // The number of bytes before the text, modulo 3, selects one of three base64 encodings. The
        // first and the last character also depend on the neighboring bytes, so they are left out.
        let bytes = [&[0; 2][..before], text.as_bytes()].concat();
        let own = [0, 2, 3][before]..bytes.len() * 8 / 6;
        forms.push(("base64", STANDARD.encode(&bytes)[own.clone()].to_owned()));
        forms.push(("base64url", URL_SAFE.encode(&bytes)[own].to_owned()));
    }
    let forms = forms.into_iter().map(|(name, form)| (name, form.into_bytes()));
    let little = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    forms.chain([("UTF-16, little end first", little), ("UTF-16, big end first", big)]).collect()
}

fn everything_below(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).min_depth(1);
    entries
        .into_iter()
        .map(|entry| entry.expect("a folder of the test's own").into_path())
        .collect()
}

/// Returns all objects of a git repository, uncompressed, reachable or not.
fn git_objects(repository: &Path) -> Vec<u8> {
    let arguments = ["cat-file", "--batch-all-objects", "--batch"];
    let git =
        Command::new("git").arg("--git-dir").arg(repository).args(arguments).output().expect("git");
    assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
    git.stdout
}

/// Returns a process and its descendants.
fn family(process: u32) -> Vec<u32> {
    let parent = |process: &u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let all: Vec<u32> = fs::read_dir("/proc")
        .expect("processes")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let mut family = vec![process];
    let mut at = 0;
    while let Some(one) = family.get(at).copied() {
        family.extend(all.iter().filter(|child| parent(child) == Some(one)));
        at += 1;
    }
    family
}

#[test]
fn a_canary_is_found_in_every_form_whole_or_in_part_and_nowhere_else() {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    let canary = Canary::new();
    let text = canary.text.as_str();
    let json = serde_json::json!({ "password": text, "next": "x" }).to_string();
    let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
    let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    let utf16 =
        |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let mut planted: Vec<(&str, Vec<u8>)> = vec![
        ("as it is", text.into()),
        ("as it is", text[text.len() - PIECE - 3..text.len() - 3].into()),
        ("JSON", json.clone().into()),
        ("JSON in JSON", serde_json::json!({ "SecretString": json }).to_string().into()),
        ("JSON, all escaped", escaped.into()),
        ("Rust's {:?}", format!("{text:?}").into()),
        ("numbers", format!("{:?}", text.as_bytes()).into()),
        ("URL", utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().into()),
        (
            "URL, all escaped",
            text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>().into(),
        ),
        ("hexadecimal", hex.into()),
        ("UTF-16, little end first", utf16(u16::to_le_bytes)),
        ("UTF-16, big end first", utf16(u16::to_be_bytes)),
    ];
    for before in ["", "u", "us", "user:"] {
        planted.push(("base64", STANDARD.encode(format!("{before}{text}@host")).into()));
        planted.push(("base64url", URL_SAFE.encode(format!("{before}{text}@host")).into()));
    }
    for (form, bytes) in planted {
        let around = [b"\x00before ", bytes.as_slice(), b" after\xff"].concat();
        assert!(
            canary.forms_in(&around).contains(form),
            "{form}: {}",
            String::from_utf8_lossy(&around)
        );
    }
    assert!(!canary.is_in(&Canary::new().text));
}

#[test]
fn a_canary_is_found_below_a_folder_and_among_git_s_objects() {
    let canary = Canary::new();
    let repository = crate::Repository::new();
    repository.write("a.txt", "nothing").commit_all("Nothing");
    assert_eq!(canary.files_below(&repository.path()), <[String; 0]>::default());
    repository.write("sub/b.txt", &format!("x={}", canary.text)).commit_all("Leak");
    repository.git(&["gc", "--quiet"]);
    repository.git(&["rm", "--quiet", "sub/b.txt"]);
    let found = canary.files_below(&repository.path());
    assert!(found.len() == 1 && found[0].starts_with("the objects of .git: "), "{found:?}");
    fs::write(repository.path().join(&canary.text[canary.text.len() - 12..]), "").unwrap();
    assert_eq!(canary.files_below(&repository.path()).len(), 2);
}

#[test]
fn a_canary_is_found_in_a_process_that_holds_it() {
    let canary = Canary::new();
    let mut child = Command::new("sh")
        .args(["-c", "echo \"$0\"; sleep 60", &canary.text])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    assert!(!canary.in_what_is_seen_of(std::process::id()).is_empty());
    assert!(memory_of(child.id()).is_none_or(|memory| !canary.in_memory(&memory).is_empty()));
    child.kill().unwrap();
    child.wait().unwrap();
}
