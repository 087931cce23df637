//! The catalog as people ask for it: a row a secret, for terminals, scripts and spreadsheets, and what is
//! due.

mod agenda;
mod csv;
mod due;
mod row;
mod sheet;

pub use agenda::{Agenda, DUE_TEMPLATE, Unasked};
pub use csv::as_csv;
pub use due::{Begin, Calendar, Due, Known, Reason, day, distance};
pub use row::{Row, as_json, as_table, read, style};
pub use sheet::{Found, Projected, Reserved, Sheet, Stored, Told};
