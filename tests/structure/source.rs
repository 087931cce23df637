//! Files of the project, and Rust text split into code and prose.

use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns a file's path from the root of the project.
pub(super) fn relative(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}

/// Returns the files below a folder with an extension (all files, for an empty one), in order.
pub(super) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let is_build = path.file_name().is_some_and(|name| name == "target");
            if path.is_dir() && !path.is_symlink() && !is_build {
                folders.push(path);
            } else if path.is_file()
                && (extension.is_empty() || path.extension().is_some_and(|it| it == extension))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A Rust text twice, each with the lines of the text.
#[derive(Default)]
pub(super) struct Split {
    /// The code; comments and the contents of strings are blank.
    pub code: String,
    /// The comments and the contents of strings; code is blank.
    pub prose: String,
}

impl Split {
    fn push(&mut self, character: char, is_prose: bool) {
        let blank = if character == '\n' { '\n' } else { ' ' };
        // A sign between two strings: no phrase begins in one and ends in the other.
        let barrier = if character.is_whitespace() { character } else { '·' };
        self.code.push(if is_prose { blank } else { character });
        self.prose.push(if is_prose { character } else { barrier });
    }
}

/// Splits a Rust text: comments, strings and character literals are recognized.
pub(super) fn split(text: &str) -> Split {
    let characters: Vec<char> = text.chars().collect();
    let mut split = Split::default();
    let mut index = 0;
    while index < characters.len() {
        let length = prose_length(&characters[..index], &characters[index..]);
        for &character in &characters[index..index + length] {
            split.push(character, true);
        }
        index += length;
        if length == 0 {
            split.push(characters[index], false);
            index += 1;
        }
    }
    split
}

/// Returns the length of the comment or literal that `rest` begins with, 0 for code.
fn prose_length(before: &[char], rest: &[char]) -> usize {
    let length = match rest {
        ['/', '/', ..] => rest.iter().position(|&character| character == '\n'),
        ['/', '*', ..] => Some(block_length(rest)),
        ['"', ..] => Some(string_length(rest, '"')),
        ['\'', '\\', ..] => Some(string_length(rest, '\'')),
        ['\'', _, '\'', ..] => Some(3),
        ['r', '"' | '#', ..] if !is_inside_word(before) => return raw_length(rest),
        _ => return 0,
    };
    length.unwrap_or(rest.len())
}

fn is_inside_word(before: &[char]) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    match before {
        [.., other, 'b' | 'c'] => is_word(*other),
        ['b' | 'c'] | [] => false,
        [.., last] => is_word(*last),
    }
}

fn block_length(rest: &[char]) -> usize {
    let (mut depth, mut index) = (0, 0);
    while index < rest.len() {
        match &rest[index..] {
            ['/', '*', ..] => (depth, index) = (depth + 1, index + 2),
            ['*', '/', ..] => (depth, index) = (depth - 1, index + 2),
            _ => index += 1,
        }
        if depth == 0 {
            break;
        }
    }
    index
}

fn string_length(rest: &[char], quote: char) -> usize {
    let mut index = 1;
    while index < rest.len() {
        match rest[index] {
            '\\' => index += 2,
            character if character == quote => return index + 1,
            _ => index += 1,
        }
    }
    rest.len()
}

/// Returns the length of a raw string, 0 for a raw identifier.
fn raw_length(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|&&character| character == '#').count();
    if rest.get(hashes + 1) != Some(&'"') {
        return 0;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let start = hashes + 2;
    let at = rest[start..].windows(end.len()).position(|window| window == end);
    at.map_or(rest.len(), |at| start + at + end.len())
}

/// Blanks the items of `code` that are compiled for tests alone.
pub(super) fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut result = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        result.push_str(&rest[..at]);
        let (item, behind) = rest[at..].split_at(item_length(&rest[at..]));
        result.extend(item.chars().filter(|&character| character == '\n'));
        rest = behind;
    }
    result + rest
}

/// Returns the length of an item with its attribute: up to its `;` or its closing brace.
fn item_length(text: &str) -> usize {
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(character, ';' | '}') {
            return at + 1;
        }
    }
    text.len()
}
