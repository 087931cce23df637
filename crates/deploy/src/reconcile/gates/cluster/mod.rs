//! The gate `live-cluster`: references to a Kubernetes Secret in the cluster.
//!
//! Nothing is written to the cluster, and no Secret is read.

#[cfg_attr(not(feature = "live-cluster"), path = "absent.rs")]
mod connection;
#[cfg(feature = "live-cluster")]
mod objects;

use std::collections::{BTreeMap, BTreeSet};

use connection::Connection;

use super::{Gate, GateVerdict, PRUNE_QUESTION};
use crate::reconcile::ReconcileContext;
use crate::reconcile::consumers::list_places;
use crate::reconcile::desired::DesiredSecret;
use goldenpath_core::config::ClusterConfig;
use goldenpath_core::manifest::LifecycleStatus;

/// The clusters of a run.
///
/// Each cluster is connected once and each namespace is searched once. Errors are cached, too.
#[derive(Default)]
pub(super) struct Clusters {
    /// By environment.
    connections: BTreeMap<String, Result<Connection, String>>,
    /// By environment and namespace.
    contents: BTreeMap<(String, String), Result<NamespaceContent, String>>,
}

/// The content of one namespace.
struct NamespaceContent {
    /// Whether any object was found.
    ///
    /// Each namespace has a service account, so false means that the namespace does not exist.
    exists: bool,
    references: Vec<ObjectReference>,
}

/// An object that names a Kubernetes Secret.
struct ObjectReference {
    /// Kind, namespace and name, such as `Deployment payments/web`.
    object: String,
    /// The name of the Kubernetes Secret.
    name: String,
}

impl Clusters {
    /// Returns the gate's verdict for one secret.
    pub(super) async fn verdict(
        &mut self,
        context: &ReconcileContext<'_>,
        desired: &DesiredSecret<'_>,
    ) -> GateVerdict {
        let gate = Gate::LiveCluster;
        let environment =
            context.project.config.environments.get(desired.request.environment.as_str());
        let cluster = environment.and_then(|own| own.cluster.as_ref());
        let Some((config, kube_context)) =
            cluster.and_then(|config| Some((config, config.context.as_deref()?)))
        else {
            let words = "no live cluster was checked, since none is configured".to_owned();
            return GateVerdict { gate, is_open: true, words };
        };
        let (name, namespace) =
            (desired.request.k8s_secret_name.as_str(), desired.request.namespace.as_str());
        let place = format!("the live cluster (context `{kube_context}`)");
        let (is_open, words) = match self.content_of(context, config, kube_context, desired).await {
            Err(why) => (false, format!("cannot check {place}: {why}")),
            Ok(found) => {
                let named: Vec<&str> = found
                    .references
                    .iter()
                    .filter(|one| one.name == name)
                    .map(|one| one.object.as_str())
                    .collect();
                if !named.is_empty() {
                    let objects = list_places(&named);
                    let words = format!("`{name}` is still referred to in {place}: {objects}");
                    (false, format!("{words}; {PRUNE_QUESTION}"))
                } else if found.exists {
                    let words = format!(
                        "nothing in the namespace `{namespace}` of {place} refers to `{name}`"
                    );
                    (true, words)
                } else {
                    (true, format!("{place} has no namespace `{namespace}`"))
                }
            }
        };
        GateVerdict { gate, is_open, words }
    }

    /// Returns the content of a secret's namespace, or the error.
    async fn content_of(
        &mut self,
        context: &ReconcileContext<'_>,
        config: &ClusterConfig,
        kube_context: &str,
        desired: &DesiredSecret<'_>,
    ) -> &Result<NamespaceContent, String> {
        let place =
            (desired.request.environment.to_string(), desired.request.namespace.to_string());
        if !self.contents.contains_key(&place) {
            let found = self.search(context, config, kube_context, desired).await;
            self.contents.insert(place.clone(), found);
        }
        &self.contents[&place]
    }

    /// Searches for the Secrets of all decommission requests of the environment.
    async fn search(
        &mut self,
        context: &ReconcileContext<'_>,
        config: &ClusterConfig,
        kube_context: &str,
        desired: &DesiredSecret<'_>,
    ) -> Result<NamespaceContent, String> {
        let environment = &desired.request.environment;
        if !self.connections.contains_key(environment.as_str()) {
            let connection = Connection::open(config, kube_context, &context.project.root).await;
            self.connections.insert(environment.to_string(), connection);
        }
        let connection = self.connections[environment.as_str()].as_ref().map_err(String::clone)?;
        let names: BTreeSet<&str> = context
            .catalog
            .requests()
            .filter(|request| request.status == LifecycleStatus::DecommissionRequested)
            .filter(|request| request.environment == *environment)
            .map(|request| request.k8s_secret_name.as_str())
            .collect();
        connection.search(desired.request.namespace.as_str(), &names).await
    }
}
