//! The destination of a secret's value, and how it differs between two snapshots.

use super::{Catalog, Entry, Project, Selection};
use crate::config::{Backend, StoreConfig};
use crate::manifest::{MAX_BYTES, StoreKey};
use crate::vcs::{File, Repository, Snapshot, SourceError, Unreadable};

/// All settings that decide where the value of one secret goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Always the same settings in the same order.
    settings: Vec<Setting>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    /// The key in the file: `store.region`, `environments.prod.region`.
    key: String,
    /// Whether the environment sets it.
    is_own: bool,
    /// Whether it applies only to the configured backend.
    is_of_backend: bool,
    value: Option<String>,
}

/// A setting that differs between two snapshots; None if one does not set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationDifference {
    /// The dotted key in the configuration or manifest, such as `store.region`.
    pub key: String,
    /// The value in the snapshot that is used.
    pub ours: Option<String>,
    /// The value in the other snapshot.
    pub theirs: Option<String>,
}

impl Destination {
    /// Returns the destination of `entry`; None if the manifest cannot be read.
    #[must_use]
    pub fn of(project: &Project, entry: &Entry) -> Option<Self> {
        let manifest = entry.manifest()?;
        let request = manifest.request.as_ref()?;
        let config = &project.config;
        let environment = request.environment.as_str();
        let own = config.environments.get(environment);
        // All fields are listed so that a new one must be considered here. The encryption key and
        // how the role is assumed do not affect the destination. Only `apply` adds replicas.
        let StoreConfig {
            backend,
            path,
            key_file,
            key_template,
            account_id,
            region,
            endpoint_url,
            role_arn,
            external_id: _,
            session_duration: _,
            source_identity: _,
            mfa_serial: _,
            kms_key_id: _,
            replica_regions: _,
        } = config.store_of(environment);
        let secret =
            manifest.store_key.as_ref().and_then(|key| key.as_ref().ok()).map(StoreKey::to_string);

        let plain = |key: &str, value: Option<String>| Setting {
            key: key.to_owned(),
            is_own: false,
            is_of_backend: false,
            value,
        };
        let of_store = |key: &str, is_own: bool, counts: bool, value: Option<String>| Setting {
            key: match (is_own, key) {
                (false, _) => format!("store.{key}"),
                (true, "backend" | "path") => format!("environments.{environment}.store.{key}"),
                (true, _) => format!("environments.{environment}.{key}"),
            },
            is_own,
            is_of_backend: true,
            value: value.filter(|_| counts),
        };
        let (is_aws, is_local) = (backend == Some(Backend::Aws), backend == Some(Backend::Local));
        let backend = backend.map(|backend| match backend {
            Backend::Aws => "aws".to_owned(),
            Backend::Local => "local".to_owned(),
        });
        let is_own =
            |is_set: fn(&crate::config::EnvironmentConfig) -> bool| own.is_some_and(is_set);
        let path = Some(path.display().to_string());
        let key_file = key_file.map(|file| file.display().to_string());
        Some(Self {
            settings: vec![
                plain("metadata.service", Some(request.service.to_string())),
                plain("metadata.environment", Some(environment.to_owned())),
                plain("metadata.name", Some(request.name.to_string())),
                plain("catalogId", Some(project.catalog_id.clone())),
                Setting {
                    is_of_backend: false,
                    ..of_store("backend", is_own(|own| own.store.backend.is_some()), true, backend)
                },
                plain("store.keyTemplate", Some(key_template)),
                plain("the secret's name", secret),
                of_store("accountId", is_own(|own| own.account_id.is_some()), is_aws, account_id),
                of_store("region", is_own(|own| own.region.is_some()), is_aws, region),
                of_store(
                    "endpointUrl",
                    is_own(|own| own.endpoint_url.is_some()),
                    is_aws,
                    endpoint_url,
                ),
                of_store("roleArn", is_own(|own| own.role_arn.is_some()), is_aws, role_arn),
                of_store("path", is_own(|own| own.store.path.is_some()), is_local, path),
                of_store("keyFile", false, is_local, key_file),
            ],
        })
    }

    /// Returns the differences from `theirs`.
    ///
    /// If the backend differs, its options are not compared, since they are different options.
    #[must_use]
    pub fn differences(&self, theirs: &Self) -> Vec<DestinationDifference> {
        let pairs = || self.settings.iter().zip(&theirs.settings);
        let is_backend = |setting: &Setting| setting.key.ends_with("store.backend");
        let is_other_backend =
            pairs().any(|(ours, theirs)| is_backend(ours) && ours.value != theirs.value);
        let differing = pairs().filter(|(ours, theirs)| ours.value != theirs.value);
        differing
            .filter(|(ours, _)| !(is_other_backend && ours.is_of_backend))
            .map(|(ours, theirs)| DestinationDifference {
                key: if ours.is_own { &ours.key } else { &theirs.key }.clone(),
                ours: ours.value.clone(),
                theirs: theirs.value.clone(),
            })
            .collect()
    }
}

impl Catalog {
    /// Returns the manifests with the ID `id` in a commit, usually one.
    ///
    /// The file at `path` is read first; the others only if it has another ID or does not exist.
    ///
    /// # Errors
    /// A repository that cannot be read, or an object that git has not fetched, since it may be the
    /// manifest.
    pub fn find_in_commit(
        repository: &Repository,
        project: &Project,
        commit: Snapshot,
        id: &str,
        path: &str,
    ) -> Result<Vec<Entry>, SourceError> {
        let claims = |entry: &Entry| entry.claimed_id() == Some(id);
        let missing = |entry: &Entry| match &entry.state {
            super::EntryState::Unreadable(Unreadable::Object(message)) => {
                let what = format!("`{}` in {commit}", entry.path);
                Err(SourceError::Git { what, message: message.clone() })
            }
            _ => Ok(()),
        };
        if project.is_manifest(path)
            && let Some(bytes) = repository.read(commit, path, MAX_BYTES)?
        {
            let entry = Entry::read(File { path: path.to_owned(), bytes }, false, project);
            missing(&entry)?;
            if claims(&entry) {
                return Ok(vec![entry]);
            }
        }
        let catalog = Self::load(repository, project, commit, &Selection::All)?;
        catalog.entries.iter().try_for_each(missing)?;
        Ok(catalog.entries.into_iter().filter(claims).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SEED: &str = include_str!("../../testdata/seed.yaml");

    fn destination(config: &str, from: &str, to: &str) -> Destination {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init(folder.path()).unwrap();
        std::fs::write(folder.path().join("goldenpath.yaml"), format!("catalogId: acme\n{config}"))
            .unwrap();
        let repository = Repository::open(folder.path()).unwrap();
        let project = Project::open(&repository, Snapshot::WorkTree, None).unwrap();
        let bytes = Ok(SEED.replacen(from, to, 1).into_bytes());
        let path = "catalogs/secrets/payments/dev/SEC-0007.yaml".to_owned();
        Destination::of(&project, &Entry::read(File { path, bytes }, false, &project)).unwrap()
    }

    fn keys(ours: &Destination, theirs: &Destination) -> Vec<String> {
        ours.differences(theirs).into_iter().map(|difference| difference.key).collect()
    }

    #[test]
    fn each_setting_of_the_destination_is_reported_with_its_key() {
        let aws = "store:\n  backend: aws\n  region: us-east-1\n";
        let base = destination(aws, "", "");
        assert_eq!(keys(&base, &base), [""; 0]);
        for (config, from, to, expected) in [
            ("store: { backend: aws, region: eu-west-2 }\n", "", "", &["store.region"][..]),
            (&format!("{aws}  endpointUrl: http://localhost:1\n"), "", "", &["store.endpointUrl"]),
            (&format!("{aws}  accountId: '123456789012'\n"), "", "", &["store.accountId"]),
            (
                &format!("{aws}  roleArn: arn:aws:iam::123456789012:role/r\n"),
                "",
                "",
                &["store.roleArn"],
            ),
            (
                &format!("{aws}  keyTemplate: \"x/{{{{ name }}}}\"\n"),
                "",
                "",
                &["store.keyTemplate", "the secret's name"],
            ),
            (
                &format!("{aws}environments: {{ dev: {{ region: eu-west-2 }} }}\n"),
                "",
                "",
                &["environments.dev.region"],
            ),
            (&format!("{aws}environments: {{ prod: {{ region: eu-west-2 }} }}\n"), "", "", &[]),
            ("store: { backend: local }\n", "", "", &["store.backend"]),
            (
                &format!("{aws}environments: {{ dev: {{ store: {{ backend: local }} }} }}\n"),
                "",
                "",
                &["environments.dev.store.backend"],
            ),
            ("", "", "", &["store.backend"]),
            (&format!("{aws}  path: x.db\n  keyFile: ~/x\n  kmsKeyId: alias/x\n"), "", "", &[]),
            (
                aws,
                "service: payments ",
                "service: search ",
                &["metadata.service", "the secret's name"],
            ),
            (
                aws,
                "name: payments-db-credentials",
                "name: other",
                &["metadata.name", "the secret's name"],
            ),
            (
                aws,
                "environment: dev",
                "environment: test",
                &["metadata.environment", "the secret's name"],
            ),
            (aws, "owner: team-payments", "owner: app-team", &[]),
        ] {
            assert_eq!(keys(&destination(config, from, to), &base), expected, "{config} {to}");
        }
        let local = destination("store: { backend: local }\n", "", "");
        let other = destination(
            "store: { backend: local, path: x.db, keyFile: ~/x, region: eu-west-2 }\n",
            "",
            "",
        );
        assert_eq!(keys(&other, &local), ["store.path", "store.keyFile"]);
    }

    #[test]
    fn a_key_template_with_another_field_changes_the_secrets_name() {
        let config = "store:\n  backend: local\n  keyTemplate: \"{{ owner }}/{{ name }}\"\n";
        let (ours, base) = (
            destination(config, "owner: team-payments", "owner: app-team"),
            destination(config, "", ""),
        );
        let difference = ours.differences(&base).remove(0);
        assert_eq!(difference.key, "the secret's name");
        assert_eq!(difference.ours.as_deref(), Some("app-team/payments-db-credentials"));
        assert_eq!(difference.theirs.as_deref(), Some("team-payments/payments-db-credentials"));
    }
}
