//! The threat model names each promise of `tests/trust/`, and no test that does not exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the tests in a file of `tests/trust/`.
fn tests_of(module: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(format!("tests/trust/{module}.rs"))).unwrap();
    let mut names = BTreeSet::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[test]" {
            let declared = lines.by_ref().find_map(|line| line.trim().strip_prefix("fn ")).unwrap();
            names.insert(declared.split('(').next().unwrap().to_owned());
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
        assert_eq!(shown, tests, "{module}");
    }
    let expected: BTreeSet<&str> =
        modules.into_iter().filter(|module| *module != "threat_model").collect();
    assert_eq!(named, expected);
}
