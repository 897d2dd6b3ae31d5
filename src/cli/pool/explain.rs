//! How the output sizes of a pool come about, and what each window holds.
//!
//! All sizes and counts are those of [`Axis`], which the engine itself uses; only the formula that leads to
//! an output size is spelled out again, for people.

use std::fmt;

use linn::{AutoPad, Axis, Tensor};

use super::super::grid;

/// The most outputs whose divisors are listed.
const FEW_DIVISORS: usize = 64;
/// The most runs of equal windows that are listed for an axis.
const FEW_WINDOWS: usize = 16;
/// The most characters of a list of windows on one line.
const LINE: usize = 110;

/// What a pool does, for the explanation.
pub(super) struct Pool<'a> {
    pub(super) operator: &'static str,
    pub(super) axes: &'a [Axis],
    pub(super) auto_pad: AutoPad,
    pub(super) ceil_mode: bool,
    pub(super) divisor: Divisor,
}

/// What the sum of a window is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Divisor {
    /// The pool takes no mean.
    None,
    /// The taps on the input.
    Real,
    /// The taps on the input and its pads.
    Padded,
}

impl Divisor {
    fn of(self, axis: &Axis, o: usize) -> Option<usize> {
        match self {
            Divisor::None => None,
            Divisor::Real => Some(axis.real_taps(o).1),
            Divisor::Padded => Some(axis.padded_taps(o)),
        }
    }
}

impl Pool<'_> {
    /// The explanation, before the values of the result.
    pub(super) fn explain(&self) -> String {
        let mut text = self.headline();
        let alike = self.axes.windows(2).all(|pair| pair[0] == pair[1]);
        for (index, axis) in
            self.axes
                .iter()
                .enumerate()
                .take(if alike { 1 } else { self.axes.len() })
        {
            let name = match (alike, self.axes.len()) {
                (_, 1) => String::new(),
                (true, _) => "each axis: ".to_string(),
                (false, _) => format!("axis {index}: "),
            };
            text += &format!("  {name}{}\n", self.size(axis));
            text += &self.windows(axis);
        }
        if let Some(divisors) = self.divisors() {
            text += "  divisors\n";
            for row in grid::rows(&divisors.as_view(), grid::element).lines() {
                text += &format!("    {row}\n");
            }
        }
        text
    }

    fn headline(&self) -> String {
        let list = |get: fn(&Axis) -> usize| {
            let values: Vec<String> = self.axes.iter().map(|axis| get(axis).to_string()).collect();
            values.join("x")
        };
        // One number stands for equal ones.
        let short = |get: fn(&Axis) -> usize| match self.axes {
            [first, rest @ ..] if rest.iter().all(|axis| get(axis) == get(first)) => {
                get(first).to_string()
            }
            _ => list(get),
        };
        let mut words = vec![
            self.operator.to_string(),
            format!(
                "in {} -> out {}",
                list(|axis| axis.input),
                list(|axis| axis.output)
            ),
            format!("kernel {}", list(|axis| axis.kernel)),
            format!("stride {}", short(|axis| axis.stride)),
        ];
        if self.axes.iter().any(|axis| axis.dilation != 1) {
            words.push(format!("dilation {}", short(|axis| axis.dilation)));
        }
        let (begin, end) = (short(|axis| axis.pad_begin), short(|axis| axis.pad_end));
        words.push(format!("pads {begin},{end}"));
        match self.auto_pad {
            AutoPad::NotSet => {}
            AutoPad::SameUpper => words.push("same-upper".to_string()),
            AutoPad::SameLower => words.push("same-lower".to_string()),
            AutoPad::Valid => words.push("valid".to_string()),
        }
        if self.ceil_mode {
            words.push("ceil".to_string());
        }
        if self.divisor == Divisor::Padded {
            words.push("count-include-pad".to_string());
        }
        words.join("   ") + "\n"
    }

    /// The formula of an output size with its numbers.
    fn size(&self, axis: &Axis) -> String {
        let Axis {
            input,
            output,
            kernel,
            stride,
            dilation,
            pad_begin,
            pad_end,
            ..
        } = *axis;
        let extent = (kernel as i128 - 1) * dilation as i128 + 1;
        let span = match dilation {
            1 => String::new(),
            _ => format!("window spans ({kernel} - 1) * {dilation} + 1 = {extent}; "),
        };
        if let AutoPad::SameUpper | AutoPad::SameLower = self.auto_pad {
            return format!(
                "{span}out = ceil({input} / {stride}) = {output}; padding = max(({output} - 1) * {stride} + \
                 {extent} - {input}, 0) = {}: {pad_begin} before, {pad_end} after",
                pad_begin + pad_end
            );
        }
        let slack = input as i128 + pad_begin as i128 + pad_end as i128 - extent;
        let quotient = format!("({input} + {pad_begin} + {pad_end} - {extent}) / {stride}");
        if !self.ceil_mode {
            return format!("{span}out = floor({quotient}) + 1 = {output}");
        }
        let remainder = slack.rem_euclid(stride as i128) != 0;
        let rounded = slack.div_euclid(stride as i128) + i128::from(remainder) + 1;
        let formula = format!("{span}out = ceil({quotient}) + 1 = {rounded}");
        match output {
            _ if output as i128 != rounded => format!(
                "{formula}, less 1 = {output}; the last window would start at {} >= {input} (input end): dropped",
                axis.start(output)
            ),
            0 => formula,
            _ => format!(
                "{formula}; last window starts at {} < {input} (input end): kept",
                axis.start(output - 1)
            ),
        }
    }

    /// The windows of an axis, equal neighbours together.
    fn windows(&self, axis: &Axis) -> String {
        let mut runs: Vec<(usize, usize, Taps)> = Vec::new();
        let mut is_cut = false;
        for o in 0..axis.output {
            let taps = Taps::of(axis, o);
            if let Some((_, last, held)) = runs.last_mut()
                && *held == taps
            {
                *last = o;
            } else if runs.len() < FEW_WINDOWS {
                runs.push((o, o, taps));
            } else {
                is_cut = true;
                break;
            }
        }
        let extent = (axis.kernel as i128 - 1) * axis.dilation as i128 + 1;
        let mut cells: Vec<String> = runs
            .into_iter()
            .map(|(first, last, taps)| {
                let start = i128::from(axis.start(first));
                let (o, more) = match last - first {
                    0 => (first.to_string(), ""),
                    _ => (format!("{first}..{last}"), ".."),
                };
                let divisor = match self.divisor.of(axis, first) {
                    Some(divisor) => format!(" -> {divisor}"),
                    None => String::new(),
                };
                format!("o={o} [{start},{}){more} {taps}{divisor}", start + extent)
            })
            .collect();
        if is_cut {
            cells.push("...".to_string());
        }
        let line = cells.join("     ");
        match line.len() <= LINE {
            true if cells.is_empty() => String::new(),
            true => format!("    {line}\n"),
            false => format!("    {}\n", cells.join("\n    ")),
        }
    }

    /// The divisor of every output, where there are few.
    fn divisors(&self) -> Option<Tensor> {
        let sizes: Vec<usize> = self.axes.iter().map(|axis| axis.output).collect();
        let count = sizes
            .iter()
            .try_fold(1usize, |count, size| count.checked_mul(*size))?;
        if count == 0 || count > FEW_DIVISORS || self.divisor == Divisor::None {
            return None;
        }
        let divisors = (0..count).map(|at| {
            let (mut rest, mut product) = (at, 1i64);
            for axis in self.axes.iter().rev() {
                let divisor = self.divisor.of(axis, rest % axis.output)?;
                product = product.checked_mul(i64::try_from(divisor).ok()?)?;
                rest /= axis.output;
            }
            Some(product)
        });
        Tensor::new(&sizes, divisors.collect::<Option<_>>()?).ok()
    }

    /// What is easily got wrong about this pool.
    pub(super) fn notes(&self) -> String {
        let mut text = String::new();
        if self.axes.iter().any(|axis| axis.output == 0) {
            return text;
        }
        let last = |axis: &Axis| axis.output - 1;
        let overhangs = self
            .axes
            .iter()
            .any(|axis| axis.padded_taps(last(axis)) < axis.kernel);
        if self.divisor == Divisor::Padded && overhangs {
            let counted = || self.axes.iter().map(|axis| axis.padded_taps(last(axis)));
            let factors: Vec<String> = counted().map(|taps| taps.to_string()).collect();
            let product = |taps: &mut dyn Iterator<Item = usize>| {
                taps.fold(1u128, |product, taps| product.saturating_mul(taps as u128))
            };
            let counted = match factors.as_slice() {
                [one] => one.clone(),
                _ => format!("{} = {}", factors.join("*"), product(&mut counted())),
            };
            text += &format!(
                "note: corner divisor is {counted}, not {}: taps outside the padding never count\n",
                product(&mut self.axes.iter().map(|axis| axis.kernel))
            );
        }
        // The first and the last windows are those that can miss the input.
        let misses = |axis: &Axis| axis.real_taps(0).1 == 0 || axis.real_taps(last(axis)).1 == 0;
        if self.axes.iter().any(misses) {
            text += "note: some windows hold padding alone: a maximum is then the least value of the type, a mean \
                     or norm 0\n";
        }
        text
    }
}

/// The taps of a window by where they fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taps {
    before: usize,
    real: usize,
    after: usize,
    outside: usize,
}

impl Taps {
    fn of(axis: &Axis, o: usize) -> Taps {
        let (first, real) = axis.real_taps(o);
        let padded = axis.padded_taps(o);
        let before = match real {
            0 => padded,
            _ => ((first as i128 - i128::from(axis.start(o))) / axis.dilation as i128) as usize,
        };
        Taps {
            before,
            real,
            after: padded - before - real,
            outside: axis.kernel - padded,
        }
    }
}

/// `1 pad + 2 real`
impl fmt::Display for Taps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.before, "pad"),
            (self.real, "real"),
            (self.after, "pad"),
            (self.outside, "outside"),
        ];
        let words: Vec<String> = words
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        f.write_str(&words.join(" + "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linn::Window;

    fn explain(window: &Window, spatial: &[usize], auto_pad: AutoPad, ceil_mode: bool) -> String {
        let axes = window.clone().axes(spatial).unwrap();
        let pool = Pool {
            operator: "AveragePool",
            axes: &axes,
            auto_pad,
            ceil_mode,
            divisor: Divisor::Padded,
        };
        pool.explain() + &pool.notes()
    }

    #[test]
    fn the_overhang_of_ceil_mode_is_shown_and_does_not_count() {
        let window = Window::new([3, 3])
            .strides([2, 2])
            .pads([1; 4])
            .ceil_mode(true);
        let text = explain(&window, &[4, 4], AutoPad::NotSet, true);
        assert_eq!(
            text,
            "\
AveragePool   in 4x4 -> out 3x3   kernel 3x3   stride 2   pads 1,1   ceil   count-include-pad
  each axis: out = ceil((4 + 1 + 1 - 3) / 2) + 1 = 3; last window starts at 3 < 4 (input end): kept
    o=0 [-1,2) 1 pad + 2 real -> 3     o=1 [1,4) 3 real -> 3     o=2 [3,6) 1 real + 1 pad + 1 outside -> 2
  divisors
    9 9 6
    9 9 6
    6 6 4
note: corner divisor is 2*2 = 4, not 9: taps outside the padding never count
"
        );
    }

    #[test]
    fn a_dropped_window_is_said_to_be() {
        let window = Window::new([1]).strides([2]).ceil_mode(true);
        let text = explain(&window, &[2], AutoPad::NotSet, true);
        assert!(text.contains(
            "+ 1 = 2, less 1 = 1; the last window would start at 2 >= 2 (input end): dropped"
        ));
    }

    #[test]
    fn same_pads_dilation_and_unequal_axes() {
        let same = Window::new([3])
            .strides([2])
            .dilations([2])
            .auto_pad(AutoPad::SameUpper);
        let text = explain(&same, &[6], AutoPad::SameUpper, false);
        assert!(text.contains("out = ceil(6 / 2) = 3; padding = max((3 - 1) * 2 + 5 - 6, 0) = 3: 1 before, 2 after"), "{text}");
        let two = Window::new([2, 1]);
        let text = explain(&two, &[3, 4], AutoPad::NotSet, false);
        assert!(
            text.contains("axis 0: out = floor((3 + 0 + 0 - 2) / 1) + 1 = 2"),
            "{text}"
        );
        assert!(text.contains("o=0..3 [0,1).. 1 real -> 1"), "{text}");
    }

    #[test]
    fn windows_on_padding_alone_and_long_axes() {
        let window = Window::new([1]).strides([2]).pads([2, 0]);
        let text = explain(&window, &[4], AutoPad::NotSet, false);
        assert!(text.contains("o=0 [-2,-1) 1 pad -> 1"), "{text}");
        assert!(text.contains("padding alone"));
        let wide = Window::new([100]).pads([99, 99]);
        let text = explain(&wide, &[50], AutoPad::NotSet, false);
        assert!(text.contains("    ...\n"));
    }

    #[test]
    fn an_empty_result_has_no_windows() {
        let text = explain(&Window::new([5]).strides([4]), &[3], AutoPad::NotSet, false);
        assert!(text.contains("+ 1 = 0"));
    }
}
