//! Properties of fixes, for any manifest with small mistakes: a fix adds no errors, loses no
//! comment, terminates, and changes no valid manifest.

use goldenpath_core::catalog::{Catalog, Entry, Project};
use goldenpath_core::fixes::{FixContext, FixOutcome, apply, check_fixes};
use goldenpath_core::rules::{Finding, RuleSet, Severity};
use goldenpath_core::vcs::{File, Repository, Snapshot};
use goldenpath_core::yaml::{self, Node, NodeValue};

use goldenpath_testkit as support;

const MANIFESTS: u64 = 400;

/// xorshift64* (Marsaglia; Vigna): pseudo-random, the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.roll(words.len())]
    }
}

/// Returns a valid manifest in a random layout, and its path.
fn valid(dice: &mut Dice, number: u64) -> (String, String) {
    let service = dice.pick(&["payments", "orders", "user-accounts", "7search"]);
    let environment = dice.pick(&["dev", "test", "staging", "prod", "ephemeral"]);
    let id = format!("SEC-{:04}", 1 + number);
    let quote = |dice: &mut Dice, word: &str| match dice.roll(4) {
        0 => format!("'{word}'"),
        1 => format!("\"{word}\""),
        _ => word.to_owned(),
    };
    let mut count = 0;
    let mut comment = |dice: &mut Dice| {
        count += 1;
        match dice.roll(3) {
            0 => format!("   # {} {count}", dice.pick(&["why", "世界", "it's: \"so\"", "[x] {y}"])),
            _ => String::new(),
        }
    };
    let mut lines = vec![format!("# file {number}"), "apiVersion: goldenpath.io/v1".to_owned()];
    lines.push(format!("kind: {}{}", quote(dice, "SecretRequest"), comment(dice)));
    lines.push(format!("metadata:{}", comment(dice)));
    let owner = dice.pick(&["sre-team", "app-team", "database-team", "team-payments"]);
    let mut fields = vec![("id", id.as_str()), ("name", "db-credentials"), ("owner", owner)];
    fields.extend([("service", service), ("environment", environment)]);
    if dice.roll(3) == 0 {
        fields.push(("description", "Was die Datenbank braucht 🔑"));
    }
    let first = dice.roll(fields.len());
    fields.rotate_left(first);
    for (name, value) in fields {
        lines.push(format!("  {name}: {}{}", quote(dice, value), comment(dice)));
        if dice.roll(8) == 0 {
            lines.push(dice.pick(&["", "  # between", "# outside"]).to_owned());
        }
    }
    lines.push(format!("spec:{}", comment(dice)));
    let tier = dice.pick(&["low", "medium", "high"]);
    let mapping =
        |dice: &mut Dice, name: &str, fields: &[(&str, String)], behind: String| match dice.roll(3)
        {
            0 => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                vec![format!("  {name}: {{{}}}{behind}", fields.join(", "))]
            }
            _ => {
                let fields =
                    fields.iter().map(|(field, value)| format!("    {field}: {value}{behind}"));
                [format!("  {name}:")].into_iter().chain(fields).collect()
            }
        };
    let mut parts = vec![vec![format!("  provider: {}", quote(dice, "aws-secrets-manager"))]];
    parts.push(vec![format!(
        "  secretType: {}{}",
        dice.pick(&["api-key", "generic", "signing-key"]),
        comment(dice)
    )]);
    let behind = comment(dice);
    parts.push(mapping(dice, "risk", &[("tier", tier.to_owned())], behind));
    parts.push(mapping(
        dice,
        "rotation",
        &[("rotationClass", "standard".to_owned())],
        String::new(),
    ));
    let behind = comment(dice);
    parts.push(mapping(dice, "lifecycle", &[("status", "active".to_owned())], behind));
    let access = [("namespace", quote(dice, service)), ("k8sSecretName", format!("db-{number}"))];
    parts.push(mapping(dice, "access", &access, String::new()));
    parts.push(vec![format!("  ttlDays: {}{}", 1 + dice.roll(300), comment(dice))]);
    let first = dice.roll(parts.len());
    parts.rotate_left(first);
    lines.extend(parts.into_iter().flatten());
    let newline = if dice.roll(4) == 0 { "\r\n" } else { "\n" };
    let end = if dice.roll(5) == 0 { "" } else { newline };
    (format!("catalogs/secrets/{service}/{environment}/{id}.yaml"), lines.join(newline) + end)
}

/// Adds a small mistake.
fn mistaken(dice: &mut Dice, path: &mut String, text: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    match dice.roll(8) {
        0 => {
            *path = path
                .replace("/dev/", "/test/")
                .replace("/prod/", "/staging/")
                .replace(".yaml", ".yml");
            text.to_owned()
        }
        // A line at another level, or in another place.
        1 | 2 => {
            let (from, to) = (dice.roll(lines.len()), dice.roll(lines.len()));
            let mut moved = lines.clone();
            let line = moved.remove(from);
            let indented = match dice.roll(3) {
                0 => line.to_owned(),
                1 => line.trim_start().to_owned(),
                _ => format!("  {}", line.trim_start()),
            };
            moved.insert(to.min(moved.len()), &indented);
            moved.concat()
        }
        // A typo.
        kind => {
            let letters: Vec<usize> = text
                .char_indices()
                .filter(|(_, c)| c.is_ascii_alphabetic())
                .map(|(at, _)| at)
                .collect();
            let at = letters[dice.roll(letters.len())];
            let (before, letter, after) = (&text[..at], &text[at..=at], &text[at + 1..]);
            let next = after.chars().next().unwrap_or(' ');
            match kind {
                3 => format!("{before}{after}"),
                4 => format!("{before}{letter}{letter}{after}"),
                5 if next.is_ascii_alphabetic() => format!("{before}{next}{letter}{}", &after[1..]),
                6 => format!("{before}x{after}"),
                _ => format!("{before}{}{after}", letter.to_ascii_uppercase()),
            }
        }
    }
}

fn comments(text: &str) -> Vec<&str> {
    let mut comments: Vec<&str> =
        text.lines().filter_map(|line| Some(line[line.find('#')?..].trim_end())).collect();
    comments.sort_unstable();
    comments
}

/// Returns all words of a document in no order: field names and values.
fn size(node: &Node) -> usize {
    match &node.value {
        NodeValue::Mapping(entries) => entries.iter().map(|(_, node)| 1 + size(node)).sum(),
        NodeValue::Sequence(items) => items.iter().map(size).sum(),
        // A mapping is missing, and the fix adds it.
        NodeValue::Null => 0,
        _ => 1,
    }
}

struct World {
    repository: Repository,
    project: Project,
    _home: support::Repository,
}

impl World {
    fn new() -> Self {
        let home = support::Repository::new();
        let repository = Repository::open(&home.path()).unwrap();
        let project = Project::open(&repository, Snapshot::WorkTree, None).unwrap();
        Self { repository, project, _home: home }
    }

    fn catalog(&self, path: &str, text: &str) -> Catalog {
        let file = File { path: path.to_owned(), bytes: Ok(text.as_bytes().to_vec()) };
        let entries = vec![Entry::read(file, true, &self.project)];
        Catalog::of(Snapshot::WorkTree, entries)
    }

    /// The findings before the fix, its result, and the file's path and text after it.
    fn fixed(
        &self,
        path: &str,
        text: &str,
        unsafe_too: bool,
    ) -> (usize, FixOutcome, String, String) {
        let ground = FixContext::of(&self.repository);
        let rules = RuleSet::of(&self.project).unwrap();
        let (catalog, mut findings) = rules.check(self.catalog(path, text)).unwrap();
        check_fixes(&mut findings, &catalog, &self.project, &ground);
        let errors = |findings: &[Finding]| {
            findings.iter().filter(|f| f.severity == Severity::Error).count()
        };
        let before = errors(&findings);
        let outcome = apply(catalog, &self.project, findings, &ground, unsafe_too).unwrap();
        let entry = &outcome.catalog.entries[0];
        let (path, text) = (entry.path.clone(), entry.text.clone());
        (before, outcome, path, text)
    }
}

#[test]
fn a_valid_manifest_is_never_changed() {
    let world = World::new();
    for number in 0..MANIFESTS {
        let (path, text) = valid(&mut Dice(number * 7919 + 1), number);
        let (errors, outcome, new_path, new_text) = world.fixed(&path, &text, true);
        assert_eq!((errors, outcome.findings.len()), (0, 0), "{:?}\n{text}", outcome.findings);
        assert_eq!((outcome.applied.len(), outcome.rewrites.len()), (0, 0), "{text}");
        assert_eq!((new_path, new_text), (path, text));
    }
}

#[test]
fn fixing_never_makes_it_worse_and_loses_nothing() {
    let world = World::new();
    let (mut fixed, mut clean) = (0, 0);
    for number in 0..MANIFESTS {
        let dice = &mut Dice(number * 104_729 + 3);
        let (mut path, mut text) = valid(dice, number);
        for _ in 0..=dice.roll(3) {
            text = mistaken(dice, &mut path, &text);
        }
        let (errors, outcome, new_path, new_text) = world.fixed(&path, &text, false);
        let left =
            outcome.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        // A fix can make errors visible that the broken text has hidden, at most one per fix.
        assert!(left <= errors + outcome.applied.len(), "{errors} → {left}\n{text}\n→\n{new_text}");
        fixed += outcome.applied.len();
        clean += usize::from(left == 0 && errors > 0);
        if outcome.applied.is_empty() {
            assert_eq!((&new_path, &new_text), (&path, &text));
            continue;
        }
        assert_eq!(comments(&text), comments(&new_text), "{text}\n→\n{new_text}");
        let (old, new) = (yaml::parse(&text).unwrap(), yaml::parse(&new_text).unwrap());
        // A fix may have added a mapping for a field.
        assert!(size(&old) <= size(&new) && size(&new) <= size(&old) + 12, "{text}\n→\n{new_text}");
        let ends = |text: &str| (text.contains("\r\n"), text.replace("\r\n", "").contains('\n'));
        assert_eq!(
            ends(&text).0 && ends(&text).1,
            ends(&new_text).0 && ends(&new_text).1,
            "one kind of line end"
        );
        // A second run changes nothing.
        let (_, again, last_path, last_text) = world.fixed(&new_path, &new_text, false);
        assert_eq!((again.applied.len(), last_path, last_text), (0, new_path, new_text));
    }
    assert!(
        fixed > 300 && clean > 100,
        "the mistakes are of the kind that can be fixed: {fixed}, {clean}"
    );
}
