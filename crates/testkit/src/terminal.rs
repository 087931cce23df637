//! A user at a terminal: a pseudo-terminal, a screen that interprets escape sequences, and keys.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::termios::LocalModes;

/// How long a test waits for a program to print a text or to end.
const PATIENCE: Duration = Duration::from_secs(20);

pub enum Key {
    Enter,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    Delete,
    Escape,
    Space,
    Tab,
    Backspace,
    CtrlC,
}

impl Key {
    pub fn bytes(&self) -> &'static str {
        match self {
            Self::Enter => "\r",
            Self::Up => "\x1b[A",
            Self::Down => "\x1b[B",
            Self::Right => "\x1b[C",
            Self::Left => "\x1b[D",
            Self::Home => "\x1b[H",
            Self::End => "\x1b[F",
            Self::Delete => "\x1b[3~",
            Self::Escape => "\x1b",
            Self::Space => " ",
            Self::Tab => "\t",
            Self::Backspace => "\x7f",
            Self::CtrlC => "\x03",
        }
    }
}

/// A terminal in which a program runs. Dropping it sends a hangup to the program.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    output: Arc<Output>,
    // The program's terminal exists as long as this value.
    master: Box<dyn MasterPty + Send>,
}

/// The program's output so far, shared with the thread that reads it.
struct Output {
    state: Mutex<TerminalState>,
    changed: Condvar,
}

struct TerminalState {
    screen: vt100::Parser,
    raw: Vec<u8>,
    ended: bool,
}

impl Terminal {
    /// Starts `command` in a terminal of this size.
    ///
    /// The program's environment has the variables that were set on `command`, and `TERM`.
    #[track_caller]
    pub fn open(columns: u16, rows: u16, command: &Command) -> Self {
        let pty = native_pty_system()
            .openpty(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 })
            .unwrap_or_else(|error| panic!("cannot open a pseudo-terminal: {error}"));
        let child = pty
            .slave
            .spawn_command(for_a_terminal(command))
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let keyboard = pty.master.take_writer().expect("the first writer");
        let reader = pty.master.try_clone_reader().expect("a reader");
        let output = Arc::new(Output {
            state: Mutex::new(TerminalState {
                screen: vt100::Parser::new(
                    rows.try_into().expect("at least one row"),
                    columns.try_into().expect("at least one column"),
                    0,
                ),
                raw: Vec::new(),
                ended: false,
            }),
            changed: Condvar::new(),
        });
        thread::spawn({
            let output = Arc::clone(&output);
            move || output.follow(reader)
        });
        Self { child, keyboard, output, master: pty.master }
    }

    /// Waits until the screen contains `text`.
    ///
    /// Text that is there already counts: after a key, wait for text that was not there before.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> &mut Self {
        let state = self.output.wait_while(|state| !state.ended && !shown(state).contains(text));
        let screen = shown(&state);
        let why = if state.ended { "the program ended" } else { "it took too long" };
        drop(state);
        assert!(screen.contains(text), "waited for {text:?}, but {why}. The screen:\n{screen}");
        self
    }

    /// As [`Terminal::wait_for`], for words that may be wrapped.
    #[track_caller]
    pub fn wait_for_words(&mut self, words: &str) -> &mut Self {
        let said =
            |state: &TerminalState| shown(state).split_whitespace().collect::<Vec<_>>().join(" ");
        let state = self.output.wait_while(|state| !state.ended && !said(state).contains(words));
        let (said, screen) = (said(&state), shown(&state));
        drop(state);
        assert!(said.contains(words), "waited for {words:?}. The screen:\n{screen}");
        self
    }

    /// Waits until the screen ends with `text`.
    #[track_caller]
    pub fn wait_for_last(&mut self, text: &str) -> &mut Self {
        let state = self.output.wait_while(|state| !state.ended && !shown(state).ends_with(text));
        let screen = shown(&state);
        drop(state);
        assert!(screen.ends_with(text), "waited for {text:?} at the end. The screen:\n{screen}");
        self
    }

    /// Waits until the screen contains only `text`.
    #[track_caller]
    pub fn wait_for_all(&mut self, text: &str) -> &mut Self {
        let state = self.output.wait_while(|state| !state.ended && shown(state) != text);
        let screen = shown(&state);
        drop(state);
        assert_eq!(screen, text, "waited for this screen (on the right)");
        self
    }

    /// Types `text` without Enter.
    #[track_caller]
    pub fn send(&mut self, text: &str) -> &mut Self {
        self.keyboard
            .write_all(text.as_bytes())
            .and_then(|()| self.keyboard.flush())
            .unwrap_or_else(|error| panic!("cannot type {text:?}: {error}\n{}", self.screen()));
        self
    }

    #[track_caller]
    pub fn key(&mut self, key: Key) -> &mut Self {
        self.send(key.bytes())
    }

    /// Gives the terminal another size and clears it, so that only what is drawn again is there.
    #[track_caller]
    pub fn resize(&mut self, columns: u16, rows: u16) -> &mut Self {
        let mut state = self.output.lock();
        state.screen = vt100::Parser::new(
            rows.try_into().expect("at least one row"),
            columns.try_into().expect("at least one column"),
            0,
        );
        drop(state);
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).unwrap_or_else(|error| panic!("cannot resize: {error}"));
        self
    }

    /// Returns the lines on the screen, without trailing blanks and empty lines at the end.
    pub fn screen(&self) -> String {
        shown(&self.output.lock())
    }

    /// Returns the cursor's row and column, from 0.
    pub fn cursor(&self) -> (u16, u16) {
        self.output.lock().screen.screen().cursor_position()
    }

    pub fn cursor_visible(&self) -> bool {
        !self.output.lock().screen.screen().hide_cursor()
    }

    /// Reports whether the terminal has the modes that a shell sets: echo, line by line input, and
    /// Ctrl-C as a signal.
    pub fn is_as_shells_leave_it(&self) -> bool {
        let name = self.master.tty_name().expect("a terminal with a name");
        let terminal = std::fs::File::open(name).expect("the program's terminal");
        let modes = rustix::termios::tcgetattr(terminal).expect("a terminal").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
            && !modes.contains(LocalModes::NOFLSH)
    }

    /// Returns all bytes that the program has written, with escape sequences.
    pub fn raw(&self) -> Vec<u8> {
        self.output.lock().raw.clone()
    }

    /// Waits for the program to end and returns its exit code. The screen is then final.
    #[track_caller]
    pub fn wait(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("a child to wait for") {
                Some(status) => break status,
                None if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
                None => panic!("still running after {PATIENCE:?}. The screen:\n{}", self.screen()),
            }
        };
        drop(self.output.wait_while(|state| !state.ended));
        status.exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail if the program has ended already, which is their purpose.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Output {
    fn follow(&self, mut reader: impl Read) {
        let mut buffer = [0; 4096];
        // At the end of the output, some systems return nothing and others an error.
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            let mut state = self.lock();
            state.screen.process(&buffer[..length]);
            state.raw.extend_from_slice(&buffer[..length]);
            self.changed.notify_all();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, TerminalState> {
        self.state.lock().expect("the reading thread is sound")
    }

    fn wait_while(
        &self,
        unfinished: impl Fn(&TerminalState) -> bool,
    ) -> MutexGuard<'_, TerminalState> {
        self.changed
            .wait_timeout_while(self.lock(), PATIENCE, |state| unfinished(state))
            .expect("the reading thread is sound")
            .0
    }
}

fn for_a_terminal(command: &Command) -> CommandBuilder {
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    builder.env_clear();
    builder.env("TERM", "xterm-256color");
    for (name, value) in command.get_envs() {
        builder.env(name, value.unwrap_or_default());
    }
    if let Some(directory) = command.get_current_dir() {
        builder.cwd(directory);
    }
    builder
}

fn shown(state: &TerminalState) -> String {
    let screen = state.screen.screen();
    let (_, columns) = screen.size();
    let lines: Vec<_> = screen.rows(0, columns.get()).collect();
    let lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
fn shell(script: &str) -> Terminal {
    let home = std::env::temp_dir();
    super::Command::new("sh", &["-c", script], &home, &home).in_terminal(60, 5)
}

#[test]
fn a_person_sees_a_question_and_answers_it() {
    let mut terminal = shell(r#"printf '\033[?25lName? '; read name; echo "Hi $name"; exit 7"#);
    assert!(!terminal.wait_for("Name?").cursor_visible());
    terminal.send("Eve").key(Key::Backspace).key(Key::Backspace);
    terminal.send("d").key(Key::Enter);
    assert_eq!(terminal.wait(), 7);
    assert_eq!(terminal.screen(), "Name? Ed\nHi Ed");
    assert!(terminal.raw().starts_with(b"\x1b[?25lName? "));
}

#[test]
fn a_terminal_says_whether_it_shows_what_is_typed() {
    let mut terminal =
        shell("printf ready; read x; stty -echo; printf hidden; read x; stty echo; echo done");
    assert!(terminal.wait_for("ready").is_as_shells_leave_it());
    assert!(!terminal.key(Key::Enter).wait_for("hidden").is_as_shells_leave_it());
    terminal.key(Key::Enter).wait_for("done").wait();
    assert!(terminal.is_as_shells_leave_it());
}

#[test]
fn keys_arrive_as_the_bytes_a_terminal_sends() {
    let mut terminal = shell("stty raw -echo; echo ready; head -c 11 | od -An -c; sleep 60");
    terminal.wait_for("ready");
    for key in [Key::Up, Key::Down, Key::Escape, Key::Space, Key::Tab, Key::Enter, Key::CtrlC] {
        terminal.key(key);
    }
    terminal.wait_for(r"033   [   A 033   [   B 033      \t  \r 003");
}

#[test]
#[should_panic(expected = r#"waited for "never", but the program ended. The screen:
all I say"#)]
fn what_never_comes_ends_the_test_with_the_screen() {
    shell("echo all I say").wait_for("never");
}
