//! What all convolutions share: their attributes, and the shapes of input and weights.

use super::window::auto_pad;
use super::{Dims, Fact, axes};
use crate::conv::Sizes;
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::tensor::Shape;
use crate::window::{AutoPad, Window};

/// The attributes of a convolution. The window's are as given: its rank may be that of the weights alone.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    kernel_shape: Option<Vec<i64>>,
    strides: Option<Vec<i64>>,
    dilations: Option<Vec<i64>>,
    pads: Option<Vec<i64>>,
    auto_pad: AutoPad,
    pub(super) group: usize,
}

/// What `X` and `W` say of each other.
pub(super) struct Operands {
    pub(super) batch: Option<usize>,
    /// Channels of the input.
    pub(super) channels: Option<usize>,
    /// The first two sizes of the weights.
    pub(super) weights: [Option<usize>; 2],
    pub(super) spatial: Vec<Option<usize>>,
    /// The window, if the weights are known so far.
    pub(super) window: Option<Window>,
}

impl Convolution {
    pub(super) fn read(attributes: &mut Attributes<'_>) -> Result<Convolution, OpError> {
        let group = attributes.int("group").unwrap_or(1);
        let auto_pad = auto_pad(attributes)?;
        let mut ints = |name| attributes.ints(name).map(<[i64]>::to_vec);
        let convolution = Convolution {
            kernel_shape: ints("kernel_shape"),
            strides: ints("strides"),
            dilations: ints("dilations"),
            pads: ints("pads"),
            auto_pad,
            group: usize::try_from(group).unwrap_or(0),
        };
        if convolution.group == 0 {
            return Err(OpError::invalid(
                "group",
                format!("is {group}, must be at least 1"),
            ));
        }
        if let Some(kernel_shape) = &convolution.kernel_shape {
            let window = convolution.window(kernel_shape.clone());
            window.validate()?;
            if window.ignores_pads() {
                attributes.warn("auto_pad overrules the explicit pads");
            }
        }
        Ok(convolution)
    }

    fn window(&self, kernel_shape: Vec<i64>) -> Window {
        let mut window = Window::new(kernel_shape).auto_pad(self.auto_pad);
        if let Some(strides) = &self.strides {
            window = window.strides(strides.clone());
        }
        if let Some(dilations) = &self.dilations {
            window = window.dilations(dilations.clone());
        }
        if let Some(pads) = &self.pads {
            window = window.pads(pads.clone());
        }
        window
    }

    /// What the operands say; `None` where the rank is not known. `names` are those of input and weights.
    pub(super) fn operands(
        &self,
        names: [&str; 2],
        x: &Fact,
        w: &Fact,
    ) -> Result<Option<Operands>, OpError> {
        let rank = |name: &str, fact: &Fact| match &fact.dims {
            Some(dims) if dims.len() < 3 => Err(OpError::invalid(
                name,
                format!("is {fact}, must have at least 3 axes"),
            )),
            dims => Ok(dims.as_ref().map(Vec::len)),
        };
        let (x_rank, w_rank) = (rank(names[0], x)?, rank(names[1], w)?);
        if let (Some(a), Some(b)) = (x_rank, w_rank)
            && a != b
        {
            return Err(OpError::invalid(
                names[1],
                format!("is {w}, must have the rank of {}, which is {x}", names[0]),
            ));
        }
        let Some(x_dims) = &x.dims else {
            return Ok(None);
        };
        let weights: &[Option<usize>] = w.dims.as_deref().unwrap_or(&[]);
        let sizes = weights.get(2..).unwrap_or(&[]);
        if let Some(given) = &self.kernel_shape {
            let differ = |(given, size): (&i64, &Option<usize>)| {
                size.is_some_and(|size| i64::try_from(size) != Ok(*given))
            };
            if !sizes.is_empty()
                && (given.len() != sizes.len() || given.iter().zip(sizes).any(differ))
            {
                return Err(OpError::invalid(
                    "kernel_shape",
                    format!("is {given:?}, must be that of {}, which is {w}", names[1]),
                ));
            }
        }
        let of_weights = || {
            let sizes: Option<Vec<usize>> = sizes.iter().copied().collect();
            let sizes = sizes.filter(|sizes| !sizes.is_empty())?;
            Some(sizes.into_iter().map(|size| size as i64).collect())
        };
        let kernel_shape: Option<Vec<i64>> = self.kernel_shape.clone().or_else(of_weights);
        let window = kernel_shape.map(|kernel_shape| self.window(kernel_shape));
        if let Some(window) = &window {
            window.validate_rank(x_dims.len() - 2)?;
        }
        Ok(Some(Operands {
            batch: x_dims[0],
            channels: x_dims[1],
            weights: [0, 1].map(|axis| weights.get(axis).copied().flatten()),
            spatial: x_dims[2..].to_vec(),
            window,
        }))
    }

    /// The dimensions of a convolution of `x: [N, C, D..]` by `w: [M, C / group, k..]`.
    pub(super) fn infer(&self, names: [&str; 2], x: &Fact, w: &Fact) -> Result<Dims, OpError> {
        let operands = self.operands(names, x, w)?;
        let outputs = w.dims.as_ref().and_then(|dims| dims[0]);
        if let Some(outputs) = outputs
            && outputs % self.group != 0
        {
            return Err(OpError::invalid(
                names[1],
                format!(
                    "is {w}, must have a multiple of {} outputs, the groups",
                    self.group
                ),
            ));
        }
        let Some(operands) = operands else {
            return Ok(None);
        };
        let [_, channels] = operands.weights;
        if let (Some(all), Some(channels)) = (operands.channels, channels)
            && channels.checked_mul(self.group) != Some(all)
        {
            return Err(OpError::invalid(
                names[1],
                format!(
                    "is {w}, must have the channels of {}, which is {x}, in {} groups",
                    names[0], self.group
                ),
            ));
        }
        let spatial = match operands.window {
            Some(window) => window.output_sizes(&operands.spatial)?,
            None => vec![None; operands.spatial.len()],
        };
        Ok(Some([vec![operands.batch, outputs], spatial].concat()))
    }

    /// The sizes of a convolution whose shapes were found to fit.
    pub(super) fn sizes(&self, x: &Shape, w: &Shape) -> Result<Sizes, OpError> {
        let taps = w[2..].iter().map(|&size| size as i64).collect();
        Ok(Sizes {
            batch: x[0],
            groups: self.group,
            channels: w[1],
            outputs: w[0] / self.group,
            axes: self.window(taps).axes(&x[2..])?,
            shuffled: false,
        })
    }
}

/// Checks that an input has one element for each of `count`, or one for all if `one` is set.
pub(super) fn check_each(
    name: &str,
    fact: &Fact,
    count: Option<usize>,
    one: bool,
) -> Result<(), OpError> {
    if one && axes::single(name, fact).is_ok() {
        return Ok(());
    }
    let size = axes::list(name, fact)?;
    match (size, count) {
        (Some(size), Some(count)) if size != count => Err(OpError::invalid(
            name,
            format!("is {fact}, must have {count} elements, the output channels"),
        )),
        _ => Ok(()),
    }
}
