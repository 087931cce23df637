//! `goldenpath schema`

use clap::ValueEnum;
use goldenpath_core::files;
use goldenpath_core::manifest::{BUILT_IN_SCHEMA, SCHEMA_FILE_NAME, bundle_schema};
use goldenpath_core::scaffold::{CONFIG_SCHEMA_FILE_NAME, config_schema};
use goldenpath_core::vcs::{Repository, Snapshot};

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Print the JSON Schema of manifests or of goldenpath.yaml
///
/// The schema is one document, without references to other files, for editors and validators. That
/// of manifests has the catalog's lists: owners, environments, secret types and others. That of
/// goldenpath.yaml has its options with their defaults, the rules and the same lists.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("schema":
    "Print the schema of manifests" => "goldenpath schema manifest",
    "Update the catalog's own schema after a change of its lists" =>
        "goldenpath schema manifest --write",
    "Print the schema of goldenpath.yaml, for another validator" =>
        "goldenpath schema config > /tmp/goldenpath.schema.json",
))]
pub(crate) struct Args {
    /// The kind of file that the schema describes
    #[arg(value_enum, default_value_t)]
    kind: Kind,
    /// Write the schema to the catalog's schemas/ instead of printing it
    #[arg(long)]
    write: bool,
}

/// The largest schema that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A SecretRequest
    #[default]
    Manifest,
    /// The configuration, goldenpath.yaml
    Config,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover_to_read()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    let path = match args.kind {
        Kind::Manifest => SCHEMA_FILE_NAME,
        Kind::Config => CONFIG_SCHEMA_FILE_NAME,
    };
    let own = match repository.read(Snapshot::WorkTree, path, MAX_BYTES)? {
        Some(Ok(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Some(Err(why)) => {
            return Err(Failure::usage(format!("{path}: {why}"), "replace the file"));
        }
        None => None,
    };
    let text = match args.kind {
        // A catalog may have fields of its own in it.
        Kind::Manifest => {
            let source = own.as_deref().unwrap_or(BUILT_IN_SCHEMA);
            bundle_schema(path, source, &project.enums)?
        }
        Kind::Config => config_schema(&project.enums)?,
    };
    if !args.write {
        context.streams.result(&text);
        return Ok(Outcome::Done);
    }
    if own.as_deref() == Some(&text) {
        context.streams.message(&format!("{path} is up to date."));
        return Ok(Outcome::Done);
    }
    let target = files::join_below(repository.root(), path)
        .map_err(|why| Failure::usage(why, "replace the link with a folder"))?;
    files::write_atomic(&target, text.as_bytes())
        .map_err(|error| Failure::io(&format!("cannot write `{path}`"), &error))?;
    context.streams.message(&format!("Wrote {path}."));
    Ok(Outcome::Done)
}
