//! The owners of a path by `CODEOWNERS`, as GitHub and GitLab read the file.

use std::collections::{BTreeMap, HashSet};

use regex::Regex;

/// The file's locations for GitHub and for GitLab; each uses the first that exists.
pub const CODE_OWNERS_PLACES: [[&str; 3]; 2] = [
    [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"],
    ["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"],
];

/// A parsed file.
#[derive(Debug, Default)]
pub struct CodeOwners {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    /// GitLab's section with its options, such as `^docs[2]`; empty before the first.
    section: String,
    /// As in the file, with the `!` of an exclusion.
    pattern: String,
    /// Whether it is a GitLab exclusion.
    ///
    /// No line of the section gives the path an owner.
    is_exclusion: bool,
    matches: Regex,
    owners: Vec<String>,
}

impl CodeOwners {
    /// Parses a file. Skips lines that neither host uses.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (mut lines, mut section, mut defaults) = (Vec::new(), String::new(), Vec::new());
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((name, owners)) = section_of(line) {
                (section, defaults) = (name, owners);
                continue;
            }
            let excluded = line.strip_prefix('!');
            let (pattern, rest) = split_pattern(excluded.map_or(line, str::trim_start));
            let is_exclusion = excluded.is_some();
            let mut owners = parse_owners(rest);
            if is_exclusion {
                owners.clear();
            } else if owners.is_empty() {
                owners.clone_from(&defaults);
            }
            owners.sort();
            owners.dedup();
            if let Some(matches) = compile(&pattern) {
                let pattern = if is_exclusion { format!("!{pattern}") } else { pattern };
                lines.push(Line {
                    section: section.clone(),
                    pattern,
                    is_exclusion,
                    matches,
                    owners,
                });
            }
        }
        Self { lines }
    }

    /// Returns the owners of the file at `path`.
    ///
    /// The last matching line decides. With `sections`, it does so in each of GitLab's sections
    /// that
    /// does not exclude the path; without, in the whole file, as on GitHub, which has no
    /// exclusions.
    #[must_use]
    pub fn owners(&self, path: &str, sections: bool) -> Vec<String> {
        let mut found: BTreeMap<&str, &Line> = BTreeMap::new();
        let mut excluded: HashSet<&str> = HashSet::new();
        for line in self.lines.iter().filter(|line| line.matches.is_match(path)) {
            match (line.is_exclusion, sections) {
                (false, _) => drop(found.insert(if sections { &line.section } else { "" }, line)),
                (true, true) => drop(excluded.insert(section_name(&line.section))),
                (true, false) => {}
            }
        }
        found.retain(|section, _| !excluded.contains(section_name(section)));
        let shown = |(section, line): (&str, &Line)| -> Vec<String> {
            let owner = |owner: &String| {
                if section.is_empty() { owner.clone() } else { format!("[{section}] {owner}") }
            };
            line.owners.iter().map(owner).collect()
        };
        found.into_iter().flat_map(shown).collect()
    }

    /// Returns the patterns of lines that differ in the two files.
    ///
    /// `is_relevant` filters the patterns.
    pub fn changed_patterns<'a>(
        &'a self,
        other: &'a Self,
        is_relevant: impl Fn(&str) -> bool,
    ) -> Vec<&'a str> {
        let key = |line: &'a Line| (&line.section, &line.pattern, &line.owners);
        let known = |file: &'a Self| file.lines.iter().map(key).collect::<HashSet<_>>();
        let (own, others) = (known(self), known(other));
        let one = self.lines.iter().filter(|line| !others.contains(&key(line)));
        let two = other.lines.iter().filter(|line| !own.contains(&key(line)));
        let bare = |line: &'a Line| line.pattern.strip_prefix('!').filter(|_| line.is_exclusion);
        let meant = one.chain(two).filter(|line| is_relevant(bare(line).unwrap_or(&line.pattern)));
        meant.map(|line| line.pattern.as_str()).collect()
    }
}

/// Parses a section's name and default owners: `[Docs][2] @team`, `^[Docs]`.
///
/// (GitLab, "Code Owners syntax".)
fn section_of(line: &str) -> Option<(String, Vec<String>)> {
    let (optional, rest) = line.strip_prefix('^').map_or(("", line), |rest| ("^", rest));
    let (name, mut rest) = rest.strip_prefix('[')?.split_once(']')?;
    let mut approvals = String::new();
    if let Some((number, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        approvals = format!("[{number}]");
        rest = after;
    }
    let mut owners = parse_owners(rest);
    owners.sort();
    Some((format!("{optional}{}{approvals}", name.to_lowercase()), owners))
}

/// Returns the name of a section without options.
///
/// GitLab merges sections of the same name.
fn section_name(section: &str) -> &str {
    let name = section.strip_prefix('^').unwrap_or(section);
    match name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
        Some((name, _approvals)) => name,
        None => name,
    }
}

/// Splits a line into the pattern, in which `\ ` is a space, and the rest.
fn split_pattern(line: &str) -> (String, &str) {
    let mut pattern = String::new();
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => pattern.extend(characters.next().map(|(_, escaped)| escaped)),
            ' ' | '\t' => return (pattern, &line[at..]),
            other => pattern.push(other),
        }
    }
    (pattern, "")
}

/// Returns the owners before any comment.
fn parse_owners(rest: &str) -> Vec<String> {
    rest.split_whitespace().take_while(|word| !word.starts_with('#')).map(str::to_owned).collect()
}

/// Compiles a gitignore pattern, without support for `!` and `[]`.
///
/// `folder/*` matches only files directly in the folder (GitHub, "About code owners").
fn compile(pattern: &str) -> Option<Regex> {
    let body = pattern.strip_prefix('/').unwrap_or(pattern);
    let body = body.strip_suffix('/').unwrap_or(body);
    let is_anchored = pattern.starts_with('/') || body.contains('/');
    let mut regex = String::from(if is_anchored { "^" } else { "^(?:.*/)?" });
    let mut rest = body;
    while let Some(character) = rest.chars().next() {
        let (written, length) = match () {
            () if rest.starts_with("**/") => ("(?:.*/)?".to_owned(), 3),
            () if rest.starts_with("**") => (".*".to_owned(), 2),
            () if character == '*' => ("[^/]*".to_owned(), 1),
            () if character == '?' => ("[^/]".to_owned(), 1),
            () => (regex::escape(&character.to_string()), character.len_utf8()),
        };
        regex.push_str(&written);
        rest = &rest[length..];
    }
    regex.push_str(match () {
        () if pattern.ends_with('/') => "/.*$",
        () if body.ends_with("/*") && !body.ends_with("**") => "$",
        () => "(?:/.*)?$",
    });
    Regex::new(&regex).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(text: &str, path: &str) -> String {
        CodeOwners::parse(text).owners(path, false).join(" ")
    }

    #[test]
    fn patterns_match_as_the_git_hosts_document_it() {
        let rows = [
            ("*", "goldenpath.yaml", true),
            ("*", "catalogs/secrets/a/dev/SEC-0001.yaml", true),
            ("goldenpath.yaml", "sub/goldenpath.yaml", true),
            ("/goldenpath.yaml", "sub/goldenpath.yaml", false),
            ("/catalogs/", "catalogs/secrets/a.yaml", true),
            ("catalogs/", "x/catalogs/secrets/a.yaml", true),
            ("catalogs/secrets", "catalogs/secrets/a.yaml", true),
            ("catalogs/secrets", "x/catalogs/secrets/a.yaml", false),
            ("catalogs/*", "catalogs/secrets/a.yaml", false),
            ("catalogs/*", "catalogs/a.yaml", true),
            ("/catalogs/**/dev/", "catalogs/secrets/a/dev/SEC-0001.yaml", true),
            ("/catalogs/**", "catalogs/secrets/a/dev/SEC-0001.yaml", true),
            ("**/enums.yaml", "schemas/metadata/enums.yaml", true),
            ("*.yaml", "schemas/metadata/enums.yaml", true),
            ("*.yml", "schemas/metadata/enums.yaml", false),
            ("/goldenpath.y?ml", "goldenpath.yaml", true),
            ("/golden.ath.yaml", "goldenpath.yaml", false),
        ];
        for (pattern, path, matches) in rows {
            assert_eq!(
                !owners(&format!("{pattern} @x"), path).is_empty(),
                matches,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn the_last_line_that_matches_decides_even_without_owners() {
        let text = "* @all\n/schemas/ @platform # who else\n/schemas/free.yaml\n";
        assert_eq!(owners(text, "README.md"), "@all");
        assert_eq!(owners(text, "schemas/metadata/enums.yaml"), "@platform");
        assert_eq!(owners(text, "schemas/free.yaml"), "");
    }

    #[test]
    fn an_exclusion_removes_the_owners_in_its_section_and_no_later_line_restores_them() {
        let both = |text: &str| CodeOwners::parse(text).owners("goldenpath.yaml", true).join(", ");
        assert_eq!(both("* @all\n!goldenpath.yaml\n"), "");
        assert_eq!(both("!goldenpath.yaml\n/goldenpath.yaml @platform\n"), "");
        assert_eq!(both("!*.md\n/goldenpath.yaml @platform\n"), "@platform");
        assert_eq!(both("* @all\n[Platform] @platform\n!*.yaml\ngoldenpath.yaml\n"), "@all");
        assert_eq!(both("[A][2] @a\n*\n[B] @b\n*\n^[a]\n!*\n"), "[b] @b");
        // GitHub has no exclusions.
        assert_eq!(owners("* @all\n!goldenpath.yaml @x\n", "goldenpath.yaml"), "@all");
        let (one, other) =
            (CodeOwners::parse("!/catalogs/x/\n"), CodeOwners::parse("/catalogs/x/\n"));
        let changed = one.changed_patterns(&other, |pattern| pattern.starts_with("/catalogs/"));
        assert_eq!(changed, ["!/catalogs/x/", "/catalogs/x/"]);
    }

    #[test]
    fn each_of_gitlabs_sections_counts_with_its_options() {
        let both = |text: &str| CodeOwners::parse(text).owners("goldenpath.yaml", true).join(", ");
        assert_eq!(
            both("* @all\n[Platform][2] @platform\ngoldenpath.yaml\n"),
            "@all, [platform[2]] @platform"
        );
        assert_eq!(
            both("* @all\n^[Platform] @platform\ngoldenpath.yaml\n"),
            "@all, [^platform] @platform"
        );
    }
}
