//! Manifests by the IDs that people type.

use std::collections::BTreeMap;

use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Entry};
use goldenpath_core::manifest::SecretId;
use goldenpath_core::sanitize::harmless_name;

/// How many IDs are suggested.
const SUGGESTIONS: usize = 3;

/// The one file of the catalog that claims the ID `word`.
pub(crate) fn named<'catalog>(
    catalog: &'catalog Catalog,
    word: &str,
) -> Result<&'catalog Entry, Failure> {
    let claims = |entry: &&Entry| entry.claimed_id() == Some(word);
    match catalog.entries.iter().filter(claims).collect::<Vec<_>>().as_slice() {
        [only] => Ok(only),
        [] => Err(unknown(catalog, word)),
        several => {
            let paths: Vec<_> = several.iter().map(|entry| harmless_name(&entry.path)).collect();
            Err(Failure::usage(
                format!(
                    "{} manifests have the ID {}: {}",
                    several.len(),
                    harmless_name(word),
                    paths.join(", ")
                ),
                "`goldenpath id renumber` gives the younger one another ID",
            ))
        }
    }
}

fn unknown(catalog: &Catalog, word: &str) -> Failure {
    let by_id: BTreeMap<SecretId, &Entry> = catalog
        .entries
        .iter()
        .filter_map(|entry| Some((SecretId::parse(entry.claimed_id()?).ok()?, entry)))
        .collect();
    let name = |entry: &Entry| {
        entry.request().map(|request| format!(" ({})", request.name)).unwrap_or_default()
    };
    let called: Vec<String> = by_id
        .iter()
        .filter(|(_, entry)| entry.request().is_some_and(|request| request.name.as_str() == word))
        .take(SUGGESTIONS)
        .map(|(id, entry)| format!("{id} ({})", harmless_name(&entry.path)))
        .collect();
    let near: Vec<String> = nearest(word, by_id.keys().copied())
        .iter()
        .map(|id| format!("{id}{}", name(by_id[id])))
        .collect();
    let help = match (called.as_slice(), near.as_slice()) {
        ([_, ..], _) => format!("that is the name of {}", called.join(" and of ")),
        ([], [_, ..]) => format!("did you mean {}?", near.join(" or ")),
        ([], []) => match by_id.len() {
            0 => "the catalog has no manifests; `goldenpath new secret` writes one".to_owned(),
            1 => format!(
                "the only one is {}",
                by_id.keys().next().map(SecretId::to_string).unwrap_or_default()
            ),
            several => format!("`goldenpath list` shows the {several} that there are"),
        },
    };
    Failure::usage(format!("no manifest has the ID {}", harmless_name(word)), help)
}

/// The one of this number, or else those that are a slip of the fingers away, the nearest numbers first.
fn nearest(word: &str, ids: impl Iterator<Item = SecretId> + Clone) -> Vec<SecretId> {
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    let Ok(number) = digits.parse::<u32>() else { return Vec::new() };
    if let Some(same) = ids.clone().find(|id| id.number() == number) {
        return vec![same];
    }
    let plain = number.to_string();
    let is_near = |id: &SecretId| {
        let id = id.number().to_string();
        strsim::damerau_levenshtein(&plain, &id) <= 1
    };
    let mut near: Vec<SecretId> = ids.filter(is_near).collect();
    near.sort_by_key(|id| id.number().abs_diff(number));
    near.truncate(SUGGESTIONS);
    near
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_written_otherwise_is_the_same_and_others_are_near() {
        let ids: Vec<SecretId> =
            [1, 7, 17, 70, 4711].into_iter().filter_map(SecretId::of_number).collect();
        let near = |word: &str| {
            nearest(word, ids.iter().copied()).iter().map(|id| id.number()).collect::<Vec<_>>()
        };
        assert_eq!(near("sec-7"), [7]);
        assert_eq!(near("SEC-00017"), [17]);
        assert_eq!(near("SEC-0071"), [70, 17, 7]);
        assert_eq!(near("SEC-9999"), [0; 0]);
        assert_eq!(near("payments"), [0; 0]);
        assert_eq!(near("SEC-99999999999999999999"), [0; 0]);
    }
}
