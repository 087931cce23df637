//! Questions for a screen reader, or for a terminal that can do nothing but write lines: one question a line, nothing
//! drawn twice, no escape sequence. The answer is a line that the terminal itself lets people edit.

use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::input_guard::InputGuard;
use super::{PromptError, Question};
use goldenpath_core::sanitize::{harmless, harmless_name};

/// Who waits for a line, to be told of a Ctrl-C meanwhile.
static WAITING: Mutex<Option<Sender<Heard>>> = Mutex::new(None);

/// The longest line that is read, in bytes; terminals give 4096 at most.
const LONGEST: u64 = 64 * 1024;

/// The longest line that a terminal gives in its own mode, its end included; what is longer it cuts (termios(3), `ICANON`).
const TERMINAL_LINE: usize = 4096;

/// How many suggestions are read out.
const SUGGESTIONS: usize = 9;

/// What begins a line that says why an answer cannot be taken.
pub(crate) const NOT_ACCEPTED: &str = "Not accepted: ";

enum Heard {
    Line(io::Result<Zeroizing<Vec<u8>>>),
    Interrupt,
}

/// Ends the question that is open, if there is one.
pub(crate) fn interrupt() -> bool {
    let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner).take();
    waiting.is_some_and(|waiting| waiting.send(Heard::Interrupt).is_ok())
}

/// A line of text that `check` accepts.
pub(crate) fn text(
    question: &Question<'_>,
    check: &mut dyn FnMut(&str) -> Result<(), String>,
) -> Result<String, PromptError> {
    let Question { words, default, suggestions, takes_new } = *question;
    let mut prompt = words.to_owned();
    let shown =
        if takes_new { &suggestions[..suggestions.len().min(SUGGESTIONS)] } else { suggestions };
    if !shown.is_empty() {
        let more = match suggestions.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let new = if takes_new { ", or a new one" } else { "" };
        prompt.push_str(&format!(". {}{more}{new}", numbered(shown)));
    }
    if let Some(default) = default.filter(|default| !default.is_empty()) {
        prompt.push_str(&format!(". Default {}", harmless_name(default)));
    }
    until_accepted(&prompt, |answer| {
        let answer = match answer {
            "" => default.unwrap_or_default(),
            answer => chosen(answer, shown).map_or(answer, |index| shown[index].as_str()),
        };
        check(answer).map(|()| answer.to_owned())
    })
}

/// One of `choices`, by its index.
pub(crate) fn one(
    words: &str,
    choices: &[String],
    default: usize,
    check: &mut dyn FnMut(usize) -> Result<(), String>,
) -> Result<usize, PromptError> {
    let prompt = format!("{words}. {}. Default {}", numbered(choices), name(choices, default));
    until_accepted(&prompt, |answer| {
        let index = if answer.is_empty() { default } else { known(answer, choices)? };
        check(index).map(|()| index)
    })
}

/// At least one of `choices`, by their indices in the list's order.
pub(crate) fn several(
    words: &str,
    choices: &[String],
    default: usize,
    check: &mut dyn FnMut(&[usize]) -> Result<(), String>,
) -> Result<Vec<usize>, PromptError> {
    let prompt = format!(
        "{words}, one or several with commas between them. {}. Default {}",
        numbered(choices),
        name(choices, default)
    );
    until_accepted(&prompt, |answer| {
        let mut chosen = Vec::new();
        for part in answer.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            chosen.push(known(part, choices)?);
        }
        if answer.is_empty() {
            chosen.push(default);
        } else if chosen.is_empty() {
            return Err("name at least one".to_owned());
        }
        chosen.sort_unstable();
        chosen.dedup();
        check(&chosen).map(|()| chosen)
    })
}

/// Yes or no.
pub(crate) fn confirm(words: &str, default: bool) -> Result<bool, PromptError> {
    let prompt = format!("{words} yes or no. Default {}", if default { "yes" } else { "no" });
    until_accepted(&prompt, |answer| match answer.to_lowercase().as_str() {
        "" => Ok(default),
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("answer yes or no".to_owned()),
    })
}

/// A text that nobody sees while it is typed.
pub(crate) fn hidden(words: &str) -> Result<SecretString, PromptError> {
    until_accepted_by(
        InputGuard::by_hidden_lines,
        &format!("{words}. What you type is not shown"),
        |answer| {
            match answer.len() + 1 < TERMINAL_LINE {
            true => Ok(SecretString::from(answer)),
            false => {
                Err("a terminal's line takes no more, so a part may be missing: give it on standard input".to_owned())
            }
        }
        },
    )
}

/// Asks until there is an answer that can be taken, and says on a line of its own why one cannot.
fn until_accepted<T>(
    prompt: &str,
    take: impl FnMut(&str) -> Result<T, String>,
) -> Result<T, PromptError> {
    until_accepted_by(InputGuard::by_lines, prompt, take)
}

/// The same, the terminal held by `hold`.
fn until_accepted_by<T>(
    hold: fn() -> InputGuard,
    prompt: &str,
    mut take: impl FnMut(&str) -> Result<T, String>,
) -> Result<T, PromptError> {
    let broken = |error: io::Error| PromptError::Terminal(error.to_string());
    let say = |text: &str| {
        let mut err = io::stderr().lock();
        err.write_all(text.as_bytes()).and_then(|()| err.flush()).map_err(broken)
    };
    loop {
        // A Ctrl-C may come as soon as the question is read.
        let ear = listen();
        let held = hold();
        let hides = !held.echoes();
        say(&format!("{}: ", harmless(prompt)))?;
        let line = match hear(&ear) {
            Heard::Line(line) => line.map_err(broken)?,
            Heard::Interrupt => {
                held.forget_line();
                Zeroizing::default()
            }
        };
        drop(held);
        // The Enter of a line that is not shown is not shown either.
        if hides && line.ends_with(b"\n") {
            say("\n")?;
        }
        // The end of the file, and a Ctrl-C, leave the cursor behind the question.
        if !line.ends_with(b"\n") {
            say("\n")?;
            return Err(PromptError::Cancelled);
        }
        if line.contains(&0x1b) {
            return Err(PromptError::Cancelled);
        }
        let taken = match str::from_utf8(&line) {
            Ok(line) => take(line.trim()),
            Err(_) => Err("the answer is not UTF-8".to_owned()),
        };
        match taken {
            Ok(taken) => return Ok(taken),
            Err(why) => say(&format!("{NOT_ACCEPTED}{}\n", harmless(&why)))?,
        }
    }
}

/// From now on, a Ctrl-C is told here.
fn listen() -> (Sender<Heard>, Receiver<Heard>) {
    let (sender, receiver) = channel();
    *WAITING.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender.clone());
    (sender, receiver)
}

/// The next line, or the Ctrl-C before it. The line is read elsewhere, since a read cannot be called off; after a
/// Ctrl-C nothing else is asked.
fn hear((sender, receiver): &(Sender<Heard>, Receiver<Heard>)) -> Heard {
    let sender = sender.clone();
    thread::spawn(move || {
        // Room for it, so that no half of an answer is left behind where it grew.
        let mut line = Zeroizing::new(Vec::with_capacity(TERMINAL_LINE));
        let read = io::stdin().lock().take(LONGEST).read_until(b'\n', &mut line);
        // Nobody listens any more after a Ctrl-C.
        let _ = sender.send(Heard::Line(read.map(|_| line)));
    });
    let heard = receiver.recv().unwrap_or(Heard::Interrupt);
    *WAITING.lock().unwrap_or_else(PoisonError::into_inner) = None;
    heard
}

/// `1 dev, 2 test`
fn numbered(choices: &[String]) -> String {
    let numbered = choices
        .iter()
        .enumerate()
        .map(|(index, choice)| format!("{} {}", index + 1, harmless_name(choice)));
    numbered.collect::<Vec<_>>().join(", ")
}

fn name(choices: &[String], index: usize) -> String {
    choices.get(index).map(|choice| harmless_name(choice).into_owned()).unwrap_or_default()
}

/// The choice that an answer names, or else has the number of.
fn chosen(answer: &str, choices: &[String]) -> Option<usize> {
    let number =
        || answer.parse::<usize>().ok()?.checked_sub(1).filter(|index| *index < choices.len());
    choices.iter().position(|choice| choice == answer).or_else(number)
}

fn known(answer: &str, choices: &[String]) -> Result<usize, String> {
    chosen(answer, choices).ok_or_else(|| {
        let near =
            goldenpath_core::suggest::did_you_mean(answer, choices.iter().map(String::as_str));
        let help = near.unwrap_or_else(|| {
            format!("answer with a number from 1 to {}, or the word", choices.len())
        });
        format!("`{answer}` is none of the choices; {help}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_goes_by_its_word_before_its_number() {
        let choices: Vec<String> = ["dev", "1", "prod"].map(str::to_owned).into();
        assert_eq!(chosen("prod", &choices), Some(2));
        assert_eq!(chosen("3", &choices), Some(2));
        assert_eq!(chosen("1", &choices), Some(1), "it is a word here");
        for unknown in ["0", "4", "-1", "", "99999999999999999999"] {
            assert_eq!(chosen(unknown, &choices), None, "{unknown}");
        }
        assert_eq!(
            known("prd", &choices),
            Err("`prd` is none of the choices; did you mean `prod`?".to_owned())
        );
    }
}
