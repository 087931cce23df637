//! The manifest of an ID that a user typed, or a suggestion of other IDs.

use std::collections::BTreeMap;

use miette::Diagnostic;

use super::{Catalog, Entry};
use crate::manifest::SecretId;
use crate::sanitize::sanitize_name;
use crate::suggest;

/// The limit of suggested IDs.
const SUGGESTIONS: usize = 3;

/// Why an ID does not lead to one manifest.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum FindError {
    #[error("no manifest has the ID or name {id}")]
    Unknown {
        id: String,
        #[help]
        help: String,
    },
    #[error("{count} manifests have the ID {id}: {paths}")]
    #[diagnostic(help("run `goldenpath id renumber` to give the younger one another ID"))]
    Several { id: String, count: usize, paths: String },
    #[error("{count} manifests have the name {name}")]
    #[diagnostic(help("give the ID: {ids}"))]
    SeveralNamed { name: String, count: usize, ids: String },
}

impl Catalog {
    /// Returns the one file that `word` means: an ID, also in lower case or without its zeros, or
    /// a secret's name if only one manifest has it. An ID counts before a name.
    ///
    /// # Errors
    /// No file has the ID or name, or several do.
    pub fn find(&self, word: &str) -> Result<&Entry, FindError> {
        let typed = SecretId::parse_typed(word).map(|id| id.to_string());
        let id = typed.as_deref().unwrap_or(word);
        let claims = |entry: &&Entry| entry.claimed_id() == Some(id);
        match self.entries.iter().filter(claims).collect::<Vec<_>>().as_slice() {
            [only] => return Ok(only),
            [] => {}
            several => {
                let paths: Vec<_> =
                    several.iter().map(|entry| sanitize_name(&entry.path)).collect();
                return Err(FindError::Several {
                    id: sanitize_name(id).into_owned(),
                    count: several.len(),
                    paths: paths.join(", "),
                });
            }
        }
        let has_name =
            |entry: &&Entry| entry.request().is_some_and(|request| request.name.as_str() == word);
        match self.entries.iter().filter(has_name).collect::<Vec<_>>().as_slice() {
            [only] => Ok(only),
            [] => Err(FindError::Unknown {
                id: sanitize_name(id).into_owned(),
                help: self.suggestion(word),
            }),
            several => Err(FindError::SeveralNamed {
                name: sanitize_name(word).into_owned(),
                count: several.len(),
                ids: ids_of(several),
            }),
        }
    }

    /// Returns what the user may have meant by `word`.
    fn suggestion(&self, word: &str) -> String {
        let by_id: BTreeMap<SecretId, &Entry> = self
            .entries
            .iter()
            .filter_map(|entry| Some((SecretId::parse(entry.claimed_id()?).ok()?, entry)))
            .collect();
        let name = |entry: &Entry| {
            entry.request().map(|request| format!(" ({})", request.name)).unwrap_or_default()
        };
        let near: Vec<String> = nearest(word, by_id.keys().copied())
            .iter()
            .map(|id| format!("{id}{}", name(by_id[id])))
            .collect();
        if !near.is_empty() {
            return format!("did you mean {}?", near.join(" or "));
        }
        let names = self.requests().map(|request| request.name.as_str());
        if let Some(suggestion) = suggest::did_you_mean(word, names) {
            return suggestion;
        }
        match by_id.len() {
            0 => {
                "the catalog has no manifests; run `goldenpath new secret` to create one".to_owned()
            }
            1 => format!(
                "the only ID is {}",
                by_id.keys().next().map(SecretId::to_string).unwrap_or_default()
            ),
            count => format!("run `goldenpath list` to see all {count}"),
        }
    }
}

/// Returns the IDs of manifests with their environments, in the order of the IDs.
fn ids_of(entries: &[&Entry]) -> String {
    let mut requests: Vec<_> = entries.iter().filter_map(|entry| entry.request()).collect();
    requests.sort_by_key(|request| request.id);
    let mut ids: Vec<String> = requests
        .iter()
        .take(SUGGESTIONS)
        .map(|request| format!("{} ({}, {})", request.id, request.service, request.environment))
        .collect();
    if requests.len() > SUGGESTIONS {
        ids.push(format!("{} more", requests.len() - SUGGESTIONS));
    }
    ids.join(", ")
}

/// Returns the ID with the number in `word`, or else those that differ in one digit.
///
/// The nearest number comes first.
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
    fn an_id_in_another_form_is_found_and_similar_ids_are_suggested() {
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
