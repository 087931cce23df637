//! What a terminal can show, and making text from outside harmless to it.

use std::borrow::Cow;
use std::io::IsTerminal;

/// `--color`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set; `CLICOLOR_FORCE` turns it on everywhere.
    #[default]
    Auto,
    Always,
    Never,
}

/// How to draw on one of the standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalStyle {
    pub color: bool,
    pub unicode: bool,
    /// Columns.
    pub width: usize,
}

/// Columns where there is no terminal to ask.
const WIDTH_ELSEWHERE: usize = 100;

impl TerminalStyle {
    /// For standard output.
    #[must_use]
    pub fn of_stdout(choice: ColorChoice) -> Self {
        Self::of(choice, std::io::stdout().is_terminal(), &console::Term::stdout())
    }

    /// For standard error.
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
        let width = match is_terminal {
            true => usize::from(term.size().1).clamp(40, 160),
            false => WIDTH_ELSEWHERE,
        };
        Self { color, unicode: locale_is_utf8(), width }
    }

    /// A style for the console crate that keeps to this look.
    #[must_use]
    pub fn style(&self) -> console::Style {
        console::Style::new().force_styling(self.color)
    }
}

/// The lines of `text` at a width in columns, broken between words, or at a hyphen, and never within a path.
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
