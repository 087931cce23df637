//! Requests that wait until a test lets them pass.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// How long a test waits for a request.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether a call waits before the server handles it, or before its response is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldPoint {
    BeforeRequest,
    BeforeResponse,
}

/// A gate at which requests wait until a test opens it.
#[derive(Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    waiting: usize,
    is_open: bool,
    turns_away: bool,
}

impl Gate {
    /// Waits until this number of requests have arrived. Returns false after a timeout.
    pub fn is_reached_by(&self, requests: usize) -> bool {
        let state = self.state.lock().expect("sound threads");
        let unfinished = |state: &mut GateState| state.waiting < requests;
        !self
            .changed
            .wait_timeout_while(state, PATIENCE, unfinished)
            .expect("sound threads")
            .1
            .timed_out()
    }

    /// Returns whether a request waits now.
    pub fn is_reached(&self) -> bool {
        self.state.lock().expect("sound threads").waiting > 0
    }

    /// Forwards the requests that wait, and all later ones.
    pub fn open(&self) {
        self.state.lock().expect("sound threads").is_open = true;
        self.changed.notify_all();
    }

    /// Closes the connections of the requests that wait, without a response.
    ///
    /// A request that waits before the server never reaches it.
    pub fn turn_away(&self) {
        self.state.lock().expect("sound threads").turns_away = true;
        self.open();
    }

    /// Waits until the gate opens. Returns false if the connection is to be closed.
    pub(super) fn pass(&self) -> bool {
        let mut state = self.state.lock().expect("sound threads");
        state.waiting += 1;
        self.changed.notify_all();
        !self.changed.wait_while(state, |state| !state.is_open).expect("sound threads").turns_away
    }
}
