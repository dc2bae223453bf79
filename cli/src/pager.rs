//! Paging: output that fits the screen is printed, more of it goes through a pager. The pager is
//! `$WEFT_PAGER`, `$VTYSH_PAGER` or `$PAGER`, else `less`, else `more`, else none.

use std::{
    env,
    io::{self, Write},
    process::{Child, Command, Stdio},
};

/// Where the output of one command goes.
#[derive(Debug)]
pub struct Pager {
    state: State,
}

#[derive(Debug)]
enum State {
    /// It may still fit.
    Waiting { text: String, lines_left: usize },
    /// It does not fit, or paging is off.
    Printing,
    /// It goes through the pager.
    Paging(Child),
}

impl Pager {
    /// For a screen of so many lines; 0 is no paging.
    pub fn new(lines: usize) -> Self {
        let state = match lines {
            0 => State::Printing,
            lines => State::Waiting { text: String::new(), lines_left: lines },
        };
        Pager { state }
    }

    /// Takes a piece of output. An error means that the reader has left.
    pub fn write(&mut self, piece: &str) -> io::Result<()> {
        if let State::Waiting { text, lines_left } = &mut self.state {
            text.push_str(piece);
            match lines_left.checked_sub(piece.matches('\n').count()) {
                Some(left) => {
                    *lines_left = left;
                    return Ok(());
                }
                None => {
                    let text = std::mem::take(text);
                    self.state = start().map_or(State::Printing, State::Paging);
                    return self.pass_on(&text);
                }
            }
        }
        self.pass_on(piece)
    }

    fn pass_on(&mut self, text: &str) -> io::Result<()> {
        match &mut self.state {
            State::Paging(child) => match &mut child.stdin {
                Some(stdin) => stdin.write_all(text.as_bytes()),
                None => Err(io::ErrorKind::BrokenPipe.into()),
            },
            State::Waiting { .. } | State::Printing => io::stdout().lock().write_all(text.as_bytes()),
        }
    }

    /// Prints what waits, or waits until the operator leaves the pager.
    pub fn finish(self) -> io::Result<()> {
        match self.state {
            State::Waiting { text, .. } => io::stdout().lock().write_all(text.as_bytes())?,
            State::Printing => {}
            State::Paging(mut child) => {
                drop(child.stdin.take());
                child.wait()?;
            }
        }
        io::stdout().flush()
    }
}

fn start() -> Option<Child> {
    let chosen = ["WEFT_PAGER", "VTYSH_PAGER", "PAGER"].iter().find_map(env::var_os);
    let mut command = match chosen {
        Some(pager) => {
            let mut command = Command::new("sh");
            command.arg("-c").arg(pager);
            command
        }
        None if installed("less") => {
            let mut command = Command::new("less");
            command.args(["-E", "-F", "-X"]);
            command
        }
        None if installed("more") => Command::new("more"),
        None => return None,
    };
    command.stdin(Stdio::piped()).spawn().ok()
}

fn installed(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
