//! `goldenpath explain`

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use goldenpath_core::rules::{RULES, Rule, Severity};

/// Explain a rule: what it checks, why, an example and the fix
///
/// Without a rule, lists all rules.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("explain":
    "List all rules" => "goldenpath explain",
    "Explain a rule by its name or code" => "goldenpath explain not-in-enum",
))]
pub(crate) struct Args {
    /// A rule's code or name, such as GP105 or not-in-enum
    rule: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let terminal = context.streams.out;
    let text = match &args.rule {
        None => RULES
            .iter()
            .map(|rule| {
                format!(
                    "{}  {:<26} {:<8} {}\n",
                    rule.code,
                    rule.name,
                    severity(rule),
                    rule.sentence()
                )
            })
            .collect(),
        Some(key) => {
            let rule = Rule::find(key).ok_or_else(|| {
                let help = Rule::did_you_mean(key)
                    .unwrap_or_else(|| "`goldenpath explain` lists the rules".to_owned());
                Failure::usage(format!("no rule has the code or name `{key}`"), help)
            })?;
            let heading = format!("{} {} ({})", rule.code, rule.name, severity(rule));
            let mut text = format!("{}\n\n", terminal.style().bold().apply_to(heading));
            for line in rule.page().lines() {
                match line.strip_prefix("## ") {
                    Some(heading) => {
                        text.push_str(&format!("{}\n", terminal.style().bold().apply_to(heading)))
                    }
                    None if line.starts_with("```") => {}
                    None => text.push_str(&format!("{line}\n")),
                }
            }
            text
        }
    };
    context.streams.result(&text);
    Ok(Outcome::Done)
}

fn severity(rule: &Rule) -> &'static str {
    match rule.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
