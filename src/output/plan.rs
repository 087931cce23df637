//! Renders a plan for people, in the style of Terraform.

use crate::output::diff::hunks;
use crate::output::style::TerminalStyle;
use goldenpath_core::projection::TEMPLATE_FILE;
use goldenpath_core::sanitize::sanitize;
use goldenpath_deploy::reconcile::missing_values::{FEW, MissingValue};
use goldenpath_deploy::reconcile::{Action, Effect, Plan, TextChange};

/// How many secrets without a value are listed although the plan does not change them.
const UNFOLDED: usize = 3;

/// Renders the plan: one line per action with its reason below, notes, and the summary.
#[must_use]
pub(crate) fn for_people(plan: &Plan, terminal: TerminalStyle) -> String {
    let mut text = String::new();
    let mut last = None;
    for action in &plan.actions {
        if last != Some(action.id) {
            let heading = format!("{} ({})", action.id, action.environment);
            text.push_str(&format!("{}\n", terminal.style().bold().apply_to(heading)));
            last = Some(action.id);
        }
        text.push_str(&render_action(action, terminal));
        let reason =
            terminal.style().dim().apply_to(sanitize(&action.reason).into_owned()).to_string();
        text.push_str(&format!("      {reason}\n"));
        if let Some(TextChange { before, after }) = &action.text_change {
            for line in hunks(before, after, terminal).lines() {
                text.push_str(&format!("      {line}\n"));
            }
        }
    }
    let (notes, summary) = (render_notes(plan, terminal), render_summary(plan, terminal));
    if plan.actions.is_empty() {
        // No question follows.
        return format!("{summary}{notes}");
    }
    text.push_str(&notes);
    text.push('\n');
    // The last line, which is still on the screen at a question.
    text.push_str(&summary);
    text
}

fn render_summary(plan: &Plan, terminal: TerminalStyle) -> String {
    if plan.actions.is_empty() && plan.unreadable_accounts.is_empty() {
        let nothing = terminal.style().green().apply_to("Nothing to do.");
        return format!("{nothing} {}\n", manifests(plan.manifests));
    }
    let deletions = match plan.count(Effect::Delete) {
        0 => String::new(),
        several => format!("{several} to delete ({}), ", plan.deletions_by_kind()),
    };
    format!(
        "Plan: {} to create, {} to change, {deletions}{} blocked.\n",
        plan.count(Effect::Create),
        plan.changes(),
        plan.count(Effect::Blocked)
    )
}

/// Renders the notes between the plan's actions and its summary, each after an empty line.
fn render_notes(plan: &Plan, terminal: TerminalStyle) -> String {
    let mut text = render_awaiting(plan, terminal);
    if let Some(change) = plan.template_change() {
        text.push_str(&format!(
            "\n{} ({TEMPLATE_FILE})\n",
            terminal.style().bold().apply_to(change)
        ));
    }
    for unfinished in &plan.unfinished_replicas {
        let line = format!(
            "The replica of {} ({}) in {} is not in sync: {}.",
            unfinished.id,
            unfinished.environment,
            unfinished.replica.region,
            unfinished.replica.describe_status()
        );
        text.push_str(&format!(
            "\n{}\n",
            terminal.style().bold().apply_to(sanitize(&line).into_owned())
        ));
    }
    if !plan.orphans.is_empty() {
        let many = plan.orphans.len() > 1;
        let (secrets, them) = if many { ("secrets", "them") } else { ("secret", "it") };
        let heading = format!(
            "{} {secrets} of this catalog without a manifest; apply does not change {them}.",
            plan.orphans.len()
        );
        text.push_str(&format!("\n{}\n", terminal.style().bold().apply_to(heading)));
        for orphan in &plan.orphans {
            let id = orphan.id.as_deref().unwrap_or("no ID");
            let environment = orphan.environment.as_deref().unwrap_or("no environment");
            let line = format!("  ? {id} ({environment})  {}: {}", orphan.target, orphan.reason);
            text.push_str(&format!("{}\n", sanitize(&line)));
        }
    }
    if !plan.stale.is_empty() {
        let many = plan.stale.len() > 1;
        let (files, them) =
            if many { ("ExternalSecrets", "them") } else { ("ExternalSecret", "it") };
        let heading = format!(
            "{} {files} of this catalog that no manifest requests; apply does not change {them}.",
            plan.stale.len()
        );
        text.push_str(&format!("\n{}\n", terminal.style().bold().apply_to(heading)));
        for stale in &plan.stale {
            let line = format!("  ? {}  {}: {}", stale.id, stale.target, stale.reason);
            text.push_str(&format!("{}\n", sanitize(&line)));
        }
    }
    if !plan.manual.is_empty() {
        let types = plan.manual.iter().map(|(kind, count)| match count {
            1 => format!("{kind} (1 secret)"),
            several => format!("{kind} ({several} secrets)"),
        });
        let types = types.collect::<Vec<_>>().join(", ");
        let line = format!("Rotation is manual for {types}: no function in `rotation.functions`.");
        text.push_str(&format!(
            "\n{}\n",
            terminal.style().dim().apply_to(sanitize(&line).into_owned())
        ));
    }
    if let Some(why) = &plan.unread_trail {
        let line = format!(
            "The audit trail cannot be read: {why}. Whether these secrets existed before is \
             unknown, and apply creates none of them."
        );
        text.push_str(&format!(
            "\n{}\n",
            terminal.style().red().apply_to(sanitize(&line).into_owned())
        ));
    }
    for account in &plan.unreadable_accounts {
        let line = format!("Not checked: {}. Nothing is applied there.", account.names());
        text.push_str(&format!(
            "\n{}\n",
            terminal.style().red().apply_to(sanitize(&line).into_owned())
        ));
    }
    text
}

/// Renders the secrets without a value, each with the command that sets it.
fn render_awaiting(plan: &Plan, terminal: TerminalStyle) -> String {
    let all = plan.awaiting.len();
    if all == 0 {
        return String::new();
    }
    let heading = match all {
        1 => "1 secret awaits a value.".to_owned(),
        several => format!("{several} secrets await a value."),
    };
    let mut text = format!("\n{}\n", terminal.style().bold().apply_to(heading));
    // Those that the plan changes; the others were there before, and may be many.
    let is_changed = |one: &&MissingValue| plan.actions.iter().any(|action| action.id == one.id);
    let shown: Vec<&MissingValue> = if all <= UNFOLDED {
        plan.awaiting.iter().collect()
    } else {
        plan.awaiting.iter().filter(is_changed).take(FEW).collect()
    };
    for one in &shown {
        let held_back = match (one.held_back, one.rotation_held_back) {
            (true, true) => "; its ExternalSecret and its rotation wait for the value",
            (true, false) => "; its ExternalSecret is held back until it has a value",
            (false, true) => "; its rotation is configured by the first run after it has a value",
            (false, false) => "",
        };
        let line = format!(
            "  ? {} ({})  {}: `{}`{held_back}",
            one.id,
            one.environment,
            one.target,
            one.remedy()
        );
        text.push_str(&format!("{}\n", sanitize(&line)));
    }
    if all > shown.len() {
        let held_back = match plan.awaiting.iter().filter(|one| one.held_back).count() {
            0 => String::new(),
            several => format!("; {several} ExternalSecrets in all are held back"),
        };
        let count = match (shown.len(), all - shown.len()) {
            (0, _) => "`goldenpath list --awaiting-value` lists them".to_owned(),
            (_, more) => format!("… and {more} more: `goldenpath list --awaiting-value`"),
        };
        text.push_str(&format!("  {count}{held_back}\n"));
    }
    text
}

fn manifests(count: usize) -> String {
    match count {
        0 => "There are no manifests.".to_owned(),
        1 => "The secret of 1 manifest matches the catalog.".to_owned(),
        several => format!("The secrets of {several} manifests match the catalog."),
    }
}

/// Renders one action with its symbol.
fn render_action(action: &Action, terminal: TerminalStyle) -> String {
    let style = match action.effect() {
        Effect::Create => terminal.style().green(),
        Effect::Change => terminal.style().yellow(),
        Effect::Restore => terminal.style().cyan(),
        Effect::Delete => terminal.style().red(),
        Effect::Blocked => terminal.style().red(),
    };
    format!(
        "  {} {:<18}  {}\n",
        style.apply_to(action.effect().symbol()),
        action.step.name(),
        sanitize(&action.target)
    )
}
