//! Writes the folders of `models/`: small models in the layout of the ONNX backend tests.
//!
//!     cargo run --example make_models [FOLDER]
//!
//! The expected outputs are written down here, worked out by hand, so that they test linn instead of repeating it.

use std::error::Error;
use std::fs;
use std::path::Path;

use half::f16;
use linn::proto::attribute_proto::AttributeType;
use linn::proto::tensor_shape_proto::{Dimension, dimension};
use linn::proto::type_proto::{self, Value};
use linn::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};
use linn::{Element, Tensor, write_tensor};
use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or("models".to_string());
    for example in examples() {
        example.write(Path::new(&folder))?;
        println!("{folder}/{}", example.name);
    }
    Ok(())
}

/// A model, and one set of inputs with the outputs they must give.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    model: ModelProto,
    inputs: Vec<(String, Tensor)>,
    outputs: Vec<(String, Tensor)>,
}

pub(crate) fn examples() -> Vec<Example> {
    vec![
        maxpool_2d(),
        averagepool_2d(),
        maxpool_2d_stride_of_window(),
        maxpool_2d_padding_stride(),
        maxpool_2d_oblong_window(),
        maxpool_2d_two_channels(),
        maxpool_1d_dilated_u8(),
        averagepool_2d_ceil_corner(),
        lppool_1d_ceil(),
        globalaveragepool_f16(),
        qlinearaveragepool_u8(),
        maxpool_maxunpool(),
        branches(),
        local_function(),
    ]
}

/// The default stride of ONNX is 1, so the windows overlap.
fn maxpool_2d() -> Example {
    let pool = node("MaxPool", &["x"], &["y"]).ints("kernel_shape", &[2, 2]);
    Model::new(12, vec![pool]).example(
        "maxpool_2d",
        [("x", count(&[1, 1, 3, 3], 0))],
        [("y", tensor(&[1, 1, 2, 2], [4f32, 5., 7., 8.]))],
    )
}

fn averagepool_2d() -> Example {
    let pool = node("AveragePool", &["x"], &["y"]).ints("kernel_shape", &[2, 2]);
    Model::new(13, vec![pool]).example(
        "averagepool_2d",
        [("x", count(&[1, 1, 3, 3], 0))],
        [("y", tensor(&[1, 1, 2, 2], [2f32, 3., 5., 6.]))],
    )
}

/// A stride as long as the window, the default of many frameworks: the last row and column do not fill a window.
fn maxpool_2d_stride_of_window() -> Example {
    let pool = node("MaxPool", &["x"], &["y"])
        .ints("kernel_shape", &[3, 3])
        .ints("strides", &[3, 3]);
    Model::new(14, vec![pool]).example(
        "maxpool_2d_stride_of_window",
        [("x", count(&[1, 1, 4, 4], 0))],
        [("y", tensor(&[1, 1, 1, 1], [10f32]))],
    )
}

/// The window of [`maxpool_2d_padding_stride`] and [`maxpool_2d_two_channels`].
fn padding_stride() -> NodeProto {
    node("MaxPool", &["x"], &["y"])
        .ints("kernel_shape", &[3, 3])
        .ints("strides", &[2, 2])
        .ints("pads", &[1, 1, 1, 1])
}

fn maxpool_2d_padding_stride() -> Example {
    Model::new(12, vec![padding_stride()]).example(
        "maxpool_2d_padding_stride",
        [("x", count(&[1, 1, 4, 4], 0))],
        [("y", tensor(&[1, 1, 2, 2], [5f32, 7., 13., 15.]))],
    )
}

/// Two rows by three columns, padded left and right only.
fn maxpool_2d_oblong_window() -> Example {
    let pool = node("MaxPool", &["x"], &["y"])
        .ints("kernel_shape", &[2, 3])
        .ints("strides", &[2, 3])
        .ints("pads", &[0, 1, 0, 1]);
    Model::new(15, vec![pool]).example(
        "maxpool_2d_oblong_window",
        [("x", count(&[1, 1, 4, 4], 0))],
        [("y", tensor(&[1, 1, 2, 2], [5f32, 7., 13., 15.]))],
    )
}

/// Channels stay apart, and their number is kept.
fn maxpool_2d_two_channels() -> Example {
    let x = (0..16).chain(1..17).map(|x| x as f32);
    Model::new(18, vec![padding_stride()]).example(
        "maxpool_2d_two_channels",
        [("x", tensor(&[1, 2, 4, 4], x))],
        [(
            "y",
            tensor(&[1, 2, 2, 2], [5f32, 7., 13., 15., 6., 8., 14., 16.]),
        )],
    )
}

/// `SAME_UPPER` keeps the length whatever the dilation; the pads are 2 and 2.
fn maxpool_1d_dilated_u8() -> Example {
    let pool = node("MaxPool", &["x"], &["y"])
        .ints("kernel_shape", &[3])
        .ints("dilations", &[2])
        .string("auto_pad", "SAME_UPPER");
    Model::new(20, vec![pool]).example(
        "maxpool_1d_dilated_u8",
        [("x", tensor(&[1, 1, 8], 1..=8u8))],
        [("y", tensor(&[1, 1, 8], [3u8, 4, 5, 6, 7, 8, 7, 8]))],
    )
}

/// Padding counts, the overhang of `ceil_mode` does not: the last row and column divide by 2 * 3, the corner by 2 * 2.
fn averagepool_2d_ceil_corner() -> Example {
    let pool = node("AveragePool", &["x"], &["y"])
        .ints("kernel_shape", &[3, 3])
        .ints("strides", &[2, 2])
        .ints("pads", &[1, 1, 1, 1])
        .int("ceil_mode", 1)
        .int("count_include_pad", 1);
    let y = [
        [14f32 / 9., 30. / 9., 12. / 6.],
        [57. / 9., 99. / 9., 36. / 6.],
        [27. / 6., 45. / 6., 16. / 4.],
    ];
    Model::new(19, vec![pool]).example(
        "averagepool_2d_ceil_corner",
        [("x", count(&[1, 1, 4, 4], 1))],
        [("y", tensor(&[1, 1, 3, 3], y.into_iter().flatten()))],
    )
}

/// The second window has two elements and hangs over by two; a norm has no divisor, so they do not matter.
fn lppool_1d_ceil() -> Example {
    let pool = node("LpPool", &["x"], &["y"])
        .ints("kernel_shape", &[4])
        .ints("strides", &[4])
        .int("ceil_mode", 1)
        .int("p", 2);
    let y = [30f32.sqrt(), 61f32.sqrt()];
    Model::new(18, vec![pool]).example(
        "lppool_1d_ceil",
        [("x", count(&[1, 1, 6], 1))],
        [("y", tensor(&[1, 1, 2], y))],
    )
}

/// The sum, 90000, is beyond the range of f16; the mean is not.
fn globalaveragepool_f16() -> Example {
    let value = f16::from_f32(300.);
    Model::new(22, vec![node("GlobalAveragePool", &["x"], &["y"])]).example(
        "globalaveragepool_f16",
        [("x", tensor(&[1, 1, 300], [value; 300]))],
        [("y", tensor(&[1, 1, 1], [value]))],
    )
}

/// The last window holds 50 alone.
fn qlinearaveragepool_u8() -> Example {
    let inputs = ["x", "scale", "zero", "scale", "zero"];
    let pool = NodeProto {
        domain: "com.microsoft".to_string(),
        ..node("QLinearAveragePool", &inputs, &["y"])
    }
    .ints("kernel_shape", &[2])
    .ints("strides", &[2])
    .int("ceil_mode", 1)
    .int("count_include_pad", 1);
    let mut model = Model::new(17, vec![pool]);
    model.import("com.microsoft", 1);
    model.initializer("scale", tensor(&[], [1f32]));
    model.initializer("zero", tensor(&[], [0u8]));
    model.example(
        "qlinearaveragepool_u8",
        [("x", tensor(&[1, 1, 5], [10u8, 20, 30, 40, 50]))],
        [("y", tensor(&[1, 1, 3], [15u8, 35, 50]))],
    )
}

/// The maxima go back to where they were found.
fn maxpool_maxunpool() -> Example {
    let window = |node: NodeProto| node.ints("kernel_shape", &[2, 2]).ints("strides", &[2, 2]);
    let nodes = vec![
        window(node("MaxPool", &["x"], &["largest", "places"])),
        window(node("MaxUnpool", &["largest", "places"], &["y"])),
    ];
    #[rustfmt::skip]
    let (x, y) = (
        [ 1f32,  6.,  2.,  3.,
            5.,  4.,  8.,  7.,
            9., 12., 10., 11.,
           14., 13., 16., 15.],
        [ 0f32,  6.,  0.,  0.,
            0.,  0.,  8.,  0.,
            0.,  0.,  0.,  0.,
           14.,  0., 16.,  0.],
    );
    Model::new(16, nodes).example(
        "maxpool_maxunpool",
        [("x", tensor(&[1, 1, 4, 4], x))],
        [
            ("y", tensor(&[1, 1, 4, 4], y)),
            ("places", tensor(&[1, 1, 2, 2], [1i64, 6, 12, 14])),
        ],
    )
}

/// Two pools of one input, joined; N, H and W are known only when the model runs.
fn branches() -> Example {
    let window = |node: NodeProto| node.ints("kernel_shape", &[2, 2]).ints("strides", &[2, 2]);
    let nodes = vec![
        window(node("MaxPool", &["x"], &["largest"])),
        window(node("AveragePool", &["x"], &["mean"])),
        node("Add", &["largest", "mean"], &["sum"]),
        node("Relu", &["sum"], &["positive"]),
        node("Flatten", &["positive"], &["y"]).int("axis", 1),
    ];
    let x = (0..16).chain((-15..=0).rev()).map(|x| x as f32);
    let mut example = Model::new(22, nodes).example(
        "branches",
        [("x", tensor(&[1, 2, 4, 4], x))],
        [(
            "y",
            tensor(&[1, 8], [7.5f32, 11.5, 23.5, 27.5, 0., 0., 0., 0.]),
        )],
    );
    let graph = example.model.graph.get_or_insert_default();
    graph.input = vec![value_info(
        "x",
        linn::DType::F32,
        &[
            Size::Symbol("N"),
            Size::Known(2),
            Size::Symbol("H"),
            Size::Symbol("W"),
        ],
    )];
    graph.output = vec![value_info(
        "y",
        linn::DType::F32,
        &[Size::Symbol("N"), Size::Symbol("features")],
    )];
    example
}

/// A function of the model's own, called twice; the calls say how large its window is.
fn local_function() -> Example {
    let window = |node: NodeProto| {
        node.parameter("kernel_shape", "window")
            .parameter("strides", "window")
    };
    let function = FunctionProto {
        name: "MaxPlusMean".to_string(),
        domain: "example".to_string(),
        input: strings(&["x"]),
        output: strings(&["y"]),
        attribute: strings(&["window"]),
        node: vec![
            window(node("MaxPool", &["x"], &["largest"])),
            window(node("AveragePool", &["x"], &["mean"])),
            node("Add", &["largest", "mean"], &["y"]),
        ],
        opset_import: vec![opset("", 21)],
        ..FunctionProto::default()
    };
    let call = |input, output| {
        NodeProto {
            domain: "example".to_string(),
            ..node("MaxPlusMean", &[input], &[output])
        }
        .ints("window", &[2, 2])
    };
    // First 4x4 to [[7.5, 11.5], [23.5, 27.5]], then to 27.5 + 17.5.
    let mut model = Model::new(21, vec![call("x", "halved"), call("halved", "y")]);
    model.import("example", 1);
    model.0.functions.push(function);
    model.example(
        "local_function",
        [("x", count(&[1, 1, 4, 4], 0))],
        [("y", tensor(&[1, 1, 1, 1], [45f32]))],
    )
}

/// A model before its inputs and outputs are declared.
struct Model(ModelProto);

impl Model {
    fn new(version: i64, nodes: Vec<NodeProto>) -> Model {
        Model(ModelProto {
            // The versions of the format that ONNX 1.12 and 1.16 brought; the latter came with opset 21.
            ir_version: Some(if version < 21 { 8 } else { 10 }),
            producer_name: "linn".to_string(),
            opset_import: vec![opset("", version)],
            graph: Some(GraphProto {
                node: nodes,
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        })
    }

    fn import(&mut self, domain: &str, version: i64) {
        self.0.opset_import.push(opset(domain, version));
    }

    fn graph(&mut self) -> &mut GraphProto {
        self.0.graph.get_or_insert_default()
    }

    fn initializer(&mut self, name: &str, tensor: Tensor) {
        let bytes = write_tensor(name, &tensor);
        let proto = TensorProto::decode(&*bytes).expect("just encoded");
        self.graph().initializer.push(proto);
    }

    /// Declares inputs and outputs by what they are in the one data set.
    fn example<const I: usize, const O: usize>(
        mut self,
        name: &'static str,
        inputs: [(&str, Tensor); I],
        outputs: [(&str, Tensor); O],
    ) -> Example {
        let info = |(name, tensor): &(&str, Tensor)| {
            let sizes: Vec<Size> = tensor
                .shape()
                .iter()
                .map(|&size| Size::Known(size))
                .collect();
            value_info(name, tensor.dtype(), &sizes)
        };
        let graph = self.graph();
        graph.name = name.to_string();
        graph.input = inputs.iter().map(info).collect();
        graph.output = outputs.iter().map(info).collect();
        let named = |(name, tensor): (&str, Tensor)| (name.to_string(), tensor);
        Example {
            name,
            model: self.0,
            inputs: inputs.into_iter().map(named).collect(),
            outputs: outputs.into_iter().map(named).collect(),
        }
    }
}

impl Example {
    /// Writes `models/NAME/model.onnx` and its data set.
    pub(crate) fn write(&self, models: &Path) -> std::io::Result<()> {
        let folder = models.join(self.name);
        let data_set = folder.join("test_data_set_0");
        fs::create_dir_all(&data_set)?;
        fs::write(folder.join("model.onnx"), self.model.encode_to_vec())?;
        for (kind, tensors) in [("input", &self.inputs), ("output", &self.outputs)] {
            for (index, (name, tensor)) in tensors.iter().enumerate() {
                let file = data_set.join(format!("{kind}_{index}.pb"));
                fs::write(file, write_tensor(name, tensor))?;
            }
        }
        Ok(())
    }
}

fn tensor<T: Element>(dims: &[usize], elements: impl IntoIterator<Item = T>) -> Tensor {
    Tensor::new(dims, elements.into_iter().collect()).expect("as many elements as the shape holds")
}

/// `first`, `first + 1` and so on, in C order.
fn count(dims: &[usize], first: usize) -> Tensor {
    let len: usize = dims.iter().product();
    tensor(dims, (first..first + len).map(|x| x as f32))
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_string()).collect()
}

fn opset(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: domain.to_string(),
        version: Some(version),
    }
}

fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: operator.to_string(),
        input: strings(inputs),
        output: strings(outputs),
        ..NodeProto::default()
    }
}

/// Attributes of a node, one after the other.
trait Attributes: Sized {
    fn attribute(self, name: &str, kind: AttributeType, value: AttributeProto) -> Self;

    fn int(self, name: &str, value: i64) -> Self {
        let value = AttributeProto {
            i: Some(value),
            ..AttributeProto::default()
        };
        self.attribute(name, AttributeType::Int, value)
    }

    fn ints(self, name: &str, values: &[i64]) -> Self {
        let value = AttributeProto {
            ints: values.to_vec(),
            ..AttributeProto::default()
        };
        self.attribute(name, AttributeType::Ints, value)
    }

    fn string(self, name: &str, value: &'static str) -> Self {
        let value = AttributeProto {
            s: Some(value.into()),
            ..AttributeProto::default()
        };
        self.attribute(name, AttributeType::String, value)
    }

    /// Ints that the caller of a function gives as its attribute `parameter`.
    fn parameter(self, name: &str, parameter: &str) -> Self {
        let value = AttributeProto {
            ref_attr_name: parameter.to_string(),
            ..AttributeProto::default()
        };
        self.attribute(name, AttributeType::Ints, value)
    }
}

impl Attributes for NodeProto {
    fn attribute(mut self, name: &str, kind: AttributeType, value: AttributeProto) -> NodeProto {
        self.attribute.push(AttributeProto {
            name: name.to_string(),
            r#type: Some(kind as i32),
            ..value
        });
        self
    }
}

enum Size {
    Known(usize),
    Symbol(&'static str),
}

fn value_info(name: &str, dtype: linn::DType, sizes: &[Size]) -> ValueInfoProto {
    let dim = sizes.iter().map(|size| Dimension {
        value: Some(match size {
            Size::Known(size) => dimension::Value::DimValue(*size as i64),
            Size::Symbol(name) => dimension::Value::DimParam((*name).to_string()),
        }),
        ..Dimension::default()
    });
    let tensor = type_proto::Tensor {
        elem_type: dtype as i32,
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: name.to_string(),
        r#type: Some(TypeProto {
            value: Some(Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}
