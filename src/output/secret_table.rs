//! The catalog as a table: a row a secret.

use goldenpath_core::manifest::LifecycleStatus;
use goldenpath_deploy::inventory::CatalogRow;

use super::style::TerminalStyle;
use super::table::{Cell, Column, table};

/// A table for people; at a `width` in columns, cut to it.
#[must_use]
pub fn render_table(rows: &[CatalogRow], width: Option<usize>, look: TerminalStyle) -> String {
    let column = |head, least, rank| Column { head, least, rank };
    let tells_values = rows.iter().any(|row| row.has_value.is_some());
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
    columns.extend(tells_values.then(|| column("VALUE", None, 0)));
    let value = |row: &CatalogRow| match row.has_value {
        Some(false) => Cell::styled("awaiting a value", look.style().yellow()),
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
            Cell::styled(row.status.as_str(), status_style(row.status, look)),
        ];
        cells.extend(tells_values.then(|| value(row)));
        cells
    };
    let rows: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
    table(&columns, &rows, width, look)
}

/// How a status is drawn.
#[must_use]
pub fn status_style(status: LifecycleStatus, look: TerminalStyle) -> console::Style {
    match status {
        LifecycleStatus::Active => look.style(),
        LifecycleStatus::Deprecated => look.style().yellow(),
        LifecycleStatus::DecommissionRequested => look.style().red(),
        LifecycleStatus::Decommissioned => look.style().dim(),
    }
}
