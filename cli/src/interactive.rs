//! The shell at a terminal: line editing, history, Tab, `?`, Ctrl-C (drops the line), Ctrl-D
//! (leaves), Ctrl-Z (leaves every mode). Ctrl-V `?` types a question mark.

use crate::{client::ClientError, output, pager::Pager, session::Session};
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event, EventContext, EventHandler,
    Helper, KeyEvent, RepeatCount,
    completion::{Completer, Pair},
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::DefaultHistory,
    validate::Validator,
};
use std::{
    cell::RefCell,
    io,
    path::PathBuf,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

/// Lines of a terminal that does not say how many it has.
const DEFAULT_HEIGHT: usize = 24;

/// A key that ends the line being typed although it is not Enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Special {
    /// `?` with the cursor at this octet.
    Help(usize),
    /// Ctrl-Z.
    End,
}

/// Where a key's handler leaves what it was.
type Pressed = Arc<Mutex<Option<Special>>>;

struct Key {
    pressed: Pressed,
    special: fn(usize) -> Special,
}

impl ConditionalEventHandler for Key {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        *self.pressed.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.special)(context.pos()));
        Some(Cmd::AcceptLine)
    }
}

/// Completion by the daemon.
struct Terminal {
    session: Rc<RefCell<Session>>,
}

impl Helper for Terminal {}
impl Highlighter for Terminal {}
impl Validator for Terminal {}
impl Hinter for Terminal {
    type Hint = String;
}

impl Completer for Terminal {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..position).unwrap_or(line);
        // Without the daemon there is nothing to offer; the next line will tell.
        let Ok((words, replace)) = self.session.borrow_mut().complete(before) else {
            return Ok((position, Vec::new()));
        };
        let only = words.len() == 1;
        let pairs = words.into_iter().map(|word| {
            let replacement = if only { format!("{word} ") } else { word.clone() };
            Pair { display: word, replacement }
        });
        Ok((before.len().saturating_sub(replace), pairs.collect()))
    }
}

/// Until the operator leaves. True if the last line was done, as vtysh has it.
pub fn run(session: Session) -> Result<bool, String> {
    let session = Rc::new(RefCell::new(session));
    let pressed = Pressed::default();
    let mut editor = editor(&session, &pressed).map_err(|error| format!("the terminal: {error}"))?;
    let history = history_file();
    if let Some(file) = &history {
        // There is none the first time.
        let _ = editor.load_history(file);
    }
    let mut unfinished: Option<(String, String)> = None;
    loop {
        let prompt = session.borrow().prompt().to_owned();
        let (left, right) = unfinished.take().unwrap_or_default();
        let line = match editor.readline_with_initial(&prompt, (&left, &right)) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(format!("the terminal: {error}")),
        };
        let special = pressed.lock().unwrap_or_else(PoisonError::into_inner).take();
        match special {
            Some(Special::Help(position)) => {
                let (left, right) = line.split_at_checked(position).unwrap_or((&line, ""));
                let help = session.borrow_mut().help(left);
                match help {
                    Ok(help) => output::print(&help).map_err(|error| error.to_string())?,
                    Err(error) => eprintln!("weft: {error}"),
                }
                unfinished = Some((left.to_owned(), right.to_owned()));
                continue;
            }
            Some(Special::End) => {
                if let Err(error) = session.borrow_mut().leave_all() {
                    eprintln!("weft: {error}");
                }
                continue;
            }
            None => {}
        }
        if line.trim().is_empty() {
            continue;
        }
        // A history that cannot grow is no reason to stop.
        let _ = editor.add_history_entry(line.as_str());
        let height = editor.dimensions().map_or(DEFAULT_HEIGHT, |(_, rows)| usize::from(rows)).max(2);
        if execute(&session, &line, height) {
            break;
        }
    }
    if let Some(file) = &history {
        // A home that cannot be written to is no error of the session.
        let _ = editor.save_history(file);
    }
    Ok(true)
}

/// Runs a line; true if the session is over.
fn execute(session: &Rc<RefCell<Session>>, line: &str, height: usize) -> bool {
    let page = session.borrow().page_length().map_or(height - 1, usize::from);
    let mut pager = Pager::new(page);
    let answer = session.borrow_mut().exec(line, |text| pager.write(text));
    let finished = pager.finish();
    match answer {
        Ok(answer) => {
            if let Some(error) = &answer.error {
                eprintln!("{error}");
            }
            if let Err(error) = finished
                && error.kind() != io::ErrorKind::BrokenPipe
            {
                eprintln!("weft: cannot write the output: {error}");
            }
            answer.close
        }
        // The operator left the pager before the end.
        Err(ClientError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => false,
        Err(error) => {
            eprintln!("weft: {error}");
            false
        }
    }
}

fn editor(
    session: &Rc<RefCell<Session>>,
    pressed: &Pressed,
) -> rustyline::Result<Editor<Terminal, DefaultHistory>> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_dups(true)?
        .history_ignore_space(true)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Terminal { session: Rc::clone(session) }));
    let mut bind = |key, special| {
        let handler = Key { pressed: Arc::clone(pressed), special };
        editor.bind_sequence(key, EventHandler::Conditional(Box::new(handler)));
    };
    bind(KeyEvent::from('?'), Special::Help);
    bind(KeyEvent::ctrl('Z'), |_| Special::End);
    Ok(editor)
}

fn history_file() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_dir()).map(|home| home.join(".weft_history"))
}
