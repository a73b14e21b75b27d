//! Calls of a plug-in in a checked batch: on copies between guards, twice, and compared.

use super::plugin_call::{Access, Caller, Function, Lent};
use crate::engine::columns::Aligned;
use crate::engine::error::Result;
use crate::engine::rng::Pcg64;
use std::ops::Range;

impl Caller {
    /// Calls twice, on copies of everything: once for all rows, once for two halves of them. Both must agree, and
    /// write where they may and nowhere else.
    ///
    /// # Safety
    /// * as for [`Caller::call`].
    pub(super) unsafe fn watched(&self, function: Function, lent: &Lent<'_>) -> std::result::Result<(), String> {
        let (whole, half) = (0..lent.count, lent.count / 2);
        // SAFETY: by this function's contract.
        let (once, twice) = unsafe {
            let once = self.trial(function, lent, 0xff, std::slice::from_ref(&whole))?;
            (once, self.trial(function, lent, 0, &[0..half, half..lent.count])?)
        };
        for (a, b) in once.copies.iter().zip(&twice.copies) {
            let different = a.content().iter().zip(b.content()).position(|(a, b)| a != b);
            if let Some(byte) = different {
                let row = byte / self.row_bytes(a.place).max(1);
                return Err(format!(
                    "{}, row {row}: the same call made twice gave different results: something was not written, or \
                     comes from elsewhere than the row's state, action and generator",
                    self.name(a.place)
                ));
            }
        }
        if let Some(row) = once.rngs.iter().zip(&twice.rngs).position(|(a, b)| a != b) {
            return Err(format!("row {row}: the same call made twice drew different amounts"));
        }
        for copy in &once.copies {
            let content = copy.content();
            // SAFETY: the array is as long as its copy, by this function's contract, and not the copy.
            unsafe { std::ptr::copy_nonoverlapping(content.as_ptr(), lent.at[copy.place], content.len()) };
        }
        for (k, rng) in once.rngs.into_iter().enumerate() {
            // SAFETY: there are `count` generators, by this function's contract.
            unsafe { *lent.rngs.add(k) = rng };
        }
        Ok(())
    }

    /// Calls for each part on copies between guards; what is only written starts as bytes `fill`.
    ///
    /// # Safety
    /// * as for [`Caller::call`].
    unsafe fn trial(
        &self,
        function: Function,
        lent: &Lent<'_>,
        fill: u8,
        parts: &[Range<usize>],
    ) -> std::result::Result<Trial, String> {
        let mut trial = Trial { copies: Vec::new(), rngs: Vec::new() };
        let mut read = Vec::new();
        for (place, at) in lent.at.iter().enumerate().filter(|(_, at)| !at.is_null()) {
            let access = function.access(place);
            if access == Access::None {
                continue;
            }
            let len = lent.count * self.row_bytes(place);
            // SAFETY: the array is valid for so many bytes, by this function's contract.
            let original = unsafe { std::slice::from_raw_parts(*at, len) };
            let mut copy = Copy::new(place, len).map_err(|e| e.message)?;
            match access {
                Access::Writes => copy.content_mut().fill(fill),
                _ => copy.content_mut().copy_from_slice(original),
            }
            if access == Access::Reads {
                read.push((copy, original));
            } else {
                trial.copies.push(copy);
            }
        }
        if !lent.rngs.is_null() {
            // SAFETY: there are `count` generators, by this function's contract.
            trial.rngs = unsafe { std::slice::from_raw_parts(lent.rngs, lent.count) }.to_vec();
        }
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let mut own = Lent { count: part.len(), options: lent.options, seeded: lent.seeded, ..Lent::new(0) };
            for copy in trial.copies.iter_mut().chain(read.iter_mut().map(|(copy, _)| copy)) {
                let start = part.start * self.row_bytes(copy.place);
                let row = copy.content_mut().get_mut(start..).unwrap_or_default();
                own.at[copy.place] = row.as_mut_ptr();
            }
            if let Some(rngs) = trial.rngs.get_mut(part.clone()).filter(|rngs| !rngs.is_empty()) {
                own.rngs = rngs.as_mut_ptr();
            }
            // SAFETY: the copies have a row for each row of the part, and nobody else knows of them.
            unsafe { self.invoke(function, &own)? };
        }
        for (copy, original) in &read {
            if copy.content() != *original {
                return Err(format!("wrote to {}, which it may only read", self.name(copy.place)));
            }
        }
        match trial.copies.iter().chain(read.iter().map(|(copy, _)| copy)).find(|copy| !copy.is_whole()) {
            Some(copy) => Err(format!("wrote beyond its rows of {}", self.name(copy.place))),
            None => Ok(trial),
        }
    }
}

struct Trial {
    copies: Vec<Copy>,
    rngs: Vec<Pcg64>,
}

/// Memory between guards.
struct Copy {
    place: usize,
    len: usize,
    memory: Aligned,
}

/// Bytes before and behind.
const GUARD: usize = 256;
const GUARD_BYTE: u8 = 0xc5;

impl Copy {
    fn new(place: usize, len: usize) -> Result<Self> {
        let mut memory = Aligned::new(len + 2 * GUARD)?;
        memory.get_mut::<u8>().fill(GUARD_BYTE);
        Ok(Copy { place, len, memory })
    }

    fn content(&self) -> &[u8] {
        &self.memory.get::<u8>()[GUARD..GUARD + self.len]
    }

    fn content_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        &mut self.memory.get_mut::<u8>()[GUARD..GUARD + len]
    }

    /// Whether the guards are as they were.
    fn is_whole(&self) -> bool {
        let all: &[u8] = self.memory.get();
        all[..GUARD].iter().chain(&all[GUARD + self.len..]).all(|byte| *byte == GUARD_BYTE)
    }
}
