//! `goldenpath schema`

use clap::ValueEnum;
use goldenpath_core::files;
use goldenpath_core::manifest::{BUILT_IN_SCHEMA, SCHEMA_FILE_NAME, bundle_schema};
use goldenpath_core::vcs::{Repository, Snapshot};

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Print the JSON Schema of manifests or of goldenpath.yaml
///
/// The schema is one document, without references to other files, for editors and validators. That
/// of manifests has the catalog's lists: owners, environments, secret types and others.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("schema":
    "Print the schema of manifests" => "goldenpath schema manifest",
    "Update the catalog's own schema after a change of its lists" =>
        "goldenpath schema manifest --write",
    "Check a manifest with another validator" =>
        "goldenpath schema manifest > /tmp/manifest.schema.json",
))]
pub(crate) struct Args {
    /// The kind of file that the schema describes
    #[arg(value_enum, default_value_t)]
    kind: Kind,
    /// Write the schema of manifests to the catalog's schemas/ instead of printing it
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
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let Kind::Manifest = args.kind;
    let repository = Repository::discover_to_read()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    let own = match repository.read(Snapshot::WorkTree, SCHEMA_FILE_NAME, MAX_BYTES)? {
        Some(Ok(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Some(Err(why)) => {
            return Err(Failure::usage(format!("{SCHEMA_FILE_NAME}: {why}"), "replace the file"));
        }
        None => None,
    };
    let source = own.as_deref().unwrap_or(BUILT_IN_SCHEMA);
    let text = bundle_schema(SCHEMA_FILE_NAME, source, &project.enums)?;
    if !args.write {
        context.streams.result(&text);
        return Ok(Outcome::Done);
    }
    if own.as_deref() == Some(&text) {
        context.streams.message(&format!("{SCHEMA_FILE_NAME} is up to date."));
        return Ok(Outcome::Done);
    }
    let target = files::join_below(repository.root(), SCHEMA_FILE_NAME)
        .map_err(|why| Failure::usage(why, "replace the link with a folder"))?;
    files::write_atomic(&target, text.as_bytes())
        .map_err(|error| Failure::io(&format!("cannot write `{SCHEMA_FILE_NAME}`"), &error))?;
    context.streams.message(&format!("Wrote {SCHEMA_FILE_NAME}."));
    Ok(Outcome::Done)
}
