//! What a Ctrl-C ends: a question that is open, work that can stop in good order, or else the program.

use std::convert::Infallible;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use crate::output::progress_bar;
use crate::prompt::line_mode;

/// The exit code of a program that a Ctrl-C has ended, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// Whether Ctrl-C belongs to a question that is open, or that has just ended by it.
pub(crate) static ASKING: AtomicBool = AtomicBool::new(false);

/// The work that is to be told of a Ctrl-C, if there is some.
static WORK: Mutex<Option<RunningWork>> = Mutex::new(None);

struct RunningWork {
    is_stopping: bool,
    tell: Box<dyn Fn() + Send>,
}

/// From now on a Ctrl-C ends the program with [`INTERRUPTED`], but where a question is open or work can stop.
pub fn listen() {
    static HANDLER: Once = Once::new();
    // Should no handler be allowed here, a Ctrl-C ends the program as the system has it.
    HANDLER.call_once(|| {
        let _ = ctrlc::set_handler(|| {
            if !line_mode::interrupt() && !ASKING.load(Ordering::SeqCst) {
                request();
            }
        });
    });
}

/// While this exists, the first Ctrl-C asks the work to stop, and the second ends the program.
pub struct Stopping(());

impl Stopping {
    /// `tell` is called at the first, from another thread.
    #[must_use]
    pub fn new(tell: impl Fn() + Send + 'static) -> Self {
        *lock() = Some(RunningWork { is_stopping: false, tell: Box::new(tell) });
        listen();
        Self(())
    }

    /// Whether there was a Ctrl-C.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        lock().as_ref().is_some_and(|work| work.is_stopping)
    }

    /// Takes a SIGTERM for a Ctrl-C, for as long as this is polled: a pipeline that is cancelled sends one.
    pub async fn heed_termination(&self) -> Infallible {
        #[cfg(unix)]
        if let Ok(mut signals) =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        {
            while signals.recv().await.is_some() {
                request();
            }
        }
        std::future::pending().await
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        *lock() = None;
    }
}

fn request() {
    if let Some(work) = lock().as_mut().filter(|work| !work.is_stopping) {
        work.is_stopping = true;
        (work.tell)();
        return;
    }
    progress_bar::clear_any();
    process::exit(INTERRUPTED.into());
}

fn lock() -> std::sync::MutexGuard<'static, Option<RunningWork>> {
    WORK.lock().unwrap_or_else(PoisonError::into_inner)
}
