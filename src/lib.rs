//! The command line of goldenpath: parses, asks, prints. Everything that a second front end would
//! want is in `goldenpath-core` and `goldenpath-deploy`.
//!
//! | module | subject |
//! | --- | --- |
//! | `cli` | the command line of this process: shared options, exit codes |
//! | `commands` | one file or folder a command, and nothing else |
//! | `args` | argument groups that commands share |
//! | `git_hooks` | git's native hooks: installing them, and the refs that git passes to them |
//! | [`prompt`] | questions on a terminal |
//! | [`output`] | results, tables, progress |
//! | `failure` | errors with their exit codes |
//! | `interrupt` | Ctrl-C |
//! | `hardening` | core dumps off |

mod args;
pub mod cli;
mod commands;
mod failure;
mod git_hooks;
mod hardening;
pub mod interrupt;
pub mod output;
pub mod prompt;
