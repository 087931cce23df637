//! The library behind goldenpath: manifests, configuration, rules, IDs and git.
//!
//! A hook, an editor and a server can use it without a terminal, network stores or a cluster.
//!
//! Data flows one way: bytes → manifest → catalog → findings. A module imports only modules that
//! are listed below it.
//!
//! | module | subject |
//! | --- | --- |
//! | [`check`] | a range of commits, the index or the work tree → findings |
//! | [`scaffold`] | answers → template → manifest file |
//! | [`ids`] | the next ID, reservation, renumbering |
//! | [`codeowners`] | the CODEOWNERS lines that follow from the configuration |
//! | [`report`] | findings for machines: JSON, SARIF, GitHub's workflow commands |
//! | [`fixes`] | findings → changed files with fewer findings |
//! | [`rules`] | the rules, one file each |
//! | [`projection`] | manifest → ExternalSecret |
//! | [`catalog`] | snapshot → manifests, with the configuration that applies to them |
//! | [`used_ids`] | the IDs in use |
//! | [`trail`] | the audit trail: reading and verifying |
//! | [`vcs`] | git: work tree, index, commits, history, remotes |
//! | [`manifest`] | the SecretRequest: schema and typed model |
//! | [`config`] | `goldenpath.yaml` with its policies, enums, governance |
//! | [`yaml`] | YAML with spans, and edits that keep comments |
//! | [`template`] | minijinja with limits, and the built-in templates |
//! | [`endpoint`] | the URLs that signed requests may use, and AWS's regions |
//! | [`files`] | files that are written whole or not at all |
//! | [`sanitize`] | text from outside, made safe for terminals and CI logs |
//! | [`arn`] | the kinds of Amazon Resource Names in configuration |
//! | [`suggest`] | "did you mean …?" |
//! | [`clock`] | the time of what is recorded |
//! | [`crash_point`] | places where a test can end the program |

#![warn(missing_docs)]

pub mod arn;
pub mod catalog;
pub mod check;
pub mod clock;
pub mod codeowners;
pub mod config;
pub mod crash_point;
pub mod endpoint;
pub mod files;
pub mod fixes;
pub mod ids;
pub mod manifest;
pub mod projection;
pub mod report;
pub mod rules;
pub mod sanitize;
pub mod scaffold;
pub mod suggest;
pub mod template;
#[cfg(test)]
mod testing;
pub mod trail;
pub mod used_ids;
pub mod vcs;
pub mod yaml;
