//! Faults in place of an answer, and random ones.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::call::{ApiCall, SecretPlace};
use super::errors::AwsError;
use super::gate::{Gate, HoldPoint};

/// The faults of a recorder.
#[derive(Default)]
pub(super) struct Faults {
    faults: Vec<Fault>,
    armed_by_writes: Vec<WriteFault>,
    random: Option<RandomFaults>,
}

/// A fault to inject into requests of one operation.
struct Fault {
    operation: String,
    /// The text that the body of a matching request contains.
    body: String,
    /// The only secret that it is for.
    secret: Option<SecretPlace>,
    /// The number of requests that are still to fail.
    times: usize,
    kind: FaultKind,
}

impl Fault {
    /// Returns a refusal of calls about this secret.
    fn of(secret: &SecretPlace, operation: &str, times: usize, error: AwsError) -> Self {
        Self {
            operation: operation.to_owned(),
            body: String::new(),
            secret: Some(secret.clone()),
            times,
            kind: FaultKind::refusal(error),
        }
    }
}

/// A refusal of calls that follow a write to the same secret.
struct WriteFault {
    write: String,
    operation: String,
    /// A part of the secret's name.
    secret: String,
    times: usize,
    error: AwsError,
}

#[derive(Clone)]
pub(super) enum FaultKind {
    /// The server handles the request, and the response never arrives.
    LoseAnswer,
    /// The request or its response waits.
    Hold(HoldPoint, Arc<Gate>),
    /// The recorder responds with this status and body; the request does not reach the server.
    Answer(u16, String),
    /// As `Answer`, with more header lines and with the request's body in place of placeholders.
    Echo(u16, String, String),
    /// The connection is reset; the request does not reach the server.
    Reset,
}

impl FaultKind {
    /// Returns the answer with an error of AWS's JSON protocol.
    pub(super) fn refusal((code, message): (&str, &str)) -> Self {
        let status = if code == super::errors::INTERNAL.0 { 500 } else { 400 };
        let body = serde_json::json!({ "__type": code, "Message": message });
        Self::Answer(status, body.to_string())
    }
}

impl Faults {
    pub(super) fn add(&mut self, operation: &str, body: &str, times: usize, kind: FaultKind) {
        let [operation, body] = [operation, body].map(str::to_owned);
        self.faults.push(Fault { operation, body, secret: None, times, kind });
    }

    pub(super) fn add_after_write(
        &mut self,
        write: &str,
        operation: &str,
        secret: &str,
        times: usize,
        error: AwsError,
    ) {
        let [write, operation, secret] = [write, operation, secret].map(str::to_owned);
        self.armed_by_writes.push(WriteFault { write, operation, secret, times, error });
    }

    pub(super) fn inject_random(&mut self, seed: u64) {
        self.random = Some(RandomFaults { seed, attempts: HashMap::new() });
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
        self.armed_by_writes.clear();
    }

    /// Removes the refusals of calls that follow a write: it is visible.
    pub(super) fn settle(&mut self) {
        self.faults.retain(|fault| fault.secret.is_none());
    }

    /// Adds the refusals of the calls that follow a write, now that it is done.
    pub(super) fn note_write(&mut self, call: &ApiCall, secret: &SecretPlace) {
        for armed in &self.armed_by_writes {
            if armed.write == call.operation && secret.name.contains(&armed.secret) {
                let fault = Fault::of(secret, &armed.operation, armed.times, armed.error);
                self.faults.push(fault);
            }
        }
    }

    /// Refuses the next `times` calls of an operation about this secret.
    pub(super) fn refuse_for(
        &mut self,
        secret: &SecretPlace,
        operation: &str,
        times: usize,
        error: AwsError,
    ) {
        self.faults.push(Fault::of(secret, operation, times, error));
    }

    /// Returns the fault that happens to a call.
    pub(super) fn next(&mut self, call: &ApiCall) -> Option<FaultKind> {
        let drawn =
            self.random.as_mut().and_then(|random| random.draw(&call.operation, &call.body));
        if drawn.is_some() {
            return drawn;
        }
        let secret = call.secret();
        let hit = |fault: &Fault| {
            fault.times > 0
                && fault.operation == call.operation
                && call.body.contains(&fault.body)
                && (fault.secret.is_none() || fault.secret == secret)
        };
        // Faults apply in the order in which a test added them; permanent ones apply last.
        let hits = (0..self.faults.len()).filter(|place| hit(&self.faults[*place]));
        let place = hits.min_by_key(|place| self.faults[*place].times == usize::MAX)?;
        let fault = &mut self.faults[place];
        if fault.times != usize::MAX {
            fault.times -= 1;
        }
        Some(fault.kind.clone())
    }
}

/// Random faults that depend only on the seed and the requests, not on their order.
struct RandomFaults {
    seed: u64,
    /// The number of attempts of each request.
    attempts: HashMap<(String, String), u64>,
}

impl RandomFaults {
    /// Throttles 20% of the requests, fails 5% with a server error and loses 2% of the responses.
    fn draw(&mut self, operation: &str, body: &str) -> Option<FaultKind> {
        let mut body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("ClientRequestToken"); // random for each request
        }
        let attempt = self.attempts.entry((operation.to_owned(), body.to_string())).or_default();
        *attempt += 1;
        let mut hasher = DefaultHasher::new();
        (self.seed, operation, body.to_string(), *attempt).hash(&mut hasher);
        match hasher.finish() % 100 {
            0..20 => Some(FaultKind::refusal(("ThrottlingException", "not now"))),
            20..25 => Some(FaultKind::refusal(("InternalServiceError", "not now"))),
            25..27 => Some(FaultKind::LoseAnswer),
            _ => None,
        }
    }
}

pub(super) fn echoed(body: &str, request: &[u8]) -> String {
    let request = String::from_utf8_lossy(request);
    let quoted = serde_json::to_string(&request).expect("JSON");
    body.replace("{quoted}", &quoted[1..quoted.len() - 1]).replace("{request}", &request)
}
