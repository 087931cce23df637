//! Findings and errors as text for people, rendered by miette.

use std::fmt;
use std::ops::Range;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, NamedSource,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};
use textwrap::{WordSeparator, WordSplitter};

use crate::output::style::TerminalStyle;
use goldenpath_core::catalog::{Catalog, Entry};
use goldenpath_core::report::count;
use goldenpath_core::rules::{Applicability, ConfidentialSpans, Finding, Severity};
use goldenpath_core::sanitize::{sanitize, sanitize_in_place, sanitize_name};

/// The longest line that is shown; a place in a longer line is given as line and column.
const MAX_LINE: usize = 400;

/// How many findings of one file are shown.
const MAX_PER_FILE: usize = 50;

/// Returns the findings, each with the lines of its file.
///
/// A file with too many findings ends with the number of the rest. Rendered one by one to save
/// memory. `findings` must be sorted by path and place.
pub fn findings_for_people(
    findings: &[Finding],
    catalog: &Catalog,
    terminal: TerminalStyle,
) -> impl Iterator<Item = String> {
    findings.chunk_by(|one, other| one.path == other.path).flat_map(move |of_file| {
        let (first, rest) = of_file.split_at(of_file.len().min(MAX_PER_FILE));
        let shown =
            first.iter().map(move |finding| render(&Drawing::of(finding, catalog), terminal));
        shown.chain(rest.first().map(|next| render_rest(rest.len(), &next.path, terminal)))
    })
}

fn render_rest(more: usize, path: &str, terminal: TerminalStyle) -> String {
    let dots = if terminal.unicode { "…" } else { "..." };
    let (number, s) = (group_digits(more), plural(more));
    format!(
        "{dots} and {number} more finding{s} in {}; `--format json` shows all of them\n\n",
        sanitize_name(path)
    )
}

/// Returns the last line of a check: the number of manifests, errors and warnings.
#[must_use]
pub fn summary(files: usize, findings: &[Finding], terminal: TerminalStyle) -> String {
    let (errors, warnings) = (count(findings, Severity::Error), count(findings, Severity::Warning));
    let checked = format!("checked {} manifest{}", group_digits(files), plural(files));
    match (errors, warnings) {
        (0, 0) => format!("{checked}: {}\n", terminal.style().green().apply_to("no findings")),
        _ => {
            let mut parts = Vec::new();
            if errors > 0 {
                let text = format!("{} error{}", group_digits(errors), plural(errors));
                parts.push(terminal.style().red().bold().apply_to(text).to_string());
            }
            if warnings > 0 {
                let text = format!("{} warning{}", group_digits(warnings), plural(warnings));
                parts.push(terminal.style().yellow().apply_to(text).to_string());
            }
            format!("{checked}: {}\n", parts.join(", "))
        }
    }
}

/// Returns a line with the number of findings that `command` would fix, if any.
#[must_use]
pub fn fixable(findings: &[Finding], command: &str) -> Option<String> {
    let count = |applicability| {
        let fixes = findings.iter().filter_map(|finding| finding.fix.as_ref());
        fixes.filter(|fix| fix.applicability == applicability).count()
    };
    match (count(Applicability::Safe), count(Applicability::Unsafe)) {
        (0, 0) => None,
        (0, needs_review) => Some(format!(
            "{} fixable with `{command} --unsafe-fixes`\n",
            group_digits(needs_review)
        )),
        (safe, 0) => Some(format!("{} fixable with `{command}`\n", group_digits(safe))),
        (safe, needs_review) => {
            let (safe, needs_review) = (group_digits(safe), group_digits(needs_review));
            Some(format!(
                "{safe} fixable with `{command}`, {needs_review} more with `--unsafe-fixes`\n"
            ))
        }
    }
}

/// Returns a number with its noun: `1 file`, `2 files`.
#[must_use]
pub fn count_of(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", group_digits(number), plural(number))
}

/// Returns a number with separated thousands.
fn group_digits(number: usize) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Returns an error as text for people, with its place and help.
#[must_use]
pub fn render_report(report: &dyn Diagnostic, terminal: TerminalStyle) -> String {
    render(&Drawing::copy_of(report), terminal)
}

fn render(diagnostic: &dyn Diagnostic, terminal: TerminalStyle) -> String {
    let theme = GraphicalTheme {
        characters: if terminal.unicode {
            ThemeCharacters::unicode()
        } else {
            ThemeCharacters::ascii()
        },
        styles: if terminal.color { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(terminal.width)
        .with_links(false)
        .with_context_lines(1)
        .with_break_words(false)
        .with_word_separator(WordSeparator::AsciiSpace)
        .with_word_splitter(WordSplitter::NoHyphenation)
        .with_show_related_as_nested(true);
    let mut text = String::new();
    // Writing into a String cannot fail. If miette fails anyway, the message alone is shown.
    if handler.render_report(&mut text, diagnostic).is_err() {
        text = format!("{diagnostic}\n");
    }
    text.push('\n');
    text
}

/// A finding or an error in the form that miette renders.
#[derive(Debug)]
struct Drawing {
    code: String,
    severity: miette::Severity,
    message: String,
    help: Option<String>,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    related: Vec<Drawing>,
}

impl Drawing {
    fn of(finding: &Finding, catalog: &Catalog) -> Self {
        let entry = catalog.at(&finding.path);
        let (source, mut labels) = place(entry, &finding.span, None, &finding.confidential);
        let mut related = Vec::new();
        for other in &finding.related {
            if other.path == finding.path {
                if source.is_some() {
                    labels.push(LabeledSpan::new_with_span(
                        Some(sanitize(&other.label).into_owned()),
                        other.span.clone(),
                    ));
                }
            } else {
                let (source, labels) = place(
                    catalog.at(&other.path),
                    &other.span,
                    Some(&other.label),
                    &other.confidential,
                );
                related.push(Self {
                    code: String::new(),
                    severity: miette::Severity::Advice,
                    message: format!("see {}", sanitize_name(&other.path)),
                    help: None,
                    source,
                    labels,
                    related: Vec::new(),
                });
            }
        }
        let mut message = sanitize(&finding.message).into_owned();
        if source.is_none() {
            let place = finding.place;
            message = format!(
                "{}:{}:{}: {message}",
                sanitize_name(&finding.path),
                place.line,
                place.column
            );
        }
        Self {
            code: format!("{} {}", finding.rule.code, finding.rule.name),
            severity: match finding.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
            },
            message,
            help: Some(sanitize(&finding.help).into_owned()),
            source,
            labels,
            related,
        }
    }

    /// Copies a diagnostic and escapes control characters.
    fn copy_of(report: &dyn Diagnostic) -> Self {
        let labels: Vec<LabeledSpan> = report.labels().map(Iterator::collect).unwrap_or_default();
        let mut source =
            report.source_code().and_then(|source| named_source(source, labels.first()?.inner()));
        let mut message = sanitize(&report.to_string()).into_owned();
        if let (Some(text), Some(label)) = (source.as_ref().map(NamedSource::inner), labels.first())
        {
            let span = label.offset()..label.offset() + label.len();
            if text.get(span.clone()).is_none_or(|_| !lines_fit(text, &span)) {
                let start = text.get(..span.start).unwrap_or_default();
                let (line, column) = (
                    start.split('\n').count(),
                    start.chars().rev().take_while(|c| *c != '\n').count() + 1,
                );
                message.push_str(&format!(" (line {line}, column {column})"));
                source = None;
            }
        }
        Self {
            // An error's code is internal: people read its message.
            code: String::new(),
            severity: report.severity().unwrap_or_default(),
            message,
            help: report.help().map(|help| sanitize(&help.to_string()).into_owned()),
            labels: if source.is_some() { labels } else { Vec::new() },
            source,
            related: Vec::new(),
        }
    }
}

/// Returns the text to show, with confidential parts masked, and the label of the span.
///
/// The primary label has no words. Returns nothing if there is no text or its lines are too long.
fn place(
    entry: Option<&Entry>,
    span: &Range<usize>,
    label: Option<&str>,
    confidential: &ConfidentialSpans,
) -> (Option<NamedSource<String>>, Vec<LabeledSpan>) {
    let Some(entry) = entry.filter(|entry| !entry.text.is_empty() && lines_fit(&entry.text, span))
    else {
        return (None, Vec::new());
    };
    let label = match label {
        None => LabeledSpan::new_primary_with_span(None, span.clone()),
        Some(label) => LabeledSpan::new_with_span(Some(sanitize(label).into_owned()), span.clone()),
    };
    let text = sanitize_in_place(&confidential.mask(&entry.text));
    (Some(NamedSource::new(sanitize_name(&entry.path), text)), vec![label])
}

/// Returns whether the lines of the span and their neighbors are short enough to show.
fn lines_fit(text: &str, span: &Range<usize>) -> bool {
    let before = text[..span.start].rsplitn(3, '\n').take(2);
    let after = text[span.start..].split('\n').take(2);
    before.chain(after).all(|line| line.len() <= MAX_LINE) && span.len() <= MAX_LINE
}

impl fmt::Display for Drawing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Drawing {}

impl Diagnostic for Drawing {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.code.is_empty()).then(|| Box::new(&self.code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        (!self.related.is_empty()).then(|| {
            Box::new(self.related.iter().map(|other| other as &dyn Diagnostic))
                as Box<dyn Iterator<Item = _>>
        })
    }
}

/// Returns the whole text of a source with its name.
fn named_source(source: &dyn SourceCode, span: &SourceSpan) -> Option<NamedSource<String>> {
    let all = |contents: Result<Box<dyn SpanContents<'_> + '_>, MietteError>| {
        let contents = contents.ok()?;
        let text = String::from_utf8_lossy(contents.data()).into_owned();
        Some((contents.name().unwrap_or_default().to_owned(), text))
    };
    let (name, text) = all(source.read_span(span, usize::MAX / 2, usize::MAX / 2))?;
    Some(NamedSource::new(sanitize_name(&name), sanitize_in_place(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, shown) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (9950, "9,950"), (1_234_567, "1,234,567")]
        {
            assert_eq!(group_digits(number), shown);
        }
    }
}
