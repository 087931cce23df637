//! A line at the bottom of the terminal that says how far something is.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use console::Term;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::style::TerminalStyle;
use crate::prompt::{has_no_user, is_dumb};

/// Columns at the end of the line that stay free: a terminal echoes Ctrl-C as `^C`, and on a full line that would move the
/// bar up by one.
const MARGIN: u16 = 8;

/// How often it is drawn at most, in a second.
const PACE: u8 = 20;

/// How long something may be left undrawn for that.
const DELAY: Duration = Duration::from_millis(200);

/// The bar that is drawn, to be taken away should the program end at once.
static DRAWN: Mutex<Option<Bar>> = Mutex::new(None);

/// Clones are the same bar.
#[derive(Clone)]
pub struct Bar {
    bar: ProgressBar,
    counting: ProgressStyle,
    filling: ProgressStyle,
}

impl Bar {
    /// On standard error. None where that is no terminal, or one that nothing is to be drawn on: it has no colour, calls
    /// itself dumb, or is a pipeline's.
    #[must_use]
    pub fn on_terminal(look: TerminalStyle) -> Option<Self> {
        let can_draw = io::stderr().is_terminal() && look.color && !is_dumb() && !has_no_user();
        let (filling, characters) = match look.unicode {
            true => ("{prefix} {bar:30} {human_pos} of {human_len}{msg}", "━╸ "),
            false => ("{prefix} [{bar:30}] {human_pos} of {human_len}{msg}", "=> "),
        };
        let style = |template: &str| ProgressStyle::with_template(template).ok();
        let (counting, filling) =
            (style("{prefix} {human_pos}{msg}")?, style(filling)?.progress_chars(characters));
        can_draw.then(|| {
            let target = ProgressDrawTarget::term_like_with_hz(
                Box::new(NarrowTerminal(Term::buffered_stderr())),
                PACE,
            );
            let bar = ProgressBar::with_draw_target(None, target).with_style(counting.clone());
            bar.enable_steady_tick(DELAY);
            let bar = Self { bar, counting, filling };
            *drawn() = Some(bar.clone());
            bar
        })
    }

    /// So many by now, of nobody knows how many. `words` say what is counted.
    pub fn count(&self, words: &'static str, so_far: usize) {
        self.bar.set_style(self.counting.clone());
        self.draw(words, so_far, String::new());
    }

    /// So much of all is done, and `note` is to be known of that.
    pub fn fill(&self, words: &'static str, done: usize, all: usize, note: String) {
        self.bar.set_style(self.filling.clone());
        self.bar.set_length(all as u64);
        self.draw(words, done, note);
    }

    fn draw(&self, words: &'static str, position: usize, note: String) {
        self.bar.set_prefix(words);
        self.bar.set_message(note);
        self.bar.set_position(position as u64);
    }

    /// Does something that writes to the terminal, and draws the bar below.
    pub fn around<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Takes it away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
        *drawn() = None;
    }
}

/// Takes away whatever bar there is.
pub(crate) fn clear_any() {
    if let Some(bar) = drawn().take() {
        bar.bar.finish_and_clear();
        // Whoever goes on with it meanwhile draws nothing any more.
        bar.bar.set_draw_target(ProgressDrawTarget::hidden());
    }
}

fn drawn() -> std::sync::MutexGuard<'static, Option<Bar>> {
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `2,000`
#[must_use]
pub fn grouped(count: usize) -> String {
    HumanCount(count as u64).to_string()
}

/// A terminal without its last columns.
#[derive(Debug)]
struct NarrowTerminal(Term);

impl TermLike for NarrowTerminal {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(MARGIN)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.0.write_line(line)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
