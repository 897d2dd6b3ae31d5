//! The register tile: some rows of a left panel times some vectors of a right one, both of pairs.

#[cfg(target_arch = "x86")]
use std::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use fearless_simd::{Avx2, Avx512, SimdInto, Sse2, Sse4_2};
use fearless_simd::{Simd, SimdBase};

use super::{COLUMNS, ROWS};

/// Vectors of pairs of 16-bit integers, each pair in the halves of an i32.
pub(super) trait PairProducts: Simd {
    /// For each pair the sum of the products of its halves, added to `sums`; sums wrap.
    #[inline(always)]
    fn plus_products(self, sums: Self::i32s, a: Self::i32s, b: Self::i32s) -> Self::i32s {
        let low = ((a << 16) >> 16) * ((b << 16) >> 16);
        sums + low + (a >> 16) * (b >> 16)
    }
}

#[cfg(any(test, plain_loops))]
impl PairProducts for fearless_simd::Fallback {}
#[cfg(target_arch = "aarch64")]
impl PairProducts for fearless_simd::Neon {}
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
impl PairProducts for fearless_simd::WasmSimd128 {}

/// Instruction sets that have an instruction for it.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
macro_rules! pair_products {
    ($($token:ident, $vector:ident, |$sums:ident, $a:ident, $b:ident| $result:expr;)*) => {
        $(impl PairProducts for $token {
            #[inline(always)]
            fn plus_products(self, sums: Self::i32s, a: Self::i32s, b: Self::i32s) -> Self::i32s {
                fearless_simd::kernel!(
                    #[inline]
                    fn run(_token: $token, $sums: $vector, $a: $vector, $b: $vector) -> $vector {
                        $result
                    }
                );
                run(self, sums.into(), a.into(), b.into()).simd_into(self)
            }
        })*
    };
}
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pair_products! {
    Sse2, __m128i, |sums, a, b| _mm_add_epi32(sums, _mm_madd_epi16(a, b));
    Sse4_2, __m128i, |sums, a, b| _mm_add_epi32(sums, _mm_madd_epi16(a, b));
    Avx2, __m256i, |sums, a, b| _mm256_add_epi32(sums, _mm256_madd_epi16(a, b));
    Avx512, __m512i, |sums, a, b| _mm512_dpwssd_epi32(sums, a, b);
}

/// The sums of products of two panels: of the first `rows` rows and `columns` columns, and of some more. The right one has
/// `width` elements from step to step.
#[inline(always)]
pub(super) fn panel<S: PairProducts>(
    s: S,
    left: &[[i32; ROWS]],
    right: &[i32],
    width: usize,
    rows: usize,
    columns: usize,
    sums: &mut [[i32; COLUMNS]; ROWS],
) {
    let len = <S::i32s as SimdBase<S>>::LEN;
    // Where a vector holds all columns there are 32 registers, elsewhere at least 16.
    if const { <S::i32s as SimdBase<S>>::LEN == COLUMNS } {
        return match rows {
            ..=4 => tile::<S, 4, 1>(s, left, 0, right, width, 0, sums),
            _ => tile::<S, ROWS, 1>(s, left, 0, right, width, 0, sums),
        };
    }
    let mut row = 0;
    while row < rows {
        let mut at = 0;
        while at < columns {
            match (rows - row, columns - at > len) {
                (1, true) => tile::<S, 1, 2>(s, left, row, right, width, at, sums),
                (..=3, true) => tile::<S, 3, 2>(s, left, row, right, width, at, sums),
                (_, true) => tile::<S, { ROWS / 2 }, 2>(s, left, row, right, width, at, sums),
                (_, false) => tile::<S, { ROWS / 2 }, 1>(s, left, row, right, width, at, sums),
            }
            at += 2 * len;
        }
        row += ROWS / 2;
    }
}

/// The sums of `HEIGHT` rows from `row` on and `VECTORS` vectors of columns from `at` on.
#[inline(always)]
fn tile<S: PairProducts, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    left: &[[i32; ROWS]],
    row: usize,
    right: &[i32],
    width: usize,
    at: usize,
    y: &mut [[i32; COLUMNS]; ROWS],
) {
    let len = <S::i32s as SimdBase<S>>::LEN;
    let zero = <S::i32s as SimdBase<S>>::splat(s, 0);
    let mut sums = [[zero; VECTORS]; HEIGHT];
    let mut line = at;
    for k in 0..left.len() {
        let steps = &right[line..line + VECTORS * len];
        let mut b = [zero; VECTORS];
        for v in 0..VECTORS {
            let step = &steps[v * len..(v + 1) * len];
            b[v] = <S::i32s as SimdBase<S>>::from_slice(s, step);
        }
        for r in 0..HEIGHT {
            let a = <S::i32s as SimdBase<S>>::splat(s, left[k][row + r]);
            for v in 0..VECTORS {
                sums[r][v] = s.plus_products(sums[r][v], a, b[v]);
            }
        }
        line += width;
    }
    for r in 0..HEIGHT {
        for v in 0..VECTORS {
            sums[r][v].store_slice(&mut y[row + r][at + v * len..at + (v + 1) * len]);
        }
    }
}
