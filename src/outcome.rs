//! The result of a command.

/// The result of a command that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, with or without warnings.
    Done,
    /// Findings of severity error, or an action that failed.
    Failed,
    /// The plan has changes, with `--detailed-exitcode`.
    Changes,
    /// Stopped by a signal, in good order.
    Interrupted,
}
