//! The gate `live-cluster`: whatever in the environment's cluster still refers to a Kubernetes secret. Nothing is written there, and
//! no Secret is read.

#[cfg_attr(not(feature = "live-cluster"), path = "absent.rs")]
mod connection;
#[cfg(feature = "live-cluster")]
mod objects;

use std::collections::{BTreeMap, BTreeSet};

use connection::Connection;

use super::references::Reference;
use super::{Gate, GateVerdict, places};
use crate::reconcile::World;
use crate::reconcile::desired::DesiredSecret;
use goldenpath_core::config::ClusterConfig;
use goldenpath_core::manifest::LifecycleStatus;

/// The clusters of a run: each is connected to once, and each of their namespaces is looked through once. What went wrong is
/// kept as well.
#[derive(Default)]
pub(super) struct Clusters {
    /// By environment.
    connections: BTreeMap<String, Result<Connection, String>>,
    /// By environment and namespace.
    found: BTreeMap<(String, String), Result<NamespaceContent, String>>,
}

/// What is in one namespace.
struct NamespaceContent {
    /// There is anything at all: a namespace has a service account, so that there is none of that name where this is false.
    is_there: bool,
    references: Vec<Reference>,
}

impl Clusters {
    /// What is to be said of one secret.
    pub(super) async fn verdict(
        &mut self,
        world: &World<'_>,
        wish: &DesiredSecret<'_>,
    ) -> GateVerdict {
        let gate = Gate::LiveCluster;
        let environment = world.project.config.environments.get(wish.request.environment.as_str());
        let cluster = environment.and_then(|own| own.cluster.as_ref());
        let Some((config, context)) =
            cluster.and_then(|config| Some((config, config.context.as_deref()?)))
        else {
            let words = "the live cluster was not looked at, since none is configured".to_owned();
            return GateVerdict { gate, is_open: true, words };
        };
        let (name, namespace) =
            (wish.request.k8s_secret_name.as_str(), wish.request.namespace.as_str());
        let place = format!("the live cluster (context `{context}`)");
        let (is_open, words) = match self.found(world, config, context, wish).await {
            Err(why) => (false, format!("{place} could not be looked at: {why}")),
            Ok(found) => {
                let named: Vec<&Reference> =
                    found.references.iter().filter(|one| one.is_of(name, namespace)).collect();
                match named.is_empty() {
                    false => (
                        false,
                        format!("`{name}` is still referred to in {place}: {}", places(&named)),
                    ),
                    true if found.is_there => (
                        true,
                        format!(
                            "nothing in the namespace `{namespace}` of {place} refers to `{name}`"
                        ),
                    ),
                    true => (true, format!("{place} has no namespace `{namespace}`")),
                }
            }
        };
        GateVerdict { gate, is_open, words }
    }

    /// What is in a secret's namespace, or why that is not known.
    async fn found(
        &mut self,
        world: &World<'_>,
        config: &ClusterConfig,
        context: &str,
        wish: &DesiredSecret<'_>,
    ) -> &Result<NamespaceContent, String> {
        let place = (wish.request.environment.to_string(), wish.request.namespace.to_string());
        if !self.found.contains_key(&place) {
            let found = self.look(world, config, context, wish).await;
            self.found.insert(place.clone(), found);
        }
        &self.found[&place]
    }

    /// Looks for the Kubernetes secrets of all manifests of the environment whose end is asked for.
    async fn look(
        &mut self,
        world: &World<'_>,
        config: &ClusterConfig,
        context: &str,
        wish: &DesiredSecret<'_>,
    ) -> Result<NamespaceContent, String> {
        let environment = &wish.request.environment;
        if !self.connections.contains_key(environment.as_str()) {
            let connection = Connection::open(config, context, &world.project.root).await;
            self.connections.insert(environment.to_string(), connection);
        }
        let connection = self.connections[environment.as_str()].as_ref().map_err(String::clone)?;
        let names: BTreeSet<&str> = world
            .catalog
            .requests()
            .filter(|request| request.status == LifecycleStatus::DecommissionRequested)
            .filter(|request| request.environment == *environment)
            .map(|request| request.k8s_secret_name.as_str())
            .collect();
        connection.look(wish.request.namespace.as_str(), &names).await
    }
}
