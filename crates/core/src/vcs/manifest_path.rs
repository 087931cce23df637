//! Which file names count as manifests, equal in every snapshot.

use std::path::Path;

use memchr::memchr_iter;

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
    // Called for every file of a catalog; most have one dot.
    let bytes = below.as_bytes();
    memchr_iter(b'.', bytes).any(|dot| dot == 0 || bytes[dot - 1] == b'/')
}
