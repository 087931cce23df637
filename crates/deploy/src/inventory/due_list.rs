//! The list of due secrets, as JSON and as the text of an issue.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::due::{Due, UnknownDue, day};
use goldenpath_core::template;
use goldenpath_core::template::{Output, TemplateError};

/// The name of the template of the issue's text.
///
/// A catalog's own copy under `templates/` overrides the built-in one.
pub const DUE_TEMPLATE: &str = "due.md.j2";

const BUILT_IN: &str = template::built_in::DUE;

/// The maximum length of an issue on GitHub, in UTF-16 code units, less a reserve.
const LONGEST: usize = 60_000;

/// The due secrets, and the stores that could not be queried.
#[derive(Debug)]
pub struct DueList {
    /// The owner of the secrets in the stores (`catalogId`).
    pub catalog_id: String,
    /// The time of the run, which separates overdue entries from the others.
    pub now: Timestamp,
    /// The number of days ahead.
    pub within: u32,
    /// The earliest first.
    pub due: Vec<Due>,
    /// What this clone does not know, sorted by ID.
    pub unknown: Vec<UnknownDue>,
    /// The stores whose dates are missing in `due`.
    pub unreachable_stores: Vec<UnreachableStore>,
}

/// A store that could not be queried.
#[derive(Debug, Clone, Serialize)]
pub struct UnreachableStore {
    /// The names of the environments with this store, joined by commas.
    pub environments: String,
    /// Why the query failed, as plain text.
    pub message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Issue<'a> {
    catalog: &'a str,
    today: String,
    days: u32,
    overdue: ShownRows<'a>,
    soon: ShownRows<'a>,
    unknown: ShownRows<'a>,
    unseen: &'a [UnreachableStore],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownRows<'a> {
    shown: &'a [Value],
    left_out: usize,
    total: usize,
}

impl DueList {
    /// Returns the overdue entries and the others.
    pub fn split(&self) -> (Vec<&Due>, Vec<&Due>) {
        self.due.iter().partition(|due| due.is_overdue(self.now))
    }

    /// Returns the list as `{"version":1,"summary":{…},"due":[…],"unknown":[…],"failures":[…]}`.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let (overdue, soon) = self.split();
        let due: Vec<Value> = self.due.iter().map(|due| due.as_json(self.now)).collect();
        json!({
            "version": 1,
            "summary": {
                "withinDays": self.within,
                "overdue": overdue.len(),
                "soon": soon.len(),
                "unknown": self.unknown.len(),
            },
            "due": due,
            "unknown": self.unknown.iter().map(UnknownDue::as_json).collect::<Vec<Value>>(),
            "failures": self.unreachable_stores,
        })
    }

    /// Renders the text of an issue in Markdown, below GitHub's size limit.
    ///
    /// Each list has as many entries as fit. Text from manifests is escaped. `own_template` is the
    /// catalog's template, if any.
    ///
    /// # Errors
    /// Fails if the template cannot be rendered.
    pub fn as_markdown(&self, own_template: Option<&str>) -> Result<String, TemplateError> {
        let rows = |due: Vec<&Due>| {
            due.into_iter().map(|due| due.as_json(self.now)).collect::<Vec<Value>>()
        };
        let (overdue, soon) = self.split();
        let (overdue, soon) = (rows(overdue), rows(soon));
        let unknown: Vec<Value> = self.unknown.iter().map(UnknownDue::as_json).collect();
        let mut most = overdue.len().max(soon.len()).max(unknown.len()).min(1000);
        loop {
            let issue = Issue {
                catalog: &self.catalog_id,
                today: day(self.now),
                days: self.within,
                overdue: ShownRows::of(&overdue, most),
                soon: ShownRows::of(&soon, most),
                unknown: ShownRows::of(&unknown, most),
                unseen: &self.unreachable_stores,
            };
            let text = template::render(
                DUE_TEMPLATE,
                own_template.unwrap_or(BUILT_IN),
                Output::Markdown,
                &issue,
            )?;
            if text.encode_utf16().count() <= LONGEST || most == 0 {
                return Ok(format!("{}\n", text.trim_end()));
            }
            most = most * 3 / 4;
        }
    }
}

impl<'a> ShownRows<'a> {
    fn of(list: &'a [Value], most: usize) -> Self {
        let shown = &list[..list.len().min(most)];
        Self { shown, left_out: list.len() - shown.len(), total: list.len() }
    }
}
