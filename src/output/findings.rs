//! Findings and errors for people, drawn by miette.

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
use goldenpath_core::rules::{Applicability, Confidential, Finding, Severity};
use goldenpath_core::sanitize::{harmless, harmless_in_place, harmless_name};

/// The longest line that is drawn; beyond it the place is told in words.
const LONGEST_LINE: usize = 400;

/// How many findings of one file are drawn: nobody reads more of them before mending some.
const MOST_OF_A_FILE: usize = 50;

/// The findings, each drawn into its file's text; of a file that has too many, the first and how many more there are.
/// They come one by one, so that printing them takes no memory. `findings` are sorted by path and place.
pub fn findings_for_people(
    findings: &[Finding],
    catalog: &Catalog,
    look: TerminalStyle,
) -> impl Iterator<Item = String> {
    findings.chunk_by(|one, other| one.path == other.path).flat_map(move |of_a_file| {
        let (first, rest) = of_a_file.split_at(of_a_file.len().min(MOST_OF_A_FILE));
        let drawn = first.iter().map(move |finding| drawn(&Drawing::of(finding, catalog), look));
        drawn.chain(rest.first().map(|next| cut(rest.len(), &next.path, look)))
    })
}

fn cut(more: usize, path: &str, look: TerminalStyle) -> String {
    let dots = if look.unicode { "…" } else { "..." };
    let (number, s) = (grouped(more), plural(more));
    format!(
        "{dots} and {number} more finding{s} in {}; `--format json` has them all\n\n",
        harmless_name(path)
    )
}

/// The last line of a run: how many manifests were looked at and what came of it.
#[must_use]
pub fn summary(files: usize, findings: &[Finding], look: TerminalStyle) -> String {
    let (errors, warnings) = (count(findings, Severity::Error), count(findings, Severity::Warning));
    let checked = format!("checked {} manifest{}", grouped(files), plural(files));
    match (errors, warnings) {
        (0, 0) => format!("{checked}: {}\n", look.style().green().apply_to("no findings")),
        _ => {
            let mut parts = Vec::new();
            if errors > 0 {
                let text = format!("{} error{}", grouped(errors), plural(errors));
                parts.push(look.style().red().bold().apply_to(text).to_string());
            }
            if warnings > 0 {
                let text = format!("{} warning{}", grouped(warnings), plural(warnings));
                parts.push(look.style().yellow().apply_to(text).to_string());
            }
            format!("{checked}: {}\n", parts.join(", "))
        }
    }
}

/// A line that says how many of the findings `command` would fix, where it would any.
#[must_use]
pub fn fixable(findings: &[Finding], command: &str) -> Option<String> {
    let count = |applicability| {
        let fixes = findings.iter().filter_map(|finding| finding.fix.as_ref());
        fixes.filter(|fix| fix.applicability == applicability).count()
    };
    match (count(Applicability::Safe), count(Applicability::Unsafe)) {
        (0, 0) => None,
        (0, doubtful) => {
            Some(format!("{} fixable with `{command} --unsafe-fixes`\n", grouped(doubtful)))
        }
        (safe, 0) => Some(format!("{} fixable with `{command}`\n", grouped(safe))),
        (safe, doubtful) => {
            let (safe, doubtful) = (grouped(safe), grouped(doubtful));
            Some(format!(
                "{safe} fixable with `{command}`, {doubtful} more with `--unsafe-fixes`\n"
            ))
        }
    }
}

/// `1 file`, `2 files`
#[must_use]
pub fn count_of(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), plural(number))
}

/// A number with its thousands set apart.
fn grouped(number: usize) -> String {
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

/// Any error as people see it, with its code, place and help.
#[must_use]
pub fn render_report(report: &dyn Diagnostic, look: TerminalStyle) -> String {
    drawn(&Drawing::copy_of(report), look)
}

fn drawn(diagnostic: &dyn Diagnostic, look: TerminalStyle) -> String {
    let theme = GraphicalTheme {
        characters: if look.unicode {
            ThemeCharacters::unicode()
        } else {
            ThemeCharacters::ascii()
        },
        styles: if look.color { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(look.width)
        .with_links(false)
        .with_context_lines(1)
        .with_word_separator(WordSeparator::AsciiSpace)
        .with_word_splitter(WordSplitter::NoHyphenation)
        .with_show_related_as_nested(true);
    let mut text = String::new();
    // Writing into a String cannot fail; should miette fail to draw, the message alone is still told.
    if handler.render_report(&mut text, diagnostic).is_err() {
        text = format!("{diagnostic}\n");
    }
    text.push('\n');
    text
}

/// A finding as miette wants it.
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
                        Some(harmless(&other.label).into_owned()),
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
                    message: format!("see {}", harmless_name(&other.path)),
                    help: None,
                    source,
                    labels,
                    related: Vec::new(),
                });
            }
        }
        let mut message = harmless(&finding.message).into_owned();
        if source.is_none() {
            let place = finding.place;
            message = format!(
                "{}:{}:{}: {message}",
                harmless_name(&finding.path),
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
            help: Some(harmless(&finding.help).into_owned()),
            source,
            labels,
            related,
        }
    }

    /// A copy of any diagnostic in which nothing steers a terminal.
    fn copy_of(report: &dyn Diagnostic) -> Self {
        let labels: Vec<LabeledSpan> = report.labels().map(Iterator::collect).unwrap_or_default();
        let mut source =
            report.source_code().and_then(|source| named(source, labels.first()?.inner()));
        let mut message = harmless(&report.to_string()).into_owned();
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
            help: report.help().map(|help| harmless(&help.to_string()).into_owned()),
            labels: if source.is_some() { labels } else { Vec::new() },
            source,
            related: Vec::new(),
        }
    }
}

/// The text to draw, with what is confidential masked, and the label in it, the primary one having no words; nothing
/// where there is no text or its lines are too long to draw.
fn place(
    entry: Option<&Entry>,
    span: &Range<usize>,
    label: Option<&str>,
    confidential: &Confidential,
) -> (Option<NamedSource<String>>, Vec<LabeledSpan>) {
    let Some(entry) = entry.filter(|entry| !entry.text.is_empty() && lines_fit(&entry.text, span))
    else {
        return (None, Vec::new());
    };
    let label = match label {
        None => LabeledSpan::new_primary_with_span(None, span.clone()),
        Some(label) => LabeledSpan::new_with_span(Some(harmless(label).into_owned()), span.clone()),
    };
    let text = harmless_in_place(&confidential.mask(&entry.text));
    (Some(NamedSource::new(harmless_name(&entry.path), text)), vec![label])
}

/// Whether the lines of the span and the ones beside them are short enough to draw.
fn lines_fit(text: &str, span: &Range<usize>) -> bool {
    let before = text[..span.start].rsplitn(3, '\n').take(2);
    let after = text[span.start..].split('\n').take(2);
    before.chain(after).all(|line| line.len() <= LONGEST_LINE) && span.len() <= LONGEST_LINE
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

/// The whole text behind a source, under its name.
fn named(source: &dyn SourceCode, span: &SourceSpan) -> Option<NamedSource<String>> {
    let all = |contents: Result<Box<dyn SpanContents<'_> + '_>, MietteError>| {
        let contents = contents.ok()?;
        let text = String::from_utf8_lossy(contents.data()).into_owned();
        Some((contents.name().unwrap_or_default().to_owned(), text))
    };
    let (name, text) = all(source.read_span(span, usize::MAX / 2, usize::MAX / 2))?;
    Some(NamedSource::new(harmless_name(&name), harmless_in_place(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, shown) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (9950, "9,950"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), shown);
        }
    }
}
