//! All window arithmetic: output sizes, pads, taps and divisors of sliding windows.
//!
//! Source: the ONNX operators MaxPool, AveragePool and LpPool, with the cases that their text leaves open
//! settled as `docs/pooling.md` says. Everything is integer arithmetic, one axis at a time; a window over
//! several axes is the product of its axes.

use std::ops::Range;

use smallvec::SmallVec;

use crate::error::OpError;

/// How pads are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoPad {
    /// As [`Window::pads`] says.
    #[default]
    NotSet,
    /// So that `output = ceil(input / stride)`; an odd pad goes to the end.
    SameUpper,
    /// So that `output = ceil(input / stride)`; an odd pad goes to the beginning.
    SameLower,
    /// None.
    Valid,
}

impl AutoPad {
    /// The value of the attribute `auto_pad`; the empty string means `NOTSET`.
    pub fn from_name(name: &str) -> Option<AutoPad> {
        match name {
            "" | "NOTSET" => Some(AutoPad::NotSet),
            "SAME_UPPER" => Some(AutoPad::SameUpper),
            "SAME_LOWER" => Some(AutoPad::SameLower),
            "VALID" => Some(AutoPad::Valid),
            _ => None,
        }
    }
}

/// A sliding window as its attributes describe it, before it meets a tensor.
///
/// Strides and dilations default to 1, pads to 0, as in ONNX. (Many frameworks default the stride of a
/// pool to its kernel instead.)
///
/// ```
/// use linn::Window;
/// let window = Window::new([3, 3]).strides([2, 2]).pads([1, 1, 1, 1]);
/// let axes = window.axes(&[4, 4])?;
/// assert_eq!(axes[0].output, 2);
/// # Ok::<(), linn::OpError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    kernel_shape: Vec<i64>,
    strides: Vec<i64>,
    dilations: Vec<i64>,
    pads: Vec<i64>,
    auto_pad: AutoPad,
    ceil_mode: bool,
}

impl Window {
    /// A window with `kernel_shape` taps along each spatial axis.
    pub fn new(kernel_shape: impl Into<Vec<i64>>) -> Window {
        let kernel_shape = kernel_shape.into();
        let rank = kernel_shape.len();
        Window {
            kernel_shape,
            strides: vec![1; rank],
            dilations: vec![1; rank],
            pads: vec![0; 2 * rank],
            auto_pad: AutoPad::NotSet,
            ceil_mode: false,
        }
    }

    /// The distance between windows along each spatial axis, in elements.
    pub fn strides(mut self, strides: impl Into<Vec<i64>>) -> Window {
        self.strides = strides.into();
        self
    }

    /// The distance between the taps of a window along each spatial axis, in elements.
    pub fn dilations(mut self, dilations: impl Into<Vec<i64>>) -> Window {
        self.dilations = dilations.into();
        self
    }

    /// Elements of padding: first the beginnings of all spatial axes, then the ends. They may reach or
    /// exceed the kernel. With an [`auto_pad`](Window::auto_pad) other than `NotSet` they are ignored.
    pub fn pads(mut self, pads: impl Into<Vec<i64>>) -> Window {
        self.pads = pads.into();
        self
    }

    /// How pads are chosen.
    pub fn auto_pad(mut self, auto_pad: AutoPad) -> Window {
        self.auto_pad = auto_pad;
        self
    }

    /// Whether a last window that hangs over the padded end counts too. A window that would start
    /// at or beyond the end of the input plus its beginning pad is dropped.
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Window {
        self.ceil_mode = ceil_mode;
        self
    }

    /// The number of spatial axes.
    pub fn rank(&self) -> usize {
        self.kernel_shape.len()
    }

    /// Whether explicit pads are overruled by an `auto_pad`.
    pub(crate) fn ignores_pads(&self) -> bool {
        self.auto_pad != AutoPad::NotSet && self.pads.iter().any(|&pad| pad != 0)
    }

    /// Checks all that the attributes show by themselves.
    ///
    /// # Errors
    /// No spatial axis, a list of the wrong length, a kernel, stride or dilation below 1, a negative pad.
    pub fn validate(&self) -> Result<(), OpError> {
        let rank = self.rank();
        at_least("kernel_shape", &self.kernel_shape, rank, 1)?;
        if rank == 0 {
            return Err(OpError::invalid(
                "kernel_shape",
                "is empty, must have a value per spatial axis",
            ));
        }
        at_least("strides", &self.strides, rank, 1)?;
        at_least("dilations", &self.dilations, rank, 1)?;
        at_least("pads", &self.pads, 2 * rank, 0)
    }

    /// Checks that the window has the rank of the data.
    pub(crate) fn validate_rank(&self, spatial: usize) -> Result<(), OpError> {
        self.validate()?;
        match self.rank() == spatial {
            true => Ok(()),
            false => Err(OpError::invalid(
                "kernel_shape",
                format!(
                    "has {} {} for {spatial} spatial {}",
                    self.rank(),
                    if self.rank() == 1 { "value" } else { "values" },
                    if spatial == 1 { "axis" } else { "axes" }
                ),
            )),
        }
    }

    /// The window laid over spatial axes of sizes `spatial`.
    ///
    /// # Errors
    /// As [`Window::validate`], another rank than the window's, a size that overflows, and a window
    /// that fits so badly that the output size would be negative.
    pub fn axes(&self, spatial: &[usize]) -> Result<Axes, OpError> {
        self.validate_rank(spatial.len())?;
        (0..spatial.len())
            .map(|index| self.axis(index, spatial[index]))
            .collect()
    }

    /// The output sizes for spatial axes of which some are not known yet.
    ///
    /// # Errors
    /// As [`Window::axes`].
    pub(crate) fn output_sizes(
        &self,
        spatial: &[Option<usize>],
    ) -> Result<Vec<Option<usize>>, OpError> {
        self.validate_rank(spatial.len())?;
        spatial
            .iter()
            .enumerate()
            .map(|(index, size)| match size {
                Some(size) => self.axis(index, *size).map(|axis| Some(axis.output)),
                None => Ok(None),
            })
            .collect()
    }

    /// The sizes that a pool by this window, which left nothing over, made `spatial` from:
    /// those of MaxUnpool's output. Of the attributes, MaxUnpool has the kernel, strides and pads.
    ///
    /// # Errors
    /// As [`Window::validate`], another rank than the window's, a size that overflows or is negative.
    pub(crate) fn unpooled_sizes(
        &self,
        spatial: &[Option<usize>],
    ) -> Result<Vec<Option<usize>>, OpError> {
        self.validate_rank(spatial.len())?;
        let unpooled = |index: usize, size: usize| {
            let (begin, end) = (self.pads[index], self.pads[self.rank() + index]);
            i64::try_from(size)
                .ok()
                .and_then(|size| (size - 1).checked_mul(self.strides[index]))
                .and_then(|reach| reach.checked_add(self.kernel_shape[index]))
                .and_then(|reach| reach.checked_sub(begin))
                .and_then(|reach| reach.checked_sub(end))
                .ok_or_else(|| {
                    OpError::invalid(
                        "",
                        format!("the output size of spatial axis {index} is too large to compute with"),
                    )
                })
                .and_then(|output| {
                    usize::try_from(output).map_err(|_| {
                        OpError::invalid(
                            "",
                            format!(
                                "the output size of spatial axis {index} would be {output}, must be at least 0"
                            ),
                        )
                    })
                })
        };
        spatial
            .iter()
            .enumerate()
            .map(|(index, size)| size.map(|size| unpooled(index, size)).transpose())
            .collect()
    }

    /// The window of a transposed convolution of `spatial`, laid over its output: each element of `spatial`
    /// is a window, whose taps are added to. `output_padding` elements at the end of the output have fewer
    /// taps. A wanted `output_shape` chooses the pads, the larger part at the end only for `SameUpper`.
    ///
    /// # Errors
    /// As [`Window::validate`], another rank than the window's, a size that overflows or is negative.
    pub(crate) fn transposed_axis(
        &self,
        index: usize,
        input: usize,
        output_padding: i64,
        output_shape: Option<i64>,
    ) -> Result<Axis, OpError> {
        let too_large = || {
            OpError::invalid(
                "",
                format!("the output size of spatial axis {index} is too large to compute with"),
            )
        };
        let (kernel, stride, dilation) = (
            self.kernel_shape[index],
            self.strides[index],
            self.dilations[index],
        );
        let windows = i64::try_from(input).map_err(|_| too_large())?;
        // All that the taps reach, without pads.
        let reach = (kernel - 1)
            .checked_mul(dilation)
            .zip((windows - 1).checked_mul(stride))
            .and_then(|(extent, span)| extent.checked_add(span)?.checked_add(1))
            .and_then(|reach| reach.checked_add(output_padding))
            .ok_or_else(too_large)?;
        let wanted = match (output_shape, self.auto_pad) {
            (Some(size), _) => Some(size),
            (None, AutoPad::SameUpper | AutoPad::SameLower) => {
                Some(windows.checked_mul(stride).ok_or_else(too_large)?)
            }
            _ => None,
        };
        let (output, pad_begin, pad_end) = match wanted {
            Some(size) => {
                let total = reach.checked_sub(size).ok_or_else(too_large)?.max(0);
                let (less, more) = (total / 2, total - total / 2);
                match self.auto_pad {
                    AutoPad::SameUpper => (size, less, more),
                    _ => (size, more, less),
                }
            }
            None => {
                let (begin, end) = match self.auto_pad {
                    AutoPad::Valid => (0, 0),
                    _ => (self.pads[index], self.pads[self.rank() + index]),
                };
                let output = reach
                    .checked_sub(begin)
                    .and_then(|size| size.checked_sub(end));
                (output.ok_or_else(too_large)?, begin, end)
            }
        };
        if output < 0 {
            return Err(OpError::invalid(
                "",
                format!(
                    "the output size of spatial axis {index} would be {output}, must be at least 0"
                ),
            ));
        }
        Ok(Axis {
            input: output as usize,
            output: input,
            kernel: kernel as usize,
            stride: stride as usize,
            dilation: dilation as usize,
            pad_begin: pad_begin as usize,
            pad_end: pad_end as usize,
        })
    }

    fn axis(&self, index: usize, input: usize) -> Result<Axis, OpError> {
        let too_large = |attribute: &str, value: i64| {
            OpError::invalid(
                format!("{attribute}[{index}]"),
                format!("is {value}, which makes a window too large to compute with"),
            )
        };
        let (kernel, stride, dilation) = (
            self.kernel_shape[index],
            self.strides[index],
            self.dilations[index],
        );
        let size = i64::try_from(input).map_err(|_| too_large("kernel_shape", kernel))?;
        let extent = (kernel - 1)
            .checked_mul(dilation)
            .and_then(|span| span.checked_add(1))
            .ok_or_else(|| too_large("dilations", dilation))?;

        let (output, pad_begin, pad_end) = match self.auto_pad {
            AutoPad::SameUpper | AutoPad::SameLower => {
                let output = ceil_div(size, stride);
                // The last window starts inside the input, so only the extent can overflow the sum.
                let reach = match output {
                    0 => 0,
                    _ => ((output - 1) * stride)
                        .checked_add(extent)
                        .ok_or_else(|| too_large("kernel_shape", kernel))?,
                };
                let total = (reach - size).max(0);
                let (less, more) = (total / 2, total - total / 2);
                match self.auto_pad {
                    AutoPad::SameUpper => (output, less, more),
                    _ => (output, more, less),
                }
            }
            AutoPad::NotSet | AutoPad::Valid => {
                let (pad_begin, pad_end) = match self.auto_pad {
                    AutoPad::Valid => (0, 0),
                    _ => (self.pads[index], self.pads[self.rank() + index]),
                };
                let slack = size
                    .checked_add(pad_begin)
                    .and_then(|padded| padded.checked_add(pad_end))
                    .map(|padded| padded - extent)
                    .ok_or_else(|| too_large("pads", pad_begin))?;
                let output = match self.ceil_mode {
                    false => slack.div_euclid(stride) + 1,
                    true => {
                        let output = ceil_div(slack, stride) + 1;
                        let last_start = i128::from(output - 1) * i128::from(stride);
                        output - i64::from(last_start >= i128::from(size + pad_begin))
                    }
                };
                (output, pad_begin, pad_end)
            }
        };
        if output < 0 {
            return Err(OpError::invalid(
                "kernel_shape",
                format!(
                    "spans {extent} elements of spatial axis {index}, which has {input} and {} of padding: \
                     the output size would be {output}",
                    pad_begin + pad_end
                ),
            ));
        }
        Ok(Axis {
            input,
            output: output as usize,
            kernel: kernel as usize,
            stride: stride as usize,
            dilation: dilation as usize,
            pad_begin: pad_begin as usize,
            pad_end: pad_end as usize,
        })
    }
}

/// Checks a list of `wanted` values, none of them below `least`.
pub(crate) fn at_least(
    name: &str,
    values: &[i64],
    wanted: usize,
    least: i64,
) -> Result<(), OpError> {
    if values.len() != wanted {
        return Err(OpError::invalid(
            name,
            format!("has {} values, must have {wanted}", values.len()),
        ));
    }
    match values.iter().position(|&value| value < least) {
        None => Ok(()),
        Some(at) => Err(OpError::invalid(
            format!("{name}[{at}]"),
            format!("is {}, must be at least {least}", values[at]),
        )),
    }
}

/// The exact ceiling of `a / b`, also for a negative `a`; `b` is positive.
fn ceil_div(a: i64, b: i64) -> i64 {
    a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0)
}

/// A window laid over its spatial axes.
pub type Axes = SmallVec<[Axis; 4]>;

/// A window laid over one spatial axis.
///
/// Window `o` has its taps at the positions `o * stride - pad_begin + j * dilation`, `j < kernel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Axis {
    /// The size of the input.
    pub input: usize,
    /// The size of the output: the number of windows.
    pub output: usize,
    /// Taps in a window.
    pub kernel: usize,
    /// Elements from one window to the next.
    pub stride: usize,
    /// Elements from one tap to the next.
    pub dilation: usize,
    /// Elements of padding before the input.
    pub pad_begin: usize,
    /// Elements of padding after the input.
    pub pad_end: usize,
}

impl Axis {
    /// The axis of a global pool: one window over all of `input`.
    pub(crate) fn global(input: usize) -> Axis {
        Axis {
            input,
            output: 1,
            kernel: input,
            stride: 1,
            dilation: 1,
            pad_begin: 0,
            pad_end: 0,
        }
    }

    /// The position of the first tap of window `o`; negative inside the beginning pad.
    pub fn start(&self, o: usize) -> i64 {
        (o * self.stride) as i64 - self.pad_begin as i64
    }

    /// The taps of window `o` that lie before position `end`, which is at least 0.
    fn taps_before(&self, o: usize, end: i64) -> usize {
        match end - self.start(o) {
            room if room <= 0 => 0,
            room => (room as usize).div_ceil(self.dilation).min(self.kernel),
        }
    }

    /// The positions of the taps of window `o` that lie on the input: `(first, count)`,
    /// `dilation` apart.
    pub fn real_taps(&self, o: usize) -> (usize, usize) {
        let before = self.taps_before(o, 0);
        let count = self.taps_before(o, self.input as i64) - before;
        if count == 0 {
            return (0, 0);
        }
        // Only now: without a tap on the input the sum may overflow.
        let first = self.start(o) + (before * self.dilation) as i64;
        (first as usize, count)
    }

    /// Where tap `tap` of window `o` lies; it must be on the input.
    pub(crate) fn place(&self, o: usize, tap: usize) -> usize {
        o * self.stride + tap * self.dilation - self.pad_begin
    }

    /// The windows whose tap `tap` lies on the input.
    pub(crate) fn windows_on(&self, tap: usize) -> Range<usize> {
        let before = self.pad_begin as i64 - (tap * self.dilation) as i64;
        let first = |least: i64| match least {
            ..=0 => 0,
            least => (least as usize).div_ceil(self.stride).min(self.output),
        };
        let start = first(before);
        start..first(before.saturating_add(self.input as i64)).max(start)
    }

    /// The windows that have all their taps on the input.
    pub(crate) fn full_windows(&self) -> Range<usize> {
        let first = self.pad_begin.div_ceil(self.stride);
        let extent = (self.kernel - 1) * self.dilation + 1;
        match (self.input + self.pad_begin).checked_sub(extent) {
            Some(room) if first <= room / self.stride && first < self.output => {
                first..(room / self.stride + 1).min(self.output)
            }
            _ => 0..0,
        }
    }

    /// Whether some window has no tap on the input.
    pub(crate) fn has_bare_windows(&self) -> bool {
        let full = self.full_windows();
        (0..full.start)
            .chain(full.end..self.output)
            .any(|o| self.real_taps(o).1 == 0)
    }

    /// Whether each window is one element, in order.
    pub(crate) fn is_identity(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.pad_begin == 0 && self.output == self.input
    }

    /// The number of taps of window `o` on the input or its padding, which is the divisor when
    /// padding counts. The rest, the overhang of `ceil_mode`, never counts.
    pub fn padded_taps(&self, o: usize) -> usize {
        self.taps_before(o, (self.input + self.pad_end) as i64)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_windows_on_a_tap_are_those_that_have_it() {
        for (input, kernel, stride, dilation, pads) in [
            (7, 3, 1, 1, (1, 1)),
            (7, 3, 2, 2, (5, 0)),
            (3, 4, 3, 1, (0, 9)),
            (0, 2, 1, 1, (3, 2)),
            (5, 2, 2, 4, (0, 0)),
        ] {
            let window = super::Window::new([kernel])
                .strides([stride])
                .dilations([dilation])
                .pads([pads.0, pads.1]);
            let axis = window.axes(&[input]).expect("it fits")[0];
            for tap in 0..axis.kernel {
                for o in 0..axis.output {
                    let place = axis.start(o) + (tap * axis.dilation) as i64;
                    let on = (0..input as i64).contains(&place);
                    assert_eq!(axis.windows_on(tap).contains(&o), on, "{axis:?} {tap} {o}");
                    assert!(!on || axis.place(o, tap) as i64 == place);
                }
            }
        }
    }

    use super::*;

    fn outputs(window: &Window, input: usize) -> Result<usize, String> {
        window
            .axes(&[input])
            .map(|axes| axes[0].output)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn output_sizes_where_engines_differ() {
        let window = |k, s| Window::new([k]).strides([s]);
        assert_eq!(outputs(&window(1, 2).ceil_mode(true), 2), Ok(1));
        assert_eq!(
            outputs(&window(4, 4).pads([2, 2]).ceil_mode(true), 9),
            Ok(3)
        );
        assert_eq!(outputs(&window(5, 4), 3), Ok(0), "floor of -2/4 is -1");
        assert_eq!(outputs(&window(6, 2).ceil_mode(true), 4), Ok(0));
        assert_eq!(outputs(&window(6, 4).ceil_mode(true), 4), Ok(1));
        assert!(outputs(&window(6, 1), 4).is_err());
        assert_eq!(
            outputs(&window(2, 2).ceil_mode(true), 16_777_219),
            Ok(8_388_610)
        );
        let same = window(3, 1).dilations([2]).auto_pad(AutoPad::SameUpper);
        assert_eq!(outputs(&same, 8), Ok(8));
        assert_eq!(
            outputs(&window(1, 3).auto_pad(AutoPad::SameLower), 5),
            Ok(2)
        );
        let valid = window(3, 3).auto_pad(AutoPad::Valid);
        assert_eq!(outputs(&valid.clone().ceil_mode(true), 7), Ok(3));
        assert_eq!(outputs(&valid.pads([1, 1]), 6), Ok(2));
        assert_eq!(
            outputs(&window(3, 1).auto_pad(AutoPad::SameUpper), 0),
            Ok(0)
        );
    }

    #[test]
    fn sizes_that_overflow_are_errors() {
        assert!(outputs(&Window::new([1]).pads([1 << 62, 1 << 62]), 1).is_err());
        assert!(outputs(&Window::new([1 << 40]).dilations([1 << 40]), 1).is_err());
        assert!(outputs(&Window::new([1 << 40]), 1).is_err());
        assert!(
            outputs(
                &Window::new([i64::MAX]).auto_pad(AutoPad::SameUpper),
                1 << 40
            )
            .is_err()
        );
        assert!(
            outputs(
                &Window::new([1])
                    .strides([i64::MAX])
                    .ceil_mode(true)
                    .pads([i64::MAX - 9, 0]),
                4
            )
            .is_ok()
        );
    }

    #[test]
    fn messages_name_attribute_value_and_rule() {
        let error = |window: &Window| outputs(window, 4).unwrap_err();
        let window = Window::new([3]);
        assert_eq!(
            error(&window.clone().strides([0])),
            "strides[0] is 0, must be at least 1"
        );
        assert_eq!(
            error(&window.clone().pads([1])),
            "pads has 1 values, must have 2"
        );
        assert_eq!(
            error(&window.clone().pads([0, -1])),
            "pads[1] is -1, must be at least 0"
        );
        assert_eq!(
            error(&Window::new([3, 3])),
            "kernel_shape has 2 values for 1 spatial axis"
        );
    }

    #[test]
    fn taps_agree_with_a_walk_over_every_position() {
        for bits in 0..5usize.pow(5) {
            let digit = |place: u32| bits / 5usize.pow(place) % 5;
            let (input, kernel, pads, stride, dilation) = (
                digit(0) + 1,
                digit(1) + 1,
                [digit(2), digit(3)],
                digit(4) % 3 + 1,
                digit(4) / 2 + 1,
            );
            for ceil_mode in [false, true] {
                let window = Window::new([kernel as i64])
                    .strides([stride as i64])
                    .dilations([dilation as i64])
                    .pads(pads.map(|pad| pad as i64))
                    .ceil_mode(ceil_mode);
                let Ok(axes) = window.axes(&[input]) else {
                    continue;
                };
                let axis = axes[0];
                for o in 0..axis.output {
                    let positions = (0..kernel).map(|j| axis.start(o) + (j * dilation) as i64);
                    let real: Vec<usize> = positions
                        .clone()
                        .filter(|&p| (0..input as i64).contains(&p))
                        .map(|p| p as usize)
                        .collect();
                    let (first, count) = axis.real_taps(o);
                    let walked: Vec<usize> = (0..count).map(|j| first + j * dilation).collect();
                    assert_eq!(walked, real, "{axis:?} window {o}");
                    let padded = positions.filter(|&p| p < (input + pads[1]) as i64).count();
                    assert_eq!(axis.padded_taps(o), padded, "{axis:?} window {o}");
                }
            }
        }
    }
}
