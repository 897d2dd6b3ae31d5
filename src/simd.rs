//! Instruction sets: which ones the machine has, and which one pools use.

use std::fmt;

use fearless_simd::Level;

use crate::error::{Class, OpError};
use crate::installed::{self, Installed};

/// `dispatch!(level, s => work)`: `work` compiled for every instruction set, with `s` of the one that `level` names.
#[cfg(not(test))]
pub(crate) use fearless_simd::dispatch;

/// Kernels are most of what there is to compile, and tests/pooling runs them on every instruction set: the unit
/// tests have them as plain loops alone.
#[cfg(test)]
macro_rules! dispatch {
    ($level:expr, $s:ident => $work:expr) => {{
        let _: fearless_simd::Level = $level;
        let $s = fearless_simd::Fallback::new();
        $work
    }};
}
#[cfg(test)]
pub(crate) use dispatch;

/// Work compiled for the instruction set of `s`.
#[cfg(not(test))]
macro_rules! vectorized {
    ($s:ident => $work:expr) => {
        fearless_simd::Simd::vectorize(
            $s,
            #[inline(always)]
            || $work,
        )
    };
}
#[cfg(not(test))]
pub(crate) use vectorized;

/// Whether the instructions for the larger and the smaller of two floats give the second one where they are equal or one is NaN.
#[inline(always)]
pub(crate) fn second_of_equals<S: fearless_simd::Simd>(s: S) -> bool {
    match s.level() {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Level::Sse2(_) | Level::Sse4_2(_) | Level::Avx2(_) | Level::Avx512(_) => true,
        _ => false,
    }
}

/// Asks for what will be read soon, so that it is in the second cache then: what no cache has takes longer to arrive than
/// the processor looks ahead. Nothing happens where there is no instruction for it.
#[inline(always)]
pub(crate) fn prefetch<T>(soon: &T) {
    #[cfg(all(
        any(target_arch = "x86", target_arch = "x86_64"),
        target_feature = "sse"
    ))]
    safe_arch::prefetch_t1(soon);
    #[cfg(not(all(
        any(target_arch = "x86", target_arch = "x86_64"),
        target_feature = "sse"
    )))]
    let _ = soon;
}

/// As `dispatch!`, with `s` of a type that is named, so that work may be for some of them alone. Instruction sets below what
/// the build is for are left out there too.
macro_rules! dispatch_named {
    ($level:expr, $s:ident => $work:expr) => {
        match $level {
            #[cfg(all(
                any(target_arch = "x86", target_arch = "x86_64"),
                not(any(test, target_feature = "sse4.2"))
            ))]
            fearless_simd::Level::Sse2($s) => $crate::simd::vectorized!($s => $work),
            #[cfg(all(
                any(target_arch = "x86", target_arch = "x86_64"),
                not(any(test, target_feature = "avx2"))
            ))]
            fearless_simd::Level::Sse4_2($s) => $crate::simd::vectorized!($s => $work),
            #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(test)))]
            fearless_simd::Level::Avx2($s) => $crate::simd::vectorized!($s => $work),
            #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(test)))]
            fearless_simd::Level::Avx512($s) => $crate::simd::vectorized!($s => $work),
            #[cfg(all(target_arch = "aarch64", not(test)))]
            fearless_simd::Level::Neon($s) => $crate::simd::vectorized!($s => $work),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", not(test)))]
            fearless_simd::Level::WasmSimd128($s) => $crate::simd::vectorized!($s => $work),
            #[cfg(any(test, plain_loops))]
            _ => {
                let $s = fearless_simd::Fallback::new();
                $work
            }
            #[cfg(not(any(test, plain_loops)))]
            _ => unreachable!("the level is one of those that the build has"),
        }
    };
}
pub(crate) use dispatch_named;

/// No vector of floats has more elements.
pub(crate) const LANES: usize = 16;

/// An instruction set that kernels use. For pools all of them give the same bits; sums of products round differently where
/// one multiplies and adds at once.
///
/// ```
/// use linn::{Simd, Window, pooling};
/// use ndarray::array;
///
/// let x = array![[[1.0f32, 4.0, 2.0]]];
/// let window = Window::new([2]);
/// for simd in Simd::available() {
///     let y = simd.install(|| pooling::max_pool(x.view(), &window))??;
///     assert_eq!(y, array![[[4.0, 4.0]]]);
/// }
/// # Ok::<(), linn::OpError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Simd {
    /// The best that the machine has, unless another one is [installed](Simd::install).
    #[default]
    Auto,
    /// Plain loops; only with the feature `fallback`, or where there is nothing else.
    Fallback,
    /// x86, 16 bytes.
    Sse2,
    /// x86, 16 bytes, with what came up to 2008 (x86-64-v2).
    Sse42,
    /// x86, 32 bytes, with fused multiply-add (x86-64-v3).
    Avx2,
    /// x86, 64 bytes, as Ice Lake and Zen 4 have it.
    Avx512,
    /// ARM, 16 bytes.
    Neon,
    /// WebAssembly, 16 bytes.
    Wasm,
}

impl Simd {
    /// All of them, from plain to wide on each kind of machine.
    const ALL: [Simd; 8] = [
        Simd::Auto,
        Simd::Fallback,
        Simd::Sse2,
        Simd::Sse42,
        Simd::Avx2,
        Simd::Avx512,
        Simd::Neon,
        Simd::Wasm,
    ];

    /// The instruction sets of this machine, from plain to wide; `Auto` is not among them.
    ///
    /// What is older than the instruction set that linn was compiled for is left out, since the compiler
    /// would use that one anyway.
    pub fn available() -> Vec<Simd> {
        Simd::ALL[1..]
            .iter()
            .copied()
            .filter(|simd| simd.level().is_some())
            .collect()
    }

    /// The best instruction set of this machine, which `Auto` stands for.
    pub fn best() -> Simd {
        Simd::of(Level::new())
    }

    /// The name that [`Simd::from_name`] and `--simd` take, as `sse4.2`.
    pub const fn name(self) -> &'static str {
        match self {
            Simd::Auto => "auto",
            Simd::Fallback => "fallback",
            Simd::Sse2 => "sse2",
            Simd::Sse42 => "sse4.2",
            Simd::Avx2 => "avx2",
            Simd::Avx512 => "avx512",
            Simd::Neon => "neon",
            Simd::Wasm => "wasm",
        }
    }

    /// The instruction set of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Simd> {
        Simd::ALL.into_iter().find(|simd| simd.name() == name)
    }

    /// The names of all instruction sets, with `auto`.
    pub fn names() -> impl ExactSizeIterator<Item = &'static str> {
        Simd::ALL.iter().map(|simd| simd.name())
    }

    /// Checks that the machine has this instruction set; it always has `Auto`.
    ///
    /// # Errors
    /// It has not, or this build leaves it out: an error of class [`Class::Unsupported`].
    pub fn check(self) -> Result<(), OpError> {
        if self.level().is_some() {
            return Ok(());
        }
        let reason = if self == Simd::Fallback {
            "the instruction set fallback is not in this build, which lacks the feature fallback"
                .to_string()
        } else {
            let available: Vec<&str> = Simd::available().into_iter().map(Simd::name).collect();
            let available = available.join(", ");
            format!(
                "the instruction set {self} is not available; those of this machine and build are {available}"
            )
        };
        Err(OpError::new(Class::Unsupported, "", reason))
    }

    /// Runs `work` with this instruction set: every pool and every model that `work` calls on this thread
    /// uses it, also on the other threads that these take. A model with [`Options::simd`](crate::Options::simd)
    /// uses its own. `Auto` changes nothing.
    ///
    /// # Errors
    /// As [`Simd::check`]; then `work` is not run.
    pub fn install<R>(self, work: impl FnOnce() -> R) -> Result<R, OpError> {
        self.check()?;
        Ok(self.install_checked(work))
    }

    /// As [`Simd::install`], after [`Simd::check`].
    pub(crate) fn install_checked<R>(self, work: impl FnOnce() -> R) -> R {
        let mut installed = Installed::here();
        if self != Simd::Auto {
            installed.simd = self;
        }
        let _entered = installed.enter_always();
        work()
    }

    /// This one, or what is installed on this thread in the place of `Auto`.
    pub(crate) fn or_installed(self) -> Simd {
        match self {
            Simd::Auto => installed::with(|installed| installed.simd),
            other => other,
        }
    }

    /// The instruction set that is installed on this thread, else the best. An operator asks once, before it goes
    /// to other threads.
    pub(crate) fn installed() -> Level {
        let installed = Simd::Auto.or_installed();
        installed.level().unwrap_or_else(Level::new)
    }

    /// The proof that the machine has it. What the machine has is found out once and kept.
    fn level(self) -> Option<Level> {
        let best = Level::new();
        let level = match self {
            Simd::Auto => Some(best),
            #[cfg(feature = "fallback")]
            Simd::Fallback => return Some(Level::fallback()),
            #[cfg(not(feature = "fallback"))]
            Simd::Fallback => best.is_fallback().then_some(best),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Simd::Sse2 => best.as_sse2().map(Level::Sse2),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Simd::Sse42 => best.as_sse4_2().map(Level::Sse4_2),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Simd::Avx2 => best.as_avx2().map(Level::Avx2),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Simd::Avx512 => best.as_avx512().map(Level::Avx512),
            #[cfg(target_arch = "aarch64")]
            Simd::Neon => best.as_neon().map(Level::Neon),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Simd::Wasm => best.as_wasm_simd128().map(Level::WasmSimd128),
            _ => None,
        };
        // Below what the build is for, kernels are not compiled: fearless_simd goes up to that.
        let least = Simd::of(Level::baseline());
        level.filter(|level| Simd::of(*level) as u8 >= least as u8)
    }

    /// The name of a level.
    fn of(level: Level) -> Simd {
        match level {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Sse2(_) => Simd::Sse2,
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Sse4_2(_) => Simd::Sse42,
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx2(_) => Simd::Avx2,
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Level::Avx512(_) => Simd::Avx512,
            #[cfg(target_arch = "aarch64")]
            Level::Neon(_) => Simd::Neon,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::WasmSimd128(_) => Simd::Wasm,
            _ => Simd::Fallback,
        }
    }
}

/// Its [name](Simd::name).
impl fmt::Display for Simd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn installed() -> Simd {
        Simd::of(Simd::installed())
    }

    #[test]
    fn names_go_both_ways() {
        for name in Simd::names() {
            assert_eq!(Simd::from_name(name).map(Simd::name), Some(name));
        }
        assert_eq!(Simd::names().len(), Simd::ALL.len());
        assert_eq!(Simd::from_name("sse9"), None);
    }

    #[test]
    fn the_best_is_the_last_of_those_available_and_all_of_them_install() {
        let available = Simd::available();
        assert_eq!(available.last(), Some(&Simd::best()));
        assert_eq!(installed(), Simd::best());
        for simd in available {
            assert_eq!(simd.install(installed), Ok(simd));
        }
    }

    #[cfg(feature = "fallback")]
    #[test]
    fn what_is_installed_holds_for_its_scope_and_this_thread_alone() {
        let inner = || {
            assert_eq!(Simd::Auto.install(installed), Ok(Simd::Fallback));
            assert_eq!(Simd::best().install(installed), Ok(Simd::best()));
            let other = std::thread::spawn(installed).join();
            assert_eq!(other.expect("it ends"), Simd::best());
            installed()
        };
        assert_eq!(Simd::Fallback.install(inner), Ok(Simd::Fallback));
        let panics = AssertUnwindSafe(|| Simd::Fallback.install(|| panic!("as intended")));
        assert!(catch_unwind(panics).is_err());
        assert_eq!(installed(), Simd::best());
    }

    #[test]
    fn what_the_machine_lacks_is_refused_and_the_work_not_done() {
        let lacks = match cfg!(target_arch = "aarch64") {
            true => Simd::Avx2,
            false => Simd::Neon,
        };
        let refused: Result<(), OpError> = lacks.install(|| unreachable!("it is not run"));
        let error = refused.unwrap_err();
        assert_eq!(error.class, Class::Unsupported);
        let text = error.to_string();
        assert!(
            text.contains(lacks.name()) && text.contains(Simd::best().name()),
            "{text}"
        );
    }
}
