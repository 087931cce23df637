//! Rotation without a function: moto knows no AWS Lambda here.

use std::collections::{BTreeMap, HashMap};
use std::io;

use serde_json::{Value, json};

use super::call::{ApiCall, SecretPlace};
use super::errors::{MARKED_FOR_DELETION, NO_FUNCTION, NOT_FOUND};
use super::server::{Server, refusal};
use crate::http::Message;

/// The members of RotateSecret that DescribeSecret shows.
const ROTATION: [&str; 4] = [
    "RotationLambdaARN",
    "RotationRules",
    "ExternalSecretRotationRoleArn",
    "ExternalSecretRotationMetadata",
];

/// The rotation of each secret: by whom, by which rules, and whether it is enabled.
///
/// A secret that a partner holds also has its type.
#[derive(Default)]
pub(super) struct Rotations(HashMap<SecretPlace, Value>);

impl Rotations {
    /// Returns the rotation of each secret, by its name.
    pub(super) fn all(&self) -> BTreeMap<String, Value> {
        self.0.iter().map(|(place, rotation)| (place.name.clone(), rotation.clone())).collect()
    }

    /// Answers RotateSecret and CancelRotateSecret.
    pub(super) fn answer(
        &mut self,
        server: Server,
        request: &Message,
        call: &ApiCall,
    ) -> io::Result<Message> {
        let Some(place) = call.secret() else { return Ok(refusal(NOT_FOUND)) };
        let secret = server.describe(request, call)?;
        if secret.is_null() {
            return Ok(refusal(NOT_FOUND));
        }
        if secret.get("DeletedDate").is_some_and(|date| !date.is_null()) {
            return Ok(refusal(MARKED_FOR_DELETION));
        }
        let rotation = self.0.entry(place).or_insert_with(|| json!({}));
        // Only the service that owns a secret, or a partner, rotates without a function.
        let has = |member: &str| call.input.get(member).or(rotation.get(member)).is_some();
        let is_managed = secret["OwningService"].is_string()
            || rotation["Type"].is_string() && has("ExternalSecretRotationRoleArn");
        if call.operation == "RotateSecret" && !is_managed && !has("RotationLambdaARN") {
            return Ok(refusal(NO_FUNCTION));
        }
        rotation["RotationEnabled"] = Value::Bool(call.operation == "RotateSecret");
        for member in ROTATION {
            if let Some(value) = call.input.get(member) {
                rotation[member] = value.clone();
            }
        }
        let head = "HTTP/1.1 200 Simulated\r\nConnection: close\r\n\r\n".to_owned();
        let output = json!({ "ARN": secret["ARN"], "Name": secret["Name"] });
        Ok(Message { head, body: Vec::new() }.with_body(&output))
    }

    /// Notes the type of a secret that a partner holds, which moto does not keep.
    pub(super) fn note_type(&mut self, call: &ApiCall) {
        let has_type = ["CreateSecret", "UpdateSecret"].contains(&&*call.operation);
        if let (true, Some(kind), Some(place)) = (has_type, call.input.get("Type"), call.secret()) {
            self.0.entry(place).or_insert_with(|| json!({}))["Type"] = kind.clone();
        }
    }

    /// Adds the rotation to the answers of DescribeSecret and ListSecrets.
    pub(super) fn complete(&self, call: &ApiCall, answer: Message) -> Message {
        if self.0.is_empty() || !["DescribeSecret", "ListSecrets"].contains(&&*call.operation) {
            return answer;
        }
        let Ok(mut output) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
        let complete = |entry: &mut Value| {
            let name = entry["Name"].as_str().unwrap_or_default().to_owned();
            if let Some(Value::Object(rotation)) = self.0.get(&call.place_of(&name))
                && let Some(members) = entry.as_object_mut()
            {
                members.extend(rotation.clone());
            }
        };
        match output.get_mut("SecretList").and_then(Value::as_array_mut) {
            Some(entries) => entries.iter_mut().for_each(complete),
            None => complete(&mut output),
        }
        answer.with_body(&output)
    }
}
