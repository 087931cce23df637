//! Suggestions for mistyped words: "did you mean …?"

/// Returns "did you mean …?" with the candidate that is close to `word`.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// Returns the candidate that `word` most likely means.
///
/// It differs in case and separators only, or is the beginning of `word` (`prod` for `production`)
/// or the other way round, or is a few typing errors away.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are not typed by hand, and the distance is quadratic in the length.
    if word.len() > 60 {
        return None;
    }
    let plain = fold(word);
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(&plain, &fold(candidate))?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How certain a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Differs in case and separators only.
    Same,
    /// A few typing errors away, and no other candidate is as close.
    Typo,
    /// Begins with the candidate (`production` for `prod`), and no other is close.
    Longer,
    /// Ambiguous: the candidate only begins with the word, or the digits differ.
    Doubtful,
}

/// Returns the nearest candidate and its certainty, if no other is as close.
pub fn find_unique_match<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<(&'a str, Certainty)> {
    if word.len() > 60 {
        return None;
    }
    let plain = fold(word);
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).collect::<String>();
    let certainty = |folded: &str, slips: usize| match slips {
        0 => Certainty::Same,
        // `dev2` is not `dev`.
        _ if digits(&plain) != digits(folded) => Certainty::Doubtful,
        _ if is_typo(slips, &plain, folded) => Certainty::Typo,
        _ if plain.starts_with(folded) => Certainty::Longer,
        _ => Certainty::Doubtful,
    };
    let mut near: Vec<(usize, &str, Certainty)> = Vec::new();
    for candidate in candidates {
        let folded = fold(candidate);
        if let Some(distance) = distance(&plain, &folded) {
            near.push((
                distance,
                candidate,
                certainty(&folded, strsim::damerau_levenshtein(&plain, &folded)),
            ));
        }
    }
    near.sort_by_key(|(distance, ..)| *distance);
    match near.as_slice() {
        [(_, only, certainty)] => Some((only, *certainty)),
        // All prefix matches are equally close.
        [(first, nearest, certainty @ (Certainty::Same | Certainty::Typo)), (second, ..), ..]
            if first < second =>
        {
            Some((nearest, *certainty))
        }
        _ => None,
    }
}

fn fold(word: &str) -> String {
    word.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Returns None if the words are too far apart.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let slips = strsim::damerau_levenshtein(word, candidate);
    let begins = word.len() >= 3
        && candidate.len() >= 3
        && (word.starts_with(candidate) || candidate.starts_with(word));
    if is_typo(slips, word, candidate) {
        Some(slips)
    } else {
        begins.then_some(max_typos(word, candidate) + 1)
    }
}

/// Returns the maximum number of typing errors for two words.
fn max_typos(word: &str, candidate: &str) -> usize {
    candidate.chars().count().max(word.chars().count()).div_ceil(4)
}

fn is_typo(slips: usize, word: &str, candidate: &str) -> bool {
    slips <= max_typos(word, candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words_are_found_and_distant_words_are_not() {
        let environments = ["dev", "test", "staging", "prod", "ephemeral"];
        assert_eq!(nearest("production", environments), Some("prod"));
        assert_eq!(nearest("Prod", environments), Some("prod"));
        assert_eq!(nearest("stagign", environments), Some("staging"));
        assert_eq!(nearest("rotation_class", ["rotationClass"]), Some("rotationClass"));
        assert_eq!(nearest("hgih", ["low", "medium", "high"]), Some("high"));
        assert_eq!(nearest("banana", environments), None);
        assert_eq!(nearest(&"x".repeat(10_000), environments), None);
    }

    #[test]
    fn only_an_unambiguous_match_is_certain() {
        use Certainty::{Doubtful, Longer, Same, Typo};
        let environments = ["dev", "test", "staging", "prod", "ephemeral"];
        for (word, expected) in [
            ("PROD", Some(("prod", Same))),
            ("stagign", Some(("staging", Typo))),
            ("production", Some(("prod", Longer))),
            ("dev2", Some(("dev", Doubtful))),
            ("eph", Some(("ephemeral", Doubtful))),
            ("banana", None),
        ] {
            assert_eq!(find_unique_match(word, environments), expected, "{word}");
        }
        assert_eq!(find_unique_match("cast", ["cost", "case"]), None, "two are equally close");
        assert_eq!(find_unique_match("team", ["team-a", "team-b"]), None);
        assert_eq!(find_unique_match("Api_Key", ["api-key", "api-keys"]), Some(("api-key", Same)));
    }
}
