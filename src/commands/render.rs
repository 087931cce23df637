//! `goldenpath render`

use std::path::PathBuf;

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::findings::{count_of, findings_for_people, summary};
use goldenpath_core::catalog::Selection;
use goldenpath_core::files;
use goldenpath_core::projection;
use goldenpath_core::projection::{Projection, ProjectionTemplate};
use goldenpath_core::report::count;
use goldenpath_core::rules;
use goldenpath_core::rules::{RuleSet, Severity};
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::gitops::check_path;

/// Print the ExternalSecrets of manifests
///
/// Renders the given files and folders, or the whole catalog, from the work tree. Manifests with
/// errors are not rendered: their findings are shown, and the exit code is 1.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("render":
    "Print the ExternalSecrets of one service" => "goldenpath render --service payments",
    "Write those of one environment into a file" =>
        "goldenpath render --env prod > external-secrets.yaml",
    "Write files as in the GitOps repository" => "goldenpath render --out-dir rendered",
))]
pub(crate) struct Args {
    /// Manifests and folders [default: the whole catalog]
    paths: Vec<PathBuf>,
    /// Write files below DIR, with the paths of the GitOps repository
    #[arg(long, value_name = "DIR")]
    out_dir: Option<PathBuf>,
    #[command(flatten)]
    selection: crate::args::selection::SelectionArgs,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    let rules = RuleSet::of(&project)?;
    let checked = rules.read(
        &repository,
        Snapshot::WorkTree,
        &Selection::of(&repository, &args.paths)?,
        None,
    )?;
    args.selection.check(&project, &checked.catalog)?;
    let (catalog, findings) = rules.finish(checked)?;
    if count(&findings, Severity::Error) > 0 {
        let terminal = context.streams.err;
        for drawn in findings_for_people(&findings, &catalog, terminal) {
            context.streams.rendered(&drawn);
        }
        context.streams.rendered(&summary(catalog.selected().count(), &findings, terminal));
        return Ok(Outcome::Failed);
    }
    let template = ProjectionTemplate::compile(
        project.template(&repository, projection::TEMPLATE)?.as_deref(),
    )?;
    let mut rendered = 0;
    for entry in catalog.selected() {
        let Some(request) = entry.request().filter(|request| args.selection.selects(request))
        else {
            continue;
        };
        let redact = |text: &mut String| rules::redact_texts(entry, &project, [text]);
        let projection = Projection::of(request, &project, &template);
        let projection = projection.map_err(|error| error.map_texts(redact))?;
        match &args.out_dir {
            None => {
                context.streams.result("---\n");
                context.streams.yaml(&projection.text);
            }
            Some(folder) => {
                check_path(&projection.file)?;
                let path = files::join_below(folder, &projection.file).map_err(|why| {
                    Failure::usage(why, "set `gitops.file` to a path below the folder")
                })?;
                files::write_atomic(&path, projection.text.as_bytes()).map_err(|error| {
                    Failure::io(&format!("cannot write `{}`", path.display()), &error)
                })?;
                context.streams.result(&format!("{}\n", path.display()));
            }
        }
        rendered += 1;
    }
    context.streams.message(&format!("rendered {}", count_of(rendered, "ExternalSecret")));
    Ok(Outcome::Done)
}
