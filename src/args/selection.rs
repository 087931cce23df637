//! `--env` and `--service`: a part of the catalog.

use std::collections::BTreeSet;

use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest::SecretRequest;

use crate::failure::Failure;

/// Selects a part of the catalog by environment and service.
#[derive(Debug, clap::Args)]
pub(crate) struct SelectionArgs {
    /// Select this environment; may be repeated
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    pub(crate) environments: Vec<String>,
    /// Select this service; may be repeated
    #[arg(long = "service", value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
}

impl SelectionArgs {
    /// Rejects a name that selects nothing: it is probably misspelled.
    pub(crate) fn check(&self, project: &Project, catalog: &Catalog) -> Result<(), Failure> {
        let services: BTreeSet<&str> =
            catalog.requests().map(|request| request.service.as_str()).collect();
        let environments: BTreeSet<&str> =
            project.enums.environments.iter().map(String::as_str).collect();
        for (flag, given, known) in
            [("--env", &self.environments, environments), ("--service", &self.services, services)]
        {
            if let Some(unknown) = given.iter().find(|name| !known.contains(name.as_str())) {
                let known = known.into_iter().collect::<Vec<_>>().join(", ");
                return Err(Failure::usage(
                    format!("`{flag} {unknown}` selects nothing"),
                    format!("use one of {known}"),
                ));
            }
        }
        Ok(())
    }

    /// Returns whether it selects the whole catalog.
    pub(crate) fn is_open(&self) -> bool {
        self.environments.is_empty() && self.services.is_empty()
    }

    /// Returns whether it selects this manifest.
    pub(crate) fn selects(&self, request: &SecretRequest) -> bool {
        self.selects_names(request.environment.as_str(), request.service.as_str())
    }

    /// Returns whether it selects this environment and service.
    pub(crate) fn selects_names(&self, environment: &str, service: &str) -> bool {
        let selects =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|one| one == name);
        selects(&self.environments, environment) && selects(&self.services, service)
    }
}
