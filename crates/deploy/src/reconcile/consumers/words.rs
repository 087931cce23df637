//! The words of a text in any syntax, with what shows that one is a path or a namespace.

/// A word: the characters of a path, without templates and wildcards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'t> {
    /// The offset in the text, in bytes.
    pub(super) at: usize,
    /// Empty for a value that begins with a template or a wildcard.
    pub(super) text: &'t str,
    /// The word before, if this one is its value: `path` in `path: apps/web`.
    pub(super) key: &'t str,
    /// Whether a template or a wildcard follows, so that the end of the value is unknown.
    pub(super) is_cut: bool,
    /// Whether its first part names a source, as in `$values/prod.yaml`.
    pub(super) has_source: bool,
}

impl Word<'_> {
    /// Returns whether it is the value of a key with this ending, in any case.
    pub(super) fn has_key(&self, ending: &str) -> bool {
        let end = self.key.len().checked_sub(ending.len()).and_then(|at| self.key.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(ending))
    }
}

/// Calls `visitor` with each word of a text.
pub(super) fn each_word<'t>(text: &'t str, visitor: &mut dyn FnMut(Word<'t>)) {
    let mut start = None;
    let (mut last, mut is_value, mut before) = ("", false, ' ');
    let mut has_source = false;
    for (at, character) in text.char_indices().chain([(text.len(), '\n')]) {
        if is_part_of_path(character) {
            if start.is_none() {
                (start, has_source) = (Some(at), before == '$');
            }
        } else {
            let is_cut = is_wildcard(character);
            let key = if is_value { last } else { "" };
            if let Some(start) = start.take() {
                last = &text[start..at];
                visitor(Word { at: start, text: last, key, is_cut, has_source });
                is_value = false;
            } else if is_cut && is_value {
                visitor(Word { at, text: "", key, is_cut, has_source: false });
                is_value = false;
            }
            match character {
                ':' | '=' => is_value = true,
                ',' | ';' => is_value = false,
                _ => {}
            }
        }
        before = character;
    }
}

fn is_part_of_path(character: char) -> bool {
    character.is_ascii_alphanumeric() || !character.is_ascii() || "._-/+~@".contains(character)
}

fn is_wildcard(character: char) -> bool {
    "*?{[$%<".contains(character)
}

/// Returns whether a path can be a single word.
pub(super) fn is_one_word(path: &str) -> bool {
    path.chars().all(is_part_of_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        each_word(text, &mut |word| {
            let (cut, source) =
                (if word.is_cut { "*" } else { "" }, if word.has_source { "$" } else { "" });
            all.push(format!("{}={source}{}{cut}", word.key, word.text));
        });
        all
    }

    #[test]
    fn words_have_their_key_in_yaml_json_and_arguments() {
        assert_eq!(shown("path: apps/web\n"), ["=path", "path=apps/web"]);
        assert_eq!(shown("{\"path\": \"apps/web\"}"), ["=path", "path=apps/web"]);
        assert_eq!(shown("--path=apps/web x"), ["=--path", "--path=apps/web", "=x"]);
        assert_eq!(shown("a: b, c\n- d"), ["=a", "a=b", "=c", "=-", "=d"]);
    }

    #[test]
    fn a_template_or_a_wildcard_cuts_a_word() {
        assert_eq!(shown("path: apps/{{ env }}/x"), ["=path", "path=apps/*", "=env", "=/x"]);
        assert_eq!(shown("path: '{{ path }}'"), ["=path", "path=*", "=path"]);
        assert_eq!(shown("- $values/a.yaml"), ["=-", "=$values/a.yaml"]);
        assert_eq!(shown("apps/*/prod"), ["=apps/*", "=/prod"]);
    }
}
