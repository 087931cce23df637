//! The one secret that a command is about: its manifest, its type, its store, and what the store has of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::default_branch::DefaultBranchCatalog;
use goldenpath_core::catalog::{Catalog, Entry, Project, Selection};
use crate::cli::Context;
use crate::failure::Failure;
use goldenpath_core::config::SecretType;
use goldenpath_deploy::lifecycle::LifecycleError;
use goldenpath_core::manifest::{SecretId, SecretRequest, StoreKey};
use goldenpath_deploy::reconcile;
use goldenpath_deploy::reconcile::{Account, ExpectedTags, SecretOwnership};
use goldenpath_deploy::audit::{RecordedAction, Recorder};
use goldenpath_core::rules;
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::store::{SecretStore, Store, StoreError, StoredSecret};
use goldenpath_core::sanitize::harmless_name;

/// The catalog in the work tree.
pub(crate) struct WorkTreeCatalog {
    pub(crate) repository: Repository,
    pub(crate) project: Project,
    pub(crate) catalog: Catalog,
    /// The file of `--config`.
    config_file: Option<PathBuf>,
}

/// A secret of it, and its store.
pub(crate) struct ValueTarget<'a> {
    pub(crate) ground: &'a WorkTreeCatalog,
    entry: &'a Entry,
    pub(crate) request: &'a SecretRequest,
    pub(crate) secret_type: SecretType,
    pub(crate) key: StoreKey,
    pub(crate) store: Store,
    /// As the store had it when this began.
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

    /// What the default branch of the remote says; None without a remote.
    pub(crate) fn base(&self) -> Result<Option<DefaultBranchCatalog>, Failure> {
        DefaultBranchCatalog::open(&self.repository, &self.project, self.config_file.as_deref())
    }

    /// The secret of this ID in its store, where it can have a value and the default branch has it go to the same place.
    /// That is known before anything is asked of the store.
    pub(crate) async fn subject(&self, word: &str) -> Result<ValueTarget<'_>, Failure> {
        let Self { project, catalog, .. } = self;
        let entry = catalog.find(word)?;
        let unreadable = || LifecycleError::Unreadable { path: entry.path.clone() };
        let request = entry.request().ok_or_else(unreadable)?;
        let key = entry.manifest().and_then(|manifest| manifest.store_key.as_ref()?.as_ref().ok());
        let key = key.ok_or_else(unreadable)?.clone();
        if !request.status.is_in_use() {
            return Err(Failure::refused(
                format!(
                    "{} is `{}`: nobody is to use its value any more",
                    request.id, request.status
                ),
                format!(
                    "`goldenpath lifecycle set {} deprecated` takes it back until it is deleted",
                    request.id
                ),
            ));
        }
        if let Some(base) = self.base()? {
            base.check(&self.repository, project, entry)?;
        }
        let store = open(project, request).await?;
        let found = store.describe(&key).await?;
        let place = store.place();
        let found = found.ok_or_else(|| {
            Failure::refused(
                format!(
                    "there is no secret `{}` yet ({place})",
                    concealed(entry, project, key.to_string())
                ),
                format!(
                    "`goldenpath apply` makes it, when the manifest of {} has merged",
                    request.id
                ),
            )
        })?;
        let ownership = SecretOwnership::of(&found, &ExpectedTags::of(project, Some(request.id)));
        if let Some(whose) = ownership.stranger() {
            return Err(Failure::refused(
                format!(
                    "the secret `{}` is not the one of {}: {whose}",
                    concealed(entry, project, key.to_string()),
                    request.id
                ),
                ownership.help(request.id),
            ));
        }
        if let Some(when) = found.deletion {
            return Err(Failure::refused(
                format!(
                    "the secret of {} is marked for deletion, on {}",
                    request.id,
                    when.strftime("%Y-%m-%d")
                ),
                "`goldenpath apply` restores it, while its manifest is in use",
            ));
        }
        let secret_type = project.secret_types.of(&request.secret_type);
        Ok(ValueTarget { ground: self, entry, request, secret_type, key, store, found })
    }
}

/// The store of a manifest's environment.
async fn open(project: &Project, request: &SecretRequest) -> Result<Store, Failure> {
    let config = project.config.store_of(request.environment.as_str());
    Ok(Store::open(&config, &project.root).await?)
}

pub(crate) fn concealed(entry: &Entry, project: &Project, mut text: String) -> String {
    rules::conceal(entry, project, [&mut text]);
    text
}

impl ValueTarget<'_> {
    pub(crate) fn id(&self) -> SecretId {
        self.request.id
    }

    /// Whether it had no value when this began.
    pub(crate) fn found_none(&self) -> bool {
        !self.found.has_value()
    }

    /// The store key, for showing.
    pub(crate) fn target(&self) -> String {
        concealed(self.entry, &self.ground.project, self.key.to_string())
    }

    pub(crate) fn say_where(&self, context: &Context) {
        let Self { request, .. } = self;
        let line = format!(
            "{}  {}, {} in {}",
            request.id, request.secret_type, request.service, request.environment
        );
        context.streams.talk(&concealed(self.entry, &self.ground.project, line));
        context.streams.talk(&format!("Store     {}, {}\n", self.store.place(), self.target()));
        self.warn_of_branch(context);
    }

    /// Warns where the record of a change will be committed to a branch whose pull request it fails (GP703).
    fn warn_of_branch(&self, context: &Context) {
        let WorkTreeCatalog { repository, project, .. } = self.ground;
        let (Some(target), Some(branch)) =
            (repository.upstream_branch(), repository.checked_out_branch())
        else {
            return;
        };
        if project.config.audit.push || branch == target.name {
            return;
        }
        let short = |name: &str| {
            harmless_name(name.strip_prefix("refs/heads/").unwrap_or(name)).into_owned()
        };
        context.streams.talk(&format!(
            "Warning: this is recorded on the branch `{}`, and its pull request would be refused for that ({}). Run it on \
             `{}`, or set `audit.push`.\n",
            short(&branch),
            rules::AUDIT_CHANGED.code,
            short(&target.name)
        ));
    }

    /// Something that is done for it.
    pub(crate) fn deed(&self, action: &'static str, reason: String) -> RecordedAction {
        let environment = self.request.environment.to_string();
        RecordedAction { id: self.id(), action, environment, target: self.target(), reason }
    }

    /// What the deeds of this run are recorded with.
    pub(crate) async fn recorder(&self) -> Recorder<'_> {
        let WorkTreeCatalog { repository, project, .. } = self.ground;
        let caller = self.store.caller().await;
        let callers: BTreeMap<String, String> = caller
            .into_iter()
            .map(|caller| (self.request.environment.to_string(), caller))
            .collect();
        let source = match repository.head() {
            Ok(Snapshot::Commit(commit)) => {
                format!("{} in the work tree on commit {commit}", project.catalog_id)
            }
            _ => format!("{} in the work tree", project.catalog_id),
        };
        Recorder::new(repository, &project.config.audit, source, callers)
    }

    /// Notes on the secret since when it has its value, which `due` goes by. Without that it goes by the store's own dates.
    pub(crate) async fn note_since(&self, since: jiff::Timestamp) -> Result<(), StoreError> {
        let tag =
            (reconcile::VALUE_SINCE.to_owned(), since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        self.store.put_tags(&self.key, &[tag].into()).await
    }
}

/// The accounts of these environments; those that cannot be opened are told of.
pub(crate) async fn accounts(
    ground: &WorkTreeCatalog,
    environments: impl Iterator<Item = String>,
) -> (Vec<Account>, Vec<reconcile::UnreadableAccount>) {
    Account::open(&ground.project.config, &ground.project.root, environments.collect()).await
}
