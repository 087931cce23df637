//! A value goes where the default branch says.
