//! What the audit trail says about each secret, read when it is first needed.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::absence::is_new;
use super::plan::{ADD_REPLICA, REMOVE_REPLICA};
use crate::audit::AuditBranch;
use crate::store::{LOCAL, SecretStore, Store, StoreError, StoredSecret};
use goldenpath_core::config::{AuditConfig, StoreConfig};
use goldenpath_core::manifest::{SecretId, StoreKey};
use goldenpath_core::trail::{AuditEvent, results};
use goldenpath_core::vcs::Repository;

/// The actions that change an existing secret, or create it.
///
/// Those of values are listed because only an existing secret has one.
const OF_SECRETS: [&str; 14] = [
    "create-secret",
    "restore-secret",
    "update-secret",
    "tag-secret",
    "put-policy",
    "delete-policy",
    "configure-rotation",
    "cancel-rotation",
    "delete-secret",
    "set-value",
    "generate-value",
    "rotate-value",
    "rollback-value",
    "copy-value",
];

/// The audit trail of a run.
pub struct RecordedSecrets<'run> {
    repository: &'run Repository,
    config: &'run AuditConfig,
    read: OnceCell<Result<ReadTrail, String>>,
}

/// The trail as it was read.
struct ReadTrail {
    branch: AuditBranch,
    /// The events of [`OF_SECRETS`] by secret, in the order in which they were recorded.
    events: BTreeMap<SecretId, Vec<AuditEvent>>,
    /// The events of replicas, in the same form. Their targets name a region, too.
    replicas: BTreeMap<SecretId, Vec<AuditEvent>>,
}

impl<'run> RecordedSecrets<'run> {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(repository: &'run Repository, config: &'run AuditConfig) -> Self {
        Self { repository, config, read: OnceCell::new() }
    }

    /// Returns the audit branch, as it is when it is first asked for.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn branch(&self) -> Result<&AuditBranch, &str> {
        self.trail().map(|trail| &trail.branch)
    }

    /// Returns the events of the secret in a store, in the order in which they were recorded.
    ///
    /// Those of version 0.1 that are not imported yet are among them. Actions that failed or were
    /// not started are left out.
    ///
    /// # Errors
    /// Why the trail cannot be read.
    pub(super) fn of(&self, id: SecretId) -> Result<&[AuditEvent], &str> {
        let trail = self.trail()?;
        Ok(trail.events.get(&id).map_or(&[], Vec::as_slice))
    }

    /// Returns the events of the secret's replicas, in the order in which they were recorded.
    ///
    /// Actions that failed or were not started are left out.
    ///
    /// # Errors
    /// Why the trail cannot be read.
    pub(super) fn replicas_of(&self, id: SecretId) -> Result<&[AuditEvent], &str> {
        let trail = self.trail()?;
        Ok(trail.replicas.get(&id).map_or(&[], Vec::as_slice))
    }

    /// Describes a secret; one that a run has just created is asked for until AWS finds it.
    ///
    /// Only if it seems to be missing, the trail is read. `config` is that of the store.
    ///
    /// # Errors
    /// If the store cannot be reached or rejects the call.
    pub async fn describe(
        &self,
        store: &Store,
        config: &StoreConfig,
        (id, key): (SecretId, &StoreKey),
        now: Timestamp,
    ) -> Result<Option<StoredSecret>, StoreError> {
        let found = store.describe(key).await?;
        // Without the trail, nothing is known of other runs.
        let is_new = |events: &[AuditEvent]| is_new(events, &store.identity(), config, key, now);
        if found.is_some() || !self.of(id).is_ok_and(is_new) {
            return Ok(found);
        }
        store.expect(key);
        match store.describe(key).await {
            Err(StoreError::NotVisible { .. }) => Ok(None),
            result => result,
        }
    }

    /// Returns the AWS accounts and regions that the trail names for an environment.
    ///
    /// # Errors
    /// Why the trail cannot be read.
    pub(super) fn places_of(
        &self,
        environment: &str,
    ) -> Result<BTreeSet<(&str, Option<&str>)>, &str> {
        let events = self.trail()?.events.values().flatten();
        let of_it = events.filter(|event| event.environment == environment);
        let places = of_it.filter_map(|event| {
            let secret = event.secret.as_ref()?;
            Some((secret.account.as_deref()?, secret.region.as_deref()))
        });
        Ok(places.filter(|(account, _)| *account != LOCAL).collect())
    }

    fn trail(&self) -> Result<&ReadTrail, &str> {
        let read = self.read.get_or_init(|| self.read());
        read.as_ref().map_err(String::as_str)
    }

    fn read(&self) -> Result<ReadTrail, String> {
        let branch = AuditBranch::open(self.repository, self.config);
        let branch = branch.map_err(|error| error.to_string())?;
        if let Some((file, fault)) = branch.log().unreadable() {
            return Err(format!("{file}: {}", fault.as_str()));
        }
        let mut all = branch.log().events_as_recorded();
        let old = self.repository.trails_at_head().map_err(|error| error.to_string())?;
        for (file, text) in old {
            let log = branch.log();
            let imported = log.imported_lines();
            let known = imported.get(file.as_str());
            for line in text.lines() {
                if known.is_some_and(|known| known.contains(line)) {
                    continue;
                }
                let event = serde_json::from_str::<AuditEvent>(line);
                all.push(event.map_err(|_| format!("`{file}` has a line that is not an event"))?);
            }
        }
        // Those of version 0.1 are older than the branch. The clocks of runs may be wrong.
        all.sort_by_key(|event| !event.run.is_empty());
        all.retain(|event| {
            ![results::FAILED, results::NOT_STARTED].contains(&event.result.as_str())
        });
        let mut events: BTreeMap<SecretId, Vec<AuditEvent>> = BTreeMap::new();
        let mut replicas: BTreeMap<SecretId, Vec<AuditEvent>> = BTreeMap::new();
        for event in all {
            let action = event.action.as_str();
            if OF_SECRETS.contains(&action) {
                events.entry(event.id).or_default().push(event);
            } else if [ADD_REPLICA, REMOVE_REPLICA].contains(&action) {
                replicas.entry(event.id).or_default().push(event);
            }
        }
        Ok(ReadTrail { branch, events, replicas })
    }
}
