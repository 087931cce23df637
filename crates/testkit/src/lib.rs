//! Helpers for tests that run the built program against real servers and repositories.
//!
//! - [`Repository`] is a git repository created with the `git` program, isolated from the settings
//!   of the user who runs the tests. It runs goldenpath in its work tree: a [`Command`], which ends
//!   in an [`Outcome`] or continues in a [`Terminal`].
//! - [`SEED`] is the manifest of the design; [`findings`] parses what `validate` reports on it.
//! - [`Terminal`] is a pseudo-terminal with a screen: it sends keys and returns the visible text.
//! - [`Moto`] is an AWS Secrets Manager on loopback, one server for all test processes. Each test
//!   takes an [`Account`] of its own on it, so that concurrent tests do not affect one another.
//! - [`Ministack`] is another emulator of AWS, for what must not depend on moto alone.
//! - [`Recorder`] is a proxy between goldenpath and `Moto` that records the API calls, checks them
//!   against AWS's model, and is as unkind as AWS: it injects the faults and the stale answers that
//!   a test asks for.
//! - [`Aws`] is a platform on such an account, with a recorder.
//! - [`Canary`] is a unique value that can be found in files, git objects and processes.
//! - [`Tunnel`] is an HTTPS proxy that records the requested hosts and connects to none.
//! - [`Kubernetes`] is an API server on loopback that lists the objects of a namespace, with a
//!   kubeconfig for it.
//! - [`node_packages`] returns the packages of `tests/node` if node is installed.
//! - [`sample`] leaves out most cases of a long series, unless all are to run
//! - [`skip`] reports that a test cannot run here, and fails where no test may be skipped
//!   (`GOLDENPATH_TEST_NO_SKIPS=1`, as in CI).
//! - [`killed_ever_later`] kills a program at later and later points of its run.
//! - [`is_harmful`] is the list of characters that no output may contain.
//! - [`Platform`] is a catalog's repository and the GitOps repository for its projections.
//! - [`cases!`] makes each row of a table a test of its own.
//!
//! Each module ends with a test of itself, which is also an example of its use.

// A helper that fails ends its test, and a panic reports the cause.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// `new` starts a process or creates files, which no reader expects of `default`.
#![allow(clippy::new_without_default)]

mod aws;
mod canary;
mod command;
#[path = "../../core/src/sanitize/harmful.rs"]
mod harmful;
mod http;
mod kills;
mod kubernetes;
mod ministack;
mod moto;
mod node;
mod platform;
mod python;
mod recorder;
mod repository;
mod sample;
mod seed;
mod service_model;
mod skip;
mod terminal;
mod tunnel;

/// Generates one test per row: `table(check): name(arguments); …`.
#[macro_export]
macro_rules! cases {
    ($table:ident($check:path): $($name:ident($($argument:expr),* $(,)?);)+) => {
        mod $table {
            #[allow(unused_imports, reason = "a row may need no name of the file")]
            use super::*;

            $(
                #[test]
                fn $name() {
                    $check($($argument),*);
                }
            )+
        }
    };
}

#[allow(unused_imports, reason = "a test may use what it is given without naming its type")]
pub use self::{
    aws::{Aws, KEY, as_api_tags, seed_tags, tags},
    canary::{Canary, memory_of},
    command::{Command, Outcome, Running},
    harmful::{every_harmful_character, is_harmful},
    kills::killed_ever_later,
    kubernetes::{Kubernetes, status},
    ministack::Ministack,
    moto::{Account, Moto},
    node::node_packages,
    platform::{Platform, chain, request},
    python::{hook_programs, installed, newer_git, schema_validators},
    recorder::{
        AwsError, Gate, HoldPoint, INTERNAL, INVALID_TOKEN, Lag, MARKED_FOR_DELETION, NO_VALUE,
        NOT_FOUND, OVER_QUOTA, Recorder, SCHEDULED_FOR_DELETION, THROTTLED,
    },
    repository::{Repository, program},
    sample::sample,
    seed::{Found, SEED, SEED_PATH, WEB_PATH, checked, findings, orders, seed_with, web},
    skip::skip,
    terminal::{Key, Terminal},
    tunnel::Tunnel,
};
