//! CODEOWNERS: lines generated from `ownership`, between two marker comments.
//!
//! GitHub and GitLab use the last line that matches a path, so a line after the marked ones can
//! override their owners. Such a line is reported, and writing moves the marked lines after it.
//!
//! GitLab also has exclusions, `!/path/`. No line of the same section gives an excluded path an
//! owner, so the user has to remove an exclusion by hand.

use miette::Diagnostic;
use serde::Serialize;

use crate::catalog::Project;
use crate::config;
use crate::config::{Config, ConfigError};
use crate::vcs;
use crate::vcs::{Repository, Snapshot, SourceError, Unreadable};

/// The locations of the file.
///
/// GitHub reads `.github/`, the root and `docs/`; GitLab the root, `docs/` and `.gitlab/`.
const PLACES: [&str; 4] =
    [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

/// The pipelines of GitHub and GitLab.
///
/// A change of one decides what runs on the next merge.
const PIPELINES: [&str; 3] = [".github/workflows/", ".gitlab-ci.yml", ".gitlab-ci.goldenpath.yml"];

/// The maximum size of the file in bytes: more than GitHub accepts.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The beginnings of the comments before and after the lines.
const BEGIN: &str = "# BEGIN goldenpath";
const END: &str = "# END goldenpath";

/// The section of the lines in a file with sections, which only GitLab supports.
const SECTION: &str = "[goldenpath]";

/// One line: a pattern and its owners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeownersLine {
    /// A path from the repository's root, such as `/catalogs/secrets/payments/`.
    pub pattern: String,
    /// Each is `@organization/team`, `@user` or an email address; never empty.
    pub owners: Vec<String>,
}

/// A CODEOWNERS file, existing or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeownersFile {
    /// Path from the repository's root.
    pub path: String,
    /// None if the file does not exist.
    pub text: Option<String>,
}

/// The state of a file, and the text that it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileComparison {
    /// The state before the file is written.
    pub state: LinesState,
    /// The file's text with the generated lines.
    pub text: String,
}

/// The state of the generated lines in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinesState {
    /// The lines are up to date, and no other line overrides them.
    Current,
    /// The file or the marker comments are missing.
    Missing,
    /// The lines between the marker comments differ.
    Stale,
    /// These later lines, counted from 1, may match the same paths.
    Overridden(Vec<usize>),
    /// These lines, counted from 1, may exclude the same paths, whatever their order.
    Excluded(Vec<usize>),
}

/// Why a CODEOWNERS file cannot be read or edited.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum CodeownersError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
    #[error("cannot choose between {}: the git host decides which one counts", .0.join(" and "))]
    #[diagnostic(code(goldenpath::codeowners), help("keep one of them, with the lines of both"))]
    Several(Vec<String>),
    #[error("cannot read `{path}`: it is in git's index, but not on disk")]
    #[diagnostic(
        code(goldenpath::codeowners),
        help(
            "restore it with `git sparse-checkout add` or `git restore`, or remove it from the \
             index with `git rm --cached`"
        )
    )]
    NotOnDisk { path: String },
    #[error("cannot read `{path}`: {why}")]
    #[diagnostic(code(goldenpath::codeowners), help("{help}"))]
    Unreadable { path: String, why: String, help: &'static str },
    #[error("cannot edit `{path}`: line {line} is {what}")]
    #[diagnostic(
        code(goldenpath::codeowners),
        help(
            "remove the marker comments (`{BEGIN} …`, `{END}`) and the lines between them, then \
             run `goldenpath codeowners --write`"
        )
    )]
    Markers { path: String, line: usize, what: &'static str },
}

impl LinesState {
    /// Returns its name in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Overridden(_) => "overridden",
            Self::Excluded(_) => "excluded",
        }
    }
}

/// Returns the lines for a project's configuration.
///
/// # Errors
/// As [`lines_of`].
pub fn lines(project: &Project, pipelines: &[&str]) -> Result<Vec<CodeownersLine>, ConfigError> {
    lines_of(&project.config, (&project.config_name, &project.config_text), pipelines)
}

/// Returns the lines for a configuration with its name and text.
///
/// Services go to their owners; the rest of the catalog, the rule files and `pipelines` go to the
/// platform team.
///
/// # Errors
/// No platform team, an owner without a code owner, or a path that cannot be a pattern, with its
/// location.
pub fn lines_of(
    config: &Config,
    (name, text): (&str, &str),
    pipelines: &[&str],
) -> Result<Vec<CodeownersLine>, ConfigError> {
    let ownership = &config.ownership;
    if ownership.platform.is_empty() {
        let help = "add `platform: [\"@organization/platform\"]` below `ownership`: the code \
                    owners of the rule files";
        let error = ConfigError::new(name, "`ownership.platform` has no code owner", help);
        return Err(error.at_item(text, &["ownership", "platform"], None));
    }
    let pattern = |field: &str, path: &str| match to_pattern(path) {
        Ok(path) => Ok(path),
        Err(character) => {
            let message = format!(
                "`{field}: {path}` cannot be a pattern in CODEOWNERS: it contains `{character}`"
            );
            let help = "rename it: letters, digits, spaces and ._/+@- work at every git host";
            Err(ConfigError::new(name, message, help).at_field(text, &[field]))
        }
    };
    let catalog = pattern("catalog", &config.catalog)?;
    let platform = |pattern: String| CodeownersLine { pattern, owners: ownership.platform.clone() };
    let mut lines = vec![platform(format!("/{catalog}/"))];
    for (service, own) in &ownership.services {
        let mut owners: Vec<String> = Vec::new();
        for owner in own.owners.iter().flatten() {
            let handle = ownership.teams.get(owner).ok_or_else(|| {
                let message = format!(
                    "`ownership.teams` has no code owner for `{owner}`, an owner of the \
                         service `{service}`"
                );
                let help = format!("add `{owner}: \"@organization/team\"` below `ownership.teams`");
                let keys = ["ownership", "services", service.as_str(), "owners"];
                ConfigError::new(name, message, help).at_item(text, &keys, Some(owner))
            })?;
            if !owners.contains(handle) {
                owners.push(handle.clone());
            }
        }
        if owners.is_empty() {
            owners.clone_from(&ownership.platform);
        }
        lines.push(CodeownersLine { pattern: format!("/{catalog}/{service}/"), owners });
    }
    let folders = ["schemas/", "templates/"];
    lines.push(platform(format!("/{}", config::FILE_NAME)));
    lines.extend(folders.map(|folder| platform(format!("/{folder}"))));
    for (field, path) in [
        ("enums", &config.enums),
        ("governance", &config.governance),
        ("secretTypes", &config.secret_types),
    ] {
        if !folders.iter().any(|folder| path.starts_with(folder)) {
            lines.push(platform(format!("/{}", pattern(field, path)?)));
        }
    }
    // All locations that a host reads: another file there would replace the current one.
    lines.extend(PLACES.map(|path| platform(format!("/{path}"))));
    lines.extend(pipelines.iter().map(|path| platform(format!("/{path}"))));
    Ok(lines)
}

/// Returns the [`PIPELINES`] that the repository has, on disk or in git's index.
///
/// # Errors
/// An index that cannot be read.
pub fn pipelines(repository: &Repository) -> Result<Vec<&'static str>, SourceError> {
    let mut found = Vec::new();
    for path in PIPELINES {
        let is_there = match path.strip_suffix('/') {
            Some(folder) => {
                repository.root().join(folder).is_dir()
                    || repository
                        .blobs_below(Snapshot::Index, folder)?
                        .is_some_and(|files| !files.is_empty())
            }
            None => {
                repository.root().join(path).exists()
                    || repository.read(Snapshot::Index, path, MAX_BYTES)?.is_some()
            }
        };
        found.extend(is_there.then_some(path));
    }
    Ok(found)
}

/// Reads the CODEOWNERS file from the work tree, or returns the path for a new one.
///
/// # Errors
/// Several files, one that cannot be read, or one that a sparse checkout omits.
pub fn find(repository: &Repository) -> Result<CodeownersFile, CodeownersError> {
    let mut found = Vec::new();
    for path in PLACES {
        let Some(bytes) = repository.read(Snapshot::WorkTree, path, MAX_BYTES)? else {
            // In a sparse checkout, a file that is not on disk is not necessarily deleted.
            if repository.read(Snapshot::Index, path, MAX_BYTES)?.is_some() {
                return Err(CodeownersError::NotOnDisk { path: path.to_owned() });
            }
            continue;
        };
        let unreadable =
            |why: String, help| CodeownersError::Unreadable { path: path.to_owned(), why, help };
        let bytes = bytes.map_err(|why| {
            let help = match why {
                Unreadable::Object(_) => vcs::GET_OBJECTS,
                _ => "replace it with a regular file of at most 4 MiB",
            };
            unreadable(why.to_string(), help)
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            unreadable(
                format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1),
                "save it as UTF-8",
            )
        })?;
        found.push(CodeownersFile { path: path.to_owned(), text: Some(text) });
    }
    match found.len() {
        0 => {
            let has = |name: &str| repository.root().join(name).exists();
            let signs = [".gitlab", PIPELINES[1], PIPELINES[2]];
            let is_gitlab = !has(".github") && signs.into_iter().any(has);
            let path = if is_gitlab { ".gitlab/CODEOWNERS" } else { ".github/CODEOWNERS" };
            Ok(CodeownersFile { path: path.to_owned(), text: None })
        }
        1 => Ok(found.remove(0)),
        _ => Err(CodeownersError::Several(
            found.into_iter().map(|file| format!("`{}`", file.path)).collect(),
        )),
    }
}

impl CodeownersFile {
    /// Compares the file with the lines that it should have.
    ///
    /// # Errors
    /// Marker comments that do not enclose one block of lines.
    pub fn compare(&self, lines: &[CodeownersLine]) -> Result<FileComparison, CodeownersError> {
        let text = self.text.as_deref().unwrap_or_default();
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let all: Vec<&str> = text.split_inclusive('\n').collect();
        let block = self.block(&all)?;
        let is_outside = |at: &usize| block.as_ref().is_none_or(|block| !block.contains(at));
        let outside: Vec<usize> = (0..all.len()).filter(is_outside).collect();
        let has_sections = outside.iter().any(|at| is_section(all[*at]));
        let expected = render_block(lines, has_sections);
        let excluding = exclusions(&all, block.as_ref(), has_sections, lines);
        if !excluding.is_empty() {
            return Ok(FileComparison {
                state: LinesState::Excluded(excluding),
                text: text.to_owned(),
            });
        }

        let Some(block) = block else {
            let kept = all.concat();
            return Ok(FileComparison {
                state: LinesState::Missing,
                text: append_block(&kept, &expected, newline),
            });
        };
        let later: Vec<usize> =
            (block.end..all.len()).filter(|at| overrides(all[*at], lines)).collect();
        if !later.is_empty() {
            let kept: String = outside.iter().map(|at| all[*at]).collect();
            let state = LinesState::Overridden(later.into_iter().map(|at| at + 1).collect());
            return Ok(FileComparison { state, text: append_block(&kept, &expected, newline) });
        }
        let is_current = all[block.clone()]
            .iter()
            .map(|line| line.trim_end())
            .eq(expected.iter().map(String::as_str));
        if is_current {
            return Ok(FileComparison { state: LinesState::Current, text: text.to_owned() });
        }
        let new: String = expected.iter().map(|line| format!("{line}{newline}")).collect();
        let text = all[..block.start].concat() + &new + &all[block.end..].concat();
        Ok(FileComparison { state: LinesState::Stale, text })
    }

    /// Returns the lines between the marker comments, both included.
    fn block(&self, all: &[&str]) -> Result<Option<std::ops::Range<usize>>, CodeownersError> {
        let error = |at: usize, what| CodeownersError::Markers {
            path: self.path.clone(),
            line: at + 1,
            what,
        };
        let mut begin = None;
        let mut block = None;
        for (at, line) in all.iter().enumerate() {
            if line.starts_with(BEGIN) {
                if begin.is_some() {
                    return Err(error(
                        at,
                        "a second marker comment that begins goldenpath's lines",
                    ));
                }
                begin = Some(at);
            } else if line.starts_with(END) {
                match (begin, &block) {
                    (Some(begin), None) => block = Some(begin..at + 1),
                    _ => {
                        return Err(error(
                            at,
                            "a marker comment that ends goldenpath's lines where none begin",
                        ));
                    }
                }
            }
        }
        match (begin, block) {
            (Some(begin), None) => {
                Err(error(begin, "a marker comment without the one that ends goldenpath's lines"))
            }
            (_, block) => Ok(block),
        }
    }
}

/// Renders the lines with their marker comments.
fn render_block(lines: &[CodeownersLine], has_sections: bool) -> Vec<String> {
    let width = lines.iter().map(|line| line.pattern.chars().count()).max().unwrap_or_default();
    let mut rendered = vec![format!(
        "{BEGIN}: change `ownership` in {} and run `goldenpath codeowners --write`",
        config::FILE_NAME
    )];
    rendered.extend(has_sections.then(|| SECTION.to_owned()));
    rendered.extend(lines.iter().map(|CodeownersLine { pattern, owners }| {
        format!("{pattern:<width$} {}", owners.join(" "))
    }));
    rendered.push(END.to_owned());
    rendered
}

/// Appends the block to a text, after an empty line.
fn append_block(text: &str, block: &[String], newline: &str) -> String {
    let mut whole = text.trim_end().to_owned();
    if !whole.is_empty() {
        whole.push_str(newline);
        whole.push_str(newline);
    }
    for line in block {
        whole.push_str(line);
        whole.push_str(newline);
    }
    whole
}

/// Returns whether a line is the head of a GitLab section.
///
/// Examples: `[Name]`, `^[Name][2] @owner`.
fn is_section(line: &str) -> bool {
    line.trim_start().strip_prefix('^').unwrap_or(line.trim_start()).starts_with('[')
}

/// Returns the lowercase name of the section that a line begins.
///
/// GitLab merges sections of the same name. Returns None if GitLab may parse the line differently.
fn section_name(line: &str) -> Option<String> {
    let line = line.trim();
    let (name, rest) = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?.split_once(']')?;
    let approvals = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let owners = match approvals {
        Some((number, owners)) if number.bytes().all(|byte| byte.is_ascii_digit()) => owners,
        _ => rest,
    };
    let is_spaced = owners.is_empty() || owners.starts_with(char::is_whitespace);
    let is_head = is_spaced && owners.split_whitespace().all(|owner| owner.contains('@'));
    Some(name.trim().to_lowercase()).filter(|name| is_head && !name.is_empty())
}

/// Returns the lines that may exclude a path of `lines` from its section.
///
/// They are counted from 1.
fn exclusions(
    all: &[&str],
    block: Option<&std::ops::Range<usize>>,
    has_sections: bool,
    lines: &[CodeownersLine],
) -> Vec<usize> {
    let mut found = Vec::new();
    let mut is_same_section = !has_sections;
    for (at, line) in all.iter().enumerate() {
        if block.is_some_and(|block| block.contains(&at)) {
            is_same_section = true;
        } else if let Some(name) = section_name(line) {
            is_same_section = format!("[{name}]") == SECTION;
        } else if let Some(pattern) = line.trim().strip_prefix('!')
            && is_same_section
            && may_match(pattern.trim_start(), lines)
        {
            found.push(at + 1);
        }
    }
    found
}

/// Returns whether a line may match a path of `lines`.
///
/// A line without owners counts: it removes them.
fn overrides(line: &str, lines: &[CodeownersLine]) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with(['#', '!']) && !is_section(line) && may_match(line, lines)
}

/// Returns whether the pattern of a line may match a path of `lines`.
fn may_match(line: &str, lines: &[CodeownersLine]) -> bool {
    let mut end = 0;
    let mut is_escaped = false;
    for (offset, character) in line.char_indices() {
        if character.is_whitespace() && !is_escaped {
            break;
        }
        is_escaped = character == '\\' && !is_escaped;
        end = offset + character.len_utf8();
    }
    let foreign = segments(&line[..end]);
    lines.iter().any(|line| may_overlap(&foreign, &segments(&line.pattern)))
}

/// Splits a pattern into names, with `**` for any number of names.
fn segments(pattern: &str) -> Vec<&str> {
    // Hosts differ on slashes in the middle; without a leading slash, any depth may match.
    let any_depth = (!pattern.starts_with('/')).then_some("**");
    let names = pattern.split('/').filter(|name| !name.is_empty());
    // A folder's pattern matches everything below it.
    any_depth.into_iter().chain(names).chain(["**"]).collect()
}

/// Returns whether a path may match both patterns, true in case of doubt.
fn may_overlap(one: &[&str], other: &[&str]) -> bool {
    // can[j]: whether one[i..] and other[j..] may match the same rest of a path.
    let mut below = vec![false; other.len() + 1];
    for i in (0..=one.len()).rev() {
        let mut can = vec![false; other.len() + 1];
        for j in (0..=other.len()).rev() {
            can[j] = match (one.get(i), other.get(j)) {
                (None, None) => true,
                (Some(&"**"), Some(_)) => below[j] || can[j + 1],
                (Some(&"**"), None) => below[j],
                (_, Some(&"**")) => can[j + 1] || (i < one.len() && below[j]),
                (Some(one), Some(other)) => names_may_overlap(one, other) && below[j + 1],
                (None, Some(_)) | (Some(_), None) => false,
            };
        }
        below = can;
    }
    below[0]
}

/// Returns whether a name may match both patterns; `other` is a name.
fn names_may_overlap(one: &str, other: &str) -> bool {
    if one.contains(['[', '\\', '?']) {
        return true;
    }
    let mut parts = one.split('*');
    let Some(mut rest) = parts.next().and_then(|first| other.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Converts a path to a pattern for it alone.
///
/// The error is the character that prevents it.
fn to_pattern(path: &str) -> Result<String, String> {
    let mut pattern = String::new();
    for character in path.chars() {
        match character {
            ' ' => pattern.push_str("\\ "),
            _ if character.is_alphanumeric() || "._/+@-".contains(character) => {
                pattern.push(character)
            }
            _ => return Err(character.escape_debug().to_string()),
        }
    }
    Ok(pattern)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn line(pattern: &str, owner: &str) -> CodeownersLine {
        CodeownersLine { pattern: pattern.to_owned(), owners: vec![owner.to_owned()] }
    }

    fn own_lines() -> Vec<CodeownersLine> {
        vec![
            line("/catalogs/secrets/payments/", "@acme/payments"),
            line("/goldenpath.yaml", "@acme/platform"),
        ]
    }

    fn file(text: &str) -> CodeownersFile {
        CodeownersFile { path: "CODEOWNERS".to_owned(), text: Some(text.to_owned()) }
    }

    #[test]
    fn written_lines_are_current_and_other_lines_stay() {
        for text in
            ["", "* @acme/all\n", "* @acme/all", "# why\r\n*.md @docs\r\n", "[Docs] @docs\n*.md\n"]
        {
            let comparison = file(text).compare(&own_lines()).unwrap();
            assert_eq!(comparison.state, LinesState::Missing, "{text}");
            assert!(comparison.text.starts_with(text.trim_end()), "{}", comparison.text);
            let again = file(&comparison.text).compare(&own_lines()).unwrap();
            assert_eq!(
                (again.state, again.text),
                (LinesState::Current, comparison.text.clone()),
                "{text}"
            );
            assert_eq!(comparison.text.contains("\r\n"), text.contains("\r\n"));
            assert_eq!(comparison.text.contains(SECTION), text.contains("[Docs]"));
        }
    }

    #[test]
    fn other_lines_between_the_markers_are_out_of_date_and_are_replaced_in_place() {
        let written = file("* @acme/all\n").compare(&own_lines()).unwrap().text;
        let stale = written.replace("@acme/payments", "@evil") + "# the end\n/docs/ @docs\n";
        let comparison = file(&stale).compare(&own_lines()).unwrap();
        assert_eq!(comparison.state, LinesState::Stale);
        assert_eq!(comparison.text, written + "# the end\n/docs/ @docs\n");
    }

    #[test]
    fn a_later_line_that_may_match_the_same_path_overrides_and_one_that_cannot_does_not() {
        let written = file("").compare(&own_lines()).unwrap().text;
        for later in [
            "* @evil",
            "/catalogs/ @evil",
            "catalogs @evil",
            "/catalogs/secrets/payments/prod/ @evil",
            "/catalogs/*/payments @evil",
            "**/prod/ @evil",
            "*.yaml @evil",
            "SEC-0007.yaml",
            "/catalogs/secrets/pay* @evil",
            "/catalogs/secrets/[op]ayments/ @evil",
            "goldenpath.yaml @evil",
            "/**/goldenpath.* @evil",
        ] {
            let text = format!("{written}{later}\n");
            let comparison = file(&text).compare(&own_lines()).unwrap();
            assert_eq!(
                comparison.state,
                LinesState::Overridden(vec![text.lines().count()]),
                "{later}"
            );
            let again = file(&comparison.text).compare(&own_lines()).unwrap();
            assert_eq!(again.state, LinesState::Current, "{later}: written lines come last");
            assert!(comparison.text.starts_with(later));
        }
        for later in [
            "/docs/ @docs",
            "# * @evil",
            "",
            "/catalogs/secrets/payments-api/ @api",
            "/goldenpath.yml @x",
        ] {
            let comparison = file(&format!("{written}{later}\n")).compare(&own_lines()).unwrap();
            assert_eq!(comparison.state, LinesState::Current, "{later}");
        }
    }

    #[test]
    fn only_an_exclusion_that_may_match_the_same_path_is_reported_at_any_position() {
        let written = file("").compare(&own_lines()).unwrap().text;
        for exclusion in [
            "!/catalogs/secrets/payments/",
            "!goldenpath.yaml",
            "  !*.yaml",
            "!**",
            "! /catalogs/ @x",
            "![op]ayments",
            "!",
        ] {
            for text in [
                format!("{exclusion}\n{written}"),
                format!("{exclusion}\n"),
                format!("[a\n{exclusion}\n"),
            ] {
                let comparison = file(&text).compare(&own_lines()).unwrap();
                let line = text.lines().position(|line| line == exclusion).unwrap() + 1;
                // A line that only resembles a section head begins no section; the block has its
                // own.
                let expected = if text.starts_with('[') {
                    LinesState::Missing
                } else {
                    LinesState::Excluded(vec![line])
                };
                assert_eq!(comparison.state, expected, "{text}");
            }
            let later = format!("{written}* @x\n{exclusion}\n");
            let line = later.lines().count();
            assert_eq!(
                file(&later).compare(&own_lines()).unwrap().state,
                LinesState::Excluded(vec![line]),
                "{later}"
            );
        }
        for other in ["!/docs/", "!/*.md", "# !*", "\\!*", "!/goldenpath.yml"] {
            assert_eq!(
                file(&format!("{other}\n{written}")).compare(&own_lines()).unwrap().state,
                LinesState::Current,
                "{other}"
            );
        }
    }

    #[test]
    fn an_exclusion_counts_in_its_own_section_only() {
        let docs = "!*\n[Docs] @docs\n*.md\n!*\n";
        let written = file(docs).compare(&own_lines()).unwrap();
        assert_eq!(written.state, LinesState::Missing);
        for (text, state) in [
            (written.text.clone(), LinesState::Current),
            (format!("{}[Other]\n!*\n", written.text), LinesState::Current),
            (
                format!("{}!*\n", written.text),
                LinesState::Excluded(vec![written.text.lines().count() + 1]),
            ),
            (
                format!("^[Goldenpath][2] @x\n!*\n{}", written.text),
                LinesState::Excluded(vec![2, 3]),
            ),
        ] {
            assert_eq!(file(&text).compare(&own_lines()).unwrap().state, state, "{text}");
        }
        // None of these is certain to begin another section.
        for head in ["[Other", "[]", "[Other]x", "[Other] x"] {
            let text = format!("{}{head}\n!*\n", written.text);
            let line = text.lines().count();
            assert_eq!(
                file(&text).compare(&own_lines()).unwrap().state,
                LinesState::Excluded(vec![line]),
                "{text}"
            );
        }
    }

    #[test]
    fn markers_that_do_not_enclose_one_block_are_an_error_with_its_line() {
        for (text, line) in [
            ("# BEGIN goldenpath\n", 1),
            ("x\n# END goldenpath\n", 2),
            ("# BEGIN goldenpath\n# BEGIN goldenpath\n# END goldenpath\n", 2),
            ("# BEGIN goldenpath\n# END goldenpath\n# END goldenpath\n", 3),
        ] {
            let error = file(text).compare(&own_lines()).unwrap_err();
            assert!(error.to_string().contains(&format!("line {line} ")), "{error}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_is_matched_quickly() {
        let pattern = "/**".repeat(500) + "/x";
        assert!(overrides(&pattern, &own_lines()));
    }
}
