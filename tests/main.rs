//! The built binary, used as people and pipelines use it: one module a capability.

mod support;
