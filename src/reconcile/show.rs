//! A plan for people, in the look that Terraform taught them.

use super::{Action, Applied, Effect, Plan};
use crate::terminal::{Look, harmless};

/// The plan, an action a line with its reason below, and the summary.
#[must_use]
pub fn for_people(plan: &Plan, look: Look) -> String {
    let mut text = String::new();
    let mut last = None;
    for action in &plan.actions {
        if last != Some(action.id) {
            let heading = format!("{} ({})", action.id, action.environment);
            text.push_str(&format!("{}\n", look.style().bold().apply_to(heading)));
            last = Some(action.id);
        }
        text.push_str(&line(action, look));
        let reason = look.style().dim().apply_to(harmless(&action.reason).into_owned()).to_string();
        text.push_str(&format!("      {reason}\n"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    match plan.has_changes() {
        false if plan.actions.is_empty() => {
            let nothing = look.style().green().apply_to("Nothing to do.");
            text.push_str(&format!("{nothing} {} as the catalog says.\n", manifests(plan.manifests)));
        }
        _ => text.push_str(&format!(
            "Plan: {} to create, {} to change, {} blocked.\n",
            plan.count(Effect::Create),
            plan.count(Effect::Change),
            plan.count(Effect::Blocked)
        )),
    }
    text
}

fn manifests(count: usize) -> String {
    match count {
        0 => "There are no manifests; all is".to_owned(),
        1 => "The secret of 1 manifest is".to_owned(),
        several => format!("The secrets of {several} manifests are"),
    }
}

/// One action with its symbol.
fn line(action: &Action, look: Look) -> String {
    let (symbol, style) = match action.effect() {
        Effect::Create => ("+", look.style().green()),
        Effect::Change => ("~", look.style().yellow()),
        Effect::Blocked => ("!", look.style().red()),
    };
    format!("  {} {:<16}  {}\n", style.apply_to(symbol), action.step.name(), harmless(&action.target))
}

/// What became of a plan, in one line.
#[must_use]
pub fn summary(applied: Applied) -> String {
    let Applied { created, changed, failed, skipped, blocked } = applied;
    let mut text = format!("Applied: {created} created, {changed} changed");
    for (count, word) in [(failed, "failed"), (skipped, "skipped"), (blocked, "blocked")] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text.push_str(".\n");
    text
}
