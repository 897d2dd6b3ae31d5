//! Attributes as a file writes them: their types, with and without a declaration, and the values around them.

#[path = "support/mod.rs"]
mod support;

use linn::proto::AttributeProto;
use linn::proto::attribute_proto::AttributeType;
use linn::{Class, DType, Error, Model, inputs};
use support::model::{Build, OneNode, With, attribute, float, int, ints, node, string};
use support::{Report, counting, numbers};

/// The output of a pool with kernel 2 and one more attribute, for 1, 2, 3.
fn pooled(operator: &str, opset: i64, added: AttributeProto) -> Result<Vec<f64>, Error> {
    let node = OneNode::new(operator, opset)
        .ints("kernel_shape", &[2])
        .with(added)
        .input(DType::F32, "1,1,3");
    let model = Model::from_bytes(node.bytes())?;
    let x = counting(DType::F32, &[1, 1, 3]);
    Ok(numbers(&model.run(inputs! { "x0" => &x })?[0]))
}

/// Files older than the field for the type do not have it.
#[test]
fn the_type_may_be_left_out() {
    for undeclared in [None, Some(AttributeType::Undefined as i32)] {
        let without = |attribute| AttributeProto {
            r#type: undeclared,
            ..attribute
        };
        let strides = pooled("MaxPool", 8, without(ints("strides", &[2])));
        assert_eq!(strides.expect("a list"), [2.0]);
        let auto_pad = pooled("MaxPool", 8, without(string("auto_pad", "SAME_UPPER")));
        assert_eq!(auto_pad.expect("a string"), [2.0, 3.0, 3.0]);
        let ceil = pooled("MaxPool", 10, without(int("ceil_mode", 0)));
        assert_eq!(ceil.expect("an int"), [2.0, 3.0]);
        let p = pooled("LpPool", 1, without(float("p", 1.0)));
        assert_eq!(p.expect("a float"), [3.0, 5.0]);
    }
}

/// A value of zero, or an empty list, may be missing where the type is declared.
#[test]
fn zeros_may_be_left_out() {
    let bare = |name: &str, kind| pooled("MaxPool", 12, attribute(name, kind));
    let plain = vec![2.0, 3.0];
    for (name, kind) in [
        ("ceil_mode", AttributeType::Int),
        ("storage_order", AttributeType::Int),
        ("auto_pad", AttributeType::String),
    ] {
        assert_eq!(bare(name, kind).expect(name), plain);
    }
    let error = bare("strides", AttributeType::Ints).expect_err("a list for one axis");
    assert!(
        error
            .to_string()
            .contains("strides has 0 values, must have 1"),
        "{error}"
    );
}

#[test]
fn types_that_are_refused() {
    let mut report = Report::default();
    let two = AttributeProto {
        f: Some(1.0),
        ..int("ceil_mode", 1)
    };
    let lie = AttributeProto {
        r#type: Some(AttributeType::Float as i32),
        ..int("ceil_mode", 1)
    };
    let cases = [
        (
            float("ceil_mode", 1.0),
            "'ceil_mode' has type float, must have type int",
        ),
        (
            string("ceil_mode", "1"),
            "'ceil_mode' has type string, must have type int",
        ),
        (
            int("auto_pad", 1),
            "'auto_pad' has type int, must have type string",
        ),
        (
            int("strides", 1),
            "'strides' has type int, must have type ints",
        ),
        (
            attribute("strides", AttributeType::Graph),
            "'strides' has type graph, must have type ints",
        ),
        (
            lie,
            "'ceil_mode' declares the type float, its value is of type int",
        ),
        (
            two.clone(),
            "'ceil_mode' declares the type int, its value is of type float and int",
        ),
        (
            AttributeProto {
                r#type: None,
                ..two
            },
            "'ceil_mode' has values of types float and int",
        ),
        (
            AttributeProto {
                r#type: None,
                ..attribute("ceil_mode", AttributeType::Int)
            },
            "'ceil_mode' has no type and no value",
        ),
        (
            AttributeProto {
                r#type: Some(99),
                ..int("ceil_mode", 1)
            },
            "'ceil_mode' has the unknown type 99",
        ),
        (ints("kernel_shape", &[2]), "'kernel_shape' is given twice"),
        (
            int("", 1),
            "an attribute without a name is unknown to MaxPool-12",
        ),
        (
            int("cell_mode", 1),
            "'cell_mode' is unknown to MaxPool-12; did you mean 'ceil_mode'?",
        ),
        (
            int("count_include_pad", 1),
            "'count_include_pad' is unknown to MaxPool-12",
        ),
        (
            AttributeProto {
                s: Some(vec![0xff].into()),
                ..attribute("auto_pad", AttributeType::String)
            },
            "auto_pad is not UTF-8",
        ),
        (
            string("auto_pad", "\u{1b}[31mVALID\n"),
            r"auto_pad is '\u{1b}[31mVALID\n', must be",
        ),
    ];
    for (added, words) in cases {
        let result = match pooled("MaxPool", 12, added) {
            Ok(_) => Err("it was accepted".to_string()),
            Err(error) if error.class() != Class::Invalid => Err(format!("{:?}", error.class())),
            Err(error) if error.to_string().contains(words) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        report.check(words, result);
    }
    report.finish(16);
}

/// Shapes that the file notes for values inside, which some writers get wrong: the computed shape rules, and the
/// difference is a warning.
#[test]
fn noted_shapes_do_not_rule() {
    // At this opset some writers note 2 for the size with ceil_mode.
    let build = |size: &str| {
        let pool = node("MaxPool", &["x"], &["pooled"])
            .with(ints("kernel_shape", &[1]))
            .with(ints("strides", &[2]))
            .with(int("ceil_mode", 1));
        let mut build = Build::new(12)
            .input("x", DType::F32, "1,1,2")
            .node(pool)
            .node(node("Relu", &["pooled"], &["y"]))
            .typed_output("y", DType::F32, size);
        let info = support::model::value_info("pooled", DType::F32, Some(size));
        build.graph().value_info.push(info);
        Model::from_bytes(build.bytes())
    };
    let right = build("1,1,1").expect("it is valid");
    assert!(right.warnings().is_empty());
    assert!(build("1,M,?").expect("it is valid").warnings().is_empty());
    let wrong = build("1,1,2").expect("it runs all the same");
    let warnings: Vec<String> = wrong.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("'pooled' is declared with 2 at axis 2 of its shape, it has 1"));
    assert_eq!(wrong.outputs()[0].to_string(), "f32[1,1,1]");
    let x = counting(DType::F32, &[1, 1, 2]);
    for model in [right, wrong] {
        let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
        assert_eq!(outputs["y"].shape()[..], [1, 1, 1]);
    }
}
