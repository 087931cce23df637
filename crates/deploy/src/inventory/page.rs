//! The catalog as one self-contained HTML page. Text from manifests is escaped.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::inventory::{CatalogRow, DueList, UnreachableStore, day, distance};
use goldenpath_core::manifest::{LifecycleStatus, SecretId};
use goldenpath_core::sanitize::sanitize_name;
use goldenpath_core::template;
use goldenpath_core::template::{Output, TemplateError};

const PAGE: &str = template::built_in::REPORT_PAGE;
const STYLE: &str = template::built_in::REPORT_STYLE;
const SCRIPT: &str = template::built_in::REPORT_SCRIPT;

/// The mark of each page from goldenpath, which distinguishes it from other files.
pub const MARK: &str = "<meta name=\"generator\" content=\"goldenpath\">";

/// The catalog's columns. Each row of the template has one cell per column.
const HEADS: [&str; 8] =
    ["ID", "Name", "Service", "Environment", "Owner", "Tier", "Type", "Status"];

/// The content of a page.
#[derive(Debug)]
pub struct CatalogPage {
    /// The state of the catalog: `commit 1234abcd`.
    pub at: String,
    /// The secrets, sorted by ID.
    pub rows: Vec<CatalogRow>,
    /// The due secrets among them.
    pub due_list: DueList,
    /// The number of files that are not readable manifests.
    pub unread: usize,
    /// The events of each secret from the audit trail, the oldest first.
    pub timelines: BTreeMap<SecretId, Vec<TimelineEvent>>,
}

/// An event of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelineEvent {
    /// RFC 3339.
    pub time: String,
    /// The action and the actor.
    pub words: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    style: &'a str,
    style_hash: String,
    script: &'a str,
    script_hash: String,
    catalog: &'a str,
    at: &'a str,
    today: String,
    days: u32,
    unread: usize,
    unseen: &'a [UnreachableStore],
    heads: [&'a str; 8],
    states: Vec<PageState>,
    due: Vec<Value>,
    unknown: Vec<Value>,
    secrets: Vec<Secret>,
}

/// A lifecycle state with its coordinates.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageState {
    name: &'static str,
    count: usize,
    x: usize,
    middle: usize,
    end: usize,
    next: usize,
    goes_back: bool,
    back_from: usize,
    back_to: usize,
}

#[derive(Serialize)]
struct Secret {
    row: Value,
    fields: Vec<Value>,
    due: Vec<Value>,
    timeline: Vec<TimelineEvent>,
}

impl CatalogPage {
    /// Renders the page as one HTML document.
    ///
    /// # Errors
    /// Fails if the catalog is too large for one page.
    pub fn page(&self) -> Result<String, TemplateError> {
        let due_list = &self.due_list;
        let mut due_of: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        let mut due = Vec::new();
        for item in &due_list.due {
            let mut shown = item.as_json(due_list.now);
            sanitize_texts(&mut shown);
            shown["distance"] = distance(item.date.when, due_list.now).into();
            due_of.entry(&item.row.path).or_default().push(shown.clone());
            due.push(shown);
        }
        let unknown = due_list.unknown.iter().map(|item| {
            let mut shown = item.as_json();
            sanitize_texts(&mut shown);
            shown
        });
        let unknown = unknown.collect();
        let secrets = self
            .rows
            .iter()
            .map(|row| self.secret(row, due_of.remove(row.path.as_str()).unwrap_or_default()));
        let page = Page {
            style: STYLE,
            style_hash: hash(STYLE),
            script: SCRIPT,
            script_hash: hash(SCRIPT),
            catalog: &sanitize_name(&due_list.catalog_id),
            at: &self.at,
            today: day(due_list.now),
            days: due_list.within,
            unread: self.unread,
            unseen: &due_list.unreachable_stores,
            heads: HEADS,
            states: self.states(),
            due,
            unknown,
            secrets: secrets.collect(),
        };
        template::render("the report", PAGE, Output::Html, &page)
    }

    fn secret(&self, row: &CatalogRow, due: Vec<Value>) -> Secret {
        let mut shown = json!(row);
        sanitize_texts(&mut shown);
        let field = |name: &str, key: &str| json!({ "name": name, "value": shown[key] });
        let mut fields = vec![
            field("Status", "status"),
            field("Service", "service"),
            field("Environment", "environment"),
            field("Owner", "owner"),
            field("Type", "secretType"),
            field("Risk tier", "riskTier"),
            field("Rotation class", "rotationClass"),
            field("ttl in days", "ttlDays"),
            field("Namespace", "namespace"),
            field("Kubernetes Secret", "k8sSecretName"),
            field("Key in the store", "storeKey"),
            field("Manifest", "path"),
        ];
        fields.retain(|field| !field["value"].is_null());
        let timeline = self.timelines.get(&row.id).into_iter().flatten();
        let clean = |text: &str| sanitize_name(text).into_owned();
        let timeline = timeline
            .map(|moment| TimelineEvent { time: clean(&moment.time), words: clean(&moment.words) })
            .collect();
        Secret { fields, row: shown, due, timeline }
    }

    fn states(&self) -> Vec<PageState> {
        const WIDTH: usize = 215;
        const STEP: usize = 260;
        const APART: usize = 30;
        let state = |(number, status): (usize, LifecycleStatus)| {
            let x = 5 + number * STEP;
            PageState {
                name: status.as_str(),
                count: self.rows.iter().filter(|row| row.status == status).count(),
                x,
                middle: x + WIDTH / 2,
                end: x + WIDTH,
                next: x + STEP - 2,
                goes_back: status.steps().iter().any(|to| *to < status),
                back_from: x + WIDTH / 2 - APART,
                back_to: (x + WIDTH / 2 + APART).saturating_sub(STEP),
            }
        };
        LifecycleStatus::ALL.into_iter().enumerate().map(state).collect()
    }
}

/// Escapes invisible and reordering characters in all texts.
fn sanitize_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = sanitize_name(text).into_owned(),
        Value::Object(fields) => fields.values_mut().for_each(sanitize_texts),
        Value::Array(items) => items.iter_mut().for_each(sanitize_texts),
        _ => {}
    }
}

/// Returns the hash of an inline text for the page's policy (CSP 3, "hash-source").
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_secret_s_history_is_on_the_page_as_escaped_text() {
        let id = SecretId::first();
        let text = || "x".to_owned();
        let row = CatalogRow {
            id,
            name: text(),
            description: None,
            service: text(),
            environment: text(),
            owner: text(),
            status: LifecycleStatus::Active,
            risk_tier: text(),
            secret_type: text(),
            rotation_class: text(),
            ttl_days: 1,
            namespace: text(),
            k8s_secret_name: text(),
            provider: text(),
            store_key: None,
            path: text(),
            has_value: None,
        };
        let due_list = DueList {
            catalog_id: text(),
            now: Timestamp::UNIX_EPOCH,
            within: 14,
            due: Vec::new(),
            unknown: Vec::new(),
            unreachable_stores: Vec::new(),
        };
        let moment = |words: &str| TimelineEvent {
            time: "2026-11-25T09:00:00Z".to_owned(),
            words: words.to_owned(),
        };
        let timelines = [(id, vec![moment("created by Ann"), moment("<b>\u{202e}")])].into();
        let report = CatalogPage { at: text(), rows: vec![row], due_list, unread: 0, timelines };
        let page = report.page().unwrap();
        let time = "<time datetime=\"2026-11-25T09:00:00Z\">2026-11-25T09:00:00Z</time>";
        assert!(
            page.contains(&format!(
                "<li>{time} created by Ann</li>\n<li>{time} &lt;b&gt;\\u{{202e}}</li>"
            )),
            "{page}"
        );
    }
}
