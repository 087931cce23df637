//! Where the secrets of an environment are: account, region, partition and names.

use goldenpath_core::catalog::Project;
use goldenpath_core::config::{Backend, ReplicaRegion, Rotator, StoreConfig};
use goldenpath_core::endpoint;

/// A name that no person gives a service or a secret.
const UNUSED: &str = "goldenpath-probe";

/// Where the secrets of an environment are, as far as the configuration says it.
pub(super) struct SecretLocation {
    pub(super) environment: String,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) partition: String,
    /// The role that goldenpath assumes for the calls.
    pub(super) role: Option<String>,
    /// What the role's trust policy requires as `sts:ExternalId`.
    pub(super) external_id: Option<String>,
    /// What is sent as the source identity when the role is assumed.
    pub(super) source_identity: Option<String>,
    /// The MFA device of the user who assumes the role.
    pub(super) mfa_serial: Option<String>,
    /// The KMS key, as configured.
    pub(super) kms_key: Option<String>,
    /// The replicas of each secret, as configured; None if they are left alone.
    pub(super) replicas: Option<Vec<ReplicaRegion>>,
    /// The rotation functions, sorted.
    pub(super) functions: Vec<String>,
    /// The roles with which Secrets Manager rotates secrets at a partner, sorted.
    pub(super) rotation_roles: Vec<String>,
    /// Whether AWS services rotate secrets that they own.
    pub(super) has_managed_rotation: bool,
    names: NamePattern,
}

/// A pattern of the names of an environment's secrets, in the syntax of IAM.
pub(super) struct NamePattern {
    pub(super) text: String,
    /// Whether the template has more than text and variables, so that the pattern ends early.
    pub(super) is_cut: bool,
}

impl SecretLocation {
    /// Returns the location of an environment's secrets; None if its store is not AWS.
    pub(super) fn of(project: &Project, environment: &str) -> Option<Self> {
        let config = &project.config;
        let StoreConfig {
            backend,
            region,
            role_arn,
            external_id,
            source_identity,
            mfa_serial,
            kms_key_id,
            replica_regions,
            key_template,
            ..
        } = config.store_of(environment);
        if backend != Some(Backend::Aws) {
            return None;
        }
        let of_region = region.as_deref().map(endpoint::partition_of);
        let of_role = role_arn.as_deref().and_then(|role| role.split(':').nth(1));
        let (mut functions, mut rotation_roles) = (Vec::new(), Vec::new());
        let mut has_managed_rotation = false;
        for rotator in project.rotators(environment) {
            match rotator {
                Rotator::Function(function) => functions.push(function),
                Rotator::Partner { role, .. } => rotation_roles.push(role),
                Rotator::OwningService => has_managed_rotation = true,
            }
        }
        functions.sort();
        rotation_roles.sort();
        rotation_roles.dedup();
        Some(Self {
            environment: environment.to_owned(),
            account: config.account_of(environment).map(str::to_owned),
            partition: of_region.or(of_role).unwrap_or("aws").to_owned(),
            region,
            role: role_arn,
            external_id,
            source_identity,
            mfa_serial,
            kms_key: kms_key_id,
            replicas: replica_regions,
            functions,
            rotation_roles,
            has_managed_rotation,
            names: NamePattern::of(project, &key_template, environment),
        })
    }

    pub(super) fn region(&self) -> &str {
        self.region.as_deref().unwrap_or("*")
    }

    pub(super) fn account(&self) -> &str {
        self.account.as_deref().unwrap_or("*")
    }

    /// Returns the name of a secret that is not there, by the template; None if it has logic.
    pub(super) fn unused_name(&self, project: &Project) -> Option<String> {
        let environment = self.environment.as_str();
        project
            .key_template
            .fill(|name| Some(if name == "environment" { environment } else { UNUSED }))
    }

    pub(super) fn has_cut_names(&self) -> bool {
        self.names.is_cut
    }

    /// Returns the ARNs of its secrets.
    ///
    /// The end of the pattern covers the suffix that Secrets Manager appends to a name. Where a
    /// secret does not exist yet, the resource is the name without a suffix.
    pub(super) fn secrets(&self) -> String {
        self.secret(&self.names.text)
    }

    /// Returns the ARN of a secret, or of those with a pattern of names.
    pub(super) fn secret(&self, name: &str) -> String {
        let (partition, region, account) = (&self.partition, self.region(), self.account());
        format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{name}")
    }
}

impl NamePattern {
    /// Returns the pattern of the names that `store.keyTemplate` gives an environment's secrets.
    fn of(project: &Project, source: &str, environment: &str) -> Self {
        let value = |name: &str| Some(if name == "environment" { environment } else { "*" });
        let filled = project.key_template.fill(value);
        let is_cut = filled.is_none();
        let mut text =
            filled.unwrap_or_else(|| source.split('{').next().unwrap_or_default().to_owned());
        if !text.ends_with('*') {
            text.push('*');
        }
        Self { text, is_cut }
    }
}
