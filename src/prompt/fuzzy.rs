//! Fuzzy search of suggestions: `pymt` finds `payments`.

use std::cmp::Reverse;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// Returns the indices of the `choices` with the letters of `typed` in order, best match first.
///
/// If nothing is typed, returns all in their order.
pub(crate) fn find_matches(typed: &str, choices: &[String]) -> Vec<usize> {
    if typed.is_empty() {
        return (0..choices.len()).collect();
    }
    let pattern = Pattern::new(typed, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut found: Vec<(u32, usize)> = choices
        .iter()
        .enumerate()
        .filter_map(|(index, choice)| {
            Some((pattern.score(Utf32Str::new(choice, &mut buffer), &mut matcher)?, index))
        })
        .collect();
    // Equal matches keep the order of the list.
    found.sort_by_key(|(score, index)| (Reverse(*score), *index));
    found.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(typed: &str) -> Vec<String> {
        let choices: Vec<String> =
            ["orders", "payments", "payments-api", "web"].map(str::to_owned).into();
        find_matches(typed, &choices).into_iter().map(|index| choices[index].clone()).collect()
    }

    #[test]
    fn a_few_letters_find_a_choice_and_the_best_match_is_first() {
        assert_eq!(found("pymt"), ["payments", "payments-api"]);
        assert_eq!(found("PAPI"), ["payments-api"]);
        assert_eq!(found("orders"), ["orders"]);
        assert_eq!(found(""), ["orders", "payments", "payments-api", "web"]);
        assert_eq!(found("zz"), [""; 0]);
    }

    #[test]
    fn special_characters_of_the_matcher_have_no_meaning() {
        for typed in ["!web", "^web", "web$", "'web"] {
            assert_eq!(found(typed), [""; 0], "{typed}");
        }
    }
}
