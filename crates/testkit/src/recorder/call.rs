//! A request as the recorder reads it.

use serde_json::Value;

use crate::http::Message;

/// The operations of Secrets Manager that change nothing.
const READS: [&str; 8] = [
    "BatchGetSecretValue",
    "DescribeSecret",
    "GetRandomPassword",
    "GetResourcePolicy",
    "GetSecretValue",
    "ListSecretVersionIds",
    "ListSecrets",
    "ValidateResourcePolicy",
];

/// A call of an operation.
pub(super) struct ApiCall {
    /// The API's name; for a request that names none, its first line.
    pub operation: String,
    /// The text of the body.
    pub body: String,
    /// The input; null if the body is not JSON.
    pub input: Value,
    /// Whether it is a call of Secrets Manager.
    pub is_ours: bool,
    /// The region of its signature.
    region: String,
}

/// A secret, by its region and its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SecretPlace {
    region: String,
    pub name: String,
}

impl ApiCall {
    pub(super) fn of(request: &Message) -> Self {
        let target = request.header("X-Amz-Target").and_then(|target| target.rsplit_once('.'));
        let first = request.head.lines().next().unwrap_or_default();
        let body = String::from_utf8_lossy(&request.body).into_owned();
        // `Credential=<key>/<date>/<region>/<service>/aws4_request`
        let region = request.header("Authorization").and_then(|text| text.split('/').nth(2));
        Self {
            operation: target.map_or(first, |(_, operation)| operation).to_owned(),
            input: serde_json::from_str(&body).unwrap_or_default(),
            is_ours: target.is_some_and(|(service, _)| service == "secretsmanager"),
            region: region.unwrap_or_default().to_owned(),
            body,
        }
    }

    /// Returns the secret that it is about.
    pub(super) fn secret(&self) -> Option<SecretPlace> {
        let id = ["SecretId", "Name"].iter().find_map(|member| self.input[*member].as_str())?;
        let name = match id.split_once(":secret:") {
            // AWS appends a hyphen and six characters to the name.
            Some((_, name)) if id.starts_with("arn:") => {
                name.len().checked_sub(7).and_then(|end| name.get(..end)).unwrap_or(name)
            }
            _ => id,
        };
        Some(self.place_of(name))
    }

    /// Returns the secret of this name in the call's region.
    pub(super) fn place_of(&self, name: &str) -> SecretPlace {
        SecretPlace { region: self.region.clone(), name: name.to_owned() }
    }

    /// Returns whether it starts or cancels a rotation.
    pub(super) fn is_rotation(&self) -> bool {
        self.is_ours && ["RotateSecret", "CancelRotateSecret"].contains(&self.operation.as_str())
    }

    /// Returns whether it adds or removes replicas.
    pub(super) fn is_replication(&self) -> bool {
        let operations = ["ReplicateSecretToRegions", "RemoveRegionsFromReplication"];
        self.is_ours && operations.contains(&self.operation.as_str())
    }

    /// Returns whether it changes something in Secrets Manager.
    pub(super) fn is_write(&self) -> bool {
        self.is_ours && !READS.contains(&self.operation.as_str())
    }
}

#[test]
fn a_secret_is_the_same_by_its_name_and_by_its_arn() {
    let of = |id: &str| {
        let head = "POST / HTTP/1.1\r\nX-Amz-Target: secretsmanager.DescribeSecret\r\n\
                    Authorization: AWS4-HMAC-SHA256 Credential=K/20240101/eu-west-2/x/y\r\n\r\n";
        let body = serde_json::json!({ "SecretId": id }).to_string().into_bytes();
        ApiCall::of(&Message { head: head.to_owned(), body })
    };
    let by_name = of("team/app-a/key");
    assert!(!by_name.is_write() && by_name.is_ours);
    let arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:team/app-a/key-AbCdEf";
    assert_eq!(by_name.secret(), of(arn).secret());
    assert_eq!(by_name.secret().unwrap().name, "team/app-a/key");
}
