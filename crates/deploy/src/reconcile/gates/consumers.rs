//! The gate `consumers`: mentions of a Secret in the GitOps repository.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::{Gate, GateVerdict, PRUNE_QUESTION};
use crate::branch::LACKED;
use crate::reconcile::ReconcileContext;
use crate::reconcile::consumers::{ConsumerSearch, Consumers, list_places};
use crate::reconcile::desired::DesiredSecret;
use goldenpath_core::manifest::LifecycleStatus;

/// The GitOps repositories of a run, each searched at most once.
pub(super) struct ConsumerGate<'run> {
    searches: Vec<OnceCell<ConsumerSearch<'run>>>,
}

impl<'run> ConsumerGate<'run> {
    pub(super) fn of(context: &'run ReconcileContext<'_>) -> Self {
        Self { searches: context.gitops.iter().map(|_| OnceCell::new()).collect() }
    }

    /// Returns the gate's verdict for one secret.
    pub(super) fn verdict(
        &self,
        context: &'run ReconcileContext<'_>,
        desired: &DesiredSecret<'_>,
    ) -> GateVerdict {
        let environment = desired.request.environment.as_str();
        let Some(index) = context.gitops_index(environment) else {
            let words = "no GitOps repository was checked, since none is configured".to_owned();
            return GateVerdict { gate: Gate::Consumers, is_open: true, words };
        };
        let search = self.searches[index]
            .get_or_init(|| ConsumerSearch::of(&context.gitops[index].1, &requested(context)));
        let name = desired.request.k8s_secret_name.as_str();
        let roots = context.project.config.gitops_roots(environment);
        let (namespace, file) = (desired.request.namespace.as_str(), &desired.projection.file);
        let found = search.consumers(name, namespace, &roots, file);
        let is_open = found.mentions.is_empty() && found.unread.is_empty();
        let words = if is_open { unnamed(name, &found) } else { named(name, &found) };
        GateVerdict { gate: Gate::Consumers, is_open, words }
    }
}

/// Returns the Kubernetes Secrets of all decommission requests.
fn requested<'run>(context: &ReconcileContext<'run>) -> BTreeSet<&'run str> {
    context
        .catalog
        .requests()
        .filter(|request| request.status == LifecycleStatus::DecommissionRequested)
        .map(|request| request.k8s_secret_name.as_str())
        .collect()
}

fn unnamed(name: &str, found: &Consumers<'_>) -> String {
    let mut words =
        format!("nothing in the GitOps repository names `{name}` (files: {})", found.files);
    if !found.composed.is_empty() {
        words.push_str("; a template could compose the name: ");
        words.push_str(&list_places(&found.composed));
    }
    words
}

fn named(name: &str, found: &Consumers<'_>) -> String {
    let mut parts = Vec::new();
    if !found.mentions.is_empty() {
        let places = list_places(&found.mentions);
        parts.push(format!("`{name}` is still named in the GitOps repository: {places}"));
        parts.push(PRUNE_QUESTION.to_owned());
    }
    if !found.unread.is_empty() {
        let places = list_places(&found.unread);
        parts.push(format!("not all of the GitOps repository was read: {places}"));
    }
    if found.unread.iter().any(|item| item.why == LACKED) {
        parts.push("`git fetch --refetch --no-filter origin` there fetches the rest".to_owned());
    }
    parts.join("; ")
}
