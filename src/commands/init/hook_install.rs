//! The installation of the commit hook in this clone.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use goldenpath_core::sanitize::sanitize;
use goldenpath_core::scaffold::pre_commit_config;
use goldenpath_core::vcs::Repository;

use crate::commands::hook;
use crate::context::Context;
use crate::failure::Failure;

/// The programs that read `.pre-commit-config.yaml`, and take the same arguments.
const FRAMEWORKS: [&str; 2] = ["pre-commit", "prek"];

/// Installs the hook: by the framework, if the repository has one, or else natively.
pub(super) fn install(
    repository: &Repository,
    has_framework: bool,
    context: &Context,
) -> Result<(), Failure> {
    if !has_framework {
        return hook::install(&[], false, context).map(drop);
    }
    let Some((name, program)) = FRAMEWORKS.into_iter().find_map(|name| Some((name, find(name)?)))
    else {
        return Err(Failure::rejected(
            "cannot install the commit hook: neither pre-commit nor prek is on the PATH",
            format!("install one of them, then run `{}`", pre_commit_config::INSTALL),
        ));
    };
    let mut command = Command::new(program);
    command.args(pre_commit_config::INSTALL.split(' ').skip(1));
    let output = command
        .current_dir(repository.root())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::io(&format!("cannot run {name}"), &error))?;
    if output.status.success() {
        context.streams.result(&format!("installed the hooks of {name}\n"));
        return Ok(());
    }
    let both = [output.stdout, output.stderr].concat();
    let said = sanitize(String::from_utf8_lossy(&both).trim()).into_owned();
    Err(Failure::rejected(
        format!("cannot install the commit hook: {name} failed: {said}"),
        format!("fix it, then run `{}`", pre_commit_config::INSTALL),
    ))
}

/// Returns the program on the PATH. A relative folder there could be one of the repository.
fn find(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    let absolute = env::split_paths(&folders).filter(|folder| folder.is_absolute());
    absolute.map(|folder| folder.join(&name)).find(|program| program.is_file())
}
