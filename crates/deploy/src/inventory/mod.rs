//! The catalog as lists and pages: rows, CSV, JSON, HTML, details and due dates.

pub mod page;

mod csv;
mod due;
mod due_list;
mod removed;
mod row;
mod secret_details;
mod start_dates;

pub use csv::{as_csv, csv_line};
pub use due::{Due, DueDate, DueReason, TtlStart, UnknownDue, UnknownDueReason, day, distance};
pub use due_list::{DUE_TEMPLATE, DueList, UnreachableStore};
pub use removed::{RemovedSecret, find_removed, removed_csv};
pub use row::{CatalogRow, as_json, read};
pub use secret_details::{Lookup, Projected, Reserved, SecretDetails, Stored, StoredDetails};
pub use start_dates::{SecretDueDates, StartDates, StoreDates};
