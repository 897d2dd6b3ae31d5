//! Lanes: the elements and accumulators of several windows side by side, in the vectors of any instruction set.

use fearless_simd::{Level, Select, Simd, SimdBase, SimdMask};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use crate::buffer::Item;
use crate::simd::dispatch;

/// The most lanes that a vector of elements has.
pub(super) const MOST_LANES: usize = 64;

/// An element type that is read into vectors as it is.
pub trait Vectored: Item {
    /// What a lane holds: the element, or the bits of a 16-bit float.
    type Lane: Item;
    /// One vector of elements.
    type Raw<S: Simd>: SimdBase<S, Element = Self::Lane>;

    /// The first elements of `x`, as many as there are lanes.
    fn load<S: Simd>(s: S, x: &[Self]) -> Self::Raw<S>;
    /// Writes the first elements of `y`, as many as there are lanes.
    fn store<S: Simd>(raw: Self::Raw<S>, y: &mut [Self]);
}

/// The lanes of a vector of `T`.
pub(in crate::pooling) const fn lanes<S: Simd, T: Vectored>() -> usize {
    <T::Raw<S> as SimdBase<S>>::LEN
}

/// The lanes of a vector of `T` on a level.
pub(super) fn lanes_at<T: Vectored>(level: Level) -> usize {
    dispatch!(level, s => lanes_with::<_, T>(s))
}

fn lanes_with<S: Simd, T: Vectored>(_: S) -> usize {
    lanes::<S, T>()
}

macro_rules! vectored {
    ($($type:ty, $lane:ty, $vector:ident, |$x:ident| $slice:expr, |$y:ident| $slice_mut:expr;)*) => {
        $(impl Vectored for $type {
            type Lane = $lane;
            type Raw<S: Simd> = S::$vector;

            #[inline(always)]
            fn load<S: Simd>(s: S, $x: &[$type]) -> S::$vector {
                let lanes = <S::$vector as SimdBase<S>>::LEN;
                <S::$vector as SimdBase<S>>::from_slice(s, &$slice[..lanes])
            }

            #[inline(always)]
            fn store<S: Simd>(raw: S::$vector, $y: &mut [$type]) {
                let lanes = <S::$vector as SimdBase<S>>::LEN;
                raw.store_slice(&mut $slice_mut[..lanes]);
            }
        })*
    };
}
vectored! {
    f32, f32, f32s, |x| x, |y| y;
    f64, f64, f64s, |x| x, |y| y;
    i8, i8, i8s, |x| x, |y| y;
    u8, u8, u8s, |x| x, |y| y;
    f16, u16, u16s, |x| x.reinterpret_cast(), |y| y.reinterpret_cast_mut();
    bf16, u16, u16s, |x| x.reinterpret_cast(), |y| y.reinterpret_cast_mut();
}

/// The accumulators of as many windows as an element vector has lanes.
///
/// In memory each of its parts is an item; the parts lie in rows of their own, `part` items apart.
pub trait Accumulator<S: Simd>: Copy {
    /// What parts are made of.
    type Item: Item;

    /// The accumulators at `at`.
    fn load(s: S, items: &[Self::Item], part: usize, at: usize) -> Self;
    /// Puts the accumulators at `at`.
    fn store(self, items: &mut [Self::Item], part: usize, at: usize);
    /// These accumulators where the bit of the lane is set, else `other`.
    fn where_set(self, s: S, bits: u64, other: Self) -> Self;
    /// The lanes from number `by` on in the first places; `by` is a power of two below their number.
    fn turned(self, by: usize) -> Self;
}

/// `PARTS` values a window, each in `N` vectors.
#[derive(Clone, Copy)]
pub struct Lanes<V, const N: usize, const PARTS: usize>(pub(crate) [[V; N]; PARTS]);

impl<S: Simd, V: SimdBase<S, Element: Item>, const N: usize, const PARTS: usize> Accumulator<S>
    for Lanes<V, N, PARTS>
{
    type Item = V::Element;

    #[inline(always)]
    fn load(s: S, items: &[V::Element], part: usize, at: usize) -> Self {
        let mut parts = [[V::simd_from(s, V::Element::default()); N]; PARTS];
        for p in 0..PARTS {
            let items = &items[p * part + at..][..N * V::LEN];
            for n in 0..N {
                parts[p][n] = V::from_slice(s, &items[n * V::LEN..(n + 1) * V::LEN]);
            }
        }
        Lanes(parts)
    }

    #[inline(always)]
    fn store(self, items: &mut [V::Element], part: usize, at: usize) {
        for p in 0..PARTS {
            let items = &mut items[p * part + at..][..N * V::LEN];
            for n in 0..N {
                self.0[p][n].store_slice(&mut items[n * V::LEN..(n + 1) * V::LEN]);
            }
        }
    }

    #[inline(always)]
    fn where_set(self, s: S, bits: u64, other: Self) -> Self {
        let mut parts = self.0;
        for n in 0..N {
            let mask = V::Mask::from_bitmask(s, bits >> (n * V::LEN));
            for p in 0..PARTS {
                parts[p][n] = mask.select(self.0[p][n], other.0[p][n]);
            }
        }
        Lanes(parts)
    }

    #[inline(always)]
    fn turned(self, by: usize) -> Self {
        let mut parts = self.0;
        for p in 0..PARTS {
            parts[p][0] = match by / V::LEN {
                0 => turned(self.0[p][0], by),
                n => self.0[p][n % N],
            };
            for n in 1..N {
                // Of interest only while whole vectors are turned.
                parts[p][n] = self.0[p][(n + by / V::LEN) % N];
            }
        }
        Lanes(parts)
    }
}

#[inline(always)]
fn turned<S: Simd, V: SimdBase<S>>(lanes: V, by: usize) -> V {
    match by {
        1 => lanes.slide::<1>(lanes),
        2 => lanes.slide::<2>(lanes),
        4 => lanes.slide::<4>(lanes),
        8 => lanes.slide::<8>(lanes),
        16 => lanes.slide::<16>(lanes),
        _ => lanes.slide::<32>(lanes),
    }
}
