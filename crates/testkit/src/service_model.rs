//! AWS's own description of its API, which every request of the tests is checked against.
//!
//! It is botocore's, which comes with moto (`requirements.txt`). No message contains a value of a
//! request: it names the operation, the member and the rule.

mod query;
mod shape;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::http::Message;
use crate::python;

/// A service whose requests can be checked.
struct Service {
    /// The folder of the model below `botocore/data`.
    folder: &'static str,
    /// How its requests are recognized.
    mark: Mark,
}

enum Mark {
    /// The start of the header `X-Amz-Target` (AWS's JSON protocol).
    Target(&'static str),
    /// The parameter `Version` (AWS's query protocol).
    Version(&'static str),
}

const SERVICES: [Service; 4] = [
    Service { folder: "secretsmanager/2017-10-17", mark: Mark::Target("secretsmanager") },
    Service { folder: "sts/2011-06-15", mark: Mark::Version("2011-06-15") },
    Service { folder: "kms/2014-11-01", mark: Mark::Target("TrentService") },
    Service { folder: "iam/2010-05-08", mark: Mark::Version("2010-05-08") },
];

/// Prints a model without its documentation, which is most of it.
const READ: &str = "import gzip, json, sys
model = json.load(gzip.open(sys.argv[1]))
def plain(node):
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {k: plain(v) for k, v in node.items() if k != 'documentation' or isinstance(v, dict)}
json.dump({part: plain(model[part]) for part in ('operations', 'shapes')}, sys.stdout)";

/// The operations and the shapes of a service.
struct ServiceModel {
    operations: Value,
    shapes: Value,
}

/// Returns how a request differs from what AWS's model allows.
///
/// A request to a service that has no model here is such a difference too.
pub(crate) fn violations(request: &Message) -> Vec<String> {
    let checked = match request.header("X-Amz-Target") {
        Some(target) => check_json(target, &request.body),
        None => check_query(request),
    };
    checked.unwrap_or_else(|problem| vec![problem])
}

/// Loads the model of Secrets Manager, which every test with a recorder needs.
///
/// # Errors
/// If botocore cannot be installed or read.
pub(crate) fn load() -> Result<(), String> {
    model(&SERVICES[0]).map(drop)
}

fn check_json(target: &str, body: &[u8]) -> Result<Vec<String>, String> {
    let (prefix, operation) = target.rsplit_once('.').unwrap_or(("", target));
    let is_of = |service: &&Service| matches!(service.mark, Mark::Target(own) if own == prefix);
    let service = SERVICES.iter().find(is_of);
    let model = model(service.ok_or_else(|| format!("{target}: a service without a model"))?)?;
    let input = serde_json::from_slice(body).map_err(|_| format!("{operation}: not JSON"))?;
    model.check(operation, |_| Ok(input))
}

fn check_query(request: &Message) -> Result<Vec<String>, String> {
    let parameters = query::parameters(&request.body);
    let single = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    let (operation, version) = (single("Action"), single("Version"));
    let is_of = |service: &&Service| matches!(service.mark, Mark::Version(own) if own == version);
    let first = request.head.lines().next().unwrap_or_default();
    let service = SERVICES.iter().find(is_of).ok_or_else(|| {
        format!("{first} {operation}: a service without a model (see `service_model.rs`)")
    })?;
    let model = model(service)?;
    model.check(operation, |shape| {
        let own = parameters.iter().filter(|(name, _)| !["Action", "Version"].contains(&&***name));
        query::input(own, shape, &model.shapes).map_err(|why| format!("{operation}{why}"))
    })
}

impl ServiceModel {
    /// Checks an input, which is read with the name of its shape.
    fn check(
        &self,
        operation: &str,
        read: impl FnOnce(&str) -> Result<Value, String>,
    ) -> Result<Vec<String>, String> {
        let known = &self.operations[operation];
        if known.is_null() {
            return Err(format!("{operation}: an unknown operation"));
        }
        let mut found = Vec::new();
        match known["input"]["shape"].as_str() {
            Some(shape) => {
                shape::check(&self.shapes, shape, &read(shape)?, operation, &mut found);
            }
            None if read("").is_ok_and(|input| input == serde_json::json!({})) => {}
            None => found.push(format!("{operation}: takes no input")),
        }
        Ok(found)
    }
}

/// Returns a service's model, which is read once in a process.
fn model(service: &Service) -> Result<&'static ServiceModel, String> {
    static LOADED: Mutex<BTreeMap<&str, &ServiceModel>> = Mutex::new(BTreeMap::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(model) = loaded.get(service.folder) {
        return Ok(model);
    }
    let model = Box::leak(Box::new(read_model(service.folder)?));
    loaded.insert(service.folder, model);
    Ok(model)
}

fn read_model(folder: &str) -> Result<ServiceModel, String> {
    let file = python::find_installed(&format!("botocore/data/{folder}/service-2.json.gz"))?;
    let failed = |why: String| format!("cannot read {}: {why}", file.display());
    let python = python::MOTO.programs()?.join("python");
    let output = Command::new(python).args(["-I", "-c", READ]).arg(&file).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let model: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    let part = |name: &str| {
        let part = model.get(name).filter(|part| part.is_object()).cloned();
        part.ok_or_else(|| failed(format!("it has no `{name}`")))
    };
    Ok(ServiceModel { operations: part("operations")?, shapes: part("shapes")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(operation: &str, input: Value) -> Vec<String> {
        let head = format!("POST / HTTP/1.1\r\nX-Amz-Target: secretsmanager.{operation}\r\n\r\n");
        violations(&Message { head, body: input.to_string().into_bytes() })
    }

    fn of_query(body: &str) -> Vec<String> {
        let head = "POST / HTTP/1.1\r\n\r\n".to_owned();
        violations(&Message { head, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn a_request_that_the_model_allows_has_no_violation() {
        let tags = json!([{ "Key": "goldenpath.io/id", "Value": "" }]);
        assert_eq!(of("CreateSecret", json!({ "Name": "a", "Tags": tags })), [""; 0]);
        let binary = json!({ "SecretId": "a", "SecretBinary": "AAEC", "VersionStages": ["x"] });
        assert_eq!(of("PutSecretValue", binary), [""; 0]);
        assert_eq!(of("ListSecrets", json!({ "MaxResults": 100 })), [""; 0]);
        assert_eq!(of_query("Action=GetCallerIdentity&Version=2011-06-15"), [""; 0]);
        let assume = "Action=AssumeRole&Version=2011-06-15\
                      &RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdeploy\
                      &RoleSessionName=ab&DurationSeconds=900&Tags.member.1.Key=k\
                      &Tags.member.1.Value=v";
        assert_eq!(of_query(assume), [""; 0]);
    }

    /// Asserts the only violation of a request.
    #[track_caller]
    fn violates(operation: &str, input: Value, expected: &str) {
        assert_eq!(of(operation, input), [format!("{operation}{expected}")]);
    }

    #[test]
    fn an_unknown_operation_member_and_service_are_violations() {
        violates("DeleteEverything", json!({}), ": an unknown operation");
        violates("DescribeSecret", json!({ "SecretId": "a", "Sic": 1 }), ".Sic: an unknown member");
        let tags = json!([{ "Key": "a" }, { "Key": "b", "Val": "c" }]);
        let input = json!({ "SecretId": "a", "Tags": tags });
        violates("TagResource", input, ".Tags[1].Val: an unknown member");
        let other = Message {
            head: "POST / HTTP/1.1\r\nX-Amz-Target: Logs_20140328.PutLogEvents\r\n\r\n".to_owned(),
            body: b"{}".to_vec(),
        };
        assert_eq!(violations(&other), ["Logs_20140328.PutLogEvents: a service without a model"]);
        assert!(of_query("")[0].contains("a service without a model"));
    }

    #[test]
    fn a_missing_required_member_is_a_violation() {
        violates("DescribeSecret", json!({}), ".SecretId: is required");
        violates("TagResource", json!({ "SecretId": "a" }), ".Tags: is required");
        let regions = json!({ "SecretId": "a", "RemoveReplicaRegions": ["nowhere"] });
        let expected = ".RemoveReplicaRegions[0]: does not match ^([a-z]+-)+\\d+$";
        violates("RemoveRegionsFromReplication", regions, expected);
    }

    #[test]
    fn a_wrong_type_is_a_violation() {
        violates("DescribeSecret", json!({ "SecretId": 7 }), ".SecretId: is not of type string");
        violates(
            "ListSecrets",
            json!({ "MaxResults": "9" }),
            ".MaxResults: is not of type integer",
        );
        violates("ListSecrets", json!({ "Filters": {} }), ".Filters: is not of type list");
        let input = json!({ "SecretId": "a", "SecretBinary": "not base64!" });
        violates("PutSecretValue", input, ".SecretBinary: is not of type blob");
        let expected = ".IncludePlannedDeletion: is not of type boolean";
        violates("ListSecrets", json!({ "IncludePlannedDeletion": null }), expected);
        violates("ListSecrets", json!([]), ": is not of type structure");
    }

    #[test]
    fn a_length_a_range_and_an_enum_are_checked() {
        violates("CreateSecret", json!({ "Name": "" }), ".Name: is shorter than 1");
        violates("CreateSecret", json!({ "Name": "a".repeat(513) }), ".Name: is longer than 512");
        violates("ListSecrets", json!({ "MaxResults": 101 }), ".MaxResults: is over 100");
        let rules = json!({ "AutomaticallyAfterDays": 0 });
        let input = json!({ "SecretId": "a", "RotationRules": rules });
        violates("RotateSecret", input, ".RotationRules.AutomaticallyAfterDays: is under 1");
        let filters = json!([{ "Key": "color", "Values": ["red"] }]);
        let expected = ".Filters[0].Key: is not one of description, name, tag-key, tag-value, \
                        primary-region, owning-service, all";
        violates("ListSecrets", json!({ "Filters": filters }), expected);
        let filters = vec![json!({}); 11];
        violates("ListSecrets", json!({ "Filters": filters }), ".Filters: is longer than 10");
        let token = json!({ "SecretId": "a", "ClientRequestToken": "short" });
        violates("PutSecretValue", token, ".ClientRequestToken: is shorter than 32");
    }

    #[test]
    fn characters_count_and_not_bytes() {
        let name = "ä".repeat(256);
        assert_eq!(of("CreateSecret", json!({ "Name": "a", "Description": name })), [""; 0]);
        let long = "ä".repeat(2049);
        let input = json!({ "Name": "a", "Description": long });
        violates("CreateSecret", input, ".Description: is longer than 2048");
    }

    #[test]
    fn the_query_protocol_is_checked_by_the_same_rules() {
        let start = "Action=AssumeRole&Version=2011-06-15&RoleSessionName=a+b&Tag.member.1=c";
        assert_eq!(
            of_query(start),
            [
                "AssumeRole.Tag: an unknown member",
                "AssumeRole.RoleArn: is required",
                "AssumeRole.RoleSessionName: does not match [\\w+=,.@-]*",
            ]
        );
        let long = "Action=GetCallerIdentity&Version=2011-06-15&Who=me";
        assert_eq!(of_query(long), ["GetCallerIdentity.Who: an unknown member"]);
        let days = "Action=AssumeRole&Version=2011-06-15&RoleSessionName=ab\
                    &RoleArn=arn:aws:iam::123456789012:role/a&DurationSeconds=long";
        assert_eq!(of_query(days), ["AssumeRole.DurationSeconds: is not of type integer"]);
    }

    #[test]
    fn no_violation_shows_a_value() {
        const VALUE: &str = "hunter2canary";
        let long = VALUE.repeat(10_000);
        for input in [
            json!({ "SecretId": "a", "SecretString": [VALUE] }),
            json!({ "SecretId": "a", "SecretBinary": VALUE.repeat(3) }),
            json!({ "SecretId": "a", "SecretString": long }),
            json!(VALUE),
        ] {
            let found = of("PutSecretValue", input).join("\n");
            assert!(!found.is_empty() && !found.contains(VALUE), "{found}");
        }
    }
}
