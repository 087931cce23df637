//! Secrets and files of this catalog that no manifest asks for. They are shown and never deleted: only intent deletes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::desired::{ENVIRONMENT, ID, SERVICE};
use super::{Account, ExpectedTags, SecretOwnership, SecretSubject, World};
use crate::gitops::Stale;
use crate::store::{SecretStore, StoredSecret};
use goldenpath_core::manifest::{LifecycleStatus, SecretId, SecretRequest};
use goldenpath_core::projection;

/// A secret that is ours by its tags and that no manifest asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Orphan {
    /// As the secret's tag says.
    pub id: Option<String>,
    pub environment: Option<String>,
    /// Its name in the store.
    pub target: String,
    pub place: String,
    pub reason: String,
}

/// A file of this catalog in a GitOps repository that no manifest asks for there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaleFile {
    pub id: SecretId,
    /// From the GitOps repository's root.
    pub target: String,
    pub place: String,
    pub reason: String,
}

/// The stale files in the GitOps repositories, as far as `holds` lets their manifests through.
pub(super) fn stale(
    world: &World<'_>,
    holds: impl Fn(SecretSubject<'_>) -> bool,
) -> Vec<StaleFile> {
    let requests: HashMap<SecretId, &SecretRequest> =
        world.catalog.requests().map(|request| (request.id, request)).collect();
    let wanted: HashSet<String> = requests
        .values()
        .filter(|request| request.status != LifecycleStatus::Decommissioned)
        .filter_map(|request| projection::file_of(request, world.project).ok())
        .collect();
    let mut stale = Vec::new();
    for (_, target) in &world.gitops {
        let found = target.stale(&world.project.catalog_id, &|file| wanted.contains(file));
        stale.extend(found.into_iter().filter_map(|Stale { id, file }| {
            let request = requests.get(&id);
            let (environment, service) = request.map_or(("", ""), |request| {
                (request.environment.as_str(), request.service.as_str())
            });
            let reason = match request {
                None => "no manifest asks for it".to_owned(),
                Some(request) if request.status == LifecycleStatus::Decommissioned => {
                    "its manifest is decommissioned".to_owned()
                }
                Some(request) => {
                    let file = projection::file_of(request, world.project).unwrap_or_default();
                    format!("its manifest's file is {file} now")
                }
            };
            holds(SecretSubject { environment, service, id: Some(id) }).then(|| StaleFile {
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

/// The orphans in what was swept of each account, as far as `holds` lets them through.
pub(super) fn all(
    world: &World<'_>,
    swept: &[(&Account, HashMap<String, StoredSecret>)],
    holds: impl Fn(SecretSubject<'_>) -> bool,
) -> Vec<Orphan> {
    let wanted = wanted(world);
    let asked = |account: &Account, name: &str| {
        let statuses = wanted.get(name).into_iter().flatten();
        statuses
            .filter(|(environment, _)| account.environments.contains(*environment))
            .map(|(_, status)| *status)
            .max()
    };
    // Two configurations may lead into one account: what either asks for is no orphan of the other.
    let claimed: BTreeSet<&str> = swept
        .iter()
        .flat_map(|(account, secrets)| secrets.values().map(move |secret| (account, secret)))
        .filter(|(account, secret)| asked(account, &secret.name).is_some())
        .filter_map(|(_, secret)| secret.arn.as_deref())
        .collect();
    let ours = ExpectedTags::of(world.project, None);
    let mut orphans = BTreeMap::new();
    for (account, secrets) in swept {
        for secret in secrets.values().filter(|secret| SecretOwnership::of(secret, &ours).is_ours())
        {
            let tag = |name: &str| secret.tags.get(name).map(String::as_str);
            let is_claimed = secret.arn.as_deref().is_some_and(|arn| claimed.contains(arn));
            let reason = match asked(account, &secret.name) {
                None if is_claimed => continue,
                None => "no manifest asks for it",
                // On its way out, or gone with its manifest.
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
            if !holds(subject) {
                continue;
            }
            let reason = match secret.deletion {
                Some(when) => {
                    format!("{reason}; it is marked for deletion ({})", when.strftime("%Y-%m-%d"))
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

/// What every manifest of the catalog, selected or not, calls its secret, with its environment and how far it is.
fn wanted<'world>(
    world: &'world World<'_>,
) -> HashMap<&'world str, Vec<(&'world str, LifecycleStatus)>> {
    let mut wanted: HashMap<&str, Vec<_>> = HashMap::new();
    for entry in &world.catalog.entries {
        let key = entry.manifest().and_then(|manifest| manifest.store_key.as_ref()?.as_ref().ok());
        if let (Some(request), Some(key)) = (entry.request(), key) {
            wanted
                .entry(key.as_str())
                .or_default()
                .push((request.environment.as_str(), request.status));
        }
    }
    // Whoever lives counts before whoever is gone.
    for statuses in wanted.values_mut() {
        if statuses.iter().any(|(_, status)| *status != LifecycleStatus::Decommissioned) {
            statuses.retain(|(_, status)| *status != LifecycleStatus::Decommissioned);
        }
    }
    wanted
}
