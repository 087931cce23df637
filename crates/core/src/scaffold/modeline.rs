//! The comment by which editors find the JSON Schema of a file.

/// The beginning of the comment, which the YAML language server defines.
const START: &str = "# yaml-language-server:";

/// Returns `text` with the comment in its first line, unless it has one.
///
/// `path` and `schema` are paths from the root of the repository.
pub(super) fn add(text: &str, path: &str, schema: &str) -> String {
    let mut comments = text.lines().take_while(|line| line.starts_with('#'));
    if comments.any(|line| line.starts_with(START)) {
        return text.to_owned();
    }
    let up = "../".repeat(path.matches('/').count());
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    format!("{START} $schema={up}{schema}{newline}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_schema_is_relative_to_the_file() {
        let added = add("a: 1\r\n", "secrets/payments/dev/SEC-0001.yaml", "schemas/x.json");
        assert_eq!(added, "# yaml-language-server: $schema=../../../schemas/x.json\r\na: 1\r\n");
    }

    #[test]
    fn a_text_with_the_comment_keeps_its_own() {
        let own = "# ours\n# yaml-language-server: $schema=https://example.com/x.json\na: 1\n";
        assert_eq!(add(own, "secrets/SEC-0001.yaml", "schemas/x.json"), own);
    }
}
