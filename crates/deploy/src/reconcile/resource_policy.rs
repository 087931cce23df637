//! Creates the resource policy of a manifest's access lists and compares policies.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use goldenpath_core::config::POLICY_LENGTH;
use goldenpath_core::manifest::Principals;
use goldenpath_core::rules::UnrequestedPolicy;

/// The value of the tag [`super::desired::POLICY`] without a policy.
const NONE: &str = "none";

/// The digest's length in the tag. It distinguishes policies and protects nothing.
const DIGEST_LENGTH: usize = 16;

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
    /// Returns the policy of these principals.
    pub(super) fn of(principals: &Principals) -> Self {
        let Some(text) = principals.resource_policy() else {
            return Self { text: None, digest: NONE.to_owned(), summary: "no access".to_owned() };
        };
        let summary = principals.granted().into_iter().map(|(right, who)| {
            let names = who.iter().map(String::as_str).collect::<Vec<_>>();
            format!("{right}: {}", names.join(", "))
        });
        let digest = Sha256::digest(text.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        Self {
            digest: digest[..DIGEST_LENGTH].to_owned(),
            summary: summary.collect::<Vec<_>>().join("; "),
            text: Some(text),
        }
    }

    /// Returns why AWS would reject the policy, if so.
    pub(super) fn refusal(&self) -> Option<String> {
        let length = self.text.as_ref()?.chars().count();
        (length > POLICY_LENGTH).then(|| {
            format!(
                "the resource policy of `spec.access` has {length} characters, and AWS allows \
                 {POLICY_LENGTH}: list fewer principals, or one role that others assume"
            )
        })
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

/// Returns what a policy permits that no manifest asks for; None if it has no statements.
///
/// One that cannot be parsed is reported as it is.
#[must_use]
pub fn find_unrequested_policy(text: Option<&str>) -> Option<UnrequestedPolicy> {
    let text = text?;
    let Some(policy) = parse(text) else {
        let principals = vec!["principals that cannot be read".to_owned()];
        return Some(UnrequestedPolicy { principals, is_public: false });
    };
    let statements = statements(&policy);
    let allowed: Vec<&Value> =
        statements.iter().filter(|statement| statement["Effect"] == "Allow").collect();
    let everyone = |statement: &&Value| {
        // All but some are everyone, too.
        let is_anyone = statement.get("NotPrincipal").is_some()
            || texts(&statement["Principal"]).iter().any(|who| who == "*");
        is_anyone && statement.get("Condition").is_none()
    };
    let principals: BTreeSet<String> =
        allowed.iter().flat_map(|statement| texts(&statement["Principal"])).collect();
    (!statements.is_empty()).then(|| UnrequestedPolicy {
        is_public: allowed.iter().any(everyone),
        principals: principals.into_iter().collect(),
    })
}

/// Returns the texts in a value, whatever its form.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
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
    use serde_json::json;

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
    fn a_policy_for_everyone_is_public_unless_it_has_a_condition() {
        let find = |statement: &str| {
            let policy = format!("{{\"Statement\":{statement}}}");
            find_unrequested_policy(Some(&policy)).map(|found| (found.principals, found.is_public))
        };
        let one = |who: &str, is_public| Some((vec![who.to_owned()], is_public));
        let allow = |rest: &str| format!(r#"{{"Effect":"Allow",{rest}}}"#);
        assert_eq!(find(&allow(r#""Principal":"*""#)), one("*", true));
        assert_eq!(find(&allow(r#""Principal":{"AWS":["*"]}"#)), one("*", true));
        assert_eq!(find(&allow(r#""NotPrincipal":{"AWS":"1"}"#)), Some((Vec::new(), true)));
        assert_eq!(find(&allow(r#""Principal":"*","Condition":{}"#)), one("*", false));
        assert_eq!(find(&allow(r#""Principal":{"AWS":"1"}"#)), one("1", false));
        let deny = r#"[{"Effect":"Deny","Principal":"*"}]"#;
        assert_eq!(find(deny), Some((Vec::new(), false)));
        assert_eq!(find("[]"), None);
        assert_eq!(find_unrequested_policy(None), None);
        assert!(find_unrequested_policy(Some("no json")).is_some());
    }

    #[test]
    fn a_policy_without_statements_counts_as_none() {
        let none = ResourcePolicy::of(&Principals::default());
        assert!(none.is(None) && none.is(Some(r#"{"Version":"2012-10-17","Statement":[]}"#)));
        assert!(!none.is(policy().text.as_deref()) && !none.is(Some("no json")));
    }
}
