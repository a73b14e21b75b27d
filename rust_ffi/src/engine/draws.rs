//! Draws of many generators at a time: the same numbers as one by one, several in the lanes of a register.

use super::rng::{Pcg64, TWO_M53};
use crate::simd::pcg64::{run_steps, Stepping, Steps, TOGETHER};
use crate::simd::stream::fetch;
use crate::simd::Level;

/// How many generators ahead one is fetched: they lie far apart, in no order that the CPU would foresee.
const AHEAD: usize = 2 * TOGETHER;

/// Draws `N` doubles in [0, 1) for each of `rows`, in the order of [`Pcg64::next_f64`], and hands them to `take` with
/// the row.
pub fn doubles<const N: usize>(level: Level, rngs: &mut [Pcg64], rows: &[u32], take: impl FnMut(usize, [f64; N])) {
    run_steps(level, Doubles { rngs, rows, take });
}

struct Doubles<'a, const N: usize, F> {
    rngs: &'a mut [Pcg64],
    rows: &'a [u32],
    take: F,
}

impl<const N: usize, F: FnMut(usize, [f64; N])> Stepping for Doubles<'_, N, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Steps>(mut self, steps: S) {
        let (groups, rest) = self.rows.as_chunks::<TOGETHER>();
        for (k, rows) in groups.iter().enumerate() {
            for &row in self.rows.iter().skip(k * TOGETHER + AHEAD).take(TOGETHER) {
                if let Some(later) = self.rngs.get(row as usize) {
                    fetch(later);
                }
            }
            let (outputs, states) = steps.outputs::<N>(rows.map(|row| self.rngs[row as usize].position()));
            let doubles = outputs.map(|outputs| outputs.map(|x| (x >> 11) as f64 * TWO_M53));
            for (lane, &row) in rows.iter().enumerate() {
                self.rngs[row as usize].position_mut().state = states[lane];
                (self.take)(row as usize, std::array::from_fn(|k| doubles[k][lane]));
            }
        }
        for &row in rest {
            let rng = &mut self.rngs[row as usize];
            (self.take)(row as usize, std::array::from_fn(|_| rng.next_f64()));
        }
    }
}

/// Draws an integer in [0, n) from each generator, as [`Pcg64::below`] does.
pub fn integers_below(level: Level, rngs: &mut [Pcg64], n: u64, out: &mut [i64]) {
    run_steps(level, Integers { rngs, n, out });
}

struct Integers<'a> {
    rngs: &'a mut [Pcg64],
    n: u64,
    out: &'a mut [i64],
}

impl Stepping for Integers<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Steps>(self, steps: S) {
        let (groups, rest) = self.rngs.as_chunks_mut::<TOGETHER>();
        let (outs, rest_out) = self.out.as_chunks_mut::<TOGETHER>();
        let short = u32::try_from(self.n).ok().filter(|n| *n > 1);
        for (rngs, out) in groups.iter_mut().zip(outs) {
            match short.and_then(|n| Some((n, halves(steps, rngs)?))) {
                Some((n, halves)) => {
                    for ((out, rng), bits) in out.iter_mut().zip(rngs).zip(halves) {
                        *out = i64::from(rng.below_from(bits, n));
                    }
                }
                None => {
                    for (out, rng) in out.iter_mut().zip(rngs) {
                        *out = rng.below(self.n) as i64;
                    }
                }
            }
        }
        for (out, rng) in rest_out.iter_mut().zip(rest) {
            *out = rng.below(self.n) as i64;
        }
    }
}

/// Most steps that [`choices_ahead`] draws for at a time.
pub(super) const MOST_AHEAD: usize = 8;

/// For each generator the choices of some steps, `(steps, generators)`, each in [0, n) for an `n` of 2 to 256, as
/// [`Pcg64::below`] draws them one after the other: a generator is fetched and put back once for all.
pub(super) fn choices_ahead(level: Level, rngs: &mut [Pcg64], n: u32, out: &mut [u8]) {
    run_steps(level, ChoicesAhead { rngs, n, out });
}

struct ChoicesAhead<'a> {
    rngs: &'a mut [Pcg64],
    n: u32,
    out: &'a mut [u8],
}

impl Stepping for ChoicesAhead<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Steps>(self, steps: S) {
        let (n, rows) = (self.n, self.rngs.len());
        let count = self.out.len().checked_div(rows).unwrap_or(0).min(MOST_AHEAD);
        if count == 0 {
            return;
        }
        let (groups, _) = self.rngs.as_chunks_mut::<TOGETHER>();
        let mut first = 0;
        for rngs in groups {
            if let Some(chosen) = whole(steps, rngs, count, n) {
                for (step, drawn) in chosen.as_flattened().iter().enumerate() {
                    if let Some(to) = self.out[step * rows + first..].first_chunk_mut() {
                        *to = *drawn;
                    }
                }
            } else if let Some(bits) = ahead(steps, rngs, count, n) {
                for (step, bits) in bits.iter().enumerate().take(count) {
                    let drawn = bits.map(|bits| ((u64::from(bits) * u64::from(n)) >> 32) as u8);
                    if let Some(to) = self.out[step * rows + first..].first_chunk_mut() {
                        *to = drawn;
                    }
                }
            } else {
                draw_each(rngs, n, count, &mut self.out[first..], rows);
            }
            first += TOGETHER;
        }
        draw_each(&mut self.rngs[first..], n, count, self.out.get_mut(first..).unwrap_or_default(), rows);
    }
}

/// The plain way of [`choices_ahead`].
#[inline(always)]
fn draw_each(rngs: &mut [Pcg64], n: u32, count: usize, out: &mut [u8], rows: usize) {
    for (k, rng) in rngs.iter_mut().enumerate() {
        for step in 0..count {
            out[step * rows + k] = rng.below(u64::from(n)) as u8;
        }
    }
}

/// The next [`MOST_AHEAD`] choices of each generator, if that is how many are wanted. None, and nothing drawn, if some have a
/// half left or if a draw is rejected.
#[inline(always)]
fn whole<S: Steps>(
    steps: S,
    rngs: &mut [Pcg64; TOGETHER],
    count: usize,
    n: u32,
) -> Option<[[[u8; TOGETHER]; 2]; MOST_AHEAD / 2]> {
    if count != MOST_AHEAD || rngs.iter().fold(false, |any, rng| any | rng.has_half()) {
        return None;
    }
    let (chosen, halves) = steps.choices(rngs.each_mut().map(Pcg64::position_mut), n)?;
    for (rng, half) in rngs.iter_mut().zip(halves) {
        rng.set_half(half, false);
    }
    Some(chosen)
}

/// The next `count` 32-bit draws of each generator. None, and nothing drawn, if some have a half left and some have not,
/// or if a draw might be rejected as a choice among `n`.
#[inline(always)]
fn ahead<S: Steps>(
    steps: S,
    rngs: &mut [Pcg64; TOGETHER],
    count: usize,
    n: u32,
) -> Option<[[u32; TOGETHER]; MOST_AHEAD]> {
    let left = rngs.iter().filter(|rng| rng.has_half()).count();
    if left % TOGETHER != 0 {
        return None;
    }
    let mut all = [[0; TOGETHER]; MOST_AHEAD + 2];
    let mut known = 0;
    if left > 0 {
        all[0] = rngs.each_ref().map(Pcg64::half);
        known = 1;
    }
    let mut places = rngs.each_ref().map(|rng| *rng.position());
    let mut keep = |outputs: [u64; TOGETHER]| {
        all[known] = outputs.map(|x| x as u32);
        all[known + 1] = outputs.map(|x| (x >> 32) as u32);
        known += 2;
        known
    };
    let mut have = usize::from(left > 0);
    while have + 8 <= count {
        let (all, states) = steps.outputs::<4>(places.each_ref());
        places.iter_mut().zip(states).for_each(|(at, state)| at.state = state);
        for outputs in all {
            have = keep(outputs);
        }
    }
    while have < count {
        let ([outputs], states) = steps.outputs::<1>(places.each_ref());
        places.iter_mut().zip(states).for_each(|(at, state)| at.state = state);
        have = keep(outputs);
    }
    let (drawn, _) = all.split_first_chunk::<MOST_AHEAD>()?;
    if drawn.iter().take(count).flatten().any(|bits| bits.wrapping_mul(n) < n) {
        return None;
    }
    for (lane, rng) in rngs.iter_mut().enumerate() {
        *rng.position_mut() = places[lane];
        rng.set_half(all[have - 1][lane], have > count);
    }
    Some(*drawn)
}

/// The next 32-bit draw of each generator; None if some have a half left and some have not.
#[inline(always)]
fn halves<S: Steps>(steps: S, rngs: &mut [Pcg64; TOGETHER]) -> Option<[u32; TOGETHER]> {
    let left = rngs.iter().filter(|rng| rng.has_half()).count();
    if left == TOGETHER {
        return Some(rngs.each_mut().map(Pcg64::next_u32));
    }
    if left > 0 {
        return None;
    }
    let ([outputs], states) = steps.outputs::<1>(rngs.each_ref().map(Pcg64::position));
    for (lane, rng) in rngs.iter_mut().enumerate() {
        rng.position_mut().state = states[lane];
        rng.set_half((outputs[lane] >> 32) as u32, true);
    }
    Some(outputs.map(|x| x as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::pcg64::MULTIPLIER;

    fn generators(count: usize) -> Vec<Pcg64> {
        (0..count as u64).map(|seed| Pcg64::from_numpy_seed(seed * 77 + 5)).collect()
    }

    /// The state before `state`.
    fn before(state: u128, inc: u128) -> u128 {
        // Each round doubles the number of bits that are right.
        let inverse = (0..7).fold(MULTIPLIER, |x, _| x.wrapping_mul(2_u128.wrapping_sub(MULTIPLIER.wrapping_mul(x))));
        state.wrapping_sub(inc).wrapping_mul(inverse)
    }

    #[test]
    fn rejected_draws_are_made_again() {
        for level in Level::supported() {
            for (lane, output) in [(0, 1), (3, 2), (7, 4)] {
                let mut many = generators(TOGETHER);
                let inc = many[lane].position().inc;
                // The state 0 gives the output 0, of which both halves are rejected.
                let state = (0..output).fold(0, |state, _| before(state, inc));
                many[lane].position_mut().state = state;
                let mut each = many.clone();
                let mut out = [9; TOGETHER * MOST_AHEAD];
                choices_ahead(level, &mut many, 3, &mut out);
                for step in out.chunks(TOGETHER) {
                    let expected: Vec<u8> = each.iter_mut().map(|rng| rng.below(3) as u8).collect();
                    assert_eq!(step, expected, "{}", level.name());
                }
                assert_eq!(many, each);
                let back = (0..MOST_AHEAD / 2 + 1).fold(many[lane].position().state, |state, _| before(state, inc));
                assert_eq!(back, state, "an output more was used");
            }
        }
    }

    #[test]
    fn many_generators_draw_what_each_draws_alone() {
        for level in Level::supported() {
            for count in (0..=2 * TOGETHER + 1).chain([100]) {
                let (mut many, mut each) = (generators(count), generators(count));
                let rows: Vec<u32> = (0..count as u32).filter(|row| row % 3 != 1).collect();
                for _ in 0..3 {
                    let mut drawn = vec![[0.0; 2]; count];
                    doubles(level, &mut many, &rows, |row, pair| drawn[row] = pair);
                    for &row in &rows {
                        let rng = &mut each[row as usize];
                        assert_eq!(drawn[row as usize], [rng.next_f64(), rng.next_f64()], "{} {count}", level.name());
                    }
                    // Halves are left in some generators and not in others.
                    for (rng, same) in many.iter_mut().zip(&mut each).step_by(5) {
                        assert_eq!(rng.next_u32(), same.next_u32());
                    }
                    for n in [0, 1, 2, 3, 1000, 3 << 30, 1 << 32, 1 << 40] {
                        let mut out = vec![-1; count];
                        integers_below(level, &mut many, n, &mut out);
                        let expected: Vec<i64> = each.iter_mut().map(|rng| rng.below(n) as i64).collect();
                        assert_eq!(out, expected, "{} {count} {n}", level.name());
                    }
                    for n in [2, 3, 7, 256] {
                        for steps in [1, 2, 3, 7, 8] {
                            let mut out = vec![9; count * steps];
                            choices_ahead(level, &mut many, n, &mut out);
                            for step in 0..steps {
                                let expected: Vec<u8> =
                                    each.iter_mut().map(|rng| rng.below(u64::from(n)) as u8).collect();
                                assert_eq!(out[step * count..(step + 1) * count], expected, "{} {n}", level.name());
                            }
                            assert_eq!(many, each, "{} {count} {n} {steps}", level.name());
                        }
                    }
                    assert_eq!(many, each);
                }
            }
        }
    }
}
