//! The terminal's mode during a question.

#[cfg(unix)]
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr,
};

/// Keeps keys, also Ctrl-C, for the question until it is dropped.
///
/// What was typed before the question is discarded. Keys are not shown or turned into signals. The
/// console crate sets the terminal's mode only while it reads one key.
pub(crate) struct InputGuard {
    echoes: bool,
    #[cfg(unix)]
    before: Option<Termios>,
}

impl InputGuard {
    pub(crate) fn new() -> Self {
        #[cfg(unix)]
        return Self::with(|modes| {
            modes - (LocalModes::ISIG | LocalModes::ICANON | LocalModes::ECHO)
        });
        #[cfg(not(unix))]
        Self { echoes: true }
    }

    /// Returns a guard for a question that reads lines in the terminal's own mode.
    ///
    /// Ctrl-C does not flush the terminal's queues, so that input right after it is kept.
    pub(crate) fn for_lines() -> Self {
        #[cfg(unix)]
        return Self::with(|modes| modes | LocalModes::NOFLSH);
        #[cfg(not(unix))]
        Self { echoes: true }
    }

    /// Returns a guard for a line that is not shown.
    pub(crate) fn for_hidden_lines() -> Self {
        #[cfg(unix)]
        return Self::with(|modes| (modes | LocalModes::NOFLSH) - LocalModes::ECHO);
        #[cfg(not(unix))]
        Self { echoes: true }
    }

    /// Returns whether the terminal shows the input.
    pub(crate) fn echoes(&self) -> bool {
        self.echoes
    }

    /// Discards the typed part of a line that is not read.
    pub(crate) fn forget_line(&self) {
        #[cfg(unix)]
        let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
    }

    /// Sets the mode. Best effort: if the terminal rejects it, the question runs in the old mode.
    #[cfg(unix)]
    fn with(modes: impl FnOnce(LocalModes) -> LocalModes) -> Self {
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(before) = &before {
            let mut during = before.clone();
            during.local_modes = modes(during.local_modes);
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &during);
            // What was typed before the question does not answer it.
            let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
            return Self {
                echoes: during.local_modes.contains(LocalModes::ECHO),
                before: Some(before.clone()),
            };
        }
        Self { echoes: true, before }
    }
}

#[cfg(unix)]
impl Drop for InputGuard {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // An error cannot be reported here.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
