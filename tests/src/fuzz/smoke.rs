//! Drives a fuzz target without libFuzzer: noise and mutated seeds for WEFT_FUZZ_SECONDS
//! (2 by default). Not coverage guided. A failure prints the input in hexadecimal; the
//! numbers come from a fixed seed (WEFT_FUZZ_SEED), so a run can be repeated.

use super::{TARGETS, Target};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// Longest input made, in octets.
const LONGEST: usize = 600;

/// SplitMix64: small, and good enough to choose octets with.
#[derive(Debug)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn octet(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// 0 to `bound` - 1; 0 if there is nothing to choose.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0).checked_rem(bound).unwrap_or(0)
    }
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn noise(numbers: &mut Numbers) -> Vec<u8> {
    let length = numbers.below(LONGEST);
    (0..length).map(|_| numbers.octet()).collect()
}

/// Octets that lengths and flags like to be.
const TELLING: [u8; 12] = [0, 1, 2, 3, 4, 16, 32, 48, 0x7f, 0x80, 0xfe, 0xff];

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], numbers: &mut Numbers) {
    let at = numbers.below(input.len() + 1);
    let other = seeds.get(numbers.below(seeds.len())).map_or(&[][..], Vec::as_slice);
    match numbers.below(7) {
        0 => input.truncate(at),
        1 => input.insert(at, numbers.octet()),
        2 if at < input.len() => drop(input.remove(at)),
        3 => input.extend_from_slice(other),
        4 => {
            input.truncate(at);
            input.extend_from_slice(other.get(numbers.below(other.len())..).unwrap_or_default());
        }
        choice => {
            let telling = TELLING.get(numbers.below(TELLING.len())).copied().unwrap_or_default();
            let flip = 1_u8 << numbers.below(8);
            if let Some(octet) = input.get_mut(at) {
                *octet = if choice == 5 { telling } else { *octet ^ flip };
            }
        }
    }
    input.truncate(LONGEST);
}

/// Runs the target of this name until its time is over. Panics as the target does, after
/// printing the input.
pub fn drive(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name);
    assert!(target.is_some(), "no fuzz target {name}");
    if let Some(target) = target {
        let until = Instant::now() + Duration::from_secs(variable("WEFT_FUZZ_SECONDS", 2));
        let runs = run_until(target, variable("WEFT_FUZZ_SEED", 1), || Instant::now() >= until);
        eprintln!("{name}: {runs} inputs");
    }
}

fn run_until(target: &Target, seed: u64, over: impl Fn() -> bool) -> u64 {
    let mut numbers = Numbers(seed);
    let seeds = (target.seeds)();
    for input in seeds.iter().chain([&Vec::new()]) {
        run(target, input);
    }
    let mut runs = 0;
    while !over() {
        for _ in 0..64 {
            let input = if seeds.is_empty() || numbers.below(8) == 0 {
                noise(&mut numbers)
            } else {
                let mut input = seeds.get(numbers.below(seeds.len())).cloned().unwrap_or_default();
                for _ in 0..=numbers.below(4) {
                    mutate(&mut input, &seeds, &mut numbers);
                }
                input
            };
            run(target, &input);
            runs += 1;
        }
    }
    runs
}

fn run(target: &Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let hex: String = input.iter().map(|octet| format!("{octet:02x}")).collect();
        eprintln!("{}: input {hex}", target.name);
        resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_behind_a_changed_octet_is_found() {
        let target = Target {
            name: "self test",
            run: |data| assert!(data != [1, 2, 0xff, 4]),
            seeds: || vec![vec![1, 2, 3, 4]],
        };
        let until = Instant::now() + Duration::from_secs(10);
        let found = catch_unwind(|| run_until(&target, 1, || Instant::now() >= until));
        assert!(found.is_err());
    }
}
