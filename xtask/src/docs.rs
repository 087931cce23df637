//! `cargo xtask docs`: writes the generated pages, or reports those that are out of date.

use std::fs;
use std::path::Path;

use crate::pages::{self, Page};
use crate::root;

/// Writes each generated page that is out of date; with `check`, fails if there is one.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let mut stale = Vec::new();
    for Page { path, text } in pages::all()? {
        let file = root().join(&path);
        if fs::read_to_string(&file).unwrap_or_default() == text {
            continue;
        }
        if !check {
            let folder = file.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&file, text))
                .map_err(|error| format!("cannot write {path}: {error}"))?;
            println!("wrote {path}");
        }
        stale.push(path);
    }
    if check && !stale.is_empty() {
        return Err(format!("out of date: {}; run `cargo xtask docs`", stale.join(", ")));
    }
    Ok(())
}
