//! Removes text that looks like a secret from findings.
//!
//! Rules quote manifests, and reports show their lines. So all findings pass through
//! [`redact_findings`]. It removes everything that looks like a secret from their text, for every
//! rule and even if GP501 is off, and records the bytes to mask for each location.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};

use super::gp501_secret_value_in_manifest::RULE;
use super::secrets;
use super::secrets::SecretMatch;
use super::{Finding, Fix, Patch};
use crate::catalog::{Catalog, Entry, EntryState, Project, RuleFile};
use crate::config::ConfigError;
use crate::yaml;
use crate::yaml::Node;

/// The only rule whose findings point to a secret value.
pub(super) const CODE: &str = RULE.code;

/// The bytes of one file's text that look like a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfidentialSpans {
    /// In text order, without overlaps.
    spans: Arc<[Range<usize>]>,
}

/// Replaces a secret in a message.
const HIDDEN: &str = "[hidden]";

/// Secrets of at least this many bytes are also found inside words.
const LONG: usize = 8;

/// The maximum length of a search pattern, in bytes.
const LONGEST_PIECE: usize = 128;

impl ConfidentialSpans {
    /// Returns the secret bytes of a file whose text is shown without a finding.
    #[must_use]
    pub fn of(entry: &Entry, project: &Project) -> Self {
        EntrySecrets::of(entry, project).confidential
    }

    /// Replaces each hidden byte with `*`: lines, columns and spans stay the same.
    #[must_use]
    pub fn mask<'text>(&self, text: &'text str) -> Cow<'text, str> {
        if self.spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut spans = self.spans.iter().peekable();
        let mut masked = String::with_capacity(text.len());
        let mut is_margin = true;
        for (at, character) in text.char_indices() {
            while spans.next_if(|span| span.end <= at).is_some() {}
            let stays = matches!(character, '\n' | '\r' | '\t') || (is_margin && character == ' ');
            if !stays && spans.peek().is_some_and(|span| span.start < at + character.len_utf8()) {
                masked.extend(std::iter::repeat_n('*', character.len_utf8()));
            } else {
                masked.push(character);
            }
            is_margin = character == '\n' || (is_margin && character == ' ');
        }
        Cow::Owned(masked)
    }

    /// Returns the secret bytes of both versions of a changed file.
    ///
    /// A text that is hidden in one version is hidden in the other too.
    #[must_use]
    pub fn of_change(before: &Entry, after: &Entry, project: &Project) -> (Self, Self) {
        let (old, new) = (EntrySecrets::of(before, project), EntrySecrets::of(after, project));
        let both = |own: &EntrySecrets, other: &EntrySecrets, text: &str| {
            let spans = own.confidential.spans.iter().cloned().chain(other.words.find(text));
            Self { spans: merge_spans(spans.collect()).into() }
        };
        (both(&old, &new, &before.text), both(&new, &old, &after.text))
    }

    fn overlaps(&self, span: &Range<usize>) -> bool {
        let next = self.spans.partition_point(|hidden| hidden.end <= span.start);
        self.spans.get(next).is_some_and(|hidden| hidden.start < span.end.max(span.start + 1))
    }
}

/// Finds text in a file that looks like a secret, even in invalid YAML.
pub(super) fn find_secrets(entry: &Entry, project: &Project) -> Vec<SecretMatch> {
    // A plan names thousands of files: search each only once.
    entry.with_nodes(|root| find_secrets_in(entry, root, project))
}

fn find_secrets_in(entry: &Entry, root: Option<&Node>, project: &Project) -> Vec<SecretMatch> {
    let is_name = |word: &str| {
        let enums = &project.enums;
        let lists = [
            &enums.owners,
            &enums.environments,
            &enums.providers,
            &enums.secret_types,
            &enums.risk_tiers,
            &enums.rotation_classes,
            &enums.lifecycle_states,
        ];
        let own = [
            "/metadata/id",
            "/metadata/name",
            "/metadata/service",
            "/spec/access/namespace",
            "/spec/access/k8sSecretName",
        ];
        let is_own = |root: &Node| own.iter().any(|pointer| root.string_at(pointer) == Some(word));
        lists.into_iter().flatten().any(|known| known == word) || root.is_some_and(is_own)
    };
    match &entry.state {
        EntryState::Unreadable(_) => Vec::new(),
        EntryState::Parsed(_) => secrets::find_secrets(&entry.text, root, &is_name),
        // In JSON and YAML, only a parser knows where a value ends.
        EntryState::Text if !entry.text.contains('\0') => {
            let root = is_structured(&entry.path).then(|| yaml::parse(&entry.text).ok()).flatten();
            let mut matches = secrets::find_secrets(&entry.text, root.as_ref(), &is_name);
            // In rule files, `value` and `data` are schema keywords, not names of secrets.
            if project.rule_files().contains(&entry.path.as_str()) {
                matches.retain(|secret| secret.what != secrets::ANY_VALUE);
            }
            matches
        }
        EntryState::Broken(_) | EntryState::Text if entry.text.contains('\0') => {
            find_secrets_without_nul(&entry.text, &is_name)
        }
        EntryState::Broken(_) | EntryState::Text => {
            secrets::find_secrets(&entry.text, None, &is_name)
        }
    }
}

fn is_structured(path: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end))
}

/// Searches UTF-16 that was read as UTF-8, which has a NUL next to each character.
fn find_secrets_without_nul(text: &str, is_name: secrets::IsName<'_>) -> Vec<SecretMatch> {
    let mut plain = String::with_capacity(text.len());
    let mut offsets = Vec::with_capacity(text.len() + 1);
    for (at, character) in text.char_indices().filter(|(_, character)| *character != '\0') {
        plain.push(character);
        offsets.extend(std::iter::repeat_n(at, character.len_utf8()));
    }
    offsets.push(text.len());
    let mut matches = secrets::find_secrets(&plain, None, is_name);
    for secret in &mut matches {
        secret.decoded = plain.get(secret.span.clone()).map(str::to_owned);
        secret.span = offsets[secret.span.start]..offsets[secret.span.end];
    }
    matches
}

/// The secrets of one file, as spans and as words.
struct EntrySecrets {
    confidential: ConfidentialSpans,
    words: SecretWords,
}

/// Texts that must not appear in any message.
struct SecretWords(Option<AhoCorasick>);

impl EntrySecrets {
    fn of(entry: &Entry, project: &Project) -> Self {
        let matches = find_secrets(entry, project);
        let words = SecretWords::of(entry, &matches);
        // A value can occur again at a place where it is not recognizable.
        let spans = matches.into_iter().map(|secret| secret.span).chain(words.find(&entry.text));
        Self {
            confidential: ConfidentialSpans { spans: merge_spans(spans.collect()).into() },
            words,
        }
    }
}

impl SecretWords {
    fn of(entry: &Entry, matches: &[SecretMatch]) -> Self {
        let written = matches.iter().filter_map(|secret| entry.text.get(secret.span.clone()));
        let decoded = matches.iter().filter_map(|secret| secret.decoded.as_deref());
        // Deduplicated: the automaton reports each pattern at each match.
        let words = written.chain(decoded).map(str::trim).flat_map(split_pattern);
        let words: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return Self(None);
        }
        // The builder fails only with more patterns than any file has bytes.
        Self(
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .build(words)
                .ok(),
        )
    }

    /// Returns the matches in `text`, in text order, without overlaps.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let bytes = text.as_bytes();
        let joins = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
        for at in self.0.iter().flat_map(|words| words.find_overlapping_iter(text)) {
            let mut span = at.range();
            let is_word = !joins(span.start.checked_sub(1).and_then(|at| bytes.get(at)))
                && !joins(bytes.get(span.end));
            if is_word || span.len() >= LONG {
                // Matches come sorted by end. Merge at once: one place can have many matches.
                while let Some(last) = found.pop_if(|last| last.end > span.start) {
                    span.start = span.start.min(last.start);
                }
                found.push(span);
            }
        }
        found
    }
}

/// Splits a long text into search patterns.
///
/// Building the automaton is quadratic in the length of a repetitive pattern.
fn split_pattern(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(LONGEST_PIECE));
        rest = behind;
        (!piece.is_empty()).then_some(piece.trim())
    })
}

/// Removes text that looks like a secret from findings, and sets the bytes to mask.
pub(super) fn redact_findings(findings: &mut [Finding], catalog: &Catalog, project: &Project) {
    if findings.is_empty() {
        return;
    }
    let named: BTreeSet<&str> = findings.iter().flat_map(Finding::paths).collect();
    let before = catalog.before.as_ref().map_or(&[][..], |before| before.entries.as_slice());
    // As in `Catalog::at`: reports show the current version.
    let rule_files = &catalog.rule_change.files;
    let now = catalog.entries.iter().chain(&catalog.texts);
    let there = rule_files.iter().filter_map(RuleFile::current_entry).chain(before).chain(now);
    let there = there.filter(|entry| named.contains(entry.path.as_str()));
    let entries: HashMap<String, &Entry> = there.map(|entry| (entry.path.clone(), entry)).collect();
    // Rules on changes quote the text before the change, possibly from another place.
    let past = before.iter().chain(rule_files.iter().filter_map(|file| file.before.as_ref()));
    let past: Vec<SecretWords> = past
        .map(|entry| EntrySecrets::of(entry, project).words)
        .filter(|words| words.0.is_some())
        .collect();
    redact_with(findings, |path| entries.get(path).copied(), &past, project);
}

/// Like [`redact_findings`], for the error of a policy that could not be evaluated.
pub(super) fn redact_error(
    error: ConfigError,
    catalog: &Catalog,
    project: &Project,
) -> ConfigError {
    let message = error.to_string();
    let before = catalog.before.iter().flat_map(|before| &before.entries);
    let entries = catalog.selected().chain(before).filter(|entry| message.contains(&entry.path));
    let hidden: Vec<SecretWords> =
        entries.map(|entry| EntrySecrets::of(entry, project).words).collect();
    error.map_texts(|text| redact(text, hidden.iter(), SpanOrigin::Foreign))
}

/// Returns the byte ranges of a text that look like a secret.
#[must_use]
pub fn secret_spans(text: &str) -> Vec<Range<usize>> {
    secrets::find_secrets_in_message(text).into_iter().map(|secret| secret.span).collect()
}

/// Returns a text with a mark in place of what looks like a secret.
#[must_use]
pub fn mask_secrets(text: &str) -> String {
    let mut masked = text.to_owned();
    let mut spans = secret_spans(text);
    spans.sort_by_key(|span| span.start);
    for span in spans.into_iter().rev() {
        masked.replace_range(span, "***");
    }
    masked
}

/// Removes the secrets of a file from `texts` about it that are not findings.
pub fn redact_texts<'text>(
    entry: &Entry,
    project: &Project,
    texts: impl IntoIterator<Item = &'text mut String>,
) {
    let mut texts = texts.into_iter().peekable();
    // Mostly there is no text: skip the search.
    if texts.peek().is_none() {
        return;
    }
    let words = EntrySecrets::of(entry, project).words;
    if words.0.is_some() {
        texts.for_each(|text| redact(text, std::iter::once(&words), SpanOrigin::Foreign));
    }
}

fn redact_with<'catalog>(
    findings: &mut [Finding],
    entry_at: impl Fn(&str) -> Option<&'catalog Entry>,
    past: &[SecretWords],
    project: &Project,
) {
    let mut files: HashMap<String, EntrySecrets> = HashMap::new();
    for finding in findings {
        for path in finding.paths() {
            if !files.contains_key(path)
                && let Some(entry) = entry_at(path)
            {
                files.insert(path.to_owned(), EntrySecrets::of(entry, project));
            }
        }
        let own: Vec<&EntrySecrets> = finding.paths().filter_map(|path| files.get(path)).collect();
        let hidden_words = || own.iter().map(|hidden| &hidden.words).chain(past);
        let clean = |text: &mut String| redact(text, hidden_words(), SpanOrigin::Message);
        // GP501 does not quote the file, and a secret may equal one of its words: `password`.
        let mut is_own = finding.rule.code == CODE;
        if let Some(hidden) = files.get(&finding.path) {
            finding.confidential = hidden.confidential.clone();
            // A message can reveal parts of a value: a suggestion derived from it, a character.
            if finding.rule.code != CODE && hidden.confidential.overlaps(&finding.span) {
                let (code, name) = (finding.rule.code, finding.rule.name);
                finding.message = format!(
                    "this violates `{name}`; details are hidden since it looks like a secret"
                );
                finding.help = format!(
                    "remove the value first ({CODE}), then see `goldenpath explain {code}`"
                );
                is_own = true;
            }
        }
        for other in &mut finding.related {
            if let Some(hidden) = files.get(&other.path) {
                other.confidential = hidden.confidential.clone();
            }
            clean(&mut other.label);
        }
        if finding.rule.code == CODE
            || finding.fix.as_ref().is_some_and(|fix| !has_no_secret(fix, clean))
        {
            finding.fix = None;
        }
        if let Some(Fix { patch: Patch::Document(change), .. }) = &finding.fix
            && let Some((entry, hidden)) = entry_at(&finding.path).zip(files.get(&finding.path))
            && let Some((key, node)) = entry.root().and_then(|root| root.at(change.pointer()))
        {
            // A leaked secret needs a person: a fix would hide the problem.
            let field = key.map_or(node.span.start, |key| key.span.start)..node.span.end;
            if hidden.confidential.overlaps(&field) {
                finding.fix = None;
            }
        }
        if !is_own {
            clean(&mut finding.message);
            clean(&mut finding.help);
        }
        redact(&mut finding.pointer, hidden_words(), SpanOrigin::Foreign);
    }
}

/// Returns whether the message of a fix contains no secret.
fn has_no_secret(fix: &Fix, clean: impl Fn(&mut String)) -> bool {
    let mut text = fix.message.clone();
    clean(&mut text);
    text == fix.message
}

/// The origin of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SpanOrigin {
    /// A message of goldenpath, with foreign text in backticks, and paths.
    Message,
    /// Taken from a file.
    Foreign,
}

/// Replaces the files' secrets, and all other text that looks like a secret.
///
/// A word of goldenpath's own message stays, even if a file has the same word as a secret.
fn redact<'words>(
    text: &mut String,
    words: impl Iterator<Item = &'words SecretWords>,
    origin: SpanOrigin,
) {
    let mut found: Vec<Range<usize>> =
        secrets::find_secrets_in_message(text).into_iter().map(|secret| secret.span).collect();
    found.extend(
        words
            .flat_map(|words| words.find(text))
            .filter(|span| origin == SpanOrigin::Foreign || !is_own_word(text, span)),
    );
    if found.is_empty() {
        return;
    }
    let (mut clean, mut shown) = (String::with_capacity(text.len()), 0);
    for span in merge_spans(found) {
        clean.push_str(&text[shown..span.start]);
        clean.push_str(HIDDEN);
        shown = span.end;
    }
    clean.push_str(&text[shown..]);
    *text = clean;
}

/// The maximum length of a word of goldenpath's own, in bytes.
const LONGEST_OWN: usize = 16;

/// Returns whether a match is an ordinary word of a message.
///
/// That is: only lower-case letters, not in backticks, and between spaces or punctuation.
fn is_own_word(text: &str, span: &Range<usize>) -> bool {
    let (before, word, after) = (&text[..span.start], &text[span.clone()], &text[span.end..]);
    let is_quoted = before.matches('`').count() % 2 == 1;
    let is_edge = |c: char| c == ' ' || c == ',' || c == ':' || c == ';' || c == '.';
    !is_quoted
        && word.len() <= LONGEST_OWN
        && word.bytes().all(|byte| byte.is_ascii_lowercase())
        && before.chars().next_back().is_none_or(|c| c == ' ')
        && after.chars().next().is_none_or(is_edge)
}

/// Sorts the spans, and merges overlapping ones.
fn merge_spans(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_by_key(|span| (span.start, span.end));
    spans.dedup_by(|next, last| {
        let overlaps = next.start < last.end;
        if overlaps {
            last.end = last.end.max(next.end);
        }
        overlaps
    });
    spans
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::vcs::{File, Repository, Snapshot};

    #[test]
    fn masking_keeps_the_position_of_every_byte() {
        let confidential = ConfidentialSpans { spans: Arc::from([3..5, 9..18]) };
        let text = "a: é\nb: 世\n  x y z\n";
        let masked = confidential.mask(text);
        assert_eq!(masked, "a: **\nb: ***\n  *** z\n");
        assert_eq!(masked.len(), text.len());
        assert_eq!(ConfidentialSpans::default().mask(text), text);
    }

    #[test]
    fn what_one_side_of_a_change_hides_the_other_does_not_show() {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init(folder.path()).unwrap();
        let repository = Repository::open(folder.path()).unwrap();
        let project = Project::open(&repository, Snapshot::WorkTree, None).unwrap();
        let entry = |key: &str| {
            let path = "catalogs/secrets/payments/dev/SEC-0007.yaml".to_owned();
            let text = format!("spec:\n  {key}: zqhunter7\n");
            Entry::read(File { path, bytes: Ok(text.into_bytes()) }, true, &project)
        };
        // In one of the two, only the key gives the value away.
        for (before, after) in [("password", "note"), ("note", "password")] {
            let entries = (entry(before), entry(after));
            let (old, new) = ConfidentialSpans::of_change(&entries.0, &entries.1, &project);
            assert_eq!(old.mask(&entries.0.text), format!("spec:\n  {before}: *********\n"));
            assert_eq!(new.mask(&entries.1.text), format!("spec:\n  {after}: *********\n"));
        }
    }

    #[test]
    fn short_secrets_are_hidden_as_words_and_long_ones_anywhere() {
        let words = SecretWords(
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .build(["abc", "longsecret", "sevenxx", "eightxxx"])
                .ok(),
        );
        let mut text = "abc abcd xLONGSECRETx asevenxxb aeightxxxb sevenxx".to_owned();
        redact(&mut text, [words].iter(), SpanOrigin::Foreign);
        assert_eq!(text, "[hidden] abcd x[hidden]x asevenxxb a[hidden]b [hidden]");
    }

    #[test]
    fn a_long_secret_is_hidden_in_linear_time() {
        let secret = "cGFzc3dvcmQ6aHVudGVyMg".repeat(4000);
        let words: BTreeSet<&str> = split_pattern(&secret).collect();
        assert_eq!(split_pattern(&secret).collect::<String>(), secret);
        let words =
            SecretWords(AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok());
        let mut text = format!("it is {secret}.");
        redact(&mut text, [words].iter(), SpanOrigin::Foreign);
        assert!(text.starts_with("it is [hidden]") && !text.contains("cGFzc3dv"), "{text}");
    }

    #[test]
    fn own_words_of_a_message_stay_and_the_same_word_in_foreign_text_is_hidden() {
        let words = SecretWords(
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .build(["password", "field", "hunter2"])
                .ok(),
        );
        let mut text = "the field `password` is a password, x/field, `a field`, hunter2".to_owned();
        redact(&mut text, [words].iter(), SpanOrigin::Message);
        assert_eq!(text, "the field `[hidden]` is a password, x/[hidden], `a [hidden]`, [hidden]");
    }
}
