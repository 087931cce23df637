//! GP501 finds leaks and leaves harmless texts alone, measured on a corpus.
//!
//! `tests/fixtures/secret_corpus` holds two sets, each with leaks and harmless texts. The rule was tuned on the one; the
//! other was written before, from other vendors and in other words, and was not. A row has a kind, the place in
//! a manifest and the text. No row holds a value: `⟦alnum 36⟧` stands for 36 random characters, drawn anew for each seed.

use serde_json::Value;

use crate::support::{Repository, SEED};

const TUNED: Set = Set {
    name: "tuned",
    leaks: include_str!("../fixtures/secret_corpus/tuned/leaks.tsv"),
    harmless: include_str!("../fixtures/secret_corpus/tuned/harmless.tsv"),
};

const HELD_OUT: Set = Set {
    name: "held out",
    leaks: include_str!("../fixtures/secret_corpus/held_out/leaks.tsv"),
    harmless: include_str!("../fixtures/secret_corpus/held_out/harmless.tsv"),
};

/// The values of each row are drawn this many times.
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

/// Shares of the texts of a set.
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

    /// Runs `validate` over all texts, each in a manifest of its own, and prints what it got wrong.
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
            let name = finding["path"].as_str().and_then(|path| path.rsplit("SEC-").next()).expect("a path");
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
                println!("{} {}, {} in {}: {text}", self.name, if is_leak { "miss" } else { "false alarm" }, row.kind, row.place);
                *(if is_leak { &mut missed } else { &mut alarms }) += 1;
            }
        }
        let share = |count: usize, rows: usize| count as f64 / (rows as f64 * SEEDS as f64);
        let measured = Measured { recall: 1.0 - share(missed, leaks.len()), false_alarms: share(alarms, harmless.len()) };
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

/// The seed's manifest with `text` at a place.
fn manifest(place: &str, text: &str, number: usize) -> String {
    let own = SEED
        .replace("SEC-0007 ", &format!("SEC-{number:04} "))
        .replace("name: payments-db-credentials", &format!("name: payments-db-credentials-{number}"))
        .replace("k8sSecretName: payments-db-creds", &format!("k8sSecretName: payments-db-creds-{number}"));
    let quoted = Value::from(text).to_string();
    let indented = |margin: &str| text.lines().map(|line| format!("{margin}{line}\n")).collect::<String>();
    let metadata = |lines: String| own.replacen("metadata:\n", &format!("metadata:\n{lines}"), 1);
    let replaced = |field: &str| {
        let line = own.lines().find(|line| line.trim_start().starts_with(field)).expect("a field of the seed");
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
        "principal" => own.replacen("    namespace:", &format!("    readPrincipals:\n      - {quoted}\n    namespace:"), 1),
        other => panic!("there is no place {other}"),
    }
}

/// The text of a row, with `⏎` for a line break and each `⟦kind argument⟧` replaced, the innermost first.
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

/// Marsaglia's and Vigna's xorshift64*: as random as a token, and the same on every run.
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
        let (upper, lower, digits) = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789");
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
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(group.get(at).copied().unwrap_or_default()));
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
fn both_sets_have_leaks_of_sixty_kinds_and_enough_harmless_texts() {
    for set in [TUNED, HELD_OUT] {
        let (leaks, harmless) = (Set::rows(set.leaks), Set::rows(set.harmless));
        assert!(leaks.len() >= 130 && kinds(&leaks) >= 60, "{}: {} leaks", set.name, leaks.len());
        assert!(harmless.len() >= 126, "{}: {} harmless texts", set.name, harmless.len());
    }
}

#[test]
fn the_corpus_assembles_base64_as_the_rfc_does() {
    for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
        assert_eq!(base64(bytes.as_bytes()), text); // RFC 4648, section 10
    }
}

#[test]
fn leaks_that_the_rule_was_tuned_on_are_found_and_harmless_texts_are_not() {
    let measured = TUNED.measure();
    assert!(measured.recall >= 0.95, "recall {:.3}", measured.recall);
    assert!(measured.false_alarms <= 0.02, "false alarms {:.3}", measured.false_alarms);
}

#[test]
fn leaks_that_the_rule_has_never_seen_are_found_and_harmless_texts_are_not() {
    let measured = HELD_OUT.measure();
    assert!(measured.recall >= 0.95, "recall {:.3}", measured.recall);
    assert!(measured.false_alarms <= 0.02, "false alarms {:.3}", measured.false_alarms);
}
