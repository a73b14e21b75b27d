//! Hints to the caches: copies past them, for results that nobody reads soon, and fetches ahead of need.

use super::{Kernel, Level, Simd};

/// Copies `from` to `to`, of the same length. Another thread may rely on it after a [`fence`].
pub fn copy(level: Level, from: &[u8], to: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if level != Level::SCALAR && x86_64::copy(level.0, from, to) {
        return;
    }
    let _ = level;
    to.copy_from_slice(from);
}

/// Writes `from` as 64-bit integers to `to`, likewise; as many as that has room for.
pub fn widen(level: Level, from: &[u8], to: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if x86_64::widen(level.0, from, to) {
        return;
    }
    widen_in_caches(level, from, to);
}

/// The same, not past the caches.
pub fn widen_in_caches(level: Level, from: &[u8], to: &mut [u8]) {
    super::run(level, Widen { from, to: to.as_chunks_mut().0 });
}

/// A plain loop, compiled for the widest registers.
struct Widen<'a> {
    from: &'a [u8],
    /// Integers of the machine.
    to: &'a mut [[u8; 8]],
}

impl Kernel for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to = i64::from(*from).to_ne_bytes();
        }
    }
}

/// Ends the copies of this thread.
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    x86_64::fence();
}

/// Begins to fetch the place of `x` from memory.
#[inline(always)]
pub fn fetch<T: ?Sized>(x: &T) {
    #[cfg(target_arch = "x86_64")]
    x86_64::fetch(x);
    let _ = x;
}

/// Begins to fetch all of `x`, which is to be a few kilobytes at most.
#[inline(always)]
pub fn fetch_all<T>(x: &[T]) {
    for line in x.chunks((64 / size_of::<T>()).max(1)) {
        fetch(line);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use crate::simd::Isa;
    use std::arch::x86_64::*;

    const LINE: usize = 64;

    fn is_lines(x: &[u8]) -> bool {
        x.as_ptr().addr().is_multiple_of(LINE) && x.len().is_multiple_of(LINE)
    }

    /// False if this is no run of whole lines.
    pub fn copy(isa: Isa, from: &[u8], to: &mut [u8]) -> bool {
        if !is_lines(to) || from.len() != to.len() {
            return false;
        }
        if isa == Isa::Avx512 {
            // SAFETY: the CPU has that level; the rest is asked above.
            unsafe { copy_lines(from, to) };
            return true;
        }
        for (from, to) in from.chunks_exact(LINE).zip(to.chunks_exact_mut(LINE)) {
            let (from, to) = (from.as_ptr().cast::<__m128i>(), to.as_mut_ptr().cast::<__m128i>());
            for k in 0..LINE / 16 {
                // SAFETY: both chunks have 64 bytes, the one written to begins at a multiple of 64, and SSE2 is part of
                // every x86-64 CPU. What the stores leave to do is done by the fence.
                unsafe { _mm_stream_si128(to.add(k), _mm_loadu_si128(from.add(k))) };
            }
        }
        true
    }

    /// A line is one store, which no other can come between.
    ///
    /// # Safety
    /// * The CPU has AVX-512F.
    /// * `to` begins at a multiple of 64, and both have the same number of whole lines.
    #[target_feature(enable = "avx512f")]
    unsafe fn copy_lines(from: &[u8], to: &mut [u8]) {
        for (from, to) in from.chunks_exact(LINE).zip(to.chunks_exact_mut(LINE)) {
            // SAFETY: by this function's contract.
            unsafe { _mm512_stream_si512(to.as_mut_ptr().cast(), _mm512_loadu_si512(from.as_ptr().cast())) };
        }
    }

    /// False if these are no whole lines, or the CPU has not their instructions.
    pub fn widen(isa: Isa, from: &[u8], to: &mut [u8]) -> bool {
        let whole = is_lines(to) && 8 * from.len() == to.len();
        if isa != Isa::Avx512 || !whole {
            return false;
        }
        // SAFETY: an Isa of this name exists only in a Level, and that only where the CPU has it; the rest is asked above.
        unsafe { widen_lines(from, to) };
        true
    }

    /// # Safety
    /// * The CPU has AVX-512F.
    /// * `to` begins at a multiple of 64 and has whole lines, one for every eight bytes of `from`.
    #[target_feature(enable = "avx512f")]
    unsafe fn widen_lines(from: &[u8], to: &mut [u8]) {
        for (from, to) in from.chunks_exact(8).zip(to.chunks_exact_mut(LINE)) {
            // SAFETY: by this function's contract.
            unsafe {
                let wide = _mm512_cvtepu8_epi64(_mm_loadl_epi64(from.as_ptr().cast()));
                _mm512_stream_si512(to.as_mut_ptr().cast(), wide);
            }
        }
    }

    #[inline(always)]
    pub fn fetch<T: ?Sized>(x: &T) {
        // SAFETY: SSE is part of every x86-64 CPU, and the hint reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(x).cast()) };
    }

    pub fn fence() {
        // SAFETY: SSE is part of every x86-64 CPU.
        unsafe { _mm_sfence() };
    }
}
