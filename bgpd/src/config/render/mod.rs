//! The configuration as text that `parse` reads back to the same configuration. Defaults are not
//! written; the order of lines is FRR's, so that every name is declared before it is used.

mod evpn;
mod neighbor;
mod policy;
mod router;

use super::model::{BridgeDomain, Config, Log, LogLevel, Vrf};
use std::fmt::Display;

/// The text, ending with a newline.
pub fn render(config: &Config) -> String {
    let mut text = Text { lines: String::new(), indent: 0 };
    text.line("!");
    global(config, &mut text);
    for (name, config) in &config.vrfs {
        vrf(name, config, &mut text);
    }
    for (name, domain) in &config.bridge_domains {
        bridge_domain(name, domain, &mut text);
    }
    if let Some(bgp) = &config.bgp {
        router::speaker(bgp, &mut text);
    }
    for (name, bgp) in &config.bgp_vrfs {
        router::of_vrf(name, bgp, &mut text);
    }
    policy::policy(config, &mut text);
    text.lines
}

struct Text {
    lines: String,
    indent: usize,
}

impl Text {
    fn line(&mut self, line: impl Display) {
        self.lines.extend(std::iter::repeat_n(' ', self.indent));
        self.lines.push_str(&line.to_string());
        self.lines.push('\n');
    }

    fn line_if(&mut self, condition: bool, line: impl Display) {
        if condition {
            self.line(line);
        }
    }

    fn value<T: Display>(&mut self, words: impl Display, value: &Option<T>) {
        if let Some(value) = value {
            self.line(format_args!("{words} {value}"));
        }
    }

    fn block(&mut self, open: impl Display, close: &str, inside: impl FnOnce(&mut Self)) {
        self.line(open);
        self.indent += 1;
        inside(self);
        self.indent -= 1;
        self.line(close);
        if self.indent == 0 {
            self.line("!");
        }
    }
}

fn global(config: &Config, text: &mut Text) {
    text.value("hostname", &config.hostname);
    log(&config.log, text);
    text.value("vtep source", &config.vtep_source);
    text.value("gateway mac", &config.gateway_mac);
    text.line_if(text.lines.len() > "!\n".len(), "!");
}

fn log(log: &Log, text: &mut Text) {
    let suffix =
        |level: Option<LogLevel>| level.map(|level| format!(" {}", level.name())).unwrap_or_default();
    if let Some(file) = &log.file {
        text.line(format_args!("log file {}{}", file.path, suffix(file.level)));
    }
    if let Some(target) = &log.syslog {
        text.line(format_args!("log syslog{}", suffix(target.level)));
    }
    if let Some(target) = &log.stdout {
        text.line(format_args!("log stdout{}", suffix(target.level)));
    }
    text.value("log level", &log.level.map(LogLevel::name));
}

fn vrf(name: &str, vrf: &Vrf, text: &mut Text) {
    text.block(format_args!("vrf {name}"), "exit-vrf", |text| {
        let hosts = if vrf.prefix_routes_only { " prefix-routes-only" } else { "" };
        if let Some(vni) = vrf.vni {
            text.line(format_args!("vni {vni}{hosts}"));
        }
        text.value("table", &vrf.table);
    });
}

fn bridge_domain(name: &str, domain: &BridgeDomain, text: &mut Text) {
    text.block(format_args!("bridge-domain {name}"), "exit", |text| {
        text.value("vni", &domain.vni);
        for interface in &domain.interfaces {
            text.line(format_args!("interface {interface}"));
        }
        text.value("mtu", &domain.mtu);
        text.value("vrf", &domain.vrf);
        text.value("gateway mac", &domain.gateway_mac);
        for gateway in &domain.gateways {
            text.line(format_args!("gateway {gateway}"));
        }
    });
}
