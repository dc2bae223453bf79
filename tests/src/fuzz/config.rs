//! Reading a configuration file: it is refused, or read back from the text it is written as.

use weft_bgpd::config::fuzz::fuzz_text;

/// Reads `data` as a file; stray octets are replaced as the daemon does.
pub fn run(data: &[u8]) {
    fuzz_text(&String::from_utf8_lossy(data));
}

/// The configurations of the topology.
pub fn seeds() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 2] =
        [include_bytes!("../../clab/l2/leaf1.conf"), include_bytes!("../../clab/l2/rr.conf")];
    texts.map(<[u8]>::to_vec).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::smoke::drive;

    #[test]
    fn every_seed_is_a_configuration() {
        for seed in seeds() {
            let text = String::from_utf8(seed).expect("text");
            assert!(weft_bgpd::config::parse("seed", &text).is_ok(), "{text}");
        }
    }

    #[test]
    fn holds_for_a_bounded_time() {
        drive("config");
    }
}
