//! Replicas in other regions, where moto is kinder than AWS: it has no keys, progress or reads of
//! them, and accepts what AWS refuses.

use std::collections::HashMap;
use std::io;

use serde_json::{Value, json};

use super::call::{ApiCall, SecretPlace};
use super::errors::{ALREADY_REPLICATED, NOT_REPLICATED};
use super::server::{Server, refusal};
use crate::http::Message;

/// What moto does not know of a replica.
#[derive(Clone, Default)]
struct ReplicaState {
    kms_key: Option<String>,
    /// The number of answers that still say that it is in progress.
    in_progress: usize,
    /// Seconds since 1970, of a day.
    last_accessed: Option<u64>,
}

/// The replicas of all secrets.
#[derive(Default)]
pub(super) struct Replicas {
    states: HashMap<(SecretPlace, String), ReplicaState>,
    /// For how many answers a new replica is in progress.
    progress: usize,
}

impl Replicas {
    /// Lets each new replica be in progress for this number of answers.
    pub(super) fn slow_down(&mut self, answers: usize) {
        self.progress = answers;
    }

    /// Sets the day of the last access to the replicas of a secret in a region.
    pub(super) fn read(&mut self, secret: &str, region: &str, seconds: u64) {
        for ((place, own), state) in &mut self.states {
            if place.name == secret && own == region {
                state.last_accessed = Some(seconds);
            }
        }
    }

    /// Answers ReplicateSecretToRegions and RemoveRegionsFromReplication.
    pub(super) fn answer(
        &mut self,
        server: Server,
        request: &Message,
        call: &ApiCall,
    ) -> io::Result<Message> {
        let is_addition = call.operation == "ReplicateSecretToRegions";
        let member = if is_addition { "AddReplicaRegions" } else { "RemoveReplicaRegions" };
        let Some(place) = call.secret() else { return server.answer(request, call) };
        let asked: Vec<&Value> = call.input[member].as_array().into_iter().flatten().collect();
        let region = |one: &Value| {
            let region = if is_addition { &one["Region"] } else { one };
            region.as_str().unwrap_or_default().to_owned()
        };
        let described = server.describe(request, call)?;
        let there: Vec<&Value> =
            described["ReplicationStatus"].as_array().into_iter().flatten().collect();
        for one in &asked {
            let found = there.iter().find(|replica| replica["Region"] == region(one));
            match found {
                None if !is_addition && !described.is_null() => {
                    return Ok(refusal(NOT_REPLICATED));
                }
                // Moto would list the region twice.
                Some(replica) if is_addition && replica["Status"] == "Failed" => {
                    let input =
                        json!({ "SecretId": place.name, "RemoveReplicaRegions": [region(one)] });
                    let (again, call) =
                        server.request(request, "RemoveRegionsFromReplication", &input);
                    server.answer(&again, &call)?;
                }
                Some(_) if is_addition => return Ok(refusal(ALREADY_REPLICATED)),
                _ => {}
            }
        }
        let answer = server.answer(request, call)?;
        if answer.is_success() {
            for one in asked {
                let key = (place.clone(), region(one));
                if is_addition {
                    let kms_key = one["KmsKeyId"].as_str().map(str::to_owned);
                    let in_progress = self.progress;
                    let state = ReplicaState { kms_key, in_progress, last_accessed: None };
                    self.states.insert(key, state);
                } else {
                    self.states.remove(&key);
                }
            }
        }
        Ok(self.complete(call, answer))
    }

    /// Adds keys, progress and reads to an answer with the status of replicas.
    pub(super) fn complete(&mut self, call: &ApiCall, answer: Message) -> Message {
        let Some(place) = call.secret() else { return answer };
        let Ok(mut output) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
        let Some(replicas) = output["ReplicationStatus"].as_array_mut() else { return answer };
        for replica in replicas {
            let region = replica["Region"].as_str().unwrap_or_default().to_owned();
            let Some(state) = self.states.get_mut(&(place.clone(), region)) else { continue };
            if state.in_progress > 0 {
                state.in_progress -= 1;
                replica["Status"] = "InProgress".into();
                replica["StatusMessage"] = Value::Null;
            }
            if let Some(key) = &state.kms_key {
                replica["KmsKeyId"] = key.as_str().into();
            }
            if let Some(seconds) = state.last_accessed {
                replica["LastAccessedDate"] = seconds.into();
            }
            if replica["StatusMessage"].as_str().is_some_and(|text| text.contains("already exists"))
            {
                // The API's own example (API type `ReplicationStatusType`).
                replica["StatusMessage"] =
                    "Secret with this name already exists in this region".into();
            }
        }
        answer.with_body(&output)
    }
}
