//! What becomes of sums: they are quantized again, or left as they are.

use super::COLUMNS;
use crate::tensor::Element;

/// Numbers of rows and columns: one for all rows, or one for each, and as many of columns.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a, T> {
    pub(crate) rows: &'a [T],
    pub(crate) columns: &'a [T],
}

/// That of line `index` among those of each line, or the one of all.
#[inline(always)]
fn line<T: Copy>(list: &[T], index: usize) -> T {
    list[if list.len() == 1 { 0 } else { index }]
}

/// What is left of a list from line `index` on.
#[inline(always)]
fn from<T>(list: &[T], index: usize) -> &[T] {
    &list[if list.len() == 1 { 0 } else { index }..]
}

impl<T> Lines<'_, T> {
    /// For the part of a matrix from `row` and `column` on.
    fn part(self, row: usize, column: usize) -> Self {
        Lines {
            rows: from(self.rows, row),
            columns: from(self.columns, column),
        }
    }
}

/// What is made of sums: `(sum + summand) * factor`, where halves round to even, plus a zero point, between bounds.
#[derive(Clone, Copy)]
pub(crate) struct Requantize<'a> {
    /// Added in 32 bits, which wraps: what the row has and what the column has.
    pub(crate) summands: Lines<'a, i32>,
    /// The factor is the product of what the row has and what the column has.
    pub(crate) factors: Lines<'a, f64>,
    /// One for all rows, or one for each.
    pub(crate) zeros: &'a [i32],
    pub(crate) bounds: [i32; 2],
}

impl<'a> Requantize<'a> {
    /// Sums that are left as they are.
    pub(crate) const NONE: Requantize<'static> = Requantize {
        summands: Lines {
            rows: &[0],
            columns: &[0],
        },
        factors: Lines {
            rows: &[1.0],
            columns: &[1.0],
        },
        zeros: &[0],
        bounds: <i32 as Output>::BOUNDS,
    };

    /// For the part of a matrix from `row` and `column` on.
    pub(crate) fn part(self, row: usize, column: usize) -> Requantize<'a> {
        Requantize {
            summands: self.summands.part(row, column),
            factors: self.factors.part(row, column),
            zeros: from(self.zeros, row),
            ..self
        }
    }
}

/// What the sums of a row need.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    summand: i32,
    factor: f64,
    zero: i32,
    /// The bounds less the zero point.
    low: f64,
    high: f64,
}

/// 1.5 times 2 to the 52.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

impl Row {
    /// The first one.
    #[inline(always)]
    pub(super) fn new(to: &Requantize<'_>) -> Row {
        let zero = to.zeros[0];
        let [low, high] = to.bounds;
        Row {
            summand: to.summands.rows[0],
            factor: to.factors.rows[0],
            zero,
            low: f64::from(low) - f64::from(zero),
            high: f64::from(high) - f64::from(zero),
        }
    }

    /// Goes to row `row`.
    #[inline(always)]
    pub(super) fn go_to(&mut self, to: &Requantize<'_>, row: usize) {
        self.summand = line(to.summands.rows, row);
        self.factor = line(to.factors.rows, row);
        if to.zeros.len() > 1 {
            let zeros = Requantize {
                zeros: &to.zeros[row..],
                ..*to
            };
            let of_row = Row::new(&zeros);
            (self.zero, self.low, self.high) = (of_row.zero, of_row.low, of_row.high);
        }
    }

    /// The integer that takes the place of a sum.
    #[inline(always)]
    fn place(self, sum: i32, factor: f64) -> i32 {
        let x = f64::from(sum) * factor;
        // The bounds are whole numbers, so that it does not matter whether it is rounded before. What is no number becomes
        // the lower one.
        let above = if x > self.low { x } else { self.low };
        let between = if above < self.high { above } else { self.high };
        // Numbers so large have no digits behind the point: the sum is rounded to even, and its last bits are the integer.
        let rounded = (between + ROUNDING).to_bits() as i32;
        rounded.wrapping_add(self.zero)
    }
}

/// What the columns of a panel have.
pub(super) struct Columns {
    summands: [i32; COLUMNS],
    factors: [f64; COLUMNS],
    /// Whether all have the same.
    same: bool,
}

impl Columns {
    /// Of `count` columns from `first` on.
    #[inline(always)]
    pub(super) fn new(to: &Requantize<'_>, first: usize, count: usize) -> Columns {
        let Lines { columns, .. } = to.summands;
        let mut summands = [columns[0]; COLUMNS];
        if columns.len() > 1 {
            summands[..count].copy_from_slice(&columns[first..first + count]);
        }
        let same = columns.len() == 1 && to.factors.columns.len() == 1;
        let Lines { columns, .. } = to.factors;
        let mut factors = [columns[0]; COLUMNS];
        if columns.len() > 1 {
            factors[..count].copy_from_slice(&columns[first..first + count]);
        }
        Columns {
            summands,
            factors,
            same,
        }
    }
}

/// The type of what sums become.
pub(crate) trait Output: Element + Copy + Default {
    /// Its lowest and highest number.
    const BOUNDS: [i32; 2];

    /// The integer that takes the place of a sum with all summands, and of the product of all factors.
    fn place(sum: i32, factor: f64, row: Row) -> i32;

    /// An integer that is a number of the type.
    fn narrow(number: i32) -> Self;
}

macro_rules! bytes {
    ($($type:ident)*) => {
        $(impl Output for $type {
            const BOUNDS: [i32; 2] = [$type::MIN as i32, $type::MAX as i32];

            #[inline(always)]
            fn place(sum: i32, factor: f64, row: Row) -> i32 {
                row.place(sum, factor)
            }

            #[inline(always)]
            fn narrow(number: i32) -> $type {
                number as $type
            }
        })*
    };
}
bytes!(u8 i8);

/// The sum, as it is.
impl Output for i32 {
    const BOUNDS: [i32; 2] = [i32::MIN, i32::MAX];

    #[inline(always)]
    fn place(sum: i32, _: f64, _: Row) -> i32 {
        sum
    }

    #[inline(always)]
    fn narrow(number: i32) -> i32 {
        number
    }
}

/// What becomes of a row of a panel.
#[inline(always)]
pub(super) fn panel_row<O: Output>(
    sums: &[i32; COLUMNS],
    row: Row,
    columns: &Columns,
    y: &mut [O; COLUMNS],
) {
    // Loops that change the width of vectors in one step each are done whole vectors at a time.
    let mut numbers = [0; COLUMNS];
    if columns.same {
        let summand = row.summand.wrapping_add(columns.summands[0]);
        let factor = row.factor * columns.factors[0];
        for c in 0..COLUMNS {
            numbers[c] = O::place(sums[c].wrapping_add(summand), factor, row);
        }
    } else {
        for c in 0..COLUMNS {
            let sum = sums[c].wrapping_add(row.summand);
            let sum = sum.wrapping_add(columns.summands[c]);
            numbers[c] = O::place(sum, row.factor * columns.factors[c], row);
        }
    }
    for c in 0..COLUMNS {
        y[c] = O::narrow(numbers[c]);
    }
}

/// A type that holds sums: integers, or floats where they are exact.
pub(crate) trait Whole: Copy {
    fn whole(self) -> i32;
}

impl Whole for i32 {
    #[inline(always)]
    fn whole(self) -> i32 {
        self
    }
}

impl Whole for f32 {
    #[inline(always)]
    fn whole(self) -> i32 {
        self as i32
    }
}

/// What becomes of sums of row `row`.
#[inline(always)]
pub(crate) fn finish<T: Whole, O: Output>(
    to: &Requantize<'_>,
    row: usize,
    sums: &[T],
    y: &mut [O],
) {
    let mut of_row = Row::new(to);
    of_row.go_to(to, row);
    let sums = &sums[..y.len()];
    for i in 0..y.len() {
        let sum = sums[i].whole().wrapping_add(of_row.summand);
        y[i] = O::narrow(O::place(sum, of_row.factor, of_row));
    }
}
