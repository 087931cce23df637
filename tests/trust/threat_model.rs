//! The threat model names each promise of `tests/trust/`, and no test that does not exist there or
//! next to a rule.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the names of the tests in a file of `tests/trust/`.
fn tests_of(module: &str) -> BTreeSet<String> {
    tests_in(&fs::read_to_string(root().join(format!("tests/trust/{module}.rs"))).unwrap())
}

/// Returns the names of the unit tests of the rules.
fn tests_of_rules() -> BTreeSet<String> {
    let folder = root().join("crates/core/src/rules");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap());
    texts.flat_map(|text| tests_in(&text)).collect()
}

fn tests_in(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[test]" {
            let declared = lines.by_ref().find_map(|line| line.trim().strip_prefix("fn ")).unwrap();
            names.insert(declared.split('(').next().unwrap().to_owned());
        }
        // A table of tests: `cases! { name_of_the_table(check): row(…); … }`.
        if let Some(table) = line.trim().strip_prefix("cases! { ") {
            names.insert(table.split('(').next().unwrap().to_owned());
        }
    }
    names
}

#[test]
fn the_threat_model_names_each_promise_and_no_other() {
    let modules = fs::read_to_string(root().join("tests/trust/mod.rs")).unwrap();
    let modules: BTreeSet<&str> =
        modules.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
    let page = fs::read_to_string(root().join("docs/explanation/threat-model.md")).unwrap();
    let of_rules = tests_of_rules();
    let mut named = BTreeSet::new();
    for section in page.split("\n### ").skip(1) {
        let (heading, rest) = section.split_once('\n').unwrap();
        let Some(module) =
            heading.split("(`trust::").nth(1).and_then(|rest| rest.strip_suffix("`)"))
        else {
            continue;
        };
        named.insert(module);
        let tests = tests_of(module);
        assert!(!tests.is_empty(), "{module}");
        // Test names have at least three words; codes, options and files do not look like that.
        let shown: BTreeSet<String> = rest
            .split("\n## ")
            .next()
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| {
                word.matches('_').count() >= 2
                    && word
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
            })
            .map(str::to_owned)
            .collect();
        let missing: Vec<_> = tests.difference(&shown).collect();
        assert!(missing.is_empty(), "{module}: the page does not name {missing:?}");
        let unknown: Vec<_> =
            shown.difference(&tests).filter(|name| !of_rules.contains(*name)).collect();
        assert!(unknown.is_empty(), "{module}: there is no test {unknown:?}");
    }
    let expected: BTreeSet<&str> =
        modules.into_iter().filter(|module| *module != "threat_model").collect();
    assert_eq!(named, expected);
}
