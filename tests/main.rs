//! The built binary, used as people and pipelines use it: one module a capability.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on says so by panicking

mod access;
mod accounts;
mod apply_aws;
mod apply_local;
mod bad_input;
mod changes;
mod demo;
mod docs;
mod drift;
mod due;
mod formats;
mod gitops;
mod golden;
mod hook_frameworks;
mod hooks;
mod ids;
mod init;
mod lifecycle;
mod list;
mod new_secret;
mod plan_markdown;
mod policies;
mod progress;
mod properties;
mod render;
mod rotation;
mod screens;
mod secret_values;
mod shards;
mod show;
mod stopping;
mod support;
mod trouble;
mod ttl;
mod validate;
