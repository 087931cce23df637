//! Renders the catalog as a table, one row per secret.

use jiff::Timestamp;

use goldenpath_core::manifest::LifecycleStatus;
use goldenpath_deploy::inventory::{CatalogRow, RemovedSecret, day};
use goldenpath_deploy::reconcile::UnmanagedSecret;

use super::style::TerminalStyle;
use super::table::{Cell, Column, table};

/// Renders the table. A `width` in columns limits it.
#[must_use]
pub(crate) fn render_table(
    rows: &[CatalogRow],
    width: Option<usize>,
    terminal: TerminalStyle,
) -> String {
    let column = |head, min_width, rank| Column { head, min_width, rank };
    let has_values = rows.iter().any(|row| row.has_value.is_some());
    let mut columns = vec![
        column("ID", None, 0),
        column("NAME", Some(12), 0),
        column("SERVICE", Some(8), 2),
        column("ENV", Some(4), 1),
        column("OWNER", Some(10), 3),
        column("TIER", Some(4), 4),
        column("TYPE", Some(8), 6),
        column("TTL", None, 5),
        column("STATUS", None, 0),
    ];
    columns.extend(has_values.then(|| column("VALUE", None, 0)));
    let value = |row: &CatalogRow| match row.has_value {
        Some(false) => Cell::styled("awaiting a value", terminal.style().yellow()),
        Some(true) => Cell::plain("yes"),
        None => Cell::plain("-"),
    };
    let cells = |row: &CatalogRow| {
        let mut cells = vec![
            Cell::plain(&row.id.to_string()),
            Cell::plain(&row.name),
            Cell::plain(&row.service),
            Cell::plain(&row.environment),
            Cell::plain(&row.owner),
            Cell::plain(&row.risk_tier),
            Cell::plain(&row.secret_type),
            Cell::plain(&format!("{}d", row.ttl_days)),
            Cell::styled(row.status.as_str(), status_style(row.status, terminal)),
        ];
        cells.extend(has_values.then(|| value(row)));
        cells
    };
    let rows: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
    table(&columns, &rows, width, terminal)
}

/// Renders unmanaged secrets as a table. A `width` in columns limits it.
#[must_use]
pub(crate) fn render_unmanaged(
    secrets: &[UnmanagedSecret],
    width: Option<usize>,
    terminal: TerminalStyle,
) -> String {
    let column = |head, min_width, rank| Column { head, min_width, rank };
    let columns = [
        column("NAME", Some(20), 0),
        column("ENV", Some(4), 1),
        column("STORE", Some(12), 2),
        column("CREATED", None, 3),
        column("LAST READ", None, 4),
    ];
    let cells = |secret: &UnmanagedSecret| {
        let date = |when: Option<Timestamp>| when.map_or_else(|| "-".to_owned(), day);
        vec![
            Cell::plain(&secret.name),
            Cell::plain(&secret.environments),
            Cell::plain(&secret.place),
            Cell::plain(&date(secret.created)),
            Cell::plain(&date(secret.last_accessed)),
        ]
    };
    let rows: Vec<Vec<Cell>> = secrets.iter().map(cells).collect();
    table(&columns, &rows, width, terminal)
}

/// Renders removed secrets as a table. A `width` in columns limits it.
#[must_use]
pub(crate) fn render_removed(
    secrets: &[RemovedSecret],
    width: Option<usize>,
    terminal: TerminalStyle,
) -> String {
    let column = |head, min_width, rank| Column { head, min_width, rank };
    let columns = [
        column("ID", None, 0),
        column("ENV", Some(4), 2),
        column("LAST ACTION", None, 0),
        column("RESULT", None, 1),
        column("DAY", None, 1),
        column("TARGET", Some(16), 3),
    ];
    let cells =
        |secret: &RemovedSecret| secret.cells().iter().map(|cell| Cell::plain(cell)).collect();
    let rows: Vec<Vec<Cell>> = secrets.iter().map(cells).collect();
    table(&columns, &rows, width, terminal)
}

/// Returns the style of a status.
#[must_use]
pub(crate) fn status_style(status: LifecycleStatus, terminal: TerminalStyle) -> console::Style {
    match status {
        LifecycleStatus::Active => terminal.style(),
        LifecycleStatus::Deprecated => terminal.style().yellow(),
        LifecycleStatus::DecommissionRequested => terminal.style().red(),
        LifecycleStatus::Decommissioned => terminal.style().dim(),
    }
}
