//! The server behind the recorder, and where it is kinder than AWS.

use std::io;
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use super::call::ApiCall;
use super::errors::{MARKED_FOR_DELETION, SCHEDULED_FOR_DELETION};
use crate::http::Message;

/// The operations that AWS refuses for a deleted secret, and moto does not.
const REFUSED_IF_DELETED: [&str; 10] = [
    "DeleteResourcePolicy",
    "GetResourcePolicy",
    "PutResourcePolicy",
    "PutSecretValue",
    "RemoveRegionsFromReplication",
    "ReplicateSecretToRegions",
    "RotateSecret",
    "TagResource",
    "UntagResource",
    "UpdateSecretVersionStage",
];

/// The default key, which AWS leaves out of its answers (DescribeSecret, `KmsKeyId`).
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// Seconds of a day: `LastAccessedDate` omits the time (DescribeSecret, `LastAccessedDate`).
const DAY: f64 = 86_400.0;

/// The server behind the recorder.
#[derive(Clone, Copy)]
pub(super) struct Server(pub SocketAddr);

impl Server {
    /// Returns the server's answer, as AWS would give it.
    pub(super) fn answer(self, request: &Message, call: &ApiCall) -> io::Result<Message> {
        if !call.is_ours {
            return self.forward(request);
        }
        if REFUSED_IF_DELETED.contains(&call.operation.as_str())
            && self.is_deleted(request, call)?
        {
            return Ok(refusal(MARKED_FOR_DELETION));
        }
        let answer = self.forward(request)?;
        let Ok(output) = serde_json::from_slice::<Value>(&answer.body) else { return Ok(answer) };
        if !answer.is_success() {
            return self.corrected_refusal(request, call, answer, &output);
        }
        let mut corrected = output.clone();
        correct(&mut corrected);
        for list in ["SecretList", "Versions"] {
            let entries = corrected.get_mut(list).and_then(Value::as_array_mut);
            entries.into_iter().flatten().for_each(correct);
        }
        Ok(if corrected == output { answer } else { answer.with_body(&corrected) })
    }

    /// Returns a request with the credentials of another one.
    pub(super) fn request(
        self,
        like: &Message,
        operation: &str,
        input: &Value,
    ) -> (Message, ApiCall) {
        let body = input.to_string().into_bytes();
        let mut head = format!("POST / HTTP/1.1\r\nHost: {}\r\n", self.0);
        head += &format!(
            "Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n",
            body.len()
        );
        for name in ["Authorization", "X-Amz-Date", "X-Amz-Security-Token"] {
            if let Some(value) = like.header(name) {
                head += &format!("{name}: {value}\r\n");
            }
        }
        head += &format!("X-Amz-Target: secretsmanager.{operation}\r\nConnection: close\r\n\r\n");
        let request = Message { head, body };
        let call = ApiCall::of(&request);
        (request, call)
    }

    /// Returns what DescribeSecret says of the call's secret; null if there is none.
    pub(super) fn describe(self, like: &Message, call: &ApiCall) -> io::Result<Value> {
        let Some(secret) = call.secret() else { return Ok(Value::Null) };
        let input = json!({ "SecretId": secret.name });
        let (request, call) = self.request(like, "DescribeSecret", &input);
        let answer = self.answer(&request, &call)?;
        if !answer.is_success() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).map_err(io::Error::other)
    }

    fn is_deleted(self, like: &Message, call: &ApiCall) -> io::Result<bool> {
        let found = self.describe(like, call)?;
        Ok(found.get("DeletedDate").is_some_and(|date| !date.is_null()))
    }

    /// Returns a refusal with AWS's code and text where moto has others.
    fn corrected_refusal(
        self,
        request: &Message,
        call: &ApiCall,
        mut answer: Message,
        output: &Value,
    ) -> io::Result<Message> {
        let text = output["message"].as_str().or(output["Message"].as_str()).unwrap_or_default();
        let is_about_deletion =
            ["marked deleted", "marked for deletion"].iter().any(|words| text.contains(words));
        let code = output["__type"].as_str().unwrap_or_default();
        if is_about_deletion && call.operation != "DeleteSecret" {
            return Ok(refusal(MARKED_FOR_DELETION));
        }
        if call.operation == "DeleteSecret" && text.contains("still has replica regions") {
            let secret = self.describe(request, call)?;
            let arn = secret["ARN"].as_str().unwrap_or_default();
            let regions = text.split_once('[').map_or("]", |(_, regions)| regions);
            let text = format!(
                "You can't delete secret {arn} that still has replica regions [{}.",
                regions.replace(',', ", ")
            );
            return Ok(refusal(("InvalidParameterException", &text)));
        }
        if call.operation == "CreateSecret"
            && code == "ResourceExistsException"
            && self.is_deleted(request, call)?
        {
            return Ok(refusal(SCHEDULED_FOR_DELETION));
        }
        // AWS has no other status for an error of the caller (API Reference, "Errors").
        answer.head = answer.head.replacen("HTTP/1.1 404 NOT FOUND", "HTTP/1.1 400 BAD REQUEST", 1);
        let body = json!({ "__type": code, "message": text, "Message": text });
        Ok(answer.with_body(&body))
    }

    fn forward(self, request: &Message) -> io::Result<Message> {
        let connection = TcpStream::connect(self.0)?;
        request.write(&connection)?;
        Message::read(&connection)
    }
}

/// Returns the answer with an error.
pub(super) fn refusal((code, text): (&str, &str)) -> Message {
    let body = json!({ "__type": code, "message": text, "Message": text });
    let status = if code == super::errors::INTERNAL.0 { 500 } else { 400 };
    let head = format!("HTTP/1.1 {status} Simulated\r\nConnection: close\r\n\r\n");
    Message { head, body: Vec::new() }.with_body(&body)
}

/// Omits what AWS omits from a secret's or a version's metadata.
fn correct(entry: &mut Value) {
    let Some(members) = entry.as_object_mut() else { return };
    let is_default = |key: &str| key.is_empty() || key.ends_with(DEFAULT_KEY);
    if members.get("KmsKeyId").and_then(Value::as_str).is_some_and(is_default) {
        members.remove("KmsKeyId");
    }
    if let Some(seconds) = members.get("LastAccessedDate").and_then(Value::as_f64) {
        members.insert("LastAccessedDate".to_owned(), json!((seconds / DAY).floor() * DAY));
    }
}
