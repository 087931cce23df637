//! Rule codes are written only in the files of the rules; other code uses the rules' constants.

use std::fs;
use std::path::Path;

use goldenpath_core::rules::RULES;
use walkdir::WalkDir;

/// Returns whether a file defines a rule: `rules/gp302_duplicate_id.rs`.
fn is_rule_file(path: &Path) -> bool {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    path.parent().is_some_and(|folder| folder.ends_with("rules"))
        && RULES.iter().any(|rule| name.starts_with(&rule.code.to_lowercase()))
}

/// Returns the code without comments and without the unit tests at the end of the file.
fn without_comments_and_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let is_comment = |line: &&str| line.trim_start().starts_with("//");
    let lines = code.lines().filter(|line| !is_comment(line));
    lines.map(|line| format!("{}\n", line.split(" // ").next().unwrap_or(line))).collect()
}

fn has_rule_code(line: &str) -> bool {
    let is_code = |rest: &str| rest.len() >= 3 && rest.bytes().take(3).all(|b| b.is_ascii_digit());
    line.match_indices("GP").any(|(at, found)| is_code(&line[at + found.len()..]))
}

#[test]
fn no_code_outside_of_a_rules_file_contains_a_rule_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rule_files = 0;
    let mut found = Vec::new();
    for folder in ["src", "crates/core/src", "crates/deploy/src"] {
        for entry in WalkDir::new(root.join(folder)) {
            let entry = entry.unwrap();
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "rs")
                || path.ends_with("tests.rs")
            {
                continue;
            }
            if is_rule_file(path) {
                rule_files += 1;
                continue;
            }
            let text = without_comments_and_tests(&fs::read_to_string(path).unwrap());
            let lines = text.lines().filter(|line| has_rule_code(line));
            found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    assert_eq!(rule_files, RULES.len(), "a rule is one file");
    assert!(found.is_empty(), "use the rule's constant instead:\n{}", found.join("\n"));
}

#[test]
fn a_rule_code_is_found_in_a_string_but_not_in_a_comment_or_a_test() {
    let text =
        "/// See GP101.\nlet code = \"GP102\"; // as GP103\n#[cfg(test)]\nlet x = \"GP104\";\n";
    let code = without_comments_and_tests(text);
    assert_eq!(code, "let code = \"GP102\";\n");
    assert!(has_rule_code(&code));
    assert!(!has_rule_code("GP10 and GPU"));
}
