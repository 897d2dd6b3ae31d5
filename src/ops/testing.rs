//! Driving one operator in a test, as a graph would.

use crate::error::OpError;
use crate::onnx::attributes::Attributes;
use crate::onnx::external::Folder;
use crate::onnx::proto::{AttributeProto, NodeProto};
use crate::onnx::tensor::encode;
use crate::ops::schema::Schema;
use crate::ops::{self, Fact, Memory, Operator, Outputs, Slot};
use crate::tensor::{DType, Element, Tensor};

/// A node to be, at one opset.
#[derive(Clone)]
pub(crate) struct Node {
    domain: &'static str,
    name: &'static str,
    opset: i64,
    proto: NodeProto,
}

/// A node of `ai.onnx`.
pub(crate) fn node(name: &'static str, opset: i64) -> Node {
    Node {
        domain: "ai.onnx",
        name,
        opset,
        proto: NodeProto::default(),
    }
}

/// A node of `com.microsoft`.
pub(crate) fn microsoft(name: &'static str) -> Node {
    Node {
        domain: "com.microsoft",
        ..node(name, 1)
    }
}

/// A tensor from its elements.
pub(crate) fn tensor<T: Element>(dims: &[usize], data: Vec<T>) -> Tensor {
    Tensor::new(dims, data).expect("the test gives fitting elements")
}

/// 0, 1, 2 ... of type f32.
pub(crate) fn iota(dims: &[usize]) -> Tensor {
    let len: usize = dims.iter().product();
    tensor(dims, (0..len).map(|i| i as f32).collect())
}

/// The tensors of a stored node test: its inputs and its one output.
pub(crate) fn stored(case: &str, inputs: usize) -> (Vec<Tensor>, Tensor) {
    let read = |file: String| {
        let root = env!("CARGO_MANIFEST_DIR");
        let path = format!("{root}/tests/data/node/{case}/test_data_set_0/{file}");
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        crate::read_tensor(bytes)
            .expect("the stored data are valid")
            .1
    };
    let inputs = (0..inputs).map(|index| read(format!("input_{index}.pb")));
    (inputs.collect(), read("output_0.pb".to_string()))
}

impl Node {
    pub(crate) fn attribute(mut self, attribute: AttributeProto) -> Node {
        self.proto.attribute.push(attribute);
        self
    }

    /// Adds an attribute of the ONNX type `kind`, its value set by `set`.
    fn with(self, name: &str, kind: i32, set: impl FnOnce(&mut AttributeProto)) -> Node {
        let mut attribute = AttributeProto {
            name: name.to_string(),
            r#type: Some(kind),
            ..AttributeProto::default()
        };
        set(&mut attribute);
        self.attribute(attribute)
    }

    pub(crate) fn float(self, name: &str, value: f32) -> Node {
        self.with(name, 1, |attribute| attribute.f = Some(value))
    }

    pub(crate) fn int(self, name: &str, value: i64) -> Node {
        self.with(name, 2, |attribute| attribute.i = Some(value))
    }

    pub(crate) fn string(self, name: &str, value: &str) -> Node {
        let value = value.to_string();
        self.with(name, 3, |attribute| attribute.s = Some(value.into()))
    }

    pub(crate) fn tensor(self, name: &str, value: &Tensor) -> Node {
        self.with(name, 4, |attribute| attribute.t = Some(encode("", value)))
    }

    pub(crate) fn floats(self, name: &str, values: &[f32]) -> Node {
        self.with(name, 6, |attribute| attribute.floats = values.to_vec())
    }

    pub(crate) fn ints(self, name: &str, values: &[i64]) -> Node {
        self.with(name, 7, |attribute| attribute.ints = values.to_vec())
    }

    pub(crate) fn strings(self, name: &str, values: &[&str]) -> Node {
        let values = values.iter().map(|value| value.to_string().into());
        self.with(name, 8, |attribute| attribute.strings = values.collect())
    }

    /// The node with `count` outputs, which are all wanted.
    pub(crate) fn outputs(mut self, count: usize) -> Node {
        self.proto.output = (0..count).map(|index| format!("output{index}")).collect();
        self
    }

    fn schema(&self) -> &'static Schema {
        Schema::find(self.domain, self.name, self.opset).expect("the operator has this version")
    }

    fn read(&self) -> Result<Box<dyn Operator>, OpError> {
        let op = ops::find(self.domain, self.name).expect("the operator is registered");
        let folder = Folder::none();
        let mut attributes = Attributes::new(&self.proto, self.schema(), &folder, usize::MAX)?;
        let operator = (op.read)(&mut attributes)?;
        attributes.finish()?;
        Ok(operator)
    }

    fn check(&self, inputs: &[Option<DType>]) -> Result<(), OpError> {
        let named: Vec<bool> = inputs.iter().map(Option::is_some).collect();
        let outputs = vec![true; self.proto.output.len().max(1)];
        self.schema().check_arity(&named, &outputs)?;
        self.schema().check_types(inputs)
    }

    /// The inferred outputs.
    pub(crate) fn infer(&self, inputs: &[Option<Fact>]) -> Result<Vec<Fact>, OpError> {
        let dtypes: Vec<_> = inputs
            .iter()
            .map(|fact| fact.as_ref().map(|fact| fact.dtype))
            .collect();
        let operator = self.read()?;
        self.check(&dtypes)?;
        operator.infer(&inputs.iter().map(Option::as_ref).collect::<Vec<_>>())
    }

    /// The computed output, with inference held to agree.
    pub(crate) fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, OpError> {
        self.run_within(usize::MAX, inputs)
    }

    /// As [`Node::run`], with at most `limit` bytes of memory.
    pub(crate) fn run_within(
        &self,
        limit: usize,
        inputs: &[Option<&Tensor>],
    ) -> Result<Vec<Tensor>, OpError> {
        let facts = |fact: fn(&Tensor) -> Fact| -> Vec<Option<Fact>> {
            inputs.iter().map(|input| input.map(fact)).collect()
        };
        let inferred = self.infer(&facts(|tensor| Fact::of(tensor.dtype(), tensor.shape())))?;
        let ranks = self.infer(&facts(|tensor| {
            Fact::new(tensor.dtype(), Some(vec![None; tensor.shape().len()]))
        }));
        let types = self.infer(&facts(|tensor| Fact::new(tensor.dtype(), None)));

        let views: Vec<_> = inputs
            .iter()
            .map(|input| input.map(Tensor::as_view))
            .collect();
        let count = self.proto.output.len().max(1);
        let mut slots: Vec<Slot<'_>> = (0..count).map(|_| Slot::new(true, None)).collect();
        let mut memory = Memory::new(limit);
        self.read()?
            .run(&views, &mut Outputs::new(&mut slots, &mut memory))?;
        let made = slots.into_iter().map(|slot| slot.tensor);
        let made: Option<Vec<Tensor>> = made.collect();
        let made = made.expect("the operator made its outputs");

        for facts in [Ok(inferred), ranks, types] {
            let facts = facts.expect("less is known, so no more can be wrong");
            for (fact, output) in facts.iter().zip(&made) {
                assert_eq!(fact.dtype, output.dtype());
                if let Some(dims) = &fact.dims {
                    assert_eq!(dims.len(), output.shape().len(), "{fact}, got {output}");
                    for (dim, &size) in dims.iter().zip(&**output.shape()) {
                        assert!(dim.is_none_or(|dim| dim == size), "{fact}, got {output}");
                    }
                }
            }
        }
        Ok(made)
    }

    /// What [`Node::run`] complains about.
    pub(crate) fn error(&self, inputs: &[Option<&Tensor>]) -> String {
        match self.run(inputs) {
            Ok(outputs) => panic!("no error but {outputs:?}"),
            Err(error) => error.to_string(),
        }
    }
}
