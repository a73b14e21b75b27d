//! The random numbers of a game, drawn as Rust's `rand` draws them.
//!
//! A draw of `b` random bits is below the chance `p` if its integer is below `ceil(2^b p)`, exactly: no draw is ever made
//! a float.

use super::rules::GROUP;
use crate::engine::rng::Pcg64;
use crate::simd::pcg64::{ahead, output, Position, Steps, BLOCK};

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

    /// Whether the draw with these bits hits.
    #[inline(always)]
    pub fn is_hit(self, bits: u64) -> bool {
        bits >> 11 < self.0
    }
}

/// Where draws come from.
pub trait Draws {
    /// The next 64 random bits.
    fn bits(&mut self) -> u64;

    /// `count` draws of 24 bits, at most 64: bit `k` tells of draw `k`.
    fn hits32(&mut self, count: usize, chance: Chance32) -> u64;

    /// What up to eight agents do who draw twice each, 53 bits that tell whether they work, and others: 1 or 0.
    fn hits64(&mut self, agents: usize, chances: &[Chance64; GROUP]) -> [u32; GROUP];

    /// Makes sure that the next `count` draws are cheap.
    fn prepare(&mut self, count: usize);

    /// A draw of 24 bits.
    #[inline(always)]
    fn hit32(&mut self, chance: Chance32) -> bool {
        u64::from(self.bits() as u32) < chance.0
    }

    /// A draw of 53 bits.
    #[inline(always)]
    fn hit64(&mut self, chance: Chance64) -> bool {
        chance.is_hit(self.bits())
    }

    /// An integer in [0, n), drawn like [`Pcg64::below_rand`].
    #[inline(always)]
    fn below(&mut self, n: u64) -> u64 {
        let zone = (n << (n.leading_zeros() & 63)).wrapping_sub(1);
        loop {
            let product = u128::from(self.bits()) * u128::from(n);
            if product as u64 <= zone {
                return (product >> 64) as u64;
            }
        }
    }
}

/// Draws one by one.
#[derive(Clone, Debug)]
pub struct Stream {
    state: u128,
    inc: u128,
}

impl Stream {
    /// Goes on where `rng` stands.
    pub fn of(rng: &Pcg64) -> Self {
        let Position { state, inc } = *rng.position();
        Stream { state, inc }
    }

    /// The generator of `rand`'s `seed_from_u64(seed)`.
    pub fn seeded(seed: u64) -> Self {
        Self::of(&Pcg64::from_rand_seed(seed))
    }

    /// Moves `rng`, from which this stream was made, to where the stream stands.
    pub fn put_back(&self, rng: &mut Pcg64) {
        rng.position_mut().state = self.state;
    }
}

impl Draws for Stream {
    #[inline(always)]
    fn bits(&mut self) -> u64 {
        self.state = ahead(self.state, self.inc, 1);
        output(self.state)
    }

    #[inline(always)]
    fn hits32(&mut self, count: usize, chance: Chance32) -> u64 {
        (0..count).fold(0, |bits, k| bits | u64::from(self.hit32(chance)) << k)
    }

    #[inline(always)]
    fn hits64(&mut self, agents: usize, chances: &[Chance64; GROUP]) -> [u32; GROUP] {
        let mut hits = [0; GROUP];
        for (hit, chance) in hits.iter_mut().zip(chances).take(agents) {
            *hit = u32::from(self.hit64(*chance));
            self.bits();
        }
        hits
    }

    #[inline(always)]
    fn prepare(&mut self, _count: usize) {}
}

/// Most draws that can be prepared.
pub(crate) const MOST_PREPARED: usize = 256;
const ROOM: usize = MOST_PREPARED + 4 * BLOCK;

/// Draws made ahead of their use, in blocks.
#[derive(Clone)]
pub struct Ahead<S: Steps> {
    steps: S,
    at: S::State,
    /// Made and not used: those from `next` to `end`. The last block stays free, for reading a whole block anywhere.
    made: [u64; ROOM],
    next: usize,
    end: usize,
}

impl<S: Steps> Ahead<S> {
    /// The generator of `rand`'s `seed_from_u64(seed)`.
    #[inline(always)]
    pub fn new(steps: S, seed: u64) -> Self {
        let Position { state, inc } = *Pcg64::from_rand_seed(seed).position();
        Ahead { steps, at: steps.start(state, inc), made: [0; ROOM], next: 0, end: 0 }
    }

    /// Starts anew with another seed.
    #[inline(always)]
    pub fn restart(&mut self, seed: u64) {
        let Position { state, inc } = *Pcg64::from_rand_seed(seed).position();
        self.at = self.steps.start(state, inc);
        (self.next, self.end) = (0, 0);
    }

    /// The block from draw `k` on, whether made already or not.
    #[inline(always)]
    fn block_at(&self, k: usize) -> &[u64; BLOCK] {
        self.made.get(k..).and_then(|made| made.first_chunk()).unwrap_or(&[0; BLOCK])
    }

    #[inline(never)]
    fn make(&mut self) {
        if self.end + 2 * BLOCK > ROOM {
            self.made.copy_within(self.next..self.end, 0);
            (self.next, self.end) = (0, self.end - self.next);
        }
        if let Some(out) = self.made.get_mut(self.end..).and_then(|free| free.first_chunk_mut()) {
            self.steps.block(&mut self.at, out);
        }
        self.end += BLOCK;
    }
}

impl<S: Steps> Draws for Ahead<S> {
    #[inline(always)]
    fn bits(&mut self) -> u64 {
        self.prepare(1);
        let bits = self.made[self.next];
        self.next += 1;
        bits
    }

    #[inline(always)]
    fn hits32(&mut self, count: usize, chance: Chance32) -> u64 {
        if count == 0 {
            return 0;
        }
        self.prepare(count);
        let mut bits = u64::from(self.steps.low_below(self.block_at(self.next), chance.0));
        for first in (BLOCK..count).step_by(BLOCK) {
            bits |= u64::from(self.steps.low_below(self.block_at(self.next + first), chance.0)) << first;
        }
        self.next += count;
        // What was read beyond the last draw is none.
        bits & u64::MAX >> (64 - count)
    }

    #[inline(always)]
    fn hits64(&mut self, agents: usize, chances: &[Chance64; GROUP]) -> [u32; GROUP] {
        self.prepare(2 * agents);
        let hits = self.steps.high_below(self.block_at(self.next), &chances.map(|chance| chance.0));
        self.next += 2 * agents;
        hits
    }

    #[inline(always)]
    fn prepare(&mut self, count: usize) {
        while self.end - self.next < count {
            self.make();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::pcg64::{run_steps, Stepping};
    use crate::simd::Level;

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

    fn follows(mut draws: impl Draws, mut rng: Pcg64) -> Pcg64 {
        for k in 1..400_usize {
            let n = k as u64 % 12 + 1;
            assert_eq!(draws.below(n), rng.below_rand(n));
            let count = k % 65;
            let bits = draws.hits32(count, Chance32::new(0.4));
            assert_eq!(bits.checked_shr(count as u32).unwrap_or(0), 0);
            for draw in 0..count {
                assert_eq!(bits >> draw & 1 == 1, rng.next_f32_whole() < 0.4);
            }
            let agents = k % (GROUP + 1);
            let mut chances = [Chance64::new(0.0); GROUP];
            (0..agents).for_each(|i| chances[i] = Chance64::new(0.1 * i as f64));
            let hits = draws.hits64(agents, &chances);
            for (i, hit) in hits.into_iter().enumerate() {
                assert_eq!(hit == 1, i < agents && (rng.next_f64() < 0.1 * i as f64, rng.next_u64()).0);
            }
            draws.prepare(k * 7 % MOST_PREPARED);
            for _ in 0..k % 5 {
                assert_eq!(draws.bits(), rng.next_u64());
            }
        }
        rng
    }

    struct Follows(u64);

    impl Stepping for Follows {
        type Output = ();

        fn run<S: Steps>(self, steps: S) {
            let mut draws = Ahead::new(steps, self.0 + 1);
            draws.prepare(99);
            draws.restart(self.0);
            follows(draws, Pcg64::from_rand_seed(self.0));
        }
    }

    #[test]
    fn streams_follow_the_generator() {
        let mut stream = Stream::seeded(7);
        follows(stream.clone(), Pcg64::from_rand_seed(7));
        stream.bits();
        let mut back = Pcg64::from_rand_seed(7);
        stream.put_back(&mut back);
        let mut rng = Pcg64::from_rand_seed(7);
        rng.next_u64();
        assert_eq!(back, rng);
        for level in Level::supported() {
            (0..5).for_each(|seed| run_steps(level, Follows(seed)));
        }
    }
}
