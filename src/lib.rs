//! The command line of goldenpath: parses arguments, asks questions and prints results.
//!
//! Functions that a second front end could use are in `goldenpath-core` and `goldenpath-deploy`.
//!
//! | module | subject |
//! | --- | --- |
//! | `cli` | the command line of this process: shared options, exit codes |
//! | `commands` | one file or folder per command, and nothing else |
//! | `args` | argument groups that commands share |
//! | `check_report` | a check, and the report of what it finds |
//! | `context` | the settings and streams that commands run with |
//! | `failure` | errors with their exit codes |
//! | `git_hooks` | native git hooks: their installation, and the refs that git passes to them |
//! | [`prompt`] | questions on a terminal |
//! | [`output`] | results, tables, progress |
//! | `outcome` | the result of a command |
//! | `interrupt` | Ctrl-C |
//! | `hardening` | protection of this process's memory |

mod args;
mod check_report;
pub mod cli;
mod commands;
mod context;
mod failure;
mod git_hooks;
mod hardening;
pub mod interrupt;
mod outcome;
pub mod output;
pub mod prompt;
