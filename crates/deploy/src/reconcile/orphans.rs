//! Secrets and files of this catalog without a manifest.
//!
//! They are shown and never deleted: only a decommission request deletes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::desired::{ENVIRONMENT, ID, SERVICE};
use super::{Account, ExpectedTags, ReconcileContext, SecretOwnership, SecretSubject};
use crate::gitops::StaleProjection;
use crate::store::{SecretStore, StoredSecret};
use goldenpath_core::manifest::{LifecycleStatus, SecretId, SecretRequest};
use goldenpath_core::projection;

/// A secret with our tags and without a manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Orphan {
    /// From the secret's tag.
    pub id: Option<String>,
    /// From the secret's tag; None without one.
    pub environment: Option<String>,
    /// The secret's name in the store.
    pub target: String,
    /// The store's location, such as `AWS Secrets Manager, us-east-1`.
    pub place: String,
    /// Why it is an orphan, such as `no manifest requests it`.
    pub reason: String,
}

/// A file of this catalog in a GitOps repository that no manifest requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaleFile {
    /// The ID of the manifest for which the file was written.
    pub id: SecretId,
    /// The path from the GitOps repository's root.
    pub target: String,
    /// The location of the GitOps repository, and its branch.
    pub place: String,
    /// Why it is stale, such as `no manifest requests it`.
    pub reason: String,
}

/// Returns the stale files in the GitOps repositories that `is_selected` selects.
pub(super) fn find_stale_files(
    context: &ReconcileContext<'_>,
    is_selected: impl Fn(SecretSubject<'_>) -> bool,
) -> Vec<StaleFile> {
    let requests: HashMap<SecretId, &SecretRequest> =
        context.catalog.requests().map(|request| (request.id, request)).collect();
    let wanted: HashSet<String> = requests
        .values()
        .filter(|request| request.status != LifecycleStatus::Decommissioned)
        .filter_map(|request| projection::file_of(request, context.project).ok())
        .collect();
    let mut stale = Vec::new();
    for (_, target) in &context.gitops {
        let found = target.stale(&context.project.catalog_id, &|file| wanted.contains(file));
        stale.extend(found.into_iter().filter_map(|StaleProjection { id, file }| {
            let request = requests.get(&id);
            let (environment, service) = request.map_or(("", ""), |request| {
                (request.environment.as_str(), request.service.as_str())
            });
            let reason = match request {
                None => "no manifest requests it".to_owned(),
                Some(request) if request.status == LifecycleStatus::Decommissioned => {
                    "its manifest is decommissioned".to_owned()
                }
                Some(request) => {
                    let file = projection::file_of(request, context.project).unwrap_or_default();
                    format!("its manifest writes {file} now")
                }
            };
            is_selected(SecretSubject { environment, service, id: Some(id) }).then(|| StaleFile {
                id,
                target: file,
                place: target.place(),
                reason,
            })
        }));
    }
    stale.sort();
    stale
}

/// Returns the orphans in the swept secrets of each account that `is_selected` selects.
pub(super) fn find_orphans(
    context: &ReconcileContext<'_>,
    swept: &[(&Account, HashMap<String, StoredSecret>)],
    is_selected: impl Fn(SecretSubject<'_>) -> bool,
) -> Vec<Orphan> {
    let wanted = wanted_keys(context);
    let status_of = |account: &Account, name: &str| {
        let statuses = wanted.get(name).into_iter().flatten();
        statuses
            .filter(|(environment, _)| account.environments.contains(*environment))
            .map(|(_, status)| *status)
            .max()
    };
    // Two configurations may share an account: the secrets of one are not orphans of the other.
    let claimed: BTreeSet<&str> = swept
        .iter()
        .flat_map(|(account, secrets)| secrets.values().map(move |secret| (account, secret)))
        .filter(|(account, secret)| status_of(account, &secret.name).is_some())
        .filter_map(|(_, secret)| secret.arn.as_deref())
        .collect();
    let ours = ExpectedTags::of(context.project, None);
    let mut orphans = BTreeMap::new();
    for (account, secrets) in swept {
        // A replica has the tags of its primary secret, whose manifest is another environment's.
        let primaries = secrets.values().filter(|secret| secret.replica_of.is_none());
        for secret in primaries.filter(|secret| SecretOwnership::of(secret, &ours).is_ours()) {
            let tag = |name: &str| secret.tags.get(name).map(String::as_str);
            let is_claimed = secret.arn.as_deref().is_some_and(|arn| claimed.contains(arn));
            let reason = match status_of(account, &secret.name) {
                None if is_claimed => continue,
                None => "no manifest requests it",
                // A secret that is marked for deletion is expected.
                Some(LifecycleStatus::Decommissioned) if secret.deletion.is_none() => {
                    "its manifest is decommissioned"
                }
                Some(_) => continue,
            };
            let subject = SecretSubject {
                environment: tag(ENVIRONMENT).unwrap_or_default(),
                service: tag(SERVICE).unwrap_or_default(),
                id: tag(ID).and_then(|id| SecretId::parse(id).ok()),
            };
            if !is_selected(subject) {
                continue;
            }
            let reason = match secret.deletion {
                Some(when) => {
                    format!("{reason}; marked for deletion ({})", when.strftime("%Y-%m-%d"))
                }
                None => reason.to_owned(),
            };
            let place = account.store.place();
            let identity = secret.arn.clone().unwrap_or_else(|| format!("{place} {}", secret.name));
            let (id, environment) =
                (tag(ID).map(str::to_owned), tag(ENVIRONMENT).map(str::to_owned));
            orphans.insert(
                identity,
                Orphan { id, environment, target: secret.name.clone(), place, reason },
            );
        }
    }
    let mut orphans: Vec<Orphan> = orphans.into_values().collect();
    orphans.sort();
    orphans
}

/// Returns environment and status of each manifest by store key, selected or not.
fn wanted_keys<'context>(
    context: &'context ReconcileContext<'_>,
) -> HashMap<&'context str, Vec<(&'context str, LifecycleStatus)>> {
    let mut wanted: HashMap<&str, Vec<_>> = HashMap::new();
    for entry in &context.catalog.entries {
        let key = entry.manifest().and_then(|manifest| manifest.store_key.as_ref()?.as_ref().ok());
        if let (Some(request), Some(key)) = (entry.request(), key) {
            wanted
                .entry(key.as_str())
                .or_default()
                .push((request.environment.as_str(), request.status));
        }
    }
    // Manifests in use take precedence over decommissioned ones.
    for statuses in wanted.values_mut() {
        if statuses.iter().any(|(_, status)| *status != LifecycleStatus::Decommissioned) {
            statuses.retain(|(_, status)| *status != LifecycleStatus::Decommissioned);
        }
    }
    wanted
}
