//! The random numbers of a game, drawn as Rust's `rand` draws them but several steps at a time.
//!
//! A step of the generator multiplies 128 bits, and each waits for the one before. But its `k`-th state from here is
//! `M^k s + (1 + M + .. + M^(k-1)) c`, as cheap as the next one: so a night's draws advance in [`LANES`] chains side by
//! side. And a draw of `bits` random bits is below the chance `p` if the integer is below `ceil(2^bits p)`, exactly:
//! no draw is ever made a float.

use crate::engine::rng::{Pcg64, MULTIPLIER};

const LANES: usize = 4;

/// `M^k` for `k` from 1, and `1 + M + .. + M^(k-1)`.
const fn powers() -> [(u128, u128); LANES] {
    let mut all = [(MULTIPLIER, 1_u128); LANES];
    let mut k = 1;
    while k < LANES {
        all[k] = (all[k - 1].0.wrapping_mul(MULTIPLIER), all[k - 1].1.wrapping_mul(MULTIPLIER).wrapping_add(1));
        k += 1;
    }
    all
}

const POWERS: [(u128, u128); LANES] = powers();

/// A chance for a float of 24 random bits: true with a draw `u` for which `u < p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance32(u64);

impl Chance32 {
    /// The chance `p`, from 0 to 1.
    pub fn new(p: f32) -> Self {
        // The draw is m / 2^24, and m is in bits 8 to 31.
        Chance32((f64::from(p) * f64::from(1 << 24)).ceil() as u64 * 256)
    }
}

/// A chance for a float of 53 random bits: true with a draw `u` for which `u < p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance64(u64);

impl Chance64 {
    /// The chance `p`, from 0 to 1.
    pub fn new(p: f64) -> Self {
        Chance64((p * (1_u64 << 53) as f64).ceil() as u64)
    }
}

/// A generator with the increments for its chains.
#[derive(Clone, Debug)]
pub struct Stream {
    state: u128,
    /// For a step of `k + 1`.
    incs: [u128; LANES],
}

impl Stream {
    /// Goes on where `rng` stands.
    pub fn of(rng: &Pcg64) -> Self {
        let (state, inc) = rng.position();
        Stream { state, incs: POWERS.map(|(_, sum)| sum.wrapping_mul(inc)) }
    }

    /// The generator of `rand`'s `seed_from_u64(seed)`.
    pub fn seeded(seed: u64) -> Self {
        Self::of(&Pcg64::from_rand_seed(seed))
    }

    /// Moves `rng`, from which this stream was made, to where the stream stands.
    pub fn put_back(&self, rng: &mut Pcg64) {
        rng.set_position(self.state);
    }

    #[inline(always)]
    fn ahead(&self, state: u128, steps: usize) -> u128 {
        state.wrapping_mul(POWERS[steps - 1].0).wrapping_add(self.incs[steps - 1])
    }

    /// Advances by `steps`, at least one and at most [`LANES`].
    #[inline(always)]
    pub fn skip(&mut self, steps: usize) {
        self.state = self.ahead(self.state, steps);
    }

    /// The next 64 random bits.
    #[inline(always)]
    pub fn next(&mut self) -> u64 {
        self.skip(1);
        output(self.state)
    }

    /// A draw of 24 bits.
    #[inline(always)]
    pub fn hit32(&mut self, chance: Chance32) -> bool {
        u64::from(self.next() as u32) < chance.0
    }

    /// A draw of 53 bits.
    #[inline(always)]
    pub fn hit64(&mut self, chance: Chance64) -> bool {
        self.next() >> 11 < chance.0
    }

    /// `count` draws of 24 bits, at most 64: bit `k` tells of draw `k`.
    #[inline(always)]
    pub fn hits32(&mut self, count: usize, chance: Chance32) -> u64 {
        let mut bits = 0;
        for k in 0..count {
            bits |= u64::from(self.hit32(chance)) << k;
        }
        bits
    }

    /// An integer in [0, n), drawn like [`Pcg64::below_rand`].
    #[inline(always)]
    pub fn below(&mut self, n: u64) -> u64 {
        let zone = (n << (n.leading_zeros() & 63)).wrapping_sub(1);
        loop {
            let product = u128::from(self.next()) * u128::from(n);
            if product as u64 <= zone {
                return (product >> 64) as u64;
            }
        }
    }
}

/// The output function.
#[inline(always)]
fn output(state: u128) -> u64 {
    ((state >> 64) as u64 ^ state as u64).rotate_right((state >> 122) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBABILITIES: [f64; 9] = [0.0, 1e-9, 0.02, 0.3, 0.5, 0.63672018, 0.9, 1.0 - 1e-12, 1.0];

    #[test]
    fn chances_are_exact() {
        for seed in 0..20 {
            let (mut stream, mut rng) = (Stream::seeded(seed), Pcg64::from_rand_seed(seed));
            for p in PROBABILITIES.iter().cycle().take(900) {
                assert_eq!(stream.hit32(Chance32::new(*p as f32)), rng.next_f32_whole() < *p as f32);
                assert_eq!(stream.hit64(Chance64::new(*p)), rng.next_f64() < *p);
            }
        }
        // A draw exactly at the chance is no hit, one just below it is.
        let first = Pcg64::from_rand_seed(42).next_f32_whole();
        assert!(!Stream::seeded(42).hit32(Chance32::new(first)));
        assert!(Stream::seeded(42).hit32(Chance32::new(first.next_up())));
        let first = Pcg64::from_rand_seed(42).next_f64();
        assert!(!Stream::seeded(42).hit64(Chance64::new(first)));
        assert!(Stream::seeded(42).hit64(Chance64::new(first.next_up())));
    }

    #[test]
    fn streams_follow_the_generator() {
        let (mut stream, mut rng) = (Stream::seeded(7), Pcg64::from_rand_seed(7));
        for k in 1..200_usize {
            let n = k as u64 % 12 + 1;
            assert_eq!(stream.below(n), rng.below_rand(n));
            let count = k % 65;
            let bits = stream.hits32(count, Chance32::new(0.4));
            for draw in 0..count {
                assert_eq!(bits >> draw & 1 == 1, rng.next_f32_whole() < 0.4);
            }
            for steps in 1..=LANES {
                stream.skip(steps);
                (0..steps).for_each(|_| drop(rng.next_u64()));
            }
            let mut back = Pcg64::from_rand_seed(7);
            stream.put_back(&mut back);
            assert_eq!(back, rng);
        }
    }
}
