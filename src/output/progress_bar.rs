//! The progress bar: a line at the bottom of the terminal.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use console::Term;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::style::TerminalStyle;
use super::style::{has_no_user, is_dumb};
use crate::interrupt;

/// The free columns at the end of the line.
///
/// A terminal echoes Ctrl-C as `^C`, which would move a bar on a full line up by one.
const MARGIN: u16 = 8;

/// How often it is drawn per second, at most.
const MAX_RATE: u8 = 20;

/// How often it is drawn without a change.
const TICK: Duration = Duration::from_millis(200);

/// The bar on the terminal, which is removed if the program ends early.
static SHOWN: Mutex<Option<Bar>> = Mutex::new(None);

/// A progress bar. Clones are the same bar.
#[derive(Clone)]
pub(crate) struct Bar {
    bar: ProgressBar,
    counting: ProgressStyle,
    filling: ProgressStyle,
}

impl Bar {
    /// Returns a bar on stderr.
    ///
    /// Returns `None` if stderr is not a terminal, has no color, is dumb or belongs to a pipeline.
    #[must_use]
    pub(crate) fn on_terminal(terminal: TerminalStyle) -> Option<Self> {
        interrupt::set_exit_cleanup(clear_any);
        let can_draw = io::stderr().is_terminal() && terminal.color && !is_dumb() && !has_no_user();
        let (filling, characters) = if terminal.unicode {
            ("{prefix} {bar:30} {human_pos} of {human_len}{msg}", "━╸ ")
        } else {
            ("{prefix} [{bar:30}] {human_pos} of {human_len}{msg}", "=> ")
        };
        let style = |template: &str| ProgressStyle::with_template(template).ok();
        let (counting, filling) =
            (style("{prefix} {human_pos}{msg}")?, style(filling)?.progress_chars(characters));
        can_draw.then(|| {
            let target = ProgressDrawTarget::term_like_with_hz(
                Box::new(NarrowTerminal(Term::buffered_stderr())),
                MAX_RATE,
            );
            let bar = ProgressBar::with_draw_target(None, target).with_style(counting.clone());
            bar.enable_steady_tick(TICK);
            let bar = Self { bar, counting, filling };
            *shown() = Some(bar.clone());
            bar
        })
    }

    /// Shows a count whose total is not known, after `label`.
    pub(crate) fn count(&self, label: &'static str, count: usize) {
        self.bar.set_style(self.counting.clone());
        self.draw(label, count, String::new());
    }

    /// Shows `done` of `all` after `label`, followed by `note`.
    pub(crate) fn fill(&self, label: &'static str, done: usize, all: usize, note: String) {
        self.bar.set_style(self.filling.clone());
        self.bar.set_length(all as u64);
        self.draw(label, done, note);
    }

    fn draw(&self, label: &'static str, position: usize, note: String) {
        self.bar.set_prefix(label);
        self.bar.set_message(note);
        self.bar.set_position(position as u64);
    }

    /// Runs `write`, which writes to the terminal, and draws the bar below its output.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
        *shown() = None;
    }
}

/// Removes the bar on the terminal, if any.
fn clear_any() {
    if let Some(bar) = shown().take() {
        bar.bar.finish_and_clear();
        // Another thread may still update the bar, and must not draw it again.
        bar.bar.set_draw_target(ProgressDrawTarget::hidden());
    }
}

fn shown() -> std::sync::MutexGuard<'static, Option<Bar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a number with separated thousands: `2,000`.
#[must_use]
pub(crate) fn group_digits(count: usize) -> String {
    HumanCount(count as u64).to_string()
}

/// A terminal whose last columns are not used.
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
