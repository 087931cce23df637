//! What the tests stand on: the built program, run for real against real things.
//!
//! - [`Repository`] is a git repository made with the `git` program, closed off from the settings of
//!   whoever runs the tests. It runs goldenpath inside itself: a [`Command`], which ends in an
//!   [`Outcome`] or goes on in a [`Terminal`].
//! - [`SEED`] is the manifest that the design starts from; [`findings`] reads what `validate` says of it.
//! - [`Terminal`] is a pseudo-terminal with a screen: it presses keys and says what a person would see.
//! - [`Moto`] is an AWS Secrets Manager on loopback, one server for all test processes. Each test
//!   takes an [`Account`] of its own on it, so that tests run side by side and see nothing of one another.
//! - [`Recorder`] stands between goldenpath and `Moto`, lists the API calls that went through it, and loses or
//!   refuses those that a test names.
//! - [`Aws`] is a platform on such an account, seen through a recorder.
//! - [`Canary`] is a value that nobody else has, and finds itself in files, in git's objects, and in a process.
//! - [`Tunnel`] is an HTTPS proxy that notes which hosts goldenpath asks for, and connects to none.
//! - [`Kubernetes`] is an API server on loopback that lists what runs in a namespace, with a kubeconfig for it.
//! - [`node_packages`] are the packages of `tests/node`, where there is a node to run them.
//! - [`skip`] is for a test that cannot be run here: it says so, and fails where nothing may be
//!   skipped (`GOLDENPATH_TEST_NO_SKIPS=1`, as in CI).
//! - [`killed_ever_later`] kills a program at each share of the time that it takes.
//! - [`is_harmful`] is the one list of characters that no output may hold.
//! - [`Platform`] is a catalog's repository and the GitOps repository that it projects into.
//! - [`cases!`] makes each row of a table a test of its own.
//!
//! Every piece ends with a test of itself, which also shows how it is used.

// A helper that cannot do its work has no caller to tell: the test is over, and a panic says why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// `new` starts something: a default is not what a reader expects to do so.
#![allow(clippy::new_without_default)]

mod aws;
mod canary;
mod command;
#[path = "../../core/src/sanitize/harmful.rs"]
mod harmful;
mod http;
mod kills;
mod kubernetes;
mod moto;
mod node;
mod platform;
mod python;
mod recorder;
mod repository;
mod seed;
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
    moto::{Account, Moto},
    node::node_packages,
    platform::{Platform, request},
    python::{hook_programs, installed},
    recorder::{Gate, Recorder, When},
    repository::{Repository, program},
    seed::{Found, SEED, SEED_PATH, checked, findings, seed_with},
    skip::skip,
    terminal::{Key, Terminal},
    tunnel::Tunnel,
};
