//! Finds Kubernetes Secrets that a plan renames, moves or gives other keys while something uses
//! them.

use std::collections::{BTreeMap, BTreeSet};

use super::consumers::{ConsumerSearch, list_places};
use super::desired::DesiredSecret;
use super::{Action, ReconcileContext, Step};
use crate::gitops::GitopsError;
use goldenpath_core::manifest::{SecretRequest, ValueFormat};
use goldenpath_core::rules::{ConsumerLoss, ConsumerLosses};
use goldenpath_core::yaml;

/// A Kubernetes Secret of a published ExternalSecret.
struct PublishedSecret {
    namespace: String,
    name: String,
    format: ValueFormat,
}

/// Returns the losses of the plan's written projections.
///
/// # Errors
/// A published ExternalSecret that cannot be read.
pub(super) fn find_losses(
    context: &ReconcileContext<'_>,
    all_desired: &[DesiredSecret<'_>],
    actions: &[Action],
) -> Result<ConsumerLosses, GitopsError> {
    let written: BTreeSet<_> = actions
        .iter()
        .filter(|action| matches!(action.step, Step::WriteProjection { .. }))
        .map(|action| action.id)
        .collect();
    let mut losses = ConsumerLosses::new();
    let mut changed: BTreeMap<usize, Vec<(&DesiredSecret<'_>, PublishedSecret)>> = BTreeMap::new();
    for desired in all_desired.iter().filter(|desired| written.contains(&desired.request.id)) {
        let Some(index) = context.gitops_index(desired.request.environment.as_str()) else {
            continue;
        };
        let text = context.gitops[index].1.published_text(&desired.projection.file)?;
        if let Some(old) = text.as_deref().and_then(PublishedSecret::of)
            && old.differs_from(desired.request)
        {
            changed.entry(index).or_default().push((desired, old));
        }
    }
    for (index, changed) in changed {
        let names = changed.iter().map(|(_, old)| old.name.as_str()).collect();
        let search = ConsumerSearch::of(&context.gitops[index].1, &names);
        for (desired, old) in &changed {
            let environment = desired.request.environment.as_str();
            let roots = context.project.config.gitops_roots(environment);
            let file = &desired.projection.file;
            let found = search.consumers(&old.name, &old.namespace, &roots, file);
            let loss = ConsumerLoss {
                namespace: old.namespace.clone(),
                name: old.name.clone(),
                format: old.format.clone(),
                mentions: (!found.mentions.is_empty()).then(|| list_places(&found.mentions)),
                unread: (!found.unread.is_empty()).then(|| list_places(&found.unread)),
            };
            losses.insert(desired.request.id, loss);
        }
    }
    Ok(losses)
}

impl PublishedSecret {
    /// Reads the text of an ExternalSecret; None if a person changed it to something else.
    fn of(text: &str) -> Option<Self> {
        let root = yaml::parse_configuration(text).ok()?;
        let namespace = root.string_at("/metadata/namespace")?.to_owned();
        let name = root.string_at("/spec/target/name")?.to_owned();
        let key = root.string_at("/spec/data/0/secretKey").map(str::to_owned);
        let format = key.map_or(ValueFormat::Json, |key| ValueFormat::Text { key });
        Some(Self { namespace, name, format })
    }

    fn differs_from(&self, request: &SecretRequest) -> bool {
        (self.namespace.as_str(), self.name.as_str(), &self.format)
            != (request.namespace.as_str(), request.k8s_secret_name.as_str(), &request.value_format)
    }
}
