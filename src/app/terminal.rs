//! Questions to the person at the terminal. A hidden answer is not shown, and whatever happens the terminal is left as it was.

use std::error::Error;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::os::fd::AsFd as _;

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::connection::{BadToken, TypedToken};

use super::output;

/// Standard input with a person at it. It is read byte by byte, so that no buffer keeps what was typed.
pub(super) struct Terminal(File);

#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("the terminal cannot be used")]
    Broken(#[from] io::Error),
    #[error("the input has ended before all was answered; nothing was written")]
    Ended,
}

#[derive(Debug, thiserror::Error)]
#[error("told to stop; nothing was written")]
struct ToldToStop;

impl Terminal {
    /// Nothing where standard input is a file, a pipe, or nothing.
    pub(super) fn at_hand() -> Option<Self> {
        io::stdin().is_terminal().then(input)?.ok().map(Self)
    }

    /// One line, without its end.
    pub(super) async fn ask(&self, question: &str) -> Result<String, NoAnswer> {
        output::tell(question);
        let mut line = Line::of(self.0.try_clone()?);
        let (answer, has_ended) = in_a_thread(move || {
            let mut answer = String::new();
            (line.read_to_string(&mut answer).map(|_| answer), line.has_ended)
        })
        .await?;
        if has_ended { Err(NoAnswer::Ended) } else { Ok(answer?) }
    }

    /// The same for a token, which does not appear; asked until it is like one.
    pub(super) async fn ask_for_token(&self, question: &str) -> Result<TypedToken, NoAnswer> {
        // Before the question, which somebody may be quick to answer, and until there is an answer to be had.
        let _hidden = Hidden::begin(self.0.try_clone()?)?;
        loop {
            output::tell(question);
            let mut line = Line::of(self.0.try_clone()?);
            match in_a_thread(move || (TypedToken::read(&mut line), line.has_ended)).await? {
                (_, true) => return Err(NoAnswer::Ended),
                (Ok(token), false) => return Ok(token),
                (Err(problem), false) => output::tell(&format!("{problem}\n")),
            }
        }
    }
}

/// Standard input to its end.
pub(super) async fn token_from_input() -> Result<TypedToken, BadToken> {
    let input = input().map_err(BadToken::Unreadable)?;
    in_a_thread(move || TypedToken::read(input)).await.map_err(BadToken::Unreadable)?
}

/// Gives the work up at Ctrl-C and when the process is told to end, and gives back what it holds, such as a hidden input.
pub(super) async fn unless_told_to_stop<T>(
    work: impl Future<Output = Result<T, Box<dyn Error>>>,
) -> Result<T, Box<dyn Error>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        biased;
        done = work => return done,
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    // The terminal shows `^C` behind the question.
    output::tell("\n");
    Err(ToldToStop.into())
}

/// The terminal shows nothing of what is typed, but for the end of the line, until this is dropped.
struct Hidden {
    terminal: File,
    before: Termios,
}

impl Hidden {
    fn begin(terminal: File) -> io::Result<Self> {
        let before = termios::tcgetattr(&terminal)?;
        let mut hiding = before.clone();
        hiding.local_modes.remove(LocalModes::ECHO);
        hiding.local_modes.insert(LocalModes::ECHONL);
        termios::tcsetattr(&terminal, OptionalActions::Now, &hiding)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // It fails only where the terminal is no more.
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Reads up to the end of a line.
struct Line {
    input: File,
    is_over: bool,
    /// There will be no other line.
    has_ended: bool,
}

impl Line {
    fn of(input: File) -> Self {
        Self { input, is_over: false, has_ended: false }
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(byte) = buffer.first_mut().filter(|_| !self.is_over) else { return Ok(0) };
        let read = self.input.read(std::slice::from_mut(byte))?;
        self.has_ended = read == 0;
        self.is_over = self.has_ended || *byte == b'\n';
        Ok(if self.is_over { 0 } else { read })
    }
}

fn input() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Not on one of the runtime's threads: it would wait for an answer even when nobody wants it any more.
async fn in_a_thread<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (reply, answer) = oneshot::channel();
    std::thread::Builder::new().name("terminal".to_owned()).spawn(move || {
        // Whoever asked may have been told to stop.
        let _ = reply.send(read());
    })?;
    answer.await.map_err(io::Error::other)
}
