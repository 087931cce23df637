//! Creates the resource policy of a manifest's access lists and compares policies.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use goldenpath_core::manifest::Principals;

/// The value of the tag [`super::desired::POLICY`] without a policy.
const NONE: &str = "none";

/// The digest's length in the tag. It distinguishes policies and protects nothing.
const DIGEST_LENGTH: usize = 16;

/// The actions for reading (Secrets Manager, "Permissions policy examples").
const READ: [&str; 2] = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"];

/// The actions for writing.
const WRITE: [&str; 3] = [
    "secretsmanager:DescribeSecret",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
];

/// The resource policy that a manifest requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResourcePolicy {
    /// None if all access lists are empty: then the secret must not have a policy.
    pub(super) text: Option<String>,
    /// The digest in the tag, so that a sweep shows whether the secret has this policy.
    pub(super) digest: String,
    /// A summary for messages: who may do what.
    pub(super) summary: String,
}

impl ResourcePolicy {
    /// Returns the least privileges for these principals, one statement per list.
    pub(super) fn of(principals: &Principals) -> Self {
        let both: Vec<&str> =
            READ.into_iter().chain(WRITE).collect::<BTreeSet<_>>().into_iter().collect();
        let lists = [
            ("GoldenpathRead", "read", &principals.read, READ.to_vec()),
            ("GoldenpathWrite", "write", &principals.write, WRITE.to_vec()),
            ("GoldenpathBreakGlass", "break glass", &principals.break_glass, both),
        ];
        let granted = lists.into_iter().filter(|(_, _, who, _)| !who.is_empty());
        let (statements, summary): (Vec<Value>, Vec<String>) = granted
            .map(|(sid, may, who, actions)| {
                let statement = json!({
                    "Sid": sid,
                    "Effect": "Allow",
                    "Principal": { "AWS": who },
                    "Action": actions,
                    "Resource": "*",
                });
                let names = who.iter().map(String::as_str).collect::<Vec<_>>();
                (statement, format!("{may}: {}", names.join(", ")))
            })
            .unzip();
        if statements.is_empty() {
            return Self { text: None, digest: NONE.to_owned(), summary: "no access".to_owned() };
        }
        let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let digest = Sha256::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        Self {
            digest: digest[..DIGEST_LENGTH].to_owned(),
            summary: summary.join("; "),
            text: Some(text),
        }
    }

    /// Returns whether the store's policy is equivalent.
    ///
    /// AWS normalizes policies: a list of one item becomes the item, members are reordered, and an
    /// account's root becomes its number.
    pub(super) fn is(&self, found: Option<&str>) -> bool {
        match (&self.text, found) {
            (None, None) => true,
            (Some(wanted), Some(found)) => match (parse(wanted), parse(found)) {
                (Some(wanted), Some(found)) => normal(&wanted) == normal(&found),
                _ => false,
            },
            (None, Some(found)) => parse(found).is_some_and(|found| statements(&found).is_empty()),
            (Some(_), None) => false,
        }
    }
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn statements(policy: &Value) -> Vec<Value> {
    match policy.get("Statement") {
        Some(Value::Array(several)) => several.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

/// Returns the policy in normal form. Unknown members stay as they are.
fn normal(policy: &Value) -> (Option<String>, BTreeSet<String>) {
    let version = policy.get("Version").and_then(Value::as_str).map(str::to_owned);
    let statement = |statement: &Value| {
        let members =
            statement.as_object().into_iter().flatten().filter(|(name, _)| *name != "Sid");
        let members: BTreeSet<(String, String)> =
            members.map(|(name, value)| (name.clone(), member(name, value))).collect();
        format!("{members:?}")
    };
    (version, statements(policy).iter().map(statement).collect())
}

fn member(name: &str, value: &Value) -> String {
    match name {
        // Action names are not case-sensitive (IAM, "Action").
        "Action" | "NotAction" => set(value, |text| text.to_ascii_lowercase()),
        "Resource" | "NotResource" => set(value, str::to_owned),
        "Principal" | "NotPrincipal" => match value {
            Value::Object(kinds) => {
                let kinds: BTreeSet<_> =
                    kinds.iter().map(|(kind, who)| (kind, set(who, root_of))).collect();
                format!("{kinds:?}")
            }
            anyone => format!("{:?}", [("AWS", set(anyone, root_of))]),
        },
        _ => value.to_string(),
    }
}

/// Returns a list as a set. A single text is a list of one.
fn set(value: &Value, form: impl Fn(&str) -> String) -> String {
    let texts: BTreeSet<String> = match value {
        Value::String(one) => [form(one)].into(),
        Value::Array(several) => {
            several.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), &form)).collect()
        }
        other => [other.to_string()].into(),
    };
    format!("{texts:?}")
}

/// Returns the number of an account's root (IAM, "AWS account principals").
fn root_of(text: &str) -> String {
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        ["arn", _, "iam", "", account, "root"] => account.to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| format!("arn:aws:iam::123456789012:{name}")).collect()
    }

    fn policy() -> ResourcePolicy {
        ResourcePolicy::of(&Principals {
            read: names(&["role/b", "role/a"]),
            write: names(&["role/w"]),
            break_glass: names(&["root"]),
        })
    }

    #[test]
    fn a_policy_grants_what_each_list_needs_and_no_more() {
        let text: Value = serde_json::from_str(policy().text.as_deref().unwrap()).unwrap();
        let arn = |name: &str| format!("arn:aws:iam::123456789012:{name}");
        let action = |names: &[&str]| {
            names.iter().map(|name| format!("secretsmanager:{name}")).collect::<Vec<_>>()
        };
        assert_eq!(
            text,
            json!({ "Version": "2012-10-17", "Statement": [
                { "Sid": "GoldenpathRead", "Effect": "Allow",
                  "Principal": { "AWS": [arn("role/a"), arn("role/b")] },
                  "Action": action(&["DescribeSecret", "GetSecretValue"]), "Resource": "*" },
                { "Sid": "GoldenpathWrite", "Effect": "Allow",
                  "Principal": { "AWS": [arn("role/w")] },
                  "Action": action(&["DescribeSecret", "PutSecretValue",
                                     "UpdateSecretVersionStage"]),
                  "Resource": "*" },
                { "Sid": "GoldenpathBreakGlass", "Effect": "Allow",
                  "Principal": { "AWS": [arn("root")] },
                  "Action": action(&["DescribeSecret", "GetSecretValue", "PutSecretValue",
                                     "UpdateSecretVersionStage"]),
                  "Resource": "*" },
            ]})
        );
        let none = ResourcePolicy::of(&Principals::default());
        assert_eq!((none.text, none.digest.as_str()), (None, "none"));
        assert_ne!(
            policy().digest,
            ResourcePolicy::of(&Principals { read: names(&["role/a"]), ..Default::default() })
                .digest
        );
    }

    #[test]
    fn policies_are_compared_by_meaning() {
        let ours = policy();
        assert!(ours.is(ours.text.as_deref()));
        // As AWS may return it: single items without a list, reordered, an account for its root.
        let theirs = r#"{"Statement":[
            {"Effect":"Allow","Principal":{"AWS":"123456789012"},"Sid":"x","Resource":["*"],
             "Action":["secretsmanager:UpdateSecretVersionStage","secretsmanager:PutSecretValue",
                       "secretsmanager:getSecretValue","secretsmanager:DescribeSecret"]},
            {"Resource":"*","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/w"},
             "Action":["secretsmanager:PutSecretValue","secretsmanager:UpdateSecretVersionStage",
                       "secretsmanager:DescribeSecret"]},
            {"Resource":"*","Effect":"Allow",
             "Principal":{"AWS":["arn:aws:iam::123456789012:role/b",
                                 "arn:aws:iam::123456789012:role/a"]},
             "Action":["secretsmanager:GetSecretValue","secretsmanager:DescribeSecret"]}],
             "Version":"2012-10-17"}"#;
        assert!(ours.is(Some(theirs)));
        for (from, to) in [
            ("role/w", "role/v"),
            (
                "\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"1",
                "\"Effect\":\"Deny\",\"Principal\":{\"AWS\":\"1",
            ),
            ("2012-10-17", "2008-10-17"),
            ("\"Sid\":\"x\"", "\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"true\"}}"),
            ("[\"*\"]", "[\"*\",\"arn:x\"]"),
            ("{\"AWS\":\"123456789012\"}", "\"*\""),
            (
                "secretsmanager:PutSecretValue\",\"secretsmanager:UpdateSecretVersionStage\"",
                "secretsmanager:*\"",
            ),
        ] {
            assert!(theirs.contains(from), "{from}");
            assert!(!ours.is(Some(&theirs.replacen(from, to, 1))), "{from} → {to}");
        }
        for other in [None, Some("{}"), Some("no json"), Some("[]"), Some("{\"Statement\": 7}")] {
            assert!(!ours.is(other), "{other:?}");
        }
    }

    #[test]
    fn a_policy_without_statements_counts_as_none() {
        let none = ResourcePolicy::of(&Principals::default());
        assert!(none.is(None) && none.is(Some(r#"{"Version":"2012-10-17","Statement":[]}"#)));
        assert!(!none.is(policy().text.as_deref()) && !none.is(Some("no json")));
    }
}
