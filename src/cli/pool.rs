//! `linn pool`: one pooling operator on one tensor, without a model.

mod explain;
mod node;
mod options;

use linn::text::Quoted;
use linn::{Axes, Class, DType, Dim, Error, Model, Options, Outputs, Tensor};
use serde_json::{Value, json};

use self::explain::{Divisor, Pool};
pub(super) use self::options::Args;
use self::options::Kind;
use super::generate::Generator;
use super::run::Format;
use super::sink::{self, Sink};
use super::source::{Loader, Opened, Source, Wanted};
use super::words::counted;
use super::{Failure, Verdict, grid, note, print, say, say_plain, summary};

impl Args {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        self.check_options()?;
        let mut options = Options::default();
        self.memory.set(&mut options);
        self.kernels.set(&mut options)?;
        let mut loader = Loader::new(0, options.memory_limit);
        let x = self.load(&mut loader)?;
        let rank = x.shape().len().saturating_sub(2);
        if rank == 0 {
            return Err(Failure::Input(format!(
                "the input is {x}: must have a batch, channels, and at least one axis to pool over"
            )));
        }
        self.check_lists(rank)?;
        let window = self.window(rank);
        if let Some(window) = &window {
            window
                .validate()
                .map_err(|error| Failure::Usage(error.to_string()))?;
        }
        let names: &[&str] = if self.indices {
            &["Y", "Indices"]
        } else {
            &["Y"]
        };
        let sinks: Vec<Sink> = self
            .output
            .iter()
            .map(|text| Sink::parse(text, names))
            .collect::<Result<_, _>>()
            .map_err(Failure::Usage)?;
        let plan = sink::Plan::new(&sinks, names)?;

        let bytes = self
            .node(x.shape().len().saturating_sub(2))
            .model(&x, names);
        let model = Model::from_bytes_with(bytes, &options).map_err(without_node)?;
        for warning in model.warnings() {
            say("warning", &warning.reason);
        }
        let outputs = model.run([("X", &x)]).map_err(without_node)?;

        let axes = match &window {
            Some(window) => window
                .axes(&x.shape()[2..])
                .map_err(|error| Failure::Input(error.to_string()))?,
            None => Axes::new(),
        };
        let is_document = self.format == Format::Json && !plan.uses_stdout();
        if self.explain && !is_document {
            let (before, after) = self.explanation(&x, &axes);
            match plan.uses_stdout() {
                true => say_plain(&format!("{before}{after}")),
                false => print(format!(
                    "{before}{}{after}",
                    self.rows(&outputs, plan.is_empty())
                ))?,
            }
        }
        plan.write(|name| outputs.get(name))?;
        if is_document {
            let mut document = self.document(&x, &axes, &outputs);
            if self.explain {
                let (before, after) = self.explanation(&x, &axes);
                document["explanation"] = (before + &after).lines().collect();
            }
            print(format!("{document}\n"))?;
        } else if plan.is_empty() && !self.explain {
            print(self.values(&outputs))?;
        }
        Ok(Verdict::Passed)
    }

    /// The tensor that is pooled.
    fn load(&self, loader: &mut Loader) -> Result<Tensor, Failure> {
        let dtype = self.dtype.unwrap_or(DType::F32);
        if let Some(mut dims) = parse_shape(&self.input) {
            note("the input is 0, 1, 2 ... in C order");
            dims.splice(0..0, vec![1; missing_axes(dims.len())]);
            let dims: Vec<Dim> = dims.into_iter().map(Dim::Known).collect();
            let wanted = Wanted {
                name: "X",
                dtype,
                dims: Some(&dims),
            };
            return loader.generate(&Generator::Iota, wanted);
        }
        match Source::parse(&self.input).map_err(Failure::Usage)? {
            Source::Literal(literal) => {
                let rank = literal.rank() + missing_axes(literal.rank());
                literal.tensor(dtype, rank).map_err(Failure::Input)
            }
            Source::Generated(_) => {
                let failure = Failure::Usage(format!("{} has no shape here", Quoted(&self.input)));
                Err(failure.help("give a shape, as 1x1x4x4, or values, as '[1,2;3,4]'"))
            }
            Source::File(file) => {
                let tensor = match loader.open(&file)? {
                    Opened::Tensor(tensor) => tensor,
                    Opened::Archive(mut archive) => archive.read_for("X")?,
                    Opened::Picture(pixels) => return Err(pixels.refused()),
                };
                match self.dtype {
                    Some(dtype) if dtype != tensor.dtype() => Err(Failure::Usage(format!(
                        "--dtype is {dtype}, but {} holds {tensor}",
                        Quoted(&self.input)
                    ))),
                    _ => Ok(tensor),
                }
            }
        }
    }

    /// What `--explain` says before and after the values.
    fn explanation(&self, x: &Tensor, axes: &Axes) -> (String, String) {
        let operator = self.kind.operator();
        if self.kind.is_global() {
            let spatial = &x.shape()[2..];
            let count: usize = spatial.iter().product();
            let divisor = match self.kind {
                Kind::Gavg => format!(" -> {count}"),
                _ => String::new(),
            };
            let planes = counted(x.shape()[0] * x.shape()[1], "plane");
            let text = format!(
                "{operator}   {planes} of shape {spatial:?}\n  one window over each: {count} real{divisor}\n"
            );
            return (text, String::new());
        }
        let pool = Pool {
            operator,
            axes,
            auto_pad: self.auto_pad.unwrap_or_default(),
            ceil_mode: self.ceil,
            divisor: match self.kind {
                Kind::Avg if self.count_include_pad => Divisor::Padded,
                Kind::Avg => Divisor::Real,
                _ => Divisor::None,
            },
        };
        (pool.explain(), pool.notes())
    }

    /// The outputs in aligned rows.
    fn rows(&self, outputs: &Outputs, shown: bool) -> String {
        let mut text = String::new();
        for (name, tensor) in outputs.iter().filter(|_| shown) {
            if outputs.len() > 1 {
                text += &format!("{name}\n");
            }
            text += &match tensor.shape().elements() <= MANY {
                true => grid::rows(&tensor.as_view(), grid::decimals(&tensor.as_view())),
                false => summary::lines([(name, tensor)]),
            };
        }
        text
    }

    /// The outputs in nested brackets.
    fn values(&self, outputs: &Outputs) -> String {
        let mut text = String::new();
        for (name, tensor) in outputs.iter() {
            if tensor.shape().elements() > MANY {
                text += &summary::lines([(name, tensor)]);
                continue;
            }
            if outputs.len() > 1 {
                text += &format!("{name}  ");
            }
            text += &format!("{}\n", grid::nested(&tensor.as_view()));
        }
        text
    }

    fn document(&self, x: &Tensor, axes: &Axes, outputs: &Outputs) -> Value {
        let axes: Vec<Value> = axes
            .iter()
            .map(|axis| {
                json!({
                    "input": axis.input,
                    "output": axis.output,
                    "kernel": axis.kernel,
                    "stride": axis.stride,
                    "dilation": axis.dilation,
                    "pad_begin": axis.pad_begin,
                    "pad_end": axis.pad_end,
                })
            })
            .collect();
        let outputs: Vec<Value> = outputs
            .iter()
            .map(|(name, tensor)| summary::json(name, tensor))
            .collect();
        json!({
            "schema": "linn.pool/1",
            "linn": env!("CARGO_PKG_VERSION"),
            "operator": self.kind.operator(),
            "input": {"dtype": x.dtype().name(), "shape": x.shape().to_vec()},
            "axes": axes,
            "outputs": outputs,
        })
    }
}

/// The most elements whose values are printed.
const MANY: usize = 1024;

/// The axes that N and C lack in a shape of rank 1 or 2.
fn missing_axes(rank: usize) -> usize {
    if matches!(rank, 1 | 2) { 2 } else { 0 }
}

/// `1x1x4x4`, `1,1,4,4` or `16`. Brackets always stand for values.
fn parse_shape(text: &str) -> Option<Vec<usize>> {
    text.split(['x', ','])
        .map(|size| size.trim().parse().ok())
        .collect()
}

/// There is one node, so what it says matters, not which one it is.
fn without_node(error: Error) -> Failure {
    match error {
        Error::Node { source, .. } if matches!(source.class, Class::Invalid | Class::Run) => {
            Failure::Input(source.to_string())
        }
        error => Failure::Linn { file: None, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_from_values() {
        assert_eq!(parse_shape("1x1x4x4"), Some(vec![1, 1, 4, 4]));
        assert_eq!(parse_shape("1,1,4,4"), Some(vec![1, 1, 4, 4]));
        assert_eq!(parse_shape("16"), Some(vec![16]));
        for text in ["[1,2]", "1.5", "-3", "x.npy", ""] {
            assert_eq!(parse_shape(text), None, "{text}");
        }
    }
}
