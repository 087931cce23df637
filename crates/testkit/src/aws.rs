//! goldenpath on AWS Secrets Manager, which moto simulates over HTTP. The tests read the resulting
//! state with direct API calls, not with goldenpath.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::moto::call_at;
use crate::{Account, Command, Moto, Outcome, Platform, Recorder};

/// The seed's store key (its section 3).
pub const KEY: &str = "goldenpath/payments/dev/payments-db-credentials";

/// The read-only API calls that goldenpath makes.
const READS: [&str; 4] =
    ["ListSecrets", "DescribeSecret", "GetResourcePolicy", "ValidateResourcePolicy"];

/// A platform whose store is an AWS account of its own, behind a recorder.
pub struct Aws {
    pub platform: Platform,
    pub account: Account,
    pub recorder: Recorder,
    server: SocketAddr,
}

impl Aws {
    pub fn new(test: &str) -> Self {
        let moto = Moto::shared();
        Self::on(moto.address(), moto.account(test))
    }

    /// Returns a platform on an account of this emulator.
    pub fn on(server: SocketAddr, account: Account) -> Self {
        let recorder = Recorder::in_front_of_server(server);
        // Moto does not implement this operation.
        let passed = json!({ "PolicyValidationPassed": true, "ValidationErrors": [] });
        recorder.answer("ValidateResourcePolicy", usize::MAX, &passed);
        Self { platform: Platform::with_store("backend: aws"), account, recorder, server }
    }

    pub fn apply(&self) -> Outcome {
        self.reach(self.platform.apply()).run()
    }

    pub fn apply_with(&self, arguments: &[&str]) -> Outcome {
        let arguments = [&["apply", "--yes"], arguments].concat();
        self.reach(self.platform.catalog.goldenpath(&arguments)).run()
    }

    pub fn plan(&self) -> Outcome {
        self.plan_with(&[])
    }

    /// Runs `plan --format json` with these arguments.
    pub fn plan_with(&self, arguments: &[&str]) -> Outcome {
        let arguments = [&["--format", "json"], arguments].concat();
        self.reach(self.platform.plan(&arguments)).run().success()
    }

    pub fn reach(&self, command: Command) -> Command {
        command.envs(self.account.environment(&self.recorder.endpoint()))
    }

    /// Calls an operation directly, without goldenpath. Panics if it fails.
    #[track_caller]
    pub fn call(&self, operation: &str, input: Value) -> Value {
        match call_at(self.server, &self.account, operation, &input) {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => panic!("{operation}: {error}"),
            Err(why) => panic!("{operation}: {why}"),
        }
    }

    #[track_caller]
    pub fn describe(&self, key: &str) -> Value {
        self.call("DescribeSecret", json!({ "SecretId": key }))
    }

    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut input = json!({ "MaxResults": 100, "IncludePlannedDeletion": true });
            if !token.is_null() {
                input["NextToken"] = token;
            }
            let page = self.call("ListSecrets", input);
            let secrets = page["SecretList"].as_array().unwrap();
            names.extend(secrets.iter().map(|secret| secret["Name"].as_str().unwrap().to_owned()));
            match page.get("NextToken") {
                Some(next) if !next.is_null() => token = next.clone(),
                _ => break,
            }
        }
        names.sort();
        names
    }

    /// Returns the state of the account, in a form that can be compared with another account.
    ///
    /// It has by name the description, the tags, the resource policy, the rotation rules and
    /// whether a deletion is scheduled.
    pub fn state(&self) -> BTreeMap<String, Value> {
        let state = |name: String| {
            let found = self.describe(&name);
            // Moto has the date as null; AWS and others leave it out.
            let is_deleted = found["DeletedDate"].is_number();
            let policy = if is_deleted {
                Value::Null
            } else {
                self.call("GetResourcePolicy", json!({ "SecretId": name }))["ResourcePolicy"]
                    .clone()
            };
            let tags = found.get("Tags").map(|_| tags(&found));
            let state = json!({
                "description": found["Description"],
                "tags": tags,
                "policy": policy,
                "rotation": found["RotationRules"],
                "deletion": is_deleted,
            });
            (name, state)
        };
        self.names().into_iter().map(state).collect()
    }

    /// Returns the writing calls since the last call of this function.
    pub fn writes(&self) -> Vec<String> {
        let calls = self.recorder.operations();
        self.recorder.reset();
        calls.into_iter().filter(|call| !READS.contains(&call.as_str())).collect()
    }
}

/// Returns a secret's tags (API type `Tag`) by key.
pub fn tags(secret: &Value) -> BTreeMap<&str, &str> {
    let tags = secret["Tags"].as_array().unwrap();
    tags.iter().map(|tag| (tag["Key"].as_str().unwrap(), tag["Value"].as_str().unwrap())).collect()
}

/// The design's tags, for the seed's manifest in the catalog `acme-platform`.
pub fn seed_tags() -> BTreeMap<&'static str, &'static str> {
    [
        ("goldenpath.io/id", "SEC-0007"),
        ("goldenpath.io/owner", "team-payments"),
        ("goldenpath.io/service", "payments"),
        ("goldenpath.io/environment", "dev"),
        ("goldenpath.io/risk-tier", "medium"),
        ("goldenpath.io/secret-type", "database-credentials"),
        ("goldenpath.io/managed-by", "goldenpath"),
        ("goldenpath.io/catalog", "acme-platform"),
    ]
    .into()
}

pub fn as_api_tags(tags: &BTreeMap<&str, &str>) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}
