//! The protocol over a real socket in a directory of its own.

use super::{server::MgmtOptions, *};
use crate::{
    command::{ConfigStore, ExecBackend, ExecCommand, ExecError, Shell, Sink},
    config::{Bgp, Config},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A daemon whose large table has a million lines.
#[derive(Debug, Default)]
struct Daemon {
    lines_written: AtomicU64,
    applied: Mutex<Vec<Config>>,
}

const LARGE: u64 = 1_000_000;

impl ExecBackend for Daemon {
    fn exec(&self, command: ExecCommand, out: &mut dyn Sink) -> Result<(), ExecError> {
        match command {
            ExecCommand::ShowBgpEvpnRoutes(_) => {
                for number in 0..LARGE {
                    out.text(&format!("route {number}\n"))?;
                    self.lines_written.store(number + 1, Ordering::SeqCst);
                }
                Ok(())
            }
            ExecCommand::ShowEvpn { .. } => Err(ExecError("the core is gone".into())),
            _ => Ok(out.text("weft\n")?),
        }
    }

    fn apply(&self, config: &Config) -> Result<(), ExecError> {
        self.applied.lock().unwrap().push(config.clone());
        Ok(())
    }
}

/// A directory that goes with its test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Directory(std::env::temp_dir().join(format!("weft-mgmt-{}-{number}", std::process::id())))
    }

    fn socket(&self) -> PathBuf {
        self.0.join("run/weftd.sock")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(path: &Path) -> Result<(MgmtServer, Arc<Daemon>), MgmtError> {
    start_with(MgmtOptions { path: path.to_owned(), max_clients: 4, max_request: 1 << 16 })
}

fn start_with(options: MgmtOptions) -> Result<(MgmtServer, Arc<Daemon>), MgmtError> {
    let daemon = Arc::new(Daemon::default());
    let config = Config { hostname: Some("leaf1".into()), ..Config::default() };
    let shell = Shell::new(Arc::new(ConfigStore::new(config, None, daemon.clone())));
    Ok((MgmtServer::start(options, shell)?, daemon))
}

struct Client {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Client {
    fn connect(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { reader: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    fn send(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).unwrap();
        self.stream.write_all(b"\n").unwrap();
    }

    fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        (self.reader.read_line(&mut line).unwrap() > 0).then(|| serde_json::from_str(&line).unwrap())
    }

    /// The text and the last line of an answer.
    fn answer(&mut self) -> (String, Value) {
        let mut text = String::new();
        loop {
            let line = self.line().expect("an answer");
            if line["end"] == true {
                return (text, line);
            }
            text.push_str(line["text"].as_str().unwrap());
        }
    }

    fn ask(&mut self, request: Value) -> (String, Value) {
        self.send(&request.to_string());
        self.answer()
    }
}

#[test]
fn a_line_is_run_and_the_place_comes_back() {
    let directory = Directory::new();
    let (_server, daemon) = start(&directory.socket()).unwrap();
    let mut client = Client::connect(&directory.socket());
    let (_, hello) = client.ask(json!({"id": 1, "op": "hello"}));
    assert_eq!((&hello["prompt"], &hello["mode"]), (&json!("leaf1# "), &json!([])));
    let (text, end) = client.ask(json!({"id": 2, "op": "exec", "line": "sh ver"}));
    assert_eq!((text.as_str(), &end["status"], &end["id"]), ("weft\n", &json!(0), &json!(2)));
    let (_, end) = client.ask(json!({"id": 3, "op": "exec", "line": "conf t", "mode": []}));
    assert_eq!(end["prompt"], "leaf1(config)# ");
    let mode = end["mode"].clone();
    let (_, end) = client.ask(json!({"id": 4, "op": "exec", "line": "router bgp 65000", "mode": mode}));
    assert_eq!(end["prompt"], "leaf1(config-router)# ");
    assert_eq!(daemon.applied.lock().unwrap()[0].bgp, Some(Bgp::new(65000)));
    let (_, end) = client.ask(json!({"id": 5, "op": "exec", "line": "show evpn"}));
    assert_eq!((&end["status"], &end["error"]), (&json!(1), &json!("% the core is gone")));
    let (_, end) = client.ask(json!({"id": 6, "op": "exec", "line": "exit"}));
    assert_eq!(end["close"], true);
    let (_, end) = client.ask(json!({"id": 7, "op": "exec", "line": "terminal length 0"}));
    assert_eq!(end["page_length"], 0);
}

#[test]
fn help_and_completion_come_from_the_grammar() {
    let directory = Directory::new();
    let (_server, _) = start(&directory.socket()).unwrap();
    let mut client = Client::connect(&directory.socket());
    let (text, _) = client.ask(json!({"id": 1, "op": "help", "line": "show evpn vn"}));
    assert_eq!(text, "  vni  VXLAN network\n");
    let (_, end) = client.ask(json!({"id": 2, "op": "complete", "line": "show evpn "}));
    assert_eq!(
        end["completions"],
        json!(["arp-cache", "consistency", "domain", "json", "mac", "next-hops", "rmac", "vni"])
    );
    let (_, end) = client.ask(json!({"id": 3, "op": "complete", "line": "sh ev vn"}));
    assert_eq!((&end["completions"], &end["replace"]), (&json!(["vni"]), &json!(2)));
}

#[test]
fn a_configuration_goes_in_and_out_as_json_whole_or_not_at_all() {
    let directory = Directory::new();
    let (_server, daemon) = start(&directory.socket()).unwrap();
    let mut client = Client::connect(&directory.socket());
    let wanted = json!({"hostname": "leaf9", "bgp": {"asn": 65000, "evpn": {"vnis": {"10": {"rd": "1:1"}}}}});
    let (_, end) = client.ask(json!({"id": 1, "op": "config-put", "config": wanted}));
    assert_eq!((&end["status"], &end["error"]), (&json!(0), &Value::Null));
    let (_, end) = client.ask(json!({"id": 2, "op": "config-get"}));
    assert_eq!(end["config"]["bgp"]["evpn"]["vnis"]["10"]["rd"], "1:1");
    for wrong in [
        json!({"hostname": "two words"}),
        json!({"hostnam": "x"}),
        json!({"bgp": {"asn": 0}}),
        json!({"bgp": {"asn": 1, "neighbors": {"10.0.0.1": {}}}}),
        json!({"bridge-domains": {"blue": {}}}),
    ] {
        for operation in ["config-check", "config-put"] {
            let (_, end) = client.ask(json!({"id": 3, "op": operation, "config": wrong}));
            assert_eq!(end["status"], 1, "{wrong}");
        }
    }
    let text = "router bgp 65000\n neighbor 10.0.0.1 remote-as internal\n";
    let (_, end) = client.ask(json!({"id": 4, "op": "config-load", "name": "more.conf", "text": text}));
    assert_eq!(end["status"], 0);
    let text = "hostname other\nnonsense\n";
    let (_, end) = client.ask(json!({"id": 5, "op": "config-load", "name": "more.conf", "text": text}));
    assert!(end["error"].as_str().unwrap().starts_with("more.conf:2:1: unknown command `nonsense`"));
    let applied = daemon.applied.lock().unwrap();
    assert_eq!(applied.len(), 2);
    assert_eq!(applied[1].hostname.as_deref(), Some("leaf9"));
    assert_eq!(applied[1].bgp.as_ref().unwrap().neighbors.len(), 1);
}

#[test]
fn a_large_table_streams_and_a_slow_reader_stops_only_itself() {
    let directory = Directory::new();
    let (_server, daemon) = start(&directory.socket()).unwrap();
    let mut slow = Client::connect(&directory.socket());
    slow.send(&json!({"id": 1, "op": "exec", "line": "show bgp l2vpn evpn"}).to_string());
    // Wait until the writer has stopped for lack of room.
    let written = || daemon.lines_written.load(Ordering::SeqCst);
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut before = 0;
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let now = written();
        if now > 0 && now == before {
            break;
        }
        before = now;
        assert!(Instant::now() < deadline, "the writer never stopped");
    }
    assert!(before < LARGE / 2, "{before} lines were buffered for a reader that reads nothing");
    // Another client is served meanwhile.
    let mut other = Client::connect(&directory.socket());
    assert_eq!(other.ask(json!({"id": 1, "op": "exec", "line": "show version"})).0, "weft\n");
    // And the slow one gets all of it in the end.
    let (text, end) = slow.answer();
    assert_eq!((text.lines().count() as u64, &end["status"]), (LARGE, &json!(0)));
}

#[test]
fn a_reader_that_leaves_ends_its_command() {
    let directory = Directory::new();
    let (_server, daemon) = start(&directory.socket()).unwrap();
    let mut client = Client::connect(&directory.socket());
    client.send(&json!({"id": 1, "op": "exec", "line": "show bgp l2vpn evpn"}).to_string());
    client.line().unwrap();
    drop(client);
    // Its place is free again: more clients than there are places come one after the other.
    for _ in 0..8 {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Client::connect(&directory.socket()).ask(json!({"id": 1, "op": "hello"})).1["status"] != 0 {
            assert!(Instant::now() < deadline);
        }
    }
    assert!(daemon.lines_written.load(Ordering::SeqCst) < LARGE);
}

#[test]
fn what_is_no_request_is_told_and_the_connection_goes_on() {
    let directory = Directory::new();
    let (_server, _) = start(&directory.socket()).unwrap();
    let mut client = Client::connect(&directory.socket());
    for (line, id) in
        [("{", 0), ("[]", 0), (r#"{"id":7,"op":"dance"}"#, 7), (r#"{"id":8,"op":"exec"}"#, 8), ("\u{1}", 0)]
    {
        client.send(line);
        let (_, end) = client.answer();
        assert_eq!((&end["status"], &end["id"]), (&json!(1), &json!(id)), "{line}");
        assert!(end["error"].as_str().unwrap().starts_with("not a request"), "{end}");
    }
    client.stream.write_all(b"\xff\xfe\n").unwrap();
    assert_eq!(client.answer().1["status"], 1);
    assert_eq!(client.ask(json!({"id": 9, "op": "exec", "line": "show version"})).0, "weft\n");
}

#[test]
fn a_request_too_long_ends_the_connection() {
    let directory = Directory::new();
    let (_server, _) = start(&directory.socket()).unwrap();
    let mut client = Client::connect(&directory.socket());
    client.stream.write_all(&vec![b'x'; (1 << 16) + 1]).unwrap();
    let (_, end) = client.answer();
    assert_eq!(end["error"], "the request is longer than 65536 octets");
    assert_eq!(client.line(), None);
    assert_eq!(Client::connect(&directory.socket()).ask(json!({"id": 1, "op": "hello"})).1["status"], 0);
}

#[test]
fn clients_are_bounded() {
    let directory = Directory::new();
    let (_server, _) = start(&directory.socket()).unwrap();
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(&directory.socket())).collect();
    for client in &mut clients {
        assert_eq!(client.ask(json!({"id": 1, "op": "hello"})).1["status"], 0);
    }
    let mut fifth = Client::connect(&directory.socket());
    assert_eq!(fifth.answer().1["error"], "too many clients; try again");
}

#[test]
fn a_second_daemon_is_refused_and_a_dead_ones_socket_replaced() {
    let directory = Directory::new();
    let path = directory.socket();
    let (server, _) = start(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let error = start(&path).unwrap_err();
    assert!(
        matches!(error, MgmtError::Running { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    server.stop();
    assert!(!path.exists());

    // What a killed daemon leaves: a socket that nobody listens on.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let (server, _) = start(&path).unwrap();
    assert_eq!(Client::connect(&path).ask(json!({"id": 1, "op": "hello"})).1["status"], 0);
    server.stop();

    // A daemon that lives on the socket without the lock.
    let alive = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(matches!(start(&path).unwrap_err(), MgmtError::Running { pid: None, .. }));
    drop(alive);
    std::fs::remove_file(&path).unwrap();

    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(start(&path).unwrap_err(), MgmtError::NotASocket(_)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn stopping_ends_clients_that_wait() {
    let directory = Directory::new();
    let (server, _) = start(&directory.socket()).unwrap();
    let mut client = Client::connect(&directory.socket());
    assert_eq!(client.ask(json!({"id": 1, "op": "hello"})).1["status"], 0);
    // Even when the socket's file is gone.
    std::fs::remove_file(directory.socket()).unwrap();
    server.stop();
    assert_eq!(client.line(), None);
}
