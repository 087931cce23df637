//! A value that is put in is nowhere afterwards but in the store: not in what is printed, not in a
//! file, not in git, not in what other processes see of goldenpath, and not in any request but the
//! one that carries it. Whatever goes wrong.

mod bad_input;
mod process;
mod scene;
mod terminal;
mod transport;
mod trouble;
mod ways_in;
