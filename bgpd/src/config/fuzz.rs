//! Fuzzing of the configuration's text, for CI and for a fuzzer's target.

use super::{parse, render};

/// One text: it must be refused, or be read back from the text it is written as.
///
/// # Panics
/// If it is not, which is the finding.
pub fn fuzz_text(text: &str) {
    if let Ok(config) = parse("fuzz", text) {
        let rendered = render(&config);
        assert_eq!(parse("fuzz", &rendered).as_ref(), Ok(&config), "{text:?}");
    }
}

/// A short fuzzing run: so many texts made of pieces of the grammar and of noise are read. What is taken
/// must be read back from its own text. Returns how many were read; a panic is the finding.
pub fn fuzz_smoke(seed: u64, rounds: usize) -> usize {
    const PIECES: &[&str] = &[
        "router bgp 1",
        "neighbor",
        "10.0.0.1",
        "2001:db8::1",
        "G",
        "peer-group",
        "remote-as",
        "65000",
        "external",
        "no",
        "\n",
        "\n ",
        "\n  ",
        "\n",
        "address-family l2vpn evpn",
        "address-family rtfilter unicast",
        "auto-import as",
        "vni",
        "10",
        "route-target",
        "both",
        "import",
        "*:1",
        "1:1",
        "rd",
        "exit",
        "exit-vni",
        "exit-address-family",
        "bridge-domain",
        "blue",
        "interface",
        "eth1",
        "timers",
        "3",
        "9",
        "connect",
        "description",
        "\t",
        "ü",
        "\u{0}",
        "|",
        "!",
        "vtep source",
        "log",
        "file",
        "dup-addr-detection",
        "freeze",
        "permanent",
        "maximum-prefix",
        "4294967295",
        "4294967296",
        "-1",
        "activate",
        "vrf red",
        "router bgp 1 vrf red",
        "exit-vrf",
        "table",
        "gateway",
        "10.0.0.1/24",
        "2001:db8::/64",
        "mac",
        "02:00:00:00:00:01",
        "address-family ipv4 unicast",
        "redistribute connected",
        "aggregate-address",
        "summary-only",
        "network",
        "advertise ipv4 unicast",
        "default-originate",
        "domain",
        "id",
        "route-map",
        "M",
        "permit",
        "deny",
        "in",
        "out",
        "match",
        "set",
        "community",
        "call",
        "on-match goto",
        "metric",
        "+5",
        "ip prefix-list",
        "ge",
        "le",
        "any",
        "seq",
        "bgp community-list",
        "standard",
        "expanded",
        "rt",
        "_1_",
        "[",
    ];
    let mut state = seed | 1;
    let mut next = move |below: usize| {
        // xorshift64: enough to mix pieces, and the same on every machine.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below.max(1)).unwrap_or(1)).unwrap_or(0)
    };
    let mut read = 0;
    for _ in 0..rounds {
        let mut text = String::new();
        for _ in 0..next(60) {
            text.push_str(PIECES.get(next(PIECES.len())).copied().unwrap_or_default());
            text.push(' ');
        }
        fuzz_text(&text);
        read += 1;
    }
    read
}
