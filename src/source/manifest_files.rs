//! Which files count as manifests by their names, in every snapshot alike.

use std::path::Path;

/// Whether a file of this name can be a manifest.
#[must_use]
pub fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml"))
}

/// Whether a part of a path below the catalog begins with a dot: an editor's file or a tool's.
#[must_use]
pub fn is_hidden(below: &str) -> bool {
    below.split('/').any(|name| name.starts_with('.'))
}
