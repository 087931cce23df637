//! IDs cannot be used up by a pull request.
