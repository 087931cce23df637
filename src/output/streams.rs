//! The output streams: results go to stdout; progress and messages go to stderr.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};

use miette::Diagnostic;

use crate::output::findings::render_report;
use crate::output::progress_bar::Bar;
use crate::output::style::{ColorChoice, TerminalStyle, wrap_lines};
use goldenpath_core::sanitize::{runner, sanitize, sanitize_json};
use goldenpath_core::yaml;

/// The output of a run.
pub(crate) struct Streams {
    pub(crate) out: TerminalStyle,
    pub(crate) err: TerminalStyle,
    pub(crate) quiet: bool,
    in_progress: Cell<bool>,
    printed_once: RefCell<BTreeSet<String>>,
    bar: RefCell<Option<Bar>>,
    pub(crate) verbose: bool,
    /// Whether the runner of a CI job interprets commands in the output.
    runner_reads: bool,
}

impl Streams {
    pub(crate) fn new(color: ColorChoice, quiet: bool, verbose: bool) -> Self {
        Self {
            out: TerminalStyle::of_stdout(color),
            err: TerminalStyle::of_stderr(color),
            quiet,
            in_progress: Cell::new(false),
            printed_once: RefCell::default(),
            bar: RefCell::default(),
            verbose,
            runner_reads: runner::reads_output(),
        }
    }

    /// Prints a part of the result, without commands for a CI job's runner.
    pub(crate) fn result(&self, text: &str) {
        self.print(&self.escape_commands(text));
    }

    /// Prints a part of the result that is YAML, without commands for a CI job's runner.
    ///
    /// A parser reads the same data from the output.
    pub(crate) fn yaml(&self, text: &str) {
        let root = match self.escape_commands(text) {
            Cow::Borrowed(text) => return self.print(text),
            Cow::Owned(_) => yaml::parse(text),
        };
        let Ok(root) = root else { return self.result(text) };
        // JSON is YAML and can escape any character. The comments at the top name the file's owner.
        for comment in text.lines().take_while(|line| line.starts_with('#')) {
            self.result(&format!("{comment}\n"));
        }
        self.result(&format!("{}\n", sanitize_json(&format!("{:#}", root.to_json()))));
    }

    /// Prints a command for a CI job's runner as a part of the result.
    pub(crate) fn command(&self, command: &str) {
        self.print(&self.single_command(command));
    }

    fn print(&self, text: &str) {
        // A closed pipe (`| head`) is not an error.
        self.above_bar(|| {
            let mut out = io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        });
    }

    /// Prints a command for a CI job's runner in place of a message.
    pub(crate) fn message_command(&self, command: &str) {
        if !self.quiet {
            self.write(&format!("{}\n", self.single_command(command)));
        }
    }

    /// Returns the command without any other command inside.
    fn single_command(&self, command: &str) -> String {
        let rest = command.strip_prefix("::").unwrap_or(command);
        format!("::{}", self.escape_commands(rest))
    }

    /// Removes commands from `text` if a CI job's runner would run them.
    fn escape_commands<'text>(&self, text: &'text str) -> Cow<'text, str> {
        if self.runner_reads { runner::escape_commands(text) } else { Cow::Borrowed(text) }
    }

    /// Prints a message, unless `--quiet` is set.
    pub(crate) fn message(&self, line: &str) {
        if !self.quiet {
            let width = io::stderr().is_terminal().then_some(self.err.width);
            self.rendered(&format!("{}\n", wrap_lines(&sanitize(line), width)));
        }
    }

    /// Returns a function that prints messages of any thread, unless `quiet`.
    pub(crate) fn listener(quiet: bool) -> impl Fn(&str) + Send + Sync + 'static {
        let runner_reads = runner::reads_output();
        move |line: &str| {
            if !quiet {
                let line = sanitize(line);
                let escaped =
                    if runner_reads { runner::escape_commands(&line) } else { line.clone() };
                let _ = io::stderr().lock().write_all(format!("{escaped}\n").as_bytes());
            }
        }
    }

    /// Shows a progress bar below further output.
    ///
    /// Returns `None` with `--quiet` and where no bar can be drawn.
    pub(crate) fn start_bar(&self) -> Option<Bar> {
        let bar = if self.quiet { None } else { Bar::on_terminal(self.err) };
        self.bar.borrow_mut().clone_from(&bar);
        bar
    }

    /// Removes the progress bar.
    pub(crate) fn end_bar(&self) {
        if let Some(bar) = self.bar.take() {
            bar.clear();
        }
    }

    fn above_bar(&self, write: impl FnOnce()) {
        match &*self.bar.borrow() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Shows progress: on a terminal in a line that further output replaces, elsewhere once.
    pub(crate) fn progress(&self, line: &str) {
        match (self.quiet, io::stderr().is_terminal(), self.in_progress.replace(true)) {
            (true, ..) | (_, false, true) => {}
            (false, true, _) => self.rendered(&format!("\r{line}\u{1b}[K")),
            (false, false, false) => self.rendered(&format!("{line}\n")),
        }
    }

    /// Shows progress of a short step, only on a terminal.
    pub(crate) fn brief_progress(&self, line: &str) {
        if io::stderr().is_terminal() {
            self.progress(line);
        }
    }

    /// Removes the line of [`Streams::progress`].
    pub(crate) fn end_progress(&self) {
        if self.in_progress.replace(false) && !self.quiet && io::stderr().is_terminal() {
            self.rendered("\r\u{1b}[K");
        }
    }

    /// Prints a message once per run.
    pub(crate) fn message_once(&self, line: &str) {
        if self.printed_once.borrow_mut().insert(line.to_owned()) {
            self.message(line);
        }
    }

    /// Prints rendered text to stderr, even with `--quiet`.
    pub(crate) fn rendered(&self, text: &str) {
        self.write(&self.escape_commands(text));
    }

    fn write(&self, text: &str) {
        self.above_bar(|| _ = io::stderr().lock().write_all(text.as_bytes()));
    }

    /// Prints an error with its place and help.
    pub(crate) fn error(&self, report: &dyn Diagnostic) {
        self.rendered(&render_report(report, self.err));
    }
}
