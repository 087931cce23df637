//! Reports the progress of `apply`, and repeats failures at the end.

use std::fmt;

use miette::Diagnostic;

use super::streams::Streams;
use crate::interrupt::StopGuard;
use crate::output::progress_bar::{Bar, group_digits};
use goldenpath_core::rules;
use goldenpath_core::sanitize::{sanitize, sanitize_name};
use goldenpath_deploy::audit::PROPOSAL;
use goldenpath_deploy::reconcile::{Action, ApplyEvent, ReconcileContext};

/// The maximum number of steps with a line each.
const FEW: usize = 50;

/// The number of progress lines for more steps.
const PARTS: usize = 10;

/// Reports a run: failures in full, other steps by a bar or by lines.
pub(crate) struct ApplyProgress<'run> {
    streams: &'run Streams,
    reconcile_context: &'run ReconcileContext<'run>,
    bar: Option<Bar>,
    all: usize,
    done: usize,
    failed: usize,
    /// The failures, one per line.
    failures: String,
}

impl<'run> ApplyProgress<'run> {
    /// Starts the report of a plan with `all` steps.
    pub(crate) fn new(
        streams: &'run Streams,
        reconcile_context: &'run ReconcileContext<'run>,
        all: usize,
    ) -> Self {
        let bar = streams.start_bar();
        if let Some(bar) = &bar {
            bar.fill("Applying", 0, all, String::new());
        }
        Self { streams, reconcile_context, bar, all, done: 0, failed: 0, failures: String::new() }
    }

    /// Returns a guard: while it exists, Ctrl-C stops the run after the current steps.
    pub(crate) fn stopping(&self) -> StopGuard {
        let (bar, quiet) = (self.bar.clone(), self.streams.quiet);
        StopGuard::new(move || match &bar {
            _ if quiet => {}
            Some(bar) => bar.suspend(print_stopping),
            None => print_stopping(),
        })
    }

    pub(crate) fn report(&mut self, event: ApplyEvent<'_>) {
        let streams = self.streams;
        let each = self.all <= FEW || streams.verbose;
        match event {
            ApplyEvent::Done(action) if each => streams.message(&describe_action(action)),
            ApplyEvent::Skipped(action) if each => {
                streams.message(&format!(
                    "{} skipped: an earlier step failed",
                    describe_action(action)
                ));
            }
            ApplyEvent::Done(_) | ApplyEvent::Skipped(_) => {}
            ApplyEvent::Failed(action, error) => {
                let error = RedactedError::of(&error, action, self.reconcile_context);
                streams.rendered(&format!("{} failed:\n", sanitize_name(&describe_action(action))));
                streams.error(&error);
                self.failures
                    .push_str(&sanitize_name(&format!("  {}: {error}", describe_action(action))));
                self.failures.push('\n');
                self.failed += 1;
            }
            ApplyEvent::Written(files) => {
                if let Some(bar) = &self.bar {
                    bar.fill("Writing", self.done + files, self.all, String::new());
                }
                return;
            }
            ApplyEvent::Waiting(place) => {
                streams.message(&format!("Waiting for another goldenpath process in {place} …"));
                return;
            }
            ApplyEvent::Committed { commit, place, is_pushed } => {
                let commit = &commit[..8];
                streams.message(&sanitize(&if is_pushed {
                    format!("pushed {commit} to {place}")
                } else {
                    format!("committed {commit} in {place} (not pushed)")
                }));
                return;
            }
            ApplyEvent::Recorded(_) | ApplyEvent::Proposed(_) => {
                return report_record(&event, self.streams);
            }
            ApplyEvent::RecordFailed(ref error) => {
                report_record(&event, self.streams);
                self.failures.push_str(&sanitize_name(&format!("  the audit trail: {error}")));
                self.failures.push('\n');
                return;
            }
            ApplyEvent::CommitFailed(error) => {
                streams.error(&error);
                self.failures.push_str(&sanitize_name(&format!(
                    "  the commit in the GitOps repository: {error}"
                )));
                self.failures.push('\n');
                return;
            }
        }
        self.done += 1;
        match &self.bar {
            Some(bar) => {
                let failed = if self.failed > 0 {
                    format!(", {} failed", group_digits(self.failed))
                } else {
                    String::new()
                };
                bar.fill("Applying", self.done, self.all, failed);
            }
            None if !each && self.done * PARTS / self.all > (self.done - 1) * PARTS / self.all => {
                streams.message(&format!(
                    "applied {} of {}",
                    group_digits(self.done),
                    group_digits(self.all)
                ));
            }
            None => {}
        }
    }

    /// Returns the failures for the end of the output; empty if there are none.
    pub(crate) fn failures(self) -> String {
        self.streams.end_bar();
        if self.failures.is_empty() {
            self.failures
        } else {
            format!("\nFailed:\n{}\n", self.failures)
        }
    }
}

/// Reports where the actions are recorded.
pub(crate) fn report_record(event: &ApplyEvent<'_>, streams: &Streams) {
    match event {
        ApplyEvent::Recorded(commit) => {
            streams.message(&format!("recorded in {} of the audit branch", &commit[..8]));
        }
        ApplyEvent::Proposed(request) => streams.message(&match request {
            Some(url) => format!("The status `decommissioned` waits for a review: {url}"),
            None => format!(
                "The status `decommissioned` waits for a review: the default branch takes no \
                 push. Open a pull request for the branch `{PROPOSAL}`."
            ),
        }),
        ApplyEvent::RecordFailed(error) => streams.error(error),
        _ => {}
    }
}

fn print_stopping() {
    eprintln!("Stopping after the current manifests. Press Ctrl-C again to stop immediately.");
}

/// Returns an action's name: `SEC-0007 create-secret goldenpath/payments/dev/db`.
fn describe_action(action: &Action) -> String {
    format!("{} {} {}", action.id, action.step.name(), action.target)
}

/// An error with redacted values: names in it may contain a value of the manifest.
#[derive(Debug)]
struct RedactedError {
    message: String,
    code: Option<String>,
    help: Option<String>,
}

impl RedactedError {
    fn of(
        error: &dyn Diagnostic,
        action: &Action,
        reconcile_context: &ReconcileContext<'_>,
    ) -> Self {
        let text = |part: Option<Box<dyn fmt::Display + '_>>| part.map(|part| part.to_string());
        let mut redacted =
            Self { message: error.to_string(), code: text(error.code()), help: text(error.help()) };
        let of_the_action =
            |request: &goldenpath_core::manifest::SecretRequest| request.id == action.id;
        if let Some(entry) = reconcile_context
            .catalog
            .selected()
            .find(|entry| entry.request().is_some_and(of_the_action))
        {
            rules::redact_texts(
                entry,
                reconcile_context.project,
                [&mut redacted.message].into_iter().chain(&mut redacted.help),
            );
        }
        redacted
    }
}

impl fmt::Display for RedactedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for RedactedError {}

impl Diagnostic for RedactedError {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}
