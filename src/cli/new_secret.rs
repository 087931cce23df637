//! `goldenpath new secret`

use serde_json::json;

use super::allocating::tell;
use super::{Context, Failure, Outcome};
use crate::catalog::{Catalog, Selection};
use crate::diagnostics::{findings_for_people, summary};
use crate::ids::Allocator;
use crate::scaffold::{self, Draft, Field, NewManifest};
use crate::source::{Repository, Snapshot};
use crate::terminal::{Prompter, harmless_json};

/// Write a new SecretRequest, with the next free ID
///
/// Asks for what the flags leave open. Without a terminal nothing is asked: --service, --env, --type, --name, --owner
/// and --risk must be given, and the rest follows from them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The service that uses the secret
    #[arg(long)]
    service: Option<String>,
    /// The environment; several make a manifest each
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    environments: Vec<String>,
    /// What kind of secret it is, such as database-credentials
    #[arg(long = "type", value_name = "TYPE")]
    secret_type: Option<String>,
    /// The secret's name
    #[arg(long)]
    name: Option<String>,
    /// Who answers for it
    #[arg(long)]
    owner: Option<String>,
    /// The risk tier
    #[arg(long, value_name = "TIER")]
    risk: Option<String>,
    /// The rotation class [default: what the risk tier asks for]
    #[arg(long, value_name = "CLASS")]
    rotation: Option<String>,
    /// The Kubernetes namespace [default: the service]
    #[arg(long)]
    namespace: Option<String>,
    /// The Kubernetes Secret's name [default: the name]
    #[arg(long, value_name = "NAME")]
    k8s_secret_name: Option<String>,
    /// Days until somebody looks whether it is still needed [default: 90, or less where the risk tier says so]
    #[arg(long, value_name = "DAYS")]
    ttl_days: Option<String>,
    /// One line for people; becomes the secret's description in its store
    #[arg(long)]
    description: Option<String>,
    /// Print what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the IDs and paths as JSON
    #[arg(long)]
    json: bool,
    /// Take the defaults and write without asking for confirmation
    #[arg(short, long)]
    yes: bool,
}

pub(super) fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    let (dry_run, as_json, yes) = (args.dry_run, args.json, args.yes);
    let mut draft = args.draft();
    draft.check(&project).map_err(|wrong| wrong_flags(&wrong))?;

    let prompter = Prompter::on_terminal(context.streams.err);
    // Who takes the defaults is asked for nothing that has one.
    let questions = if yes { draft.missing() } else { Field::ALL.to_vec() };
    if let Some(prompter) = &prompter
        && !questions.is_empty()
    {
        context.streams.talk("A new secret. Ctrl-C backs out; nothing is written before the end.");
        scaffold::ask(prompter, &questions, &mut draft, &project)?;
    }
    if !draft.missing().is_empty() {
        return Err(missing_flags(&draft.missing()));
    }
    let answers = draft.finish(&project).map_err(|missing| missing_flags(&missing))?;

    let catalog = Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
    let allocator = Allocator::of(&repository, &project.config.catalog, &project.config.ids, None);
    let first_id = allocator.upcoming(1, &|news| tell(&news, context))?[0];
    let template = project.template(&repository, scaffold::TEMPLATE)?;
    let (made, findings, catalog) = scaffold::make(&answers, first_id, &project, catalog, template.as_deref())?;
    if !findings.is_empty() {
        for drawn in findings_for_people(&findings, &catalog, context.streams.err) {
            context.streams.alert(&drawn);
        }
    }
    if !scaffold::is_fit(&findings) {
        context.streams.alert(&summary(made.len(), &findings, context.streams.err));
        context.streams.talk("Nothing was written.");
        return Ok(Outcome::Failed);
    }
    if let Some(prompter) = prompter.filter(|_| !yes && !dry_run) {
        for manifest in &made {
            prompter.say(&format!("\n{}\n\n{}", manifest.path, manifest.text))?;
        }
        let question =
            if made.len() == 1 { "Write this file?".to_owned() } else { format!("Write these {} files?", made.len()) };
        if !prompter.confirm(&question, true)? {
            context.streams.talk("Nothing was written.");
            return Ok(Outcome::Failed);
        }
    }
    if !dry_run {
        scaffold::write(&made, &project)?;
    }
    report(&made, dry_run, as_json, context);
    Ok(Outcome::Done)
}

fn report(made: &[NewManifest], dry_run: bool, as_json: bool, context: &Context) {
    if as_json {
        let rows: Vec<_> = made
            .iter()
            .map(|manifest| {
                let mut row = json!({ "id": manifest.id, "path": manifest.path });
                if dry_run {
                    row["manifest"] = manifest.text.as_str().into();
                }
                row
            })
            .collect();
        let report = json!({ "version": 1, "dryRun": dry_run, "manifests": rows });
        context.streams.result(&format!("{}\n", harmless_json(&format!("{report:#}"))));
        return;
    }
    for manifest in made {
        match dry_run {
            true => context.streams.result(&format!("# {}\n{}", manifest.path, manifest.text)),
            false => context.streams.result(&format!("{} {}\n", manifest.id, manifest.path)),
        }
    }
    if dry_run {
        context.streams.talk("Nothing was written (--dry-run).");
    } else {
        let paths: Vec<&str> = made.iter().map(|manifest| manifest.path.as_str()).collect();
        context.streams.talk(&format!("Next: git add {} and commit; the merge does the rest.", paths.join(" ")));
    }
}

impl Args {
    fn draft(self) -> Draft {
        let mut draft = Draft::default();
        let single = [
            (Field::Service, self.service),
            (Field::SecretType, self.secret_type),
            (Field::Name, self.name),
            (Field::Owner, self.owner),
            (Field::RiskTier, self.risk),
            (Field::RotationClass, self.rotation),
            (Field::Namespace, self.namespace),
            (Field::K8sSecretName, self.k8s_secret_name),
            (Field::TtlDays, self.ttl_days),
            (Field::Description, self.description),
        ];
        for (field, value) in single {
            if let Some(value) = value {
                draft.answer(field, value);
            }
        }
        for environment in self.environments {
            draft.answer(Field::Environment, environment);
        }
        draft
    }
}

fn missing_flags(missing: &[Field]) -> Failure {
    let flags: Vec<&str> = missing.iter().map(|field| field.flag()).collect();
    Failure::usage(
        format!("there is no terminal to ask on, and no answer for {}", flags.join(", ")),
        format!(
            "give {}; see `goldenpath new secret --help`",
            if flags.len() == 1 { "this flag" } else { "these flags" }
        ),
    )
}

fn wrong_flags(wrong: &[(Field, String)]) -> Failure {
    let lines: Vec<String> = wrong.iter().map(|(field, why)| format!("{}: {why}", field.flag())).collect();
    Failure::usage(lines.join("\n"), "correct the answer; see `goldenpath new secret --help`")
}
