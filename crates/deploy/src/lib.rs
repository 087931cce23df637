//! goldenpath for merge pipelines: stores, values, GitOps, plan and apply.
//!
//! Data flows one way: catalog → plan → actions → audit. A module imports only modules that are
//! listed below it.
//!
//! | module | subject |
//! | --- | --- |
//! | [`readiness`] | whether all that apply will need is there and permitted |
//! | [`iam`] | the least IAM roles that a configuration needs |
//! | [`reconcile`] | desired state against actual state → plan → apply |
//! | [`inventory`] | the catalog for people and spreadsheets: rows, due dates, the page |
//! | [`lifecycle`] | the lifecycle: legal steps, and one step in a file |
//! | [`audit`] | the journal of a run, and its commit to the audit trail |
//! | [`gitops`] | the GitOps repository: reading it, and writing projections |
//! | [`store`] | the [`store::SecretStore`] trait, AWS, local |
//! | [`value`] | a secret's value: texts by key, parsed, serialized, generated |
//! | [`branch`] | commits to a branch, checked out or on a remote; locks and recovery |

#![warn(missing_docs)]

pub mod audit;
pub mod branch;
pub mod gitops;
pub mod iam;
pub mod inventory;
pub mod lifecycle;
pub mod readiness;
pub mod reconcile;
pub mod store;
pub mod value;
