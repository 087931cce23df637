//! Only apply changes the audit trail.
