//! Why a store did not do what it was asked. No message ever holds a value or a credential.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use goldenpath_core::endpoint;

/// One readable sentence each, with the way out as its help.
#[derive(Debug, Error, Diagnostic)]
pub enum StoreError {
    #[error("no store is configured")]
    #[diagnostic(
        code(goldenpath::store::no_backend),
        help(
            "set `store.backend` in goldenpath.yaml to `local` or `aws`; goldenpath does not guess where secrets live"
        )
    )]
    NoBackend,

    #[error("the secret `{name}` already exists")]
    #[diagnostic(
        code(goldenpath::store::already_exists),
        help("run `goldenpath plan` again; it says whose secret this is")
    )]
    AlreadyExists { name: String },

    #[error("cannot delete the secret `{name}`: {whose}")]
    #[diagnostic(
        code(goldenpath::store::not_ours),
        help("its tags changed after the plan was made; run `goldenpath plan` again")
    )]
    NotOurs { name: String, whose: String },

    #[error("there is no secret `{name}`")]
    #[diagnostic(
        code(goldenpath::store::not_found),
        help("it was removed meanwhile; run `goldenpath plan` again to see what is left to do")
    )]
    NotFound { name: String },

    /// `operation` is the API's name for the call, which is the IAM action's too.
    #[error("AWS does not allow {operation}: {message}")]
    #[diagnostic(
        code(goldenpath::store::access_denied),
        help(
            "grant `secretsmanager:{operation}`{} to whoever runs goldenpath, or use another AWS_PROFILE or role",
            beside(operation, message)
        )
    )]
    AccessDenied { operation: &'static str, message: String },

    #[error("AWS finds that this machine's clock is off: {message}")]
    #[diagnostic(
        code(goldenpath::store::clock),
        help(
            "set the clock, as a rule by NTP, and run it again; AWS takes a difference of five minutes"
        )
    )]
    ClockOff { message: String },

    #[error("the role `{role}` cannot be taken on: {message} ({code})")]
    #[diagnostic(
        code(goldenpath::store::role_refused),
        help(
            "grant `sts:AssumeRole` on it to whoever runs goldenpath, and have the role's trust policy name them; it comes from `roleArn` in goldenpath.yaml"
        )
    )]
    RoleRefused { role: String, code: String, message: String },

    #[error("AWS does not take the resource policy of `{name}`: {reason}")]
    #[diagnostic(
        code(goldenpath::store::policy_refused),
        help(
            "check that each principal below `spec.access` exists, under this very ARN; one that was made a moment ago is known after a minute"
        )
    )]
    PolicyRefused { name: String, reason: String },

    #[error("no usable AWS credentials: {reason}")]
    #[diagnostic(
        code(goldenpath::store::no_credentials),
        help(
            "the standard chain is asked: on a desk `aws sso login` and AWS_PROFILE; in a pipeline a role (OIDC web identity, a pod's or an instance's)"
        )
    )]
    NoCredentials { reason: String },

    #[error("no AWS region is configured")]
    #[diagnostic(
        code(goldenpath::store::no_region),
        help(
            "set `store.region` in goldenpath.yaml, AWS_REGION, or `region` in the AWS profile; an instance's own region is not taken, because where a pipeline runs does not say where secrets live"
        )
    )]
    NoRegion,

    #[error("`{region}` is not an AWS region")]
    #[diagnostic(
        code(goldenpath::store::bad_region),
        help(
            "a region reads like `eu-west-2`; it comes from `store.region`, AWS_REGION or the AWS profile"
        )
    )]
    BadRegion { region: String },

    #[error("`{endpoint}` cannot be reached: {reason}")]
    #[diagnostic(
        code(goldenpath::store::unreachable),
        help(
            "check the network, `store.region` and `store.endpointUrl`; behind a proxy set HTTPS_PROXY, for a private certificate authority SSL_CERT_FILE"
        )
    )]
    Unreachable { endpoint: String, reason: String },

    #[error("AWS throttles {operation}, still after several attempts")]
    #[diagnostic(
        code(goldenpath::store::throttled),
        help("run it again in a minute: what is done stays done, and the rest is planned anew")
    )]
    Throttled { operation: &'static str },

    #[error("`{endpoint}` would carry requests without encryption")]
    #[diagnostic(
        code(goldenpath::store::plain_http),
        help(
            "use https://; http:// is for emulators on this machine: localhost, 127.0.0.0/8 and [::1]"
        )
    )]
    PlainHttp { endpoint: String },

    /// `endpoint` is None where showing it could show a credential.
    #[error("the endpoint{} cannot be used: {reason}", quoted(endpoint))]
    #[diagnostic(
        code(goldenpath::store::bad_endpoint),
        help(
            "write it as https://host, https://host:port or with a path behind; it comes from `store.endpointUrl`, AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_ENDPOINT_URL or the AWS profile"
        )
    )]
    BadEndpoint { endpoint: Option<String>, reason: String },

    /// Only an endpoint from the configuration: the user's own may be anywhere.
    #[error("`{endpoint}` is not a host of AWS Secrets Manager in `{region}`")]
    #[diagnostic(
        code(goldenpath::store::foreign_endpoint),
        help(
            "it comes from `endpointUrl` in goldenpath.yaml, where only {} and this machine are allowed; set another endpoint outside the repository, as AWS_ENDPOINT_URL_SECRETS_MANAGER, or set `region` to the one that the endpoint is in",
            endpoint::own_hosts(Some(region))
        )
    )]
    ForeignEndpoint { endpoint: String, region: String },

    /// The proxy's address is left out: it often holds a password.
    #[error("{variable} does not hold a proxy that goldenpath can use")]
    #[diagnostic(
        code(goldenpath::store::bad_proxy),
        help("write it as http://host:port or https://host:port; SOCKS proxies are not supported")
    )]
    BadProxy { variable: &'static str },

    #[error("AWS refused {operation}{}: {message} ({code})", of(name))]
    #[diagnostic(code(goldenpath::store::rejected), help("{}", way_out(code)))]
    Rejected { operation: &'static str, name: Option<String>, code: String, message: String },

    #[error("no value can be made: {reason}")]
    #[diagnostic(code(goldenpath::store::no_value), help("set it with `goldenpath value set`"))]
    NoValue { reason: String },

    #[error("somebody else has written the value of `{name}` meanwhile")]
    #[diagnostic(
        code(goldenpath::store::value_moved),
        help(
            "theirs is the current one, and nothing of it was changed; look with `goldenpath value status`, and run this again"
        )
    )]
    ValueMoved { name: String },

    #[error("cannot use the key of the local store, `{}`: {reason}", path.display())]
    #[diagnostic(
        code(goldenpath::store::local_key),
        help("`store.keyFile` names the file; a value whose key is lost must be set again")
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
        help("restore the file from a copy, or move it away: the next apply makes a new one")
    )]
    LocalDamaged { path: PathBuf, reason: String },

    #[error("the local store `{}` is locked by another process", path.display())]
    #[diagnostic(
        code(goldenpath::store::local_locked),
        help("wait until the other goldenpath (or sqlite3) is done, then run this again")
    )]
    LocalLocked { path: PathBuf },

    #[error("the local store `{}` has version {found}, this goldenpath knows up to {known}", path.display())]
    #[diagnostic(
        code(goldenpath::store::local_newer),
        help(
            "a newer goldenpath wrote it: update goldenpath, or point `store.path` at another file"
        )
    )]
    LocalNewer { path: PathBuf, found: i64, known: i64 },

    #[error("the local store `{}` cannot be used: {reason}", path.display())]
    #[diagnostic(
        code(goldenpath::store::local_unusable),
        help(
            "`store.path` must name a regular file (or nothing yet) that this user may read and write"
        )
    )]
    LocalUnusable { path: PathBuf, reason: String },
}

/// The actions that an operation asks for beside its own (each operation's "Required permissions").
fn beside(operation: &str, message: &str) -> &'static str {
    match operation {
        _ if message.contains("KMS") || message.contains("kms:") => {
            ", and `kms:GenerateDataKey` and `kms:Decrypt` on the key,"
        }
        "CreateSecret" => " and `secretsmanager:TagResource`",
        "RotateSecret" => ", and `lambda:InvokeFunction` on the function,",
        _ => "",
    }
}

fn quoted(endpoint: &Option<String>) -> String {
    endpoint.as_ref().map(|endpoint| format!(" `{endpoint}`")).unwrap_or_default()
}

fn of(name: &Option<String>) -> String {
    name.as_ref().map(|name| format!(" of `{name}`")).unwrap_or_default()
}

fn way_out(code: &str) -> &'static str {
    match code {
        "InvalidRequestException" => {
            "a secret that is marked for deletion must be restored before it can change"
        }
        "LimitExceededException" => {
            "ask for a higher Secrets Manager quota, or remove what is no longer needed"
        }
        "ResourceNotFoundException" => {
            "the secret or the function of `rotation.functions` is not there"
        }
        "PublicPolicyException" => {
            "the policy would let everybody in, which goldenpath never asks for"
        }
        "InvalidParameterException" => {
            "AWS does not take one of the values: look at the tags, the description, `kmsKeyId` and the rotation function"
        }
        "EncryptionFailure" | "DecryptionFailure" => {
            "the key of `kmsKeyId` must be enabled, in this region, and one that whoever runs goldenpath may use"
        }
        "InternalServiceError" => "the fault is on AWS's side: run it again in a minute",
        _ => "the Secrets Manager API reference has this code under the operation's errors",
    }
}
