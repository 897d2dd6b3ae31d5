//! Element types that have weighted means, and the floats that these are summed up in.

use half::{bf16, f16};

use crate::allocate;
use crate::error::OpError;
use crate::gemm::Sum;
use crate::stop;
use crate::tensor::Element;

/// A type that weighted elements are summed up in.
pub(super) trait Float: Sum {
    fn of(value: f64) -> Self;
}

macro_rules! float {
    ($($type:ty),*) => {
        $(impl Float for $type {
            #[inline(always)]
            fn of(value: f64) -> $type {
                value as $type
            }
        })*
    };
}
float!(f32, f64);

/// The places that outputs read, and their weights, one output after the other.
#[derive(Debug)]
pub(super) struct Taps<F> {
    taps: Vec<(usize, F)>,
    /// Where the taps of each output end.
    ends: Vec<usize>,
}

/// Outputs whose taps are found between looks at whether the run is to stop.
const FOUND: usize = 1 << 10;

impl<F> Taps<F> {
    /// Those of `count` outputs, which `find` gives; within [`attempt`](crate::allocate::attempt).
    ///
    /// # Errors
    /// The run is to stop.
    pub(super) fn new<I: IntoIterator<Item = (usize, F)>>(
        count: usize,
        mut find: impl FnMut(usize) -> Result<I, OpError>,
    ) -> Result<Taps<F>, OpError> {
        let (mut taps, mut ends) = (Vec::new(), allocate::with_capacity(count));
        for output in 0..count {
            if output.is_multiple_of(FOUND) {
                stop::check()?;
            }
            for tap in find(output)? {
                allocate::push(&mut taps, tap);
            }
            ends.push(taps.len());
        }
        Ok(Taps { taps, ends })
    }

    /// How many outputs there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The taps of the outputs from `first` on.
    pub(super) fn from(&self, first: usize) -> impl Iterator<Item = &[(usize, F)]> {
        let mut start = first.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.ends[first..].iter().map(move |&end| {
            let taps = &self.taps[start..end];
            start = end;
            taps
        })
    }
}

/// An element type that has means.
pub(super) trait Weighted: Element + Copy {
    type Float: Float;

    fn widen(self) -> Self::Float;
    /// Integers are cut off and saturate.
    fn narrow(value: Self::Float) -> Self;
}

macro_rules! weighted {
    ($($type:ty as $float:ty),* => |$x:ident| $widen:expr, |$value:ident| $narrow:expr) => {
        $(impl Weighted for $type {
            type Float = $float;

            #[inline(always)]
            fn widen(self) -> $float {
                let $x = self;
                $widen as $float
            }

            #[inline(always)]
            fn narrow($value: $float) -> $type {
                $narrow as $type
            }
        })*
    };
}
weighted!(
    f32 as f32, f64 as f64, u8 as f32, i8 as f32, u16 as f32, i16 as f32,
    u32 as f64, i32 as f64, u64 as f64, i64 as f64
    => |x| x, |value| value
);
macro_rules! weighted_half {
    ($($type:ty),*) => {
        $(impl Weighted for $type {
            type Float = f32;

            #[inline(always)]
            fn widen(self) -> f32 {
                self.to_f32()
            }

            #[inline(always)]
            fn narrow(value: f32) -> $type {
                <$type>::from_f32(value)
            }
        })*
    };
}
weighted_half!(f16, bf16);
