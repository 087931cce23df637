//! What is due, to people, to scripts, and for a weekly issue.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::due::{Due, day};
use goldenpath_core::template;
use goldenpath_core::template::{Output, TemplateError};

/// The template's name; a catalog's own copy under `templates/` wins over the one built in.
pub const DUE_TEMPLATE: &str = "due.md.j2";

const BUILT_IN: &str = template::built_in::DUE;

/// How long the body of an issue may be on GitHub, in UTF-16 code units, less a reserve.
const LONGEST: usize = 60_000;

/// What is due, and what nobody could be asked about.
#[derive(Debug)]
pub struct DueList {
    pub catalog_id: String,
    pub now: Timestamp,
    /// How many days ahead were looked at.
    pub within: u32,
    /// The earliest first.
    pub due: Vec<Due>,
    pub unseen: Vec<UnreachableStore>,
}

/// A store that could not be asked.
#[derive(Debug, Clone, Serialize)]
pub struct UnreachableStore {
    pub environments: String,
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
    /// What is overdue, and what is not yet.
    pub fn split(&self) -> (Vec<&Due>, Vec<&Due>) {
        self.due.iter().partition(|due| due.is_overdue(self.now))
    }

    /// `{"version":1,"summary":{…},"due":[…],"failures":[…]}`
    #[must_use]
    pub fn as_json(&self) -> Value {
        let (overdue, soon) = self.split();
        let due: Vec<Value> = self.due.iter().map(|due| due.as_json(self.now)).collect();
        json!({
            "version": 1,
            "summary": { "withinDays": self.within, "overdue": overdue.len(), "soon": soon.len() },
            "due": due,
            "failures": self.unseen,
        })
    }

    /// The body of an issue in Markdown, below GitHub's limit: as many entries of each list as there is room for. Whatever a
    /// manifest says stays text. `own_template` is the catalog's, where it has one.
    ///
    /// # Errors
    /// A template that does not render.
    pub fn as_markdown(&self, own_template: Option<&str>) -> Result<String, TemplateError> {
        let rows = |due: Vec<&Due>| {
            due.into_iter().map(|due| due.as_json(self.now)).collect::<Vec<Value>>()
        };
        let (overdue, soon) = self.split();
        let (overdue, soon) = (rows(overdue), rows(soon));
        let mut most = overdue.len().max(soon.len()).min(1000);
        loop {
            let issue = Issue {
                catalog: &self.catalog_id,
                today: day(self.now),
                days: self.within,
                overdue: ShownRows::of(&overdue, most),
                soon: ShownRows::of(&soon, most),
                unseen: &self.unseen,
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
