//! What linn refuses, and how it says so: attributes, graphs, inputs, external data; and what it accepts.

#[path = "support/mod.rs"]
mod support;

use std::fs;

use linn::proto::StringStringEntryProto;
use linn::proto::attribute_proto::AttributeType;
use linn::{Class, DType, Error, Model, Options, Simd, Tensor, inputs};
use support::model::{Build, OneNode, With, import, ints, node, reference, tensor_proto};
use support::{Report, counting, f32s, i64s, numbers};

fn load(model: &OneNode) -> Result<Model, Error> {
    Model::from_bytes(model.bytes())
}

/// Checks that the attribute is refused with these words: at load where the shape is declared, else when run.
fn refused(report: &mut Report, model: &OneNode, words: &[&str]) {
    let check = |error: Option<Error>, classes: &[Class]| match error {
        None => Err("it was accepted".to_string()),
        Some(error) => {
            let text = error.to_string();
            let missing = words.iter().find(|word| !text.contains(**word));
            match (
                missing,
                classes.contains(&error.class()),
                text.contains('\n'),
            ) {
                (None, true, false) => Ok(()),
                _ => Err(format!("class {:?}: {text}", error.class())),
            }
        }
    };
    let declared = load(&model.clone().input(DType::F32, "1,1,4,4")).err();
    report.check(
        format!("{words:?}, declared"),
        check(declared, &[Class::Invalid]),
    );
    let symbolic = load(&model.clone().input_of_any_rank(DType::F32)).and_then(|model| {
        let x = counting(DType::F32, &[1, 1, 4, 4]);
        model.run(inputs! { "x0" => &x }).map(drop)
    });
    let classes = [Class::Invalid, Class::Run];
    report.check(
        format!("{words:?}, symbolic"),
        check(symbolic.err(), &classes),
    );
}

#[test]
fn attributes_of_windows() {
    let mut report = Report::default();
    for operator in ["MaxPool", "AveragePool", "LpPool"] {
        let bare = || OneNode::new(operator, 22);
        let pool = || bare().ints("kernel_shape", &[2, 2]);
        let report = &mut report;
        refused(report, &bare(), &["kernel_shape", "missing"]);
        refused(report, &bare().ints("kernel_shape", &[]), &["kernel_shape"]);
        refused(
            report,
            &bare().ints("kernel_shape", &[2, 0]),
            &["kernel_shape[1] is 0, must be at least 1"],
        );
        refused(
            report,
            &bare().ints("kernel_shape", &[-2, 2]),
            &["kernel_shape[0] is -2"],
        );
        refused(
            report,
            &bare().ints("kernel_shape", &[2]),
            &["kernel_shape has 1 value for 2 spatial axes"],
        );
        refused(
            report,
            &bare().ints("kernel_shape", &[6, 6]),
            &["kernel_shape", "would be -1"],
        );
        refused(
            report,
            &pool().ints("strides", &[1, 0]),
            &["strides[1] is 0"],
        );
        refused(
            report,
            &pool().ints("strides", &[1]),
            &["strides has 1 values, must have 2"],
        );
        refused(
            report,
            &pool().ints("dilations", &[0, 1]),
            &["dilations[0] is 0"],
        );
        refused(
            report,
            &pool().ints("dilations", &[1, 1, 1]),
            &["dilations has 3"],
        );
        refused(
            report,
            &pool()
                .ints("dilations", &[1 << 62, 1 << 62])
                .ints("kernel_shape", &[9, 9]),
            &["kernel_shape", "twice"],
        );
        refused(
            report,
            &bare()
                .ints("kernel_shape", &[9, 9])
                .ints("dilations", &[1 << 62, 1]),
            &["dilations[0]"],
        );
        refused(
            report,
            &pool().ints("pads", &[0, 0, -1, 0]),
            &["pads[2] is -1"],
        );
        refused(
            report,
            &pool().ints("pads", &[1, 1]),
            &["pads has 2 values, must have 4"],
        );
        refused(
            report,
            &pool().ints("pads", &[1 << 62, 0, 1 << 62, 0]),
            &["pads[0]", "too large"],
        );
        refused(
            report,
            &pool().string("auto_pad", "same_upper"),
            &["auto_pad is 'same_upper'", "SAME_UPPER"],
        );
        refused(
            report,
            &pool().int("ceil_mode", 2),
            &["ceil_mode is 2, must be 0 or 1"],
        );
        refused(report, &pool().int("wobble", 1), &["'wobble' is unknown"]);
        refused(
            report,
            &pool().int("stride", 1),
            &["did you mean 'strides'?"],
        );
        refused(
            report,
            &bare().int("kernel_shape", 2),
            &["kernel_shape", "type int, must have type ints"],
        );
    }
    let max = || OneNode::new("MaxPool", 22).ints("kernel_shape", &[2, 2]);
    refused(
        &mut report,
        &max().int("storage_order", 2),
        &["storage_order is 2"],
    );
    let lp = || OneNode::new("LpPool", 22).ints("kernel_shape", &[2, 2]);
    for p in [0, -1] {
        refused(&mut report, &lp().int("p", p), &["p is", "at least 1"]);
    }
    report.finish(100);
}

#[test]
fn what_a_version_does_not_have() {
    let mut report = Report::default();
    let pool = |operator, opset| OneNode::new(operator, opset).ints("kernel_shape", &[2, 2]);
    refused(
        &mut report,
        &pool("MaxPool", 9).int("ceil_mode", 1),
        &["ceil_mode", "MaxPool-10", "MaxPool-8"],
    );
    refused(
        &mut report,
        &pool("AveragePool", 11).ints("dilations", &[1, 1]),
        &["dilations", "AveragePool-19"],
    );
    refused(
        &mut report,
        &pool("LpPool", 11).int("ceil_mode", 1),
        &["ceil_mode", "LpPool-18"],
    );
    refused(
        &mut report,
        &pool("AveragePool", 1).int("count_include_pad", 1),
        &["count_include_pad", "AveragePool-7"],
    );
    refused(&mut report, &pool("MaxPool", 1).outputs(2), &["2 outputs"]);
    report.finish(10);
    for (dtype, opset) in [(DType::I32, 22), (DType::U8, 11), (DType::BF16, 21)] {
        let error = load(&pool("MaxPool", opset).input(dtype, "1,1,4,4")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("X has elements of type {dtype}")),
            "{error}"
        );
    }
    let error = load(&OneNode::new("GlobalMaxPool", 22).input(DType::U8, "1,1,4,4")).unwrap_err();
    assert_eq!(error.class(), Class::Invalid);
    let error = load(&OneNode::new("BitwiseNot", 12).input(DType::U8, "4")).unwrap_err();
    assert!(error.to_string().contains("new in opset 18"), "{error}");
}

#[test]
fn what_is_not_supported_is_said_at_once() {
    let model = Build::new(21)
        .input("x", DType::F32, "1,1,4,4")
        .node(node("Bernoulli", &["x"], &["a"]).named("first"))
        .node(node("MaxPool", &["a"], &["b"]).with(ints("kernel_shape", &[2, 2])))
        .node(node("SequenceConstruct", &["b"], &["c"]))
        .node(node("StringNormalizer", &["c"], &["y"]).named("last"))
        .output("y");
    let error = Model::from_bytes(model.bytes()).unwrap_err();
    assert_eq!(error.class(), Class::Unsupported);
    let text = error.to_string();
    for part in [
        "3 items",
        "node 0 'first' (Bernoulli",
        "node 2 writing 'c' (SequenceConstruct",
        "node 3 'last' (StringNormalizer",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("model.onnx");
    fs::write(&file, model.bytes()).expect("a file");
    assert_eq!(Model::check(&file).expect("it is valid").len(), 3);
}

#[test]
fn inputs_of_a_call() {
    let add = Build::new(14)
        .input("left", DType::F32, "N,2")
        .input("right", DType::F32, "N,2")
        .node(node("Add", &["left", "right"], &["y"]))
        .output("y");
    let model = Model::from_bytes(add.bytes()).expect("it is valid");
    let x = f32s(&[3, 2], &[1.0; 6]);
    let short = f32s(&[2, 2], &[1.0; 4]);
    let wide = Tensor::new(&[3, 2], vec![1f64; 6]).expect("it fits");
    let flat = f32s(&[6], &[1.0; 6]);
    let cases: [(&[(&str, &Tensor)], &str); 7] = [
        (
            &[("left", &x)],
            "an input is missing: 'right'; 'right' wants f32[N,2]",
        ),
        (&[], "inputs are missing: 'left', 'right'"),
        (
            &[("left", &x), ("rigth", &x)],
            "no input 'rigth'; its inputs are 'left', 'right'",
        ),
        (&[("left", &x), ("left", &x)], "'left' is given twice"),
        (
            &[("left", &x), ("right", &wide)],
            "wanted f32[N,2], got f64[3,2]",
        ),
        (
            &[("left", &x), ("right", &flat)],
            "has rank 1, must have rank 2",
        ),
        (
            &[("left", &x), ("right", &short)],
            "has dimension 2 at axis 0, where the dimension 'N' is 3 as in 'left'",
        ),
    ];
    for (inputs, words) in cases {
        let error = model.run(inputs.iter().copied()).unwrap_err();
        assert_eq!(error.class(), Class::Input, "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    let misspelt = [("left", &x), ("rigth", &x)];
    let error = model.run(misspelt).unwrap_err();
    assert_eq!(error.help(), Some("did you mean 'right'?"));
    assert_eq!(
        model
            .run([("left", &x), ("right", &x)])
            .expect("it runs")
            .len(),
        1
    );
}

#[test]
fn buffers_of_the_caller() {
    let model = Build::new(14)
        .input("x", DType::F32, "N")
        .node(node("Relu", &["x"], &["y"]))
        .output("y")
        .output("x");
    let model = Model::from_bytes(model.bytes()).expect("it is valid");
    let x = f32s(&[2], &[-1.0, 1.0]);
    let (mut y, mut copy) = (
        ndarray::Array1::<f32>::ones(2),
        ndarray::Array1::<f32>::zeros(2),
    );
    let outputs = [("y", &mut y), ("x", &mut copy)];
    model
        .run_into(inputs! { "x" => &x }, outputs)
        .expect("it runs");
    assert_eq!(
        (y.to_vec(), copy.to_vec()),
        (vec![0.0, 1.0], vec![-1.0, 1.0])
    );

    let mut tensor = f32s(&[2], &[7.0; 2]);
    model
        .run_into(inputs! { "x" => &x }, [("y", &mut tensor)])
        .expect("it runs");
    assert_eq!(numbers(&tensor), [0.0, 1.0]);

    let mut long = ndarray::Array1::<f32>::zeros(3);
    let error = model
        .run_into(inputs! { "x" => &x }, [("y", &mut long)])
        .unwrap_err();
    assert_eq!(error.class(), Class::Input);
    assert!(
        error.to_string().contains("is f32[3], must be f32[2]"),
        "{error}"
    );
    let error = model
        .run_into(inputs! { "x" => &x }, [("z", &mut y)])
        .unwrap_err();
    assert!(error.to_string().contains("no output 'z'"), "{error}");
    let mut strided = ndarray::Array1::<f32>::zeros(4);
    let every_second = strided.slice_axis_mut(ndarray::Axis(0), ndarray::Slice::new(0, None, 2));
    let error = model
        .run_into(inputs! { "x" => &x }, [("y", every_second)])
        .unwrap_err();
    assert!(error.to_string().contains("contiguous"), "{error}");
    // A failed call leaves the model as it was.
    model
        .run_into(inputs! { "x" => &x }, [("y", &mut y)])
        .expect("it runs");
}

#[test]
fn the_account_of_memory() {
    let relu = |from, to| node("Relu", &[from], &[to]);
    let build = Build::new(14)
        .input("x", DType::F32, "N")
        .initializer("unused", &f32s(&[3], &[0.0; 3]))
        .node(relu("x", "a"))
        .node(relu("a", "b"))
        .node(relu("b", "y"))
        .output("y");
    for (keep_values, constants) in [(true, 3), (false, 0)] {
        let mut options = Options::default();
        options.keep_values = keep_values;
        let model = Model::from_bytes_with(build.bytes(), &options).expect("it is valid");
        assert_eq!(model.peak_bytes(), 0);
        let run = |size: usize| {
            let x = f32s(&[size], &vec![1.0; size]);
            model.run(inputs! { "x" => &x }).expect("it runs");
            model.peak_bytes()
        };
        // The initializer, if it is kept though no node reads it, and one value, which each node behind the first writes over.
        assert_eq!(run(10), 4 * (constants + 10));
        assert_eq!(run(5), 4 * (constants + 10), "the most of all runs");
        assert_eq!(run(20), 4 * (constants + 20));
    }
}

#[test]
fn instruction_sets_of_a_model() {
    let model = Build::new(14)
        .input("x", DType::F32, "1,1,N")
        .node(node("MaxPool", &["x"], &["y"]).with(ints("kernel_shape", &[2])))
        .output("y");
    let load = |simd| {
        let mut options = Options::default();
        options.simd = simd;
        Model::from_bytes_with(model.bytes(), &options)
    };
    let x = f32s(&[1, 1, 3], &[1.0, 3.0, 2.0]);
    for simd in Simd::available() {
        let model = load(simd).expect("the machine has it");
        let outputs = model.run(inputs! { "x" => &x }).expect("it runs");
        assert_eq!(numbers(&outputs[0]), [3.0, 3.0], "{simd}");
    }
    let lacking = match cfg!(target_arch = "aarch64") {
        true => Simd::Avx2,
        false => Simd::Neon,
    };
    let error = load(lacking).unwrap_err();
    assert_eq!(error.class(), Class::Unsupported);
    assert!(error.to_string().contains(lacking.name()), "{error}");
}

#[test]
fn graphs_that_contradict_themselves() {
    let start = || Build::new(14).input("x", DType::F32, "4");
    let relu = |from, to| node("Relu", &[from], &[to]);
    let initializer = f32s(&[4], &[0.0; 4]);
    let cases = [
        (
            start()
                .node(relu("x", "y"))
                .node(relu("x", "y"))
                .output("y"),
            "'y', which is already defined",
        ),
        (
            start().node(relu("x", "x")).output("x"),
            "'x', which is already defined",
        ),
        (start().node(relu("y", "y")).output("y"), "cycle"),
        (
            start()
                .node(relu("a", "b"))
                .node(relu("b", "a"))
                .output("a"),
            "cycle",
        ),
        (
            start().node(relu("z", "y")).output("y"),
            "reads 'z', which is not defined anywhere",
        ),
        (
            start().node(relu("x", "y")).output("z"),
            "'z' is not defined anywhere",
        ),
        (start().node(relu("x", "y")), "no output"),
        (
            start()
                .initializer("w", &initializer)
                .initializer("w", &initializer)
                .output("w"),
            "'w', which is already",
        ),
        (start().initializer("", &initializer).output("x"), "no name"),
        (
            start()
                .node(relu("x", "y"))
                .typed_output("y", DType::I64, "4"),
            "declared with the element type i64",
        ),
        (
            start()
                .node(relu("x", "y"))
                .typed_output("y", DType::F32, "2,2"),
            "declared with rank 2",
        ),
        (
            start()
                .input("w", DType::F32, "9")
                .initializer("w", &initializer)
                .output("w"),
            "9 at axis 0",
        ),
        (
            start().import("", 13).node(relu("x", "y")).output("y"),
            "two opset imports",
        ),
        (
            start().node(node("Relu", &[""], &["y"])).output("y"),
            "input X is missing",
        ),
        (
            start().node(node("Nothing", &["x"], &["y"])).output("y"),
            "'Nothing' does not exist",
        ),
        (
            start().node(relu("x", "y").of("evil.com")).output("y"),
            "'evil.com', which the model does not import",
        ),
    ];
    for (model, words) in cases {
        let error = Model::from_bytes(model.bytes()).unwrap_err();
        assert_eq!(error.class(), Class::Invalid, "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}

#[test]
fn versions_of_the_format() {
    let model = |ir, opset| {
        let mut model = Build::new(opset)
            .input("x", DType::F32, "1,1,4,4")
            .node(node("GlobalMaxPool", &["x"], &["y"]))
            .output("y");
        model.0.ir_version = ir;
        Model::from_bytes(model.bytes())
    };
    for ir in 3..=14 {
        assert!(
            model(Some(ir), 13)
                .expect("it is valid")
                .warnings()
                .is_empty()
        );
    }
    for (ir, opset) in [
        (15, 13),
        (10, 999),
        (i64::from(i32::MAX), i64::from(i32::MAX)),
    ] {
        let model = model(Some(ir), opset).expect("it runs");
        assert!(!model.warnings().is_empty());
        let x = counting(DType::F32, &[1, 1, 4, 4]);
        assert_eq!(
            numbers(&model.run(inputs! { "x" => &x }).expect("it runs")[0]),
            [16.0]
        );
    }
    let invalid = [
        (None, 13),
        (Some(0), 13),
        (Some(-5), 13),
        (Some(10), 0),
        (Some(10), -1),
        (Some(10), 1 << 40),
    ];
    for (ir, opset) in invalid {
        assert_eq!(model(ir, opset).unwrap_err().class(), Class::Invalid);
    }
    assert_eq!(model(Some(2), 13).unwrap_err().class(), Class::Unsupported);
}

#[test]
fn graphs_that_are_unusual_but_right() {
    // Unsorted nodes, an optional output left out, an initializer as the default of an input.
    let model = Build::new(14)
        .input("x", DType::F32, "1,1,4,4")
        .input("w", DType::F32, "1")
        .initializer("w", &f32s(&[1], &[100.0]))
        .node(node("Add", &["pooled", "w"], &["y"]))
        .node(node("MaxPool", &["x"], &["pooled", ""]).with(ints("kernel_shape", &[4, 4])))
        .output("y");
    let model = Model::from_bytes(model.bytes()).expect("it is valid");
    let x = counting(DType::F32, &[1, 1, 4, 4]);
    let run = |inputs: &[(&str, &Tensor)]| {
        numbers(&model.run(inputs.iter().copied()).expect("it runs")[0])
    };
    assert_eq!(run(&[("x", &x)]), [116.0]);
    assert_eq!(run(&[("x", &x), ("w", &f32s(&[1], &[1.0]))]), [17.0]);
    let fetched = model
        .fetch(inputs! { "x" => &x }, &["pooled", "x", "pooled"])
        .expect("it runs");
    assert_eq!(
        (numbers(&fetched[0]), numbers(&fetched[2])),
        (vec![16.0], vec![16.0])
    );
    assert_eq!(fetched[1], x);
    let error = model.fetch(inputs! { "x" => &x }, &["poolde"]).unwrap_err();
    assert_eq!(error.help(), Some("did you mean 'pooled'?"));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(run(&[("x", &x)]), [116.0])));
        }
    });
}

#[test]
fn functions_of_the_model() {
    let function = |name: &str, body| linn::proto::FunctionProto {
        name: name.into(),
        domain: "local".into(),
        input: vec!["a".into(), "b".into()],
        output: vec!["c".into(), "d".into()],
        node: body,
        attribute: vec!["kernel".into()],
        attribute_proto: vec![ints("strides", &[2, 2])],
        opset_import: vec![import("", 21), import("local", 1)],
        ..Default::default()
    };
    let pool = node("MaxPool", &["a"], &["hidden"])
        .with(reference("kernel_shape", "kernel", AttributeType::Ints))
        .with(reference("strides", "strides", AttributeType::Ints));
    let inner = function(
        "inner",
        vec![
            pool,
            node("Relu", &["hidden"], &["c"]),
            node("Identity", &["a"], &["d"]),
        ],
    );
    let call = node("inner", &["a"], &["c", ""])
        .of("local")
        .with(reference("kernel", "kernel", AttributeType::Ints));
    // `d` only passes `a` on.
    let mut outer = function("outer", vec![call]);
    outer.output = vec!["c".into(), "a".into()];
    let model = |kernel: Option<&[i64]>| {
        let mut call = node("outer", &["x"], &["y", "same"]).of("local");
        if let Some(kernel) = kernel {
            call = call.with(ints("kernel", kernel));
        }
        Build::new(21)
            .import("local", 1)
            .input("x", DType::F32, "1,1,4,4")
            .function(inner.clone())
            .function(outer.clone())
            .node(call)
            .output("y")
            .output("same")
    };
    let loaded = Model::from_bytes(model(Some(&[2, 2])).bytes()).expect("it is valid");
    let x = counting(DType::F32, &[1, 1, 4, 4]);
    let outputs = loaded.run(inputs! { "x" => &x }).expect("it runs");
    assert_eq!(numbers(&outputs["y"]), [6.0, 8.0, 14.0, 16.0]);
    assert_eq!(outputs["same"], x);
    // Without the attribute the pool in the function lacks it, and the message leads there.
    let error = Model::from_bytes(model(None).bytes()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("'outer#0' / 'inner#0' / node 0"), "{text}");
    assert!(text.contains("kernel_shape is missing"), "{text}");
}

#[test]
fn external_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("model");
    fs::create_dir_all(root.join("sub")).expect("a folder");
    let data: Vec<u8> = [1f32, 2.0, 3.0]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    fs::write(root.join("w.data"), &data).expect("a file");
    fs::write(root.join("sub/w.data"), &data).expect("a file");
    fs::write(folder.path().join("secret"), &data).expect("a file");
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).expect("a link");
    let load = |entries: &[(&str, &str)]| {
        let mut model = Build::new(14).output("w");
        let mut proto = tensor_proto("w", &f32s(&[2], &[0.0; 2]));
        proto.raw_data = None;
        proto.data_location = Some(1);
        proto.external_data = entries
            .iter()
            .map(|(key, value)| StringStringEntryProto {
                key: (*key).into(),
                value: (*value).into(),
            })
            .collect();
        model.graph().initializer.push(proto);
        let file = root.join("model.onnx");
        fs::write(&file, model.bytes()).expect("a file");
        let model = Model::load(&file).map_err(|error| error.to_string())?;
        let none: [(&str, &Tensor); 0] = [];
        Ok::<_, String>(numbers(&model.run(none).expect("it runs")[0]))
    };
    assert_eq!(load(&[("location", "w.data")]), Ok(vec![1.0, 2.0]));
    assert_eq!(
        load(&[
            ("location", "./sub/w.data"),
            ("offset", "4"),
            ("length", "8")
        ]),
        Ok(vec![2.0, 3.0])
    );
    let secret = folder.path().join("secret").display().to_string();
    let refused: [(&[(&str, &str)], &str); 11] = [
        (&[("location", "../secret")], "inside the model's folder"),
        (
            &[("location", "sub/../../secret")],
            "inside the model's folder",
        ),
        (&[("location", &secret)], "inside the model's folder"),
        (&[("location", "link")], "through a link"),
        (&[("location", "sub")], "not a regular file"),
        (&[("location", "none")], "No such file"),
        (&[("location", "")], "an empty location"),
        (&[], "no location"),
        (
            &[("location", "w.data"), ("offset", "8")],
            "4 bytes from offset 8, 8 are needed",
        ),
        (&[("location", "w.data"), ("offset", "-1")], "offset '-1'"),
        (&[("location", "w.data"), ("length", "12")], "length 12"),
    ];
    for (entries, words) in refused {
        let error = load(entries).expect_err("it must be refused");
        assert!(
            error.contains(words) && error.contains("'w'"),
            "{words}: {error}"
        );
    }
}

#[test]
fn memory_is_limited_before_it_is_taken() {
    let pool = OneNode::new("MaxPool", 22)
        .ints("kernel_shape", &[1, 1])
        .ints("pads", &[20_000, 0, 20_000, 0])
        .input(DType::F32, "1,1,1,N");
    let mut options = Options::default();
    options.memory_limit = 1 << 20;
    let model = Model::from_bytes_with(pool.bytes(), &options).expect("it is valid");
    let x = f32s(&[1, 1, 1, 1000], &[1.0; 1000]);
    let error = model.run(inputs! { "x0" => &x }).unwrap_err();
    assert_eq!(error.class(), Class::Limit, "{error}");
    assert!(
        error.to_string().contains("memory limit of 1048576 bytes"),
        "{error}"
    );
    assert!(error.help().is_some());
    let small = f32s(&[1, 1, 1, 1], &[1.0]);
    assert!(
        model.run(inputs! { "x0" => &small }).is_ok(),
        "a refused run leaves the model usable"
    );

    let weights = Build::new(14)
        .initializer("w", &f32s(&[1 << 19], &vec![0.0; 1 << 19]))
        .output("w");
    let error = Model::from_bytes_with(weights.bytes(), &options).unwrap_err();
    assert_eq!(error.class(), Class::Limit, "{error}");
    let shape = i64s(&[1], &[1 << 40]);
    assert!(
        Model::from_bytes(
            OneNode::new("Reshape", 14)
                .input(DType::F32, "N")
                .constant(&shape)
                .bytes()
        )
        .is_ok()
    );
}
