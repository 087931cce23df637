//! Renders due secrets as tables.

use goldenpath_deploy::inventory::{CatalogRow, Due, DueList, DueReason, UnknownDue, day};

use super::style::TerminalStyle;
use super::table::{Cell, Column, table};

/// Renders two tables and a summary line. A `width` in columns limits the tables.
#[must_use]
pub(crate) fn render_due_list(
    due_list: &DueList,
    width: Option<usize>,
    terminal: TerminalStyle,
) -> String {
    let (overdue, soon) = due_list.split();
    let within = format!(
        "within {}",
        if due_list.within == 1 { "1 day".to_owned() } else { format!("{} days", due_list.within) }
    );
    if due_list.due.is_empty() && due_list.unknown.is_empty() {
        return format!("Nothing is due {within}.\n");
    }
    let mut text = String::new();
    for (heading, list, style) in [
        ("Overdue", &overdue, terminal.style().red().bold()),
        ("Soon", &soon, terminal.style().yellow().bold()),
    ] {
        if !list.is_empty() {
            text.push_str(&format!(
                "{}\n{}\n",
                style.apply_to(heading),
                rows(list, width, terminal)
            ));
        }
    }
    if !due_list.unknown.is_empty() {
        text.push_str(&format!(
            "{}\n{}\n",
            terminal.style().bold().apply_to("Unknown"),
            unknown_rows(&due_list.unknown, width, terminal)
        ));
    }
    let unknown = match due_list.unknown.len() {
        0 => String::new(),
        count => format!(", {count} unknown"),
    };
    text.push_str(&format!("{} overdue, {} {within}{unknown}.\n", overdue.len(), soon.len()));
    text
}

/// The columns of a row, after the date.
const COLUMNS: [Column; 6] = [
    Column { head: "ID", min_width: None, rank: 0 },
    Column { head: "NAME", min_width: Some(10), rank: 3 },
    Column { head: "SERVICE", min_width: Some(8), rank: 2 },
    Column { head: "ENV", min_width: Some(4), rank: 1 },
    Column { head: "OWNER", min_width: Some(8), rank: 4 },
    Column { head: "WHY", min_width: Some(20), rank: 0 },
];

fn cells_of(row: &CatalogRow, reason: &str) -> Vec<Cell> {
    vec![
        Cell::plain(&row.id.to_string()),
        Cell::plain(&row.name),
        Cell::plain(&row.service),
        Cell::plain(&row.environment),
        Cell::plain(&row.owner),
        Cell::plain(reason),
    ]
}

fn unknown_rows(list: &[UnknownDue], width: Option<usize>, terminal: TerminalStyle) -> String {
    let cells = |unknown: &UnknownDue| cells_of(&unknown.row, &unknown.reason.describe());
    table(&COLUMNS, &list.iter().map(cells).collect::<Vec<_>>(), width, terminal)
}

fn rows(list: &[&Due], width: Option<usize>, terminal: TerminalStyle) -> String {
    let [id, name, service, environment, owner, why] = COLUMNS;
    let date = Column { head: "DUE", min_width: None, rank: 0 };
    let columns = [date, id, name, service, environment, owner, why];
    let reason_and_command = |reason: &DueReason| match reason.remedy() {
        Some(command) => format!("{}: {command}", reason.describe()),
        None => reason.describe(),
    };
    let cells = |due: &&Due| {
        let mut cells = vec![Cell::plain(&day(due.date.when))];
        cells.extend(cells_of(&due.row, &reason_and_command(&due.date.reason)));
        cells
    };
    table(&columns, &list.iter().map(cells).collect::<Vec<_>>(), width, terminal)
}
