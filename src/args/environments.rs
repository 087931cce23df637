//! `--env` alone, for commands that look at the configuration and at no manifest.

use crate::failure::Failure;
use goldenpath_core::catalog::Project;
use goldenpath_core::suggest;

/// Selects environments of the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct EnvironmentArgs {
    /// Select this environment; may be repeated
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl EnvironmentArgs {
    /// Returns the selected environments in the order of the enums; all of them without `--env`.
    ///
    /// # Errors
    /// A name that is not in the enums.
    pub(crate) fn select(&self, project: &Project) -> Result<Vec<String>, Failure> {
        let known = &project.enums.environments;
        if let Some(unknown) = self.environments.iter().find(|name| !known.contains(name)) {
            let suggestion = suggest::did_you_mean(unknown, known.iter().map(String::as_str));
            let help = suggestion.unwrap_or_else(|| format!("use one of {}", known.join(", ")));
            return Err(Failure::usage(format!("`--env {unknown}` selects nothing"), help));
        }
        let is_selected =
            |name: &&String| self.environments.is_empty() || self.environments.contains(name);
        Ok(known.iter().filter(is_selected).cloned().collect())
    }
}
