//! Findings as workflow commands of GitHub Actions: `validate --format github`.
//!
//! The runner interprets a line of a step's output that begins with `::name …::` as a command,
//! and shows an `error` or a `warning` in the pull request (docs.github.com, "Workflow commands
//! for GitHub Actions"). The author of that pull request wrote the manifests, so their text is
//! escaped: it can neither end a command nor begin one.

use crate::rules::{Finding, Severity};
use crate::sanitize::sanitize;

/// Returns one command per finding, each on its own line.
pub fn findings_for_github(findings: &[Finding]) -> impl Iterator<Item = String> {
    findings.iter().map(command)
}

/// Returns a command that shows a message only in the run's debug log.
#[must_use]
pub fn debug_for_github(line: &str) -> String {
    format!("::debug::{}", data(line))
}

fn command(finding: &Finding) -> String {
    let name = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = finding.place;
    // The runner rejects columns for a finding that spans several lines.
    let columns = if place.line == place.end_line {
        format!(",col={},endColumn={}", place.column, place.end_column)
    } else {
        String::new()
    };
    format!(
        "::{name} file={path},line={line},endLine={end_line}{columns},title={title}::{text}\n",
        path = property(&finding.path),
        line = place.line,
        end_line = place.end_line,
        title = property(&format!("{} {}", finding.rule.code, finding.rule.name)),
        text = data(&format!("{}\n{}", finding.message, finding.help)),
    )
}

/// Escapes the text after the second `::`.
///
/// It does the same as `escapeData` in packages/core/src/command.ts of the Actions toolkit.
fn data(text: &str) -> String {
    // The log may also be read in a terminal: neutralize control characters.
    sanitize(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property's value (`escapeProperty` there).
///
/// A `:` would end the command, and a `,` begins the next property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_like_in_the_toolkit() {
        assert_eq!(data("100% a:b,c\nd"), "100%25 a:b,c%0Ad");
        assert_eq!(data("%0A::error::x"), "%250A::error::x");
        assert_eq!(property("a,line=1::b%3A\n"), "a%2Cline=1%3A%3Ab%253A%0A");
        assert_eq!(debug_for_github("a\n::stop-commands::x"), "::debug::a%0A::stop-commands::x");
    }

    #[test]
    fn a_command_contains_no_control_character_or_line_break() {
        let text = data("\u{1b}[2J\r\u{85}\u{2028}\u{202e}");
        assert_eq!(text, "\\u{1b}[2J\\u{d}\\u{85}\\u{2028}\\u{202e}");
    }
}
