//! Reading from as many rows as there are lanes: an element of each, step after step, or all as columns.
//!
//! Single elements are not read by the CPU's own gathers: loads one by one, put together, take less time on the CPUs measured.

#![allow(clippy::needless_range_loop)] // in lanes, iterators would not all be inlined

use super::lanes::{Lanes, Lanes64, Real, Simd};

/// Most elements of a row.
const MOST_ELEMENTS: usize = 256;
/// Most lanes a register has.
const MOST_LANES: usize = 16;

/// Turns rows of `n` elements, as many as there are lanes, into a register per element, and gives them away by the square:
/// the first element, and the registers from it on. Where `n` is no multiple of the width, the last square gives some again.
#[inline(always)]
pub fn each_square<S: Simd, R: Real>(s: S, rows: &[R], n: usize, mut give: impl FnMut(usize, &[R::Lanes<S>])) {
    let width = R::Lanes::<S>::WIDTH;
    assert!(n > 0 && rows.len() == width * n, "fewer rows than lanes");
    let units = n.min(width);
    let mut square = [R::Lanes::<S>::splat(s, R::ZERO); MOST_LANES];
    let mut first = 0;
    loop {
        if units == width {
            for lane in 0..width {
                let at = lane * n + first;
                // SAFETY: `first` is at most `n - width`, so the last of these elements is one of row `lane`.
                let elements = unsafe { rows.get_unchecked(at..at + width) };
                square[lane] = R::Lanes::<S>::load_or(s, elements, R::ZERO);
            }
        } else {
            for (register, row) in square.iter_mut().zip(rows.chunks_exact(n)) {
                *register = R::Lanes::<S>::load_or(s, row, R::ZERO);
            }
        }
        R::Lanes::<S>::transpose(&mut square);
        // The only call, or the compiler may not inline it, which would cost many times as much.
        give(first, &square[..units]);
        if first + units == n {
            return;
        }
        first = (first + units).min(n - units);
    }
}

/// For each step, an element of each row of a square that has a row per lane.
pub struct RowWalk {
    /// Elements of a row.
    length: usize,
    /// All below `length`, which has to be kept: loads rely on it.
    elements: [[u8; MOST_LANES]; MOST_ELEMENTS],
}

impl RowWalk {
    /// Steps through rows of `length` elements, the first at each step. None if there are none, or too many.
    pub fn new(length: usize) -> Option<Self> {
        let fits = (1..=MOST_ELEMENTS).contains(&length);
        fits.then_some(RowWalk { length, elements: [[0; MOST_LANES]; MOST_ELEMENTS] })
    }

    /// At `step`, the rows from `lane` on take the elements that the keys are tagged with.
    #[inline(always)]
    pub fn set<S: Simd>(&mut self, step: usize, lane: usize, keys: S::F64) {
        let last = (self.length - 1) as u8;
        let tags = keys.tags(last);
        let eight = self.elements.get_mut(step).and_then(|elements| elements.get_mut(lane..lane + 8));
        if let Some(eight) = eight {
            eight.copy_from_slice(&tags);
        }
    }

    /// The element of row `lane` at `step`.
    #[inline(always)]
    pub fn element(&self, step: usize, lane: usize) -> usize {
        usize::from(self.elements[step % MOST_ELEMENTS][lane % MOST_LANES])
    }

    /// The elements at `step` of rows that follow each other.
    #[inline(always)]
    pub fn load<S: Simd, R: Real>(&self, s: S, step: usize, rows: &[R]) -> R::Lanes<S> {
        assert!(rows.len() >= R::Lanes::<S>::WIDTH * self.length, "fewer rows than lanes");
        let elements = &self.elements[step % MOST_ELEMENTS];
        R::Lanes::<S>::from_fn(s, |lane| {
            let at = lane * self.length + usize::from(elements[lane % MOST_LANES]);
            // SAFETY: `lane` is below the width and the element below `length`, so `at` is below their product.
            unsafe { *rows.get_unchecked(at) }
        })
    }
}
