//! An object that a clone lacks is never an empty answer: where objects are looked up, and how.

use std::fs;
use std::sync::LazyLock;

use regex::Regex;

use super::source::{files, relative, split, without_tests};

/// The one place that looks up objects with libgit2, and where new ones are written.
///
/// The audit branch is in a repository of goldenpath's own, which lacks nothing.
const LOOKUPS: [&str; 3] = [
    "crates/core/src/vcs/clone/",
    "crates/core/src/vcs/new_commit.rs",
    "crates/core/src/vcs/branch_files.rs",
];

/// The folders whose code reads objects.
const READERS: [&str; 8] = [
    "crates/core/src/catalog",
    "crates/core/src/check",
    "crates/core/src/ids",
    "crates/core/src/used_ids",
    "crates/core/src/vcs",
    "crates/deploy/src/audit",
    "crates/deploy/src/branch",
    "crates/deploy/src/gitops",
];

/// Returns file, line and text of each statement that `is_wrong`, in these folders.
fn statements(folders: &[&str], is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in folders.iter().flat_map(|folder| files(folder, "rs")) {
        let name = relative(&file);
        if LOOKUPS.iter().any(|place| name.starts_with(place)) {
            continue;
        }
        let code = split(&fs::read_to_string(&file).unwrap()).code;
        let code = without_tests(&code.replace("#[cfg(all(test, unix))]", "#[cfg(test)]"));
        let mut at = 0;
        for statement in code.split_inclusive([';', '{', '}']) {
            if is_wrong(statement) {
                let line = code[..at].matches('\n').count() + 1;
                found.push(format!("{name}:{line}: {}", statement.trim()));
            }
            at += statement.len();
        }
    }
    found
}

/// Returns whether a statement drops the error of a read of an object.
fn drops_errors(statement: &str) -> bool {
    static READS: LazyLock<Regex> = LazyLock::new(|| {
        let names = [
            r"\.(find_tree|find_commit|find_blob|tree_of|item_at|folder_at)\(",
            r"\.(blobs_below|load_below|read_blob|read_blob_up_to|read_file|read_objects)\(",
            r"\b(read_or_fetch\(|(self|repository)\.load\()",
        ];
        Regex::new(&names.join("|")).unwrap()
    });
    static DROPS: LazyLock<Regex> = LazyLock::new(|| {
        let drops = r"\.ok\(\)|\.is_ok_and\(|\.unwrap_or|\.flatten\(\)|let (Ok|Some\(Ok)\(";
        Regex::new(drops).unwrap()
    });
    READS.is_match(statement) && DROPS.is_match(statement)
}

/// Returns whether a statement looks up an object with libgit2 itself.
fn looks_up(statement: &str) -> bool {
    static LOOKUP: LazyLock<Regex> = LazyLock::new(|| {
        let lookups = [
            r"\bgit\s*\.\s*find_(tree|commit|blob|object)\(",
            r"\.get_path\(\s*Path|\bpeel_to_tree\(",
        ];
        Regex::new(&lookups.join("|")).unwrap()
    });
    LOOKUP.is_match(statement)
}

#[test]
fn no_read_of_an_object_drops_its_error() {
    let wrong = statements(&READERS, |statement| {
        // A list that does not exist in the work tree is empty.
        drops_errors(&statement.replace("?.unwrap_or_default()", "?"))
    });
    assert!(wrong.is_empty(), "a missing object would be an empty answer:\n{}", wrong.join("\n"));
}

#[test]
fn only_one_module_of_the_core_looks_up_objects() {
    let wrong = statements(&["crates/core/src"], looks_up);
    assert!(wrong.is_empty(), "use the functions of vcs/clone/objects.rs:\n{}", wrong.join("\n"));
}

#[test]
fn the_search_for_dropped_errors_sees_each_form() {
    for wrong in [
        "let tree = self.find_tree(id).ok();",
        "let Ok(tree) = git.find_tree(id) else {",
        "if let Ok(Some(item)) = self.item_at(&tree, path) {",
        "self.read_blob(id).unwrap_or_default();",
        "ids.map(|id| self.find_commit(id)).flatten();",
    ] {
        assert!(drops_errors(wrong), "{wrong}");
    }
    for right in ["let tree = self.find_tree(id)?;", "let name = entry.name().ok();"] {
        assert!(!drops_errors(right), "{right}");
    }
    assert!(looks_up("self.git.find_tree(id)") && looks_up("tree.get_path(Path::new(path))"));
    assert!(!looks_up("self.find_tree(id)") && !looks_up("config.get_path(name)"));
}
