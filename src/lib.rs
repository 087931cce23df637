//! goldenpath: from a developer's intent to a secret in a Kubernetes cluster on AWS, and back out again.
//!
//! Data walks one way: bytes → manifest → catalog → findings, or → plan → actions → audit. A room imports only rooms that stand
//! below it here:
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`cli`] | one file a command: its arguments, and a short `run` |
//! | [`reconcile`] | desired state against actual state → plan → apply |
//! | [`gitops`] | the GitOps repository: what is there, and projections written to it |
//! | [`store`] | the [`store::SecretStore`] trait, AWS, local |
//! | [`projection`] | manifest → ExternalSecret |
//! | [`branch`] | a branch that files are committed to, checked out or somewhere else |
//! | [`scaffold`] | answers → template → file |
//! | [`codeowners`] | the CODEOWNERS lines that follow from the configuration |
//! | [`hooks`] | native git hooks: writing them, and reading what git tells them |
//! | [`ids`] | the next ID, reservation, renumbering |
//! | [`report`] | the catalog as a page |
//! | [`inventory`] | the catalog as people ask for it: rows, one secret on one screen, what is due |
//! | [`diagnostics`] | findings to people and machines |
//! | [`lifecycle`] | manifests along their lifecycle: the legal steps, and one in a file |
//! | [`fixes`] | findings → files that have fewer of them |
//! | [`rules`] | one file a rule |
//! | [`catalog`] | snapshot → manifests, with the configuration that judges them |
//! | [`used_ids`] | the IDs in use, and up to which one they count |
//! | [`audit`] | the audit trail: append, read, verify |
//! | [`source`] | where bytes come from: work tree, index, commit |
//! | [`value`] | a secret's value: texts by key, read, written, made |
//! | [`manifest`] | parsing with spans, edits that keep comments, the schema, the typed model |
//! | [`config`] | `goldenpath.yaml` with its policies, enums, governance |
//! | [`git`] | the `git` program, fenced in |
//! | [`terminal`] | the person's terminal: what is harmless to show, and asking |
//! | [`template`] | minijinja, fenced in |
//! | [`files`] | whole files: written entirely or not at all |
//! | [`endpoint`] | the URLs that signed requests may go to, and AWS's regions |
//! | [`arn`] | the kinds of Amazon Resource Names that people write |
//! | [`suggest`] | "did you mean …?" |
//! | [`hardening`] | keeping what is in memory in there |
//! | [`crash`] | places at which a test can end the program |

pub mod arn;
pub mod audit;
pub mod branch;
pub mod catalog;
pub mod cli;
pub mod codeowners;
pub mod config;
pub mod crash;
pub mod diagnostics;
pub mod endpoint;
pub mod files;
pub mod fixes;
pub mod git;
pub mod gitops;
pub mod hardening;
pub mod hooks;
pub mod ids;
pub mod inventory;
pub mod lifecycle;
pub mod manifest;
pub mod projection;
pub mod reconcile;
pub mod report;
pub mod rules;
pub mod scaffold;
pub mod source;
pub mod store;
pub mod suggest;
pub mod template;
pub mod terminal;
pub mod used_ids;
pub mod value;
