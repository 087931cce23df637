//! The abilities of the output streams: color, Unicode and width.

use std::borrow::Cow;
use std::io::IsTerminal;

/// The argument of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// Color on a terminal unless `NO_COLOR` is set; `CLICOLOR_FORCE` turns it on everywhere.
    #[default]
    Auto,
    Always,
    Never,
}

/// The style of one of the standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalStyle {
    pub color: bool,
    pub unicode: bool,
    /// The width in columns.
    pub width: usize,
}

/// The width in columns if the stream is not a terminal.
const DEFAULT_WIDTH: usize = 100;

impl TerminalStyle {
    /// Returns the style of stdout.
    #[must_use]
    pub fn of_stdout(choice: ColorChoice) -> Self {
        Self::of(choice, std::io::stdout().is_terminal(), &console::Term::stdout())
    }

    /// Returns the style of stderr.
    #[must_use]
    pub fn of_stderr(choice: ColorChoice) -> Self {
        Self::of(choice, std::io::stderr().is_terminal(), &console::Term::stderr())
    }

    fn of(choice: ColorChoice, is_terminal: bool, term: &console::Term) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            // https://no-color.org and https://bixense.com/clicolors
            ColorChoice::Auto if is_set("NO_COLOR") => false,
            ColorChoice::Auto
                if std::env::var_os("CLICOLOR_FORCE")
                    .is_some_and(|value| value != "0" && !value.is_empty()) =>
            {
                true
            }
            ColorChoice::Auto => {
                is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        let width =
            if is_terminal { usize::from(term.size().1).clamp(40, 160) } else { DEFAULT_WIDTH };
        Self { color, unicode: locale_is_utf8(), width }
    }

    /// Returns a style of the console crate with or without color.
    #[must_use]
    pub fn style(&self) -> console::Style {
        console::Style::new().force_styling(self.color)
    }
}

/// Returns the lines of `text` at a width in columns. Lines break between words, never inside a
/// path, an ID or a date; a longer word is a line of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    textwrap::wrap(text, options(width)).into_iter().map(Cow::into_owned).collect()
}

/// Returns `text` with each line that is longer than `width` columns broken between words.
///
/// The continuation is indented two columns deeper than the line. Without a width, which means that
/// no terminal shows the text, lines stay as they are.
pub(crate) fn wrap_lines(text: &str, width: Option<usize>) -> Cow<'_, str> {
    let Some(width) = width else { return Cow::Borrowed(text) };
    if text.lines().all(|line| console::measure_text_width(line) <= width) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let indent = line.len() - line.trim_start_matches(' ').len();
        let indent = " ".repeat((indent + 2).min(width / 2));
        let options = options(width).subsequent_indent(&indent);
        let lines = textwrap::wrap(line, options);
        let lines: Vec<_> = lines.iter().map(|line| with_less_indent(line, width)).collect();
        shown.push_str(&lines.join("\n"));
        shown.push_str(end);
    }
    Cow::Owned(shown)
}

/// Returns a line that is too long because of its indentation with as much of it as fits.
pub(crate) fn with_less_indent(line: &str, width: usize) -> Cow<'_, str> {
    if console::measure_text_width(line) <= width {
        return Cow::Borrowed(line);
    }
    let text = line.trim_start_matches(' ');
    let indent = width.saturating_sub(console::measure_text_width(text));
    Cow::Owned(format!("{}{text}", " ".repeat(indent)))
}

fn options<'a>(width: usize) -> textwrap::Options<'a> {
    textwrap::Options::new(width.max(1))
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false)
}

fn locale_is_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(std::env::var_os)
        .find(|value| !value.is_empty());
    match locale {
        Some(locale) => {
            let locale = locale.to_string_lossy().to_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        None => cfg!(windows),
    }
}

/// Returns whether the terminal is dumb: it knows no escape sequences.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Returns whether this is a pipeline, which may have a terminal without a user.
pub(crate) fn has_no_user() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_between_words_and_a_long_word_stays_whole() {
        let text = "    decommission requested on 2026-11-28, and 30 days of cooling off remain\n";
        assert_eq!(
            wrap_lines(text, Some(40)),
            "    decommission requested on\n      2026-11-28, and 30 days of cooling\n      off \
             remain\n"
        );
        let path = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";
        assert_eq!(wrap_lines(path, Some(40)), path);
        assert_eq!(wrap(&format!("see {path}"), 40), ["see", path]);
        // A word that fits on a line of its own gets one, with less indentation if need be.
        let key = "goldenpath/payments/dev/payments-archive";
        assert_eq!(wrap_lines(&format!("  + {key} x"), Some(40)), format!("  +\n{key}\n    x"));
    }

    #[test]
    fn a_text_that_fits_and_a_text_for_a_file_stay_as_they_are() {
        assert_eq!(wrap_lines("a b\n\nc\n", Some(40)), "a b\n\nc\n");
        let long = "word ".repeat(40);
        assert_eq!(wrap_lines(&long, None), long);
    }

    #[test]
    fn colors_have_no_width() {
        let text = "\u{1b}[2mtwelve chars\u{1b}[0m and more";
        assert_eq!(wrap_lines(text, Some(21)), text);
    }
}
