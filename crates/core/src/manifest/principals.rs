//! The principals of `spec.access`, which may use a secret's value.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::schema::{Violation, ViolationKind};
use crate::arn;
use crate::yaml::{Node, NodeValue};

/// The actions for reading (Secrets Manager, "Permissions policy examples").
const READ: [&str; 2] = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"];

/// The actions for writing.
const WRITE: [&str; 3] = [
    "secretsmanager:DescribeSecret",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
];

/// ARNs of roles, users and accounts, each list sorted and without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principals {
    /// `readPrincipals`: may read the value.
    pub read: BTreeSet<String>,
    /// `writePrincipals`: may set a new value.
    pub write: BTreeSet<String>,
    /// `breakGlassPrincipals`: may do both, in an emergency.
    pub break_glass: BTreeSet<String>,
}

impl Principals {
    /// Reads the lists of `spec.access`. Returns None if it has none of them.
    ///
    /// # Errors
    /// A field that is not a list, or an item that is not a principal.
    pub(super) fn read(root: &Node) -> Result<Option<Self>, Violation> {
        let lists = [
            read_list(root, "/spec/access/readPrincipals")?,
            read_list(root, "/spec/access/writePrincipals")?,
            read_list(root, "/spec/access/breakGlassPrincipals")?,
        ];
        if lists.iter().all(Option::is_none) {
            return Ok(None);
        }
        let [read, write, break_glass] = lists.map(Option::unwrap_or_default);
        Ok(Some(Self { read, write, break_glass }))
    }

    /// Returns the lists that have a principal, each with its right in words.
    #[must_use]
    pub fn granted(&self) -> Vec<(&'static str, &BTreeSet<String>)> {
        let lists =
            [("read", &self.read), ("write", &self.write), ("break glass", &self.break_glass)];
        lists.into_iter().filter(|(_, who)| !who.is_empty()).collect()
    }

    /// Returns the resource policy with the least privileges, one statement per list.
    ///
    /// None if all lists are empty.
    #[must_use]
    pub fn resource_policy(&self) -> Option<String> {
        let both: BTreeSet<&str> = READ.into_iter().chain(WRITE).collect();
        let statements = self.granted().into_iter().map(|(right, who)| {
            let (sid, actions) = match right {
                "read" => ("GoldenpathRead", READ.to_vec()),
                "write" => ("GoldenpathWrite", WRITE.to_vec()),
                _ => ("GoldenpathBreakGlass", both.iter().copied().collect()),
            };
            json!({
                "Sid": sid,
                "Effect": "Allow",
                "Principal": { "AWS": who },
                "Action": actions,
                "Resource": "*",
            })
        });
        let statements: Vec<Value> = statements.collect();
        (!statements.is_empty())
            .then(|| json!({ "Version": "2012-10-17", "Statement": statements }).to_string())
    }
}

fn read_list(root: &Node, pointer: &str) -> Result<Option<BTreeSet<String>>, Violation> {
    let wrong = |pointer: String, expected: &str| Violation {
        pointer,
        kind: ViolationKind::WrongType { expected: expected.to_owned() },
    };
    let Some((_, node)) = root.at(pointer) else { return Ok(None) };
    let NodeValue::Sequence(items) = &node.value else {
        return Err(wrong(pointer.to_owned(), "array"));
    };
    let items = items.iter().enumerate().map(|(index, item)| {
        let pointer = format!("{pointer}/{index}");
        let NodeValue::String(text) = &item.value else { return Err(wrong(pointer, "string")) };
        match arn::check_principal(text) {
            Ok(()) => Ok(text.clone()),
            Err(reason) => Err(Violation { pointer, kind: ViolationKind::BadFormat { reason } }),
        }
    });
    items.collect::<Result<_, _>>().map(Some)
}
