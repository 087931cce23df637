//! A policy as AWS evaluates it (IAM, "Policy evaluation logic"), for recorded calls.
//!
//! Which permissions an operation needs comes from its page in the Secrets Manager API Reference,
//! "Required permissions", and from the user guide, "Secret encryption and decryption".

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// A permission that a call needs: an action on a resource.
struct Permission {
    action: String,
    resource: String,
}

/// The secrets as the recorded calls left them.
#[derive(Default)]
pub(crate) struct Secrets {
    region: String,
    account: String,
    /// The customer's key of all secrets: its ARN and its alias.
    key: (String, String),
    tags: BTreeMap<String, BTreeMap<String, String>>,
}

/// A policy, and which of its permissions were used: `Sid action`.
pub(crate) struct Policy {
    statements: Vec<Value>,
    used: BTreeSet<String>,
}

/// The keys of a request's context (IAM, "Condition context keys"), each with its values.
type RequestContext = BTreeMap<String, Vec<String>>;

impl Secrets {
    pub(crate) fn of(account: &goldenpath_testkit::Account) -> Self {
        let key = format!("arn:aws:kms:{}:{}:key/1234abcd", account.region, account.id);
        Self {
            region: account.region.clone(),
            account: account.id.clone(),
            key: (key, "alias/secrets".to_owned()),
            tags: BTreeMap::new(),
        }
    }

    /// Adds a secret that no recorded call created.
    pub(crate) fn add(&mut self, name: &str, tags: &Value) {
        self.tags.insert(name.to_owned(), tags_of(tags));
    }

    fn arn(&self, name: &str) -> String {
        // A secret that does not exist has no suffix.
        let suffix = if self.tags.contains_key(name) { "-AbCdEf" } else { "" };
        format!("arn:aws:secretsmanager:{}:{}:secret:{name}{suffix}", self.region, self.account)
    }

    /// Returns the permissions that a call needs.
    fn permissions(&self, operation: &str, input: &Value) -> Vec<Permission> {
        let name = input["SecretId"].as_str().or(input["Name"].as_str()).unwrap_or_default();
        let secret = if name.is_empty() { "*".to_owned() } else { self.arn(name) };
        let (own, key): (&[&str], &[&str]) = match operation {
            "CreateSecret" if input["Tags"].is_array() => {
                (&["CreateSecret", "TagResource"], &["Decrypt", "GenerateDataKey"])
            }
            "UpdateSecret" => (&["UpdateSecret"], &["Decrypt", "Encrypt", "GenerateDataKey"]),
            "PutSecretValue" => (&["PutSecretValue"], &["Decrypt", "Encrypt", "GenerateDataKey"]),
            "GetSecretValue" => (&["GetSecretValue"], &["Decrypt"]),
            // The action has the name of the operation.
            _ => (&[], &[]),
        };
        let own = if own.is_empty() { &[operation] } else { own };
        let mut needed: Vec<Permission> = own
            .iter()
            .map(|action| Permission {
                action: format!("secretsmanager:{action}"),
                resource: secret.clone(),
            })
            .collect();
        needed.extend(key.iter().map(|action| Permission {
            action: format!("kms:{action}"),
            resource: self.key.0.clone(),
        }));
        if operation == "ReplicateSecretToRegions" {
            needed.push(Permission {
                action: "kms:Decrypt".to_owned(),
                resource: self.key.0.clone(),
            });
            for replica in input["AddReplicaRegions"].as_array().into_iter().flatten() {
                let region = replica["Region"].as_str().unwrap();
                let resource = self.key.0.replace(&self.region, region);
                for action in ["kms:Encrypt", "kms:GenerateDataKey"] {
                    if replica["KmsKeyId"].is_string() {
                        let (action, resource) = (action.to_owned(), resource.clone());
                        needed.push(Permission { action, resource });
                    }
                }
            }
        }
        let used = [
            ("RotationLambdaARN", "lambda:InvokeFunction"),
            ("ExternalSecretRotationRoleArn", "iam:PassRole"),
        ];
        for (member, action) in used {
            if let Some(resource) = input[member].as_str() {
                let (action, resource) = (action.to_owned(), resource.to_owned());
                needed.push(Permission { action, resource });
            }
        }
        needed
    }

    fn context(&self, operation: &str, input: &Value, needed: &Permission) -> RequestContext {
        let mut context = RequestContext::new();
        let mut set = |key: String, values: Vec<String>| _ = context.insert(key, values);
        if needed.action.starts_with("kms:") {
            let region = needed.resource.split(':').nth(3).unwrap();
            let host = format!("secretsmanager.{region}.amazonaws.com");
            set("kms:ViaService".to_owned(), vec![host]);
            set("kms:ResourceAliases".to_owned(), vec![self.key.1.clone()]);
            return context;
        }
        if needed.action == "iam:PassRole" {
            let service = "secretsmanager.amazonaws.com".to_owned();
            set("iam:PassedToService".to_owned(), vec![service]);
            return context;
        }
        let requested = tags_of(&input["Tags"]);
        let name = input["SecretId"].as_str().or(input["Name"].as_str()).unwrap_or_default();
        // A secret that is created has the tags of the request (IAM tutorial, "Define permissions
        // to access AWS resources based on tags").
        let tags = if operation == "CreateSecret" { Some(&requested) } else { self.tags.get(name) };
        for (tag, value) in tags.into_iter().flatten() {
            set(format!("aws:ResourceTag/{tag}"), vec![value.clone()]);
        }
        for (tag, value) in &requested {
            set(format!("aws:RequestTag/{tag}"), vec![value.clone()]);
        }
        if !requested.is_empty() {
            set("aws:TagKeys".to_owned(), requested.into_keys().collect());
        }
        if let Some(replicas) = input["AddReplicaRegions"].as_array() {
            let regions = replicas.iter().map(|one| one["Region"].as_str().unwrap().to_owned());
            set("secretsmanager:AddReplicaRegions".to_owned(), regions.collect());
        }
        for (member, key) in [
            ("BlockPublicPolicy", "BlockPublicPolicy"),
            ("ForceDeleteWithoutRecovery", "ForceDeleteWithoutRecovery"),
            ("ForceOverwriteReplicaSecret", "ForceOverwriteReplicaSecret"),
            ("RotationLambdaARN", "RotationLambdaARN"),
        ] {
            let value = match &input[member] {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            set(format!("secretsmanager:{key}"), vec![value]);
        }
        context
    }

    /// Notes what a call changed.
    fn note(&mut self, operation: &str, input: &Value) {
        let name = input["SecretId"].as_str().or(input["Name"].as_str()).unwrap_or_default();
        if ["CreateSecret", "TagResource"].contains(&operation) {
            self.tags.entry(name.to_owned()).or_default().extend(tags_of(&input["Tags"]));
        }
    }
}

fn tags_of(tags: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tags = tags.as_array().into_iter().flatten();
    tags.map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect()
}

impl Policy {
    pub(crate) fn of(policy: &Value) -> Self {
        assert_eq!(policy["Version"], "2012-10-17");
        let statements = policy["Statement"].as_array().unwrap().clone();
        let sids: BTreeSet<String> = statements.iter().map(|one| one["Sid"].to_string()).collect();
        assert_eq!(sids.len(), statements.len(), "{policy:#}");
        Self { statements, used: BTreeSet::new() }
    }

    /// Asserts that the policy allows every call, in this order.
    #[track_caller]
    pub(crate) fn allows_all(&mut self, calls: &[(String, Value)], secrets: &mut Secrets) {
        for (operation, input) in calls {
            let refused = self.refusal(operation, input, secrets);
            assert_eq!(refused, None, "{operation} {input:#}");
            secrets.note(operation, input);
        }
    }

    /// Returns the permission that a call lacks.
    pub(crate) fn refusal(
        &mut self,
        operation: &str,
        input: &Value,
        secrets: &Secrets,
    ) -> Option<String> {
        for needed in secrets.permissions(operation, input) {
            let context = secrets.context(operation, input, &needed);
            let Permission { action, resource } = needed;
            let is_hit = |statement: &&Value| {
                texts(&statement["Action"]).contains(&action)
                    && texts(&statement["Resource"]).iter().any(|one| is_like(&resource, one))
                    && holds(&statement["Condition"], &context)
            };
            let (denials, grants): (Vec<&Value>, Vec<&Value>) = self
                .statements
                .iter()
                .filter(is_hit)
                .partition(|statement| statement["Effect"] == "Deny");
            if !denials.is_empty() || grants.is_empty() {
                return Some(format!("{action} on {resource}"));
            }
            let used = grants.iter().map(|grant| format!("{} {action}", sid(grant)));
            self.used.extend(used.collect::<Vec<_>>());
        }
        None
    }

    /// Returns the permissions that no call has used, except those to assume a role.
    pub(crate) fn idle(&self) -> Vec<String> {
        let grants = self.statements.iter().filter(|statement| statement["Effect"] == "Allow");
        let all = grants.flat_map(|grant| {
            texts(&grant["Action"]).into_iter().map(|action| format!("{} {action}", sid(grant)))
        });
        all.filter(|one| !self.used.contains(one) && !one.starts_with("AssumeRoles ")).collect()
    }
}

fn sid(statement: &Value) -> &str {
    statement["Sid"].as_str().unwrap()
}

/// Returns a list of texts; a single text is a list of one.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap().into()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    }
}

fn holds(condition: &Value, context: &RequestContext) -> bool {
    let operators = condition.as_object().into_iter().flatten();
    operators
        .flat_map(|(operator, keys)| {
            keys.as_object().unwrap().iter().map(move |key| (operator, key))
        })
        .all(|(operator, (key, wanted))| {
            let (found, wanted) = (context.get(key), texts(wanted));
            let any = |values: &[String], test: &dyn Fn(&str, &str) -> bool| {
                values.iter().all(|value| wanted.iter().any(|one| test(value, one)))
            };
            let is_same = |value: &str, wanted: &str| value == wanted;
            let is_like = |value: &str, pattern: &str| is_like(value, pattern);
            match operator.as_str() {
                "StringEquals" | "Bool" | "ArnEquals" => {
                    found.is_some_and(|values| any(values, &is_same))
                }
                "StringLike" => found.is_some_and(|values| any(values, &is_like)),
                "StringEqualsIfExists" => found.is_none_or(|values| any(values, &is_same)),
                // A key without values matches (IAM, "Multivalued context keys").
                "ForAllValues:StringEquals" => found.is_none_or(|values| any(values, &is_same)),
                "ForAllValues:StringLike" => found.is_none_or(|values| any(values, &is_like)),
                "ForAnyValue:StringEquals" => {
                    found.is_some_and(|values| values.iter().any(|value| wanted.contains(value)))
                }
                "Null" => found.is_none().to_string() == wanted[0],
                other => panic!("{other} is not implemented"),
            }
        })
}

/// Matches a text with IAM's wildcard `*`.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len())
                .filter(|at| text.is_char_boundary(*at))
                .any(|at| is_like(&text[at..], rest))
        }),
    }
}

#[test]
fn conditions_are_evaluated_as_iam_documents_them() {
    let context: RequestContext = [
        ("a".to_owned(), vec!["1".to_owned()]),
        ("b".to_owned(), vec!["x/1".to_owned(), "y/1".to_owned()]),
    ]
    .into();
    for (condition, expected) in [
        (json!({ "StringEquals": { "a": "1" } }), true),
        (json!({ "StringEquals": { "a": ["0", "1"] } }), true),
        (json!({ "StringEquals": { "a": "1", "c": "1" } }), false),
        (json!({ "StringEqualsIfExists": { "c": "1" } }), true),
        (json!({ "StringEqualsIfExists": { "a": "2" } }), false),
        (json!({ "ForAllValues:StringLike": { "b": "x/*" } }), false),
        (json!({ "ForAllValues:StringLike": { "b": "*/1" } }), true),
        (json!({ "ForAnyValue:StringEquals": { "b": "y/1" } }), true),
        (json!({ "Null": { "c": "true" } }), true),
        (json!({ "Null": { "a": "true" } }), false),
    ] {
        assert_eq!(holds(&condition, &context), expected, "{condition}");
    }
}
