//! `weft`, also run by the name `vtysh`: the shell of `weftd`.
//!
//! It knows no command. Lines go to the daemon over its management socket together with the place in the
//! configuration; text, prompts, help and completions come back. Here are only the terminal's matters.

mod client;
mod interactive;
mod output;
mod pager;
mod session;

use clap::{ArgAction, Parser};
use session::Session;
use std::{
    io::{BufRead, IsTerminal, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The shell of weftd. Without -c and -f it reads lines from the terminal, or from standard input.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Run a command and leave; may be given several times, and may have several lines
    #[arg(short = 'c', long = "command", value_name = "COMMAND", action = ArgAction::Append)]
    commands: Vec<String>,

    /// Apply the lines of a configuration file, all of them or none, and leave; - is standard input
    #[arg(short = 'f', long = "file", value_name = "FILE", conflicts_with = "commands")]
    file: Option<PathBuf>,

    /// The management socket of weftd
    #[arg(long, value_name = "PATH", env = "WEFT_SOCKET", default_value = "/run/weft/weftd.sock")]
    socket: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match Session::open(&options.socket) {
        Ok(session) => run(session, &options),
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("weft: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True if every command succeeded.
fn run(mut session: Session, options: &Options) -> Result<bool, String> {
    if let Some(file) = &options.file {
        return load(&mut session, file);
    }
    if !options.commands.is_empty() {
        let lines = options.commands.iter().flat_map(|command| command.lines());
        return output::run_lines(&mut session, lines.map(|line| Ok(line.to_owned())), output::OnError::Stop);
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return interactive::run(session);
    }
    output::run_lines(&mut session, stdin.lock().lines(), output::OnError::Continue)
}

fn load(session: &mut Session, file: &Path) -> Result<bool, String> {
    let (name, text) = if file == Path::new("-") {
        let mut text = String::new();
        (String::from("standard input"), std::io::stdin().read_to_string(&mut text).map(|_| text))
    } else {
        (file.display().to_string(), std::fs::read_to_string(file))
    };
    let text = text.map_err(|error| format!("cannot read {name}: {error}"))?;
    let end = session.load(&name, &text).map_err(|error| error.to_string())?;
    if let Some(error) = &end.error {
        eprintln!("{error}");
    }
    Ok(end.status == 0)
}
