//! Replaces connections in builds without the feature `live-cluster`.

use std::collections::BTreeSet;
use std::path::Path;

use super::NamespaceContent;
use goldenpath_core::config::ClusterConfig;

pub(super) enum Connection {}

impl Connection {
    #[allow(clippy::unused_async, reason = "same signature as with the feature")]
    pub(super) async fn open(_: &ClusterConfig, _: &str, _: &Path) -> Result<Self, String> {
        Err("this goldenpath was built without `live-cluster`; use a build with it".to_owned())
    }

    #[allow(clippy::unused_async, reason = "same signature as with the feature")]
    pub(super) async fn search(
        &self,
        _: &str,
        _: &BTreeSet<&str>,
    ) -> Result<NamespaceContent, String> {
        match *self {}
    }
}
