//! The gate `consumers`: references to a Secret in the GitOps repository.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::references::{Reference, references};
use super::{Gate, GateVerdict, places};
use crate::gitops::Target;
use crate::reconcile::ReconcileContext;
use crate::reconcile::desired::DesiredSecret;
use goldenpath_core::manifest::LifecycleStatus;
use goldenpath_core::projection;

/// The references in each GitOps repository, which is searched at most once.
pub(super) struct Consumers {
    files: Vec<OnceCell<ConsumerFiles>>,
}

struct ConsumerFiles {
    files: usize,
    references: Vec<Reference>,
}

impl Consumers {
    pub(super) fn of(context: &ReconcileContext<'_>) -> Self {
        Self { files: context.gitops.iter().map(|_| OnceCell::new()).collect() }
    }

    /// Returns the gate's verdict for one secret.
    pub(super) fn verdict(
        &self,
        context: &ReconcileContext<'_>,
        desired: &DesiredSecret<'_>,
    ) -> GateVerdict {
        let (name, namespace) =
            (desired.request.k8s_secret_name.as_str(), desired.request.namespace.as_str());
        let Some(index) = context.gitops_index(desired.request.environment.as_str()) else {
            let words = "no GitOps repository was checked, since none is configured".to_owned();
            return GateVerdict { gate: Gate::Consumers, is_open: true, words };
        };
        let found = self.files[index]
            .get_or_init(|| ConsumerFiles::search(context, &context.gitops[index].1));
        let named: Vec<&Reference> =
            found.references.iter().filter(|one| one.is_of(name, namespace)).collect();
        if named.is_empty() {
            let words =
                format!("nothing in the GitOps repository names `{name}` (files: {})", found.files);
            return GateVerdict { gate: Gate::Consumers, is_open: true, words };
        }
        let words = format!("`{name}` is still named in the GitOps repository: {}", places(&named));
        GateVerdict { gate: Gate::Consumers, is_open: false, words }
    }
}

impl ConsumerFiles {
    /// Searches for the Kubernetes Secrets of all decommission requests.
    fn search(context: &ReconcileContext<'_>, target: &Target) -> Self {
        let names: BTreeSet<&str> = context
            .catalog
            .requests()
            .filter(|request| request.status == LifecycleStatus::DecommissionRequested)
            .map(|request| request.k8s_secret_name.as_str())
            .collect();
        let mut found = Self { files: 0, references: Vec::new() };
        target.visit(&mut |file, text| {
            found.files += 1;
            if !projection::is_projection(text) && names.iter().any(|name| text.contains(name)) {
                found.references.extend(references(file, text, &names));
            }
        });
        found
    }
}
