//! What the targets call. It is the ordinary suite's too, so that a finding there is one here.

#[path = "../../tests/properties/any_bytes.rs"]
pub mod any_bytes;
