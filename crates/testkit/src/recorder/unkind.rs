//! An AWS that is unkind by a seed: throttling, lost answers, and answers from before a write.
//!
//! What happens to a call depends only on the seed, the operation, the secret's name and the
//! number of such calls, so that the same program meets the same faults. The product makes ten
//! tries that are rejected and four that are unanswered; these faults need fewer of them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::call::{ApiCall, SecretPlace};
use super::errors::{AwsError, INTERNAL, MARKED_FOR_DELETION, NOT_FOUND, THROTTLED};
use super::faults::FaultKind;
use super::staleness::Lag;

/// The most rejected and the most unanswered tries of a call in a row.
const MAX_REJECTED: u32 = 3;
const MAX_UNANSWERED: u32 = 1;

/// The writes that may not see a secret that was just created or restored.
const WRITES: [&str; 6] = [
    "PutResourcePolicy",
    "PutSecretValue",
    "RotateSecret",
    "TagResource",
    "UpdateSecret",
    "UpdateSecretVersionStage",
];

pub(super) struct Unkind {
    seed: u64,
    calls: HashMap<(String, String), Attempts>,
    writes: HashMap<SecretPlace, u64>,
}

#[derive(Default)]
struct Attempts {
    count: u64,
    /// In a row.
    rejected: u32,
    unanswered: u32,
}

impl Unkind {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, calls: HashMap::new(), writes: HashMap::new() }
    }

    /// Throttles 10% of the calls, fails 3% with a server error and loses 5% of the answers.
    pub(super) fn draw_fault(&mut self, call: &ApiCall) -> Option<FaultKind> {
        let secret = call.secret().map(|secret| secret.name).unwrap_or_default();
        let attempts = self.calls.entry((call.operation.clone(), secret.clone())).or_default();
        attempts.count += 1;
        let drawn = draw(&(self.seed, &call.operation, &secret, attempts.count));
        if drawn < 13 && attempts.rejected < MAX_REJECTED {
            attempts.rejected += 1;
            let error = if drawn < 10 { THROTTLED } else { INTERNAL };
            return Some(if call.is_ours { FaultKind::refusal(error) } else { query_throttled() });
        }
        attempts.rejected = 0;
        if (13..18).contains(&drawn) && attempts.unanswered < MAX_UNANSWERED {
            attempts.unanswered += 1;
            return Some(FaultKind::LoseAnswer);
        }
        attempts.unanswered = 0;
        None
    }

    /// Counts a write, so that the next one to the same secret draws another lag.
    pub(super) fn note_write(&mut self, secret: &SecretPlace) {
        *self.writes.entry(secret.clone()).or_default() += 1;
    }

    /// Returns for how many answers a read is stale after a write: none, one or two.
    pub(super) fn draw_lag(&self, write: &str, read: &str, secret: &SecretPlace) -> Option<Lag> {
        let number = self.writes.get(secret).copied().unwrap_or_default();
        let times = match draw(&(self.seed, write, read, &secret.name, number)) {
            0..60 => 0,
            60..85 => 1,
            _ => 2,
        };
        (times > 0).then_some(Lag::Answers(times))
    }

    /// Returns the writes that are refused once, as the secret is not visible yet.
    pub(super) fn draw_refusals(
        &self,
        call: &ApiCall,
        secret: &SecretPlace,
    ) -> Vec<(&'static str, AwsError)> {
        let error = match call.operation.as_str() {
            "CreateSecret" => NOT_FOUND,
            "RestoreSecret" => MARKED_FOR_DELETION,
            _ => return Vec::new(),
        };
        let refused = |write: &&str| draw(&(self.seed, &call.operation, write, &secret.name)) < 30;
        WRITES.into_iter().filter(refused).map(|write| (write, error)).collect()
    }
}

/// Returns a number below 100.
fn draw(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish() % 100
}

/// Throttling in AWS's query protocol, which STS has.
fn query_throttled() -> FaultKind {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>\
                <Message>Rate exceeded</Message></Error></ErrorResponse>";
    FaultKind::Answer(400, body.to_owned())
}
