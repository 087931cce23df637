//! Standard output carries the result, standard error the talk.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};

use miette::Diagnostic;

use crate::output::findings::render_report;
use crate::output::progress_bar::Bar;
use crate::output::style::{ColorChoice, TerminalStyle, wrap_lines};
use goldenpath_core::sanitize::{harmless, harmless_json, runner};
use goldenpath_core::yaml;

pub(crate) struct Streams {
    pub(crate) out: TerminalStyle,
    pub(crate) err: TerminalStyle,
    pub(crate) quiet: bool,
    in_progress: Cell<bool>,
    said: RefCell<BTreeSet<String>>,
    bar: RefCell<Option<Bar>>,
    pub(crate) verbose: bool,
    /// The runner of a CI job looks for commands in what is printed.
    runner_reads: bool,
}

impl Streams {
    pub(crate) fn new(color: ColorChoice, quiet: bool, verbose: bool) -> Self {
        Self {
            out: TerminalStyle::of_stdout(color),
            err: TerminalStyle::of_stderr(color),
            quiet,
            in_progress: Cell::new(false),
            said: RefCell::default(),
            bar: RefCell::default(),
            verbose,
            runner_reads: runner::is_reading(),
        }
    }

    /// Prints a part of the result, in which a CI job's runner finds no command.
    pub(crate) fn result(&self, text: &str) {
        self.print(&self.inert(text));
    }

    /// Prints a part of the result that is YAML: the same data for a parser, and no command for a
    /// CI job's runner.
    pub(crate) fn yaml(&self, text: &str) {
        let root = match self.inert(text) {
            Cow::Borrowed(text) => return self.print(text),
            Cow::Owned(_) => yaml::parse(text),
        };
        let Ok(root) = root else { return self.result(text) };
        // JSON is YAML that can write any character out. Of the comments, those at the top say whose file it is.
        for comment in text.lines().take_while(|line| line.starts_with('#')) {
            self.result(&format!("{comment}\n"));
        }
        self.result(&format!("{}\n", harmless_json(&format!("{:#}", root.to_json()))));
    }

    /// Prints a command of goldenpath's own for a CI job's runner as a part of the result.
    pub(crate) fn command(&self, command: &str) {
        self.print(&self.alone(command));
    }

    fn print(&self, text: &str) {
        // A reader that has seen enough (`| head`) closes the pipe; that is no error of ours.
        self.around(|| {
            let mut out = io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        });
    }

    /// Prints a command of goldenpath's own for a CI job's runner in place of a message.
    pub(crate) fn talk_command(&self, command: &str) {
        if !self.quiet {
            self.write(&format!("{}\n", self.alone(command)));
        }
    }

    /// A command of goldenpath's own that holds no other.
    fn alone(&self, command: &str) -> String {
        let rest = command.strip_prefix("::").unwrap_or(command);
        format!("::{}", self.inert(rest))
    }

    /// `text` without commands, where a CI job's runner would follow them.
    fn inert<'text>(&self, text: &'text str) -> Cow<'text, str> {
        if self.runner_reads { runner::without_commands(text) } else { Cow::Borrowed(text) }
    }

    /// Prints a line for the person, unless `--quiet`.
    pub(crate) fn talk(&self, line: &str) {
        if !self.quiet {
            let width = io::stderr().is_terminal().then_some(self.err.width);
            self.alert(&format!("{}\n", wrap_lines(&harmless(line), width)));
        }
    }

    /// A bar below what is written from now on. None where nobody wants or sees one.
    pub(crate) fn bar_begins(&self) -> Option<Bar> {
        let bar = if self.quiet { None } else { Bar::on_terminal(self.err) };
        self.bar.borrow_mut().clone_from(&bar);
        bar
    }

    /// Takes the bar away.
    pub(crate) fn bar_ends(&self) {
        if let Some(bar) = self.bar.take() {
            bar.clear();
        }
    }

    fn around(&self, write: impl FnOnce()) {
        match &*self.bar.borrow() {
            Some(bar) => bar.around(write),
            None => write(),
        }
    }

    /// Shows how far something is, on a terminal in one line that the next word replaces, and elsewhere once.
    pub(crate) fn progress(&self, line: &str) {
        match (self.quiet, io::stderr().is_terminal(), self.in_progress.replace(true)) {
            (true, ..) | (_, false, true) => {}
            (false, true, _) => self.alert(&format!("\r{line}\u{1b}[K")),
            (false, false, false) => self.alert(&format!("{line}\n")),
        }
    }

    /// As [`Streams::progress`], for what is as a rule over soon: where nobody watches, nothing is said.
    pub(crate) fn glimpse(&self, line: &str) {
        if io::stderr().is_terminal() {
            self.progress(line);
        }
    }

    /// Takes the line of [`Streams::progress`] away.
    pub(crate) fn progress_ends(&self) {
        if self.in_progress.replace(false) && !self.quiet && io::stderr().is_terminal() {
            self.alert("\r\u{1b}[K");
        }
    }

    /// Prints a line for the person, the first time that it is said in this run.
    pub(crate) fn talk_once(&self, line: &str) {
        if self.said.borrow_mut().insert(line.to_owned()) {
            self.talk(line);
        }
    }

    /// Prints what is already drawn for standard error, whatever the flags.
    pub(crate) fn alert(&self, drawn: &str) {
        self.write(&self.inert(drawn));
    }

    fn write(&self, text: &str) {
        self.around(|| _ = io::stderr().lock().write_all(text.as_bytes()));
    }

    pub(crate) fn error(&self, report: &dyn Diagnostic) {
        self.alert(&render_report(report, self.err));
    }
}
