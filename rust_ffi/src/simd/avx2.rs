//! Lanes of AVX2; see [`super::x86_64`].

use super::lanes::{store_rows_by_element, Lanes, Lanes32, Lanes64, Mask, MOST_COLUMNS};
use super::x86_64::{arithmetic, isa, row_sources, Avx2};
use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

arithmetic!(F64x4, Add add _mm256_add_pd, Sub sub _mm256_sub_pd, Mul mul _mm256_mul_pd, Div div _mm256_div_pd);
arithmetic!(F32x8, Add add _mm256_add_ps, Sub sub _mm256_sub_ps, Mul mul _mm256_mul_ps, Div div _mm256_div_ps);

macro_rules! avx2_lanes {
    ($lanes:ident, $mask:ident, $real:ty, $register:ty, $width:literal, $set1:ident, $loadu:ident, $storeu:ident,
     $cmp:ident, $blendv:ident, $and:ident, $or:ident, $andnot:ident, $movemask:ident, $min:ident, $max:ident, $fmadd:ident, $fnmadd:ident, $transpose:ident, $pick:ident) => {
        #[doc = concat!(stringify!($width), " lanes of ", stringify!($real), ".")]
        #[derive(Clone, Copy)]
        pub struct $lanes(pub(super) $register);
        #[doc = concat!("The truth values of ", stringify!($lanes), ": all bits of a lane, or none.")]
        #[derive(Clone, Copy)]
        pub struct $mask(pub(super) $register);

        impl Mask for $mask {
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                $mask(isa!($and(self.0, other.0)))
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                $mask(isa!($or(self.0, other.0)))
            }
            #[inline(always)]
            fn and_not(self, other: Self) -> Self {
                $mask(isa!($andnot(other.0, self.0)))
            }
            #[inline(always)]
            fn any(self) -> bool {
                isa!($movemask(self.0)) != 0
            }
            #[inline(always)]
            fn bits(self) -> u32 {
                isa!($movemask(self.0)) as u32
            }
        }

        impl Lanes<Avx2> for $lanes {
            type Scalar = $real;
            type Mask = $mask;
            const WIDTH: usize = $width;
            #[inline(always)]
            fn splat(_: Avx2, x: $real) -> Self {
                $lanes(isa!($set1(x)))
            }
            #[inline(always)]
            fn load_or(s: Avx2, from: &[$real], fill: $real) -> Self {
                match from.first_chunk::<$width>() {
                    Some(full) => $lanes(isa!($loadu(full.as_ptr()))),
                    None => Self::from_fn(s, |k| from.get(k).copied().unwrap_or(fill)),
                }
            }
            #[inline(always)]
            fn store(self, to: &mut [$real]) {
                if let Some(full) = to.first_chunk_mut::<$width>() {
                    isa!($storeu(full.as_mut_ptr(), self.0));
                } else {
                    let mut all = [0.0; $width];
                    isa!($storeu(all.as_mut_ptr(), self.0));
                    for (to, x) in to.iter_mut().zip(all) {
                        *to = x;
                    }
                }
            }
            #[inline(always)]
            fn from_fn(_: Avx2, mut f: impl FnMut(usize) -> $real) -> Self {
                // Not `array::from_fn`: it is no inline(always) function and would leave the lanes.
                let mut all = [0.0; $width];
                for (k, lane) in all.iter_mut().enumerate() {
                    *lane = f(k);
                }
                $lanes(isa!($loadu(all.as_ptr())))
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $mask {
                $mask(isa!($cmp::<_CMP_LT_OQ>(self.0, other.0)))
            }
            #[inline(always)]
            fn le(self, other: Self) -> $mask {
                $mask(isa!($cmp::<_CMP_LE_OQ>(self.0, other.0)))
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $mask {
                $mask(isa!($cmp::<_CMP_EQ_OQ>(self.0, other.0)))
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                $lanes(isa!($blendv(no.0, yes.0, mask.0)))
            }
            type Places = __m256i;
            #[inline(always)]
            fn places(_: Avx2, mut f: impl FnMut(usize) -> usize) -> __m256i {
                // What moves are 32-bit parts of lanes.
                let parts = 8 / $width;
                let mut index = [0i32; 8];
                for (k, lane) in index.chunks_exact_mut(parts).enumerate() {
                    let first = f(k) * parts;
                    for (k, part) in lane.iter_mut().enumerate() {
                        *part = (first + k) as i32;
                    }
                }
                isa!(_mm256_loadu_si256(index.as_ptr().cast()))
            }
            #[inline(always)]
            fn pick(self, places: __m256i) -> Self {
                $pick(self, places)
            }
            #[inline(always)]
            fn transpose(square: &mut [Self; 16]) {
                $transpose(square)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                $lanes(isa!($min(self.0, other.0)))
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                $lanes(isa!($max(self.0, other.0)))
            }
            #[inline(always)]
            fn divided_by(self, s: Avx2, d: $real) -> Self {
                let (d, reciprocal) = (Self::splat(s, d), Self::splat(s, 1.0 / d));
                let quotient = self * reciprocal;
                // What is missing, exactly (Markstein); where that is nothing or no number, the quotient is right.
                let missing = isa!($fnmadd(quotient.0, d.0, self.0));
                let better = isa!($fmadd(missing, reciprocal.0, quotient.0));
                let inexact = isa!($cmp::<_CMP_NEQ_OQ>(missing, $set1(0.0)));
                $lanes(isa!($blendv(quotient.0, better, inexact)))
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $lanes(isa!($andnot($set1(-0.0), self.0)))
            }
        }
    };
}

avx2_lanes!(
    F64x4,
    M64x4,
    f64,
    __m256d,
    4,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_cmp_pd,
    _mm256_blendv_pd,
    _mm256_and_pd,
    _mm256_or_pd,
    _mm256_andnot_pd,
    _mm256_movemask_pd,
    _mm256_min_pd,
    _mm256_max_pd,
    _mm256_fmadd_pd,
    _mm256_fnmadd_pd,
    transpose_f64x4,
    pick_f64x4
);
avx2_lanes!(
    F32x8,
    M32x8,
    f32,
    __m256,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_cmp_ps,
    _mm256_blendv_ps,
    _mm256_and_ps,
    _mm256_or_ps,
    _mm256_andnot_ps,
    _mm256_movemask_ps,
    _mm256_min_ps,
    _mm256_max_ps,
    _mm256_fmadd_ps,
    _mm256_fnmadd_ps,
    transpose_f32x8,
    pick_f32x8
);

#[inline(always)]
fn pick_f64x4(x: F64x4, places: __m256i) -> F64x4 {
    F64x4(isa!(_mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(x.0), places))))
}

#[inline(always)]
fn pick_f32x8(x: F32x8, places: __m256i) -> F32x8 {
    F32x8(isa!(_mm256_permutevar8x32_ps(x.0, places)))
}

#[inline(always)]
fn transpose_f64x4(r: &mut [F64x4; 16]) {
    isa!({
        let [a, b, c, d] = [r[0].0, r[1].0, r[2].0, r[3].0];
        let (even, odd) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        let (even_below, odd_below) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
        r[0].0 = _mm256_permute2f128_pd::<0x20>(even, even_below);
        r[1].0 = _mm256_permute2f128_pd::<0x20>(odd, odd_below);
        r[2].0 = _mm256_permute2f128_pd::<0x31>(even, even_below);
        r[3].0 = _mm256_permute2f128_pd::<0x31>(odd, odd_below);
    });
}

#[inline(always)]
fn transpose_f32x8(r: &mut [F32x8; 16]) {
    isa!({
        // First squares of four within each 128 bits, then the halves.
        let mut fours = [[r[0].0; 4]; 2];
        for half in 0..2 {
            let [a, b, c, d] = [r[4 * half].0, r[4 * half + 1].0, r[4 * half + 2].0, r[4 * half + 3].0];
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            fours[half] = [
                _mm256_shuffle_ps::<0x44>(ab, cd),
                _mm256_shuffle_ps::<0xEE>(ab, cd),
                _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm256_shuffle_ps::<0xEE>(ab_high, cd_high),
            ];
        }
        for k in 0..4 {
            r[k].0 = _mm256_permute2f128_ps::<0x20>(fours[0][k], fours[1][k]);
            r[k + 4].0 = _mm256_permute2f128_ps::<0x31>(fours[0][k], fours[1][k]);
        }
    });
}

impl Lanes32<Avx2> for F32x8 {
    #[inline(always)]
    fn has_bit<const BIT: u32>(self) -> M32x8 {
        M32x8(isa!({
            let bit = _mm256_set1_epi32(1 << BIT);
            let found = _mm256_and_si256(_mm256_castps_si256(self.0), bit);
            _mm256_castsi256_ps(_mm256_cmpeq_epi32(found, bit))
        }))
    }
    #[inline(always)]
    fn store_rows<const D: usize>(columns: &[Self; MOST_COLUMNS], to: &mut [f32]) {
        if to.len() != D * 8 {
            return store_rows_by_element::<Avx2, Self, D>(columns, to);
        }
        for (to, (lanes, from)) in to.chunks_exact_mut(8).zip(const { &row_sources::<D, 8>() }) {
            isa!({
                let lanes = _mm256_loadu_si256(lanes.as_ptr().cast());
                let from = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(*from)));
                let mut made = _mm256_permutevar8x32_ps(columns[0].0, lanes);
                for (k, column) in columns[..D].iter().enumerate().skip(1) {
                    let mine = _mm256_cmpeq_epi32(from, _mm256_set1_epi32(k as i32));
                    let moved = _mm256_permutevar8x32_ps(column.0, lanes);
                    made = _mm256_blendv_ps(made, moved, _mm256_castsi256_ps(mine));
                }
                F32x8(made).store(to);
            });
        }
    }
}

impl Lanes64<Avx2> for F64x4 {
    #[inline(always)]
    fn has_bit<const BIT: u32>(self) -> M64x4 {
        M64x4(isa!({
            let bit = _mm256_set1_epi64x(1 << BIT);
            let found = _mm256_and_si256(_mm256_castpd_si256(self.0), bit);
            _mm256_castsi256_pd(_mm256_cmpeq_epi64(found, bit))
        }))
    }
    #[inline(always)]
    fn through_f32(self) -> Self {
        F64x4(isa!(_mm256_cvtps_pd(_mm256_cvtpd_ps(self.0))))
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        F64x4(isa!(_mm256_fmadd_pd(self.0, a.0, b.0)))
    }
    #[inline(always)]
    fn rows(self, _: Avx2, table: &[[f64; 4]; 128]) -> [Self; 4] {
        let mut lanes = [0.0; 4];
        self.store(&mut lanes);
        let mut square = [self; 16];
        for (row, lane) in square.iter_mut().zip(lanes) {
            row.0 = isa!(_mm256_loadu_pd(table[(lane.to_bits() & 0x7f) as usize].as_ptr()));
        }
        transpose_f64x4(&mut square);
        [square[0], square[1], square[2], square[3]]
    }
    #[inline(always)]
    fn exchange<const D: usize>(self) -> Self {
        F64x4(match D {
            1 => isa!(_mm256_permute_pd::<0b0101>(self.0)),
            2 => isa!(_mm256_permute4x64_pd::<0b01_00_11_10>(self.0)),
            3 => isa!(_mm256_permute4x64_pd::<0b00_01_10_11>(self.0)),
            _ => self.0,
        })
    }
    #[inline(always)]
    fn exp2_of_biased(self) -> Self {
        F64x4(isa!({
            let exponent = _mm256_slli_epi64::<52>(_mm256_castpd_si256(self.0));
            _mm256_castsi256_pd(_mm256_add_epi64(exponent, _mm256_set1_epi64x(1023 << 52)))
        }))
    }
    #[inline(always)]
    fn tag(self, index: [u8; 8], low: u64) -> Self {
        F64x4(isa!({
            let bits = _mm256_castpd_si256(self.0);
            let flip = _mm256_cmpgt_epi64(_mm256_setzero_si256(), bits);
            let low = _mm256_set1_epi64x(low as i64);
            let index = _mm256_cvtepu8_epi64(_mm_cvtsi64_si128(i64::from_le_bytes(index)));
            let tag = _mm256_and_si256(_mm256_xor_si256(index, flip), low);
            _mm256_castsi256_pd(_mm256_or_si256(_mm256_andnot_si256(low, bits), tag))
        }))
    }
    #[inline(always)]
    fn tag_all(self, index: u8, low: u64) -> Self {
        self.tag([index; 8], low)
    }
    #[inline(always)]
    fn tags(self, last: u8) -> [u8; 8] {
        isa!({
            let bits = _mm256_castpd_si256(self.0);
            let tags = _mm256_xor_si256(bits, _mm256_cmpgt_epi64(_mm256_setzero_si256(), bits));
            // The first byte of each lane goes to where it is wanted; then the halves are put together.
            let first = _mm256_set_epi64x(-1, 0x8080_8080_0800_8080u64 as i64, -1, 0x8080_8080_8080_0800u64 as i64);
            let halves = _mm256_shuffle_epi8(tags, first);
            let tags = _mm_or_si128(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves));
            _mm_cvtsi128_si64(_mm_min_epu8(tags, _mm_set1_epi8(last as i8))).to_le_bytes()
        })
    }
    #[inline(always)]
    fn alike(self, other: Self, low: u64) -> M64x4 {
        M64x4(isa!({
            let mask = _mm256_set1_epi64x(!low as i64);
            let (a, b) = (_mm256_castpd_si256(self.0), _mm256_castpd_si256(other.0));
            _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(a, mask), _mm256_and_si256(b, mask)))
        }))
    }
}
