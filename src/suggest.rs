//! "Did you mean …?"

/// The sentence, if one of `candidates` is near enough to `word` that a person may have meant it.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
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

fn folded(word: &str) -> String {
    word.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// None when too far.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let slips = strsim::damerau_levenshtein(word, candidate);
    let allowed = candidate.chars().count().max(word.chars().count()).div_ceil(4);
    let begins =
        word.len() >= 3 && candidate.len() >= 3 && (word.starts_with(candidate) || candidate.starts_with(word));
    if slips <= allowed { Some(slips) } else { begins.then_some(allowed + 1) }
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
}
