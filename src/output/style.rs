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

/// Breaks `text` into lines of at most `width` columns, between words or at hyphens.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let options =
        textwrap::Options::new(width.max(1)).word_separator(textwrap::WordSeparator::AsciiSpace);
    textwrap::wrap(text, options).into_iter().map(Cow::into_owned).collect()
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
