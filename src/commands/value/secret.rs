//! The secret of a `value` command: its manifest, type and store, and its state there.

use std::path::PathBuf;
use std::rc::Rc;

use super::default_branch::DefaultBranchCatalog;
use crate::args::gitops_place::GitopsPlace;
use crate::context::Context;
use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Entry, Project, Selection};
use goldenpath_core::clock;
use goldenpath_core::config::RefreshPolicy;
use goldenpath_core::config::SecretType;
use goldenpath_core::manifest::{SecretId, SecretRequest, StoreKey, ValueFormat};
use goldenpath_core::rules;
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::audit::{RecordedAction, Recorder};
use goldenpath_deploy::lifecycle::LifecycleError;
use goldenpath_deploy::reconcile;
use goldenpath_deploy::reconcile::{Account, ExpectedTags, RecordedSecrets, SecretOwnership};
use goldenpath_deploy::store::{SecretStore, Store, StoreError, StoredSecret};

/// The catalog in the work tree.
pub(crate) struct WorkTreeCatalog {
    pub(crate) repository: Repository,
    pub(crate) project: Project,
    pub(crate) catalog: Catalog,
    /// The file of `--config`.
    config_file: Option<PathBuf>,
}

/// A manifest whose secret can have a value. Its store was not queried.
pub(crate) struct UsableManifest<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) request: &'a SecretRequest,
    key: StoreKey,
}

/// A secret of the catalog and its store.
pub(crate) struct ValueTarget<'a> {
    pub(crate) catalog: &'a WorkTreeCatalog,
    entry: &'a Entry,
    pub(crate) request: &'a SecretRequest,
    /// The keys of its value: those of its type, or the one of a text.
    pub(crate) secret_type: SecretType,
    pub(crate) key: StoreKey,
    pub(crate) store: Rc<Store>,
    /// The secret's state at the start of the command.
    pub(crate) found: StoredSecret,
}

impl WorkTreeCatalog {
    pub(crate) fn read(context: &Context) -> Result<Self, Failure> {
        let repository = Repository::discover()?;
        let project = context.open(&repository, Snapshot::WorkTree)?;
        project.check_locations(&repository)?;
        let catalog = Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
        Ok(Self { repository, project, catalog, config_file: context.config.clone() })
    }

    /// Returns the catalog of the remote's default branch; `None` without a remote.
    pub(crate) fn base(&self) -> Result<Option<DefaultBranchCatalog>, Failure> {
        DefaultBranchCatalog::open(&self.repository, &self.project, self.config_file.as_deref())
    }

    /// Returns the secret of a manifest whose value this command may change.
    ///
    /// # Errors
    /// Those of [`target`](Self::target), and a secret whose value an AWS service sets.
    pub(crate) async fn target_to_change(&self, id: &str) -> Result<ValueTarget<'_>, Failure> {
        let target = self.target(id).await?;
        target.check_changeable()?;
        Ok(target)
    }

    /// Returns the secret of this ID in its store.
    ///
    /// # Errors
    /// The secret cannot have a value, or its destination differs on the default branch; the
    /// latter is checked before the store is queried.
    pub(crate) async fn target(&self, id: &str) -> Result<ValueTarget<'_>, Failure> {
        self.open(self.manifest(id)?, None).await
    }

    /// Returns the manifest of this ID, before any call to a store.
    ///
    /// # Errors
    /// The secret cannot have a value, or its destination or format differs on the default branch.
    pub(crate) fn manifest(&self, id: &str) -> Result<UsableManifest<'_>, Failure> {
        let Self { project, catalog, .. } = self;
        let entry = catalog.find(id)?;
        let unreadable = || LifecycleError::Unreadable { path: entry.path.clone() };
        let request = entry.request().ok_or_else(unreadable)?;
        let key = entry.manifest().and_then(|manifest| manifest.store_key.as_ref()?.as_ref().ok());
        let key = key.ok_or_else(unreadable)?.clone();
        if !request.status.is_in_use() {
            return Err(Failure::rejected(
                format!(
                    "{} is `{}`: its value must not be used any more",
                    request.id, request.status
                ),
                format!(
                    "run `goldenpath lifecycle set {} deprecated` to keep the secret, unless it \
                     is already deleted",
                    request.id
                ),
            ));
        }
        if let Some(base) = self.base()? {
            let merged = base.check(&self.repository, project, entry)?;
            check_format(request, merged.as_ref(), &base.name(), &|text| {
                redact(entry, project, text)
            })?;
        }
        Ok(UsableManifest { entry, request, key })
    }

    /// Opens the store of a manifest, or uses that of `other` if it is the same, and finds the
    /// secret in it.
    ///
    /// # Errors
    /// The store cannot be used, or it does not have a secret that is ours.
    pub(crate) async fn open<'a>(
        &'a self,
        manifest: UsableManifest<'a>,
        other: Option<&ValueTarget<'_>>,
    ) -> Result<ValueTarget<'a>, Failure> {
        let project = &self.project;
        let UsableManifest { entry, request, key } = manifest;
        let config =
            |request: &SecretRequest| project.config.store_of(request.environment.as_str());
        let store = match other.filter(|other| config(other.request) == config(request)) {
            Some(other) => Rc::clone(&other.store),
            None => Rc::new(Store::open(&config(request), &project.root).await?),
        };
        let recorded = RecordedSecrets::new(&self.repository, &project.config.audit);
        let secret = (request.id, &key);
        let found = recorded.describe(&store, &config(request), secret, clock::now()).await?;
        let place = store.place();
        let found = found.ok_or_else(|| {
            Failure::rejected(
                format!(
                    "the secret `{}` does not exist yet ({place})",
                    redact(entry, project, key.to_string())
                ),
                format!("run `goldenpath apply` after the manifest of {} has merged", request.id),
            )
        })?;
        let ownership = SecretOwnership::of(&found, &ExpectedTags::of(project, Some(request.id)));
        if let Some(reason) = ownership.foreign_reason() {
            return Err(Failure::rejected(
                format!(
                    "the secret `{}` is not the one of {}: {reason}",
                    redact(entry, project, key.to_string()),
                    request.id
                ),
                ownership.help(request.id),
            ));
        }
        if let Some(when) = found.deletion {
            return Err(Failure::rejected(
                format!(
                    "the secret of {} is marked for deletion on {}",
                    request.id,
                    when.strftime("%Y-%m-%d")
                ),
                "run `goldenpath apply` to restore it; its manifest is in use",
            ));
        }
        let secret_type = project.secret_type_of(request);
        Ok(ValueTarget { catalog: self, entry, request, secret_type, key, store, found })
    }
}

/// Rejects a format that the ExternalSecret in the cluster does not have yet.
fn check_format(
    request: &SecretRequest,
    merged: Option<&ValueFormat>,
    base: &str,
    redact: &dyn Fn(String) -> String,
) -> Result<(), Failure> {
    let Some(merged) = merged.filter(|merged| **merged != request.value_format) else {
        return Ok(());
    };
    Err(Failure::rejected(
        redact(format!(
            "the value of {} is {} in the work tree, and {merged} in {base}",
            request.id, request.value_format
        )),
        "merge the change of `value.format` first and let `goldenpath apply` write the \
         ExternalSecret, or check out that branch",
    ))
}

/// Masks parts of the text that look like a value in the manifest.
pub(crate) fn redact(entry: &Entry, project: &Project, mut text: String) -> String {
    rules::redact_texts(entry, project, [&mut text]);
    text
}

impl ValueTarget<'_> {
    pub(crate) fn id(&self) -> SecretId {
        self.request.id
    }

    /// Checks that goldenpath may change the value.
    ///
    /// # Errors
    /// An AWS service owns the secret, and sets its value.
    pub(crate) fn check_changeable(&self) -> Result<(), Failure> {
        match &self.found.owning_service {
            None => Ok(()),
            Some(service) => Err(Failure::rejected(
                format!("the AWS service `{service}` owns the secret of {}", self.id()),
                "change the value in that service, which sets it and rotates it",
            )),
        }
    }

    /// Returns whether it had no value at the start of the command.
    pub(crate) fn had_no_value(&self) -> bool {
        !self.found.has_value()
    }

    /// Returns the store key in a form that can be shown.
    pub(crate) fn shown_key(&self) -> String {
        redact(self.entry, &self.catalog.project, self.key.to_string())
    }

    /// Returns the format of its value.
    pub(crate) fn format(&self) -> &ValueFormat {
        &self.request.value_format
    }

    /// Prints the secret and its store.
    pub(crate) fn print_destination(&self, context: &Context) {
        let Self { request, .. } = self;
        let line = format!(
            "{}  {}, {} in {}",
            request.id, request.secret_type, request.service, request.environment
        );
        context.streams.message(&redact(self.entry, &self.catalog.project, line));
        let store = format!("Store     {}, {}\n", self.store.place(), self.shown_key());
        context.streams.message(&store);
    }

    /// Returns an action on this secret for the audit trail, which makes `version` the current one.
    pub(crate) fn action(
        &self,
        action: &'static str,
        reason: String,
        version: &str,
    ) -> RecordedAction {
        RecordedAction {
            id: self.id(),
            action,
            environment: self.request.environment.to_string(),
            target: self.shown_key(),
            reason,
            arn: self.found.arn.clone(),
            version: Some(version.to_owned()),
            recovery_days: None,
        }
    }

    /// Returns when the cluster has the value, and how to have it sooner.
    ///
    /// None if no ExternalSecret is written for the environment.
    pub(crate) fn arrival(&self) -> Option<String> {
        let Project { config, root, .. } = &self.catalog.project;
        GitopsPlace::of(config.gitops_of(self.request.environment.as_str()), root)?;
        let SecretRequest { name, namespace, .. } = self.request;
        let external = config.external_secret_of(self.request.environment.as_str());
        if external.refresh_policy == Some(RefreshPolicy::CreatedOnce) {
            let line = format!(
                "The operator does not read it again (`refreshPolicy: CreatedOnce`). Once nothing \
                 needs the old value: `kubectl delete secret {} -n {namespace}`.",
                self.request.k8s_secret_name
            );
            return Some(redact(self.entry, &self.catalog.project, line));
        }
        let when = match external.refresh_period() {
            Some(_) => format!(
                "The cluster has it after the operator's next refresh, within {}. Sooner:",
                external.refresh_interval
            ),
            None => "The operator does not read it again on its own. To have it in the cluster:"
                .to_owned(),
        };
        let line = format!(
            "{when} `kubectl annotate externalsecret {name}-sync -n {namespace} \
             force-sync=$(date +%s) --overwrite`."
        );
        Some(redact(self.entry, &self.catalog.project, line))
    }

    /// Returns the recorder of this run.
    pub(crate) fn recorder(&self) -> Recorder<'_> {
        let WorkTreeCatalog { repository, project, .. } = self.catalog;
        let stores = [(self.request.environment.to_string(), self.store.identity())];
        let source = match repository.head() {
            Ok(Snapshot::Commit(commit)) => {
                format!("{} in the work tree on commit {commit}", project.catalog_id)
            }
            _ => format!("{} in the work tree", project.catalog_id),
        };
        Recorder::new(repository, &project.config.audit, source, None, stores.into())
    }
}

/// Opens the accounts of these environments; returns those that cannot be opened separately.
pub(crate) async fn open_accounts(
    catalog: &WorkTreeCatalog,
    environments: impl Iterator<Item = String>,
) -> Result<(Vec<Account>, Vec<reconcile::UnreadableAccount>), StoreError> {
    Account::open(&catalog.project.config, &catalog.project.root, environments.collect()).await
}
