//! A terminal that keeps keys for the question that is open.

#[cfg(unix)]
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// While this exists, keys that are pressed before a question begins to read wait for it, unseen: Ctrl-C too, which
/// would otherwise become a signal and be lost to the question. (The console crate switches the terminal for the time
/// of one key only.)
pub(super) struct Held {
    #[cfg(unix)]
    before: Option<Termios>,
}

impl Held {
    /// Best effort: a terminal that cannot be switched is asked on as it is.
    #[cfg(unix)]
    pub(super) fn new() -> Self {
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(before) = &before {
            let mut held = before.clone();
            held.local_modes -= LocalModes::ISIG | LocalModes::ICANON | LocalModes::ECHO;
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &held);
        }
        Self { before }
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> Self {
        Self {}
    }
}

#[cfg(unix)]
impl Drop for Held {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Nobody is left to tell.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
