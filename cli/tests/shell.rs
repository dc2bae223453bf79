//! The shell as a user has it: the built binary, against the daemon's real grammar and socket with
//! a small daemon behind them; the interactive part on a pseudo-terminal.

// Helpers of tests are tests, but clippy knows only functions marked so.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use nix::pty::{Winsize, openpty};
use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};
use weft_bgpd::{
    command::{ConfigStore, ExecBackend, ExecCommand, ExecError, Shell, Sink},
    config::{self, Config},
    mgmt::{MgmtOptions, MgmtServer},
};

#[derive(Debug, Default)]
struct Daemon {
    ran: Mutex<Vec<ExecCommand>>,
}

impl ExecBackend for Daemon {
    fn exec(&self, command: ExecCommand, out: &mut dyn Sink) -> Result<(), ExecError> {
        self.ran.lock().unwrap().push(command.clone());
        match command {
            ExecCommand::ShowBgpSummary { .. } => Ok(out.text("the summary\n")?),
            ExecCommand::ShowVersion { .. } => Ok(out.text("Weft, for a test\n")?),
            ExecCommand::ShowBgpEvpnRoutes(_) => {
                for number in 0..100_000 {
                    out.text(&format!("route {number}\n"))?;
                }
                Ok(())
            }
            other => Err(ExecError(format!("not in this test: {other:?}"))),
        }
    }

    fn apply(&self, _: &Config) -> Result<(), ExecError> {
        Ok(())
    }
}

/// A daemon on a socket in a directory of its own.
struct Bench {
    directory: PathBuf,
    _server: MgmtServer,
    daemon: Arc<Daemon>,
    store: Arc<ConfigStore>,
}

impl Bench {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("weft-cli-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let daemon = Arc::new(Daemon::default());
        let text = "hostname leaf1\nrouter bgp 65000\n neighbor 10.0.0.1 remote-as internal\n";
        let running = config::parse("test", text).unwrap();
        let store = Arc::new(ConfigStore::new(running, None, daemon.clone()));
        let options = MgmtOptions { path: directory.join("weftd.sock"), ..MgmtOptions::default() };
        let server = MgmtServer::start(options, Shell::new(store.clone())).unwrap();
        Bench { directory, _server: server, daemon, store }
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("weftd.sock")
    }

    fn weft(&self) -> Command {
        weft(&self.socket(), &self.directory)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.weft().args(arguments).output().unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn weft(socket: &Path, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
    command.env("WEFT_SOCKET", socket).env("HOME", home).env("TERM", "xterm").stdin(Stdio::null());
    for pager in ["WEFT_PAGER", "VTYSH_PAGER", "PAGER"] {
        command.env_remove(pager);
    }
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn commands_run_in_order_and_keep_their_place() {
    let bench = Bench::new();
    let done = bench.run(&[
        "-c",
        "sh bgp l2 evpn su",
        "-c",
        "conf t",
        "-c",
        "hostname leaf7",
        "-c",
        "do show version",
    ]);
    assert_eq!((text(&done.stdout), text(&done.stderr)), ("the summary\nWeft, for a test\n", ""));
    assert!(done.status.success());
    assert_eq!(bench.store.running().hostname.as_deref(), Some("leaf7"));
    let done = bench.run(&["-c", "configure terminal\nrouter bgp\nbgp router-id 1.1.1.1"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(bench.store.running().bgp.as_ref().unwrap().router_id.is_some());
}

#[test]
fn a_failed_command_goes_to_stderr_and_into_the_status_and_stops_the_rest() {
    let bench = Bench::new();
    let done = bench.run(&["-c", "show bgp sumary", "-c", "show version"]);
    assert!(!done.status.success());
    assert_eq!(text(&done.stdout), "");
    assert_eq!(
        text(&done.stderr),
        "% Unknown command: show bgp sumary\n  show bgp sumary\n           ^\n% unexpected word `sumary`; did you mean `summary`?\n"
    );
    assert!(bench.daemon.ran.lock().unwrap().is_empty());
}

#[test]
fn lines_come_from_standard_input_too() {
    let bench = Bench::new();
    let mut child =
        bench.weft().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"show nothing\nshow version\nexit\nshow version\n").unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(text(&done.stdout), "Weft, for a test\n", "nothing behind exit");
    assert!(!done.status.success());
}

#[test]
fn a_file_is_applied_whole_or_not_at_all() {
    let bench = Bench::new();
    let file = bench.directory.join("more.conf");
    std::fs::write(&file, "hostname leaf8\nrouter bgp 65000\n neighbor 10.0.0.9 remote-as external\n")
        .unwrap();
    assert!(bench.run(&["-f", file.to_str().unwrap()]).status.success());
    assert_eq!(bench.store.running().bgp.as_ref().unwrap().neighbors.len(), 2);
    std::fs::write(&file, "hostname leaf9\nnonsense\n").unwrap();
    let done = bench.run(&["-f", file.to_str().unwrap()]);
    assert!(!done.status.success());
    assert!(
        text(&done.stderr).contains("more.conf:2:1: unknown command `nonsense`"),
        "{}",
        text(&done.stderr)
    );
    assert_eq!(bench.store.running().hostname.as_deref(), Some("leaf8"));
}

#[test]
fn a_daemon_that_is_not_there_is_told_plainly() {
    let nowhere = std::env::temp_dir().join("weft-no-such-directory/weftd.sock");
    let done = weft(&nowhere, Path::new("/")).args(["-c", "show version"]).output().unwrap();
    assert!(!done.status.success());
    let expected =
        format!("weft: cannot connect to {}: no such file; is weftd running?\n", nowhere.display());
    assert_eq!(text(&done.stderr), expected);
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let bench = Bench::new();
    let mut child = bench
        .weft()
        .args(["-c", "show bgp l2vpn evpn"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 8];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"route 0\n");
    let done = child.wait_with_output().unwrap();
    assert_eq!(text(&done.stderr), "");
    assert!(done.status.success());
}

/// A shell on a pseudo-terminal, and all that it printed.
struct Terminal {
    keyboard: File,
    screen: mpsc::Receiver<Vec<u8>>,
    seen: String,
    child: Child,
}

impl Terminal {
    fn open(bench: &Bench, environment: &[(&str, &str)]) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let mut command = bench.weft();
        command.stdin(end(&pty.slave)).stdout(end(&pty.slave)).stderr(end(&pty.slave));
        let child = command.envs(environment.iter().copied()).spawn().unwrap();
        drop((command, pty.slave));
        let keyboard = File::from(pty.master.try_clone().unwrap());
        let mut master = File::from(pty.master);
        let (sender, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = master.read(&mut bytes) {
                if sender.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut terminal = Terminal { keyboard, screen, seen: String::new(), child };
        terminal.wait_for("leaf1# ");
        terminal
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Until the text is printed; forgets all up to it, and returns what came before it.
    fn wait_for(&mut self, wanted: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(at) = self.seen.find(wanted) {
                let rest = self.seen.split_off(at + wanted.len());
                let mut before = std::mem::replace(&mut self.seen, rest);
                before.truncate(at);
                return before;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let bytes = self
                .screen
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("{wanted:?} not in {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn leave(mut self) {
        self.press("\x04");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Only where a test failed before the shell left by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_question_mark_shows_help_at_once_and_keeps_the_line() {
    let bench = Bench::new();
    let mut terminal = Terminal::open(&bench, &[]);
    terminal.press("show evpn ?");
    terminal.wait_for("arp-cache");
    terminal.wait_for("Compare what is wanted with what the kernel holds");
    terminal.wait_for("<cr>");
    terminal.wait_for("leaf1# ");
    terminal.wait_for("show evpn ");
    // The line is still there: what is typed now goes behind it.
    terminal.press("\x15show version\r");
    terminal.wait_for("Weft, for a test");
    terminal.wait_for("leaf1# ");
    terminal.leave();
}

#[test]
fn tab_completes_from_the_grammar_and_from_the_configuration() {
    let bench = Bench::new();
    let mut terminal = Terminal::open(&bench, &[]);
    terminal.press("sh bg nei\t");
    terminal.wait_for("neighbors ");
    terminal.press("10\t");
    terminal.wait_for("10.0.0.1 ");
    terminal.press("\r");
    terminal.wait_for("not in this test: ShowBgpNeighbors { peer: Some(10.0.0.1)");
    terminal.wait_for("leaf1# ");
    terminal.leave();
}

#[test]
fn abbreviations_modes_and_control_keys_are_vtyshs() {
    let bench = Bench::new();
    let mut terminal = Terminal::open(&bench, &[]);
    terminal.press("sh bgp l2 evpn su\r");
    terminal.wait_for("the summary");
    terminal.press("conf t\r");
    terminal.wait_for("leaf1(config)# ");
    terminal.press("router bgp\r");
    terminal.wait_for("leaf1(config-router)# ");
    terminal.press("half a line\x03");
    terminal.wait_for("leaf1(config-router)# ");
    terminal.press("hostname leaf2\r");
    terminal.wait_for("leaf2(config)# ");
    terminal.press("\x1a");
    terminal.wait_for("leaf2# ");
    terminal.press("e\r");
    terminal.wait_for("% Ambiguous command: e");
    terminal.wait_for("leaf2# ");
    terminal.press("exit\r");
    assert!(terminal.child.wait().unwrap().success());
}

#[test]
fn long_output_is_paged_unless_told_otherwise() {
    let bench = Bench::new();
    let mut terminal = Terminal::open(&bench, &[("WEFT_PAGER", "sed -e 's/^/paged /' -e 3q")]);
    terminal.press("show version\r");
    terminal.wait_for("Weft, for a test");
    terminal.wait_for("leaf1# ");
    // The pager leaves after three lines; the daemon is not made to produce the rest, and the shell goes on.
    terminal.press("show bgp l2vpn evpn\r");
    terminal.wait_for("paged route 0");
    terminal.wait_for("paged route 2");
    terminal.wait_for("leaf1# ");
    terminal.press("terminal length 0\r");
    terminal.wait_for("leaf1# ");
    terminal.press("show bgp l2vpn evpn | include ^route 9999.$\r");
    let before = terminal.wait_for("route 99999");
    assert!(!before.contains("paged"), "{before}");
    terminal.wait_for("leaf1# ");
    terminal.leave();
}
