//! Keys of the terminal, with pastes and resizes distinguished from typed keys.

use std::io;

use console::{Key, Term};

/// Turns bracketed paste on and off (xterm's DEC private mode 2004).
const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";

/// The longest escape sequence that is read to its end, in characters.
const MAX_SEQUENCE: usize = 32;

/// What the terminal sends.
pub(crate) enum TerminalInput {
    Key(Key),
    /// A paste begins (`true`) or ends; its text comes as keys.
    Paste(bool),
    /// The terminal has another size.
    Resized,
}

/// Reads keys until it is dropped.
pub(crate) struct KeyReader<'a> {
    term: &'a Term,
    size: (u16, u16),
}

impl<'a> KeyReader<'a> {
    pub(crate) fn new(term: &'a Term) -> io::Result<Self> {
        term.write_str(PASTE_ON)?;
        term.flush()?;
        Ok(Self { term, size: term.size() })
    }

    /// Waits for the next input. Unknown escape sequences are skipped.
    pub(crate) fn read(&mut self) -> io::Result<TerminalInput> {
        loop {
            if !is_readable()? {
                let size = self.term.size();
                if size != self.size {
                    self.size = size;
                    return Ok(TerminalInput::Resized);
                }
                continue;
            }
            match self.term.read_key_raw()? {
                Key::UnknownEscSeq(start) => match self.rest_of_sequence(&start)?.as_str() {
                    "[200~" => return Ok(TerminalInput::Paste(true)),
                    "[201~" => return Ok(TerminalInput::Paste(false)),
                    _ => {}
                },
                key => return Ok(TerminalInput::Key(key)),
            }
        }
    }

    /// Returns an escape sequence, of which the console crate has read the start.
    fn rest_of_sequence(&self, start: &[char]) -> io::Result<String> {
        let mut sequence: String = start.iter().collect();
        while is_unfinished(&sequence) && sequence.len() < MAX_SEQUENCE {
            match self.term.read_key_raw()? {
                Key::Char(character) => sequence.push(character),
                _ => break,
            }
        }
        Ok(sequence)
    }
}

impl Drop for KeyReader<'_> {
    fn drop(&mut self) {
        // If the terminal is gone, nothing can be set.
        let _ = self.term.write_str(PASTE_OFF);
        let _ = self.term.flush();
    }
}

/// Returns whether more characters of this sequence follow (ECMA-48, 5.4).
fn is_unfinished(sequence: &str) -> bool {
    match sequence.as_bytes() {
        [b'[' | b'O'] => true,
        [b'[', .., last] => !(b'@'..=b'~').contains(last),
        _ => false,
    }
}

/// Waits for input; returns false after a moment in which the size may have changed.
#[cfg(unix)]
fn is_readable() -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
    let stdin = io::stdin();
    let mut inputs = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut inputs, Some(&MOMENT)) {
        Ok(count) => Ok(count > 0),
        // A signal, such as the one of a resize.
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
fn is_readable() -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_ends_with_its_final_byte() {
        for unfinished in ["[", "O", "[2", "[20", "[200", "[1;5"] {
            assert!(is_unfinished(unfinished), "{unfinished}");
        }
        for finished in ["[200~", "[1;5C", "OP", "b", "[Z"] {
            assert!(!is_unfinished(finished), "{finished}");
        }
    }
}
