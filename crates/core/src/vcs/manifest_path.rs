//! Which files count as manifests by their names, in every snapshot alike.

use std::path::Path;

use memchr::memchr_iter;

/// Whether a file of this name can be a manifest.
#[must_use]
pub fn is_yaml(path: &Path) -> bool {
    // Asked of every file of a catalog: the ends of the bytes tell it faster than the path's parts.
    let bytes = path.as_os_str().as_encoded_bytes();
    [".yaml", ".yml"].iter().any(|end| {
        bytes
            .len()
            .checked_sub(end.len())
            .is_some_and(|stem| bytes[stem..].eq_ignore_ascii_case(end.as_bytes()))
    })
}

/// Whether a part of a path below the catalog begins with a dot: an editor's file or a tool's.
#[must_use]
pub fn is_hidden(below: &str) -> bool {
    // Asked of every file of a catalog, too; most have one dot.
    let bytes = below.as_bytes();
    memchr_iter(b'.', bytes).any(|dot| dot == 0 || bytes[dot - 1] == b'/')
}
