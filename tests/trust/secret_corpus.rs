//! GP501 finds leaks and accepts harmless texts, measured on a corpus.
//!
//! `tests/fixtures/secret_corpus` holds three sets, each with leaks and harmless texts of different
//! vendors and in different words. Each was written before the rule's errors in it were known;
//! docs/explanation/secret-detection.md has the first measurements. A row has a kind, the place in
//! a manifest and the text. No row holds a value: `⟦alnum 36⟧` means 36 random characters, drawn
//! again for each seed.

use serde_json::Value;

use goldenpath_testkit::{Found, Outcome, Repository, SEED, findings};

const FIRST: Set = Set {
    name: "first",
    leaks: include_str!("../fixtures/secret_corpus/first/leaks.tsv"),
    harmless: include_str!("../fixtures/secret_corpus/first/harmless.tsv"),
};

const SECOND: Set = Set {
    name: "second",
    leaks: include_str!("../fixtures/secret_corpus/second/leaks.tsv"),
    harmless: include_str!("../fixtures/secret_corpus/second/harmless.tsv"),
};

const THIRD: Set = Set {
    name: "third",
    leaks: include_str!("../fixtures/secret_corpus/third/leaks.tsv"),
    harmless: include_str!("../fixtures/secret_corpus/third/harmless.tsv"),
};

/// The number of random values for each row.
const SEEDS: u64 = 3;

struct Set {
    name: &'static str,
    leaks: &'static str,
    harmless: &'static str,
}

struct Row {
    kind: &'static str,
    place: &'static str,
    text: &'static str,
}

/// The error rates of a set.
struct Measured {
    recall: f64,
    false_alarms: f64,
}

impl Set {
    fn rows(text: &'static str) -> Vec<Row> {
        let row = |line: &'static str| {
            let parts: Vec<&str> = line.splitn(3, '\t').collect();
            let [kind, place, text] = parts[..] else { panic!("kind, place and text in {line:?}") };
            Row { kind, place, text }
        };
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(row).collect()
    }

    /// Runs `validate` on all texts, each in its own manifest, and prints the errors.
    fn measure(&self) -> Measured {
        let (leaks, harmless) = (Self::rows(self.leaks), Self::rows(self.harmless));
        let repository = Repository::new();
        let mut texts = Vec::new();
        for seed in 0..SEEDS {
            for row in leaks.iter().chain(&harmless) {
                let number = texts.len() + 1;
                let text = assemble(row.text, seed * 10_000 + number as u64);
                let manifest = manifest(row.place, &text, number);
                repository.write(path(number), &manifest);
                texts.push(text);
            }
        }
        let report = repository.goldenpath(&["validate", "--format", "json"]).run().json();
        let found = report["findings"].as_array().expect("a list of findings");
        let mut reported = vec![false; texts.len()];
        for finding in found.iter().filter(|finding| finding["rule"] == "GP501") {
            let name = finding["path"]
                .as_str()
                .and_then(|path| path.rsplit("SEC-").next())
                .expect("a path");
            let number: usize = name.trim_end_matches(".yaml").parse().expect("a number");
            reported[number - 1] = true;
        }
        let (mut missed, mut alarms) = (0, 0);
        for (number, text) in texts.iter().enumerate() {
            let row = number % (leaks.len() + harmless.len());
            let (is_leak, row) = match leaks.get(row) {
                Some(row) => (true, row),
                None => (false, &harmless[row - leaks.len()]),
            };
            if is_leak != reported[number] {
                println!(
                    "{} {}, {} in {}: {text}",
                    self.name,
                    if is_leak { "miss" } else { "false alarm" },
                    row.kind,
                    row.place
                );
                *(if is_leak { &mut missed } else { &mut alarms }) += 1;
            }
        }
        let share = |count: usize, rows: usize| count as f64 / (rows as f64 * SEEDS as f64);
        let measured = Measured {
            recall: 1.0 - share(missed, leaks.len()),
            false_alarms: share(alarms, harmless.len()),
        };
        println!(
            "{}: {} leaks, recall {:.3}; {} harmless texts, false alarms {:.3}",
            self.name,
            leaks.len(),
            measured.recall,
            harmless.len(),
            measured.false_alarms
        );
        measured
    }
}

fn path(number: usize) -> String {
    format!("catalogs/secrets/payments/dev/SEC-{number:04}.yaml")
}

/// Returns the seed's manifest with `text` at a place.
fn manifest(place: &str, text: &str, number: usize) -> String {
    let own = SEED
        .replace("SEC-0007 ", &format!("SEC-{number:04} "))
        .replace(
            "name: payments-db-credentials",
            &format!("name: payments-db-credentials-{number}"),
        )
        .replace(
            "k8sSecretName: payments-db-creds",
            &format!("k8sSecretName: payments-db-creds-{number}"),
        );
    let quoted = Value::from(text).to_string();
    let indented =
        |margin: &str| text.lines().map(|line| format!("{margin}{line}\n")).collect::<String>();
    let metadata = |lines: String| own.replacen("metadata:\n", &format!("metadata:\n{lines}"), 1);
    let replaced = |field: &str| {
        let line = own
            .lines()
            .find(|line| line.trim_start().starts_with(field))
            .expect("a field of the seed");
        let margin = &line[..line.len() - line.trim_start().len()];
        own.replacen(line, &format!("{margin}{field} {quoted}"), 1)
    };
    match place {
        "comment" => format!("{}{own}", indented("# ")),
        "trailing" => own.replacen("# Mandatory: Governance", &format!("# {text}"), 1),
        "description" => metadata(format!("  description: {quoted}\n")),
        "label" => metadata(format!("  labels:\n    note: {quoted}\n")),
        "annotation" => metadata(format!("  annotations:\n    acme.example/note: {quoted}\n")),
        "block" => metadata(format!("  annotations:\n    notes: |\n{}", indented("      "))),
        "key" => metadata(format!("  labels:\n    ? {quoted}\n    : here\n")),
        "yaml" => format!("{own}{}", indented("  ")),
        "owner" => replaced("owner:"),
        "secretname" => replaced("k8sSecretName:"),
        "principal" => own.replacen(
            "    namespace:",
            &format!("    readPrincipals:\n      - {quoted}\n    namespace:"),
            1,
        ),
        other => panic!("there is no place {other}"),
    }
}

/// Returns the text of a row, with `⏎` for a line break and each `⟦kind argument⟧` replaced, the
/// innermost first.
fn assemble(template: &str, seed: u64) -> String {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut text = template.replace('⏎', "\n");
    while let Some(end) = text.find('⟧') {
        let start = text[..end].rfind('⟦').expect("a beginning for each end");
        let made = random.part(&text[start + '⟦'.len_utf8()..end]);
        text.replace_range(start..end + '⟧'.len_utf8(), &made);
    }
    text
}

/// xorshift64* (Marsaglia; Vigna): pseudo-random, the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize
    }

    fn of(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| char::from(alphabet.as_bytes()[self.next() % alphabet.len()])).collect()
    }

    fn part(&mut self, part: &str) -> String {
        if let Some(label) = part.strip_prefix("begin ") {
            return format!("-----BEGIN {label}-----");
        }
        if let Some(label) = part.strip_prefix("end ") {
            return format!("-----END {label}-----");
        }
        if let Some(text) = part.strip_prefix("base64of:") {
            return base64(text.as_bytes());
        }
        if part == "uuid" {
            return [8, 4, 4, 4, 12].map(|length| self.of("0123456789abcdef", length)).join("-");
        }
        let (kind, length) = part.split_once(' ').unwrap_or_else(|| panic!("a length in {part}"));
        let length = length.parse().unwrap_or_else(|_| panic!("a length in {part}"));
        let (upper, lower, digits) =
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789");
        let alphabet = match kind {
            "alnum" => format!("{upper}{lower}{digits}"),
            "letters" => format!("{upper}{lower}"),
            "lower" => format!("{lower}{digits}"),
            "upper" => format!("{upper}{digits}"),
            "digits" => digits.to_owned(),
            "hex" => format!("{digits}abcdef"),
            "HEX" => format!("{digits}ABCDEF"),
            "b64" => format!("{upper}{lower}{digits}+/"),
            "b64url" => format!("{upper}{lower}{digits}-_"),
            "base32" => format!("{upper}234567"),
            "base32lower" => format!("{lower}234567"),
            "bech32" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".to_owned(),
            "bech32lower" => "qpzry9x8gf2tvdw0s3jn54khce6mua7l".to_owned(),
            "crockford" => "0123456789ABCDEFGHJKMNPQRSTVWXYZ".to_owned(),
            "lines" | "escaped" => {
                let base64 = format!("{upper}{lower}{digits}+/");
                let lines: Vec<String> = (0..length).map(|_| self.of(&base64, 64)).collect();
                return lines.join(if kind == "lines" { "\n" } else { "\\n" });
            }
            "hexpairs" | "HEXPAIRS" => {
                let hex = if kind == "hexpairs" { "0123456789abcdef" } else { "0123456789ABCDEF" };
                let pairs: Vec<String> = (0..length).map(|_| self.of(hex, 2)).collect();
                return pairs.join(":");
            }
            _ => panic!("there is no alphabet {kind}"),
        };
        self.of(&alphabet, length)
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | usize::from(group.get(at).copied().unwrap_or_default())
        });
        for at in 0..=group.len() {
            text.push(char::from(alphabet[bits >> (18 - 6 * at) & 63]));
        }
        text.push_str(&"="[..usize::from(group.len() < 3)]);
        text.push_str(&"="[..usize::from(group.len() < 2)]);
    }
    text
}

fn kinds(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.kind).collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn every_set_has_leaks_of_sixty_kinds_and_enough_harmless_texts() {
    for set in [FIRST, SECOND, THIRD] {
        let (leaks, harmless) = (Set::rows(set.leaks), Set::rows(set.harmless));
        assert!(leaks.len() >= 130 && kinds(&leaks) >= 60, "{}: {} leaks", set.name, leaks.len());
        assert!(harmless.len() >= 126, "{}: {} harmless texts", set.name, harmless.len());
    }
}

#[test]
fn the_corpus_assembles_base64_as_the_rfc_does() {
    for (bytes, text) in
        [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
    {
        assert_eq!(base64(bytes.as_bytes()), text); // RFC 4648, section 10
    }
}

impl Measured {
    #[track_caller]
    fn is_good(&self) {
        assert!(self.recall >= 0.95, "recall {:.3}", self.recall);
        assert!(self.false_alarms <= 0.02, "false alarms {:.3}", self.false_alarms);
    }
}

#[test]
fn leaks_of_the_first_set_are_found_and_its_harmless_texts_are_left_alone() {
    FIRST.measure().is_good();
}

#[test]
fn leaks_of_the_second_set_are_found_and_its_harmless_texts_are_left_alone() {
    SECOND.measure().is_good();
}

#[test]
fn leaks_of_the_third_set_are_found_and_its_harmless_texts_are_left_alone() {
    THIRD.measure().is_good();
}

/// A token that no issuer gave out, in two parts so that no secret scanner reports it.
fn token() -> String {
    ["ghp_", &Random(7).of("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789", 36)].concat()
}

fn leaks(outcome: &Outcome) -> Vec<Found> {
    findings(outcome).into_iter().filter(|found| found.rule == "GP501").collect()
}

/// Names of files in the catalog that are not manifests.
const OTHER_FILES: [&str; 7] = [
    "catalogs/secrets/notes.txt",
    "catalogs/secrets/payments/.env",
    "catalogs/secrets/payments/dev/values.json",
    "catalogs/secrets/payments/dev/SEC-0007.yaml.bak",
    "catalogs/secrets/payments/dev/README",
    "catalogs/secrets/.cache/deep/er/list.csv",
    "catalogs/secrets/payments/dev/.SEC-0007.yaml",
];

#[test]
fn a_leak_in_any_text_file_of_the_catalog_is_found_at_its_line_and_column() {
    let repository = Repository::with_seed();
    let token = token();
    let text = format!("first line\n  \"note\": \"é {token}\"\n");
    for file in OTHER_FILES {
        repository.write(file, &text);
    }
    let outcome = repository.goldenpath(&["validate", "--format", "json"]).run();
    assert_eq!(outcome.code, 1);
    let found = leaks(&outcome);
    let mut paths: Vec<&str> = found.iter().map(|found| found.path.as_str()).collect();
    let mut expected = OTHER_FILES.to_vec();
    paths.sort_unstable();
    expected.sort_unstable();
    assert_eq!(paths, expected);
    for found in &found {
        assert_eq!(found.under(&text), token, "{found:?}");
        assert_eq!(found.place, "2:14..2:54");
    }
}

#[test]
fn a_value_in_a_file_that_is_not_a_manifest_is_shown_in_no_format() {
    let repository = Repository::with_seed();
    let (token, password) = (token(), ["Tr0mpete", "-Winter"].concat());
    repository.write(
        "catalogs/secrets/payments/.env",
        &format!("TOKEN={token}\nDB_PASSWORD={password}\n"),
    );
    repository.write(
        "goldenpath.yaml",
        &format!("catalog: catalogs/secrets\n# the password is {password}\n"),
    );
    for format in ["human", "json", "sarif", "github"] {
        let outcome = repository.goldenpath(&["validate", "--format", format]).run();
        assert_eq!(outcome.code, 1, "{format}");
        let shown = outcome.stdout.clone() + &outcome.stderr;
        assert!(!shown.contains(&token) && !shown.contains(&password), "{format}: {shown}");
        for place in ["catalogs/secrets/payments/.env", "goldenpath.yaml"] {
            assert!(shown.contains(place), "{format} names {place}: {shown}");
        }
    }
}

#[test]
fn a_leak_in_the_configuration_and_in_the_enums_is_found() {
    let repository = Repository::with_seed();
    let token = token();
    let text = format!("catalog: catalogs/secrets\n\n# registry token {token}\n");
    repository.write("goldenpath.yaml", &text);
    let found = leaks(&repository.goldenpath(&["validate", "--format", "json"]).run());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].path.as_str(), found[0].under(&text)), ("goldenpath.yaml", token));
}

#[test]
fn binary_files_links_and_harmless_texts_in_the_catalog_are_left_alone() {
    let repository = Repository::with_seed();
    let token = token();
    repository.write("catalogs/secrets/logo.png", &format!("\u{1}PNG\0\0{token}"));
    repository.write("elsewhere.txt", &token);
    std::os::unix::fs::symlink(
        "../../elsewhere.txt",
        repository.path().join("catalogs/secrets/link.txt"),
    )
    .unwrap();
    repository.write(
        "catalogs/secrets/README.md",
        "Ask team-payments for the password of the main database.\n",
    );
    repository.write("catalogs/secrets/.gitkeep", "");
    repository.goldenpath(&["init", "--backend", "local", "--yes"]).run();
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn a_text_file_that_is_too_large_to_search_is_said_to_be() {
    let repository = Repository::with_seed();
    repository.write("catalogs/secrets/dump.sql", &"-- nothing to see here\n".repeat(60_000));
    let outcome = repository.goldenpath(&["validate", "--format", "json"]).run();
    let found = leaks(&outcome);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.starts_with("cannot search this file for secrets"), "{found:?}");
    assert_eq!(outcome.code, 1);
}

#[test]
fn only_text_files_that_a_change_touches_are_searched_in_it() {
    let repository = Repository::with_seed();
    let token = token();
    repository.write("catalogs/secrets/old.txt", &token).commit_all("an old leak");
    repository.git(&["switch", "--quiet", "--create", "pr"]);
    repository.write("catalogs/secrets/new.txt", "nothing\n").commit_all("a harmless text");
    let range = ["validate", "--from-ref", "main", "--format", "json"];
    assert_eq!(leaks(&repository.goldenpath(&range).run().success()), []);

    repository.write("catalogs/secrets/new.txt", &token);
    repository.git(&["add", "--all"]);
    let staged = repository.goldenpath(&["validate", "--staged", "--format", "json"]).run();
    assert_eq!(
        leaks(&staged).iter().map(|found| found.path.as_str()).collect::<Vec<_>>(),
        ["catalogs/secrets/new.txt"]
    );

    repository.commit_all("a leak");
    let outcome = repository.goldenpath(&range).run();
    assert_eq!(
        leaks(&outcome).iter().map(|found| found.path.as_str()).collect::<Vec<_>>(),
        ["catalogs/secrets/new.txt"]
    );
    assert_eq!(outcome.code, 1);
}

#[test]
fn the_message_of_no_kind_of_leak_hides_its_own_words() {
    for set in [FIRST, SECOND, THIRD] {
        let repository = Repository::new();
        for (number, row) in Set::rows(set.leaks).iter().enumerate() {
            let number = number + 1;
            repository.write(
                path(number),
                &manifest(row.place, &assemble(row.text, number as u64), number),
            );
        }
        let found = leaks(&repository.goldenpath(&["validate", "--format", "json"]).run());
        assert!(found.len() > 100);
        for found in found {
            assert!(
                !found.message.contains("[hidden]") && !found.help.contains("[hidden]"),
                "{found:?}"
            );
        }
    }
}
