//! Renders a plan as a pull request comment.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::missing_values::FEW;
use super::{
    Action, Effect, MissingValue, Orphan, Plan, PlannedStore, ReconcileContext, UnreadableAccount,
};
use goldenpath_core::catalog::Project;
use goldenpath_core::manifest::SecretId;
use goldenpath_core::projection::TEMPLATE_FILE;
use goldenpath_core::rules::{Finding, redact_texts};
use goldenpath_core::sanitize::sanitize;
use goldenpath_core::template::{Output, Template, TemplateError};

/// The name of the template of a comment's second part.
///
/// A catalog's own copy under `templates/` overrides the built-in one.
pub const PLAN_TEMPLATE: &str = "plan.md.j2";

const BUILT_IN: &str = goldenpath_core::template::built_in::PLAN;

/// The first part, which a catalog cannot override.
///
/// It has counts, approvals, deletions, blocked actions and findings.
const HEADER: &str = goldenpath_core::template::built_in::PLAN_HEADER;

/// The first line of each comment, hidden by GitHub.
///
/// A pipeline uses it to find the comment to replace.
const MARKER: &str = "<!-- goldenpath plan -->";

/// The maximum length of a comment.
///
/// GitHub allows 65,536 characters. The rest is for a line that a pipeline adds.
const LONGEST: usize = 65_000;

/// The maximum length of the first part.
const LONGEST_HEADER: usize = 45_000;

/// The maximum length of a value: one long policy must not fill the comment.
const LONGEST_VALUE: usize = 400;

/// The minimum length of a list entry.
const SHORTEST_ENTRY: usize = 8;

/// The template's variables.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Comment<'a> {
    summary: CommentSummary,
    stores: CommentList<'a, CommentStore>,
    unread_trail: Option<&'a str>,
    template_change: Option<&'a str>,
    template_file: &'a str,
    approvals: &'a Approvals,
    deleted: CommentList<'a, CommentRow>,
    blocked: CommentList<'a, CommentRow>,
    awaiting: CommentList<'a, CommentWaiting>,
    changed: CommentList<'a, CommentChange>,
    orphans: CommentList<'a, CommentRow>,
    manual: CommentList<'a, CommentManualRotation>,
    unseen: CommentList<'a, CommentAccount>,
    findings: CommentList<'a, CommentWarning>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct CommentSummary {
    manifests: usize,
    create: usize,
    change: usize,
    delete: usize,
    deleted_kinds: String,
    blocked: usize,
    awaiting_value: usize,
}

/// The first entries of a list, as many as fit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommentList<'a, T> {
    shown: &'a [T],
    left_out: usize,
    total: usize,
}

/// The approvals that the governance table requires for the changed manifests.
#[derive(Serialize)]
struct Approvals {
    /// The maximum of all tiers.
    needed: u8,
    tiers: Vec<CommentTier>,
}

#[derive(Serialize)]
struct CommentTier {
    tier: String,
    approvals: u8,
    manifests: usize,
}

#[derive(Serialize)]
struct CommentChange {
    id: String,
    environment: String,
    actions: Vec<CommentRow>,
}

/// An action, or an orphan.
#[derive(Serialize)]
struct CommentRow {
    id: String,
    environment: String,
    symbol: &'static str,
    action: &'static str,
    target: String,
    /// The store of an orphan; empty for an action.
    place: String,
    reason: String,
}

/// A secret that awaits a value.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommentWaiting {
    id: String,
    environment: String,
    target: String,
    /// The command that sets the value.
    command: String,
    held_back: bool,
    rotation_held_back: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommentManualRotation {
    secret_type: String,
    secrets: usize,
}

#[derive(Serialize)]
struct CommentStore {
    environments: String,
    place: String,
    /// Why STS does not confirm the account; empty if it does.
    doubt: String,
}

#[derive(Serialize)]
struct CommentAccount {
    environments: String,
    place: Option<String>,
    message: String,
}

#[derive(Serialize)]
struct CommentWarning {
    path: String,
    line: usize,
    rule: &'static str,
    message: String,
}

/// Renders the plan in Markdown, below GitHub's size limit.
///
/// Each list has as many entries as fit, and the number of those left out. Text from manifests is
/// escaped. `rules` are the project settings that check the catalog, `own_template` is the
/// catalog's template of the second part, if any.
///
/// # Errors
/// A template that does not render.
pub fn render_comment(
    plan: &Plan,
    findings: &[Finding],
    context: &ReconcileContext<'_>,
    rules: &Project,
    own_template: Option<&str>,
) -> Result<String, TemplateError> {
    let header = Template::compile("plan_header.md.j2", HEADER, Output::Markdown)?;
    let template =
        Template::compile(PLAN_TEMPLATE, own_template.unwrap_or(BUILT_IN), Output::Markdown)?;
    let summary = CommentSummary {
        manifests: plan.manifests,
        create: plan.count(Effect::Create),
        change: plan.changes(),
        delete: plan.count(Effect::Delete),
        deleted_kinds: plan.deletions_by_kind(),
        blocked: plan.count(Effect::Blocked),
        awaiting_value: plan.awaiting.len(),
    };
    let (approvals, template_change) = (approvals(plan, context, rules), plan.template_change());
    let with_effect = |effect: Effect| -> Vec<CommentRow> {
        plan.actions.iter().filter(|action| action.effect() == effect).map(row).collect()
    };
    let (blocked, deleted) = (with_effect(Effect::Blocked), with_effect(Effect::Delete));
    let changed = changed_manifests(plan);
    let awaiting: Vec<CommentWaiting> = plan.awaiting.iter().map(awaiting_row).collect();
    let (orphans, manual, unseen, findings) =
        (orphans(plan), manual(plan), unreadable_accounts(plan), warnings(findings));
    let stores: Vec<CommentStore> = plan.stores.iter().map(store_row).collect();
    let with_at_most = |template: &Template, own: usize, most: usize| {
        let text = template.render(&Comment {
            summary: summary.clone(),
            stores: CommentList::of(&stores, own),
            unread_trail: plan.unread_trail.as_deref(),
            template_change: template_change.as_deref(),
            template_file: TEMPLATE_FILE,
            approvals: &approvals,
            deleted: CommentList::of(&deleted, own),
            blocked: CommentList::of(&blocked, own),
            unseen: CommentList::of(&unseen, own),
            findings: CommentList::of(&findings, own),
            awaiting: CommentList::of(&awaiting, most.min(FEW)),
            changed: CommentList::of(&changed, most),
            orphans: CommentList::of(&orphans, most),
            manual: CommentList::of(&manual, most),
        });
        // A pipeline would take a second marker for another comment.
        text.map(|text| text.replace(MARKER, "<!-- plan -->").trim().to_owned())
    };

    let lengths = [stores.len(), blocked.len(), deleted.len(), unseen.len(), findings.len()];
    let (own, header) =
        find_fitting(&lengths, LONGEST_HEADER, |own| with_at_most(&header, own, 0))?
            .unwrap_or_default();
    let begun = format!("{MARKER}\n{header}\n");
    let between = if own_template.is_some() { "\n---\n\n" } else { "\n" };
    let remaining = LONGEST - length(&begun) - length(between);
    let lengths = [awaiting.len(), changed.len(), orphans.len(), manual.len()];
    let body = find_fitting(&lengths, remaining, |most| with_at_most(&template, own, most))?
        .map(|(_, body)| body);
    Ok(match body.as_deref() {
        Some("") => begun,
        Some(body) => format!("{begun}{between}{body}\n"),
        None => format!(
            "{begun}{between}The rest is too long to be shown. Run `goldenpath plan` to see it.\n"
        ),
    })
}

/// Returns the maximum number of entries per list that fit, and the rendered text.
///
/// None if no text fits into `longest`.
fn find_fitting(
    lists: &[usize],
    longest: usize,
    render: impl Fn(usize) -> Result<String, TemplateError>,
) -> Result<Option<(usize, String)>, TemplateError> {
    let (mut fits, mut tried) =
        (None, lists.iter().copied().max().unwrap_or_default().min(longest / SHORTEST_ENTRY));
    let (mut least, mut too_many) = (0, tried + 1);
    while least < too_many {
        let text = render(tried)?;
        if length(&text) <= longest {
            (fits, least) = (Some((tried, text)), tried + 1);
        } else {
            too_many = tried;
        }
        tried = least + (too_many - least) / 2;
    }
    Ok(fits)
}

/// Returns the length in UTF-16 code units, as GitHub and JavaScript count.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

impl<'a, T> CommentList<'a, T> {
    fn of(list: &'a [T], most: usize) -> Self {
        let shown = &list[..list.len().min(most)];
        Self { shown, left_out: list.len() - shown.len(), total: list.len() }
    }
}

fn approvals(plan: &Plan, context: &ReconcileContext<'_>, rules: &Project) -> Approvals {
    let changes = plan.actions.iter().filter(|action| action.effect() != Effect::Blocked);
    let ids: BTreeSet<SecretId> = changes.map(|action| action.id).collect();
    let mut tiers: BTreeMap<String, CommentTier> = BTreeMap::new();
    for entry in context.catalog.selected() {
        let Some(request) = entry.request().filter(|request| ids.contains(&request.id)) else {
            continue;
        };
        let Some(row) = rules.governance.tiers.get(&request.risk_tier) else { continue };
        let known = tiers.entry(request.risk_tier.clone()).or_insert_with(|| {
            let mut tier = request.risk_tier.clone();
            redact_texts(entry, context.project, [&mut tier]);
            CommentTier { tier: value(&tier), approvals: row.approvals, manifests: 0 }
        });
        known.manifests += 1;
    }
    let mut tiers: Vec<CommentTier> = tiers.into_values().collect();
    tiers.sort_by_key(|tier| Reverse(tier.approvals));
    Approvals { needed: tiers.first().map_or(0, |tier| tier.approvals), tiers }
}

/// Returns the changed manifests with their actions.
fn changed_manifests(plan: &Plan) -> Vec<CommentChange> {
    let mut manifests: Vec<CommentChange> = Vec::new();
    for action in plan.actions.iter().filter(|action| action.effect() != Effect::Blocked) {
        let row = row(action);
        match manifests.last_mut().filter(|last| last.id == row.id) {
            Some(last) => last.actions.push(row),
            None => manifests.push(CommentChange {
                id: row.id.clone(),
                environment: row.environment.clone(),
                actions: vec![row],
            }),
        }
    }
    manifests
}

fn row(action: &Action) -> CommentRow {
    CommentRow {
        id: action.id.to_string(),
        environment: value(&action.environment),
        symbol: action.effect().symbol(),
        action: action.step.name(),
        target: value(&action.target),
        place: String::new(),
        reason: value(&action.reason),
    }
}

fn store_row(store: &PlannedStore) -> CommentStore {
    CommentStore {
        environments: store.environments.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        place: store.store.clone(),
        doubt: store.unconfirmed.clone().unwrap_or_default(),
    }
}

fn awaiting_row(awaiting: &MissingValue) -> CommentWaiting {
    CommentWaiting {
        id: awaiting.id.to_string(),
        environment: value(&awaiting.environment),
        target: value(&awaiting.target),
        command: awaiting.remedy(),
        held_back: awaiting.held_back,
        rotation_held_back: awaiting.rotation_held_back,
    }
}

fn orphans(plan: &Plan) -> Vec<CommentRow> {
    let row = |orphan: &Orphan| CommentRow {
        id: value(orphan.id.as_deref().unwrap_or("no ID")),
        environment: value(orphan.environment.as_deref().unwrap_or("no environment")),
        symbol: "?",
        action: "orphan",
        target: value(&orphan.target),
        place: value(&orphan.place),
        reason: value(&orphan.reason),
    };
    plan.orphans.iter().map(row).collect()
}

fn manual(plan: &Plan) -> Vec<CommentManualRotation> {
    plan.manual
        .iter()
        .map(|(kind, count)| CommentManualRotation { secret_type: value(kind), secrets: *count })
        .collect()
}

fn unreadable_accounts(plan: &Plan) -> Vec<CommentAccount> {
    let account = |account: &UnreadableAccount| CommentAccount {
        environments: value(&account.names()),
        place: account.place.as_deref().map(value),
        message: value(&account.error.to_string()),
    };
    plan.unreadable_accounts.iter().map(account).collect()
}

fn warnings(findings: &[Finding]) -> Vec<CommentWarning> {
    let warning = |finding: &Finding| CommentWarning {
        path: value(&finding.path),
        line: finding.place.line,
        rule: finding.rule.code,
        message: value(&finding.message),
    };
    findings.iter().map(warning).collect()
}

/// Returns user text as one escaped line of limited length.
fn value(text: &str) -> String {
    let line = text.replace(['\n', '\t'], " ");
    let shown = sanitize(&line);
    match shown.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown.into_owned(),
    }
}
