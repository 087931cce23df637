//! Which file names count as manifests, equal in every snapshot.

use std::path::Path;

/// Reports whether a file of this name can be a manifest.
#[must_use]
pub fn is_yaml(path: &Path) -> bool {
    // Called for every file of a catalog: comparing bytes is faster than splitting the path.
    let bytes = path.as_os_str().as_encoded_bytes();
    [".yaml", ".yml"].iter().any(|end| {
        bytes
            .len()
            .checked_sub(end.len())
            .is_some_and(|stem| bytes[stem..].eq_ignore_ascii_case(end.as_bytes()))
    })
}

/// Reports whether a part of a path starts with a dot, as editors' files do.
#[must_use]
pub fn is_hidden(below: &str) -> bool {
    below.starts_with('.') || below.as_bytes().windows(2).any(|pair| pair == b"/.")
}
