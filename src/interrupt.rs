//! Handling of Ctrl-C: it ends an open question, stops work in good order, or ends the program.

use std::convert::Infallible;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError};

/// The exit code after Ctrl-C, as in shells: 128 and the number of SIGINT.
pub const INTERRUPTED: u8 = 130;

/// Whether a question handles Ctrl-C itself: one that is open, or that Ctrl-C has just ended.
pub(crate) static ASKING: AtomicBool = AtomicBool::new(false);

/// Ends the question that is open; returns whether there was one.
static END_QUESTION: OnceLock<fn() -> bool> = OnceLock::new();

/// Clears the terminal before the program ends.
static CLEAR: OnceLock<fn()> = OnceLock::new();

/// The work that Ctrl-C stops, if any.
static WORK: Mutex<Option<RunningWork>> = Mutex::new(None);

struct RunningWork {
    is_stopping: bool,
    notify: Box<dyn Fn() + Send>,
}

/// Installs the handler: Ctrl-C ends the program with [`INTERRUPTED`].
///
/// An open question and work in [`StopGuard`] handle it themselves.
pub fn listen() {
    static HANDLER: Once = Once::new();
    // If no handler can be installed, the system ends the program on Ctrl-C.
    HANDLER.call_once(|| {
        let _ = ctrlc::set_handler(|| {
            let is_ended = END_QUESTION.get().is_some_and(|end| end());
            if !is_ended && !ASKING.load(Ordering::SeqCst) {
                stop();
            }
        });
    });
}

/// Sets how Ctrl-C ends an open question. `end` returns whether there was one.
pub(crate) fn set_question_end(end: fn() -> bool) {
    // It is the same function each time.
    let _ = END_QUESTION.set(end);
}

/// Sets how the terminal is cleared before Ctrl-C ends the program.
pub(crate) fn set_exit_cleanup(clear: fn()) {
    // It is the same function each time.
    let _ = CLEAR.set(clear);
}

/// Makes the first Ctrl-C stop the work, and the second end the program, until it is dropped.
pub struct StopGuard(());

impl StopGuard {
    /// Calls `notify` at the first Ctrl-C, from another thread.
    #[must_use]
    pub fn new(notify: impl Fn() + Send + 'static) -> Self {
        *lock() = Some(RunningWork { is_stopping: false, notify: Box::new(notify) });
        listen();
        Self(())
    }

    /// Returns whether Ctrl-C was pressed.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        lock().as_ref().is_some_and(|work| work.is_stopping)
    }

    /// Handles SIGTERM like Ctrl-C while it is polled; canceled pipelines send SIGTERM.
    pub async fn handle_termination(&self) -> Infallible {
        #[cfg(unix)]
        if let Ok(mut signals) =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        {
            while signals.recv().await.is_some() {
                stop();
            }
        }
        std::future::pending().await
    }
}

impl Drop for StopGuard {
    fn drop(&mut self) {
        *lock() = None;
    }
}

fn stop() {
    if let Some(work) = lock().as_mut().filter(|work| !work.is_stopping) {
        work.is_stopping = true;
        (work.notify)();
        return;
    }
    if let Some(clear) = CLEAR.get() {
        clear();
    }
    process::exit(INTERRUPTED.into());
}

fn lock() -> std::sync::MutexGuard<'static, Option<RunningWork>> {
    WORK.lock().unwrap_or_else(PoisonError::into_inner)
}
