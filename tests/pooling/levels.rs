//! The same pool on several instruction sets, which all have to give the same bits.

use std::sync::OnceLock;

use linn::pooling::definition::Problem;
use linn::{OpError, Simd};
use ndarray::{ArrayD, IxDyn};

use crate::check::Shown;
use crate::number::Number;

/// The instruction sets that a check runs on.
#[derive(Clone)]
pub(crate) struct Levels(Vec<Simd>);

/// What pools give, compared bit by bit.
pub(crate) trait Bits {
    /// The first place where the two differ, with what they have there.
    fn difference(&self, other: &Self) -> Option<String>;
}

impl<T: Number> Bits for ArrayD<T> {
    fn difference(&self, other: &Self) -> Option<String> {
        if self.shape() != other.shape() {
            return Some(format!("shape {:?}, not {:?}", self.shape(), other.shape()));
        }
        let pairs = self.iter().zip(other).enumerate();
        let mut differing = pairs.filter(|(_, (a, b))| !a.same(**b));
        let first = differing.next();
        first.map(|(at, (a, b))| format!("output {at} is {a:?}, not {b:?}"))
    }
}

impl<T: Number> Bits for (ArrayD<T>, ArrayD<i64>) {
    fn difference(&self, other: &Self) -> Option<String> {
        self.0.difference(&other.0).or_else(|| {
            let pairs = self.1.iter().zip(&other.1).enumerate();
            let mut differing = pairs.filter(|(_, (a, b))| a != b);
            let first = differing.next();
            first.map(|(at, (a, b))| format!("index {at} is {a}, not {b}"))
        })
    }
}

impl Levels {
    /// All that the machine has, from plain to wide.
    pub(crate) fn all() -> Levels {
        static ALL: OnceLock<Vec<Simd>> = OnceLock::new();
        Levels(ALL.get_or_init(Simd::available).clone())
    }

    /// Two of them, each pair in each order equally often among problems numbered one after the other.
    pub(crate) fn two(number: usize) -> Levels {
        let Levels(all) = Levels::all();
        let pairs = all.len() * (all.len() - 1);
        if pairs == 0 {
            return Levels(all);
        }
        // The sum of the digits to the base `pairs`: nested loops over problems do not fall into step with it.
        let (mut sum, mut rest) = (0, number);
        while rest > 0 {
            sum += rest % pairs;
            rest /= pairs;
        }
        let (first, behind) = (sum % pairs / (all.len() - 1), sum % (all.len() - 1) + 1);
        Levels(vec![all[first], all[(first + behind) % all.len()]])
    }

    /// What `pool` gives on all of them, which has to be the same.
    ///
    /// By turns it is asked for a result of its own, and for one in buffers of the shape that it is given.
    pub(crate) fn agree<T: Number, Y: Bits>(
        &self,
        problem: &Problem,
        x: &[T],
        what: &str,
        pool: impl Fn(Option<IxDyn>) -> Result<Y, OpError>,
    ) -> Result<Y, OpError> {
        let shape = problem.output_shape();
        let on = |index: usize| {
            let buffers = shape.as_ref().filter(|_| index % 2 == 1);
            let run = || pool(buffers.map(|shape| IxDyn(shape)));
            let _panics = OnPanic(|| {
                let (of, on) = (T::NAME, self.0[index]);
                eprintln!("{of} {what} on {on} panics: {problem:?} {}", Shown(x));
            });
            self.0[index].install(run).expect("the machine has it")
        };
        let first = on(0);
        for index in 1..self.0.len() {
            let difference = match (&on(index), &first) {
                (Ok(y), Ok(first)) => y.difference(first),
                (Err(error), Err(first)) => {
                    (error != first).then(|| format!("the error {error}, not {first}"))
                }
                (Ok(_), Err(error)) => Some(format!("a result, not the error {error}")),
                (Err(error), Ok(_)) => Some(format!("the error {error}, not a result")),
            };
            if let Some(difference) = difference {
                panic!(
                    "{} {what} on {}, compared with {}: {difference}: {problem:?} {}",
                    T::NAME,
                    self.0[index],
                    self.0[0],
                    Shown(x)
                );
            }
        }
        first
    }
}

/// Says what was at work when the engine panics.
struct OnPanic<F: Fn()>(F);

impl<F: Fn()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}

/// What a check of this machine covers; `fallback` is always in the builds of tests.
#[test]
fn checks_run_on_every_instruction_set_of_the_machine() {
    let Levels(all) = Levels::all();
    let names: Vec<&str> = all.iter().map(|level| level.name()).collect();
    println!("instruction sets: {}", names.join(", "));
    assert!(all.contains(&Simd::Fallback), "{names:?}");
    assert_eq!(all.last(), Some(&Simd::best()), "{names:?}");
    // A build for newer machines leaves out what these do not need.
    #[cfg(all(target_arch = "x86_64", not(target_feature = "sse3")))]
    {
        let five = [
            Simd::Fallback,
            Simd::Sse2,
            Simd::Sse42,
            Simd::Avx2,
            Simd::Avx512,
        ];
        let has_avx512 = is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("avx512vpopcntdq")
            && is_x86_feature_detected!("gfni")
            && is_x86_feature_detected!("vaes");
        let least = if has_avx512 { 5 } else { 2 };
        assert!(all.len() >= least && five.starts_with(&all), "{names:?}");
    }
}

#[test]
fn pairs_of_instruction_sets_come_equally_often() {
    let Levels(all) = Levels::all();
    let pairs = all.len() * (all.len() - 1);
    for start in [0, 3 * pairs, pairs * pairs] {
        let mut drawn: Vec<Vec<Simd>> =
            (start..start + pairs).map(|at| Levels::two(at).0).collect();
        drawn.sort_by_key(|pair| format!("{pair:?}"));
        drawn.dedup();
        assert_eq!(drawn.len(), pairs, "from problem {start} on");
        assert!(drawn.iter().all(|pair| pair[0] != pair[1]), "{drawn:?}");
    }
}

#[test]
fn results_differ_by_bits_shapes_and_places() {
    let y = |values: &[f32]| ArrayD::from_shape_vec(IxDyn(&[1, values.len()]), values.to_vec());
    let y = |values: &[f32]| y(values).expect("the values fill it");
    let nan = f32::from_bits(f32::NAN.to_bits() ^ 1);
    assert_eq!(y(&[1.0, f32::NAN]).difference(&y(&[1.0, nan])), None);
    for other in [&[1.0, 0.0][..], &[1.0, f32::NAN], &[1.0], &[1.0, -0.0, 0.0]] {
        assert!(y(&[1.0, -0.0]).difference(&y(other)).is_some(), "{other:?}");
    }
    let places = |place: i64| ArrayD::from_elem(IxDyn(&[1, 1]), place);
    let (one, other) = ((y(&[1.0]), places(3)), (y(&[1.0]), places(4)));
    assert_eq!(one.difference(&one), None);
    assert!(one.difference(&other).is_some());
}
