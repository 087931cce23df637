//! "Did you mean …?"

/// The sentence, if one of `candidates` is near enough to `word` that a person may have meant it.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// The one of `candidates` that `word` most likely stands for: the same but for case and separators, its beginning
/// (`production` for `prod`), or a slip of the fingers away.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody mistypes 60 characters, and the distance is quadratic in the length.
    if word.len() > 60 {
        return None;
    }
    let plain = folded(word);
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(&plain, &folded(candidate))?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How sure it is what a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// The same but for case and separators.
    Same,
    /// A slip of the fingers away, and nothing else is as near.
    Slip,
    /// It goes on behind the candidate (`production` for `prod`), and no other candidate is near.
    Longer,
    /// It may as well stand for something else: it is only the candidate's beginning, or has other digits.
    Doubtful,
}

/// As [`nearest`], where nothing else is as near, with how sure that is.
pub fn only_one<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<(&'a str, Certainty)> {
    if word.len() > 60 {
        return None;
    }
    let plain = folded(word);
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).collect::<String>();
    let certainty = |folded: &str, slips: usize| match slips {
        0 => Certainty::Same,
        // `dev2` is not `dev`.
        _ if digits(&plain) != digits(folded) => Certainty::Doubtful,
        _ if is_slip(slips, &plain, folded) => Certainty::Slip,
        _ if plain.starts_with(folded) => Certainty::Longer,
        _ => Certainty::Doubtful,
    };
    let mut near: Vec<(usize, &str, Certainty)> = Vec::new();
    for candidate in candidates {
        let folded = folded(candidate);
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
        // Beginnings are all as near as one another.
        [(first, nearest, certainty @ (Certainty::Same | Certainty::Slip)), (second, ..), ..]
            if first < second =>
        {
            Some((nearest, *certainty))
        }
        _ => None,
    }
}

fn folded(word: &str) -> String {
    word.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// None when too far.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let slips = strsim::damerau_levenshtein(word, candidate);
    let begins = word.len() >= 3
        && candidate.len() >= 3
        && (word.starts_with(candidate) || candidate.starts_with(word));
    if is_slip(slips, word, candidate) {
        Some(slips)
    } else {
        begins.then_some(allowed(word, candidate) + 1)
    }
}

/// How many slips are few enough.
fn allowed(word: &str, candidate: &str) -> usize {
    candidate.chars().count().max(word.chars().count()).div_ceil(4)
}

fn is_slip(slips: usize, word: &str, candidate: &str) -> bool {
    slips <= allowed(word, candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
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
    fn only_what_nothing_else_is_as_near_to_is_certain() {
        use Certainty::{Doubtful, Longer, Same, Slip};
        let environments = ["dev", "test", "staging", "prod", "ephemeral"];
        for (word, expected) in [
            ("PROD", Some(("prod", Same))),
            ("stagign", Some(("staging", Slip))),
            ("production", Some(("prod", Longer))),
            ("dev2", Some(("dev", Doubtful))),
            ("eph", Some(("ephemeral", Doubtful))),
            ("banana", None),
        ] {
            assert_eq!(only_one(word, environments), expected, "{word}");
        }
        assert_eq!(only_one("cast", ["cost", "case"]), None, "two are as near");
        assert_eq!(only_one("team", ["team-a", "team-b"]), None);
        assert_eq!(only_one("Api_Key", ["api-key", "api-keys"]), Some(("api-key", Same)));
    }
}
