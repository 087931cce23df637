//! Properties that hold for any bytes: no panic, every place is inside the text, no output controls
//! a terminal, and the findings are deterministic.
//!
//! The input is the fuzzers' corpus with random mutations. The seeds are fixed, so that a run can
//! be repeated. `fuzz/` covers more (CONTRIBUTING.md, "Fuzzing").

mod any_bytes;

use std::fs;
use std::path::Path;
use std::thread;

/// The texts that mutations insert: syntax of YAML, of the rules and of terminals. None looks like
/// a token, so that secret scanners do not report this file.
const PIECES: [&[u8]; 48] = [
    b": ",
    b"\n",
    b"\r\n",
    b"\r",
    b"\n  ",
    b"- ",
    b"? ",
    b"#",
    b" # ",
    b"---\n",
    b"...\n",
    b"&a ",
    b"*a",
    b"!!str ",
    b"<<: ",
    b"<<<<<<< ",
    b"|\n ",
    b">-\n",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b"'",
    b"\"",
    b"\\",
    b"\\x9b",
    b"\\u061c",
    b"\\e[2J",
    b"\t",
    b"\0",
    b"\x1b[31m",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"\xc3\xa9",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xf0\x9f\x94\x91",
    b"~",
    b"password: ",
    b"token=",
    b"://a:b@",
    b"-----BEGIN PRIVATE KEY-----",
    b"-----END ",
    b"AKIA",
    b"eyJhbGciOiJub25lIn0",
    b"9vQ2kLx7Rz0pWn4TbY8sHd3F",
];

/// The maximum length of a text: longer ones find nothing more.
const LONGEST: usize = 1024;

/// Pseudo-random numbers, the same on every run.
struct Chance(u64);

impl Chance {
    /// Returns a number less than `end`, or 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        // xorshift64* (Marsaglia; Vigna)
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap() % end.max(1)
    }

    /// Returns one of `corpus` with a few mutations.
    fn mutant(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + 1 + self.below(40)).min(bytes.len());
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => bytes.truncate(at),
                2 => {
                    let other = &corpus[self.below(corpus.len())];
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[self.below(other.len())..]);
                }
                3 => {
                    let times = 1 + self.below(20);
                    let again = bytes[at..end].repeat(times);
                    bytes.splice(at..at, again);
                }
                4 => drop(bytes.drain(at..end)),
                _ => drop(bytes.splice(at..at, PIECES[self.below(PIECES.len())].iter().copied())),
            }
        }
        bytes.truncate(LONGEST);
        bytes
    }
}

/// Prints the bytes at which a test failed.
struct Input<'a>(&'a [&'a [u8]]);

impl Drop for Input<'_> {
    fn drop(&mut self) {
        for bytes in self.0.iter().filter(|_| thread::panicking()) {
            eprintln!("it was given b\"{}\"", bytes.escape_ascii());
        }
    }
}

/// Returns the files of a fuzzer's corpus, ordered by name.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 10, "{}", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn manifests() -> Vec<Vec<u8>> {
    [corpus("manifest"), corpus("rules")].concat()
}

/// Calls `look` with each, and prints the one at which it failed.
fn each(files: &[Vec<u8>], look: impl Fn(&[u8])) {
    for bytes in files {
        let _input = Input(&[bytes]);
        look(bytes);
    }
}

/// Checks them as the files of several small catalogs, so that a failing one can be found.
fn judge(files: &[Vec<u8>]) {
    for files in files.chunks(20) {
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let _input = Input(&files);
        any_bytes::rules(&files);
    }
}

fn mutants(seed: u64, number: usize, corpus: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut chance = Chance(seed);
    (0..number).map(|_| chance.mutant(corpus)).collect()
}

#[test]
fn every_file_of_the_corpus_is_read_judged_and_fixed_without_a_panic() {
    each(&manifests(), any_bytes::manifest);
    judge(&manifests());
    each(&manifests(), any_bytes::fixes);
    each(&corpus("config"), any_bytes::config);
}

#[test]
fn whatever_becomes_of_a_manifest_its_places_are_in_the_text() {
    each(&mutants(1, 4000, &manifests()), any_bytes::manifest);
}

#[test]
fn whatever_becomes_of_a_manifest_its_findings_are_the_same_every_time_and_steer_no_terminal() {
    judge(&mutants(2, 500, &manifests()));
}

#[test]
fn whatever_becomes_of_a_manifest_fixing_it_breaks_nothing() {
    each(&mutants(3, 400, &manifests()), any_bytes::fixes);
}

#[test]
fn whatever_becomes_of_a_value_it_is_read_or_refused() {
    each(&corpus("value"), any_bytes::value);
    each(&mutants(5, 4000, &corpus("value")), any_bytes::value);
}

#[test]
fn whatever_becomes_of_a_configuration_it_is_used_or_refused() {
    each(&mutants(4, 600, &corpus("config")), any_bytes::config);
}
