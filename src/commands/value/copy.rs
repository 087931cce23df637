//! `goldenpath value copy`

use jiff::Timestamp;

use super::change::{Confirmation, PreviousValue, ValueChange, ValueOrigin};
use super::secret::{UsableManifest, ValueTarget, WorkTreeCatalog, redact};
use crate::args::plan::reason;
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::outcome::Outcome;
use goldenpath_core::catalog::Project;
use goldenpath_core::rules::Renewal;
use goldenpath_deploy::reconcile::renewal;
use goldenpath_deploy::store::SecretStore;
use goldenpath_deploy::value::SecretValue;

/// Copy the value of a secret to another one
///
/// For a secret with another name, or in another environment. Both manifests need the same
/// secretType and value format. The value passes through memory alone, and its rotation counts
/// from its own date. A copy to another environment, service, owner or risk tier needs --reason,
/// since other people and programs can read the value there.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("value":
    "Copy the value to the secret with the new name" => "goldenpath value copy SEC-0001 SEC-0002",
    "Copy it to another environment" =>
        "goldenpath value copy SEC-0001 SEC-0003 --reason one-sandbox-account",
))]
pub(crate) struct Args {
    /// The ID of the secret to read
    from: String,
    /// The ID of the secret to write
    to: String,
    /// Replace the whole value of the second secret: other keys are removed
    ///
    /// Its current value is not read.
    #[arg(long)]
    replace: bool,
    /// Record TEXT in the audit trail as the reason of the copy
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// Write without confirmation
    #[arg(short, long)]
    yes: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let confirmation = Confirmation::new(args.yes, context)?;
    let catalog = WorkTreeCatalog::read(context)?;
    let (from, to) = (catalog.manifest(&args.from)?, catalog.manifest(&args.to)?);
    check_manifests(&from, &to, args.reason.is_some(), &catalog.project)?;
    block_on(async {
        let from = catalog.open(from, None).await?;
        let to = catalog.open(to, Some(&from)).await?;
        to.check_changeable()?;
        if !to.had_no_value() && !args.replace {
            return Err(Failure::rejected(
                format!("{} already has a value, which is kept", to.id()),
                "give --replace to replace it; `goldenpath value rotate --rollback` makes the \
                 previous version the current one again",
            ));
        }
        let (value, version) = read(&from).await?;
        let origin = ValueOrigin {
            name: format!(
                "copied from {} in {} (version {version})",
                from.id(),
                from.request.environment
            ),
            reason: args.reason.clone(),
            since: since(&from, context.now).await?,
        };
        context.streams.message("From");
        from.print_destination(context);
        context.streams.message("To");
        to.print_destination(context);
        let before = PreviousValue::unread(&to);
        let key_changes = value.key_changes(before.value.as_ref(), &value.names());
        let replaces = before.version;
        ValueChange { origin: Some(origin), action: "copy-value", value, key_changes, replaces }
            .apply(&to, &confirmation, context)
            .await
    })
}

/// Checks what the manifests say, before any call to a store.
fn check_manifests(
    from: &UsableManifest<'_>,
    to: &UsableManifest<'_>,
    has_reason: bool,
    project: &Project,
) -> Result<(), Failure> {
    let redact = |text: String| redact(from.entry, project, redact(to.entry, project, text));
    let (from, to) = (from.request, to.request);
    if from.id == to.id {
        return Err(Failure::usage(
            format!("{} is given twice", from.id),
            "give the ID of the secret to read, and then that of the secret to write",
        ));
    }
    if from.secret_type != to.secret_type {
        return Err(Failure::rejected(
            redact(format!(
                "{} is of type `{}`, and {} of type `{}`: their values have other keys",
                from.id, from.secret_type, to.id, to.secret_type
            )),
            format!("set the value with `goldenpath value set {}`", to.id),
        ));
    }
    if from.value_format != to.value_format {
        return Err(Failure::rejected(
            redact(format!(
                "the value of {} is {}, and that of {} is {}",
                from.id, from.value_format, to.id, to.value_format
            )),
            format!("set the value with `goldenpath value set {}`", to.id),
        ));
    }
    let differences: Vec<String> = [
        ("environment", from.environment.as_str(), to.environment.as_str()),
        ("service", from.service.as_str(), to.service.as_str()),
        ("owner", &from.owner, &to.owner),
        ("risk tier", &from.risk_tier, &to.risk_tier),
    ]
    .into_iter()
    .filter(|(_, from, to)| from != to)
    .map(|(what, from, to)| format!("{what} ({from} → {to})"))
    .collect();
    if differences.is_empty() || has_reason {
        return Ok(());
    }
    Err(Failure::usage(
        redact(format!(
            "the copy from {} to {} needs a reason: the value gets another {}",
            from.id,
            to.id,
            differences.join(" and another ")
        )),
        "give --reason TEXT, which the audit trail keeps; or give the second secret a value of \
         its own with `goldenpath value generate` or `goldenpath value set`",
    ))
}

/// Returns the value of the secret, and its version.
async fn read(from: &ValueTarget<'_>) -> Result<(SecretValue, String), Failure> {
    let stored = from.store.value(&from.key).await?.ok_or_else(|| {
        Failure::rejected(
            format!("{} has no value to copy", from.id()),
            format!("set one with `goldenpath value set {}`", from.id()),
        )
    })?;
    let parse = |text| SecretValue::stored(text, from.format());
    let value = stored.text.as_ref().and_then(parse).ok_or_else(|| {
        Failure::rejected(
            format!("cannot copy the value of {}: it is not {}", from.id(), from.format()),
            format!(
                "run `goldenpath value status {} --keys`; a value that is not a JSON object needs \
                 `value.format: text` in both manifests",
                from.id()
            ),
        )
    })?;
    Ok((value, stored.version))
}

/// Returns the time of the value: of its rotation, or else of its version.
async fn since(from: &ValueTarget<'_>, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Some(Renewal::Rotated(time)) = renewal(&from.found, now) {
        return Ok(time);
    }
    let versions = from.store.versions(&from.key).await?;
    let current = versions.iter().find(|version| version.is_current());
    Ok(current.and_then(|version| version.created).unwrap_or(now))
}
