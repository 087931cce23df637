//! A secret in the store belongs to one catalog of one repository.
