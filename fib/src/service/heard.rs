//! Which addresses were heard on local ports, and since when they are silent. Pure. What was told to the core is
//! not told again at once; who is silent for long is asked, and forgotten when no answer comes (RFC 9135 §7.3),
//! since no kernel table ages what only the packet socket has heard.

use hashbrown::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use weft_evpn::{MacAddr, Vni};

/// A binding that was passed on is not passed on again so soon, unless it changed in between.
const REPEAT: Duration = Duration::from_secs(10);
/// Silence after which a host is asked. Less than the 300 s after which a bridge forgets a MAC, so that the
/// answer keeps the MAC, too.
const SILENCE: Duration = Duration::from_secs(240);
/// Between two questions.
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions without an answer after which the address is gone.
const QUESTIONS: u8 = 3;
/// Bindings remembered; when full, all are forgotten, which costs repetitions, and the ageing of those that
/// stay silent until their MAC goes.
const MAX_REMEMBERED: usize = 131_072;

#[derive(Debug, Clone, Copy)]
struct Binding {
    mac: MacAddr,
    /// When the core was told; `None`: it must be told the next time.
    told: Option<Instant>,
    heard: Instant,
    asked: u8,
}

impl Binding {
    fn due(&self) -> Instant {
        self.heard + SILENCE + PATIENCE * u32::from(self.asked)
    }
}

/// What is to be done about a silent address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silent {
    /// Ask it, at this MAC.
    Ask { vni: Vni, ip: IpAddr, mac: MacAddr },
    /// It has not answered.
    Gone { vni: Vni, ip: IpAddr },
}

/// The bindings.
#[derive(Debug, Default)]
pub(super) struct HeardBindings {
    bindings: HashMap<(Vni, IpAddr), Binding, foldhash::fast::RandomState>,
    next: Option<Instant>,
}

impl HeardBindings {
    /// An address was heard at a MAC. True if the core should be told.
    pub(super) fn hear(&mut self, vni: Vni, ip: IpAddr, mac: MacAddr, now: Instant) -> bool {
        if let Some(binding) = self.bindings.get_mut(&(vni, ip)) {
            let recent = |told: Instant| now.saturating_duration_since(told) < REPEAT;
            let known = binding.mac == mac && binding.told.is_some_and(recent);
            let told = if known { binding.told } else { Some(now) };
            *binding = Binding { mac, told, heard: now, asked: 0 };
            return !known;
        }
        if self.bindings.len() >= MAX_REMEMBERED {
            self.bindings.clear();
        }
        let binding = Binding { mac, told: Some(now), heard: now, asked: 0 };
        self.next = Some(self.next.map_or(binding.due(), |next| next.min(binding.due())));
        self.bindings.insert((vni, ip), binding);
        true
    }

    /// The core wants to hear of this address again, known or not.
    pub(super) fn tell_again(&mut self, vni: Vni, ip: IpAddr) {
        if let Some(binding) = self.bindings.get_mut(&(vni, ip)) {
            binding.told = None;
        }
    }

    /// Forgets the VNIs for which `keep` is false.
    pub(super) fn retain(&mut self, keep: impl Fn(Vni) -> bool) {
        self.bindings.retain(|(vni, _), _| keep(*vni));
    }

    /// Forgets an address.
    pub(super) fn forget(&mut self, vni: Vni, ip: IpAddr) {
        self.bindings.remove(&(vni, ip));
    }

    /// When `silent` has something to say, at the earliest.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next
    }

    /// What is due now.
    pub(super) fn silent(&mut self, now: Instant) -> Vec<Silent> {
        let mut due = Vec::new();
        if self.next.is_none_or(|next| next > now) {
            return due;
        }
        self.bindings.retain(|&(vni, ip), binding| {
            if binding.due() > now {
                return true;
            }
            if binding.asked == QUESTIONS {
                due.push(Silent::Gone { vni, ip });
                return false;
            }
            binding.asked += 1;
            // The answer is told even if it says nothing new.
            binding.told = None;
            due.push(Silent::Ask { vni, ip, mac: binding.mac });
            true
        });
        self.next = self.bindings.values().map(Binding::due).min();
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    fn vni() -> Vni {
        Vni::new(10).unwrap()
    }

    fn ip() -> IpAddr {
        IpAddr::from([192, 0, 2, 1])
    }

    #[test]
    fn a_repetition_is_told_after_ten_seconds_and_a_change_at_once() {
        let (mut heard, start) = (HeardBindings::default(), Instant::now());
        assert!(heard.hear(vni(), ip(), MAC, start));
        assert!(!heard.hear(vni(), ip(), MAC, start + Duration::from_secs(9)));
        assert!(heard.hear(vni(), ip(), MAC, start + Duration::from_secs(10)));
        assert!(heard.hear(vni(), ip(), MacAddr([2, 0, 0, 0, 0, 2]), start + Duration::from_secs(11)));
        heard.tell_again(vni(), ip());
        assert!(heard.hear(vni(), ip(), MacAddr([2, 0, 0, 0, 0, 2]), start + Duration::from_secs(12)));
    }

    #[test]
    fn a_silent_host_is_asked_three_times_and_then_gone() {
        let (mut heard, start) = (HeardBindings::default(), Instant::now());
        heard.hear(vni(), ip(), MAC, start);
        assert_eq!(heard.silent(start + SILENCE - Duration::from_secs(1)), []);
        for question in 0..u32::from(QUESTIONS) {
            let at = start + SILENCE + PATIENCE * question;
            assert_eq!(heard.next_due(), Some(at));
            assert_eq!(heard.silent(at), [Silent::Ask { vni: vni(), ip: ip(), mac: MAC }]);
        }
        let end = start + SILENCE + PATIENCE * u32::from(QUESTIONS);
        assert_eq!(heard.silent(end), [Silent::Gone { vni: vni(), ip: ip() }]);
        assert_eq!(heard.next_due(), None, "nothing wakes an idle daemon");
    }

    #[test]
    fn an_answer_begins_the_silence_anew() {
        let (mut heard, start) = (HeardBindings::default(), Instant::now());
        heard.hear(vni(), ip(), MAC, start);
        heard.silent(start + SILENCE);
        let answered = start + SILENCE + Duration::from_secs(1);
        assert!(heard.hear(vni(), ip(), MAC, answered), "the answer is told");
        assert_eq!(heard.silent(answered + SILENCE - Duration::from_secs(1)), []);
        assert_eq!(heard.next_due(), Some(answered + SILENCE));
    }
}
