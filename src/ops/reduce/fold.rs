//! What elements are folded into: sums, extremes, norms.

use super::plan::Plan;
use crate::ops::number::BLOCK;
use crate::parts::Looks;

/// The accumulators that a run of elements is dealt to, so that steps need not wait for each other. They are
/// joined in order, whatever the number of threads.
const LANES: usize = 8;

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    L1,
    L2,
    LogSum,
    LogSumExp,
    Max,
    Mean,
    Min,
    Prod,
    Sum,
    SumSquare,
}

/// Reads elements from an index on into all of a block.
pub(super) type Read<'a, W> = dyn Fn(usize, &mut [W]) + Sync + 'a;

/// Folds for some elements of the output, from an index on; with the lowest and the highest element.
pub(super) type Chunk<W> = fn(&Plan, &Read<'_, W>, [W; 2], usize, &mut [W]);

pub(super) fn of_floats(kind: Kind) -> Chunk<f64> {
    match kind {
        Kind::L1 => chunk::<f64, L1>,
        Kind::L2 => chunk::<f64, L2>,
        Kind::LogSum => chunk::<f64, LogSum>,
        Kind::LogSumExp => chunk::<f64, LogSumExp>,
        Kind::Max => chunk::<f64, Max>,
        Kind::Mean => chunk::<f64, Mean>,
        Kind::Min => chunk::<f64, Min>,
        Kind::Prod => chunk::<f64, Prod>,
        Kind::Sum => chunk::<f64, Sum>,
        Kind::SumSquare => chunk::<f64, SumSquare>,
    }
}

/// `None` for what is computed as of floats.
pub(super) fn of_integers(kind: Kind) -> Option<Chunk<i128>> {
    Some(match kind {
        Kind::L1 => chunk::<i128, L1>,
        Kind::Max => chunk::<i128, Max>,
        Kind::Mean => chunk::<i128, Mean>,
        Kind::Min => chunk::<i128, Min>,
        Kind::Prod => chunk::<i128, Prod>,
        Kind::Sum => chunk::<i128, Sum>,
        Kind::SumSquare => chunk::<i128, SumSquare>,
        Kind::L2 | Kind::LogSum | Kind::LogSumExp => return None,
    })
}

/// A fold of elements widened to `W`.
trait Fold<W> {
    type Acc: Copy;
    fn start(limits: [W; 2]) -> Self::Acc;
    fn step(acc: Self::Acc, x: W) -> Self::Acc;
    fn join(a: Self::Acc, b: Self::Acc) -> Self::Acc;
    fn finish(acc: Self::Acc, count: usize) -> W;
}

fn chunk<W: Copy + Default, F: Fold<W>>(
    plan: &Plan,
    read: &Read<'_, W>,
    limits: [W; 2],
    first: usize,
    y: &mut [W],
) {
    let start = F::start(limits);
    let mut block = [W::default(); BLOCK];
    let mut looks = Looks::default();
    if plan.row == 1 {
        for (index, y) in y.iter_mut().enumerate() {
            let from = plan.start(first + index);
            let mut lanes = [start; LANES];
            for part in plan.parts() {
                let mut done = 0;
                while done < plan.run {
                    let block = &mut block[..BLOCK.min(plan.run - done)];
                    read(from + part + done, block);
                    for x in block.chunks(LANES) {
                        for (lane, x) in lanes.iter_mut().zip(x) {
                            *lane = F::step(*lane, *x);
                        }
                    }
                    done += block.len();
                    if looks.is_set(block.len()) {
                        return;
                    }
                }
            }
            let [lane, others @ ..] = lanes;
            let acc = others.into_iter().fold(lane, F::join);
            *y = F::finish(acc, plan.count);
        }
        return;
    }
    let mut accs = [start; BLOCK];
    let (mut y, mut next) = (y, first);
    while !y.is_empty() {
        let at = next % plan.row;
        let (in_row, rest) = y.split_at_mut(y.len().min(plan.row - at));
        let (accs, block) = (&mut accs[..in_row.len()], &mut block[..in_row.len()]);
        accs.fill(start);
        let from = plan.start(next / plan.row) + at;
        for part in plan.parts() {
            read(from + part, block);
            for (acc, x) in accs.iter_mut().zip(&*block) {
                *acc = F::step(*acc, *x);
            }
            if looks.is_set(block.len()) {
                return;
            }
        }
        for (y, acc) in in_row.iter_mut().zip(accs) {
            *y = F::finish(*acc, plan.count);
        }
        next += in_row.len();
        y = rest;
    }
}

/// A fold whose accumulator is a number of the widened type.
macro_rules! folds {
    ($($wide:ident $fold:ident start |$limits:pat_param| $start:expr, step |$acc:ident, $x:ident| $step:expr,
        join $join:expr, finish |$end:ident, $count:pat_param| $finish:expr;)*) => {
        $(impl Fold<$wide> for $fold {
            type Acc = $wide;
            #[inline(always)]
            fn start($limits: [$wide; 2]) -> $wide {
                $start
            }
            #[inline(always)]
            fn step($acc: $wide, $x: $wide) -> $wide {
                $step
            }
            #[inline(always)]
            fn join(a: $wide, b: $wide) -> $wide {
                $join(a, b)
            }
            #[inline(always)]
            fn finish($end: $wide, $count: usize) -> $wide {
                $finish
            }
        })*
    };
}

struct L1;
struct L2;
struct LogSum;
struct LogSumExp;
struct Max;
struct Mean;
struct Min;
struct Prod;
struct Sum;
struct SumSquare;

/// NaN wins.
#[inline(always)]
fn higher(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// NaN wins.
#[inline(always)]
fn lower(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

#[inline(always)]
fn plus(a: f64, b: f64) -> f64 {
    a + b
}

folds! {
    f64 L1 start |_| 0.0, step |acc, x| acc + x.abs(), join plus, finish |acc, _| acc;
    f64 L2 start |_| 0.0, step |acc, x| acc + x * x, join plus, finish |acc, _| acc.sqrt();
    f64 LogSum start |_| 0.0, step |acc, x| acc + x, join plus, finish |acc, _| acc.ln();
    f64 Max start |[low, _]| low, step |acc, x| higher(acc, x), join higher, finish |acc, _| acc;
    f64 Mean start |_| 0.0, step |acc, x| acc + x, join plus, finish |acc, count| acc / count as f64;
    f64 Min start |[_, high]| high, step |acc, x| lower(acc, x), join lower, finish |acc, _| acc;
    f64 Prod start |_| 1.0, step |acc, x| acc * x, join |a: f64, b: f64| a * b, finish |acc, _| acc;
    f64 Sum start |_| 0.0, step |acc, x| acc + x, join plus, finish |acc, _| acc;
    f64 SumSquare start |_| 0.0, step |acc, x| acc + x * x, join plus, finish |acc, _| acc;
    // Sums of 64-bit integers stay far below the limits, unlike products and sums of squares.
    i128 L1 start |_| 0, step |acc, x| acc + x.abs(), join |a, b| a + b, finish |acc, _| acc;
    i128 Max start |[low, _]| low, step |acc, x| acc.max(x), join i128::max, finish |acc, _| acc;
    i128 Mean start |_| 0, step |acc, x| acc + x, join |a, b| a + b,
        finish |acc, count| if count == 0 { 0 } else { acc / count as i128 };
    i128 Min start |[_, high]| high, step |acc, x| acc.min(x), join i128::min, finish |acc, _| acc;
    i128 Prod start |_| 1, step |acc, x| acc.wrapping_mul(x), join i128::wrapping_mul, finish |acc, _| acc;
    i128 Sum start |_| 0, step |acc, x| acc + x, join |a, b| a + b, finish |acc, _| acc;
    i128 SumSquare start |_| 0, step |acc, x| acc.wrapping_add(x.wrapping_mul(x)),
        join i128::wrapping_add, finish |acc, _| acc;
}

/// The largest element so far, and the sum of exponentials of how far the elements are below it.
impl Fold<f64> for LogSumExp {
    type Acc = (f64, f64);

    #[inline(always)]
    fn start(_: [f64; 2]) -> (f64, f64) {
        (f64::NEG_INFINITY, 0.0)
    }

    #[inline(always)]
    fn step(acc: (f64, f64), x: f64) -> (f64, f64) {
        Self::join(acc, (x, 1.0))
    }

    /// The difference of equal infinities would be NaN.
    #[inline(always)]
    fn join((a_max, a): (f64, f64), (b_max, b): (f64, f64)) -> (f64, f64) {
        if a_max == b_max {
            (a_max, a + b)
        } else if b_max > a_max {
            (b_max, b + a * (a_max - b_max).exp())
        } else {
            (a_max, a + b * (b_max - a_max).exp())
        }
    }

    fn finish((max, sum): (f64, f64), _: usize) -> f64 {
        max + sum.ln()
    }
}
