//! Standard output carries the result, standard error the talk.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};

use miette::Diagnostic;

use crate::diagnostics::render_report;
use crate::terminal::{Bar, ColorChoice, Look, harmless};

pub(super) struct Streams {
    pub(super) out: Look,
    pub(super) err: Look,
    pub(super) quiet: bool,
    in_progress: Cell<bool>,
    said: RefCell<BTreeSet<String>>,
    bar: RefCell<Option<Bar>>,
    pub(super) verbose: bool,
}

impl Streams {
    pub(super) fn new(color: ColorChoice, quiet: bool, verbose: bool) -> Self {
        Self {
            out: Look::of_stdout(color),
            err: Look::of_stderr(color),
            quiet,
            in_progress: Cell::new(false),
            said: RefCell::default(),
            bar: RefCell::default(),
            verbose,
        }
    }

    /// Prints a part of the result, as it is.
    pub(super) fn result(&self, text: &str) {
        // A reader that has seen enough (`| head`) closes the pipe; that is no error of ours.
        self.around(|| {
            let mut out = io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        });
    }

    /// Prints a line for the person, unless `--quiet`.
    pub(super) fn talk(&self, line: &str) {
        if !self.quiet {
            self.alert(&format!("{}\n", harmless(line)));
        }
    }

    /// A bar below what is written from now on. None where nobody wants or sees one.
    pub(super) fn bar_begins(&self) -> Option<Bar> {
        let bar = if self.quiet { None } else { Bar::on_terminal(self.err) };
        self.bar.borrow_mut().clone_from(&bar);
        bar
    }

    /// Takes the bar away.
    pub(super) fn bar_ends(&self) {
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
    pub(super) fn progress(&self, line: &str) {
        match (self.quiet, io::stderr().is_terminal(), self.in_progress.replace(true)) {
            (true, ..) | (_, false, true) => {}
            (false, true, _) => self.alert(&format!("\r{line}\u{1b}[K")),
            (false, false, false) => self.alert(&format!("{line}\n")),
        }
    }

    /// As [`Streams::progress`], for what is as a rule over soon: where nobody watches, nothing is said.
    pub(super) fn glimpse(&self, line: &str) {
        if io::stderr().is_terminal() {
            self.progress(line);
        }
    }

    /// Takes the line of [`Streams::progress`] away.
    pub(super) fn progress_ends(&self) {
        if self.in_progress.replace(false) && !self.quiet && io::stderr().is_terminal() {
            self.alert("\r\u{1b}[K");
        }
    }

    /// Prints a line for the person, the first time that it is said in this run.
    pub(super) fn talk_once(&self, line: &str) {
        if self.said.borrow_mut().insert(line.to_owned()) {
            self.talk(line);
        }
    }

    /// Prints what is already drawn for standard error, whatever the flags.
    pub(super) fn alert(&self, drawn: &str) {
        self.around(|| _ = io::stderr().lock().write_all(drawn.as_bytes()));
    }

    pub(super) fn error(&self, report: &dyn Diagnostic) {
        self.alert(&render_report(report, self.err));
    }
}
