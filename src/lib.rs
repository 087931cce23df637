//! goldenpath: from a developer's intent to a secret in a Kubernetes cluster on AWS, and back out again.
pub mod catalog;
pub mod cli;
pub mod config;
pub mod diagnostics;
pub mod files;
pub mod gitops;
pub mod ids;
pub mod manifest;
pub mod projection;
pub mod reconcile;
pub mod rules;
pub mod scaffold;
pub mod source;
pub mod store;
pub mod template;
pub mod terminal;
