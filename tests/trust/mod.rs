//! What a pull request, a foreign repository or a foreign store cannot do. A test's name is the
//! promise; `docs/explanation/threat-model.md` names each.

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
