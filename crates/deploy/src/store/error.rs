//! The errors of a store. No message contains a value or a credential.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use goldenpath_core::arn::Arn;
use goldenpath_core::endpoint;

/// Why a store call failed, with the remedy as its help.
#[derive(Debug, Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum StoreError {
    #[error("no store is configured")]
    #[diagnostic(
        code(goldenpath::store::no_backend),
        help(
            "set `store.backend` in goldenpath.yaml to `local` or `aws`; goldenpath does not \
             guess where secrets live"
        )
    )]
    NoBackend,

    #[error("the secret `{name}` already exists")]
    #[diagnostic(
        code(goldenpath::store::already_exists),
        help("run `goldenpath plan` again; it reports who owns the secret")
    )]
    AlreadyExists { name: String },

    #[error("cannot delete the secret `{name}`: {whose}")]
    #[diagnostic(
        code(goldenpath::store::not_ours),
        help("run `goldenpath plan` again; the tags of the secret changed after planning")
    )]
    NotOurs { name: String, whose: String },

    #[error("there is no secret `{name}`")]
    #[diagnostic(
        code(goldenpath::store::not_found),
        help("run `goldenpath plan` again; the secret was deleted concurrently")
    )]
    NotFound { name: String },

    /// The error of a call about a secret that this run has created, restored or changed.
    #[error("AWS does not show the last change of `{name}` yet: {reason}")]
    #[diagnostic(
        code(goldenpath::store::not_visible),
        help("run the command again in a few minutes; AWS has accepted the change")
    )]
    NotVisible { name: String, reason: String },

    /// The value is written, and it is not known which version is the current one.
    #[error("the value of `{name}` was written as {version}; not confirmed: {reason}")]
    #[diagnostic(
        code(goldenpath::store::not_confirmed),
        help(
            "run `goldenpath value status` in a few minutes: it shows whether {version} is the \
             current version; until then, the value may have changed"
        )
    )]
    NotConfirmed { name: String, version: String, reason: String },

    /// `operation` is the API's name of the call, and that of the IAM action.
    #[error("AWS does not allow {operation}: {message}")]
    #[diagnostic(
        code(goldenpath::store::access_denied),
        help(
            "grant `secretsmanager:{operation}`{} to the identity that runs goldenpath, or use \
             another AWS_PROFILE or role",
            further_actions(operation, message)
        )
    )]
    AccessDenied { operation: &'static str, message: String },

    #[error("AWS rejected the call because this machine's clock is wrong: {message}")]
    #[diagnostic(
        code(goldenpath::store::clock),
        help(
            "set the clock, for example with NTP, and run the command again; AWS accepts a \
             difference of five minutes"
        )
    )]
    ClockOff { message: String },

    #[error("cannot assume the role `{role}`: {message} ({code})")]
    #[diagnostic(code(goldenpath::store::role_refused), help("{}", role_remedy(message)))]
    RoleRefused { role: String, code: String, message: String },

    /// `needed_by` is an AWS profile with its file, or a role of goldenpath.yaml.
    #[error("cannot use {needed_by}: it needs a code of the MFA device `{serial}`, and {reason}")]
    #[diagnostic(
        code(goldenpath::store::mfa_required),
        help("{}", mfa_remedy(serial, profile.as_deref()))
    )]
    MfaRequired { needed_by: String, serial: String, profile: Option<String>, reason: String },

    #[error("cannot get a session with the MFA device `{serial}`: {message} ({code})")]
    #[diagnostic(
        code(goldenpath::store::mfa_refused),
        help(
            "give a code that was not used before, from a device of the IAM user whose keys are \
             used; check this machine's and the device's clock"
        )
    )]
    MfaRefused { serial: String, code: String, message: String },

    #[error("AWS rejected the resource policy of `{name}`: {reason}")]
    #[diagnostic(
        code(goldenpath::store::policy_refused),
        help(
            "check that each principal below `spec.access` exists with exactly this ARN; AWS \
             accepts a new principal after about a minute"
        )
    )]
    PolicyRefused { name: String, reason: String },

    #[error("cannot configure the rotation: {message}")]
    #[diagnostic(
        code(goldenpath::store::function_not_invokable),
        help("permit Secrets Manager to invoke the function: `{}`", add_permission(function))
    )]
    FunctionNotInvokable { function: String, message: String },

    #[error(
        "the KMS key of `{name}` is changed, but its value is still encrypted with the old one \
         ({old})"
    )]
    #[diagnostic(
        code(goldenpath::store::value_under_old_key),
        help(
            "set a new value, which is encrypted with the new key: `goldenpath value rotate ID`; \
             for AWS to do it, the identity that runs goldenpath needs `kms:Encrypt` and \
             `kms:GenerateDataKey` on the new key, and `kms:Decrypt` on the old one"
        )
    )]
    ValueUnderOldKey { name: String, old: String },

    /// AWS has accepted the replica, and could not create or update it.
    #[error("cannot replicate `{name}` to {region}: {reason}")]
    #[diagnostic(
        code(goldenpath::store::replica_failed),
        help(
            "look at what is there: `aws secretsmanager describe-secret --region {region} \
             --secret-id {name}`. If it is another secret, rename or delete it, or take {region} \
             out of `replicaRegions`: goldenpath never overwrites it. Otherwise check that the \
             region is enabled, and that the identity may use the key there. The next run tries \
             again"
        )
    )]
    ReplicaFailed { name: String, region: String, reason: String },

    #[error("the local store has no replicas, such as one in {region}")]
    #[diagnostic(
        code(goldenpath::store::no_replicas),
        help("set `store.backend: aws`, or remove `replicaRegions` from goldenpath.yaml")
    )]
    NoReplicas { region: String },

    #[error("no usable AWS credentials: {reason}")]
    #[diagnostic(
        code(goldenpath::store::no_credentials),
        help(
            "run `aws login` or `aws sso login` and set AWS_PROFILE on a workstation, or give the \
             pipeline a role (OIDC web identity, a pod's or an instance's); goldenpath uses the \
             standard chain"
        )
    )]
    NoCredentials { reason: String },

    #[error(
        "the credentials are of the AWS account {actual}, and goldenpath.yaml expects {expected}"
    )]
    #[diagnostic(
        code(goldenpath::store::wrong_account),
        help(
            "use credentials of {expected} (another AWS_PROFILE, or another role), or correct \
             `accountId` or `roleArn` in goldenpath.yaml; {}",
            caller.as_ref().map_or(
                "nothing was read or changed".to_owned(),
                |caller| format!("the caller is {caller}; nothing was read or changed")
            )
        )
    )]
    WrongAccount { expected: String, actual: String, caller: Option<String> },

    #[error("no AWS region is configured")]
    #[diagnostic(
        code(goldenpath::store::no_region),
        help(
            "set `store.region` in goldenpath.yaml, AWS_REGION, or `region` in the AWS profile; \
             the region of an instance is not used, because secrets need not be in the region \
             of the pipeline"
        )
    )]
    NoRegion,

    #[error("`{region}` is not an AWS region")]
    #[diagnostic(
        code(goldenpath::store::bad_region),
        help(
            "set a region like `eu-west-2`; it comes from `store.region`, AWS_REGION or the AWS \
             profile"
        )
    )]
    BadRegion { region: String },

    #[error("cannot reach `{endpoint}`: {reason}")]
    #[diagnostic(
        code(goldenpath::store::unreachable),
        help(
            "check the network, `store.region` and `store.endpointUrl`; set HTTPS_PROXY behind a \
             proxy, and SSL_CERT_FILE for a private certificate authority"
        )
    )]
    Unreachable { endpoint: String, reason: String },

    #[error("AWS still throttled {operation} after several attempts")]
    #[diagnostic(
        code(goldenpath::store::throttled),
        help("run the command again in a minute; it continues with the remaining changes")
    )]
    Throttled { operation: &'static str },

    #[error("cannot use the endpoint `{endpoint}`: it would carry requests without encryption")]
    #[diagnostic(
        code(goldenpath::store::plain_http),
        help(
            "use https://; http:// is only for emulators on this machine: localhost, 127.0.0.0/8 \
             and [::1]"
        )
    )]
    PlainHttp { endpoint: String },

    /// `endpoint` is None if showing it could show a credential.
    #[error("cannot use the endpoint{}: {reason}", quoted(endpoint))]
    #[diagnostic(
        code(goldenpath::store::bad_endpoint),
        help(
            "write it as https://host or https://host:port, with a path if needed; it comes from \
             `store.endpointUrl`, AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_ENDPOINT_URL or the AWS \
             profile"
        )
    )]
    BadEndpoint { endpoint: Option<String>, reason: String },

    /// Only for a configured endpoint: one from the user's environment may be anywhere.
    #[error("`{endpoint}` is not a host of AWS Secrets Manager in `{region}`")]
    #[diagnostic(
        code(goldenpath::store::foreign_endpoint),
        help(
            "set `region` to the region of the endpoint, or set another endpoint outside the \
             repository, as AWS_ENDPOINT_URL_SECRETS_MANAGER; `endpointUrl` in goldenpath.yaml \
             allows only {} and this machine",
            endpoint::allowed_hosts(Some(region))
        )
    )]
    ForeignEndpoint { endpoint: String, region: String },

    /// The message leaves out the proxy's address, which often contains a password.
    #[error("cannot use the proxy in {variable}")]
    #[diagnostic(
        code(goldenpath::store::bad_proxy),
        help("write it as http://host:port or https://host:port; SOCKS proxies are not supported")
    )]
    BadProxy { variable: &'static str },

    #[error("AWS rejected {operation}{}: {message} ({code})", of_secret(name))]
    #[diagnostic(code(goldenpath::store::rejected), help("{}", remedy_for(code, message)))]
    Rejected { operation: &'static str, name: Option<String>, code: String, message: String },

    #[error("cannot generate a value: {reason}")]
    #[diagnostic(
        code(goldenpath::store::no_value),
        help("set the value with `goldenpath value set`")
    )]
    NoValue { reason: String },

    #[error("the value of `{name}` was changed concurrently")]
    #[diagnostic(
        code(goldenpath::store::value_moved),
        help(
            "check the value with `goldenpath value status`, then run the command again; the \
             other change is current and was not overwritten"
        )
    )]
    ValueMoved { name: String },

    #[error("cannot use the key of the local store, `{}`: {reason}", path.display())]
    #[diagnostic(
        code(goldenpath::store::local_key),
        help("check the file in `store.keyFile`; if the key is lost, set the values again")
    )]
    LocalKey { path: PathBuf, reason: String },

    #[error("cannot use {what} `{}`: {reason}", path.display())]
    #[diagnostic(code(goldenpath::store::local_exposed), help("{remedy}"))]
    LocalExposed { what: &'static str, path: PathBuf, reason: String, remedy: String },

    #[error("cannot read the value of `{name}` in the local store: {reason}")]
    #[diagnostic(code(goldenpath::store::local_value), help("{remedy}"))]
    LocalValue { name: String, reason: String, remedy: String },

    #[error("the local store `{}` is damaged or not a goldenpath store: {reason}", path.display())]
    #[diagnostic(
        code(goldenpath::store::local_damaged),
        help("restore the file from a copy, or move it away: the next apply creates a new one")
    )]
    LocalDamaged { path: PathBuf, reason: String },

    #[error("the local store `{}` is locked by another process", path.display())]
    #[diagnostic(
        code(goldenpath::store::local_locked),
        help("wait until the other goldenpath or sqlite3 is done, then run the command again")
    )]
    LocalLocked { path: PathBuf },

    #[error(
        "the local store `{}` has version {found}, and this goldenpath supports up to {known}",
        path.display()
    )]
    #[diagnostic(
        code(goldenpath::store::local_newer),
        help(
            "update goldenpath, or set `store.path` to another file: a newer goldenpath wrote this \
             one"
        )
    )]
    LocalNewer { path: PathBuf, found: i64, known: i64 },

    #[error("cannot use the local store `{}`: {reason}", path.display())]
    #[diagnostic(
        code(goldenpath::store::local_unusable),
        help(
            "check `store.path`: it must name a regular file, or none yet, that this user may \
             read and write"
        )
    )]
    LocalUnusable { path: PathBuf, reason: String },
}

impl StoreError {
    /// Returns whether every call of the store would fail in the same way.
    ///
    /// The credentials or the clock are the cause, not the secret.
    #[must_use]
    pub fn stops_store(&self) -> bool {
        matches!(
            self,
            Self::NoCredentials { .. }
                | Self::RoleRefused { .. }
                | Self::MfaRequired { .. }
                | Self::MfaRefused { .. }
                | Self::ClockOff { .. }
        )
    }

    /// Returns whether the call may have changed the secret.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NotConfirmed { .. })
    }
}

/// AWS's words for a secret that cannot be deleted yet.
pub(super) const HAS_REPLICAS: &str = "still has replica regions";

/// Returns the other actions that an operation needs (its "Required permissions").
fn further_actions(operation: &str, message: &str) -> &'static str {
    match operation {
        _ if message.contains("KMS") || message.contains("kms:") => {
            ", and `kms:GenerateDataKey`, `kms:Encrypt` and `kms:Decrypt` on the key,"
        }
        "CreateSecret" => " and `secretsmanager:TagResource`",
        "RotateSecret" => ", and `lambda:InvokeFunction` on the function,",
        _ => "",
    }
}

/// Returns the remedy for a role that STS rejects (AssumeRole, "Errors").
fn role_remedy(message: &str) -> &'static str {
    if message.contains("DurationSeconds") {
        return "lower `sessionDuration`, or raise the role's maximum session duration; a role that \
                is assumed by a role has one hour at most";
    }
    if message.contains("SetSourceIdentity") {
        return "allow `sts:SetSourceIdentity` on the role for the identity that runs goldenpath, \
                and in the role's trust policy: `goldenpath iam` prints both";
    }
    "grant `sts:AssumeRole` on the role to the identity that runs goldenpath, and name that \
     identity in the role's trust policy; the role comes from `roleArn` in goldenpath.yaml or from \
     the AWS profile; if its trust policy requires MFA, set `mfaSerial`"
}

/// Returns how credentials with multi-factor authentication are given without a terminal.
fn mfa_remedy(serial: &str, profile: Option<&str>) -> String {
    let command = format!("aws sts get-session-token --serial-number {serial} --token-code CODE");
    let other = profile.map(|profile| {
        format!(
            ", or use a profile with `credential_process = aws configure export-credentials \
             --profile {profile} --format process`"
        )
    });
    format!(
        "run the command on a terminal, which asks for the code; elsewhere, set the credentials \
         that `{command}` prints as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
         AWS_SESSION_TOKEN{}",
        other.unwrap_or_default()
    )
}

/// Returns the command that permits Secrets Manager to invoke a function.
fn add_permission(function: &str) -> String {
    let (region, account) =
        Arn::parse(function).map(|arn| (arn.region, arn.account)).unwrap_or_default();
    format!(
        "aws lambda add-permission --region {region} --function-name {function} \
         --statement-id goldenpath-rotation --action lambda:InvokeFunction \
         --principal secretsmanager.amazonaws.com --source-account {account}"
    )
}

fn quoted(endpoint: &Option<String>) -> String {
    endpoint.as_ref().map(|endpoint| format!(" `{endpoint}`")).unwrap_or_default()
}

fn of_secret(name: &Option<String>) -> String {
    name.as_ref().map(|name| format!(" of `{name}`")).unwrap_or_default()
}

fn remedy_for(code: &str, message: &str) -> &'static str {
    match code {
        _ if message.contains(HAS_REPLICAS) => {
            "run `goldenpath plan` again: a replica was added after planning, and replicas are \
             removed first"
        }
        "InvalidRequestException" => "restore the secret first if it is marked for deletion",
        "LimitExceededException" => {
            "request a higher Secrets Manager quota, or delete secrets that are not needed any more"
        }
        "ResourceNotFoundException" => {
            "check that the secret and the function in `rotation.functions` exist"
        }
        "PublicPolicyException" => {
            "check the principals below `spec.access`: AWS considers the policy public"
        }
        "InvalidParameterException" => {
            "check the tags, the description, `kmsKeyId` and the rotation function: AWS rejected \
             one of them"
        }
        "EncryptionFailure" | "DecryptionFailure" => {
            "check the key in `kmsKeyId`: it must be enabled, in this region, and usable by the \
             identity that runs goldenpath"
        }
        "InternalServiceError" => "run the command again in a minute: AWS had an internal error",
        _ => "look up the code in the Secrets Manager API reference, under the operation's errors",
    }
}
