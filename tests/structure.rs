//! The structure holds: dependencies and imports lead downward, maps agree with the tree, names are
//! unique, words and columns keep to `docs/style.md`.

mod allowance;
mod objects;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use regex::Regex;

use self::allowance::{Allowance, Hit};
use self::source::{files, relative, root, split};

/// A crate with a table of its modules: its name, its sources, its root module.
struct Member {
    sources: &'static str,
}

const MEMBERS: [Member; 3] = [
    Member { sources: "src" },
    Member { sources: "crates/deploy/src" },
    Member { sources: "crates/core/src" },
];

/// Type names that are generic by nature, or have one definition for each platform.
const GENERIC_TYPES: [&str; 4] = ["Args", "Format", "Error", "Connection"];

#[test]
fn cargo_run_without_a_name_has_one_program_to_run() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let default = metadata["workspace_default_members"].as_array().unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let targets = packages
        .iter()
        .filter(|package| default.contains(&package["id"]))
        .flat_map(|package| package["targets"].as_array().unwrap());
    let programs: Vec<&str> = targets
        .filter(|target| target["kind"][0] == "bin")
        .map(|target| target["name"].as_str().unwrap())
        .collect();
    assert_eq!(programs, ["goldenpath"]);
}

#[test]
fn the_core_links_no_runtime_cloud_cluster_database_or_terminal() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", "goldenpath-core", "-e", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("goldenpath-core") && names.contains("serde"), "{text}");
    let programs = ["tokio", "kube", "k8s-openapi", "rusqlite"];
    let terminals = ["console", "indicatif", "dialoguer", "crossterm", "clap"];
    let found: Vec<&&str> = names
        .iter()
        .filter(|name| {
            programs.contains(name) || terminals.contains(name) || name.starts_with("aws-")
        })
        .collect();
    assert!(found.is_empty(), "goldenpath-core depends on {found:?}: cargo tree -i <crate>");
}

/// Returns the modules of a crate's table, from top to bottom.
fn table(member: &Member) -> Vec<String> {
    let text = fs::read_to_string(root().join(member.sources).join("lib.rs")).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .filter_map(|row| row.split(" | ").next())
        .map(|cell| cell.trim_matches(['[', ']', '`']).to_owned())
        .filter(|name| name != "module" && !name.starts_with("---"))
        .collect()
}

/// The module of helpers for unit tests, which is no part of the crate.
const TESTING: &str = "testing";

fn declared(member: &Member) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(member.sources).join("lib.rs")).unwrap();
    let module = Regex::new(r"(?m)^(?:pub(?:\([a-z]+\))? )?mod (\w+);").unwrap();
    let code = split(&text).code;
    let modules = module.captures_iter(&code).map(|found| found[1].to_owned());
    modules.filter(|name| name != TESTING).collect()
}

#[test]
fn the_table_of_each_crate_lists_the_modules_that_are_there() {
    for member in &MEMBERS {
        let rows = table(member);
        let listed: BTreeSet<String> = rows.iter().cloned().collect();
        assert_eq!(rows.len(), listed.len(), "{}/lib.rs lists a module twice", member.sources);
        let sources = member.sources;
        assert_eq!(listed, declared(member), "the table and the modules of {sources}/lib.rs");
        let on_disk: BTreeSet<String> = fs::read_dir(root().join(member.sources))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .filter(|name| !["lib", "main", TESTING].contains(&name.as_str()))
            .collect();
        assert_eq!(listed, on_disk, "the table of {0}/lib.rs and the files in {0}", member.sources);
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Returns the modules of its own crate that code names, each with its place.
fn named_modules(code: &str) -> Vec<(String, usize)> {
    let path = Regex::new(r"(?-u:\b)crate::([a-z_]+|\{)").unwrap();
    let mut named = Vec::new();
    for found in path.captures_iter(code) {
        let first = found.get(1).unwrap();
        let at = first.start();
        if first.as_str() != "{" {
            named.push((first.as_str().to_owned(), at));
            continue;
        }
        let mut depth = 0;
        let mut name = String::new();
        let mut is_head = true;
        for character in code[first.start()..].chars() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ':' => is_head = false,
                _ => {}
            }
            if (depth == 1 && character == ',') || depth == 0 {
                if !name.is_empty() {
                    named.push((std::mem::take(&mut name), at));
                }
                is_head = true;
            } else if depth == 1 && is_head && (character.is_alphanumeric() || character == '_') {
                name.push(character);
            }
            if depth == 0 {
                break;
            }
        }
    }
    named
}

#[test]
fn a_module_imports_only_modules_below_it() {
    let mut wrong = Vec::new();
    for member in &MEMBERS {
        let rows = table(member);
        let rank = |name: &str| rows.iter().position(|row| row == name);
        for (file, text) in production_files(member.sources) {
            let below = file.strip_prefix(root().join(member.sources)).unwrap();
            let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
            let module = first.trim_end_matches(".rs");
            let Some(own) = rank(module) else { continue };
            for (name, at) in named_modules(&text) {
                let Some(other) = rank(&name) else { continue };
                if other >= own {
                    continue;
                }
                let (place, line) = (relative(&file), line_of(&text, at));
                wrong.push(format!("{place}:{line}: `{module}` is below `{name}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that lead upward:\n{}", wrong.join("\n"));
}

/// Returns the code of a folder's Rust files, without comments, strings and tests.
fn production_files(folder: &str) -> Vec<(PathBuf, String)> {
    let test_module = Regex::new(r"#\[cfg\(test\)\]\s*(?:pub(?:\([a-z]+\))? )?mod (\w+);").unwrap();
    let all = files(folder, "rs");
    let mut tests: Vec<PathBuf> = Vec::new();
    let mut codes = Vec::new();
    for file in all {
        let code = split(&fs::read_to_string(&file).unwrap()).code;
        let name = file.file_stem().unwrap().to_str().unwrap();
        let parent = file.parent().unwrap();
        let children = match name {
            "lib" | "main" | "mod" => parent.to_owned(),
            name => parent.join(name),
        };
        tests.extend(test_module.captures_iter(&code).map(|found| children.join(&found[1])));
        codes.push((file, source::without_tests(&code)));
    }
    codes.retain(|(file, _)| {
        !tests.iter().any(|test| file.starts_with(test) || file.with_extension("") == *test)
    });
    codes
}

#[test]
fn the_search_for_imports_sees_groups_and_paths_in_code() {
    let code = "use crate::{a, b::{c, d}, e::f};\nfn f() { crate::g::h(); }";
    let names: Vec<String> = named_modules(code).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "e", "g"]);
    let text = "/* crate::a */ let s = \"crate::b\"; // crate::c\nlet c = '\"'; crate::d();";
    let names = named_modules(&split(text).code);
    assert_eq!(names, [("d".to_owned(), text.find("d()").unwrap())]);
    let tests = "#[cfg(test)]\nmod tests { use crate::x; fn f() { {} } }\nuse crate::y;";
    let names: Vec<String> =
        named_modules(&source::without_tests(tests)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["y"]);
}

#[test]
fn no_type_name_is_defined_twice() {
    let public = r"(?:pub(?:\([^)]*\))? )?";
    let definition = format!(r"(?m)^(?:\s*{public}(?:struct|enum|trait|union)|{public}type) (\w+)");
    let definition = Regex::new(&definition).unwrap();
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // The test kit is left out: it has stand-ins under the names of what they stand in for.
    let folders = MEMBERS.iter().flat_map(|member| production_files(member.sources));
    for (file, code) in folders {
        for found in definition.captures_iter(&code) {
            let name = found[1].to_owned();
            let line = line_of(&code, found.get(1).unwrap().start());
            places.entry(name).or_default().push(format!("{}:{line}", relative(&file)));
        }
    }
    let twice: Vec<String> = places
        .iter()
        .filter(|(name, places)| places.len() > 1 && !GENERIC_TYPES.contains(&name.as_str()))
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect();
    assert!(twice.is_empty(), "type names with two definitions:\n{}", twice.join("\n"));
}

/// The forbidden words as one expression, and the replacement of each form.
struct Words {
    any: Regex,
    replacements: BTreeMap<String, String>,
}

fn forbidden_words() -> Words {
    let text = fs::read_to_string(root().join("tests/structure/words.txt")).unwrap();
    let mut replacements = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (forms, replacement) = line.split_once(" = ").unwrap();
        for form in forms.split('|') {
            replacements.insert(form.to_owned(), replacement.to_owned());
        }
    }
    // The longer of two forms that begin alike comes first.
    let mut forms: Vec<String> = replacements.keys().rev().cloned().collect();
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    let forms = forms.join("|").replace(' ', r"(?:\s|//[/!]?|\\)+");
    Words { any: Regex::new(&format!(r"(?i)(?-u:\b)(?:{forms})(?-u:\b)")).unwrap(), replacements }
}

/// Returns the forbidden words in a text; of Rust, only those in comments and strings.
fn word_hits(file: &str, text: &str, words: &Words) -> Vec<Hit> {
    let prose = if file.ends_with(".rs") { split(text).prose } else { text.to_owned() };
    let mut hits = Vec::new();
    for found in words.any.find_iter(&prose) {
        let parts = found.as_str().split(|character: char| " \n\t/!\\".contains(character));
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        let form = parts.join(" ").to_lowercase();
        // "There is no file" and "it is no longer there" are English.
        let is_english = || {
            let before = prose[..found.start()].trim_end();
            let after = prose[found.end()..].trim_start();
            before.ends_with("there")
                || before.ends_with("There")
                || ["longer", "more"].iter().any(|word| after.starts_with(word))
        };
        if form == "is no" && is_english() {
            continue;
        }
        let line = line_of(&prose, found.start());
        let message = format!("`{}`: write {}", parts.join(" "), words.replacements[&form]);
        hits.push(Hit { file: file.to_owned(), line, message });
    }
    hits
}

#[test]
fn forbidden_words_are_in_no_comment_message_template_or_page() {
    let words = forbidden_words();
    let pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "AGENTS.md"];
    let mut all = pages.map(|name| root().join(name)).to_vec();
    all.extend(files("src", "rs"));
    all.extend(files("crates", "rs"));
    all.extend(files("docs", "md"));
    all.extend(files("crates/core/templates", ""));
    let mut hits = Vec::new();
    for file in all {
        let place = relative(&file);
        if place != "docs/style.md" {
            hits.extend(word_hits(&place, &fs::read_to_string(&file).unwrap(), &words));
        }
    }
    Allowance::of("words_allowed.txt").assert_covers(&hits);
}

#[test]
fn the_search_for_words_sees_comments_and_strings_and_not_identifiers() {
    let words = forbidden_words();
    let text = "fn told(anew: u8) {} // told\nlet is_told = \"Somebody\nelse\"; // by\n// now\n";
    let hits: Vec<(usize, String)> =
        word_hits("x.rs", text, &words).into_iter().map(|hit| (hit.line, hit.message)).collect();
    assert_eq!(hits.len(), 3, "{hits:?}");
    assert_eq!(hits[0], (1, "`told`: write reports, prints, says".to_owned()));
    assert!(hits[1].1.starts_with("`Somebody`"), "{hits:?}");
    assert!(hits[2].0 == 3 && hits[2].1.ends_with("write already, then"), "{hits:?}");
    let fine = "there is no file; it is no longer there; besides, a newcomer";
    assert!(word_hits("x.md", fine, &words).is_empty());
    assert_eq!(word_hits("x.md", "it is no file", &words).len(), 1);
}

#[test]
fn no_line_of_rust_is_over_100_columns() {
    let mut hits = Vec::new();
    for folder in ["src", "crates", "tests", "xtask", "fuzz"] {
        for file in files(folder, "rs") {
            for (index, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
                let columns = if line.len() > 100 { line.chars().count() } else { 0 };
                if columns > 100 {
                    let message = format!("{columns} columns: at most 100");
                    hits.push(Hit { file: relative(&file), line: index + 1, message });
                }
            }
        }
    }
    Allowance::of("columns_allowed.txt").assert_covers(&hits);
}

/// Returns the paths that a page names in backticks.
fn named_paths(text: &str) -> Vec<String> {
    let span = Regex::new(r"`([^`\n]+)`").unwrap();
    let fence = Regex::new(r"(?s)(?:````.*?````|```.*?```)").unwrap();
    span.captures_iter(&fence.replace_all(text, ""))
        .map(|found| found[1].to_owned())
        .filter(|path| Regex::new(r"^\.?[\w.-]+(/[\w.*-]+)*/?$").unwrap().is_match(path))
        .filter(|path| {
            let is_file = [".rs", ".md", ".toml", ".yml", ".yaml", ".txt"];
            path.contains('/') || is_file.iter().any(|end| path.ends_with(end))
        })
        .collect()
}

#[test]
fn the_paths_that_contributing_and_agents_name_exist() {
    // Made by a build, by fuzzing, or by the reader of the tutorial.
    let rust = files("crates", "rs");
    let names: BTreeSet<&str> = rust.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    let made = ["target/", "fuzz/found/", "fuzz/artifacts/", "gp209"];
    for page in ["CONTRIBUTING.md", "AGENTS.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let paths = named_paths(&text);
        assert!(paths.len() > 5, "{page} names {paths:?}");
        for path in paths {
            if made.iter().any(|part| path.contains(part)) {
                continue;
            }
            let start = path.split('*').next().unwrap();
            let is_name = !path.contains('/') && names.contains(path.as_str());
            assert!(
                root().join(start).exists() || is_name,
                "{page} names {path}, which does not exist"
            );
        }
    }
}

#[test]
fn the_map_in_contributing_is_the_workspace() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let (_, map) = text.split_once("## The map").unwrap();
    let map = map.split("\n## ").next().unwrap();
    let cell = Regex::new(r"`([\w-]+)`").unwrap();
    for member in &MEMBERS {
        let folder = format!("| `{}/`", member.sources);
        let row = map.lines().find(|line| line.starts_with(&folder));
        let row = row.unwrap_or_else(|| panic!("CONTRIBUTING.md has no row {folder}"));
        let modules = row.split(" | ").nth(2).unwrap();
        let listed: Vec<&str> =
            cell.captures_iter(modules).map(|found| found.get(1).unwrap().as_str()).collect();
        assert_eq!(listed, table(member), "the row {folder} and the table of its lib.rs");
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.lines().find(|line| line.starts_with("members = ")).unwrap();
    for member in Regex::new(r#""([^"]+)""#).unwrap().captures_iter(members) {
        let folder = match &member[1] {
            "." => "`src/`".to_owned(),
            folder => format!("`{folder}/src/`"),
        };
        assert!(map.contains(&folder), "CONTRIBUTING.md has no row for {folder}");
    }
}
