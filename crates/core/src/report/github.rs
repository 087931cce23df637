//! Findings as GitHub Actions' workflow commands: `validate --format github`.
//!
//! The runner takes a line of a step's output that begins with `::name …::` for a command and draws an `error` or a
//! `warning` into the pull request (docs.github.com, "Workflow commands for GitHub Actions"). What stands in a manifest
//! comes from whoever opened that pull request, so it is written in such a way that it ends no command and begins none.

use crate::rules::{Finding, Severity};
use crate::sanitize::harmless;

/// One command a finding, each a line of its own.
pub fn findings_for_github(findings: &[Finding]) -> impl Iterator<Item = String> {
    findings.iter().map(command)
}

/// A line of talk as a command that shows it, and only where the run's debug log is on.
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
    // The runner refuses columns on a finding that spans several lines.
    let columns = match place.line == place.end_line {
        true => format!(",col={},endColumn={}", place.column, place.end_column),
        false => String::new(),
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

/// What follows the second `::`, escaped as the Actions toolkit does (packages/core/src/command.ts, `escapeData`).
fn data(text: &str) -> String {
    // Whoever reads the log in a terminal is not to be steered by it either.
    harmless(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value (`escapeProperty` there): `:` would end the command, and `,` begins the next property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_the_toolkit_does() {
        assert_eq!(data("100% a:b,c\nd"), "100%25 a:b,c%0Ad");
        assert_eq!(data("%0A::error::x"), "%250A::error::x");
        assert_eq!(property("a,line=1::b%3A\n"), "a%2Cline=1%3A%3Ab%253A%0A");
        assert_eq!(debug_for_github("a\n::stop-commands::x"), "::debug::a%0A::stop-commands::x");
    }

    #[test]
    fn nothing_in_a_command_steers_a_terminal_or_ends_the_line() {
        let text = data("\u{1b}[2J\r\u{85}\u{2028}\u{202e}");
        assert_eq!(text, "\\u{1b}[2J\\u{d}\\u{85}\\u{2028}\\u{202e}");
    }
}
