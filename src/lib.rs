//! The command line of goldenpath: parses arguments, asks questions and prints results.
//!
//! Functions that a second front end could use are in `goldenpath-core` and `goldenpath-deploy`.
//!
//! | module | subject |
//! | --- | --- |
//! | `cli` | the command line of this process: shared options, exit codes |
//! | `commands` | one file or folder per command, and nothing else |
//! | `args` | argument groups that commands share |
//! | [`output`] | results, tables, progress |
//! | `failure` | errors with their exit codes |
//! | `git_hooks` | native git hooks: their installation, and the refs that git passes to them |
//! | [`prompt`] | questions on a terminal |
//! | `interrupt` | Ctrl-C |
//! | `hardening` | protection of this process's memory |

mod args;
pub mod cli;
mod commands;
mod failure;
mod git_hooks;
mod hardening;
pub mod interrupt;
pub mod output;
pub mod prompt;
