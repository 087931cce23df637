//! Nothing in a repository runs.
