//! The catalog as people ask for it: a row a secret, for terminals, scripts and spreadsheets, and what is
//! due.

pub mod page;

mod csv;
mod due;
mod due_list;
mod row;
mod secret_details;

pub use csv::as_csv;
pub use due::{Begin, Calendar, Due, Known, Reason, day, distance};
pub use due_list::{Agenda, DUE_TEMPLATE, Unasked};
pub use row::{Row, as_json, read};
pub use secret_details::{Found, Projected, Reserved, Sheet, Stored, Told};
