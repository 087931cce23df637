//! serde's messages, in the words of who writes the file rather than of who wrote the program.

use crate::suggest::did_you_mean;

const SEVERAL_DOCUMENTS: &str = "more than one document";

/// The message, without Rust's names of types.
pub(super) fn message(told: &str) -> String {
    let (before, what) = match told.find("invalid type: ").or_else(|| told.find("invalid value: "))
    {
        Some(start) => told.split_at(start),
        None if told.contains("unknown ") => {
            // What was expected stands in the help.
            return told
                .split(", expected ")
                .next()
                .unwrap_or(told)
                .replace("unknown variant", "unknown value");
        }
        None if told.contains(SEVERAL_DOCUMENTS) => {
            return "a second document stands in the file".to_owned();
        }
        None => return told.to_owned(),
    };
    match what.split_once(": ").and_then(|(_, pair)| pair.rsplit_once(", expected ")) {
        Some((found, expected)) => {
            format!("{before}this is {}, not {}", described(found), named(expected))
        }
        None => told.to_owned(),
    }
}

/// What to do about it.
pub(super) fn help(told: &str) -> String {
    if let Some((wrong, expected)) = told.split_once(", expected ")
        && wrong.contains("unknown ")
    {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let kind = if wrong.contains("unknown field") { "fields here" } else { "values" };
        let list = format!("the {kind} are {}", known.join(", "));
        let wrong = wrong.rsplit('`').nth(1).unwrap_or_default();
        return match did_you_mean(wrong, known.iter().copied()) {
            Some(question) => format!("{question} {list}"),
            None => list,
        };
    }
    if let Some(field) =
        told.split_once("missing field `").and_then(|(_, rest)| rest.strip_suffix('`'))
    {
        return format!("add `{field}:` with a value");
    }
    if let Some(field) = duplicate(told) {
        return format!("keep one of the two `{field}`");
    }
    match told.split_once("invalid ").and_then(|(_, what)| what.rsplit_once(", expected ")) {
        Some((_, expected)) => format!("write {} here", named(expected)),
        None if told.contains(SEVERAL_DOCUMENTS) => "keep one document".to_owned(),
        None if told.contains("cannot start any token") => {
            "indent with spaces, and quote a value that starts with a special character".to_owned()
        }
        None => {
            "check the indentation and the `key: value` form here and on the line above".to_owned()
        }
    }
}

/// The field that stands twice.
pub(super) fn duplicate(told: &str) -> Option<&str> {
    told.split_once("duplicate field `")
        .or_else(|| told.split_once("duplicate entry with key \""))?
        .1
        .split(['`', '"'])
        .next()
}

fn described(found: &str) -> String {
    match found {
        "sequence" => "a list".to_owned(),
        "map" => "a mapping".to_owned(),
        "unit value" | "null" => "nothing".to_owned(),
        other => format!("the {other}"),
    }
}

fn named(expected: &str) -> String {
    match expected {
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        _ if expected.starts_with("struct ") => "a mapping".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_type_of_ours_reaches_a_person() {
        assert_eq!(
            message("invalid type: sequence, expected struct Config"),
            "this is a list, not a mapping"
        );
        assert_eq!(
            message("tiers.low.approvals: invalid value: integer `1000`, expected u8"),
            "tiers.low.approvals: this is the integer `1000`, not a whole number from 0 to 255"
        );
        assert_eq!(
            message("store: invalid type: unit value, expected struct StoreConfig"),
            "store: this is nothing, not a mapping"
        );
        assert_eq!(
            message("rules.GP102: unknown variant `of`, expected one of `off`, `warn`"),
            "rules.GP102: unknown value `of`"
        );
    }

    #[test]
    fn a_near_miss_is_told_what_it_may_have_meant() {
        assert_eq!(
            help("unknown field `catalgo`, expected one of `catalog`, `store`"),
            "did you mean `catalog`? the fields here are catalog, store"
        );
        assert_eq!(
            help("store.backend: unknown variant `gcp`, expected `local` or `aws`"),
            "the values are local, aws"
        );
        assert_eq!(help("tiers.low: missing field `approvals`"), "add `approvals:` with a value");
    }
}
