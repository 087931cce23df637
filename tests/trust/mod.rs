//! Attacks by a pull request, another repository or another store that must fail. A test's name is
//! the promise; `docs/explanation/threat-model.md` lists each.

mod audit_trail;
mod catalog_binding;
mod change;
mod ci_output;
mod destinations;
mod endpoints;
mod ids;
mod local_store;
mod nothing_runs;
mod ownership;
mod pipeline;
mod secret_corpus;
mod templates;
mod threat_model;
