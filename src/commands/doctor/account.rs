//! The offer to write the account of a store into the configuration.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::context::Context;
use crate::failure::Failure;
use crate::prompt::Prompter;
use goldenpath_core::catalog::{ConfigFile, Project};
use goldenpath_core::config::Backend;
use goldenpath_core::files;
use goldenpath_core::yaml;
use goldenpath_core::yaml::{Scalar, YamlEdit};
use goldenpath_deploy::readiness::UnsetAccount;

/// The largest configuration that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A field of the configuration with the number of an account.
struct AccountField {
    /// The names of the mappings around it, and its own.
    path: Vec<String>,
    number: String,
}

/// Asks on a terminal whether to write the accounts into the configuration, and does so.
///
/// Nothing is asked without a terminal, or if every account is configured.
pub(super) fn offer_accounts(
    unset: &[UnsetAccount],
    project: &Project,
    context: &Context,
) -> Result<(), Failure> {
    let fields = fields(unset, project);
    if fields.is_empty() {
        return Ok(());
    }
    let Some(prompter) = Prompter::on_terminal(context.streams.err) else { return Ok(()) };
    let name = &project.config_name;
    let lines: Vec<String> = fields.iter().map(AccountField::line).collect();
    if !prompter.confirm(&format!("Write {} into {name}?", lines.join(" and ")), false)? {
        return Ok(());
    }
    write(&fields, project)?;
    context.streams.message(&format!(
        "Wrote {} into {name}. Next: commit it; a run with credentials of another account stops \
         then.",
        lines.join(" and ")
    ));
    Ok(())
}

/// Returns the fields to add: one for all environments, if they share an account.
fn fields(unset: &[UnsetAccount], project: &Project) -> Vec<AccountField> {
    let field = |path: &[&str], number: &str| AccountField {
        path: path.iter().map(|name| (*name).to_owned()).collect(),
        number: number.to_owned(),
    };
    let is_unset = |name: &&String| {
        project.config.account_of(name).is_none()
            && project.config.store_of(name).backend == Some(Backend::Aws)
    };
    let all: BTreeSet<&String> = project.enums.environments.iter().filter(is_unset).collect();
    let covered: BTreeSet<&String> =
        unset.iter().flat_map(|account| &account.environments).collect();
    match unset {
        [first, others @ ..]
            if covered == all && others.iter().all(|other| other.number == first.number) =>
        {
            vec![field(&["store", "accountId"], &first.number)]
        }
        _ => unset
            .iter()
            .flat_map(|account| {
                account
                    .environments
                    .iter()
                    .map(move |name| field(&["environments", name, "accountId"], &account.number))
            })
            .collect(),
    }
}

impl AccountField {
    fn line(&self) -> String {
        format!("`{}: \"{}\"`", self.path.join("."), self.number)
    }

    fn pointer(&self) -> String {
        self.path
            .iter()
            .map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1")))
            .collect()
    }
}

/// Adds the fields to the file of the configuration; comments and layout stay.
fn write(fields: &[AccountField], project: &Project) -> Result<(), Failure> {
    let name = &project.config_name;
    let path: PathBuf = match &project.config_file {
        ConfigFile::Tracked(path) => files::join_below(&project.root, path)
            .map_err(|why| Failure::usage(why, "replace the link with a folder"))?,
        ConfigFile::OnDisk(path) => path.clone(),
    };
    let by_hand = |why: &str| {
        let lines: Vec<String> = fields.iter().map(AccountField::line).collect();
        Failure::rejected(
            format!("cannot write the account into {name}: {why}"),
            format!("add {} by hand", lines.join(" and ")),
        )
    };
    let read = files::read_regular(&path, MAX_BYTES);
    let bytes = read.map_err(|why| by_hand(&why.to_string()))?;
    // What was checked is what is changed.
    if bytes != project.config_text.as_bytes() {
        return Err(by_hand("the file was changed while doctor ran"));
    }
    let mut text = project.config_text.clone();
    for field in fields {
        let value = Scalar::String(field.number.clone());
        let edit = YamlEdit::Add { pointer: field.pointer(), value };
        let root = yaml::parse_configuration(&text).ok();
        let edited = root.and_then(|root| edit.apply(&text, &root));
        text = edited.ok_or_else(|| {
            by_hand("it has no mapping to add it to, or cannot be edited in this form")
        })?;
    }
    files::write_atomic(&path, text.as_bytes())
        .map_err(|error| Failure::io(&format!("cannot write `{name}`"), &error))
}
