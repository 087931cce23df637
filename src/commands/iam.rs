//! `goldenpath iam`

use clap::ValueEnum;

use crate::args::environments::EnvironmentArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use goldenpath_core::sanitize::sanitize_json;
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::iam::{
    IamRoles, PipelineRepository, RolePurpose, derive_roles, to_cloudformation, to_json,
    to_terraform,
};

/// Print the least IAM roles for this configuration: policies and trust
///
/// Resources follow from `store.keyTemplate`, accounts and regions; conditions from the tags of
/// the catalog. AWS is not called. What the configuration does not say is a wildcard or a name in
/// capitals, and a message on stderr says what to set or replace.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("iam":
    "Print the role of the pipeline that applies" => "goldenpath iam --for apply",
    "Print one environment's roles for Terraform" =>
        "goldenpath iam --for apply --env prod --format terraform > roles.tf",
    "Print the operator's roles for CloudFormation" =>
        "goldenpath iam --for operator --format cloudformation > roles.json",
))]
pub(crate) struct Args {
    /// Set what the roles are for
    #[arg(long = "for", value_enum, value_name = "PURPOSE")]
    purpose: Purpose,
    #[command(flatten)]
    environments: EnvironmentArgs,
    /// Set how to print the roles
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Purpose {
    /// Reading: plan, due, list, report, show
    Plan,
    /// The pipeline that applies
    Apply,
    /// People who set, rotate and read values
    Value,
    /// The operator that reads values into a cluster
    Operator,
    /// People who run `apply --adopt` or `--rebind-catalog`
    Adopt,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// One JSON object
    #[default]
    Json,
    /// Resources for Terraform
    Terraform,
    /// A CloudFormation template, in JSON
    Cloudformation,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    let environments = args.environments.select(&project)?;
    let purpose = match args.purpose {
        Purpose::Plan => RolePurpose::Plan,
        Purpose::Apply => RolePurpose::Apply,
        Purpose::Value => RolePurpose::Value,
        Purpose::Operator => RolePurpose::Operator,
        Purpose::Adopt => RolePurpose::Adopt,
    };
    let pipeline = PipelineRepository {
        repository: repository.host_and_path(project.config.audit.remote.as_deref())?,
        default_branch: repository.known_default_branch()?,
    };
    let IamRoles { roles, notes } = derive_roles(&project, purpose, &environments, &pipeline)?;
    let text = match args.format {
        Format::Json => format!("{:#}\n", to_json(purpose, &roles)),
        Format::Terraform => to_terraform(&roles),
        Format::Cloudformation => format!("{:#}\n", to_cloudformation(&roles)),
    };
    context.streams.result(&sanitize_json(&text));
    for note in notes {
        context.streams.message(&format!("Note: {note}"));
    }
    Ok(Outcome::Done)
}
