//! What is done to a speaker, one phase after another: their words on the command line, and what each of
//! them measured.

use super::error::{LoadError, Result};
use super::stats::Latency;
use super::usage::Usage;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Moves that are made when no number is given.
const MOVES: u32 = 1_000;
const SUSTAINED: u32 = 100_000;

/// Something to do and to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// All routes are announced.
    Announce,
    /// All routes are withdrawn.
    Withdraw,
    /// Hosts move, the next one when the sinks have seen the last.
    Moves {
        /// How many.
        count: u32,
    },
    /// Hosts move without waiting for the sinks.
    Sustained {
        /// How many.
        count: u32,
        /// How many a second; `None`: as many as the speaker takes.
        rate: Option<u32>,
    },
    /// A VTEP withdraws all of its routes and announces them again.
    VtepFlap {
        /// Its number.
        vtep: u32,
    },
    /// All VTEPs withdraw their routes of a VNI and announce them again.
    VniFlap {
        /// Its number.
        vni: u32,
    },
    /// A sender's connection is lost; it comes back and announces its routes again.
    SenderFlap {
        /// Its number.
        sender: usize,
    },
    /// Nothing: what does the speaker use in so long?
    Idle {
        /// How long.
        time: Duration,
    },
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announce => f.write_str("announce"),
            Self::Withdraw => f.write_str("withdraw"),
            Self::Moves { count } => write!(f, "moves={count}"),
            Self::Sustained { count, rate: None } => write!(f, "sustained={count}"),
            Self::Sustained { count, rate: Some(rate) } => write!(f, "sustained={count}@{rate}"),
            Self::VtepFlap { vtep } => write!(f, "vtep-flap={vtep}"),
            Self::VniFlap { vni } => write!(f, "vni-flap={vni}"),
            Self::SenderFlap { sender } => write!(f, "sender-flap={sender}"),
            Self::Idle { time } => write!(f, "idle={}", time.as_secs()),
        }
    }
}

impl FromStr for Phase {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |reason: String| LoadError::Option { option: "phase", value: text.to_owned(), reason };
        let (word, argument) = match text.split_once('=') {
            Some((word, argument)) => (word, Some(argument)),
            None => (text, None),
        };
        let number = |argument: Option<&str>, otherwise: u32| match argument {
            None => Ok(otherwise),
            Some(digits) => digits.parse().map_err(|_| wrong(format!("'{digits}' is no number"))),
        };
        if argument.is_some() && matches!(word, "announce" | "withdraw") {
            return Err(wrong(format!("'{word}' takes no number")));
        }
        Ok(match word {
            "announce" => Self::Announce,
            "withdraw" => Self::Withdraw,
            "moves" => Self::Moves { count: number(argument, MOVES)? },
            "sustained" => {
                let (count, rate) = match argument.and_then(|argument| argument.split_once('@')) {
                    Some((count, rate)) => (Some(count), Some(number(Some(rate), 0)?)),
                    None => (argument, None),
                };
                if rate == Some(0) {
                    return Err(wrong("a rate of 0 never ends".to_owned()));
                }
                Self::Sustained { count: number(count, SUSTAINED)?, rate }
            }
            "vtep-flap" => Self::VtepFlap { vtep: number(argument, 0)? },
            "vni-flap" => Self::VniFlap { vni: number(argument, 0)? },
            "sender-flap" => Self::SenderFlap { sender: number(argument, 0)? as usize },
            "idle" => Self::Idle { time: Duration::from_secs(number(argument, 10)?.into()) },
            _ => {
                return Err(wrong(
                    "the phases are announce, withdraw, moves, sustained, vtep-flap, vni-flap, \
                     sender-flap and idle"
                        .to_owned(),
                ));
            }
        })
    }
}

/// What a phase measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The phase, and its part where it has several.
    pub phase: String,
    /// Routes sent: announced and withdrawn.
    pub routes: u64,
    /// UPDATEs sent.
    pub updates: u64,
    /// Octets sent.
    pub octets: u64,
    /// From the first octet sent to the last route at the last sink; `None`: not within the limit.
    pub seconds: Option<f64>,
    /// From the first octet sent to the first route at a sink.
    pub first_s: Option<f64>,
    /// Until the last octet was with the kernel.
    pub sent_s: Option<f64>,
    /// UPDATEs that the sink with the most of them got.
    pub updates_received: u64,
    /// Whether all routes came, each once and unchanged.
    pub arrived: Arrived,
    /// Times from one route sent to that route received.
    pub latency: Option<Latency>,
    /// CPU seconds of our own: sending, receiving.
    pub own_cpu_s: [f64; 2],
    /// What the speaker has after the phase.
    pub usage: Option<Usage>,
    /// CPU seconds that the speaker used in the phase.
    pub speaker_cpu_s: Option<f64>,
}

/// What the sinks got, compared with what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrived {
    /// Every route that was announced once at every sink, octet for octet, and as many withdrawals as were sent: these
    /// are counted only, since a speaker may write another label into them.
    Exactly,
    /// As many as were sent, but not those that were sent.
    Changed,
    /// So many more than were sent, at the sink that got most: some came twice.
    More(u64),
    /// So many are missing, at the sink that got fewest.
    Missing(u64),
    /// There was no sink, or nothing was sent.
    Unknown,
}

impl Outcome {
    /// Routes a second.
    pub fn rate(&self) -> Option<f64> {
        self.seconds.filter(|seconds| *seconds > 0.0).map(|seconds| self.routes as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_read_as_they_are_printed() {
        for text in [
            "announce",
            "withdraw",
            "moves=7",
            "sustained=1000",
            "sustained=1000@50",
            "vtep-flap=3",
            "vni-flap=0",
            "sender-flap=99",
            "idle=5",
        ] {
            assert_eq!(text.parse::<Phase>().unwrap().to_string(), text);
        }
        assert_eq!("moves".parse::<Phase>().unwrap(), Phase::Moves { count: 1000 });
        assert_eq!("sustained".parse::<Phase>().unwrap(), Phase::Sustained { count: 100_000, rate: None });
    }

    #[test]
    fn what_is_no_phase_is_refused_with_a_reason() {
        for (text, reason) in [
            ("reflect", "the phases are"),
            ("moves=x", "'x' is no number"),
            ("sustained=10@0", "never ends"),
            ("announce=3", "takes no number"),
        ] {
            let error = text.parse::<Phase>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
