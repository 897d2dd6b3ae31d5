//! Random nodes of every operator: what they hold may be nonsense, which is an error and never a panic; and what
//! runs has the types and shapes that were inferred.

use std::panic::{AssertUnwindSafe, catch_unwind};

use half::{bf16, f16};

use super::schema::{Attribute, Schema};
use super::{Fact, Memory, OPS, Op, Outputs, Slot};
use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::onnx::external::Folder;
use crate::onnx::proto::{AttributeProto, NodeProto};
use crate::onnx::tensor::encode;
use crate::tensor::{DType, Shape, Tensor};

/// xorshift64*
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn int(&mut self) -> i64 {
        const EXTREME: [i64; 6] = [i64::MIN, i64::MAX, 1 << 40, -(1 << 40), 1 << 62, 33];
        match self.one_in(25) {
            true => *self.of(&EXTREME),
            false => self.below(7) as i64 - 2,
        }
    }

    fn float(&mut self) -> f32 {
        const EXTREME: [f32; 5] = [f32::NAN, f32::INFINITY, f32::MIN, f32::MAX, 1e-40];
        match self.one_in(20) {
            true => *self.of(&EXTREME),
            false => self.below(17) as f32 / 4.0 - 1.5,
        }
    }

    /// A text that attribute `name` may hold, mostly.
    fn text(&mut self, name: &str) -> &'static str {
        let texts: &[&str] = match name {
            _ if self.one_in(20) => &["", "no such name"],
            "auto_pad" => &["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"],
            "mode" => &[
                "constant", "reflect", "edge", "wrap", "linear", "nearest", "cubic", "bilinear",
                "bicubic", "CRD", "avg", "max",
            ],
            "coordinate_transformation_mode" => &[
                "half_pixel",
                "align_corners",
                "asymmetric",
                "tf_crop_and_resize",
                "pytorch_half_pixel",
            ],
            "nearest_mode" => &["floor", "ceil", "round_prefer_ceil"],
            "keep_aspect_ratio_policy" => &["not_larger", "not_smaller"],
            "reduction" => &["add", "mul", "max", "min", "none"],
            "padding_mode" => &["zeros", "border", "reflection"],
            "equation" => &[
                "ij,jk->ik",
                "ij->ji",
                "...i,...i",
                "ii->i",
                "i,j,k",
                "...",
                "ij,ij",
                "ijk->j",
            ],
            "direction" => &["forward", "reverse", "bidirectional"],
            _ => &["Relu", "Tanh", "Affine"],
        };
        texts[self.below(texts.len())]
    }

    fn shape(&mut self, rank: Option<usize>, same: Option<usize>) -> Vec<usize> {
        let rank = rank.unwrap_or_else(|| *self.of(&[0, 1, 1, 2, 3, 4, 4, 5]));
        (0..rank)
            .map(|_| same.unwrap_or_else(|| self.below(5)))
            .collect()
    }

    fn tensor(&mut self, dtype: DType, dims: &[usize]) -> Tensor {
        let len = dims.iter().product();
        macro_rules! numbers {
            ($($variant:ident, $random:ident => $value:expr;)*) => {
                match dtype {
                    $(DType::$variant => {
                        let $random = &mut *self;
                        let data = (0..len).map(|_| $value).collect();
                        Tensor::new(dims, data).expect("as many as fit")
                    })*
                    dtype => Tensor::zeros(dtype, Shape::new(dims).expect("small")),
                }
            };
        }
        numbers! {
            F32, random => random.float();
            F64, random => f64::from(random.float());
            F16, random => f16::from_f32(random.float());
            BF16, random => bf16::from_f32(random.float());
            I64, random => random.int();
            I32, random => random.int() as i32;
            I8, random => random.int() as i8;
            U8, random => random.int() as u8;
            U64, random => random.int() as u64;
            Bool, random => random.one_in(2);
            String, random => random.text("").to_string();
        }
    }

    fn attribute(&mut self, formal: &Attribute) -> Option<AttributeProto> {
        let mut attribute = AttributeProto {
            name: formal.name.to_string(),
            ..AttributeProto::default()
        };
        let count = self.below(6);
        attribute.r#type = Some(match formal.kind {
            "float" => {
                attribute.f = Some(self.float());
                1
            }
            "int" => {
                attribute.i = Some(self.int());
                2
            }
            "string" => {
                attribute.s = Some(self.text(formal.name).into());
                3
            }
            "tensor" => {
                let dims = self.shape(None, None);
                attribute.t = Some(encode("", &self.tensor(DType::F32, &dims)));
                4
            }
            "floats" => {
                attribute.floats = (0..count).map(|_| self.float()).collect();
                6
            }
            "ints" => {
                attribute.ints = (0..count).map(|_| self.int()).collect();
                7
            }
            "strings" => {
                attribute.strings = (0..count).map(|_| self.text(formal.name).into()).collect();
                8
            }
            _ => return None,
        });
        Some(attribute)
    }

    /// A node and its inputs, of types that its schema allows.
    fn node(&mut self, schema: &Schema) -> Option<(NodeProto, Vec<Option<Tensor>>)> {
        let mut node = NodeProto::default();
        for formal in &schema.attributes {
            if formal.required || self.one_in(4) {
                node.attribute.push(self.attribute(formal)?);
            }
        }
        // Often all sizes are the same, so that more of the nodes run.
        let same = self.one_in(2).then(|| self.below(4));
        let shape = self.shape(None, same);
        let mut inputs = Vec::new();
        let mut dtype = DType::F32;
        for (index, parameter) in schema.inputs.iter().enumerate() {
            let count = match parameter.variadic {
                Some(least) => least.max(1 + self.below(3)),
                None => usize::from(!(parameter.optional && self.one_in(3))),
            };
            let types: Vec<DType> = schema.types_of(parameter).iter().collect();
            if index == 0 || !types.contains(&dtype) {
                dtype = *self.of(&types);
            }
            if count == 0 {
                inputs.push(None);
            }
            for _ in 0..count {
                let dims = match (index, self.below(4)) {
                    (0, _) | (_, 0) | (_, 1) => shape.clone(),
                    (_, 2) => self.shape(Some(1), same),
                    _ => self.shape(None, same),
                };
                inputs.push(Some(self.tensor(dtype, &dims)));
            }
        }
        let outputs = schema.outputs.len() + self.below(2);
        node.output = (0..outputs.max(1)).map(|index| index.to_string()).collect();
        Some((node, inputs))
    }
}

/// Reads, infers and runs a node.
fn run(
    op: &Op,
    schema: &'static Schema,
    node: &NodeProto,
    inputs: &[Option<Tensor>],
) -> Result<(), OpError> {
    let folder = Folder::none();
    let named: Vec<bool> = inputs.iter().map(Option::is_some).collect();
    schema.check_arity(&named, &vec![true; node.output.len()])?;
    let types = |tensor: &Option<Tensor>| tensor.as_ref().map(Tensor::dtype);
    schema.check_types(&inputs.iter().map(types).collect::<Vec<_>>())?;
    let mut attributes = Attributes::new(node, schema, &folder, 1 << 20)?;
    let operator = (op.read)(&mut attributes)?;
    attributes.finish()?;
    let views: Vec<_> = inputs
        .iter()
        .map(|input| input.as_ref().map(Tensor::as_view))
        .collect();
    let facts: Vec<Option<Fact>> = inputs
        .iter()
        .map(|input| {
            input
                .as_ref()
                .map(|input| Fact::of(input.dtype(), input.shape()))
        })
        .collect();
    let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
    let inferred = operator.infer(&facts)?;
    let mut slots: Vec<Slot<'_>> = node.output.iter().map(|_| Slot::new(true, None)).collect();
    let mut memory = Memory::new(1 << 22);
    operator.run(&views, &mut Outputs::new(&mut slots, &mut memory))?;
    for (index, slot) in slots.iter().enumerate() {
        let output = slot
            .tensor
            .as_ref()
            .unwrap_or_else(|| panic!("output {index} was not made"));
        let fact = &inferred[index];
        assert_eq!(fact.dtype, output.dtype());
        if let Some(dims) = &fact.dims {
            let alike = |(dim, size): (&Option<usize>, &usize)| dim.is_none_or(|dim| dim == *size);
            let same =
                dims.len() == output.shape().len() && dims.iter().zip(&**output.shape()).all(alike);
            assert!(same, "inferred {fact}, got {output}");
        }
    }
    Ok(())
}

#[test]
fn nonsense_is_an_error_and_never_a_panic() {
    // More are worth it now and then.
    let nodes = std::env::var("RANDOM_NODES").map_or(200, |nodes| nodes.parse().expect("a number"));
    let mut failures = Vec::new();
    for op in OPS {
        let mut ran = 0;
        for schema in op.versions() {
            let mut random = Random(schema.since as u64 + 0x9e37_79b9 * op.name.len() as u64);
            for _ in 0..nodes {
                let Some((node, inputs)) = random.node(schema) else {
                    continue;
                };
                let result = catch_unwind(AssertUnwindSafe(|| run(op, schema, &node, &inputs)));
                match result {
                    Ok(result) => ran += usize::from(result.is_ok()),
                    Err(_) => failures.push(format!(
                        "{} {}: {:?} of {inputs:?}",
                        op.name, schema.since, node.attribute
                    )),
                }
            }
        }
        println!("{}: {ran} ran", op.name);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
