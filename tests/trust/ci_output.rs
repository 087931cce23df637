//! Foreign text starts no workflow command.
