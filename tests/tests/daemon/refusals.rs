//! What cannot be is refused at the start, in one line that says what is wrong.

use crate::{CONFIG, LIMIT, namespace, printed, running, weftd};
use std::process::Output;
use weft_tests::speaker::{Kind, Speaker, check_config, weft_binary};
use weft_tests::wait::wait_until;
use weft_tests::{LabError, Result};

/// It ended with an error, in so many lines at most, and the words are in them.
fn refused(output: &Output, words: &[&str]) {
    let text = printed(output);
    assert!(!output.status.success(), "it started: {text}");
    assert_ne!(output.status.code(), Some(124), "it ran on: {text}");
    let lines = text.lines().filter(|line| line.starts_with("weftd:")).count();
    assert_eq!(lines, 1, "{text}");
    for word in words {
        assert!(text.contains(word), "'{word}' is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn a_wrong_line_is_reported_with_file_line_and_column() -> Result<()> {
    for (line, column) in
        [("  neighbor 10.0.0.2 frobnicate", ":8:"), ("  neighbor 10.0.0.300 activate", ":8:")]
    {
        let text = CONFIG.replace("  neighbor 10.0.0.2 activate", line);
        let (good, said) = check_config(&text)?;
        assert!(!good, "accepted: {line}");
        assert!(
            said.contains("checked.conf") && said.contains(column) && said.contains(line.trim()),
            "{said}"
        );
    }
    Ok(())
}

#[test]
fn all_wrong_lines_are_reported_at_once() -> Result<()> {
    let (good, said) = check_config(&format!("{CONFIG}!\nnonsense one\nnonsense two\n"))?;
    assert!(!good && said.contains("nonsense one") && said.contains("nonsense two"), "{said}");
    Ok(())
}

#[test]
fn lines_of_frr_that_mean_nothing_here_are_accepted() -> Result<()> {
    let text = format!(
        "frr version 8.4.4\nfrr defaults traditional\nservice integrated-vtysh-config\nlog syslog informational\n{CONFIG}!\nline vty\n!\nend\n"
    );
    let (good, said) = check_config(&text)?;
    assert!(good, "{said}");
    Ok(())
}

#[test]
fn a_wrong_file_starts_nothing() -> Result<()> {
    let ns = namespace()?;
    let speaker = Speaker::prepare(Kind::Weft, &ns, "router bgp 65000\n nonsense\n")?;
    let (file, socket) =
        (speaker.config_file().display().to_string(), speaker.socket().display().to_string());
    let output = weftd(&ns, &["-f", &file, "--socket", &socket])?;
    let text = printed(&output);
    assert!(!output.status.success() && text.contains(":2:2"), "{text}");
    assert!(!speaker.socket().exists());
    Ok(())
}

#[test]
fn a_second_daemon_on_the_same_socket_is_refused() -> Result<()> {
    let (ns, other) = (namespace()?, namespace()?);
    let speaker = running(&ns, CONFIG)?;
    let socket = speaker.socket().display().to_string();
    let output = weftd(&other, &["-f", &speaker.config_file().display().to_string(), "--socket", &socket])?;
    refused(&output, &[&socket]);
    speaker.command("show running-config").map(drop)
}

#[test]
fn a_second_daemon_in_the_same_namespace_is_refused() -> Result<()> {
    let ns = namespace()?;
    let speaker = running(&ns, CONFIG)?;
    let socket = format!("{}2", speaker.socket().display());
    let file = speaker.config_file().display().to_string();
    refused(&weftd(&ns, &["-f", &file, "--socket", &socket, "-p", "1790"])?, &["namespace"]);
    speaker.command("show running-config").map(drop)
}

#[test]
fn a_port_that_is_taken_is_named() -> Result<()> {
    let ns = namespace()?;
    let taken =
        ns.enter(|| std::net::TcpListener::bind("0.0.0.0:179").map_err(LabError::io("take the port")))?;
    let speaker = Speaker::prepare(Kind::Weft, &ns, CONFIG)?;
    let (file, socket) =
        (speaker.config_file().display().to_string(), speaker.socket().display().to_string());
    refused(&weftd(&ns, &["-f", &file, "--socket", &socket])?, &["179"]);
    drop(taken);
    Ok(())
}

#[test]
fn an_address_that_is_not_there_is_named() -> Result<()> {
    let ns = namespace()?;
    let speaker = Speaker::prepare(Kind::Weft, &ns, CONFIG)?;
    let (file, socket) =
        (speaker.config_file().display().to_string(), speaker.socket().display().to_string());
    refused(&weftd(&ns, &["-f", &file, "--socket", &socket, "-l", "203.0.113.9"])?, &["203.0.113.9"]);
    Ok(())
}

#[test]
fn without_permission_it_says_what_it_needs() -> Result<()> {
    let ns = namespace()?;
    // A user who may do nothing cannot read a clone in root's home: a copy, in a folder of its own.
    let dir = weft_tests::owner::make_state_dir(&format!("{}-nobody", ns.name()))?;
    let (file, binary) = (dir.join("weft.conf"), dir.join("weftd"));
    let failed = |error| LabError::io("prepare files for nobody")(error);
    std::fs::write(&file, CONFIG).map_err(failed)?;
    std::fs::copy(weft_binary("weftd")?, &binary).map_err(failed)?;
    ns.run("chown", ["-R", "nobody", &dir.display().to_string()])?;
    let start = |port: &str| {
        ns.command("setpriv")
            .args([
                "--reuid=nobody",
                "--regid=nogroup",
                "--clear-groups",
                "--inh-caps=-all",
                "--bounding-set=-all",
            ])
            .args(["timeout", "10"])
            .arg(&binary)
            .arg("-f")
            .arg(&file)
            .arg("--socket")
            .arg(dir.join("weft.sock"))
            .args(["-p", port])
            .output()
            .map_err(LabError::io("run weftd as nobody"))
    };
    let outputs = [start("179"), start("1790")];
    weft_tests::owner::remove_state_dir(&dir);
    let [low_port, high_port] = outputs;
    refused(&low_port?, &["CAP_NET_BIND_SERVICE"]);
    refused(&high_port?, &["CAP_NET_ADMIN"]);
    Ok(())
}

#[test]
fn without_a_kernel_it_reflects_and_needs_no_namespace_claim() -> Result<()> {
    let ns = namespace()?;
    let mut speaker = Speaker::prepare(Kind::Weft, &ns, CONFIG)?.with_arguments(&["-n", "-p", "1790"]);
    speaker.launch()?;
    wait_until("weftd -n to answer", LIMIT, || speaker.command("show running-config").map(|_| true))?;
    wait_until("it to listen on its port", LIMIT, || Ok(ns.shell("ss -Htln")?.contains(":1790")))?;
    Ok(())
}
