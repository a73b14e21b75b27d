//! Lanes of AVX-512; see [`super::x86_64`].

use super::lanes::{store_rows_by_element, Lanes, Lanes32, Lanes64, Mask, MOST_COLUMNS};
use super::x86_64::{arithmetic, isa, row_sources, Avx512};
use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};
arithmetic!(F64x8, Add add _mm512_add_pd, Sub sub _mm512_sub_pd, Mul mul _mm512_mul_pd, Div div _mm512_div_pd);
arithmetic!(F32x16, Add add _mm512_add_ps, Sub sub _mm512_sub_ps, Mul mul _mm512_mul_ps, Div div _mm512_div_ps);

macro_rules! avx512_lanes {
    ($lanes:ident, $real:ty, $register:ty, $width:literal, $mask:ty, $set1:ident, $loadu:ident, $mask_loadu:ident,
     $storeu:ident, $mask_storeu:ident, $cmp:ident, $blend:ident, $abs:ident, $min:ident, $max:ident, $fmadd:ident, $fnmadd:ident, $store_bytes:ident, $transpose:ident, $pick:ident, $index:ty) => {
        #[doc = concat!(stringify!($width), " lanes of ", stringify!($real), ".")]
        #[derive(Clone, Copy)]
        pub struct $lanes(pub(super) $register);

        impl Mask for $mask {
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn and_not(self, other: Self) -> Self {
                self & !other
            }
            #[inline(always)]
            fn any(self) -> bool {
                self != 0
            }
            #[inline(always)]
            fn bits(self) -> u32 {
                u32::from(self)
            }
            #[inline(always)]
            fn store_flags(self, to: &mut [u8]) {
                let flags = isa!(_mm_maskz_set1_epi8(self.into(), 1));
                match to.first_chunk_mut::<$width>() {
                    Some(full) => isa!($store_bytes(full.as_mut_ptr().cast(), flags)),
                    None => {
                        let mut all = [0; 16];
                        isa!(_mm_storeu_si128(all.as_mut_ptr().cast(), flags));
                        for (to, flag) in to.iter_mut().zip(all) {
                            *to = flag;
                        }
                    }
                }
            }
        }

        impl Lanes<Avx512> for $lanes {
            type Scalar = $real;
            type Mask = $mask;
            const WIDTH: usize = $width;
            #[inline(always)]
            fn splat(_: Avx512, x: $real) -> Self {
                $lanes(isa!($set1(x)))
            }
            #[inline(always)]
            fn load_or(s: Avx512, from: &[$real], fill: $real) -> Self {
                match from.first_chunk::<$width>() {
                    Some(full) => $lanes(isa!($loadu(full.as_ptr()))),
                    None => {
                        let there = ((1u32 << from.len()) - 1) as $mask;
                        // The mask keeps the load inside of `from`.
                        $lanes(isa!($mask_loadu(Self::splat(s, fill).0, there, from.as_ptr())))
                    }
                }
            }
            #[inline(always)]
            fn store(self, to: &mut [$real]) {
                if let Some(full) = to.first_chunk_mut::<$width>() {
                    isa!($storeu(full.as_mut_ptr(), self.0));
                } else {
                    let there = ((1u32 << to.len()) - 1) as $mask;
                    // The mask keeps the store inside of `to`.
                    isa!($mask_storeu(to.as_mut_ptr(), there, self.0));
                }
            }
            #[inline(always)]
            fn from_fn(_: Avx512, mut f: impl FnMut(usize) -> $real) -> Self {
                // Not `array::from_fn`: it is no inline(always) function and would leave the lanes.
                let mut all = [0.0; $width];
                for (k, lane) in all.iter_mut().enumerate() {
                    *lane = f(k);
                }
                $lanes(isa!($loadu(all.as_ptr())))
            }
            #[inline(always)]
            fn lt(self, other: Self) -> $mask {
                isa!($cmp::<_CMP_LT_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn le(self, other: Self) -> $mask {
                isa!($cmp::<_CMP_LE_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn eq(self, other: Self) -> $mask {
                isa!($cmp::<_CMP_EQ_OQ>(self.0, other.0))
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                $lanes(isa!($blend(mask, no.0, yes.0)))
            }
            type Places = __m512i;
            #[inline(always)]
            fn places(_: Avx512, mut f: impl FnMut(usize) -> usize) -> __m512i {
                let mut index: [$index; $width] = [0; $width];
                for (k, lane) in index.iter_mut().enumerate() {
                    *lane = f(k) as $index;
                }
                isa!(_mm512_loadu_si512(index.as_ptr().cast()))
            }
            #[inline(always)]
            fn pick(self, places: __m512i) -> Self {
                $lanes(isa!($pick(places, self.0)))
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
            fn divided_by(self, s: Avx512, d: $real) -> Self {
                let (d, reciprocal) = (Self::splat(s, d), Self::splat(s, 1.0 / d));
                let quotient = self * reciprocal;
                // What is missing, exactly (Markstein); where that is nothing or no number, the quotient is right.
                let missing = isa!($fnmadd(quotient.0, d.0, self.0));
                let better = isa!($fmadd(missing, reciprocal.0, quotient.0));
                let inexact = isa!($cmp::<_CMP_NEQ_OQ>(missing, Self::splat(s, 0.0).0));
                $lanes(isa!($blend(inexact, quotient.0, better)))
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $lanes(isa!($abs(self.0)))
            }
        }
    };
}

avx512_lanes!(
    F64x8,
    f64,
    __m512d,
    8,
    __mmask8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_mask_loadu_pd,
    _mm512_storeu_pd,
    _mm512_mask_storeu_pd,
    _mm512_cmp_pd_mask,
    _mm512_mask_blend_pd,
    _mm512_abs_pd,
    _mm512_min_pd,
    _mm512_max_pd,
    _mm512_fmadd_pd,
    _mm512_fnmadd_pd,
    _mm_storel_epi64,
    transpose_f64x8,
    _mm512_permutexvar_pd,
    i64
);
avx512_lanes!(
    F32x16,
    f32,
    __m512,
    16,
    __mmask16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_mask_loadu_ps,
    _mm512_storeu_ps,
    _mm512_mask_storeu_ps,
    _mm512_cmp_ps_mask,
    _mm512_mask_blend_ps,
    _mm512_abs_ps,
    _mm512_min_ps,
    _mm512_max_ps,
    _mm512_fmadd_ps,
    _mm512_fnmadd_ps,
    _mm_storeu_si128,
    transpose_f32x16,
    _mm512_permutexvar_ps,
    i32
);

#[inline(always)]
fn transpose_f64x8(r: &mut [F64x8; 16]) {
    isa!({
        let mut pairs = [r[0].0; 8];
        for k in 0..4 {
            pairs[2 * k] = _mm512_unpacklo_pd(r[2 * k].0, r[2 * k + 1].0);
            pairs[2 * k + 1] = _mm512_unpackhi_pd(r[2 * k].0, r[2 * k + 1].0);
        }
        for k in 0..2 {
            let upper = _mm512_shuffle_f64x2::<0x88>(pairs[k], pairs[k + 2]);
            let lower = _mm512_shuffle_f64x2::<0x88>(pairs[k + 4], pairs[k + 6]);
            r[k].0 = _mm512_shuffle_f64x2::<0x88>(upper, lower);
            r[k + 4].0 = _mm512_shuffle_f64x2::<0xDD>(upper, lower);
            let upper = _mm512_shuffle_f64x2::<0xDD>(pairs[k], pairs[k + 2]);
            let lower = _mm512_shuffle_f64x2::<0xDD>(pairs[k + 4], pairs[k + 6]);
            r[k + 2].0 = _mm512_shuffle_f64x2::<0x88>(upper, lower);
            r[k + 6].0 = _mm512_shuffle_f64x2::<0xDD>(upper, lower);
        }
    });
}

#[inline(always)]
fn transpose_f32x16(r: &mut [F32x16; 16]) {
    isa!({
        // First squares of four within each 128 bits, then squares of those.
        let mut fours = [[r[0].0; 4]; 4];
        for (quarter, four) in fours.iter_mut().enumerate() {
            let row = 4 * quarter;
            let [a, b, c, d] = [r[row].0, r[row + 1].0, r[row + 2].0, r[row + 3].0];
            let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
            let (ab_high, cd_high) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
            *four = [
                _mm512_shuffle_ps::<0x44>(ab, cd),
                _mm512_shuffle_ps::<0xEE>(ab, cd),
                _mm512_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm512_shuffle_ps::<0xEE>(ab_high, cd_high),
            ];
        }
        for k in 0..4 {
            let upper = _mm512_shuffle_f32x4::<0x88>(fours[0][k], fours[1][k]);
            let lower = _mm512_shuffle_f32x4::<0x88>(fours[2][k], fours[3][k]);
            r[k].0 = _mm512_shuffle_f32x4::<0x88>(upper, lower);
            r[k + 8].0 = _mm512_shuffle_f32x4::<0xDD>(upper, lower);
            let upper = _mm512_shuffle_f32x4::<0xDD>(fours[0][k], fours[1][k]);
            let lower = _mm512_shuffle_f32x4::<0xDD>(fours[2][k], fours[3][k]);
            r[k + 4].0 = _mm512_shuffle_f32x4::<0x88>(upper, lower);
            r[k + 12].0 = _mm512_shuffle_f32x4::<0xDD>(upper, lower);
        }
    });
}

/// The lanes of a register of `store_rows` that come from `column`.
const fn lanes_of<const W: usize>(columns: &[u8; W], column: usize) -> u16 {
    let (mut mask, mut k) = (0, 0);
    while k < W {
        if columns[k] as usize == column {
            mask |= 1 << k;
        }
        k += 1;
    }
    mask
}

impl Lanes32<Avx512> for F32x16 {
    #[inline(always)]
    fn has_bit<const BIT: u32>(self) -> __mmask16 {
        isa!(_mm512_test_epi32_mask(_mm512_castps_si512(self.0), _mm512_set1_epi32(1 << BIT)))
    }
    #[inline(always)]
    fn store_rows<const D: usize>(columns: &[Self; MOST_COLUMNS], to: &mut [f32]) {
        if to.len() != D * 16 {
            return store_rows_by_element::<Avx512, Self, D>(columns, to);
        }
        for (to, (lanes, from)) in to.chunks_exact_mut(16).zip(const { &row_sources::<D, 16>() }) {
            isa!({
                let lanes = _mm512_loadu_si512(lanes.as_ptr().cast());
                let mut made = _mm512_permutexvar_ps(lanes, columns[0].0);
                for (k, column) in columns[..D].iter().enumerate().skip(1) {
                    made = _mm512_mask_permutexvar_ps(made, lanes_of(from, k), lanes, column.0);
                }
                F32x16(made).store(to);
            });
        }
    }
}

impl Lanes64<Avx512> for F64x8 {
    #[inline(always)]
    fn has_bit<const BIT: u32>(self) -> __mmask8 {
        isa!(_mm512_test_epi64_mask(_mm512_castpd_si512(self.0), _mm512_set1_epi64(1 << BIT)))
    }
    #[inline(always)]
    fn through_f32(self) -> Self {
        F64x8(isa!(_mm512_cvtps_pd(_mm512_cvtpd_ps(self.0))))
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        F64x8(isa!(_mm512_fmadd_pd(self.0, a.0, b.0)))
    }
    #[inline(always)]
    fn rows(self, _: Avx512, table: &[[f64; 4]; 128]) -> [Self; 4] {
        // The last bytes of all lanes in one number: lanes one by one would keep the ports of vectors busy.
        let last = isa!(_mm_cvtsi128_si64(_mm512_cvtepi64_epi8(_mm512_castpd_si512(self.0))));
        let mut halves = [isa!(_mm512_setzero_pd()); 4];
        for (half, lane) in halves.iter_mut().zip([0, 1, 4, 5]) {
            let [first, second] = [lane, lane + 2].map(|lane| &table[(last >> (8 * lane)) as usize & 0x7f]);
            *half = isa!({
                let first = _mm512_castpd256_pd512(_mm256_loadu_pd(first.as_ptr()));
                _mm512_insertf64x4::<1>(first, _mm256_loadu_pd(second.as_ptr()))
            });
        }
        isa!({
            let [a, b, c, d] = halves;
            let (even, even_below) = (_mm512_unpacklo_pd(a, b), _mm512_unpacklo_pd(c, d));
            let (odd, odd_below) = (_mm512_unpackhi_pd(a, b), _mm512_unpackhi_pd(c, d));
            [
                F64x8(_mm512_shuffle_f64x2::<0x88>(even, even_below)),
                F64x8(_mm512_shuffle_f64x2::<0x88>(odd, odd_below)),
                F64x8(_mm512_shuffle_f64x2::<0xDD>(even, even_below)),
                F64x8(_mm512_shuffle_f64x2::<0xDD>(odd, odd_below)),
            ]
        })
    }
    #[inline(always)]
    fn exchange<const D: usize>(self) -> Self {
        F64x8(match D {
            1 => isa!(_mm512_permute_pd::<0b0101_0101>(self.0)),
            2 => isa!(_mm512_permutex_pd::<0b01_00_11_10>(self.0)),
            3 => isa!(_mm512_permutex_pd::<0b00_01_10_11>(self.0)),
            4 => isa!(_mm512_shuffle_f64x2::<0b01_00_11_10>(self.0, self.0)),
            7 => isa!({
                let halves = _mm512_shuffle_f64x2::<0b01_00_11_10>(self.0, self.0);
                _mm512_permutex_pd::<0b00_01_10_11>(halves)
            }),
            _ => self.0,
        })
    }
    #[inline(always)]
    fn exp2_of_biased(self) -> Self {
        F64x8(isa!({
            let exponent = _mm512_slli_epi64::<52>(_mm512_castpd_si512(self.0));
            _mm512_castsi512_pd(_mm512_add_epi64(exponent, _mm512_set1_epi64(1023 << 52)))
        }))
    }
    #[inline(always)]
    fn tag(self, index: [u8; 8], low: u64) -> Self {
        F64x8(isa!({
            let bits = _mm512_castpd_si512(self.0);
            let flip = _mm512_srai_epi64::<63>(bits);
            let index = _mm512_cvtepu8_epi64(_mm_cvtsi64_si128(i64::from_le_bytes(index)));
            // low ? (index ^ flip) : bits
            let tag = _mm512_xor_si512(index, flip);
            _mm512_castsi512_pd(_mm512_ternarylogic_epi64::<0xCA>(_mm512_set1_epi64(low as i64), tag, bits))
        }))
    }
    #[inline(always)]
    fn tag_all(self, index: u8, low: u64) -> Self {
        F64x8(isa!({
            let bits = _mm512_castpd_si512(self.0);
            let tag = _mm512_xor_si512(_mm512_set1_epi64(index.into()), _mm512_srai_epi64::<63>(bits));
            _mm512_castsi512_pd(_mm512_ternarylogic_epi64::<0xCA>(_mm512_set1_epi64(low as i64), tag, bits))
        }))
    }
    #[inline(always)]
    fn tags(self, last: u8) -> [u8; 8] {
        let tags = isa!({
            let bits = _mm512_castpd_si512(self.0);
            let tags = _mm512_cvtepi64_epi8(_mm512_xor_si512(bits, _mm512_srai_epi64::<63>(bits)));
            _mm_cvtsi128_si64(_mm_min_epu8(tags, _mm_set1_epi8(last as i8)))
        });
        tags.to_le_bytes()
    }
    #[inline(always)]
    fn alike(self, other: Self, low: u64) -> __mmask8 {
        isa!({
            let different = _mm512_xor_si512(_mm512_castpd_si512(self.0), _mm512_castpd_si512(other.0));
            _mm512_testn_epi64_mask(different, _mm512_set1_epi64(!low as i64))
        })
    }
}
