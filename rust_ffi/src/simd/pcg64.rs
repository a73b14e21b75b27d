//! The outputs of a PCG64, sixteen steps at a time.
//!
//! A step multiplies 128 bits and waits for the step before. But the `k`-th state from here is `M^k s + S_k c` with
//! `S_k = 1 + M + .. + M^(k-1)`, as cheap as the next one. So lanes stand one step apart and all leap together: four
//! chains of scalar multiplications, or sixteen lanes where the CPU has AVX-512 IFMA, which multiplies 52 bits by 52.
//!
//! Where many generators make few outputs each, there is one generator in each lane.

#[cfg(target_arch = "x86_64")]
use super::ifma;
use super::Level;

/// Outputs that are made at a time.
pub(crate) const BLOCK: usize = 16;

/// Generators that move at a time, where each makes few outputs.
pub(crate) const TOGETHER: usize = 8;

/// What a step multiplies the state by.
pub(crate) const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

/// `M^k` and `S_k` for `k` from 1.
const fn powers() -> [(u128, u128); BLOCK] {
    let mut all = [(MULTIPLIER, 1_u128); BLOCK];
    let mut k = 1;
    while k < BLOCK {
        all[k].0 = all[k - 1].0.wrapping_mul(MULTIPLIER);
        all[k].1 = all[k - 1].1.wrapping_mul(MULTIPLIER).wrapping_add(1);
        k += 1;
    }
    all
}

pub(super) const POWERS: [(u128, u128); BLOCK] = powers();

/// Where a generator stands, and what it adds at each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Position {
    /// The last state.
    pub state: u128,
    /// An odd number.
    pub inc: u128,
}

/// Draws of 32 bits, the lower half of each of `N` outputs first, as choices; and the upper half of the last.
pub type Choices<const N: usize> = ([[[u8; TOGETHER]; 2]; N], [u32; TOGETHER]);

/// A way to make outputs. Holding one proves that the CPU can.
pub trait Steps: Copy + Send + Sync {
    /// Where a generator stands.
    type State: Clone;

    /// From where the generator with this state and increment makes its next outputs.
    fn start(self, state: u128, inc: u128) -> Self::State;

    /// The next outputs.
    fn block(self, at: &mut Self::State, out: &mut [u64; BLOCK]);

    /// The next `N` outputs of several generators, and their states after those.
    fn outputs<const N: usize>(self, at: [&Position; TOGETHER]) -> ([[u64; TOGETHER]; N], [u128; TOGETHER]);

    /// The halves of the next `N` outputs of several generators, each as a choice among `n`, which is at most 256. None
    /// if one has to be rejected; no generator has moved then.
    fn choices<const N: usize>(self, at: [&mut Position; TOGETHER], n: u32) -> Option<Choices<N>>;

    /// Bit `k` tells whether the low half of `x[k]` is below `limit`.
    fn low_below(self, x: &[u64; BLOCK], limit: u64) -> u32;

    /// Whether the high 53 bits of every second number, from the first on, are below a limit: 1 or 0.
    fn high_below(self, x: &[u64; BLOCK], limits: &[u64; BLOCK / 2]) -> [u32; BLOCK / 2];
}

/// Work that runs on any [`Steps`].
pub trait Stepping {
    /// What it returns.
    type Output;
    /// The work.
    fn run<S: Steps>(self, steps: S) -> Self::Output;
}

/// Runs `work` on the fastest way that `level` allows and the CPU has.
pub fn run_steps<W: Stepping>(level: Level, work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if level.name() == "avx512" && ifma::ifma_available() {
            // SAFETY: just asked.
            return unsafe { ifma::run_ifma(work) };
        }
        if level != Level::SCALAR && ifma::bmi_available() {
            // SAFETY: just asked.
            return unsafe { ifma::run_bmi(work) };
        }
    }
    let _ = level;
    work.run(Portable)
}

/// Scalar multiplications.
#[derive(Clone, Copy)]
pub struct Portable;

const CHAINS: usize = 4;

/// The states of the next outputs, and what a leap adds.
#[derive(Clone)]
pub struct Chains {
    next: [u128; CHAINS],
    leap: u128,
}

/// The output of a state.
#[inline(always)]
pub fn output(state: u128) -> u64 {
    ((state >> 64) as u64 ^ state as u64).rotate_right((state >> 122) as u32)
}

/// The state `steps` on, from 1 to `BLOCK`.
#[inline(always)]
pub fn ahead(state: u128, inc: u128, steps: usize) -> u128 {
    let (power, sum) = POWERS[steps - 1];
    state.wrapping_mul(power).wrapping_add(sum.wrapping_mul(inc))
}

impl Steps for Portable {
    type State = Chains;

    #[inline(always)]
    fn start(self, state: u128, inc: u128) -> Chains {
        Chains { next: std::array::from_fn(|k| ahead(state, inc, k + 1)), leap: POWERS[CHAINS - 1].1.wrapping_mul(inc) }
    }

    #[inline(never)]
    fn block(self, at: &mut Chains, out: &mut [u64; BLOCK]) {
        for out in out.chunks_exact_mut(CHAINS) {
            for (state, out) in at.next.iter_mut().zip(out) {
                *out = output(*state);
                *state = state.wrapping_mul(POWERS[CHAINS - 1].0).wrapping_add(at.leap);
            }
        }
    }

    #[inline(always)]
    fn outputs<const N: usize>(self, at: [&Position; TOGETHER]) -> ([[u64; TOGETHER]; N], [u128; TOGETHER]) {
        let (mut all, mut states) = ([[0; TOGETHER]; N], at.map(|at| at.state));
        for (lane, (state, at)) in states.iter_mut().zip(at).enumerate() {
            for out in &mut all {
                *state = state.wrapping_mul(MULTIPLIER).wrapping_add(at.inc);
                out[lane] = output(*state);
            }
        }
        (all, states)
    }

    #[inline(always)]
    fn choices<const N: usize>(self, mut at: [&mut Position; TOGETHER], n: u32) -> Option<Choices<N>> {
        let (outputs, states) = self.outputs::<N>(at.each_ref().map(|at| &**at));
        let (mut chosen, mut halves, mut rejected) = ([[[0; TOGETHER]; 2]; N], [0; TOGETHER], false);
        for (chosen, outputs) in chosen.iter_mut().zip(&outputs) {
            for (lane, x) in outputs.iter().enumerate() {
                halves[lane] = (x >> 32) as u32;
                for (chosen, bits) in chosen.iter_mut().zip([*x as u32, halves[lane]]) {
                    let product = u64::from(bits) * u64::from(n);
                    chosen[lane] = (product >> 32) as u8;
                    rejected |= (product as u32) < n;
                }
            }
        }
        if rejected {
            return None;
        }
        at.iter_mut().zip(states).for_each(|(at, state)| at.state = state);
        Some((chosen, halves))
    }

    #[inline(always)]
    fn low_below(self, x: &[u64; BLOCK], limit: u64) -> u32 {
        x.iter().enumerate().fold(0, |bits, (k, x)| bits | u32::from(u64::from(*x as u32) < limit) << k)
    }

    #[inline(always)]
    fn high_below(self, x: &[u64; BLOCK], limits: &[u64; BLOCK / 2]) -> [u32; BLOCK / 2] {
        std::array::from_fn(|k| u32::from(x[2 * k] >> 11 < limits[k]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rng::Pcg64;

    struct Agrees(u64);

    impl Stepping for Agrees {
        type Output = ();

        fn run<S: Steps>(self, steps: S) {
            let mut rng = Pcg64::from_rand_seed(self.0);
            let Position { state, inc } = *rng.position();
            let mut at = steps.start(state, inc);
            for round in 0..300_u64 {
                let mut out = [0; BLOCK];
                steps.block(&mut at, &mut out);
                assert_eq!(out, std::array::from_fn(|_| rng.next_u64()), "round {round}");
                for limit in [0, 1, 1 << 31, 0x1234_5678, u64::from(out[3] as u32), (1 << 32) - 1, 1 << 32] {
                    let expected =
                        (0..BLOCK).fold(0, |bits, k| bits | u32::from(u64::from(out[k] as u32) < limit) << k);
                    assert_eq!(steps.low_below(&out, limit), expected);
                    let limits = std::array::from_fn(|k| (limit << 21) + k as u64);
                    let expected = std::array::from_fn(|k| u32::from(out[2 * k] >> 11 < limits[k]));
                    assert_eq!(steps.high_below(&out, &limits), expected);
                }
            }
        }
    }

    struct Together(u64);

    impl Stepping for Together {
        type Output = ();

        fn run<S: Steps>(self, steps: S) {
            let mut rngs: [Pcg64; TOGETHER] = std::array::from_fn(|k| Pcg64::from_numpy_seed(self.0 ^ (k as u64) << 9));
            for _ in 0..100 {
                let at = rngs.each_ref().map(|rng| *rng.position());
                let (outputs, states) = steps.outputs::<3>(at.each_ref());
                assert_eq!(outputs, std::array::from_fn(|_| rngs.each_mut().map(Pcg64::next_u64)));
                assert_eq!(states, rngs.each_ref().map(|rng| rng.position().state));
            }
        }
    }

    #[test]
    fn every_way_makes_the_same_outputs() {
        for seed in (0..50).chain([u64::MAX, 1 << 63]) {
            for level in Level::supported() {
                run_steps(level, Agrees(seed));
                run_steps(level, Together(seed));
            }
            Agrees(seed).run(Portable);
        }
    }
}
