//! The statements of each purpose: actions, resources and conditions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::RolePurpose;
use super::conditions::CatalogTags;
use super::keys::{key_statements, replica_key_statements};
use super::location::SecretLocation;

/// A statement of a policy.
pub(super) struct Statement {
    sid: &'static str,
    is_denial: bool,
    actions: Vec<String>,
    resources: Vec<Value>,
    condition: Option<Value>,
}

/// What writing needs of a customer's key (Secrets Manager, "Secret encryption and decryption").
///
/// Without `kms:Encrypt`, existing versions stay under the old key when the key changes
/// (UpdateSecret, `KmsKeyId`).
const ENCRYPT: [&str; 3] = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"];

pub(super) fn allow(sid: &'static str, actions: &[&str], resources: &[Value]) -> Statement {
    Statement {
        sid,
        is_denial: false,
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        resources: resources.to_vec(),
        condition: None,
    }
}

fn deny(sid: &'static str, actions: &[&str]) -> Statement {
    Statement { is_denial: true, ..allow(sid, actions, &any()) }
}

impl Statement {
    pub(super) fn with(self, condition: Value) -> Self {
        Self { condition: Some(condition), ..self }
    }

    /// Returns the statement in the language of IAM. Its `Sid` is unique in the policy.
    fn to_value(&self, sid: String) -> Value {
        let mut value = Map::new();
        value.insert("Sid".to_owned(), sid.into());
        value.insert("Effect".to_owned(), if self.is_denial { "Deny" } else { "Allow" }.into());
        value.insert("Action".to_owned(), one_or_list(&self.actions));
        value.insert("Resource".to_owned(), one_or_list(&self.resources));
        if let Some(condition) = &self.condition {
            value.insert("Condition".to_owned(), condition.clone());
        }
        Value::Object(value)
    }
}

pub(super) fn one_or_list<T: Clone + Into<Value>>(all: &[T]) -> Value {
    match all {
        [one] => one.clone().into(),
        several => several.iter().cloned().map(Into::into).collect(),
    }
}

/// Returns a policy with these statements.
pub(super) fn policy_of(statements: &[Statement]) -> Value {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let statements: Vec<Value> = statements
        .iter()
        .map(|statement| {
            let count = counts.entry(statement.sid).or_default();
            *count += 1;
            let number = if *count > 1 { count.to_string() } else { String::new() };
            statement.to_value(format!("{}{number}", statement.sid))
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Returns the statements of a role for the secrets at these locations, at least one.
pub(super) fn statements(
    purpose: RolePurpose,
    tags: &CatalogTags<'_>,
    locations: &[&SecretLocation],
) -> Vec<Statement> {
    let secrets = distinct(locations.iter().map(|location| location.secrets()));
    match purpose {
        RolePurpose::Plan => plan(locations, &secrets),
        RolePurpose::Apply => apply(tags, locations, &secrets),
        RolePurpose::Value => value(tags, locations, &secrets),
        RolePurpose::Operator => operator(tags, locations, &secrets),
        RolePurpose::Adopt => adopt(tags, locations, &secrets),
    }
}

/// Returns the statements that let the pipeline assume the roles of the configuration.
pub(super) fn assume_roles(locations: &[&SecretLocation]) -> Vec<Statement> {
    let roles = distinct(locations.iter().filter_map(|location| location.role.clone()));
    let mut statements = vec![allow("AssumeRoles", &["sts:AssumeRole"], &roles)];
    let with_identity = locations.iter().filter(|location| location.source_identity.is_some());
    let roles = distinct(with_identity.filter_map(|location| location.role.clone()));
    if !roles.is_empty() {
        statements.push(allow("SetSourceIdentities", &["sts:SetSourceIdentity"], &roles));
    }
    statements
}

fn plan(locations: &[&SecretLocation], secrets: &[Value]) -> Vec<Statement> {
    let read = ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"];
    let mut statements = vec![list(), allow("ReadSecrets", &read, secrets)];
    statements.extend(version_keys(locations, secrets));
    statements.push(deny_values());
    statements
}

/// Returns the statement for the KMS keys of the versions; None without a customer's own key.
fn version_keys(locations: &[&SecretLocation], secrets: &[Value]) -> Option<Statement> {
    let has_keys = !key_statements(locations, &ENCRYPT).is_empty();
    has_keys.then(|| allow("ReadVersionKeys", &["secretsmanager:ListSecretVersionIds"], secrets))
}

fn apply(
    tags: &CatalogTags<'_>,
    locations: &[&SecretLocation],
    secrets: &[Value],
) -> Vec<Statement> {
    let change = [
        "secretsmanager:DeleteResourcePolicy",
        "secretsmanager:DeleteSecret",
        "secretsmanager:RestoreSecret",
        "secretsmanager:UpdateSecret",
    ];
    let mut statements = vec![
        list(),
        read_with_validation(secrets),
        allow("CreateSecrets", &["secretsmanager:CreateSecret"], secrets).with(tags.on_creation()),
        allow("TagSecrets", &["secretsmanager:TagResource"], secrets).with(tags.on_tagging()),
        allow("ChangeSecrets", &change, secrets).with(tags.on_secret()),
        put_policies(secrets, tags.on_secret()),
    ];
    let rotation = rotation(locations, secrets, &tags.on_secret());
    // The rotation of a service is the service's to cancel.
    if locations.iter().any(|one| !one.functions.is_empty() || !one.rotation_roles.is_empty()) {
        let cancel = ["secretsmanager:CancelRotateSecret"];
        statements.push(allow("CancelRotations", &cancel, secrets).with(tags.on_secret()));
    }
    statements.extend(rotation);
    statements.extend(add_replicas(locations, secrets, &tags.on_secret()));
    if locations.iter().any(|location| location.replicas.is_some()) {
        let remove = ["secretsmanager:RemoveRegionsFromReplication"];
        statements.push(allow("RemoveReplicas", &remove, secrets).with(tags.on_secret()));
    }
    statements.extend(version_keys(locations, secrets));
    statements.extend(key_statements(locations, &ENCRYPT));
    statements.extend(replica_key_statements(locations));
    let forced = json!({ "Bool": { "secretsmanager:ForceDeleteWithoutRecovery": "true" } });
    statements.push(deny("DenyForcedDeletion", &["secretsmanager:DeleteSecret"]).with(forced));
    statements.push(deny_values());
    statements
}

fn adopt(
    tags: &CatalogTags<'_>,
    locations: &[&SecretLocation],
    secrets: &[Value],
) -> Vec<Statement> {
    let ours = tags.on_secret_of_any_repository();
    let tag = ["secretsmanager:TagResource"];
    let change = [
        "secretsmanager:DeleteResourcePolicy",
        "secretsmanager:RestoreSecret",
        "secretsmanager:UpdateSecret",
    ];
    let mut statements = vec![
        list(),
        read_with_validation(secrets),
        allow("RestoreUnmanagedSecrets", &["secretsmanager:RestoreSecret"], secrets)
            .with(CatalogTags::on_secret_of_no_catalog()),
        allow("AdoptSecrets", &tag, secrets).with(tags.on_adoption()),
        allow("RebindSecrets", &tag, secrets).with(tags.on_rebinding()),
        allow("ChangeSecrets", &change, secrets).with(ours.clone()),
        put_policies(secrets, ours.clone()),
    ];
    statements.extend(rotation(locations, secrets, &ours));
    statements.extend(add_replicas(locations, secrets, &ours));
    statements.extend(version_keys(locations, secrets));
    statements.extend(key_statements(locations, &ENCRYPT));
    statements.extend(replica_key_statements(locations));
    statements.push(deny("DenyDeletion", &["secretsmanager:DeleteSecret"]));
    statements.push(deny_values());
    statements
}

fn value(
    tags: &CatalogTags<'_>,
    locations: &[&SecretLocation],
    secrets: &[Value],
) -> Vec<Statement> {
    let use_values = [
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecretVersionIds",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    ];
    let mut statements = vec![
        // No operation of it names a secret.
        allow("GenerateTexts", &["secretsmanager:GetRandomPassword"], &any()),
        allow("ReadSecrets", &["secretsmanager:DescribeSecret"], secrets),
        allow("UseValues", &use_values, secrets).with(tags.on_secret()),
        allow("TagNewValues", &["secretsmanager:TagResource"], secrets).with(tags.on_new_value()),
    ];
    statements.extend(key_statements(locations, &ENCRYPT));
    statements
}

fn operator(
    tags: &CatalogTags<'_>,
    locations: &[&SecretLocation],
    secrets: &[Value],
) -> Vec<Statement> {
    let read = allow("ReadValues", &["secretsmanager:GetSecretValue"], secrets);
    let mut statements = vec![read.with(tags.on_secret())];
    statements.extend(key_statements(locations, &["kms:Decrypt"]));
    statements
}

/// ListSecrets takes no resource.
fn list() -> Statement {
    allow("ListSecrets", &["secretsmanager:ListSecrets"], &any())
}

/// Reading has no condition on tags: an unmanaged secret at one of our names is to be found, and
/// AWS denies a query for a secret that does not exist if a tag is required.
fn read_with_validation(secrets: &[Value]) -> Statement {
    let actions = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetResourcePolicy",
        "secretsmanager:ValidateResourcePolicy",
    ];
    allow("ReadSecrets", &actions, secrets)
}

fn put_policies(secrets: &[Value], mut condition: Value) -> Statement {
    condition["Bool"] = json!({ "secretsmanager:BlockPublicPolicy": "true" });
    allow("PutPolicies", &["secretsmanager:PutResourcePolicy"], secrets).with(condition)
}

/// Returns the statements for rotation; none if no type is rotated by AWS.
///
/// RotateSecret requires its caller to be allowed to invoke the function (RotateSecret, "Required
/// permissions"), or to pass the role of a managed external secret.
fn rotation(locations: &[&SecretLocation], secrets: &[Value], ours: &Value) -> Vec<Statement> {
    let functions = distinct(locations.iter().flat_map(|location| location.functions.clone()));
    let roles = distinct(locations.iter().flat_map(|location| location.rotation_roles.clone()));
    let has_managed = locations.iter().any(|location| location.has_managed_rotation);
    let rotate = ["secretsmanager:RotateSecret"];
    let mut statements = Vec::new();
    if !functions.is_empty() {
        let mut condition = ours.clone();
        condition["ArnEquals"] =
            json!({ "secretsmanager:RotationLambdaARN": one_or_list(&functions) });
        statements.push(allow("RotateSecrets", &rotate, secrets).with(condition));
        statements.push(allow("InvokeFunctions", &["lambda:InvokeFunction"], &functions));
    }
    if has_managed || !roles.is_empty() {
        let mut condition = ours.clone();
        condition["Null"] = json!({ "secretsmanager:RotationLambdaARN": "true" });
        statements.push(allow("RotateWithoutFunction", &rotate, secrets).with(condition));
    }
    if !roles.is_empty() {
        let service = json!({ "iam:PassedToService": "secretsmanager.amazonaws.com" });
        let condition = json!({ "StringEquals": service });
        statements.push(allow("PassRotationRoles", &["iam:PassRole"], &roles).with(condition));
    }
    statements
}

/// Returns the statements for adding replicas; none without configured regions.
///
/// A replica replaces no other secret (ReplicateSecretToRegions, `ForceOverwriteReplicaSecret`).
fn add_replicas(locations: &[&SecretLocation], secrets: &[Value], ours: &Value) -> Vec<Statement> {
    let replicas = locations.iter().flat_map(|location| location.replicas.iter().flatten());
    let regions = distinct(replicas.map(|replica| replica.region.clone()));
    if regions.is_empty() {
        return Vec::new();
    }
    let mut condition = ours.clone();
    condition["ForAllValues:StringEquals"] =
        json!({ "secretsmanager:AddReplicaRegions": one_or_list(&regions) });
    let add = ["secretsmanager:ReplicateSecretToRegions"];
    let with_replicas = ["secretsmanager:CreateSecret", add[0]];
    let overwrite = json!({ "Bool": { "secretsmanager:ForceOverwriteReplicaSecret": "true" } });
    vec![
        allow("AddReplicas", &add, secrets).with(condition),
        deny("DenyOverwritingSecrets", &with_replicas).with(overwrite),
    ]
}

fn deny_values() -> Statement {
    let actions = ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue"];
    deny("DenyValues", &actions)
}

fn any() -> [Value; 1] {
    ["*".into()]
}

/// Returns texts as JSON, each once, in the order in which they come first.
fn distinct(texts: impl Iterator<Item = String>) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for text in texts.map(Value::from) {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}
