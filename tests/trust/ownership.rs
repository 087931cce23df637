//! A service asks for its own secrets only.
