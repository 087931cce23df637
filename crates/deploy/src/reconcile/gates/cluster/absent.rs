//! What stands for connections where goldenpath was built without `live-cluster`: there is none.

use std::collections::BTreeSet;
use std::path::Path;

use super::NamespaceContent;
use goldenpath_core::config::ClusterConfig;

pub(super) enum Connection {}

impl Connection {
    #[allow(clippy::unused_async, reason = "it is asked for in the same way")]
    pub(super) async fn open(_: &ClusterConfig, _: &str, _: &Path) -> Result<Self, String> {
        Err("this goldenpath was built without `live-cluster`; take one that has it".to_owned())
    }

    #[allow(clippy::unused_async, reason = "it is asked in the same way")]
    pub(super) async fn look(
        &self,
        _: &str,
        _: &BTreeSet<&str>,
    ) -> Result<NamespaceContent, String> {
        match *self {}
    }
}
