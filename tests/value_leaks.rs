//! A value is only in the store, and in no output, file, git object or process information, and in
//! no request other than the one that carries it, whatever fails.

mod bad_input;
mod process;
mod scene;
mod terminal;
mod transport;
mod trouble;
mod ways_in;
