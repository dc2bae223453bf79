//! Configurations whose parts cannot be together: refused in a file, at a reload and in the
//! shell, each time with the reason, and with nothing lost of what runs.

use crate::{CONFIG, LIMIT, namespace, printed, running, weftd};
use nix::sys::signal::Signal;
use std::process::Stdio;
use weft_tests::netns::Namespace;
use weft_tests::speaker::{Kind, Speaker, weft_binary};
use weft_tests::wait::wait_until;
use weft_tests::{LabError, Result, kernel};

/// What stands before each conflict: a tenant with a gateway, and the speaker.
const BASE: &str = "hostname box
vtep source 10.0.0.1
vrf red
 vni 5000
exit-vrf
vrf green
exit-vrf
bridge-domain x
 vni 10
 vrf red
 gateway 192.168.10.254/24
router bgp 65000
 bgp router-id 10.0.0.1
 neighbor 10.0.0.2 remote-as 65000
 neighbor 10.0.0.2 passive
 address-family l2vpn evpn
  neighbor 10.0.0.2 activate
  advertise-all-vni
 exit-address-family
router bgp 65000 vrf red
 address-family ipv4 unicast
  redistribute connected
 exit-address-family
";

/// A conflict with `BASE`: the lines that make it, as typed in the shell after `configure terminal`, the last one
/// of which is refused, and what the reason says.
struct Conflict {
    lines: &'static [&'static str],
    reason: &'static str,
}

const CONFLICTS: [Conflict; 7] = [
    Conflict { lines: &["vrf green", " vni 5000"], reason: "vni 5000 is vrf" },
    Conflict { lines: &["vrf green", " vni 10"], reason: "vni 10 is the L2VNI of bridge-domain x" },
    Conflict { lines: &["bridge-domain y", " vni 5000"], reason: "vni 5000 is the L2VNI of bridge-domain y" },
    Conflict {
        lines: &["bridge-domain y", " vni 20", " vrf red", " gateway 192.168.10.1/25"],
        reason: "overlaps gateway 192.168.10.254/24 of bridge-domain x in vrf red",
    },
    Conflict {
        lines: &["bridge-domain x", " gateway 192.168.0.1/16"],
        reason: "overlaps gateway 192.168.0.1/16 of bridge-domain x in vrf red",
    },
    Conflict {
        lines: &[
            "router bgp 65000 vrf red",
            " address-family ipv4 unicast",
            "  aggregate-address 192.168.10.0/24 summary-only",
        ],
        reason: "it is the subnet of bridge-domain x, which is advertised anyhow; an aggregate must be shorter",
    },
    Conflict {
        lines: &["router bgp 65000", " address-family l2vpn evpn", "  neighbor 10.0.0.2 domain core"],
        reason: "it is in domain core, but our own domain has no name: say `domain NAME`",
    },
];

impl Conflict {
    /// `BASE` with the conflict, as a file has it.
    fn file(&self) -> String {
        let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        format!("{BASE}{lines}")
    }
}

/// The configuration and what was made of it.
#[derive(Debug, PartialEq, Eq)]
struct State {
    configuration: String,
    kernel: Vec<String>,
}

fn state(ns: &Namespace, speaker: &Speaker) -> Result<State> {
    Ok(State { configuration: speaker.command("show running-config")?, kernel: kernel::holdings(ns)? })
}

fn settled(ns: &Namespace, speaker: &Speaker) -> Result<State> {
    wait_until("the tenant's devices", LIMIT, || {
        Ok(ns.ip("-br link")?.contains("vx5000") && ns.ip("rule")?.contains("iif vx5000"))
    })?;
    let mut last = state(ns, speaker)?;
    wait_until("the kernel to settle", LIMIT, || {
        let now = state(ns, speaker)?;
        let same = now == last;
        last = now;
        Ok(same)
    })?;
    Ok(last)
}

#[test]
fn a_file_with_a_conflict_starts_nothing_and_says_why() -> Result<()> {
    let ns = namespace()?;
    let before = kernel::holdings(&ns)?;
    for conflict in &CONFLICTS {
        let speaker = Speaker::prepare(Kind::Weft, &ns, &conflict.file())?;
        let (file, socket) =
            (speaker.config_file().display().to_string(), speaker.socket().display().to_string());
        let output = weftd(&ns, &["-f", &file, "--socket", &socket])?;
        let text = printed(&output);
        assert!(!output.status.success() && output.status.code() != Some(124), "it ran: {text}");
        assert!(text.contains(conflict.reason), "'{}' is not in: {text}", conflict.reason);
        // The file, a line and a column, and one complaint only.
        assert_eq!(text.matches("speaker.conf:").count(), 1, "{text}");
        assert!(!text.contains("speaker.conf:0"), "{text}");
        assert!(!speaker.socket().exists() && kernel::holdings(&ns)? == before, "{text}");
    }
    Ok(())
}

#[test]
fn a_reload_with_a_conflict_is_refused_and_nothing_is_lost() -> Result<()> {
    let ns = namespace()?;
    let mut speaker = running(&ns, BASE)?;
    let before = settled(&ns, &speaker)?;
    for (index, conflict) in CONFLICTS.iter().enumerate() {
        // Something harmless beside it must not be taken either.
        speaker.configure(&conflict.file().replace("hostname box", "hostname other"))?;
        speaker.signal(Signal::SIGHUP)?;
        wait_until("the refusal in the log", LIMIT, || {
            let log = speaker.whole_log();
            let refusals = log.matches("configuration not reloaded, the running one stays").count();
            Ok(refusals == index + 1 && log.contains(conflict.reason))
        })?;
        assert!(speaker.is_running());
        assert_eq!(state(&ns, &speaker)?, before, "{}", conflict.reason);
    }
    speaker.reload(&BASE.replace("hostname box", "hostname other"))?;
    wait_until("a good file to be taken after them", LIMIT, || {
        Ok(speaker.command("show running-config")?.contains("hostname other"))
    })?;
    Ok(())
}

#[test]
fn a_conflict_typed_in_the_shell_is_refused_and_nothing_is_lost() -> Result<()> {
    let ns = namespace()?;
    let speaker = running(&ns, BASE)?;
    let before = settled(&ns, &speaker)?;
    for conflict in &CONFLICTS {
        let mut command = std::process::Command::new(weft_binary("weft")?);
        command.arg("--socket").arg(speaker.socket()).stdin(Stdio::null());
        for line in ["configure terminal"].iter().chain(conflict.lines) {
            command.args(["-c", line.trim()]);
        }
        let output = command.output().map_err(LabError::io("run weft"))?;
        let text = printed(&output);
        assert!(!output.status.success(), "taken: {text}");
        assert!(text.contains(conflict.reason), "'{}' is not in: {text}", conflict.reason);
        // What was typed before it was good and stays, as at any router; taken back, all is as it was.
        let empty = conflict.lines.iter().find(|line| line.starts_with("bridge-domain y"));
        if let Some(line) = empty {
            command = std::process::Command::new(weft_binary("weft")?);
            command.arg("--socket").arg(speaker.socket()).stdin(Stdio::null());
            command.args(["-c", "configure terminal", "-c", &format!("no {line}")]);
            let undone = command.output().map_err(LabError::io("run weft"))?;
            assert!(undone.status.success(), "{}", printed(&undone));
        }
        wait_until("nothing to be lost", LIMIT, || Ok(state(&ns, &speaker)? == before)).map_err(|error| {
            let now = state(&ns, &speaker).map(|state| format!("{state:#?}")).unwrap_or_default();
            LabError::Unexpected(format!("{}: {error}\nbefore: {before:#?}\nnow: {now}", conflict.reason))
        })?;
    }
    Ok(())
}

/// The place of a wrong line is told however long the file is.
#[test]
fn a_wrong_line_in_the_middle_of_a_big_file_is_told_by_its_number() -> Result<()> {
    const TENANTS: u32 = 400;
    let mut lines: Vec<String> = vec!["vtep source 10.0.0.1".into()];
    for n in 1..=TENANTS {
        lines.push(format!("vrf t{n}"));
        lines.push(format!(" vni {}", 10_000 + n));
        lines.push("exit-vrf".into());
        lines.push(format!("bridge-domain d{n}"));
        lines.push(format!(" vni {n}"));
        lines.push(format!(" vrf t{n}"));
        lines.push(" gateway 192.168.10.254/24".into());
        lines.push(" gateway 2001:db8:10::254/64".into());
        lines.push("!".into());
    }
    lines.extend(CONFIG.lines().map(str::to_owned));
    let good = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let ns = namespace()?;
    let (is_good, said) = weft_tests::speaker::check_config(&good)?;
    assert!(is_good, "{said}");
    let speaker = running(&ns, CONFIG)?;
    let before = speaker.command("show running-config")?;
    let middle = 1 + 9 * (TENANTS as usize / 2);
    // A word that is none, an address that is none, and conflicts with a line far above: what is wrong, which
    // line is told, and why.
    for (at, wrong, told, reason) in [
        (middle + 5, " vfr t201", middle + 5, "unknown command `vfr`"),
        (middle + 6, " gateway 192.168.10.300/24", middle + 6, "192.168.10.300/24"),
        (middle + 1, " vni 10001", middle + 1, "vrf t201: vni 10001 is vrf t1's already"),
        (middle + 4, " vni 1", middle + 3, "bridge-domain d201: vni 1 is bridge-domain d1's already"),
    ] {
        let mut wrong_lines = lines.clone();
        wrong_lines[at] = wrong.to_owned();
        let text: String = wrong_lines.iter().map(|line| format!("{line}\n")).collect();
        speaker.configure(&text)?;
        let said = speaker.whole_log().len();
        speaker.signal(Signal::SIGHUP)?;
        let place = format!("speaker.conf:{}:", told + 1);
        let log = || speaker.whole_log().get(said..).unwrap_or_default().to_owned();
        wait_until(&format!("line {} to be told", told + 1), LIMIT, || Ok(log().contains("not reloaded")))?;
        wait_until("the whole reason", LIMIT, || Ok(log().contains(reason)))
            .map_err(|error| LabError::Unexpected(format!("{error}: {}", log())))?;
        let new = log();
        assert!(new.contains(&place) && new.contains(reason), "{new}");
        assert_eq!(new.matches("speaker.conf:").count(), 1, "{new}");
        assert_eq!(speaker.command("show running-config")?, before);
    }
    Ok(())
}
