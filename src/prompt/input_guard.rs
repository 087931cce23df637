//! A terminal that keeps keys for the question that is open.

#[cfg(unix)]
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr,
};

/// While this exists, keys that are pressed before a question begins to read wait for it, unseen: Ctrl-C too, which
/// would otherwise become a signal and be lost to the question. (The console crate switches the terminal for the time
/// of one key only.)
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

    /// For a question that is answered by lines, in the terminal's own mode: but a Ctrl-C takes nothing with it of what
    /// is written right after it, as it does when the terminal empties its queues.
    pub(crate) fn by_lines() -> Self {
        #[cfg(unix)]
        return Self::with(|modes| modes | LocalModes::NOFLSH);
        #[cfg(not(unix))]
        Self { echoes: true }
    }

    /// The same for a line that nobody is to see.
    pub(crate) fn by_hidden_lines() -> Self {
        #[cfg(unix)]
        return Self::with(|modes| (modes | LocalModes::NOFLSH) - LocalModes::ECHO);
        #[cfg(not(unix))]
        Self { echoes: true }
    }

    /// Whether what is typed is shown.
    pub(crate) fn echoes(&self) -> bool {
        self.echoes
    }

    /// Throws away what is typed of a line that nobody will read.
    pub(crate) fn forget_line(&self) {
        #[cfg(unix)]
        let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
    }

    /// Best effort: a terminal that cannot be switched is asked on as it is.
    #[cfg(unix)]
    fn with(modes: impl FnOnce(LocalModes) -> LocalModes) -> Self {
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(before) = &before {
            let mut held = before.clone();
            held.local_modes = modes(held.local_modes);
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &held);
            return Self {
                echoes: held.local_modes.contains(LocalModes::ECHO),
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
            // Nobody is left to tell.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
