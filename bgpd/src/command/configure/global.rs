//! What stands outside of every block (`hostname`, `log`, `vtep source`) and the blocks it opens.

use super::Edit;
use crate::{
    command::{Args, Command, Mode, Reject, grammar::token::parse_asn},
    config::{Bgp, BridgeDomain, LogFile, LogLevel, LogTarget},
};

/// The commands of `configure terminal`.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] hostname / WORD$hostname", |edit, args| {
        let name = args.value("hostname").filter(|_| !args.negative());
        edit.config.hostname = name.map(str::to_owned);
        Ok(())
    }),
    Command::set(
        "[no] log stdout [<emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>$severity]",
        |edit, args| {
            edit.config.log.stdout = (!args.negative()).then(|| LogTarget { level: severity(args) });
            Ok(())
        },
    ),
    Command::set(
        "[no] log syslog [<emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>$severity]",
        |edit, args| {
            edit.config.log.syslog = (!args.negative()).then(|| LogTarget { level: severity(args) });
            Ok(())
        },
    ),
    Command::set(
        "[no] log file / WORD$log_path \
         [<emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>$severity]",
        |edit, args| {
            edit.config.log.file = match args.value("log_path") {
                Some(path) if !args.negative() => {
                    Some(LogFile { path: path.to_owned(), level: severity(args) })
                }
                _ => None,
            };
            Ok(())
        },
    ),
    Command::set(
        "[no] log level / <emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>$severity",
        |edit, args| {
            edit.config.log.level = if args.negative() { None } else { severity(args) };
            Ok(())
        },
    ),
    Command::set("[no] vtep source / <A.B.C.D|X:X::X:X>$address", |edit, args| {
        let address: Option<std::net::IpAddr> = args.get("address")?;
        if !args.negative() && address.is_some_and(|a| a.is_unspecified() || a.is_multicast()) {
            return Err(args.reject("address", "expected a unicast address"));
        }
        edit.config.vtep_source = address.filter(|_| !args.negative());
        Ok(())
    }),
    Command::set("[no] bridge-domain IFNAME$bridge", |edit, args| {
        let name: String = args.need("bridge")?;
        if args.negative() {
            return match edit.config.bridge_domains.remove(&name) {
                Some(_) => Ok(()),
                None => Err(args.reject("bridge", format!("there is no bridge domain {name}"))),
            };
        }
        edit.config.bridge_domains.entry(name.clone()).or_insert_with(BridgeDomain::default);
        edit.enter(Mode::BridgeDomain(name));
        Ok(())
    }),
    Command::set("router bgp [ASN$asn]", enter_router),
    Command::set("no router bgp [ASN$asn]", |edit, args| {
        let asn = args.text("asn").and_then(parse_asn);
        match &edit.config.bgp {
            Some(bgp) if asn.is_none_or(|asn| asn == bgp.asn) => match edit.config.bgp_vrfs.keys().next() {
                // As FRR: an IP-VRF's instance leans on the speaker's.
                Some(vrf) => {
                    Err(Reject::line(format!("first `no router bgp vrf {vrf}`, which depends on it")))
                }
                None => {
                    edit.config.bgp = None;
                    Ok(())
                }
            },
            Some(bgp) => Err(args.reject("asn", format!("the AS is {}", bgp.asn))),
            None => Err(Reject::line("BGP is not configured")),
        }
    }),
];

fn enter_router(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let asn = args.text("asn").and_then(parse_asn);
    match (&edit.config.bgp, asn) {
        (Some(bgp), Some(asn)) if bgp.asn != asn => {
            return Err(args.reject("asn", format!("BGP is already configured; the AS is {}", bgp.asn)));
        }
        (Some(_), _) => {}
        (None, Some(asn)) => edit.config.bgp = Some(Bgp::new(asn)),
        (None, None) => return Err(Reject::line("expected the AS: router bgp ASN")),
    }
    edit.enter(Mode::Router);
    Ok(())
}

fn severity(args: &Args<'_>) -> Option<LogLevel> {
    LogLevel::from_name(args.text("severity")?)
}
